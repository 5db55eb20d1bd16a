"""Sparse points of a scene: from PLY files, or drawn at random where cameras look."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from maquette.data.scenes.packed import PACKED, read_packed
from maquette.data.scenes.plyfiles import read_header, read_numbers
from maquette.data.scenes.splats import CONSTANT
from maquette.files import written_whole
from maquette.graphics.cameras import Camera
from maquette.settings import UserError

RANDOM_POINTS = 20_000
ROUNDING = 1e-10  # of coordinates, within which cameras stand in one place
HARMONICS = ("f_dc_0", "f_dc_1", "f_dc_2")  # of a scene of Gaussians
COLOURS = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"), HARMONICS)
BESIDE = ("points3d.ply", "sparse_pc.ply")  # files of points that lie beside cameras and are named by nothing


def read_points(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Points (P, 3) float64 and colours (P, 3) uint8, grey where there are none, of a PLY file, text or binary.

    Of a scene of Gaussians their places and colours. Points that are not finite are left out. Other elements and
    properties are passed over.
    """
    try:
        with open(file, "rb") as opened:
            if opened.read(3) != b"ply":
                raise UserError(f"{file} is no PLY file.")
            points, colours = _vertices(file, opened)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror or error}.") from None
    is_finite = np.isfinite(points).all(1)
    return points[is_finite], colours[is_finite]


def points_beside(*folders: Path) -> Path | None:
    """A file of points that is usual beside cameras, in the first folder that has one."""
    for folder in folders:
        if found := [file for file in sorted(folder.iterdir()) if file.name.lower() in BESIDE]:
            return found[0]
    return None


def _vertices(file: Path, opened: BinaryIO) -> tuple[np.ndarray, np.ndarray]:
    try:
        header = read_header(file, opened)
        kinds = dict(header.elements["vertex"].properties)
        if set(PACKED) <= kinds.keys() and "chunk" in header.elements:
            splats = read_packed(file, opened, header)
            return splats.positions.astype(float), _bytes_of(splats.harmonics[:, 0] * CONSTANT + 0.5, "f4")
        names = next((names for names in COLOURS if set(names) <= kinds.keys()), ())
        numbers = read_numbers(file, opened, header, "vertex", ["x", "y", "z", *names], "f8")
    except (KeyError, ValueError):  # UserError is one
        raise UserError(f"{file} is truncated or damaged, or its vertices have no x, y and z.") from None
    if not names:
        return numbers, np.full((len(numbers), 3), 128, np.uint8)
    colours = numbers[:, 3:]
    if names == HARMONICS:
        colours = (colours * CONSTANT + 0.5).clip(0, 1)
    return numbers[:, :3], _bytes_of(colours, kinds[names[0]])


def _bytes_of(colours: np.ndarray, kind: str) -> np.ndarray:
    """Colours as bytes: floating-point numbers run to 1, or to 255 where one is larger; 16-bit ones to 65,535."""
    colours = np.nan_to_num(colours, nan=0, posinf=0, neginf=0)
    if kind.startswith("f") and colours.max(initial=0) <= 1:
        colours = (colours * 255).round()
    elif kind == "u2" and colours.max(initial=0) > 255:
        colours = (colours / 257).round()
    return colours.clip(0, 255).astype(np.uint8)


def write_points(file: Path, points: np.ndarray, colours: np.ndarray) -> None:
    """Points (P, 3) and colours (P, 3) uint8 as a binary PLY file."""
    names = ("x", "y", "z", "red", "green", "blue")
    table = np.empty(len(points), [(name, "<f4" if len(name) == 1 else "u1") for name in names])
    for name, column in zip(names, [*points.T, *colours.T], strict=True):
        table[name] = column
    properties = [f"property {'float' if len(name) == 1 else 'uchar'} {name}" for name in names]
    head = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}", *properties, "end_header", ""]
    with written_whole(file) as temporary:
        temporary.write_bytes("\n".join(head).encode() + table.tobytes())


# -- at random ---------------------------------------------------------------------------------------------------------


def random_points(
    cameras: Sequence[Camera], count: int = RANDOM_POINTS, *, is_object: bool = False, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Points (count, 3) that at least two cameras see, around the place that they look at, and random colours.

    Half of them are in a ball that fills a picture, the others further out, up to five times as far; all of them in the
    ball where the scene `is_object`, without surroundings.
    """
    g = np.random.default_rng(seed)
    centre, radius = looked_at(cameras)
    points = np.empty((0, 3))
    for _ in range(50):
        directions = g.normal(size=(count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        inside = radius * g.random((count, 1)) ** (1 / 3)
        outside = radius * 5 ** g.random((count, 1))
        is_inside = is_object | (g.random((count, 1)) < 0.5)
        drawn = centre + directions * np.where(is_inside, inside, outside)
        points = np.concatenate([points, drawn[num_seeing(cameras, drawn) >= 2]])
        if len(points) >= count:
            break
    points = points[:count] if len(points) else centre + radius * directions
    return points, g.integers(0, 256, (len(points), 3), dtype=np.uint8)


def num_seeing(cameras: Sequence[Camera], points: np.ndarray) -> np.ndarray:
    """How many cameras have each of points (P, 3) in their picture, (P,)."""
    seen = np.zeros(len(points), int)
    for camera in cameras:
        seen += camera.shows(points)[0]
    return seen


def spread_of(cameras: Sequence[Camera]) -> float:
    """The farthest camera's distance from the middle of all; 0 where they differ by rounding only."""
    places = np.array([camera.position for camera in cameras])
    spread = float(np.linalg.norm(places - places.mean(0), axis=1).max())
    return spread if spread > ROUNDING * np.abs(places).max() else 0.0


def looked_at(cameras: Sequence[Camera]) -> tuple[np.ndarray, float]:
    """The point nearest to all cameras' axes, and the radius of a ball there that about fills a picture.

    Where axes are parallel, or cameras look outwards, the middle of the cameras and a few times their spread.
    """
    middle = np.mean([camera.position for camera in cameras], axis=0)
    places = np.array([camera.position for camera in cameras]) - middle
    axes = np.array([camera.direction for camera in cameras])
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]  # away from an axis
    spread = spread_of(cameras) or 1.0
    if np.linalg.cond(across.sum(0)) < 1e4:
        centre = np.linalg.solve(across.sum(0), (across @ places[:, :, None])[..., 0].sum(0))
        depth = ((centre - places) * axes).sum(1)
        if (depth > 0.1 * spread).mean() > 0.75:
            half = [min(camera.width / camera.fx, camera.height / camera.fy) / 2 for camera in cameras]
            return middle + centre, float(np.median(depth * half))
    ahead = axes.mean(0)
    return middle + 3 * spread * ahead, 3 * spread
