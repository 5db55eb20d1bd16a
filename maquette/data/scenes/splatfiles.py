"""Scenes of 3D Gaussians in files: the usual PLY, `.splat`, and the packed PLY of PlayCanvas.

Numbers are kept as 3D Gaussian splatting trains them (Kerbl et al. 2023): logarithms of standard deviations, logits of
opacities, coefficients of spherical harmonics. Their constant term gives the colour 0.5 + CONSTANT * coefficient.
"""

import math
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from maquette.data.scenes.plyfiles import BLOCK, Element, Header, read_header, read_numbers
from maquette.files import written_whole
from maquette.settings import UserError

ENDINGS = (".ply", ".splat")
CONSTANT = 0.5 / math.sqrt(math.pi)  # the spherical harmonic of degree 0
SURE = 20  # the logit of opacity 1 in float32; -SURE of opacity 0
FLAT = math.log(1e-30)  # the logarithm of a standard deviation of 0
ANTIALIASED = "antialiased"  # the comment of a PLY whose Gaussians were trained so; other programs pass over it
CHUNK = 256  # points of a packed PLY that share their ranges

PARTS = ("positions", "scales", "rotations", "opacities", "harmonics")  # of a scene, an array each
POSITION, SCALE = ["x", "y", "z"], ["scale_0", "scale_1", "scale_2"]
ROTATION, COLOUR = ["rot_0", "rot_1", "rot_2", "rot_3"], ["f_dc_0", "f_dc_1", "f_dc_2"]
NEEDED = [*POSITION, *COLOUR, "opacity", *SCALE, *ROTATION]
PACKED = ["packed_position", "packed_rotation", "packed_scale", "packed_color"]
SPLAT = np.dtype([("position", "<f4", 3), ("scale", "<f4", 3), ("colour", "u1", 4), ("rotation", "u1", 4)])


@dataclass(frozen=True)
class Splats:
    """N Gaussians, all numbers float32.

    positions (N, 3); scales (N, 3): natural logarithms of standard deviations; rotations (N, 4): quaternions w x y z,
    of any length but 0; opacities (N,): logits; harmonics (N, (degree + 1)^2, 3): coefficients for red, green and blue,
    the constant term first; is_antialiased: whether they are to be drawn so; notes: what was left out on reading.
    """

    positions: np.ndarray
    scales: np.ndarray
    rotations: np.ndarray
    opacities: np.ndarray
    harmonics: np.ndarray
    is_antialiased: bool = False
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def degree(self) -> int:
        """Of the spherical harmonics, 0 to 3."""
        return math.isqrt(self.harmonics.shape[1]) - 1

    def rows(self) -> np.ndarray:
        """(N, 11 + 3 K), a Gaussian a row, its numbers in the order above."""
        return np.concatenate([getattr(self, name).reshape(len(self), -1) for name in PARTS], axis=1)


def is_scene_file(path: Path) -> bool:
    """Whether the name is that of a scene, not of a run folder."""
    return path.suffix.lower() in ENDINGS and not path.is_dir()


def read_splats(path: Path) -> Splats:
    """The Gaussians of a `.ply`, packed or not, or of a `.splat`.

    Points with numbers that are not finite, or a rotation of 0, are left out and counted in `notes`.
    """
    try:
        with open(path, "rb") as file:
            if file.read(3) == b"ply":
                return _usable(path, _read_ply(path, file))
            if path.suffix.lower() == ".splat":
                return _usable(path, _read_splat(path, file))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    raise UserError(
        f"{path} is not a PLY file, nor does it end with .splat; give a scene of 3D Gaussians as one of them."
    )


