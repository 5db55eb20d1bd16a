"""Lenses: how real cameras bend the picture of a pinhole, and pictures made straight again and small.

Models and parameters are COLMAP's (src/colmap/sensor/models.h), which hold OpenCV's. All of them are one formula:
fisheye lenses first shorten the radius to the angle, then a fraction of polynomials in the squared radius scales it,
then the tangential terms of Brown 1966 and those of a thin prism are added.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.sparse import csr_array

from maquette.settings import UserError

WIDEST = np.tan(np.radians(65))  # half a straight picture's side, at distance 1; beyond, corners are all stretch
EDGE = 65  # points along each side of a picture, by which the straight picture is chosen


@dataclass(frozen=True)
class Lens:
    """A calibrated camera without its place: size, focal lengths and principal point in pixels, and its distortion.

    radial: k1, k2 ... of the numerator; divided: those of the denominator; tangential p1, p2; prism sx, sy.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    radial: tuple[float, ...] = ()
    divided: tuple[float, ...] = ()
    tangential: tuple[float, float] = (0.0, 0.0)
    prism: tuple[float, float] = (0.0, 0.0)
    is_fisheye: bool = False

    @property
    def is_straight(self) -> bool:
        """Whether it is a pinhole."""
        return not (self.is_fisheye or any((*self.radial, *self.divided, *self.tangential, *self.prism)))

    def resized(self, width: int, height: int) -> "Lens":
        """The same lens in front of so many pixels."""
        x, y = width / self.width, height / self.height
        return replace(self, width=width, height=height, fx=self.fx * x, fy=self.fy * y, cx=self.cx * x, cy=self.cy * y)

    def distort(self, points: np.ndarray) -> np.ndarray:
        """Where points (..., 2) of the plane at distance 1 appear, as points of that plane."""
        x, y = np.moveaxis(np.asarray(points), -1, 0)
        if self.is_fisheye:
            radius = np.hypot(x, y)
            to_angle = np.where(radius > 1e-8, np.arctan(radius) / np.maximum(radius, 1e-8), 1)
            x, y = x * to_angle, y * to_angle
        squared = x * x + y * y
        scale = _polynomial(self.radial, squared)
        if self.divided:
            scale = scale / _polynomial(self.divided, squared)
        seen = np.stack([x * scale, y * scale])  # one behind the other in memory: four times faster than in turns
        if any(self.tangential) or any(self.prism):
            (p1, p2), (sx, sy) = self.tangential, self.prism
            seen[0] += 2 * p1 * x * y + p2 * (squared + 2 * x * x) + sx * squared
            seen[1] += 2 * p2 * x * y + p1 * (squared + 2 * y * y) + sy * squared
        return np.moveaxis(seen, 0, -1)

    def undistort(self, seen: np.ndarray) -> np.ndarray:
        """The points (..., 2) that `distort` takes to `seen`, by Newton's method; NaN where there are none."""
        seen = np.asarray(seen, float)
        points = seen.copy()
        if self.is_fisheye:
            angle = np.linalg.norm(seen, axis=-1, keepdims=True)
            points *= np.where(angle > 1e-8, np.tan(np.minimum(angle, 1.45)) / np.maximum(angle, 1e-8), 1)
        with np.errstate(all="ignore"):
            for _ in range(50):
                rest = seen - self.distort(points)
                if np.abs(rest).max(initial=0) < 1e-13:
                    break
                (a, b), (c, d) = np.moveaxis(self._slopes(points), (-2, -1), (0, 1))
                x, y = rest[..., 0], rest[..., 1]
                step = np.stack([d * x - b * y, a * y - c * x], -1) / (a * d - b * c)[..., None]
                step = np.nan_to_num(step, nan=0, posinf=0, neginf=0)
                most = 0.3 * (1 + np.linalg.norm(points, axis=-1, keepdims=True))
                length = np.linalg.norm(step, axis=-1, keepdims=True)
                points = points + step * np.minimum(1, most / np.maximum(length, 1e-300))
            bad = ~(np.linalg.norm(self.distort(points) - seen, axis=-1) < 1e-9)
        points[bad] = np.nan
        return points

    def _slopes(self, points: np.ndarray, step: float = 1e-6) -> np.ndarray:
        """The derivative of `distort` (..., 2, 2), by central differences."""
        moved = [(self.distort(points + d) - self.distort(points - d)) / (2 * step) for d in np.eye(2) * step]
        return np.stack(moved, axis=-1)

    def folds(self, points: np.ndarray) -> np.ndarray:
        """Whether, on the way from the middle to each point (..., 2), the picture turns back on itself."""
        part = np.linspace(0.05, 1, 20).reshape(-1, *[1] * points.ndim)
        with np.errstate(all="ignore"):
            (a, b), (c, d) = np.moveaxis(self._slopes(points * part), (-2, -1), (0, 1))
            return ~(a * d - b * c > 0).all(0)


