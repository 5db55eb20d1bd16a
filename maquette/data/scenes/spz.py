"""Scenes as `.spz` of Niantic, versions 1 to 3: a header of 16 bytes and an array for each part, packed with gzip.

Its axes are those of OpenGL, y up; ours are those of COLMAP.
"""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from maquette.data.scenes.splats import Splats, logits, shares, with_largest, without_largest
from maquette.files import written_whole
from maquette.settings import UserError

MAGIC = b"NGSP"
HEADER = struct.Struct("<4sIIBBBB")  # with version, points, degree, bits behind the point, flags
ANTIALIASED = 1  # of the flags
COLOUR = 0.15  # of a byte's range that a coefficient of 1 takes
MOST_PACKED = 1100  # bytes that gzip makes of one, at most
NINE = 2**9 - 1  # the largest number beside its sign in ten bits of a rotation


def read(path: Path, file: BinaryIO) -> Splats:
    """The Gaussians of a file of version 1, 2 or 3."""
    start = file.read(8)
    if start[:4] == MAGIC:  # from version 4 on there is no gzip around
        version = int.from_bytes(start[4:8], "little")
        raise UserError(f"{path} is an .spz file of version {version}; versions 1 to 3 are read: write it as one.")
    file.seek(0)
    damaged = UserError(f"{path} is no .spz file, or is damaged; copy or download it again.")
    try:
        with gzip.open(file) as packed:
            head = packed.read(HEADER.size)
            if len(head) < HEADER.size or head[:4] != MAGIC:
                raise damaged
            _, version, count, degree, bits, flags, _ = HEADER.unpack(head)
            if version not in (1, 2, 3):
                raise UserError(
                    f"{path} is an .spz file of version {version}; versions 1 to 3 are read: write it as one."
                )
            if degree > 3:
                raise UserError(f"{path} has spherical harmonics of degree {degree}; 0 to 3 are read.")
            if not count:
                raise UserError(f"{path} holds no points; give a scene of 3D Gaussians.")
            terms = (degree + 1) ** 2 - 1
            widths = [6 if version == 1 else 9, 1, 3, 3, 4 if version == 3 else 3, 3 * terms]
            is_possible = count * sum(widths) <= MOST_PACKED * os.fstat(file.fileno()).st_size
            held = packed.read(count * sum(widths)) if is_possible else b""
    except (OSError, EOFError, zlib.error):
        raise damaged from None
    if len(held) < count * sum(widths):
        raise UserError(
            f"{path} is truncated: its header claims {count:,} points, and only {len(held):,} of "
            f"{count * sum(widths):,} bytes follow; copy or download it again."
        )
    ends = np.cumsum([0, *widths]) * count
    places, opacities, colours, scales, turns, rest = (
        np.frombuffer(held, np.uint8, width * count, first).reshape(count, width)
        for width, first in zip(widths, ends, strict=False)
    )
    constant = (colours / np.float32(255) - np.float32(0.5)) / np.float32(COLOUR)
    above = (rest.astype(np.float32).reshape(count, terms, 3) - 128) / 128
    return Splats(
        _positions(places, version, bits),
        scales / np.float32(16) - 10,
        _rotations(turns, version),
        logits(opacities[:, 0] / np.float32(255)),
        np.concatenate([constant[:, None], above], axis=1),
        bool(flags & ANTIALIASED),
    ).turned_over()


def _positions(places: np.ndarray, version: int, bits: int) -> np.ndarray:
    if version == 1:
        return places.view("<f2").astype(np.float32)
    parts = places.reshape(len(places), 3, 3).astype(np.int32)
    whole = parts[..., 0] | parts[..., 1] << 8 | parts[..., 2] << 16
    return ((whole ^ 2**23) - 2**23).astype(np.float32) / np.float32(2.0**bits)


def _rotations(turns: np.ndarray, version: int) -> np.ndarray:
    """Unit quaternions, w first; in the file w comes last."""
    if version < 3:
        others = turns / np.float32(127.5) - 1
        return with_largest(others, np.zeros(len(turns), int))
    words = turns.view("<u4")[:, 0]
    fields = np.stack([words >> 20, words >> 10, words], axis=1) & 1023
    sizes = (fields & NINE).astype(np.float32) / np.float32(NINE * math.sqrt(2))
    return np.roll(with_largest(np.where(fields >> 9, -sizes, sizes), words >> 30), 1, axis=1)


def write(path: Path, splats: Splats) -> float:
    """Version 3; returns the largest step between places, by half of which a position may be off."""
    splats = splats.turned_over()
    farthest = float(np.abs(splats.positions).max())
    bits = min(20, math.floor(math.log2((2**23 - 1) / max(farthest, 1e-9))))
    if bits < 0:
        raise UserError(f"An .spz file has room for places up to {2**23:,} from the origin; write a .ply instead.")
    whole = (splats.positions.astype(float) * 2**bits).round().astype(np.int32)
    others, places = without_largest(np.roll(splats.rotations, -1, axis=1))
    sizes = (np.abs(others) * (NINE * math.sqrt(2))).round().clip(0, NINE).astype(np.uint32)
    fields = sizes | (others < 0).astype(np.uint32) << 9
    words = places.astype(np.uint32) << 30 | fields[:, 0] << 20 | fields[:, 1] << 10 | fields[:, 2]
    parts = [
        np.stack([whole >> shift for shift in (0, 8, 16)], axis=2) & 255,
        255 * shares(splats.opacities),
        255 * (splats.harmonics[:, 0] * COLOUR + 0.5),
        16 * (splats.scales + 10),
    ]
    body = [part.round().clip(0, 255).astype(np.uint8).tobytes() for part in parts]
    body.append(words.astype("<u4").tobytes())
    body.append((128 * splats.harmonics[:, 1:] + 128).round().clip(0, 255).astype(np.uint8).tobytes())
    head = HEADER.pack(MAGIC, 3, len(splats), splats.degree, bits, ANTIALIASED * splats.is_antialiased, 0)
    with written_whole(path) as temporary:
        temporary.write_bytes(gzip.compress(b"".join([head, *body]), mtime=0))
    return 2.0**-bits
