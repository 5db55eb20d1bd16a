"""Places as many numbers, from which a small network learns fine detail: frequencies, and a hash grid."""

from collections.abc import Sequence

import torch
from torch import Tensor

PRIMES = (1, 2654435761, 805459861)  # Mueller et al. 2022, equation (4)


def frequencies(places: Tensor, count: int) -> Tensor:
    """(..., D + 2 D count): the places themselves, then sin and cos of 2^0 pi x, 2^1 pi x, ...

    Mildenhall et al. 2020, equation (4), with the places as in their code; made for numbers from -1 to 1.
    """
    turns = places[..., None, :] * (torch.pi * 2.0 ** torch.arange(count)).to(places)[:, None]  # (..., count, D)
    waves = torch.stack([turns.sin(), turns.cos()], -2).flatten(-3)
    return torch.cat([places, waves], -1)


def resolutions(levels: int, coarsest: int, finest: int) -> list[int]:
    """Cells along a side at each level, growing by one factor; Mueller et al. 2022, equations (2) and (3)."""
    growth = (finest / coarsest) ** (1 / max(1, levels - 1))
    return [int(coarsest * growth**level + 1e-6) for level in range(levels)]


def hash_encode(places: Tensor, table: Tensor, cells: Sequence[int]) -> Tensor:
    """Features (N, L F) of places (N, D) in 0..1, D 2 or 3: at each level, interpolated between the cell's corners.

    table (L, T, F), T a power of 2, holds features of corners: of level l in order, where (cells_l + 1)^D of them fit
    in, else at (x y z times large primes, by exclusive or) mod T; Mueller et al. 2022, section 3.
    """
    levels, size, _ = table.shape
    places, found = places.clamp(0, 1), []
    for level in range(levels):
        scaled = places * cells[level]
        first = scaled.detach().floor().clamp(max=cells[level] - 1)
        part, first = scaled - first, first.long()
        total = torch.zeros(len(places), table.shape[2]).to(table)
        for corner in range(2 ** places.shape[1]):
            ups = [(corner >> axis) & 1 for axis in range(places.shape[1])]
            weight = torch.stack([part[:, axis] if up else 1 - part[:, axis] for axis, up in enumerate(ups)]).prod(0)
            at = torch.stack([first[:, axis] + up for axis, up in enumerate(ups)], 1)
            total = total + weight[:, None] * table[level, corner_of(at, cells[level], size)]
        found.append(total)
    return torch.cat(found, 1)


def corner_of(corners: Tensor, cells: int, size: int) -> Tensor:
    """Where in a table of so many rows the features of corners (N, D) stand."""
    dimensions = corners.shape[1]
    if (cells + 1) ** dimensions <= size:
        return sum(
            (corners[:, axis] * (cells + 1) ** axis for axis in range(dimensions)), torch.zeros_like(corners[:, 0])
        )
    mixed = torch.zeros_like(corners[:, 0])
    for axis in range(dimensions):
        mixed = mixed ^ (corners[:, axis] * PRIMES[axis] % 2**32)
    return mixed % size
