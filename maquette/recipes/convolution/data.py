"""What kernels learn from: patches of the user's pictures, and what a kernel should make of each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maquette.methods.convolution import KERNELS
from maquette.training import Part

REACH = 3  # pixels a side of the kernels that are learnt
PATCH = 18  # pixels a side of a patch
MOST_PATCHES = 6000
FEWEST = 10  # patches
CURES = {"denoise": "blur", "deblur": "sharpen"}  # what is learnt from spoiled patches, and what is taken by hand
SIGNED = ("edge-across", "edge-down", "outline")  # the first ones, whose answers are shown without their sign
TASKS = (*KERNELS, *CURES)
LITTLE = 0.01  # deviation of the noise on blurred patches: without it nothing would keep a sharpening kernel small


@dataclass(frozen=True)
class Prepared:
    """Patches as inputs (N, K, P, P) and targets (N, K, P - 2, P - 2) of the K tasks, and the pictures (H, W, C)."""

    train: Part
    valid: Part
    test: Part
    processing: dict[str, Any]
    examples: list[np.ndarray]


def hand_made() -> Tensor:
    """The kernels that are made by hand, one for each task: (K, 1, 3, 3)."""
    each = [KERNELS[CURES.get(name, name)] for name in TASKS]
    return torch.from_numpy(np.stack(each)).float()[:, None]


def patches_of(pictures: np.ndarray, generator: np.random.Generator) -> Tensor:
    """Grey patches (N, P, P) in 0..1 that tile the pictures (N, H, W, C) uint8, in random order, at most MOST_PATCHES.

    Plain ones, which say nothing of a kernel, are left out.
    """
    grey = torch.from_numpy(pictures).float().mean(-1) / 255
    side = min(PATCH, *grey.shape[1:])
    tiles = grey.unfold(1, side, side).unfold(2, side, side).reshape(-1, side, side)
    tiles = tiles[tiles.std((1, 2)) > 0.02]
    return tiles[torch.from_numpy(generator.permutation(len(tiles))[:MOST_PATCHES])]


def tasks_of(patches: Tensor, sigma: float, generator: torch.Generator) -> Part:
    """What each kernel is given of the patches (N, P, P), and what it should make of it."""
    made = torch.from_numpy(np.stack(list(KERNELS.values()))).float()[:, None]
    clean = patches[:, None]
    inside = clean[:, :, 1:-1, 1:-1]
    noisy = clean + sigma * torch.randn(clean.shape, generator=generator)
    around = nn.functional.pad(clean, (1, 1, 1, 1), mode="reflect")
    blurred = nn.functional.conv2d(around, made[list(KERNELS).index("blur"), None])
    blurred = blurred + LITTLE * torch.randn(clean.shape, generator=generator)
    copied = nn.functional.conv2d(clean, made)
    inputs = torch.cat([clean.expand(-1, len(KERNELS), -1, -1), noisy, blurred], 1)
    return (inputs,), torch.cat([copied, inside, inside], 1)


def best_kernels(part: Part) -> Tensor:
    """The kernels of least squared error on these patches, (K, 1, 3, 3), from the normal equations."""
    (inputs,), targets = part
    found = []
    for number in range(inputs.shape[1]):
        columns = nn.functional.unfold(inputs[:, number, None], REACH).double().transpose(1, 2).reshape(-1, REACH**2)
        wanted = targets[:, number].reshape(-1, 1).double()
        found.append(torch.linalg.lstsq(columns.T @ columns, columns.T @ wanted).solution.reshape(1, REACH, REACH))
    return torch.stack(found).float().mul(2**20).round().div(2**20)  # what lies below depends on the order of sums
