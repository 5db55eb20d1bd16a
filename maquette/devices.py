"""Where to compute, on how many processes, and the state of every generator of chance."""

import ctypes
import os
import random
import sys
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

from maquette.settings import UserError

TRIM_THRESHOLD, MMAP_THRESHOLD, HELD = -1, -3, 2**30  # names of mallopt (malloc.h of glibc), and bytes
LARGEST = 2**25  # that mallopt(3) documents for MMAP_THRESHOLD on 64 bits; newer ones take more
BROAD = 32  # channels from which a processor gains by bfloat16: numbers of narrower networks are only turned to and fro


def find_device(choice: str) -> tuple[torch.device, int, int]:
    """The device, this process's rank and the number of processes; several when started by torchrun or accelerate."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if choice == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: this machine has no CUDA device that torch can use; take --device cpu.")
    if not several and (choice == "cpu" or not torch.cuda.is_available()):
        return torch.device("cpu"), 0, 1
    from accelerate import PartialState

    state = PartialState(cpu=choice == "cpu" or not torch.cuda.is_available())
    return state.device, state.process_index, state.num_processes


def hold_memory() -> None:
    """Keep memory that was freed, instead of giving it back to the system at each step and asking for it again.

    Tensors of some MB come and go at every step of training on pictures; glibc maps each anew, page by page. Nothing
    happens where the C library is another one.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # musl has none
        return
    if not mallopt(MMAP_THRESHOLD, HELD):
        mallopt(MMAP_THRESHOLD, LARGEST)
    mallopt(TRIM_THRESHOLD, HELD)


def gains_by_bfloat16(device: torch.device, width: int) -> bool:
    """Whether products and convolutions of a network so broad are faster in bfloat16: on cards, and on processors that
    multiply it, by tiles or in vectors."""
    if device.type != "cpu":
        return device.type == "cuda"
    known = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return width >= BROAD and any(getattr(torch.cpu, name, bool)() for name in known)


def precision(device: torch.device, width: int) -> AbstractContextManager[None]:
    """bfloat16 for products and convolutions, where `gains_by_bfloat16`; all else, and weights, stay in float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=gains_by_bfloat16(device, width))


def random_state() -> dict[str, Any]:
    """The state of every global generator."""
    state = {"python": random.getstate(), "numpy": np.random.get_state(legacy=False), "torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
