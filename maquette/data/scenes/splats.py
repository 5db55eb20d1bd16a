"""A scene of 3D Gaussians as arrays, as training keeps it and as every kind of file is read."""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from maquette.graphics.cameras import Camera

CONSTANT = 0.5 / math.sqrt(math.pi)  # the spherical harmonic of degree 0
FINEST, COARSE = 2.0**-24, 0.02  # of a float32: by how much it may be off; of a Gaussian: by how much it must not
SURE = 20  # the logit of opacity 1 in float32; -SURE of opacity 0
FLAT = math.log(1e-30)  # the logarithm of a standard deviation of 0
PARTS = ("positions", "scales", "rotations", "opacities", "harmonics")  # of a scene, an array each
MIRRORED = [1, -1, -1, 1, -1, 1, 1, -1, 1, -1, 1, -1, -1, 1, -1, 1]  # harmonics where y and z change their signs


@dataclass(frozen=True)
class Splats:
    """N Gaussians, all numbers float32; places are counted from `origin`, which is not 0 where they are far out.

    positions (N, 3); scales (N, 3): natural logarithms of standard deviations; rotations (N, 4): quaternions w x y z,
    of any length but 0; opacities (N,): logits; harmonics (N, (degree + 1)^2, 3): coefficients for red, green and blue,
    the constant term first; is_antialiased: whether they are to be drawn so; notes: what was left out on reading.

    up, background and cameras to film it from are known of some scenes only.
    """

    positions: np.ndarray
    scales: np.ndarray
    rotations: np.ndarray
    opacities: np.ndarray
    harmonics: np.ndarray
    is_antialiased: bool = False
    notes: list[str] = field(default_factory=list)
    up: tuple[float, float, float] | None = None
    background: tuple[float, float, float] | None = None
    cameras: list[Camera] = field(default_factory=list)
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def degree(self) -> int:
        """Of the spherical harmonics, 0 to 3."""
        return math.isqrt(self.harmonics.shape[1]) - 1

    @property
    def places(self) -> np.ndarray:
        """Positions in the world (N, 3) float64."""
        return self.positions.astype(float) + self.origin

    def rows(self) -> np.ndarray:
        """(N, 11 + 3 K), a Gaussian a row, its numbers in the order above."""
        return np.concatenate([getattr(self, name).reshape(len(self), -1) for name in PARTS], axis=1)

    def turned_over(self) -> "Splats":
        """Turned half around x: from the axes of COLMAP, where y goes down, to those of OpenGL, and back."""
        return replace(
            self,
            positions=self.positions * np.array([1, -1, -1], np.float32),
            rotations=self.rotations * np.array([1, 1, -1, -1], np.float32),
            harmonics=self.harmonics * np.array(MIRRORED[: self.harmonics.shape[1]], np.float32)[:, None],
        )


def origin_of(places: np.ndarray, size: float) -> tuple[float, float, float]:
    """What places (N, 3) float64 should be counted from as float32, if things of such a size are to keep their shape.

    That is 0 if it does as well, otherwise a round number near them.
    """
    middle = np.median(places, axis=0)
    wide = max(float(np.median(np.abs(places - middle))), size)
    if not (wide > 0 and np.median(np.abs(places)) * FINEST > COARSE * size):
        return 0.0, 0.0, 0.0
    step = 10.0 ** np.ceil(np.log10(wide))
    x, y, z = (float(value) for value in np.round(middle / step) * step)
    return x, y, z


def logits(opacities: np.ndarray) -> np.ndarray:
    """Of opacities in 0..1; infinite at the ends."""
    with np.errstate(divide="ignore"):
        return np.log(opacities) - np.log1p(-opacities)


def shares(logits: np.ndarray) -> np.ndarray:
    """Opacities in 0..1 of logits."""
    return np.float32(0.5) + np.tanh(logits / 2) / 2


def logarithms(sizes: np.ndarray) -> np.ndarray:
    """Of standard deviations; a size of 0 becomes the nearest that can be drawn."""
    return np.log(np.maximum(np.abs(sizes), np.exp(FLAT))).astype(np.float32)


def with_largest(others: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Unit quaternions (N, 4) from three parts of each (N, 3); the largest, left out at `places` (N,), is found."""
    largest = np.sqrt(np.maximum(0, 1 - (others**2).sum(axis=1)))
    rotations = np.empty((len(others), 4), np.float32)
    for place in range(4):
        here = places == place
        rotations[here] = np.insert(others[here], place, largest[here], axis=1)
    return rotations


def without_largest(rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Three parts (N, 3) of unit quaternions (N, 4), within -1/sqrt(2)..1/sqrt(2), and which was left out, (N,)."""
    rotations = rotations / np.linalg.norm(rotations, axis=1, keepdims=True)
    places = np.abs(rotations).argmax(axis=1)
    kept = np.arange(4) != places[:, None]
    signs = np.where(np.take_along_axis(rotations, places[:, None], axis=1) < 0, -1, 1)
    return (rotations * signs)[kept].reshape(-1, 3), places
