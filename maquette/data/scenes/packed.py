"""Gaussians in packed PLY files, the `.compressed.ply` of PlayCanvas and SuperSplat.

A point is four words, within the ranges of the chunk of points that it belongs to, and a byte for each coefficient of
the harmonics above the constant term.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from maquette.data.scenes.plyfiles import Header, read_numbers
from maquette.data.scenes.plysplats import comments_of, harmonics_of, rest_names, with_comments
from maquette.data.scenes.splats import CONSTANT, PARTS, Splats, logits, shares, with_largest, without_largest
from maquette.files import written_whole
from maquette.settings import UserError

CHUNK = 256  # points that share their ranges
PACKED = ["packed_position", "packed_rotation", "packed_scale", "packed_color"]
RANGES = ["x", "y", "z", "scale_x", "scale_y", "scale_z", "r", "g", "b"]
ORDER = [(end, name) for some in (RANGES[:3], RANGES[3:6], RANGES[6:]) for end in ("min", "max") for name in some]
COLOUR, PLACE = [8, 8, 8, 8], [11, 10, 11]  # bits of the parts of a word
LARGEST_SCALE = 20.0  # of a logarithm, either way: what others read
CELLS = 2**10  # along each side of the box around a scene, by which points that lie together stand together


def read_packed(path: Path, file: BinaryIO, header: Header) -> Splats:
    """Gaussians with what the comments say of them."""
    count = header.elements["vertex"].count
    chunk, harmonics = header.elements["chunk"], header.elements.get("sh")
    there = RANGES if "min_r" in chunk.names else RANGES[:6]
    ranges = [f"{end}_{name}" for end in ("min", "max") for name in there]
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
    rest = rest_names(path, harmonics) if harmonics else []
    words = read_numbers(path, file, header, "vertex", PACKED, "u4")
    bounds = read_numbers(path, file, header, "chunk", ranges, "f4").repeat(CHUNK, axis=0)[:count]
    low, high = np.split(bounds, 2, axis=1)  # (N, 6 or 9) each

    colours = _parts(words[:, 3], COLOUR)
    numbers = np.concatenate([_parts(words[:, 0], PLACE), _parts(words[:, 2], PLACE), colours[:, :3]], axis=1)
    numbers[:, : low.shape[1]] = low + (high - low) * numbers[:, : low.shape[1]]
    above: np.ndarray = np.empty((count, 0), np.float32)
    if rest:  # a byte stands for a 256th of -4..4; the middle of it
        above = (read_numbers(path, file, header, "sh", rest, "f4") + np.float32(0.5)) / 32 - 4
    splats = Splats(
        numbers[:, :3],
        numbers[:, 3:6],
        _smallest_three(words[:, 1]),
        logits(colours[:, 3]),
        harmonics_of((numbers[:, 6:] - np.float32(0.5)) / np.float32(CONSTANT), above),
    )
    return with_comments(splats, header.comments)


def write_packed(path: Path, splats: Splats) -> None:
    """The points in the order they are given; what lies together should stand together: `together` orders them so."""
    chunks = -(-len(splats) // CHUNK)
    rest = splats.harmonics[:, 1:].swapaxes(1, 2).reshape(len(splats), -1)
    numbers = np.concatenate(
        [
            splats.positions,
            splats.scales.clip(-LARGEST_SCALE, LARGEST_SCALE),
            0.5 + np.float32(CONSTANT) * splats.harmonics[:, 0],
        ],
        axis=1,
    )
    starts = np.arange(chunks) * CHUNK
    low, high = (ends.reduceat(numbers, starts, axis=0).astype("<f4") for ends in (np.minimum, np.maximum))
    of_point = np.arange(len(splats)) // CHUNK
    sizes = (high - low)[of_point]
    within = np.divide(numbers - low[of_point], sizes, out=np.zeros_like(numbers), where=sizes > 0)
    others, places = without_largest(splats.rotations)
    turns = np.concatenate([places[:, None] / 3, others / np.float32(math.sqrt(2)) + np.float32(0.5)], axis=1)
    words = [
        _word(within[:, :3], PLACE),
        _word(turns, [2, 10, 10, 10]),
        _word(within[:, 3:6], PLACE),
        _word(np.concatenate([within[:, 6:], shares(splats.opacities)[:, None]], axis=1), COLOUR),
    ]
    ranges = [f"{end}_{name}" for end, name in ORDER]
    columns = [(low if end == "min" else high)[:, RANGES.index(name)] for end, name in ORDER]
    header = ["ply", "format binary_little_endian 1.0", *(f"comment {line}" for line in comments_of(splats))]
    header += [f"element chunk {chunks}", *(f"property float {name}" for name in ranges)]
    header += [f"element vertex {len(splats)}", *(f"property uint {name}" for name in PACKED)]
    if rest.shape[1]:
        header += [f"element sh {len(splats)}", *(f"property uchar f_rest_{i}" for i in range(rest.shape[1]))]
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        file.write("\n".join([*header, "end_header", ""]).encode())
        file.write(np.stack(columns, axis=1).tobytes())
        file.write(np.stack(words, axis=1).astype("<u4").tobytes())
        file.write(np.floor((rest / 8 + 0.5) * 256).clip(0, 255).astype(np.uint8).tobytes())


def together(splats: Splats) -> Splats:
    """The same points, those that lie together one after the other: along a curve of Morton through the scene."""
    low, high = splats.positions.min(axis=0), splats.positions.max(axis=0)
    cells = np.nan_to_num((splats.positions - low) / np.maximum(high - low, 1e-30) * (CELLS - 1)).astype(np.uint64)
    places = np.zeros(len(splats), np.uint64)
    for bit in range(CELLS.bit_length() - 1):
        for axis in range(3):
            places |= (cells[:, axis] >> np.uint64(bit) & np.uint64(1)) << np.uint64(3 * bit + axis)
    order = np.argsort(places, kind="stable")
    return replace(splats, **{name: getattr(splats, name)[order] for name in PARTS})


def _word(parts: np.ndarray, bits: list[int]) -> np.ndarray:
    """Words (N,) of parts (N, parts) in 0..1, the first on top."""
    word = np.zeros(len(parts), np.uint32)
    for part, bit in zip(parts.T, bits, strict=True):
        word = (word << np.uint32(bit)) | np.rint(np.nan_to_num(part).clip(0, 1) * (2**bit - 1)).astype(np.uint32)
    return word


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
    return with_largest(others, words >> 30)
