"""A scene of 3D Gaussians; Kerbl et al. 2023."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maquette.graphics.cameras import Camera
from maquette.graphics.harmonics import COUNTS

BEGINS = {"positions": 0, "scales": 3, "rotations": 6, "opacities": 10, "harmonics": 11}  # in a row; see kernels/


class Gaussians(nn.Module):
    """`count` Gaussians with harmonics up to `degree`, drawn over `background`, three numbers from 0 to 1.

    positions (N, 3); scales (N, 3), natural logarithms of standard deviations; rotations (N, 4), quaternions w x y z;
    opacities (N,), logits; harmonics (N, K, 3), K = (degree + 1)^2.
    """

    def __init__(
        self,
        *,
        count: int,
        degree: int = 3,
        background: tuple[float, float, float] = (0.0, 0.0, 0.0),
        is_antialiased: bool = False,
    ):
        super().__init__()
        self.count, self.degree, self.is_antialiased = count, degree, is_antialiased
        self.background = tuple(float(value) for value in background)
        self.positions = nn.Parameter(torch.zeros(count, 3))
        self.scales = nn.Parameter(torch.zeros(count, 3))
        self.rotations = nn.Parameter(torch.tensor([1.0, 0, 0, 0]).repeat(count, 1))
        self.opacities = nn.Parameter(torch.zeros(count))
        self.harmonics = nn.Parameter(torch.zeros(count, COUNTS[degree], 3))

    @classmethod
    def of_rows(cls, rows: np.ndarray, **settings: Any) -> "Gaussians":
        """The scene whose Gaussians are rows (N, 11 + 3 K) float32, as kernels/projecting.py wants them."""
        functions = (rows.shape[1] - BEGINS["harmonics"]) // 3
        made = cls(count=len(rows), degree=math.isqrt(functions) - 1, **settings)
        numbers = torch.from_numpy(np.ascontiguousarray(rows, np.float32))
        with torch.no_grad():
            made.positions.copy_(numbers[:, 0:3])
            made.scales.copy_(numbers[:, 3:6])
            made.rotations.copy_(numbers[:, 6:10])
            made.opacities.copy_(numbers[:, 10])
            made.harmonics.copy_(numbers[:, 11:].view(len(rows), functions, 3))
        return made

    def rows(self) -> np.ndarray:
        """(N, 11 + 3 K) float32."""
        parts = self.positions, self.scales, self.rotations, self.opacities[:, None], self.harmonics.flatten(1)
        return torch.cat([part.detach().cpu().float() for part in parts], 1).numpy()

    def forward(self, camera: Camera) -> Tensor:
        """The picture (height, width, 3) that a camera sees, by the plain reference; with gradients, and slow."""
        from maquette.graphics.splats import render

        return render(
            self.positions,
            self.scales,
            self.rotations,
            self.opacities,
            self.harmonics,
            camera,
            background=torch.tensor(self.background, dtype=self.positions.dtype),
            degree=self.degree,
            is_antialiased=self.is_antialiased,
        )

    def draw(self, camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Picture (height, width, 3), depth (height, width) and opacity (height, width), compiled.

        The depth is the mean of what is seen, in the scene's unit, 0 where nothing is.
        """
        return draw_rows(self.rows(), camera, self.background, self.degree, self.is_antialiased)


def draw_rows(
    rows: np.ndarray, camera: Camera, background: tuple[float, ...], degree: int, is_antialiased: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same from rows, which `Gaussians.rows` makes: once for many pictures."""
    from maquette.kernels.splats import depth_of, draw

    drawn = draw(rows, camera, background=background, degree=degree, is_antialiased=is_antialiased)
    opacity = 1 - drawn.remainder
    return drawn.picture.transpose(1, 2, 0), depth_of(drawn), opacity
