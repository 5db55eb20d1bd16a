"""Rays of cameras, where they meet a scene's box, and space without end brought into a finite cube."""

import torch
from torch import Tensor

from maquette.graphics.cameras import Camera


def rays_of(camera: Camera, pixels: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Origins and directions (N, 3) of length 1, float32, of pixels (N, 2), column and row; of all, by rows, if None.

    A ray goes through its pixel's centre, or through (column, row) + 0.5 of pixels that are not whole numbers.
    """
    if pixels is None:
        rows, columns = torch.meshgrid(torch.arange(camera.height), torch.arange(camera.width), indexing="ij")
        pixels = torch.stack([columns.flatten(), rows.flatten()], 1)
    middle, focal = torch.tensor([camera.cx, camera.cy]).double(), torch.tensor([camera.fx, camera.fy]).double()
    seen = torch.cat([(pixels.double() + 0.5 - middle) / focal, torch.ones(len(pixels), 1).double()], 1)
    directions = torch.nn.functional.normalize(seen @ torch.from_numpy(camera.rotation).double(), dim=1)
    origins = torch.from_numpy(camera.position).double().expand_as(directions)
    return origins.float(), directions.float()


def box_crossing(origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Distances (N,) at which rays enter and leave the cube from -1 to 1; where they miss it, the first is not less."""
    safe = torch.where(directions.abs() < 1e-12, torch.full_like(directions, 1e-12), directions)
    one, other = (-1 - origins) / safe, (1 - origins) / safe
    return torch.minimum(one, other).amax(-1).clamp(min=0), torch.maximum(one, other).amin(-1)


def contract(points: Tensor) -> Tensor:
    """All of space (..., 3) in the cube from -2 to 2; the cube from -1 to 1 stays as it is.

    (2 - 1 / m) x / m, where the largest coordinate m is above 1: Barron et al. 2022, equation (10), with the maximum
    norm, so that cubes become cubes and a grid has no empty corners.
    """
    most = points.abs().amax(-1, keepdim=True).clamp(min=1)
    return (2 - 1 / most) * points / most


def expand(points: Tensor) -> Tensor:
    """The inverse of `contract`, within the open cube from -2 to 2."""
    most = points.abs().amax(-1, keepdim=True).clamp(min=1)
    return points / (most * (2 - most))
