"""Scenes as `.ksplat` of mkkellogg's GaussianSplats3D: sections of points, whole or in 16 bits around block centres."""

import os
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from maquette.data.scenes.splats import CONSTANT, Splats, logarithms, logits
from maquette.settings import UserError

HEADER, SECTION = 4096, 1024  # bytes
WIDEST = 1.5  # range of coefficients in bytes, to either side, where the header does not say
RANGES = {0: 1, 1: 32767, 2: 32767}  # of places in a block, where the section does not say


def read(path: Path, file: BinaryIO) -> Splats:
    size = os.fstat(file.fileno()).st_size
    head = file.read(HEADER)
    if len(head) < HEADER:
        raise UserError(f"{path} is no .ksplat file, or is truncated; copy or download it again.")
    major, minor = head[:2]
    most, sections, _, count = struct.unpack_from("<4I", head, 4)
    (level,) = struct.unpack_from("<H", head, 20)
    if major != 0 or minor < 1 or level not in RANGES:
        raise UserError(
            f"{path} is no .ksplat file, or one of version {major}.{minor} with compression {level}, which is not "
            "read; write it as .ply."
        )
    if not count or not sections or not most:
        raise UserError(f"{path} holds no points; give a scene of 3D Gaussians.")
    truncated = UserError(f"{path} is truncated: its header claims {count:,} points; copy or download it again.")
    if HEADER + most * SECTION > size:
        raise truncated
    low, high = struct.unpack_from("<2f", head, 36)
    parts, place, left = [], HEADER + most * SECTION, count
    for number in range(min(sections, most)):
        file.seek(HEADER + number * SECTION)
        section = file.read(SECTION)
        points, room, bucket, buckets = struct.unpack_from("<4I", section)
        (width,), (bucket_bytes,), (scale,) = (
            struct.unpack_from(kind, section, at) for kind, at in (("<f", 16), ("<H", 20), ("<I", 24))
        )
        full, partial = struct.unpack_from("<2I", section, 32)
        (degree,) = struct.unpack_from("<H", section, 40)
        if degree > 3:
            raise UserError(f"{path} has spherical harmonics of degree {degree}; 0 to 3 are read.")
        kind = _point(level, degree)
        data = place + 4 * partial + bucket_bytes * buckets
        place_after = data + room * kind.itemsize
        points = min(points, left, room)
        if data + points * kind.itemsize > size or 4 * partial > size:
            raise truncated
        file.seek(data)
        rows = np.fromfile(file, kind, points)
        positions = rows["position"].astype(np.float32)
        if level:
            file.seek(place)
            lengths = np.fromfile(file, "<u4", partial)
            centres = np.fromfile(file, "<f4", 3 * buckets).reshape(-1, 3)
            of = np.repeat(np.arange(full + partial), [*[bucket] * full, *lengths.tolist()])[:points]
            if len(of) < points or (points and of.max() >= len(centres)):
                raise truncated
            scale = scale or RANGES[level]
            positions = (positions - scale) * np.float32(width / 2 / scale) + centres[of]
        parts.append(_splats(rows, positions, degree, (low or -WIDEST, high or WIDEST) if level == 2 else None))
        place, left = place_after, left - points
    terms = max(each.harmonics.shape[1] for each in parts)
    harmonics = [np.pad(each.harmonics, ((0, 0), (0, terms - each.harmonics.shape[1]), (0, 0))) for each in parts]
    return Splats(
        np.concatenate([each.positions for each in parts]),
        np.concatenate([each.scales for each in parts]),
        np.concatenate([each.rotations for each in parts]),
        np.concatenate([each.opacities for each in parts]),
        np.concatenate(harmonics),
    )


def _point(level: int, degree: int) -> np.dtype:
    """The bytes of a point."""
    place, number, term = {0: ("<f4", "<f4", "<f4"), 1: ("<u2", "<f2", "<f2"), 2: ("<u2", "<f2", "u1")}[level]
    return np.dtype(
        [
            ("position", place, 3),
            ("scale", number, 3),
            ("rotation", number, 4),
            ("colour", "u1", 4),
            ("rest", term, 3 * ((degree + 1) ** 2 - 1)),
        ]
    )


def _splats(rows: np.ndarray, positions: np.ndarray, degree: int, bounds: tuple[float, float] | None) -> Splats:
    colours = rows["colour"] / np.float32(255)
    rest = rows["rest"].astype(np.float32)
    if bounds:
        rest = (bounds[0] + rest / 255 * (bounds[1] - bounds[0])).astype(np.float32)
    harmonics = [((colours[:, None, :3] - 0.5) / CONSTANT).astype(np.float32)]
    first = 0
    for each in range(1, degree + 1):  # of each degree red, then green, then blue
        terms = 2 * each + 1
        harmonics.append(rest[:, first : first + 3 * terms].reshape(-1, 3, terms).swapaxes(1, 2))
        first += 3 * terms
    return Splats(
        positions,
        logarithms(rows["scale"].astype(np.float32)),
        rows["rotation"].astype(np.float32),
        logits(colours[:, 3]),
        np.concatenate(harmonics, axis=1),
    )
