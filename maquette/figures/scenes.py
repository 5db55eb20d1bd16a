"""Figures of scenes of 3D Gaussians: held-out views and their scores, depth, growth, sizes.

Pictures are (H, W, 3), uint8 or 0..1, and are drawn with sharp pixels. Those too large for a page are reduced by a
whole number, each pixel the mean of a square.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from maquette.figures.images import HEAT, WIDTH, canvas, draw, fitted, placed, rows
from maquette.figures.numbers import number
from maquette.figures.scene_views import ellipsoids, in_unit, points_and_cameras
from maquette.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SEQUENCE,
    SMALL,
    People,
    bare,
    figure,
    finite,
    keep_colours,
    label,
    legend,
    note,
    plain,
    tint,
    title,
    width_of,
    write,
)
from maquette.figures.training import log_ticks

__all__ = [
    "depth_map",
    "ellipsoid_view",
    "ellipsoids",
    "gaussian_shapes",
    "gaussians_over_steps",
    "held_out_views",
    "per_view_scores",
    "points_and_cameras",
]

MOST_VIEWS = 4
MOST_BARS = 40
MOST_PIXELS = 1_600_000  # of all photographs in a figure: about 8 MB
GAP = 0.08
NARROWEST = 0.1  # logarithm of the largest over the smallest size that a histogram of sizes has room for

# -- views -------------------------------------------------------------------------------------------------------------


def held_out_views(
    names: Sequence[str], truths: Sequence[np.ndarray], renders: Sequence[np.ndarray], psnrs: Sequence[float]
) -> Figure:
    """Photograph, render and where they differ, a row a view with its name and PSNR in dB; the first four.

    The difference is the mean of its sizes in red, green and blue; its colours run to the rows' 99.5th percentile.
    """
    most = MOST_PIXELS // max(1, min(len(names), MOST_VIEWS))
    views = []
    for name, truth, render, psnr in list(zip(names, truths, renders, psnrs, strict=True))[:MOST_VIEWS]:
        truth, render = in_unit(truth), in_unit(render)
        assert truth.shape == render.shape, f"{name}: {truth.shape} and {render.shape}"
        error = np.abs(truth - render).mean(axis=2)
        views.append((f"{plain(name, 40)} · {_decibels(psnr)}", [_reduced(p, most) for p in (truth, render, error)]))
    if not views:
        return _nothing("no views were held out")
    ratios = [pictures[0].shape[0] / pictures[0].shape[1] for _, pictures in views]
    tallest = 3.0
    cell = max(min((WIDTH - 2 * GAP) / 3, max(tallest / ratio for ratio in ratios)), 1.3)
    sides = [min(cell, tallest / ratio) for ratio in ratios]
    head, words, foot = 0.18, 0.24, 0.55
    width, height = 3 * cell + 2 * GAP, head + foot + sum(s * r + words for s, r in zip(sides, ratios, strict=True))
    page = Figure(figsize=(width, height), facecolor="none")
    axes = canvas(page)
    limit = float(np.quantile(np.concatenate([pictures[2].ravel() for _, pictures in views]), 0.995)) or 1.0
    shades = Normalize(0, limit)
    for column, what in enumerate(("photograph", "render", "difference")):
        write(axes, column * (cell + GAP), height - 0.03, what, va="top", fontweight="bold")
    y = height - head
    for (words_of, pictures), side, ratio in zip(views, sides, ratios, strict=True):
        y -= words + side * ratio
        for column, picture in enumerate(pictures):
            box = fitted(picture, column * (cell + GAP), y, side, side * ratio)
            draw(axes, picture, 0, 1 if column < 2 else limit, heat=column == 2, within=box)
        axes.text(0, y + side * ratio + 0.05, words_of, va="bottom", fontsize=SMALL, color=INK)
    _bar(page, placed(page, 2 * (cell + GAP), foot - 0.22, cell, 0.1), HEAT, shades, "mean |difference|", extend="max")
    return page


def depth_map(depth: np.ndarray, picture: np.ndarray) -> Figure:
    """A picture beside its depth (H, W) along the camera's axis, in the scene's unit: near bright, 0 left empty.

    The colours run from the 1st to the 99th percentile, by factors where these are more than 20 times apart.
    """
    picture = _reduced(in_unit(picture), MOST_PIXELS // 2)
    depth = np.asarray(depth, np.float64)
    shown = np.ma.masked_where(~(np.isfinite(depth) & (depth > 0)), depth)
    low, high = np.quantile(shown.compressed(), [0.01, 0.99]) if shown.count() else (1.0, 2.0)
    if high <= low:
        low, high = low * 0.95, high * 1.05
    shades = LogNorm(low, high) if high > 20 * low else Normalize(low, high)
    ratio = max(part.shape[0] / part.shape[1] for part in (picture, depth))
    foot, head, room = 0.05, 0.26, 0.95
    side = min((WIDTH - room - GAP) / 2, 4.5 / ratio)
    page = Figure(figsize=(2 * side + GAP + room, side * ratio + head + foot), facecolor="none")
    keep_colours(page)
    left, right = (placed(page, x, foot, side, side * ratio) for x in (0, side + GAP))
    draw(left, picture)
    # smoothing would invent depths between near and far, and a mean in a square as well
    right.imshow(_thinned(shown, MOST_PIXELS // 2), cmap=SEQUENCE.reversed(), norm=shades, interpolation="none")
    bare(right)
    label(left, heading="picture")
    label(right, heading="depth" if shown.count() else "depth: nothing was met")
    bar = placed(page, 2 * side + GAP + 0.15, foot + 0.1 * side * ratio, 0.1, 0.8 * side * ratio)
    _bar(page, bar, SEQUENCE.reversed(), shades, "depth (scene's unit)", extend="both", orientation="vertical")
    bar.invert_yaxis()
    return page


def ellipsoid_view(render: np.ndarray, solid: np.ndarray) -> Figure:
    """A render beside the picture of the same Gaussians as solid bodies: see `ellipsoids`."""
    pair = [_reduced(in_unit(picture), MOST_PIXELS // 2) for picture in (render, solid)]
    return rows({"": pair}, ["as rendered", "its Gaussians as solid bodies"], most_height=4.5)


def _bar(page: Figure, axes: Axes, colours: Any, shades: Normalize, name: str, **looks: Any) -> None:
    """A thin scale of colours in axes of its own."""
    is_upright = looks.setdefault("orientation", "horizontal") == "vertical"
    scale = page.colorbar(ScalarMappable(shades, colours), cax=axes, extendfrac=0.03, **looks)
    scale.outline.set_visible(False)
    if scale.solids is not None:
        scale.solids.set_rasterized(True)
    axis = axes.yaxis if is_upright else axes.xaxis
    is_logarithmic = isinstance(shades, LogNorm)
    axis.set_major_locator(LogLocator(10, (1, 2, 5)) if is_logarithmic else MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(People(alone=is_logarithmic))
    axes.tick_params(colors=INK, labelsize=SMALL, width=0.6, length=2, pad=2)
    scale.set_label(name, color=INK, fontsize=SMALL)


def _decibels(psnr: float) -> str:
    return f"{psnr:.2f} dB" if np.isfinite(psnr) else number(float(psnr), "dB")


def _reduced(picture: np.ndarray, most: int) -> np.ndarray:
    """At most so many pixels, each the mean of a square; what is left over at the right and below falls away."""
    high, wide = picture.shape[:2]
    step = _step(picture, most)
    whole = picture[: high // step * step, : wide // step * step]
    return whole.reshape(high // step, step, wide // step, step, *picture.shape[2:]).mean(axis=(1, 3))


def _thinned(picture: np.ndarray, most: int) -> np.ndarray:
    step = _step(picture, most)
    return picture[step // 2 :: step, step // 2 :: step]


def _step(picture: np.ndarray, most: int) -> int:
    return max(1, int(np.ceil(np.sqrt(picture.shape[0] * picture.shape[1] / most))))


def _nothing(words: str) -> Figure:
    page, (axes,) = figure(4.0, 0.6, left=0.1, bottom=0.1, top=0.1, grid="none")
    bare(axes)
    write(axes, 0, 0.5, words, va="center")
    return page


# -- numbers -----------------------------------------------------------------------------------------------------------


def gaussians_over_steps(
    steps: Sequence[int],
    counts: Sequence[int],
    psnr_steps: Sequence[int],
    psnrs: Sequence[float],
    seconds: Sequence[float],
) -> Figure:
    """How many Gaussians there are over the steps; the held-out PSNR over the seconds of training.

    counts belong to steps; psnrs and seconds to psnr_steps.
    """
    page, (left, right) = figure(9.0, 3.0, 2, left=0.75, right=0.5, top=0.35, across=0.85)
    x, y = finite(steps, counts)
    left.plot(x, y, color=BLUE, linewidth=1.8, marker="o" if len(x) < 16 else "", markersize=3)
    left.set_ylim(0, max(float(y.max(initial=0)) * 1.08, 1))
    left.locator_params(axis="both", integer=True)
    label(left, "step", "Gaussians")
    if len(y):
        title(left, f"{number(int(y[0]))} at first, {number(int(y[-1]))} at last")
    at, values, times = finite(psnr_steps, psnrs, seconds)
    right.plot(times, values, "-o", color=ORANGE, linewidth=1.8, markersize=3.5 if len(values) < 30 else 2)
    label(right, "seconds of training", "PSNR of held-out views (dB)")
    if len(values):
        best = int(values.argmax())
        title(right, f"best {_decibels(values[best])} at step {number(int(at[best]))}")
        right.margins(y=0.14)
        free = np.inf  # where the name to the right begins, in parts of the axis
        for index in reversed(range(len(at))):
            share = (times[index] - times[0]) / max(float(np.ptp(times)), 1e-9)
            if share + 0.24 < free:
                is_last = free == np.inf
                words = f"step {number(int(at[index]))}"
                note(right, times[index], values[index], words, 3, -11, ha="right" if is_last else "left", color=GREY)
                free = share - 0.24 * is_last
    return page


def per_view_scores(
    names: Sequence[str], psnrs: Sequence[float], ssims: Sequence[float], baseline_psnrs: Sequence[float]
) -> Figure:
    """The PSNR of each held-out view as a bar, its SSIM beside, and a mark where the nearest training view would be.

    Of more than 40 views 40 are shown, from the worst to the best at even distances in rank.
    """
    order = list(range(len(names)))
    if len(names) > MOST_BARS:
        ranked = np.argsort(np.nan_to_num(psnrs, posinf=np.inf), kind="stable")
        order = ranked[np.linspace(0, len(names) - 1, MOST_BARS).round().astype(int)].tolist()
    if not order:
        return _nothing("no views were held out")
    shown = [plain(names[index], 30) for index in order]
    values, similar, marks = (np.asarray(each, np.float64)[order] for each in (psnrs, ssims, baseline_psnrs))
    reach = float(np.concatenate([[1.0], *finite(values), *finite(marks)]).max())
    values, marks = (np.where(np.isposinf(each), reach, each) for each in (values, marks))
    places = np.arange(len(order))[::-1]
    page, (axes,) = figure(
        6.4, 0.21 * len(order) + 1.0, left=0.25 + width_of(shown), right=1.3, top=0.42, bottom=0.5, grid="x"
    )
    bars = axes.barh(
        places, np.nan_to_num(values), height=0.66, color=tint(BLUE, np.full(len(order), 0.8)), label="render"
    )
    lines = axes.vlines(marks, places - 0.42, places + 0.42, color=ORANGE, linewidth=2, label="nearest training view")
    axes.set_yticks(places, shown)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, reach * 1.02), ylim=(-0.6, len(order) - 0.4))
    for where, index, similarity in zip(places, order, similar, strict=True):
        words = f"{_decibels(psnrs[index])}, SSIM {similarity:.3f}"
        note(axes, 1.0, where, words, 5, 0, within=("axes fraction", "data"), va="center")
    label(axes, "PSNR (dB)")
    legend(axes, handles=[bars, lines], loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=2, borderaxespad=0.2)
    if len(names) > len(order):
        note(axes, 1, 1, f"{len(order)} of {len(names):,} views", 5, 8, within="axes fraction")
    return page


def gaussian_shapes(scales: np.ndarray, opacities: np.ndarray) -> Figure:
    """How large and how opaque Gaussians are, from logarithms of standard deviations (N, 3) and logits (N,).

    The end bins hold the thousandth beyond them.
    """
    page, (left, right) = figure(7.4, 2.6, 2, left=0.75, top=0.35, across=0.8, grid="y")
    scales = np.asarray(scales, np.float64).reshape(-1, 3)
    scales = scales[np.isfinite(scales).all(axis=1)]
    left.set_xscale("log")
    log_ticks(left.xaxis)
    if len(scales):
        low, high = np.quantile(scales, [0.001, 0.999])
        wider = max(0.0, NARROWEST - (high - low)) / 2
        edges = np.linspace(low - wider, high + wider, 49)
        ends = {"largest axis": (scales.max(axis=1), BLUE), "smallest axis": (scales.min(axis=1), ORANGE)}
        for name, (values, colour) in ends.items():
            counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
            left.stairs(counts, np.exp(edges), fill=True, facecolor=tint(colour, np.array(0.25)))
            left.stairs(counts, np.exp(edges), edgecolor=colour, linewidth=1.3, label=name)
        if high - low > math.log(100):
            left.xaxis.set_major_locator(LogLocator(10, numticks=5))
        elif _labelled(*left.get_xlim()) < 2:
            left.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        legend(left, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, borderaxespad=0.1)
    label(left, "standard deviation (scene's unit)", "Gaussians")
    (logits,) = finite(np.clip(opacities, -50, 50))
    shares = 1 / (1 + np.exp(-logits))
    counts, edges = np.histogram(shares, 25, (0, 1))
    right.bar(edges[:-1], counts, np.diff(edges), align="edge", color=BLUE, alpha=0.85, linewidth=0)
    right.set_xlim(0, 1)
    if len(shares):
        title(right, f"{number(len(shares))} Gaussians, {np.mean(shares < 0.1):.0%} fainter than 0.1")
    label(right, "opacity", "Gaussians")
    return page


def _labelled(low: float, high: float) -> int:
    """How many of 1, 2 and 5 times powers of ten lie within limits."""
    powers = 10.0 ** np.arange(math.floor(math.log10(low)), math.log10(high))
    marks = np.outer(powers, (1, 2, 5))
    return int(((marks >= low) & (marks <= high)).sum())