def _polynomial(factors: tuple[float, ...], squared: np.ndarray) -> np.ndarray:
    """1 + k1 r^2 + k2 r^4 + ..., from the squared radius."""
    total = np.zeros_like(squared)
    for factor in reversed(factors):
        total = (total + factor) * squared
    return 1 + total


# -- COLMAP's names ----------------------------------------------------------------------------------------------------

MODELS = {  # name -> (number, parameters); f is fx and fy, k the numerator, d the denominator
    "SIMPLE_PINHOLE": (0, "f cx cy"),
    "PINHOLE": (1, "fx fy cx cy"),
    "SIMPLE_RADIAL": (2, "f cx cy k1"),
    "RADIAL": (3, "f cx cy k1 k2"),
    "OPENCV": (4, "fx fy cx cy k1 k2 p1 p2"),
    "FULL_OPENCV": (6, "fx fy cx cy k1 k2 p1 p2 k3 d1 d2 d3"),
    "SIMPLE_RADIAL_FISHEYE": (8, "f cx cy k1"),
    "RADIAL_FISHEYE": (9, "f cx cy k1 k2"),
    "OPENCV_FISHEYE": (5, "fx fy cx cy k1 k2 k3 k4"),
    "THIN_PRISM_FISHEYE": (10, "fx fy cx cy k1 k2 p1 p2 k3 k4 s1 s2"),
}


def lens_of_model(model: str, width: int, height: int, parameters: list[float] | tuple[float, ...]) -> Lens:
    """The lens that COLMAP means by a model's name and its parameters."""
    if model not in MODELS:
        raise UserError(f"Cameras of the model {model} are not known; undistort first, or use {', '.join(MODELS)}.")
    names = MODELS[model][1].split()
    if len(parameters) != len(names):
        raise UserError(f"A camera {model} has {len(names)} parameters ({', '.join(names)}), not {len(parameters)}.")
    given = dict(zip(names, map(float, parameters), strict=True))
    if (
        not all(np.isfinite(list(given.values())))
        or min(given.get("f", 1), given.get("fx", 1), given.get("fy", 1)) <= 0
    ):
        raise UserError(f"A camera {model} has the impossible parameters {', '.join(f'{v:g}' for v in parameters)}.")
    if min(width, height) < 1:
        raise UserError(f"A camera {model} has the impossible size {width} x {height}.")

    def row(letter: str) -> tuple[float, ...]:
        factors = [given[name] for name in sorted(given) if name[0] == letter]
        return tuple(factors[: max((order for order, factor in enumerate(factors, 1) if factor), default=0)])

    fx, fy = given.get("fx", given.get("f")), given.get("fy", given.get("f"))
    assert fx is not None and fy is not None
    tangential, prism = (given.get("p1", 0.0), given.get("p2", 0.0)), (given.get("s1", 0.0), given.get("s2", 0.0))
    return Lens(
        width, height, fx, fy, given["cx"], given["cy"], row("k"), row("d"), tangential, prism, "FISHEYE" in model
    )


