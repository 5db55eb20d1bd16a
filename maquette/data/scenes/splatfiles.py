"""Files of scenes: told apart by what they hold, read by their kind, refused by their name."""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from scipy.spatial import cKDTree

from maquette.data.scenes import gltf, ksplat, sog, spz
from maquette.data.scenes.endings import FOREIGN, is_scene_file
from maquette.data.scenes.packed import PACKED, read_packed, together, write_packed
from maquette.data.scenes.plyfiles import read_header
from maquette.data.scenes.plysplats import NEEDED, POSITION, read_ply, with_comments, write_ply
from maquette.data.scenes.pointclouds import read_points
from maquette.data.scenes.splats import CONSTANT, FLAT, PARTS, SURE, Splats, logarithms, logits, origin_of, shares
from maquette.files import written_whole
from maquette.settings import UserError

__all__ = ["CONSTANT", "PARTS", "Splats", "is_scene_file", "read_splats", "write_ply", "write_scene"]

WAY_OUT = "give a scene of 3D Gaussians as .ply, .splat, .spz, .sog, .ksplat or .glb"
SPLAT = np.dtype([("position", "<f4", 3), ("scale", "<f4", 3), ("colour", "u1", 4), ("rotation", "u1", 4)])
FACES = ("face", "tristrips")  # elements that make a PLY a mesh
POINT_SIZE, POINT_NEIGHBOURS = 0.5, 3  # of a plain point, in mean distances to so many others
POINT_LOGIT = 4.0

Reader = Callable[[Path, BinaryIO], Splats]


def read_splats(path: Path, ending: str | None = None) -> Splats:
    """The Gaussians of a scene file of any kind; `ending` is that of its name, if it has another one for the moment.

    Points with numbers that are not finite, or a rotation of 0, are left out and counted in `notes`.
    """
    try:
        with open(path, "rb") as file:
            reader = _reader(path, file.read(1024), ending or path.suffix.lower())
            file.seek(0)
            return _usable(path, reader(path, file))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None


def _reader(path: Path, start: bytes, ending: str) -> Reader:
    """What reads a file that begins so."""
    if start[:3] == b"ply":
        return _read_ply
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|\?xml|!--)", start, re.I):
        raise UserError(
            f"{path} is a web page, not a scene: the download went wrong, or wants a login; download the file itself."
        )
    if start.startswith(b"version https://git-lfs"):
        raise UserError(f"{path} only points to a file of Git LFS; fetch the file with: git lfs pull")
    if start[:4] == b"glTF" or ending in (".glb", ".gltf"):
        return gltf.read
    if ending == ".splat":
        return _read_splat
    if ending == ".ksplat":
        return ksplat.read
    if start[:2] == b"\x1f\x8b" or start[:4] == spz.MAGIC or ending == ".spz":
        return spz.read
    if start[:2] == b"PK" or ending == ".sog" or path.name == sog.META:
        return sog.read
    if ending in FOREIGN:
        raise UserError(f"{path} is {FOREIGN[ending]}, which is not read; {WAY_OUT}.")
    raise UserError(f"{path} is not a PLY file, nor another kind of scene that is known; {WAY_OUT}.")


def _usable(path: Path, splats: Splats) -> Splats:
    """Without the points that cannot be drawn; an infinite logit, or a size of 0, becomes the nearest finite number."""
    opacities = np.nan_to_num(splats.opacities, nan=np.nan, posinf=SURE, neginf=-SURE)
    scales = np.nan_to_num(splats.scales, nan=np.nan, posinf=np.inf, neginf=FLAT)
    splats = replace(splats, opacities=opacities, scales=scales)
    good = np.asarray(splats.rotations.any(axis=1))
    for numbers in (splats.positions, scales, splats.rotations, opacities[:, None], splats.harmonics):
        good &= np.isfinite(numbers).all(axis=tuple(range(1, numbers.ndim)))
    if good.all():
        return splats
    bad = len(good) - int(good.sum())
    if bad == len(good):
        raise UserError(
            f"None of the {bad:,} points of {path} can be used: their numbers are not finite; write it again."
        )
    note = f"{bad:,} of {len(good):,} points {'was' if bad == 1 else 'were'} left out: not finite, or of rotation 0."
    return replace(splats, **{name: getattr(splats, name)[good] for name in PARTS}, notes=[*splats.notes, note])


# -- PLY ---------------------------------------------------------------------------------------------------------------


