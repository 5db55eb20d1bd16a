"""Drawings of scenes by projecting them: cameras among sparse points, and Gaussians as solid bodies."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from scipy.spatial.transform import Rotation

from maquette.figures.images import WIDTH, placed
from maquette.figures.style import BLUE, INK, ORANGE, SMALL, bare, tint
from maquette.graphics.cameras import Camera
from maquette.graphics.paths import common_up

MOST_POINTS = 20_000
TURNED_DEG, RAISED_DEG = 40, 28  # where the oblique view stands, seen from the cameras
LIGHT = np.array([-0.45, -0.65, -0.62])  # where it comes from, in the camera's axes: left, above, behind
THINNEST = 1e-3  # of the longest axis
FAINTEST = 0.1

# -- points and cameras ------------------------------------------------------------------------------------------------


def points_and_cameras(
    points: np.ndarray, colours: np.ndarray, cameras: Sequence[Camera], is_test: Sequence[bool]
) -> Figure:
    """Sparse points (P, 3) with colours (P, 3) uint8, and cameras, from the side and from above, in one scale.

    Without perspective. A few points far away are left outside the frame; of very many points some are drawn.
    """
    assert len(cameras), "at least one camera"
    positions = np.array([camera.position for camera in cameras])
    points = np.asarray(points, np.float64).reshape(-1, 3)
    tones = _middle_tones(in_unit(np.asarray(colours).reshape(-1, 3)))
    points, tones = points[good := np.isfinite(points).all(axis=1)], tones[good]
    total = len(points)
    some = np.linspace(0, total - 1, min(total, MOST_POINTS)).astype(int)
    points, tones = points[some], tones[some]

    views = _two_views(cameras)  # (2, 3, 3): right, up and towards who looks
    frames = [_frame(points @ view.T, positions @ view.T) for view in views]
    frusta = _frusta(cameras, positions, float(np.mean([np.ptp(frame, axis=0).max() for frame in frames])))
    for frame, view in zip(frames, views, strict=True):
        drawn = (frusta @ view.T)[..., :2].reshape(-1, 2)
        frame[:] = np.minimum(frame[0], drawn.min(axis=0)), np.maximum(frame[1], drawn.max(axis=0))
        frame += np.array([[-1], [1]]) * max(0.02 * float(np.ptp(frame, axis=0).max()), 1e-9)
    spans = np.array([np.ptp(frame, axis=0) for frame in frames])  # (2 views, 2)
    gap, head, foot = 0.35, 0.28, 0.34
    inch = min((WIDTH - gap) / spans[:, 0].sum(), 4.2 / spans[:, 1].max())  # of a unit of the scene
    width, high = max(inch * spans[:, 0].sum() + gap, 5.5), inch * spans[:, 1].max()
    page = Figure(figsize=(width, head + high + foot), facecolor="none")
    x = 0.0
    is_held = np.asarray(is_test, bool)
    for name, view, frame, (wide, tall) in zip(
        ("from the side", "from above"), views, frames, spans * inch, strict=True
    ):
        axes = placed(page, x, foot + (high - tall) / 2, wide, tall)
        axes.set(xlim=frame[:, 0], ylim=frame[:, 1])
        bare(axes)
        _draw(axes, points @ view.T, tones, frusta @ view.T, is_held)
        page.text(
            x / width, 1 - 0.05 / page.get_figheight(), name, va="top", fontsize=SMALL + 1, color=INK, fontweight="bold"
        )
        x += wide + gap
    for held, colour, name in ((False, BLUE, "training view"), (True, ORANGE, "held-out view")):
        count = int((is_held == held).sum())
        axes.plot([], [], color=colour, linewidth=1.5, label=f"{count:,} {name}{'s' * (count != 1)}")
    looks: dict[str, Any] = {"fontsize": SMALL, "labelcolor": INK, "handlelength": 1.4, "frameon": False}
    page.legend(*axes.get_legend_handles_labels(), loc="lower left", ncols=2, borderaxespad=0, **looks)
    page.text(1, 0.08 / page.get_figheight(), f"{total:,} points", ha="right", fontsize=SMALL, color=INK)
    return page


def _middle_tones(colours: np.ndarray) -> np.ndarray:
    """Colours (P, 3) in 0..1 no darker and no brighter than what can be seen on black and on white."""
    light = colours @ [0.3, 0.59, 0.11]
    brightest = np.minimum(1, 0.72 / np.maximum(light, 1e-6))
    return np.clip(colours * brightest[:, None] + np.maximum(0.3 - light, 0)[:, None], 0, 1)


def _two_views(cameras: Sequence[Camera]) -> np.ndarray:
    up = common_up(cameras)
    ahead = np.mean([camera.direction for camera in cameras], axis=0)
    for candidate in (ahead, cameras[0].direction, cameras[0].up):
        flat = candidate - (candidate @ up) * up
        if np.linalg.norm(flat) > 0.3:
            break
    flat /= np.linalg.norm(flat)
    right = np.cross(flat, up)
    turn, rise = math.radians(TURNED_DEG), math.radians(RAISED_DEG)
    towards = math.cos(rise) * (math.sin(turn) * right - math.cos(turn) * flat) + math.sin(rise) * up
    across = np.cross(up, towards) / math.cos(rise)
    return np.array([[across, np.cross(towards, across), towards], [right, flat, up]])


def _frame(points: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Lower and upper limits (2, 2) around all cameras and what of the points is not far out."""
    low, high = positions[:, :2].min(axis=0), positions[:, :2].max(axis=0)
    if len(points):
        middle = positions.mean(axis=0)
        reach = 2.5 * max(np.median(np.linalg.norm(each - middle, axis=1)) for each in (points, positions))
        edges = np.quantile(points[:, :2], [0.02, 0.98], axis=0)
        edges += 0.12 * np.ptp(edges, axis=0) * np.array([[-1], [1]])
        edges = np.clip(edges, middle[:2] - reach, middle[:2] + reach)
        low, high = np.minimum(low, edges[0]), np.maximum(high, edges[1])
    if np.ptp([low, high]) == 0 or (high - low).max() <= 1e-9 * np.abs(high).max():
        low, high = low - 1, high + 1
    return np.array([low, high])