def write_ply(path: Path, splats: Splats) -> None:
    """The PLY that viewers of 3D Gaussians read: little-endian float32, normals of 0, `f_rest` one colour at a time."""
    count, terms = splats.harmonics.shape[:2]
    assert terms in (1, 4, 9, 16), f"{terms} terms are no degree from 0 to 3"
    rest = [f"f_rest_{i}" for i in range(3 * (terms - 1))]
    names = [*POSITION, "nx", "ny", "nz", *COLOUR, *rest, "opacity", *SCALE, *ROTATION]
    header = ["ply", "format binary_little_endian 1.0"]
    if splats.is_antialiased:
        header.append(f"comment {ANTIALIASED}")
    header += [f"element vertex {count}"] + [f"property float {name}" for name in names] + ["end_header", ""]
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        file.write("\n".join(header).encode())
        for first in range(0, count, BLOCK):
            some = slice(first, first + BLOCK)
            harmonics = splats.harmonics[some]
            columns = [
                splats.positions[some],
                np.zeros((len(harmonics), 3)),
                harmonics[:, 0],
                harmonics[:, 1:].swapaxes(1, 2).reshape(len(harmonics), -1),
                splats.opacities[some, None],
                splats.scales[some],
                splats.rotations[some],
            ]
            file.write(np.concatenate(columns, axis=1).astype("<f4").tobytes())


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
    note = f"{bad:,} of {len(good):,} points were left out: their numbers are not finite, or their rotation is 0."
    return replace(splats, **{name: getattr(splats, name)[good] for name in PARTS}, notes=[note])


