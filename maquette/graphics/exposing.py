"""A picture as a photograph of it was exposed: the plain version."""

import torch
from torch import Tensor


def exposed(picture: Tensor, matrix: Tensor, shading: Tensor) -> Tensor:
    """picture (3, H, W) with its colours turned by matrix (3, 4), whose last column is added, then times the shading.

    shading (R, C) holds factors at R x C points, spread evenly from border to border; between them it is interpolated
    linearly.
    """
    rows, columns = (
        hats(pixels, points).to(shading) for pixels, points in zip(picture.shape[1:], shading.shape, strict=True)
    )
    turned = torch.einsum("ij,jyx->iyx", matrix[:, :3], picture) + matrix[:, 3, None, None]
    return (rows @ shading @ columns.T) * turned


def hats(pixels: int, points: int) -> Tensor:
    """How much each of `points` counts for each pixel, (pixels, points) float64; the sum over points is 1."""
    places = (torch.arange(pixels, dtype=torch.float64) + 0.5) / pixels * (points - 1)
    return (1 - (places[:, None] - torch.arange(points)).abs()).clamp(min=0)