def model_of_lens(lens: Lens) -> tuple[str, list[float]]:
    """The first of COLMAP's models, and its parameters, that says the same."""
    given = {"fx": lens.fx, "fy": lens.fy, "cx": lens.cx, "cy": lens.cy}
    if lens.fx == lens.fy:
        given["f"] = lens.fx
    given |= {f"k{n}": value for n, value in enumerate(lens.radial, 1) if value}
    given |= {f"d{n}": value for n, value in enumerate(lens.divided, 1) if value}
    given |= {f"p{n}": value for n, value in enumerate(lens.tangential, 1) if value}
    given |= {f"s{n}": value for n, value in enumerate(lens.prism, 1) if value}
    for model, (_, names) in MODELS.items():
        wanted = set(names.split())
        needed = set(given) - ({"fx", "fy"} if "f" in wanted else {"f"})
        is_possible = "fx" in wanted or "f" in given
        if ("FISHEYE" in model) == lens.is_fisheye and is_possible and needed <= wanted:
            return model, [given.get(name, 0.0) for name in names.split()]
    raise UserError("No camera model of COLMAP holds this lens; undistort the pictures first.")


# -- pictures ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Straight:
    """The pinhole picture that a lens gives: width and height in pixels, fx, fy, cx, cy in pixels."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float


def straight_of(lens: Lens, longest: int | None = None) -> Straight:
    """The largest pinhole picture of the lens's own scale without blank pixels, its longer side at most `longest`."""
    if lens.is_straight:
        low = np.array([-lens.cx / lens.fx, -lens.cy / lens.fy])
        high = low + np.array([lens.width / lens.fx, lens.height / lens.fy])
    else:
        low, high = _filled(lens)
    full = (high - low) * [lens.fx, lens.fy]
    scale = 1.0 if longest is None else min(1.0, longest / full.max())
    width, height = np.maximum(1, np.rint(full * scale)).astype(int)
    fx, fy = (width, height) / (high - low)
    return Straight(int(width), int(height), float(fx), float(fy), float(-low[0] * fx), float(-low[1] * fy))


