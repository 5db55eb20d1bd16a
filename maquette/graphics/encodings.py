"""Places as many numbers, from which a small network learns fine detail: frequencies, and a hash grid."""

from collections.abc import Sequence
from functools import reduce

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
    dimensions = places.shape[1]
    places, found = places.clamp(0, 1)[:, None], []
    ups = torch.cartesian_prod(*[torch.arange(2)] * dimensions).to(places.device)  # of each corner, (2^D, D)
    for level in range(levels):
        scaled = places * cells[level]
        first = scaled.detach().floor().clamp(max=cells[level] - 1)
        part = scaled - first
        weights = reduce(torch.mul, (ups * part + (1 - ups) * (1 - part)).unbind(2))
        corners = table[level, corner_of(first.long() + ups, cells[level], size)]
        found.append((weights[..., None] * corners).sum(1))
    return torch.cat(found, 1)


def corner_of(corners: Tensor, cells: int, size: int) -> Tensor:
    """Where in a table of so many rows the features of corners (..., D) stand."""
    along = corners.unbind(-1)
    if (cells + 1) ** len(along) <= size:
        return sum((each * (cells + 1) ** axis for axis, each in enumerate(along)), torch.zeros_like(along[0]))
    mixed = torch.zeros_like(along[0])
    for each, prime in zip(along, PRIMES, strict=False):
        mixed = mixed ^ (each * prime % 2**32)
    return mixed % size
