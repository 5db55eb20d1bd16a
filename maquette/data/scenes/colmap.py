"""COLMAP models: cameras, images and points, read and written, as .bin and as .txt.

The formats are those of https://colmap.github.io/format.html: quaternions w x y z, a world point x is R x + t to the
camera. Rigs and frames of COLMAP 3.12 and later are not needed: images hold their places. What a model tells of matched
features is passed over on reading and left empty on writing.
"""

import codecs
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from maquette.data.scenes.lenses import MODELS, Lens, lens_of_model, model_of_lens
from maquette.files import write_text, written_whole
from maquette.settings import UserError

NUMBERED = {number: name for name, (number, _) in MODELS.items()}
UNKNOWN = {7: "FOV", 11: "RAD_TAN_THIN_PRISM_FISHEYE"}  # that older versions number so
PARTS = ("cameras", "images", "points3D")
Content = TypeVar("Content")
PLACES = ("sparse/0", "sparse", "colmap/sparse/0", "colmap/sparse", "0", ".")
NUMERIC = re.compile(r"[-+.\deE\s]*")


@dataclass(frozen=True)
class Pose:
    """Where a picture was taken from: `lens` is a key of the model's lenses; x is R x + t to the camera."""

    name: str
    lens: int
    rotation: np.ndarray
    translation: np.ndarray


@dataclass
class Model:
    """Lenses by number; poses in the order of the file; points (P, 3) float64 with colours (P, 3) uint8."""

    lenses: dict[int, Lens]
    poses: list[Pose]
    points: np.ndarray
    colours: np.ndarray


def model_folder(path: Path) -> Path | None:
    """The folder at `path` or below it that holds a model: of several numbered ones that with most images.

    Where there is no whole one, the folder with files of one, which `read_model` refuses by what is missing.
    """
    partial = None
    for place in PLACES:
        folder = path / place
        if _is_whole(parts := _parts(folder)):
            beside = [other for other in sorted(folder.parent.glob("[0-9]*")) if _is_whole(_parts(other))]
            return max(beside, key=_num_images) if place.endswith("0") and len(beside) > 1 else folder
        is_meant = place != "." or len(parts) > 1 or any(file.suffix == ".bin" for file in parts.values())
        partial = partial or (folder if parts and is_meant else None)  # a lone images.txt may be any list
    return partial


def _parts(folder: Path) -> dict[str, Path]:
    """The files of a model that are there: all of one ending if they are whole so, otherwise each as it is."""
    try:
        files = {file.name.lower(): file for file in folder.iterdir()}
    except OSError:
        return {}
    kinds = [{part: files.get(part.lower() + ending) for part in PARTS} for ending in (".bin", ".txt")]
    for kind in kinds:
        if all(kind.values()):
            return {part: file for part, file in kind.items() if file}
    binary, text = kinds
    both = {part: binary[part] or text[part] for part in PARTS}
    return {part: file for part, file in both.items() if file}


def _is_whole(parts: dict[str, Path]) -> bool:
    """Whether views can be had of them; points may be missing."""
    return {"cameras", "images"} <= parts.keys()


def files_of_model(folder: Path) -> list[Path]:
    """The files that `read_model` reads."""
    return list(_parts(folder).values())


def _num_images(folder: Path) -> int:
    file = _parts(folder)["images"]
    if file.suffix.lower() == ".txt":
        return len(_image_rows(file))
    return int.from_bytes(_content(file)[:8], "little")


def read_model(folder: Path) -> Model:
    """The model in a folder, without points where there is no file of them.

    `UserError` where cameras or images are missing, a file is damaged or says what cannot be.
    """
    parts = _parts(folder)
    if not _is_whole(parts):
        raise UserError(_why_not_whole(folder, parts))
    read = _checked(_cameras_bin, _cameras_txt, parts["cameras"])
    poses = _checked(_images_bin, _images_txt, parts["images"])
    points, colours = np.empty((0, 3)), np.empty((0, 3), np.uint8)
    if "points3D" in parts:
        points, colours = _checked(_points_bin, _points_txt, parts["points3D"])
    for pose in poses:
        if pose.lens not in read:
            raise UserError(f"{parts['images']} names a camera {pose.lens} that there is not in cameras.")
        if not (np.isfinite(pose.rotation).all() and np.isfinite(pose.translation).all()):
            raise UserError(f"{parts['images']} has no finite place for {pose.name}; export the model again.")
    seen = np.isfinite(points).all(1)
    return Model(read, poses, points[seen], colours[seen])


