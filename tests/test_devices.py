"""Memory that training holds on to, and chance that goes on where it was."""

import subprocess
import sys

import pytest
import torch

from maquette.devices import hold_memory, random_state, set_random_state

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
