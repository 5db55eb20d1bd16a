"""Pinhole cameras.

A camera looks along +z, x goes right and y down in the picture (the axes of OpenCV and COLMAP). Pixel (column, row)
covers [column, column + 1] x [row, row + 1], so the centre of the first pixel is (0.5, 0.5). The world has no unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Camera:
    """Size, focal lengths and principal point in pixels; a point x of the world is R x + t to the camera."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    rotation: np.ndarray  # R (3, 3) float64, orthogonal, determinant 1
    translation: np.ndarray  # t (3,) float64

    @property
    def position(self) -> np.ndarray:
        """Where the camera stands in the world, (3,)."""
        return -self.rotation.T @ self.translation

    @property
    def direction(self) -> np.ndarray:
        """Where it looks, (3,), of length 1."""
        return self.rotation[2]

    @property
    def up(self) -> np.ndarray:
        """What is up in its picture, (3,), of length 1."""
        return -self.rotation[1]

    @property
    def world_to_camera(self) -> np.ndarray:
        """(4, 4)."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.rotation, self.translation
        return matrix

    @property
    def camera_to_world(self) -> np.ndarray:
        """(4, 4), the inverse."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.rotation.T, self.position
        return matrix

    def resized(self, width: int, height: int) -> "Camera":
        """The same view in so many pixels."""
        x, y = width / self.width, height / self.height
        return replace(self, width=width, height=height, fx=self.fx * x, fy=self.fy * y, cx=self.cx * x, cy=self.cy * y)

    def within(self, origin: Sequence[float], unit: float) -> "Camera":
        """The same camera in a world whose points are (x - origin) / unit."""
        return replace(self, translation=(self.translation + self.rotation @ np.asarray(origin, float)) / unit)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World points (N, 3) as pixels (N, 2) and depths along the axis (N,); only depths above 0 are seen."""
        seen = points @ self.rotation.T + self.translation
        depth = seen[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = seen[:, :2] / depth[:, None] * [self.fx, self.fy] + [self.cx, self.cy]
        return pixels, depth

    def shows(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which world points (N, 3) are in the picture, (N,), with their pixels (N, 2) and depths (N,)."""
        pixels, depth = self.project(points)
        with np.errstate(invalid="ignore"):
            return (depth > 0) & ((pixels > 0) & (pixels < [self.width, self.height])).all(1), pixels, depth


def camera_at(
    position: np.ndarray, target: np.ndarray, up: np.ndarray, *, width: int, height: int, focal: float
) -> Camera:
    """A camera at `position` that looks at `target`, with `up` upwards and its axis in the picture's middle."""
    forward = np.asarray(target, float) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    return Camera(width, height, focal, focal, width / 2, height / 2, rotation, -rotation @ np.asarray(position, float))


def differences(cameras: Sequence[Camera], others: Sequence[Camera], extent: float) -> np.ndarray:
    """How unlike cameras are to others, (M, N): how far apart, in extents of the scene, and 1 - cos of the turn."""
    places, other_places = (np.array([each.position for each in some]).reshape(-1, 3) for some in (cameras, others))
    axes, other_axes = (np.array([each.direction for each in some]).reshape(-1, 3) for some in (cameras, others))
    return np.linalg.norm(places[:, None] - other_places, axis=2) / extent + 1 - axes @ other_axes.T


def described(camera: Camera) -> dict[str, Any]:
    """A camera as plain numbers, for JSON."""
    return {
        **{name: getattr(camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy")},
        "rotation": camera.rotation.tolist(),
        "translation": camera.translation.tolist(),
    }


def camera_from(numbers: dict[str, Any]) -> Camera:
    """The camera that `described` wrote down."""
    turn, shift = (np.array(numbers[name], float) for name in ("rotation", "translation"))
    return Camera(**{**numbers, "rotation": turn, "translation": shift})
