"""A picture as a photograph of it was exposed: the plain version."""

import torch
from torch import Tensor


def exposed(picture: Tensor, grid: Tensor) -> Tensor:
    """picture (3, H, W) with its colours turned by matrices (3, 4), whose last column is added.

    grid (R, C, 3, 4) holds those of R x C points, spread evenly from border to border; between them matrices are
    interpolated linearly.
    """
    rows, columns = (
        hats(pixels, points).to(picture) for pixels, points in zip(picture.shape[1:], grid.shape[:2], strict=True)
    )
    matrices = torch.einsum("yr,xc,rcij->ijyx", rows, columns, grid)
    return (matrices[:, :3] * picture).sum(1) + matrices[:, 3]


def hats(pixels: int, points: int) -> Tensor:
    """How much each of `points` counts for each pixel, (pixels, points) float64; the sum over points is 1."""
    places = (torch.arange(pixels, dtype=torch.float64) + 0.5) / pixels * (points - 1)
    return (1 - (places[:, None] - torch.arange(points)).abs()).clamp(min=0)
