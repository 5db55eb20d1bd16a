"""Where to compute, on how many processes, and the state of every generator of chance."""

import os
import random
from typing import Any

import numpy as np
import torch

from maquette.settings import UserError


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
