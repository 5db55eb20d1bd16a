"""Memory that training holds on to, and chance that goes on where it was."""

import subprocess
import sys

import pytest
import torch

from maquette.devices import gains_by_bfloat16, hold_memory, precision, random_state, set_random_state

FAULTS = """
import resource, torch
from maquette.devices import hold_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.zeros(12_000_000)  # 48 MB, more than glibc keeps by itself
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
given_back = faults()
hold_memory()
faults()
print(given_back, faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it does nothing elsewhere")
def test_memory_that_was_freed_is_used_again_without_asking_the_system():
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    given_back, held = map(int, done.stdout.split())
    assert held < given_back / 4 or given_back < 100


def test_where_there_is_no_such_allocator_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    hold_memory()


def test_chance_goes_on_where_it_was():
    state = random_state()
    drawn = torch.rand(3)
    set_random_state(state)
    assert torch.equal(torch.rand(3), drawn)


@pytest.mark.parametrize(("tiles", "vectors", "width", "gains"), [
    (False, False, 64, False), (True, False, 64, True), (False, True, 32, True), (True, True, 16, False),
])  # fmt: skip
def test_bfloat16_is_for_processors_that_multiply_it_and_broad_networks(monkeypatch, tiles, vectors, width, gains):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: vectors, raising=False)
    cpu = torch.device("cpu")
    assert gains_by_bfloat16(cpu, width) == gains
    weights = torch.ones(4, 4)
    with precision(cpu, width):
        assert (weights @ weights).dtype == (torch.bfloat16 if gains else torch.float32)
    assert (weights @ weights).dtype == torch.float32
