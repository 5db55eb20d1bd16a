"""Rotations as quaternions (w, x, y, z)."""

from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

Numbers = TypeVar("Numbers", Tensor, np.ndarray)


def rotation_matrices(quaternions: Numbers) -> Numbers:
    """(N, 4) of any length but 0 as orthogonal matrices (N, 3, 3); a tensor or an array, and so is what comes out."""
    if isinstance(quaternions, Tensor):
        unit, stack = torch.nn.functional.normalize(quaternions, dim=-1), torch.stack
    else:
        unit, stack = quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True), np.stack
    w, x, y, z = unit.T
    rows = [
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    return stack([stack(row, -1) for row in rows], -2)