def _filled(lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corner, in the plane at distance 1, of a rectangle that the lens's picture covers wholly."""
    focal, middle = np.array([lens.fx, lens.fy]), np.array([lens.cx, lens.cy])
    size = np.array([lens.width, lens.height])
    along = np.linspace(0, 1, EDGE)
    low, high = np.full(2, -WIDEST), np.full(2, WIDEST)
    for axis in (0, 1):
        for side in (0, 1):
            border = np.empty((EDGE, 2))
            border[:, axis], border[:, 1 - axis] = side * size[axis], along * size[1 - axis]
            found = lens.undistort((border - middle) / focal)[:, axis]
            found = found[np.isfinite(found)]
            if len(found):
                if side:
                    high[axis] = min(high[axis], found.min())
                else:
                    low[axis] = max(low[axis], found.max())
    if not (low < high).all():
        raise UserError(f"The lens {model_of_lens(lens)} bends its picture beyond use; calibrate it again.")
    heart = np.clip(0, low, high)
    for _ in range(300):
        grid = np.stack(np.meshgrid(along, along), -1)
        edge = (low + (high - low) * grid)[(grid == 0).any(-1) | (grid == 1).any(-1)]
        seen = lens.distort(edge) * focal + middle
        if (seen >= -0.5).all() and (seen <= size + 0.5).all() and not lens.folds(edge).any():
            return low, high
        low, high = heart + 0.99 * (low - heart), heart + 0.99 * (high - heart)
    raise UserError(f"The lens {model_of_lens(lens)} bends its picture beyond use; calibrate it again.")


def straighten(lens: Lens, target: Straight) -> Callable[[np.ndarray], np.ndarray]:
    """A function that makes pictures (H, W, C) float32 of the lens into those of `target`, averaging over areas.

    Bent pictures are looked up, linearly between pixels, on a grid of up to twice the target's resolution.
    """
    if lens.is_straight:
        return lambda picture: reduced(picture, target.width, target.height)
    finer = max(1.0, min(2.0, lens.fx / target.fx))
    width, height = round(target.width * finer), round(target.height * finer)
    scale = min(1.0, target.fx * finer / lens.fx)
    bent = lens.resized(max(2, round(lens.width * scale)), max(2, round(lens.height * scale)))
    columns = ((np.arange(width) + 0.5) * (target.width / width) - target.cx) / target.fx
    rows = ((np.arange(height) + 0.5) * (target.height / height) - target.cy) / target.fy
    grid = np.stack([np.tile(columns, height), np.repeat(rows, width)])
    x, y = np.moveaxis(bent.distort(np.moveaxis(grid, 0, -1)), -1, 0)
    look_up = _between(x * bent.fx + (bent.cx - 0.5), y * bent.fy + (bent.cy - 0.5), bent.width, bent.height)

    def straight(picture: np.ndarray) -> np.ndarray:
        flat = reduced(picture, bent.width, bent.height).reshape(bent.width * bent.height, -1)
        return reduced((look_up @ flat).reshape(height, width, -1), target.width, target.height)

    return straight


def _between(x: np.ndarray, y: np.ndarray, width: int, height: int) -> csr_array:
    """(N, height * width): linear interpolation at places x and y, (N,); the first pixel's centre is at 0, 0."""
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = np.minimum(x.astype(np.int32), width - 2), np.minimum(y.astype(np.int32), height - 2)
    right, down = (x - left).astype(np.float32), (y - top).astype(np.float32)
    columns, weights = np.empty((len(x), 4), np.int32), np.empty((len(x), 4), np.float32)
    columns[:, 0] = top * width + left
    columns[:, 1:] = columns[:, :1] + np.array([1, width, width + 1], np.int32)
    weights[:, 3] = right * down
    weights[:, 1], weights[:, 2] = right - weights[:, 3], down - weights[:, 3]
    weights[:, 0] = 1 - right - weights[:, 2]
    starts = np.arange(len(x) + 1, dtype=np.int32) * 4
    return csr_array((weights.ravel(), columns.ravel(), starts), shape=(len(x), width * height))


def reduced(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture (H, W, C) as (height, width, C) float32, each pixel the mean of the area that it covers."""
    rows, columns, channels = picture.shape
    picture = np.ascontiguousarray(picture, np.float32)
    if rows != height:
        picture = _areas(rows, height) @ picture.reshape(rows, -1)
        picture = picture.reshape(height, columns, channels)
    if columns != width:
        turned = np.ascontiguousarray(picture.swapaxes(0, 1)).reshape(columns, -1)
        turned = (_areas(columns, width) @ turned).reshape(width, height, channels)
        picture = np.ascontiguousarray(turned.swapaxes(0, 1))
    return picture


@cache
def _areas(old: int, new: int) -> csr_array:
    """(new, old): which part of each new pixel is which old one; rows sum to 1."""
    edges = np.arange(new + 1) * (old / new)
    first = np.floor(edges[:-1] + 1e-9).astype(int)
    count = int(np.ceil(old / new)) + 1
    places = first[:, None] + np.arange(count)
    covered = np.minimum(edges[1:, None], places + 1) - np.maximum(edges[:-1, None], places)
    is_in = (covered > 1e-9) & (places < old)
    weights = np.where(is_in, covered, 0)
    weights /= weights.sum(1, keepdims=True)
    rows = np.repeat(np.arange(new), is_in.sum(1))
    return csr_array((weights[is_in].astype(np.float32), (rows, places[is_in])), shape=(new, old))
