"""transforms.json: cameras as nerfstudio, instant-ngp and the Blender scenes of NeRF write them, read and written.

Such a file gives camera-to-world matrices in the axes of OpenGL (x right, y up, z backwards) and lenses in OpenCV's
words, for all frames or for each. Blender scenes come as transforms_train.json, transforms_val.json and
transforms_test.json.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from maquette.data.pictures.files import SUFFIXES, read_header
from maquette.data.pictures.headers import Unreadable
from maquette.data.scenes.lenses import Lens
from maquette.files import read_json, write_json
from maquette.settings import UserError

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])  # between the axes of OpenGL's cameras and OpenCV's
PINHOLES = {"", "OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE", "SIMPLE_RADIAL", "RADIAL"}
FISHEYES = {"OPENCV_FISHEYE", "FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE"}
RIGID = 1e-3  # how far a rotation's columns may be from right angles


@dataclass(frozen=True)
class Frame:
    """A picture that was found: its file, its lens, and its place, R x + t to the camera."""

    name: str
    path: Path
    lens: Lens
    rotation: np.ndarray
    translation: np.ndarray
    mask: Path | None = None


@dataclass
class Frames:
    """The frames of a file in its order; why others were left out, by name; how many matrices held a scale.

    points: a PLY file beside; kind: what made the file, where it says so.
    """

    frames: list[Frame]
    left_out: list[tuple[str, str]] = field(default_factory=list)
    num_scaled: int = 0
    points: Path | None = None
    kind: str = ""


def read_transforms(file: Path) -> Frames:
    """The frames whose pictures are there and whose matrices are rotations and translations; the rest by name."""
    values = read_json(file)
    if not isinstance(values, dict) or not isinstance(values.get("frames"), list):
        raise UserError(f"{file} has no list `frames`, so that it is no transforms.json.")
    found = Frames([], kind="turntable" if values.get("made_as") == "turntable" else "")
    names: set[str] = set()
    for number, frame in enumerate(values["frames"]):
        told = frame.get("file_path") if isinstance(frame, dict) else None
        if not isinstance(told, str) or not told:
            found.left_out.append((f"frame {number}", "without file_path"))
            continue
        path = _picture(file.parent, told)
        name = path.relative_to(file.parent).as_posix() if path else told.removeprefix("./")
        if path is None:
            found.left_out.append((name, _why_missing(file.parent, told)))
            continue
        if name in names:
            found.left_out.append((name, "listed twice"))
            continue
        matrix, trouble = _rigid(frame.get("transform_matrix"))
        if matrix is None:
            found.left_out.append((name, trouble))
            continue
        try:
            lens = _lens({**values, **frame}, file, path)
        except Unreadable as error:
            found.left_out.append((name, error.reason))
            continue
        names.add(name)
        found.num_scaled += trouble == "scaled"
        rotation = (matrix @ FLIP)[:3, :3].T
        mask = _picture(file.parent, frame["mask_path"]) if isinstance(frame.get("mask_path"), str) else None
        found.frames.append(Frame(name, path, lens, rotation, -rotation @ matrix[:3, 3], mask))
    points = values.get("ply_file_path")
    if isinstance(points, str) and _inside(points) and (file.parent / points).is_file():
        found.points = file.parent / points
    return found


def _inside(told: str) -> bool:
    path = PureWindowsPath(told)  # knows both slashes, and drives
    return not path.anchor and ".." not in path.parts


def _picture(folder: Path, told: str) -> Path | None:
    """The file that `file_path` means: as it is written, or with the ending that it lacks."""
    if not _inside(told):
        return None
    path = folder / told.replace("\\", "/")
    if path.suffix.lower() in SUFFIXES:
        return path if path.is_file() else None
    beside = (path.with_name(path.name + ending) for ending in (".png", ".jpg", ".jpeg", ".JPG", ".PNG", ".webp"))
    return next((other for other in beside if other.is_file()), None)


def _why_missing(folder: Path, told: str) -> str:
    return f"no such file in {folder}" if _inside(told) else "its path leaves the folder"


def _rigid(values: Any) -> tuple[np.ndarray | None, str]:
    """The matrix (4, 4) with a rotation in it, and "scaled" where one scale was divided out; or None, and why."""
    if not values:
        return None, "no transform_matrix"
    try:
        matrix = np.array(values, float)
    except (TypeError, ValueError):
        return None, "a transform_matrix that is none of numbers"
    if matrix.shape == (3, 4):
        matrix = np.vstack([matrix, [0, 0, 0, 1]])
    if matrix.shape != (4, 4):
        return None, f"a transform_matrix of shape {matrix.shape}, not (4, 4)"
    if not np.isfinite(matrix).all():
        return None, "a transform_matrix that is not finite"
    turn = matrix[:3, :3]
    determinant = np.linalg.det(turn)
    if not determinant > 1e-12:
        return None, "a transform_matrix that is singular" if abs(
            determinant
        ) <= 1e-12 else "a transform_matrix that is mirrored"
    scale = determinant ** (1 / 3)
    if np.abs(turn.T @ turn / scale**2 - np.eye(3)).max() > RIGID:
        return None, "a transform_matrix that is not a rotation"
    left, _, right = np.linalg.svd(turn)
    matrix[:3, :3] = left @ right
    return matrix, "scaled" if abs(scale - 1) > RIGID else ""


def _lens(values: dict[str, Any], file: Path, picture: Path) -> Lens:
    """The lens of a frame, from its own numbers or those of the file."""

    def number(name: str) -> float | None:
        value = values.get(name)
        if value is None:
            return None
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise UserError(f"{file} gives {name} as {value!r}, which is no number; put it right there.")
        return float(value)

    width, height = number("w"), number("h")
    if width is None or height is None:
        header = read_header(picture)
        width, height = header.width, header.height
    fx, fy, angle_x, angle_y = (number(name) for name in ("fl_x", "fl_y", "camera_angle_x", "camera_angle_y"))
    if fx is None and angle_x is not None and 0 < angle_x < math.pi:
        fx = 0.5 * width / math.tan(0.5 * angle_x)
    if fy is None and angle_y is not None and 0 < angle_y < math.pi and number("fl_x") is None:
        fy = 0.5 * height / math.tan(0.5 * angle_y)
    fx, fy = fx or fy, fy or fx
    if not fx or not fy or min(fx, fy, width, height) <= 0:
        raise UserError(f"{file} gives no focal length; it must hold fl_x, in pixels, or camera_angle_x, in radians.")
    cx, cy = number("cx"), number("cy")
    k = [number(f"k{order}") or 0.0 for order in (1, 2, 3, 4)]
    while k and not k[-1]:
        k.pop()
    model = str(values.get("camera_model") or "").upper()
    if model not in PINHOLES | FISHEYES:
        raise UserError(f"{file} has the camera_model {model}, which is not known; undistort the pictures first.")
    return Lens(
        round(width),
        round(height),
        fx,
        fy,
        width / 2 if cx is None else cx,
        height / 2 if cy is None else cy,
        tuple(k),
        tangential=(number("p1") or 0.0, number("p2") or 0.0),
        is_fisheye=model in FISHEYES or bool(values.get("is_fisheye")),
    )


def write_transforms(file: Path, frames: list[Frame], points: str = "", made_as: str = "") -> None:
    """A transforms.json that nerfstudio and instant-ngp read, each frame with its lens; `points`: a PLY file beside."""
    written = []
    for frame in frames:
        lens = frame.lens
        if lens.divided or any(lens.prism):
            raise UserError(
                f"The lens of {frame.name} cannot be said in transforms.json; undistort the pictures first."
            )
        world = np.eye(4)
        world[:3, :3], world[:3, 3] = frame.rotation.T, -frame.rotation.T @ frame.translation
        numbers = {"w": lens.width, "h": lens.height, "fl_x": lens.fx, "fl_y": lens.fy, "cx": lens.cx, "cy": lens.cy}
        numbers |= {f"k{order}": value for order, value in enumerate(lens.radial, 1)}
        if any(lens.tangential):
            numbers |= {"p1": lens.tangential[0], "p2": lens.tangential[1]}
        model = "OPENCV_FISHEYE" if lens.is_fisheye else "OPENCV"
        matrix = (world @ FLIP).tolist()
        written.append({"file_path": frame.name, "camera_model": model, **numbers, "transform_matrix": matrix})
    first, *others = written
    shared = {key: value for key, value in first.items() if all(key in each and each[key] == value for each in others)}
    shared = {key: value for key, value in shared.items() if key not in ("file_path", "transform_matrix")}
    rest = [{key: value for key, value in frame.items() if key not in shared} for frame in written]
    extra = {"made_as": made_as} if made_as else {}
    write_json(file, {**extra, **shared, **({"ply_file_path": points} if points else {}), "frames": rest})