def _why_not_whole(folder: Path, parts: dict[str, Path]) -> str:
    if not parts:
        return f"{folder} holds no COLMAP model: cameras and images, .bin or .txt, are needed."
    missing = [part for part in ("cameras", "images") if part not in parts]
    ending = next(iter(parts.values())).suffix
    are = "is" if len(missing) == 1 else "are"
    return (
        f"{folder} holds {' and '.join(file.name for file in parts.values())} of a COLMAP model, but "
        f"{' and '.join(part + ending for part in missing)} {are} missing; put it there, or have the cameras of the "
        "photographs found anew with --cameras solve."
    )


def _checked(binary: Callable[[Path], Content], text: Callable[[Path], Content], file: Path) -> Content:
    try:
        return text(file) if file.suffix.lower() == ".txt" else binary(file)
    except UserError as error:
        raise UserError(f"{file} cannot be read: {error}") from None
    except (struct.error, ValueError, IndexError, OverflowError):
        raise UserError(f"{file} is truncated or damaged; export the model again.") from None


def rotation_of(quaternion: np.ndarray) -> np.ndarray:
    """R (..., 3, 3) of quaternions (..., 4), w x y z, of any length but 0."""
    quaternion = np.asarray(quaternion, float)
    with np.errstate(all="ignore"):
        w, x, y, z = np.moveaxis(quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def quaternion_of(rotation: np.ndarray) -> np.ndarray:
    """w x y z (4,), w at least 0, of R (3, 3); Bar-Itzhack 2000: the eigenvector of the largest eigenvalue."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation
    matrix = np.array([
        [xx - yy - zz, 0, 0, 0],
        [yx + xy, yy - xx - zz, 0, 0],
        [zx + xz, zy + yz, zz - xx - yy, 0],
        [zy - yz, xz - zx, yx - xy, xx + yy + zz],
    ])  # fmt: skip
    x, y, z, w = np.linalg.eigh(matrix / 3)[1][:, -1]
    return np.array([w, x, y, z]) * (1.0 if w >= 0 else -1.0)


# -- binary ------------------------------------------------------------------------------------------------------------


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror or error}.") from None


def _counted(data: bytes, least: int) -> int:
    """The count that a file starts with, which must fit the file's size at `least` bytes each."""
    (count,) = struct.unpack_from("<Q", data)
    if count * least > len(data):
        raise ValueError
    return count


def _cameras_bin(file: Path) -> dict[int, Lens]:
    data, place, lenses = _content(file), 8, {}
    for _ in range(_counted(data, 24)):
        number, model, width, height = struct.unpack_from("<IiQQ", data, place)
        if model not in NUMBERED:
            lens_of_model(UNKNOWN.get(model, f"number {model}"), 1, 1, [])
        count = len(MODELS[NUMBERED[model]][1].split())
        parameters = struct.unpack_from(f"<{count}d", data, place + 24)
        lenses[number] = lens_of_model(NUMBERED[model], width, height, parameters)
        place += 24 + 8 * count
    return lenses


def _images_bin(file: Path) -> list[Pose]:
    data, place, poses = _content(file), 8, []
    for _ in range(_counted(data, 73)):
        *pose, lens = struct.unpack_from("<7dI", data, place + 4)
        end = data.index(b"\0", place + 64)
        name = data[place + 64 : end].decode(errors="surrogateescape")  # of any encoding, as the file system gives it
        poses.append(Pose(name, lens, rotation_of(np.array(pose[:4])), np.array(pose[4:])))
        (features,) = struct.unpack_from("<Q", data, end + 1)
        place = end + 9 + 24 * features
        if place > len(data):
            raise ValueError
    return poses


def _points_bin(file: Path) -> tuple[np.ndarray, np.ndarray]:
    data, place = _content(file), 8
    starts = np.empty(_counted(data, 51), np.int64)
    for row in range(len(starts)):
        starts[row] = place
        (track,) = struct.unpack_from("<Q", data, place + 43)
        place += 51 + 8 * track
    if place > len(data):
        raise ValueError
    numbers = np.frombuffer(data, np.uint8)
    points = numbers[starts[:, None] + np.arange(8, 32)].view("<f8").astype(float)
    return points.reshape(-1, 3), numbers[starts[:, None] + np.arange(32, 35)]


# -- text --------------------------------------------------------------------------------------------------------------


def _lines(file: Path) -> list[str]:
    data = _content(file)
    is_wide = data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # as Windows' editors and shells may save it
    text = data.decode("utf-16" if is_wide else "utf-8-sig", "replace" if is_wide else "surrogateescape")
    return [line for line in map(str.strip, re.split(r"[\r\n]+", text)) if line and not line.startswith("#")]


def _cameras_txt(file: Path) -> dict[int, Lens]:
    lenses = {}
    for line in _lines(file):
        number, model, width, height, *parameters = line.split()
        lenses[int(number)] = lens_of_model(
            model, round(float(width)), round(float(height)), [float(value) for value in parameters]
        )
    return lenses


def _images_txt(file: Path) -> list[Pose]:
    poses = []
    for row in _image_rows(file):
        _, *pose, lens, name = row
        w, x, y, z, *translation = map(float, pose)
        poses.append(Pose(name, int(lens), rotation_of(np.array([w, x, y, z])), np.array(translation)))
    return poses


def _image_rows(file: Path) -> list[list[str]]:
    """The ten words of each image; the line of features that may follow one, all numbers, is passed over."""
    rows, may_follow = [], False
    for line in _lines(file):
        row = line.split(maxsplit=9)
        if may_follow and NUMERIC.fullmatch(line) and not (len(row) == 10 and len(row[9].split()) == 1):
            may_follow = False
            continue
        if len(row) != 10:
            raise ValueError
        rows.append(row)
        may_follow = True
    return rows


def _points_txt(file: Path) -> tuple[np.ndarray, np.ndarray]:
    rows = [line.split(maxsplit=8)[1:7] for line in _lines(file)]
    if any(len(row) != 6 for row in rows):
        raise ValueError
    numbers = np.array(rows, float).reshape(-1, 6)
    return numbers[:, :3], numbers[:, 3:].astype(np.uint8)


# -- writing -----------------------------------------------------------------------------------------------------------


def write_model(folder: Path, model: Model, *, text: bool = False) -> None:
    """The model as three files in a folder that is there, .bin or .txt."""
    if text:
        for part, lines in zip(PARTS, (_camera_lines(model), _image_lines(model), _point_lines(model)), strict=True):
            write_text(folder / f"{part}.txt", "\n".join([f"# {part}, as COLMAP writes them", *lines]) + "\n")
        return
    cameras = [struct.pack("<Q", len(model.lenses))]
    for number, lens in model.lenses.items():
        name, parameters = model_of_lens(lens)
        cameras.append(struct.pack("<IiQQ", number, MODELS[name][0], lens.width, lens.height))
        cameras.append(struct.pack(f"<{len(parameters)}d", *parameters))
    images = [struct.pack("<Q", len(model.poses))]
    for number, pose in enumerate(model.poses, 1):
        numbers = (*quaternion_of(pose.rotation), *pose.translation)
        images += [
            struct.pack("<I7dI", number, *numbers, pose.lens),
            pose.name.encode(errors="surrogateescape") + b"\0",
            struct.pack("<Q", 0),
        ]
    points = np.zeros(len(model.points), [("n", "<u8"), ("x", "<f8", 3), ("c", "u1", 3), ("e", "<f8"), ("t", "<u8")])
    points["n"], points["x"], points["c"] = np.arange(1, len(points) + 1), model.points, model.colours
    contents = (b"".join(cameras), b"".join(images), struct.pack("<Q", len(points)) + points.tobytes())
    for part, content in zip(PARTS, contents, strict=True):
        with written_whole(folder / f"{part}.bin") as temporary:
            temporary.write_bytes(content)


def _camera_lines(model: Model) -> Iterator[str]:
    for number, lens in model.lenses.items():
        name, parameters = model_of_lens(lens)
        yield f"{number} {name} {lens.width} {lens.height} {_numbers(parameters)}"


def _image_lines(model: Model) -> Iterator[str]:
    for number, pose in enumerate(model.poses, 1):
        place = _numbers([*quaternion_of(pose.rotation), *pose.translation])
        yield f"{number} {place} {pose.lens} {pose.name}\n"


def _point_lines(model: Model) -> Iterator[str]:
    for number, (point, (r, g, b)) in enumerate(zip(model.points, model.colours, strict=True), 1):
        yield f"{number} {_numbers(point)} {r} {g} {b} 0"


def _numbers(values: np.ndarray | list[float]) -> str:
    return " ".join(repr(float(value)) for value in values)