def _logits(opacities: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(opacities) - np.log1p(-opacities)


# -- .splat ------------------------------------------------------------------------------------------------------------


def _read_splat(path: Path, file: BinaryIO) -> Splats:
    size = os.fstat(file.fileno()).st_size
    if size % SPLAT.itemsize:
        raise UserError(
            f"{path} is truncated, or not a .splat file: its {size:,} bytes are not a multiple of {SPLAT.itemsize}, "
            "what a point takes; copy or download it again."
        )
    if not size:
        raise UserError(f"{path} holds no points; give a scene of 3D Gaussians.")
    file.seek(0)
    points = np.fromfile(file, SPLAT)
    colours = points["colour"] / np.float32(255)
    return Splats(
        points["position"].astype(np.float32),
        np.log(np.maximum(np.abs(points["scale"]), np.exp(FLAT))).astype(np.float32),
        (points["rotation"] - np.float32(128)) / np.float32(128),
        _logits(colours[:, 3]),
        ((colours[:, None, :3] - 0.5) / CONSTANT).astype(np.float32),
    )


# -- PLY ---------------------------------------------------------------------------------------------------------------


def _read_ply(path: Path, file: BinaryIO) -> Splats:
    header = read_header(path, file)
    vertex = header.elements.get("vertex")
    if not vertex or not vertex.count:
        raise UserError(f"{path} holds no points; give a scene of 3D Gaussians.")
    if "chunk" in header.elements and set(PACKED) <= set(vertex.names):
        return _unpacked(path, file, header)
    missing = [name for name in NEEDED if name not in vertex.names]
    if missing:
        raise UserError(
            f"{path} is no scene of 3D Gaussians: its points lack {', '.join(missing)}; export it with them."
        )
    rest = _rest(path, vertex)
    numbers = read_numbers(path, file, header, "vertex", [*NEEDED, *rest], "f4")
    return Splats(
        np.ascontiguousarray(numbers[:, :3]),
        np.ascontiguousarray(numbers[:, 7:10]),
        np.ascontiguousarray(numbers[:, 10:14]),
        np.ascontiguousarray(numbers[:, 6]),
        _harmonics(numbers[:, 3:6], numbers[:, 14:]),
        ANTIALIASED in header.comments,
    )


def _rest(path: Path, element: Element) -> list[str]:
    """The names of the coefficients above the constant term."""
    count = sum(re.fullmatch(r"f_rest_\d+", name) is not None for name in element.names)
    names = [f"f_rest_{i}" for i in range(count)]
    if count not in (0, 9, 24, 45) or not set(names) <= set(element.names):
        raise UserError(
            f"{path} has {count} properties f_rest_*; write it with spherical harmonics of degree 0, 1, 2 or 3, which "
            "have 0, 9, 24 or 45, counted from f_rest_0."
        )
    return names


def _harmonics(constant: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(N, K, 3) from the constant term (N, 3) and the others (N, 3 (K - 1)), one colour after the other."""
    above = rest.reshape(len(rest), 3, -1).swapaxes(1, 2) if rest.shape[1] else rest.reshape(len(rest), 0, 3)
    return np.concatenate([constant[:, None], above], axis=1)


# -- PLY packed by PlayCanvas ------------------------------------------------------------------------------------------


def _unpacked(path: Path, file: BinaryIO, header: Header) -> Splats:
    """Gaussians from 4 words each and the ranges of their chunk; the `.compressed.ply` of SuperSplat."""
    count = header.elements["vertex"].count
    chunk, harmonics = header.elements["chunk"], header.elements.get("sh")
    least = [f"min_{axis}" for axis in "xyz"] + [f"min_scale_{axis}" for axis in "xyz"]
    if "min_r" in chunk.names:
        least += ["min_r", "min_g", "min_b"]
    ranges = [*least, *[name.replace("min", "max") for name in least]]
    missing = [name for name in ranges if name not in chunk.names]
    if missing:
        raise UserError(
            f"{path} is no packed scene of 3D Gaussians: its chunks lack {', '.join(missing)}; export it again."
        )
    if chunk.count * CHUNK < count or (harmonics and harmonics.count != count):
        raise UserError(
            f"{path} is damaged: {chunk.count:,} chunks of {CHUNK} points do not hold {count:,} points with what "
            "belongs to them; export it again."
        )
    rest = _rest(path, harmonics) if harmonics else []
    words = read_numbers(path, file, header, "vertex", PACKED, "u4")
    bounds = read_numbers(path, file, header, "chunk", ranges, "f4").repeat(CHUNK, axis=0)[:count]
    low, high = np.split(bounds, 2, axis=1)  # (N, 6 or 9) each

    colours = _parts(words[:, 3], [8, 8, 8, 8])
    shares = np.concatenate(
        [_parts(words[:, 0], [11, 10, 11]), _parts(words[:, 2], [11, 10, 11]), colours[:, :3]], axis=1
    )
    shares[:, : low.shape[1]] = low + (high - low) * shares[:, : low.shape[1]]
    above: np.ndarray = np.empty((count, 0), np.float32)
    if rest:  # a byte stands for a 256th of -4..4; the middle of it
        above = (read_numbers(path, file, header, "sh", rest, "f4") + np.float32(0.5)) / 32 - 4
    return Splats(
        shares[:, :3],
        shares[:, 3:6],
        _smallest_three(words[:, 1]),
        _logits(colours[:, 3]),
        _harmonics((shares[:, 6:] - np.float32(0.5)) / np.float32(CONSTANT), above),
    )


def _parts(words: np.ndarray, bits: list[int]) -> np.ndarray:
    """(N, parts) in 0..1 from words (N,) that hold `bits` each, the first on top."""
    shifts = [sum(bits[i + 1 :]) for i in range(len(bits))]
    parts = [
        ((words >> shift) & (2**bit - 1)) / np.float32(2**bit - 1) for shift, bit in zip(shifts, bits, strict=True)
    ]
    return np.stack(parts, axis=1).astype(np.float32)


def _smallest_three(words: np.ndarray) -> np.ndarray:
    """Unit quaternions (N, 4), w first: two bits say which part is the largest, ten bits each hold the others."""
    others = (_parts(words, [2, 10, 10, 10])[:, 1:] - np.float32(0.5)) * np.float32(math.sqrt(2))
    largest = np.sqrt(np.maximum(0, 1 - (others**2).sum(axis=1)))
    rotations = np.empty((len(words), 4), np.float32)
    for place in range(4):
        here = words >> 30 == place
        rotations[here] = np.insert(others[here], place, largest[here], axis=1)
    return rotations