def _frusta(cameras: Sequence[Camera], positions: np.ndarray, across: float) -> np.ndarray:
    """(N, 5, 3): where each camera stands, and four corners of its picture; edges as long as there is room for."""
    length = 0.08 * across
    if len(cameras) > 1:
        between = np.linalg.norm(positions[:, None] - positions, axis=2) + np.diag(np.full(len(cameras), np.inf))
        length = float(np.clip(np.median(between.min(axis=1)), 0.35 * length, length))
    frusta = []
    for camera, position in zip(cameras, positions, strict=True):
        corners = np.array([(0, 0), (camera.width, 0), (camera.width, camera.height), (0, camera.height)])
        seen = np.column_stack([(corners - [camera.cx, camera.cy]) / [camera.fx, camera.fy], np.ones(4)])
        seen *= length / np.linalg.norm(seen, axis=1, keepdims=True)
        frusta.append(np.vstack([position, position + seen @ camera.rotation]))
    return np.array(frusta)


def _draw(axes: Axes, points: np.ndarray, tones: np.ndarray, frusta: np.ndarray, is_held: np.ndarray) -> None:
    """Points (P, 3) and frusta (N, 5, 3) as the view has them, the far ones first."""
    order = np.argsort(points[:, 2], kind="stable")
    size = float(np.clip(9_000 / max(len(points), 1), 0.8, 5))
    axes.scatter(points[order, 0], points[order, 1], s=size, c=tones[order], linewidths=0, rasterized=True, zorder=1)
    order = np.argsort(frusta[:, 0, 2], kind="stable")
    shapes, colours = frusta[order, :, :2], [ORANGE if held else BLUE for held in is_held[order]]
    faces = [tint(colour, np.array(0.22)) for colour in colours]
    axes.add_collection(PolyCollection(list(shapes[:, 1:]), facecolors=faces, edgecolors="none", zorder=2))
    # every edge in one stroke, which goes over one of them twice; 0 is where the camera stands
    strokes = list(shapes[:, [1, 4, 0, 1, 2, 0, 3, 2, 3, 4]])
    axes.add_collection(LineCollection(strokes, colors=colours, linewidths=0.8, joinstyle="round", zorder=3))


# -- ellipsoids --------------------------------------------------------------------------------------------------------


