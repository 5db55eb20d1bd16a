"""A scene of 3D Gaussians; Kerbl et al. 2023."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maquette.graphics.cameras import Camera
from maquette.graphics.harmonics import COUNTS


class Gaussians(nn.Module):
    """`count` Gaussians with harmonics up to `degree`, drawn over `background`, three numbers from 0 to 1.

    Their numbers are small ones, wherever the scene lies and whatever its unit: what they call x is origin + unit x in
    the world that cameras stand in.

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
        origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
        unit: float = 1.0,
    ):
        super().__init__()
        self.count, self.degree, self.is_antialiased = count, degree, is_antialiased
        self.background = tuple(float(value) for value in background)
        self.origin, self.unit = tuple(float(value) for value in origin), float(unit)
        self.positions = nn.Parameter(torch.zeros(count, 3))
        self.scales = nn.Parameter(torch.zeros(count, 3))
        self.rotations = nn.Parameter(torch.tensor([1.0, 0, 0, 0]).repeat(count, 1))
        self.opacities = nn.Parameter(torch.zeros(count))
        self.harmonics = nn.Parameter(torch.zeros(count, COUNTS[degree], 3))

    @classmethod
    def of_rows(cls, rows: np.ndarray, **settings: Any) -> "Gaussians":
        """The scene whose Gaussians are rows (N, 11 + 3 K) float32, as kernels/projecting.py wants them."""
        made = cls(count=0, degree=math.isqrt((rows.shape[1] - 11) // 3) - 1, **settings)
        made.hold(rows)
        return made

    def hold(self, rows: np.ndarray) -> None:
        """Take the Gaussians of rows, of the same degree, in place of those that were here."""
        numbers = torch.from_numpy(np.ascontiguousarray(rows, np.float32))
        self.count = len(rows)
        self.positions = nn.Parameter(numbers[:, 0:3].clone())
        self.scales = nn.Parameter(numbers[:, 3:6].clone())
        self.rotations = nn.Parameter(numbers[:, 6:10].clone())
        self.opacities = nn.Parameter(numbers[:, 10].clone())
        self.harmonics = nn.Parameter(numbers[:, 11:].reshape(len(rows), COUNTS[self.degree], 3).clone())

    def rows(self) -> np.ndarray:
        """(N, 11 + 3 K) float32."""
        parts = self.positions, self.scales, self.rotations, self.opacities[:, None], self.harmonics.flatten(1)
        return torch.cat([part.detach().cpu().float() for part in parts], 1).numpy()

    def rows_within(self, origin: Sequence[float] = (0.0, 0.0, 0.0), unit: float = 1.0) -> np.ndarray:
        """Rows with the numbers of another world, whose points are (x - origin) / unit; its own is that of cameras."""
        rows = self.rows()
        rows[:, :3] = (rows[:, :3].astype(float) * self.unit + np.subtract(self.origin, origin)) / unit
        rows[:, 3:6] += math.log(self.unit / unit)
        return rows

    def forward(self, camera: Camera) -> Tensor:
        """The picture (height, width, 3) that a camera sees, by the plain reference; with gradients, and slow."""
        from maquette.graphics.splats import render

        return render(
            self.positions,
            self.scales,
            self.rotations,
            self.opacities,
            self.harmonics,
            camera.within(self.origin, self.unit),
            background=torch.tensor(self.background, dtype=self.positions.dtype),
            degree=self.degree,
            is_antialiased=self.is_antialiased,
        )

    @property
    def looks(self) -> dict[str, Any]:
        """How it is drawn: the keywords of `draw` in kernels, which takes cameras of its own world."""
        return {"background": self.background, "degree": self.degree, "is_antialiased": self.is_antialiased}

    def draw(self, camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Picture (height, width, 3), depth (height, width) and opacity (height, width), by the fastest kernels here.

        The depth is the mean of what is seen, in the cameras' unit, 0 where nothing is.
        """
        from maquette.kernels.choosing import of_splats

        drawn = of_splats().draw(self.rows(), camera.within(self.origin, self.unit), **self.looks)
        return drawn.picture.transpose(1, 2, 0), self.unit * drawn.depth, 1 - drawn.remainder
