"""Gaussians in PLY files, and what comments in them say of the scene.

Numbers are kept as 3D Gaussian splatting trains them (Kerbl et al. 2023): logarithms of standard deviations, logits of
opacities, coefficients of spherical harmonics. Their constant term gives the colour 0.5 + CONSTANT * coefficient.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from scipy.spatial.transform import Rotation

from maquette.data.scenes.plyfiles import BLOCK, Element, Header, read_numbers
from maquette.data.scenes.splats import Splats, logits, origin_of, shares
from maquette.files import written_whole
from maquette.graphics.cameras import Camera
from maquette.settings import UserError

ANTIALIASED = "antialiased"  # the comment of a PLY whose Gaussians were trained so; other programs pass over it
UP, BACKGROUND, CAMERA = "Vertical Axis:", "maquette background:", "maquette camera:"  # how others begin
SEEMS_ALONG = 0.97  # cosine of the angle between what is up and an axis that may be called so
ENOUGH = 100  # points from which on it is told whether opacities are logits

POSITION, SCALE = ["x", "y", "z"], ["scale_0", "scale_1", "scale_2"]
ROTATION, COLOUR = ["rot_0", "rot_1", "rot_2", "rot_3"], ["f_dc_0", "f_dc_1", "f_dc_2"]
NEEDED = [*POSITION, *COLOUR, "opacity", *SCALE, *ROTATION]
FILTER = "filter_3D"  # the size of mip-splatting's filter; Yu et al. 2024


def write_ply(path: Path, splats: Splats) -> None:
    """The PLY that viewers of 3D Gaussians read: little-endian float32, normals of 0, `f_rest` one colour at a time.

    Places far out, which float32 cannot hold, are float64.
    """
    count, terms = splats.harmonics.shape[:2]
    assert terms in (1, 4, 9, 16), f"{terms} terms are no degree from 0 to 3"
    rest = [f"f_rest_{i}" for i in range(3 * (terms - 1))]
    names = [*POSITION, "nx", "ny", "nz", *COLOUR, *rest, "opacity", *SCALE, *ROTATION]
    header = ["ply", "format binary_little_endian 1.0"]
    header += [f"comment {line}" for line in comments_of(splats)]
    is_far = any(splats.origin)
    kinds = {name: "double" if is_far and name in POSITION else "float" for name in names}
    header += [
        f"element vertex {count}",
        *(f"property {kind} {name}" for name, kind in kinds.items()),
        "end_header",
        "",
    ]
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        file.write("\n".join(header).encode())
        for first in range(0, count, BLOCK):
            some = slice(first, first + BLOCK)
            harmonics = splats.harmonics[some]
            columns = [
                np.zeros((len(harmonics), 3)),
                harmonics[:, 0],
                harmonics[:, 1:].swapaxes(1, 2).reshape(len(harmonics), -1),
                splats.opacities[some, None],
                splats.scales[some],
                splats.rotations[some],
            ]
            rows = np.concatenate(columns, axis=1).astype("<f4")
            block = np.empty(len(rows), [("place", "<f8" if is_far else "<f4", 3), ("rest", "<f4", rows.shape[1])])
            block["place"], block["rest"] = splats.places[some] if is_far else splats.positions[some], rows
            file.write(block.tobytes())


def read_ply(path: Path, file: BinaryIO, header: Header) -> Splats:
    """Gaussians with what the comments say of them; `UserError` where the points are none."""
    vertex = header.elements["vertex"]
    missing = [name for name in NEEDED if name not in vertex.names]
    if missing == ["scale_2"]:
        raise UserError(
            f"{path} holds 2D Gaussians, flat discs that have no scale_2; only scenes of 3D Gaussians are read: "
            "train it as one."
        )
    if missing:
        raise UserError(
            f"{path} is no scene of 3D Gaussians: its points lack {', '.join(missing)}; export it with them."
        )
    rest = rest_names(path, vertex)
    filters = [FILTER] if FILTER in vertex.names else []
    numbers = read_numbers(path, file, header, "vertex", [*NEEDED, *rest, *filters], "f4")
    splats = Splats(
        np.ascontiguousarray(numbers[:, :3]),
        np.ascontiguousarray(numbers[:, 7:10]),
        np.ascontiguousarray(numbers[:, 10:14]),
        np.ascontiguousarray(numbers[:, 6]),
        harmonics_of(numbers[:, 3:6], numbers[:, 14 : 14 + len(rest)]),
    )
    splats = _as_trained(splats)
    if "f8" in (kind for name, kind in vertex.properties if name in POSITION):
        places = read_numbers(path, file, header, "vertex", POSITION, "f8")
        origin = origin_of(places, float(np.exp(np.median(splats.scales.max(axis=1)))))
        with np.errstate(over="ignore"):
            splats = replace(splats, origin=origin, positions=(places - origin).astype(np.float32))
    return with_comments(_filtered(splats, numbers[:, -1]) if filters else splats, header.comments)


def _as_trained(splats: Splats) -> Splats:
    """Logits and logarithms where a program wrote opacities and sizes as they are drawn."""
    opacities, scales = splats.opacities, splats.scales
    is_drawn = len(splats) >= ENOUGH and bool(((opacities >= 0) & (opacities <= 1)).all() and opacities.any())
    if not is_drawn:
        return splats
    if not (scales >= 0).all():
        return replace(splats, opacities=logits(opacities), notes=["Opacities were taken as they are, not as logits."])
    with np.errstate(divide="ignore"):
        scales = np.log(scales)
    notes = ["Opacities and sizes were taken as they are, not as logits and logarithms."]
    return replace(splats, opacities=logits(opacities), scales=scales, notes=notes)


def _filtered(splats: Splats, filters: np.ndarray) -> Splats:
    """Gaussians that mip-splatting blurs by `filters` (N,) when it draws them, blurred, and as much fainter."""
    variances = np.exp(2 * splats.scales.astype(float))
    wider = variances + filters[:, None].astype(float) ** 2
    fainter = np.sqrt((variances / wider).prod(axis=1))
    return replace(
        splats,
        scales=(np.log(wider) / 2).astype(np.float32),
        opacities=logits(shares(splats.opacities.astype(float)) * fainter).astype(np.float32),
        is_antialiased=True,
        notes=[*splats.notes, "The 3D filter of mip-splatting was applied."],
    )


# -- comments ----------------------------------------------------------------------------------------------------------


def comments_of(splats: Splats) -> list[str]:
    """What is known of a scene besides its points, as lines that other programs pass over, or know as well."""
    lines = [ANTIALIASED] if splats.is_antialiased else []
    if splats.up is not None:
        axis = int(np.argmax(np.abs(splats.up)))
        share = splats.up[axis] / np.linalg.norm(splats.up)
        if abs(share) >= SEEMS_ALONG:
            lines.append(f"{UP} {'-' if share < 0 else ''}{'xyz'[axis]}")
    if splats.background is not None:
        lines.append(" ".join([BACKGROUND, *(f"{value:.6g}" for value in splats.background)]))
    for camera in splats.cameras:
        turn = Rotation.from_matrix(camera.rotation).as_quat(canonical=True, scalar_first=True)
        numbers = camera.width, camera.height, (camera.fx * camera.fy) ** 0.5, *camera.position, *turn
        lines.append(" ".join([CAMERA, *(f"{value:.{12 if any(splats.origin) else 6}g}" for value in numbers)]))
    return lines


def with_comments(splats: Splats, comments: list[str]) -> Splats:
    """The same with what the comments say; of those that cannot be understood nothing is taken."""
    if ANTIALIASED in comments:
        splats = replace(splats, is_antialiased=True)
    for line in comments:
        if match := re.fullmatch(r"vertical axis *[:=]? *([+-]?)([xyz])", line, re.I):
            x, y, z = np.eye(3)["xyz".index(match[2].lower())] * (-1 if match[1] == "-" else 1)
            splats = replace(splats, up=(x, y, z))
    if (found := _numbers_after(BACKGROUND, comments, 3)) and 0 <= min(found[0]) <= max(found[0]) <= 1:
        red, green, blue = found[0]
        splats = replace(splats, background=(red, green, blue))
    cameras = []
    for width, height, focal, *rest in _numbers_after(CAMERA, comments, 10):
        if not (min(width, height) >= 1 and max(width, height) < 2**16 and focal > 0 and any(rest[3:])):
            continue
        turn = Rotation.from_quat(rest[3:], scalar_first=True).as_matrix()
        size = int(width), int(height)
        cameras.append(Camera(*size, focal, focal, size[0] / 2, size[1] / 2, turn, -turn @ np.array(rest[:3])))
    return replace(splats, cameras=cameras)


def _numbers_after(start: str, comments: list[str], count: int) -> list[list[float]]:
    """The numbers of the comments that begin so, of each which has `count` of them."""
    found = []
    for line in comments:
        if line.startswith(start):
            try:
                numbers = [float(word) for word in line.removeprefix(start).split()]
            except ValueError:
                continue
            if len(numbers) == count and np.isfinite(numbers).all():
                found.append(numbers)
    return found


# -- the usual ones ----------------------------------------------------------------------------------------------------


def rest_names(path: Path, element: Element) -> list[str]:
    """The names of the coefficients above the constant term."""
    count = sum(re.fullmatch(r"f_rest_\d+", name) is not None for name in element.names)
    names = [f"f_rest_{i}" for i in range(count)]
    if count not in (0, 9, 24, 45) or not set(names) <= set(element.names):
        raise UserError(
            f"{path} has {count} properties f_rest_*; write it with spherical harmonics of degree 0, 1, 2 or 3, which "
            "have 0, 9, 24 or 45, counted from f_rest_0."
        )
    return names


def harmonics_of(constant: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(N, K, 3) from the constant term (N, 3) and the others (N, 3 (K - 1)), one colour after the other."""
    above = rest.reshape(len(rest), 3, -1).swapaxes(1, 2) if rest.shape[1] else rest.reshape(len(rest), 0, 3)
    return np.concatenate([constant[:, None], above], axis=1)