def _read_ply(path: Path, file: BinaryIO) -> Splats:
    header = read_header(path, file)
    vertex = header.elements.get("vertex")
    if not vertex or not vertex.count:
        raise UserError(f"{path} holds no points; {WAY_OUT}.")
    names = set(vertex.names)
    if "chunk" in header.elements and set(PACKED) <= names:
        return read_packed(path, file, header)
    if names & {*NEEDED, *PACKED} - set(POSITION) or not names >= set(POSITION):
        return read_ply(path, file, header)
    if faces := sum(header.elements[name].count for name in FACES if name in header.elements):
        raise UserError(f"{path} is a mesh of {faces:,} faces, not a scene of 3D Gaussians; {WAY_OUT}.")
    return with_comments(points_as_splats(*read_points(path)), header.comments)


def points_as_splats(points: np.ndarray, colours: np.ndarray) -> Splats:
    """Plain points (N, 3) with colours (N, 3) uint8 as small round Gaussians that nearly touch."""
    count = len(points)
    sizes = np.ones(count)
    if count > 1:
        distances = cKDTree(points).query(points, k=range(2, 2 + min(POINT_NEIGHBOURS, count - 1)))[0]
        sizes = POINT_SIZE * distances.mean(axis=1)
        usual = np.median(sizes)
        sizes = sizes.clip(usual / 10, 3 * usual) if usual else np.full(count, np.ptp(points, axis=0).max() / 100)
    origin = origin_of(points, float(np.median(sizes)))
    return Splats(
        (points - origin).astype(np.float32),
        np.repeat(logarithms(sizes)[:, None], 3, axis=1),
        np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        np.full(count, POINT_LOGIT, np.float32),
        ((colours[:, None] / np.float32(255) - 0.5) / CONSTANT).astype(np.float32),
        notes=["Its points are plain ones, shown as small round Gaussians."],
        origin=origin,
    )


# -- .splat ------------------------------------------------------------------------------------------------------------


def _read_splat(path: Path, file: BinaryIO) -> Splats:
    size = os.fstat(file.fileno()).st_size
    if size % SPLAT.itemsize:
        raise UserError(
            f"{path} is truncated, or not a .splat file: its {size:,} bytes are not a multiple of {SPLAT.itemsize}, "
            "what a point takes; copy or download it again."
        )
    if not size:
        raise UserError(f"{path} holds no points; {WAY_OUT}.")
    points = np.fromfile(file, SPLAT)
    colours = points["colour"] / np.float32(255)
    return Splats(
        points["position"].astype(np.float32),
        logarithms(points["scale"]),
        (points["rotation"] - np.float32(128)) / np.float32(128),
        logits(colours[:, 3]),
        ((colours[:, None, :3] - 0.5) / CONSTANT).astype(np.float32),
    )


def write_splat(path: Path, splats: Splats) -> None:
    """32 bytes a point; colours are those of the constant term, the same from everywhere."""
    points = np.empty(len(splats), SPLAT)
    points["position"], points["scale"] = splats.positions, np.exp(splats.scales)
    colours = np.concatenate([0.5 + CONSTANT * splats.harmonics[:, 0], shares(splats.opacities)[:, None]], axis=1)
    points["colour"] = (255 * colours).round().clip(0, 255)
    units = splats.rotations / np.linalg.norm(splats.rotations, axis=1, keepdims=True)
    points["rotation"] = (128 * units + 128).round().clip(0, 255)
    with written_whole(path) as temporary:
        temporary.write_bytes(points.tobytes())


# -- of the kind that the name says -----------------------------------------------------------------------------------

COMPRESSED = ".compressed.ply"
WRITERS: dict[str, Callable[[Path, Splats], object]] = {
    ".ply": write_ply,
    COMPRESSED: write_packed,
    ".splat": write_splat,
    ".spz": spz.write,
    ".glb": gltf.write,
}


def write_scene(path: Path, splats: Splats, ending: str) -> Splats:
    """A file of the kind that an ending of `WRITERS` names, and what is read back from it.

    `UserError` where that is not the same, within the steps of the kind's numbers.
    """
    if ending == COMPRESSED:
        splats = together(splats)
    WRITERS[ending](path, splats)
    again = read_splats(path, ending)
    is_whole = len(again) == len(splats)
    is_far = any(splats.origin)
    if is_whole and ending == ".ply":
        is_whole = all(np.array_equal(getattr(again, name), getattr(splats, name)) for name in PARTS[is_far:])
    if is_whole and (is_far or ending != ".ply"):
        places = again.places if is_far and ending in (".ply", ".glb") else again.positions + np.array(splats.origin)
        reach = float(np.abs(splats.positions).max())
        step = 2**-9 if ending == COMPRESSED else 2**-22  # of a chunk that spans the scene, at worst
        is_whole = bool(np.abs(places - splats.places).max() <= step * reach)
    if not is_whole:
        raise UserError(f"The scene holds numbers that a {ending} file does not.")
    return again
