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

from maquette.data.pictures.headers import Unreadable
from maquette.data.scenes.lenses import Lens
from maquette.data.scenes.naming import find_pictures, picture_folders, shown
from maquette.data.scenes.pointclouds import points_beside
from maquette.data.scenes.solving import some
from maquette.data.scenes.stored import stored_size
from maquette.files import read_json, write_json
from maquette.settings import UserError

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])  # between the axes of OpenGL's cameras and OpenCV's
PINHOLES = {"", "OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE", "SIMPLE_RADIAL", "RADIAL"}
FISHEYES = {"OPENCV_FISHEYE", "FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE"}
FARTHEST = 1e12  # of the numbers of a camera's matrix
RIGID = 1e-3  # how far a rotation's columns may be from right angles


@dataclass(frozen=True)
class Frame:
    """A picture that was found: its file, its lens, its place, R x + t to the camera; part: train, test or empty."""

    name: str
    path: Path
    lens: Lens
    rotation: np.ndarray
    translation: np.ndarray
    mask: Path | None = None
    part: str = ""


@dataclass
class Frames:
    """The frames of a file in its order; why others were left out, by name; how many matrices held a scale.

    points: a PLY file beside; kind: what made the file, where it says so; notes: what else is to be said.
    """

    frames: list[Frame]
    left_out: list[tuple[str, str]] = field(default_factory=list)
    num_scaled: int = 0
    points: Path | None = None
    kind: str = ""
    notes: list[str] = field(default_factory=list)


def read_transforms(file: Path, *, inside: Path | None = None) -> Frames:
    """The frames whose pictures are there and whose matrices are rotations and translations; the rest by name.

    Files may lie anywhere, unless they must be `inside` a folder.
    """
    values = read_json(file, any_bytes=True)
    if not isinstance(values, dict) or not isinstance(values.get("frames"), list):
        raise UserError(f"{file} has no list `frames`, so that it is no transforms.json.")
    found = Frames([], kind="turntable" if values.get("made_as") == "turntable" else "")
    roots = [file.parent, *picture_folders(file.parent)]
    frames = [frame if isinstance(frame, dict) else {} for frame in values["frames"]]
    pictures = find_pictures(_texts(frames, "file_path"), roots, inside)
    masks = find_pictures(_texts(frames, "mask_path"), [file.parent], inside, least=2)
    found.notes += pictures.note(file.name)
    parts, otherwise = _parts(values, set(pictures.files.values()), roots, inside)
    if parts:
        found.notes.append(f"The parts for training and test are those of the lists in {file.name}.")
    names: set[str] = set()
    unmasked = []
    for number, frame in enumerate(frames):
        told = frame.get("file_path")
        if not isinstance(told, str) or not told:
            found.left_out.append((f"frame {number}", "without file_path"))
            continue
        path = pictures.files.get(told)
        name = _name(told, path, file.parent)
        if path is None:
            found.left_out.append((name, pictures.missing[told]))
            continue
        if name in names:
            found.left_out.append((name, "listed twice"))
            continue
        if (part := parts.get(path, otherwise)) is None:
            found.left_out.append((name, f"for neither training nor test by the lists of {file.name}"))
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
        mask = masks.files.get(str(frame.get("mask_path")))
        if frame.get("mask_path") and mask is None:
            unmasked.append(name)
        found.frames.append(Frame(name, path, lens, rotation, -rotation @ matrix[:3, 3], mask, part))
    if unmasked:
        masks_are = "mask is" if len(unmasked) == 1 else "masks are"
        found.notes.append(
            f"{len(unmasked):,} {masks_are} named in {file.name} but not there, so that all pixels count of "
            f"{some(unmasked)}."
        )
    found.points = _points(values.get("ply_file_path"), file, inside, found.notes)
    return found


def _texts(frames: list[dict[str, Any]], key: str) -> list[str]:
    return [frame[key] for frame in frames if isinstance(frame.get(key), str) and frame[key]]


def _name(told: str, path: Path | None, folder: Path) -> str:
    """What a picture is called: its path below the folder, or what it is told to be."""
    if path is not None and path.is_relative_to(folder) and ".." not in (below := path.relative_to(folder)).parts:
        told = below.as_posix()
    return shown(told.replace("\\", "/").removeprefix("./"))


def _parts(
    values: dict[str, Any], pictures: set[Path], roots: list[Path], inside: Path | None
) -> tuple[dict[Path, str], str | None]:
    """The parts of pictures that lists of filenames name, and the part of the others: nothing if they are for neither.

    With a list for one part only, the other part has the other pictures; without lists, parts are empty.
    """
    lists = {part: values.get(f"{part}_filenames") for part in ("train", "test", "val")}
    given = {part: names for part, names in lists.items() if isinstance(names, list) and names}
    if "test" not in given and "val" in given:
        given["test"] = given["val"]
    parts: dict[Path, str] = {}
    for part in ("train", "test"):
        names = [name for name in given.get(part, []) if isinstance(name, str)]
        parts |= dict.fromkeys(find_pictures(names, roots, inside).files.values(), part)
    if not parts or (parts.keys() >= pictures and len(set(parts.values())) == 1):
        return {}, ""
    return parts, None if {"train", "test"} <= given.keys() else "test" if "train" in given else "train"


def _points(told: Any, file: Path, inside: Path | None, notes: list[str]) -> Path | None:
    """The file of points that is named, or one that is usual beside cameras."""
    if isinstance(told, str) and told:
        for name in (told, told.replace("\\", "/"), PureWindowsPath(told).name):
            path = file.parent / name
            if path.is_file() and (inside is None or path.resolve().is_relative_to(inside.resolve())):
                return path
        notes.append(f"The points {shown(told)} that {file.name} names (ply_file_path) are not there.")
    return points_beside(file.parent)


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
    if not (np.abs(matrix) < FARTHEST).all():
        return None, "a transform_matrix that is not finite, or far too large"
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
        try:
            read = float(value)  # or a text that is one
        except (TypeError, ValueError, OverflowError):
            read = math.nan
        if not math.isfinite(read):
            raise UserError(f"{file} gives {name} as {value!r}, which is no number; put it right there.")
        return read

    width, height = number("w"), number("h")
    if width is None or height is None:
        width, height = stored_size(picture)
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
        is_fisheye=model in FISHEYES or str(values.get("is_fisheye") or "0").lower() not in ("false", "no", "0"),
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