def ellipsoids(
    positions: np.ndarray,
    scales: np.ndarray,
    rotations: np.ndarray,
    opacities: np.ndarray,
    colours: np.ndarray,
    camera: Camera,
    most: int = 50_000,
    *,
    deviations: float = 1.0,
    background: float = 1.0,
    finer: int = 2,
) -> np.ndarray:
    """Gaussians as solid, lit ellipsoids with half-axes of so many standard deviations: (H, W, 3) float32 in 0..1.

    positions (N, 3); scales (N, 3), logarithms; rotations (N, 4), quaternions w x y z; opacities (N,), logits; colours
    (N, 3), uint8 or 0..1. Left out are those of opacity below 0.1, those that reach behind the camera, and, beyond
    `most`, those that take least room in the picture. Each pixel is the mean of finer x finer rays.

    A ray t d meets (x - c)' A (x - c) = 1 where a t^2 - 2 b t + e = 0: a = d'Ad, b = d'Ac, e = c'Ac - 1.
    """
    camera, size = camera.resized(camera.width * finer, camera.height * finer), (camera.height, camera.width)
    solid = np.asarray(opacities) >= math.log(FAINTEST / (1 - FAINTEST))
    centres = np.asarray(positions, np.float64)[solid] @ camera.rotation.T + camera.translation
    lengths = deviations * np.exp(np.asarray(scales, np.float64)[solid])
    lengths = np.maximum(lengths, THINNEST * lengths.max(axis=1, keepdims=True))
    turns = camera.rotation @ Rotation.from_quat(np.asarray(rotations, np.float64)[solid][:, [1, 2, 3, 0]]).as_matrix()
    tones = in_unit(colours)[solid]

    nearest = centres[:, 2] - np.linalg.norm(turns[:, 2] * lengths, axis=1)
    boxes = _boxes(centres, turns * lengths[:, None], camera)
    room = np.prod(boxes[:, 1] - boxes[:, 0], axis=1) * (boxes[:, 1] > boxes[:, 0]).all(axis=1) * (nearest > 0)
    kept = np.argsort(-room, kind="stable")[: min(most, int((room > 0).sum()))]
    kept = kept[np.argsort(nearest[kept], kind="stable")]
    centres, tones = centres[kept], tones[kept]
    inverse = turns[kept] / lengths[kept][:, None]
    forms = inverse @ inverse.swapaxes(1, 2)  # A (K, 3, 3)
    depth, index = _hits(centres, forms, boxes[kept], nearest[kept], camera)

    picture = np.full((camera.height, camera.width, 3), background, np.float32)
    for first in range(0, camera.height, 64):
        y, x = np.nonzero(index[first : first + 64] >= 0)
        y += first
        which, t = index[y, x], depth[y, x]
        point = np.column_stack([(x + 0.5 - camera.cx) / camera.fx * t, (y + 0.5 - camera.cy) / camera.fy * t, t])
        normal = np.einsum("pij,pj->pi", forms[which], point - centres[which])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        lit = 0.45 + 0.55 * np.maximum(normal @ (LIGHT / np.linalg.norm(LIGHT)), 0)
        picture[y, x] = tones[which] * lit[:, None]
    return picture.reshape(size[0], finer, size[1], finer, 3).mean(axis=(1, 3))


def _boxes(centres: np.ndarray, halves: np.ndarray, camera: Camera) -> np.ndarray:
    """Pixels [first, last) across and down, (N, 2, 2), that hold the ellipsoids with half-axes in columns (N, 3, 3).

    A plane n through the camera touches where n'(H H' - c c')n = 0; for the vertical planes (1, 0, -x) and the level
    ones (0, 1, -y) that is a quadratic in the edges of the picture's box.
    """
    dual = halves @ halves.swapaxes(1, 2) - centres[:, :, None] * centres[:, None]  # (N, 3, 3)
    bottom = np.where(dual[:, 2, 2] < 0, dual[:, 2, 2], -1.0)[:, None]  # others reach behind the camera: left out later
    side, corner = dual[:, [0, 1], 2], dual[:, [0, 1], [0, 1]]
    half = np.sqrt(np.maximum(side**2 - corner * bottom, 0)) / -bottom
    middle = side / bottom
    size = np.array([camera.width, camera.height])
    edges = np.stack([middle - half, middle + half], axis=1) * [camera.fx, camera.fy] + [camera.cx, camera.cy]
    return np.clip(np.ceil(edges - 0.5), 0, size).astype(int)


def _hits(
    centres: np.ndarray, forms: np.ndarray, boxes: np.ndarray, nearest: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Depth (H, W) of what each ray meets first, and which (H, W), -1 for nothing; ellipsoids come front to back."""
    depth = np.full((camera.height, camera.width), np.inf)
    index = np.full((camera.height, camera.width), -1)
    x_all = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    y_all = ((np.arange(camera.height) + 0.5 - camera.cy) / camera.fy)[:, None]
    leaning = np.einsum("kij,kj->ki", forms, centres)  # A c
    rest = ((leaning * centres).sum(axis=1) - 1).tolist()
    numbers = zip(forms.tolist(), leaning.tolist(), rest, boxes.tolist(), nearest.tolist(), strict=True)
    for which, (form, (b_x, b_y, b_z), e, ((left, top), (right, bottom)), front) in enumerate(numbers):
        before = depth[top:bottom, left:right]
        if before.max() <= front:
            continue
        (xx, xy, xz), (_, yy, yz), (_, _, zz) = form
        x, y = x_all[left:right], y_all[top:bottom]
        a = (xx * x + 2 * xz) * x + ((yy * y + 2 * yz) * y + zz) + (2 * xy * y) * x
        b = b_x * x + (b_y * y + b_z)
        root = b * b - a * e
        t = (b - np.sqrt(np.maximum(root, 0))) / a
        hit = (root >= 0) & (t < before)
        before[hit] = t[hit]
        index[top:bottom, left:right][hit] = which
    return depth, index


# -- pictures ----------------------------------------------------------------------------------------------------------


def in_unit(picture: np.ndarray) -> np.ndarray:
    """A picture of uint8 or 0..1 as float32 in 0..1."""
    picture = np.asarray(picture)
    values = picture.astype(np.float32) / (255 if picture.dtype == np.uint8 else 1)
    return np.clip(np.nan_to_num(values), 0, 1)
