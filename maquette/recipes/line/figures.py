"""Figures of a line: fits, residuals, the cost and the ways down it, polynomials and their errors, small networks."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import LogLocator, NullFormatter

from maquette.figures.numbers import number
from maquette.figures.style import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SEQUENCE,
    SIZE,
    SMALL,
    VIOLET,
    People,
    bare,
    figure,
    finite,
    label,
    legend,
    note,
    plain,
    span,
    tint,
    title,
    width_of,
    write,
)

Curve = Callable[[np.ndarray], np.ndarray] | tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]
Cost = Callable[[np.ndarray, np.ndarray], np.ndarray]
FEW = 800
MOST_NODES = 9


def _points(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """The data: ink when few; grey when many, because dots drawn as a picture cannot follow the page's colour."""
    if len(x) <= FEW:
        axes.plot(x, y, "o", color=INK, markersize=4.5, markeredgewidth=0, zorder=3)
    else:
        axes.plot(x, y, "o", color=GREY, markersize=2.5, alpha=0.4, markeredgewidth=0, rasterized=True)


def points_and_lines(
    x: Sequence[float] | np.ndarray,
    y: Sequence[float] | np.ndarray,
    lines: Mapping[str, Curve],
    x_label: str,
    y_label: str,
) -> Figure:
    """Points and named curves through them; a curve is a function of an array, or its own (xs, ys)."""
    x, y = finite(x, y)
    page, (axes,) = figure(6.4, 3.8)
    _points(axes, x, y)
    limits = span(x)
    everywhere = np.linspace(*limits, 300)
    for index, (name, curve) in enumerate(lines.items()):
        xs, ys = (everywhere, np.broadcast_to(curve(everywhere), 300)) if callable(curve) else finite(*curve)
        axes.plot(
            xs, ys, color=COLOURS[index % len(COLOURS)], linewidth=1.7, label=name, linestyle="-" if index < 8 else "--"
        )
    axes.set(xlim=limits, ylim=span(y, 0.15))
    if lines:
        legend(axes, loc="best" if len(x) <= FEW else "upper left")
    label(axes, x_label, y_label)
    return page


def residuals(
    x: Sequence[float] | np.ndarray,
    y: Sequence[float] | np.ndarray,
    slope: float,
    intercept: float,
    x_label: str,
    y_label: str,
) -> Figure:
    """The line `slope * x + intercept` and each point's distance to it as a bar: what least squares makes small."""
    x, y = finite(x, y)
    page, (axes,) = figure(6.4, 3.9, top=0.3)
    on_line = slope * x + intercept
    above = y >= on_line
    for chosen, colour, words in ((above, GREEN, "above the line"), (~above, ORANGE, "below the line")):
        bars = np.stack(
            [np.column_stack([x[chosen], on_line[chosen]]), np.column_stack([x[chosen], y[chosen]])], axis=1
        )
        width = 3.0 if len(x) <= 50 else 1.0
        axes.add_collection(
            LineCollection(list(bars), colors=colour, linewidths=width, alpha=0.7, rasterized=len(x) > FEW, label=words)
        )
    limits = np.array(span(x))
    axes.plot(limits, slope * limits + intercept, color=BLUE, linewidth=1.7)
    _points(axes, x, y)
    axes.set(xlim=limits, ylim=span(np.concatenate([y, on_line]), 0.12))
    if len(x):
        total = float(np.sum((y - on_line) ** 2))
        title(axes, f"sum of squares {number(total)}")
    legend(axes, loc="lower right")
    label(axes, x_label, y_label)
    return page


def _around(paths: Sequence[np.ndarray], best: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits that hold the paths, with the best point in the middle; of one that flies off, only the start counts."""
    arrive = [path if np.linalg.norm(path[-1] - best) <= np.linalg.norm(path[0] - best) else path[:1] for path in paths]
    reach = np.maximum(np.abs(np.concatenate(arrive) - best).max(axis=0), 1e-9 + 0.02 * np.abs(best)) * 1.25
    return (best[0] - reach[0], best[0] + reach[0]), (best[1] - reach[1], best[1] + reach[1])


def _bowl(
    axes: Axes, cost: Cost, x_limits: tuple[float, float], y_limits: tuple[float, float], best: np.ndarray, fine: int
) -> None:
    slopes, intercepts = np.meshgrid(np.linspace(*x_limits, fine), np.linspace(*y_limits, fine))
    heights = np.asarray(cost(slopes, intercepts), dtype=np.float64)
    lowest = min(float(cost(*best[:, None])[0]), float(np.nanmin(heights)))
    over = np.sqrt(np.maximum(heights - lowest, 0))  # even distances on a bowl: the square root of a parabola is a cone
    if np.isfinite(over).all() and over.max() > 0:
        levels = np.linspace(0, float(over.max()), 13)
        axes.contourf(slopes, intercepts, over, levels=levels, cmap=SEQUENCE.reversed(), alpha=0.22)
        axes.contour(slopes, intercepts, over, levels=levels[1:], cmap=SEQUENCE.reversed(), linewidths=0.7, alpha=0.9)
    axes.set(xlim=x_limits, ylim=y_limits)


def _path(axes: Axes, path: np.ndarray, best: np.ndarray) -> None:
    limits = np.array([axes.get_xlim(), axes.get_ylim()])
    away = np.flatnonzero(np.abs(path - best).max(axis=1) > 1e4 * np.ptp(limits, axis=1).max())
    far = path[: away[0] + 1] if len(away) else path
    axes.plot(*far.T, "-", color=INK, linewidth=1.1, zorder=3)
    dots = [far[0]]
    for point in far:
        if np.max(np.abs(point - dots[-1]) / np.ptp(limits, axis=1)) > 0.012:
            dots.append(point)
    axes.plot(*np.array(dots).T, "o", color=INK, markersize=2.8, markeredgewidth=0, zorder=3)
    axes.plot(*far[0], "o", color=INK, markersize=6, markerfacecolor="none", zorder=4)
    axes.plot(*best, "+", color=GREEN, markersize=11, markeredgewidth=2.2, zorder=5)


def cost_bowl(
    cost: Cost,
    path: Sequence[Sequence[float]] | np.ndarray,
    best: tuple[float, float] | None = None,
    x_label: str = "slope",
    y_label: str = "intercept",
) -> Figure:
    """The cost over slope and intercept from above, with the path of the descent (S, 2) on it, from circle to cross.

    cost takes two arrays and gives one of their shape; `best` is the lowest point, the path's end if not given.
    Neighbouring curves are equally far apart in the square root of the cost.
    """
    steps = _sound(path)
    lowest = np.asarray(best if best is not None else steps[-1], dtype=np.float64)
    page, (axes,) = figure(6.4, 4.4, top=0.3, grid="none")
    _bowl(axes, cost, *_around([steps], lowest), lowest, 64)
    _path(axes, steps, lowest)
    place = f"{number(float(lowest[0]))} and {number(float(lowest[1]))}"
    words = f"{len(steps) - 1:,} steps from the ring; the cross is the lowest cost, at {place}"
    title(axes, words)
    label(axes, x_label, y_label)
    return page


def descent_rates(
    cost: Cost,
    paths: Mapping[str, Sequence[Sequence[float]] | np.ndarray],
    best: tuple[float, float],
    x_label: str = "slope",
    y_label: str = "intercept",
) -> Figure:
    """The same descent with up to four rates side by side: title -> path (S, 2); one that flies off is cut."""
    shown = {name: _sound(path) for name, path in list(paths.items())[:4]}
    lowest = np.asarray(best, dtype=np.float64)
    page, panels = figure(
        2.45 * len(shown) + 0.75, 3.2, len(shown), left=0.75, across=0.2, top=0.45, right=0.15, grid="none"
    )
    limits = _around(list(shown.values()), lowest)
    for index, (axes, (name, path)) in enumerate(zip(panels, shown.items(), strict=True)):
        _bowl(axes, cost, *limits, lowest, 40)
        _path(axes, path, lowest)
        axes.locator_params(nbins=4)
        label(axes, x_label, "" if index else y_label)
        axes.set_title(plain(name, 34), loc="left", fontsize=SIZE, color=INK, fontweight="bold", pad=16)
        if index:
            axes.tick_params(labelleft=False)
        end = float(cost(*path[-1][:, None])[0])
        text = f"{len(path) - 1:,} steps, cost {number(end, digits=3)}"
        write(axes, 0, 1.025, text, transform=axes.transAxes, va="bottom")
    return page


def _sound(path: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """The path up to where it stops being numbers, or leaves all that could be drawn."""
    steps = np.asarray(path, dtype=np.float64).reshape(-1, 2)
    wrong = np.flatnonzero(~(np.abs(steps) < 1e100).all(axis=1))
    return steps[: wrong[0]] if len(wrong) and wrong[0] > 0 else np.nan_to_num(steps)


def degrees(
    x: Sequence[float] | np.ndarray,
    y: Sequence[float] | np.ndarray,
    curves: Mapping[int, tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]],
    x_label: str = "",
    y_label: str = "",
) -> Figure:
    """Polynomials side by side, degree -> (xs, ys), with limits set by the points: what swings beyond them is cut."""
    x, y = finite(x, y)
    page, panels = figure(2.45 * len(curves) + 0.75, 2.8, len(curves), left=0.75, across=0.2, top=0.35, right=0.15)
    for index, (axes, (degree, curve)) in enumerate(zip(panels, curves.items(), strict=True)):
        limits = span(y, 0.3)
        xs, ys = finite(*curve)
        room = 3 * (limits[1] - limits[0])
        axes.plot(
            xs, np.clip(ys, limits[0] - room, limits[1] + room), color=COLOURS[index % len(COLOURS)], linewidth=1.6
        )
        _points(axes, x, y)
        axes.set(xlim=span(x), ylim=limits)
        axes.locator_params(nbins=5)
        label(axes, x_label, "" if index else y_label, f"degree {degree}")
        if index:
            axes.tick_params(labelleft=False)
    return page


def error_over_degree(
    tried: Sequence[int],
    training: Sequence[float] | np.ndarray,
    leave_one_out: Sequence[float] | np.ndarray,
    y_label: str = "mean squared error",
) -> Figure:
    """Error on the points fitted and on points left out, over the degree: bias on the left, variance on the right."""
    page, (axes,) = figure(6.4, 3.6, left=0.85, right=1.25, top=0.4)
    axes.set_yscale("log")
    series = [finite(tried, training), finite(tried, leave_one_out)]
    series = [(x[y > 0], y[y > 0]) for x, y in series]
    values = np.concatenate([y for _, y in series])
    # a fit through every point has an error of rounding only: nothing is learned from its depth
    floor = max(float(values.min()), float(np.median(values)) * 1e-7) / 2 if len(values) else 0.1
    for (x, y), colour, name in zip(series, (BLUE, ORANGE), ("training", "leave one out"), strict=True):
        axes.plot(x, y, "-o", color=colour, markersize=3.5, linewidth=1.6)
        inside = np.flatnonzero(y >= floor)
        if len(inside):
            end = inside[-1]
            note(axes, x[end], y[end], name, 7, color=colour, va="center", fontweight="bold")
    x, y = series[1]
    if len(x):
        at = int(np.argmin(y))
        axes.axvline(x[at], color=INK, linewidth=0.7, alpha=0.5, dashes=(4, 3))
        words = f"best: degree {x[at]:.0f}"
        note(axes, x[at], 1, words, up=4, within=("data", "axes fraction"), ha="center", fontweight="bold")
    note(axes, 0, 1, "← too stiff: bias", up=16, within="axes fraction")
    note(axes, 1, 1, "too free: variance →", up=16, within="axes fraction", ha="right")
    if len(values):
        axes.set_ylim(floor, float(values.max()) * 2)
        wide = values.max() / floor > 1e4
        axes.yaxis.set_major_locator(LogLocator(10, numticks=8) if wide else LogLocator(10, subs=(1, 2, 5), numticks=8))
    axes.yaxis.set_major_formatter(People(alone=True))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="minor", length=0)
    axes.locator_params(axis="x", integer=True)
    label(axes, "degree of the polynomial", y_label)
    return page


def network(
    sizes: Sequence[int],
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    weights: Sequence[np.ndarray] | None = None,
    names: Sequence[str] | None = None,
) -> Figure:
    """Layers of nodes from left to right; of wide layers nine places are drawn, one of them for all that are left out.

    sizes: nodes of each layer, input first; inputs, outputs: words beside their nodes; names: words below each layer,
    e.g. `32 relu`. weights: one array (from, to) between two layers; they colour the edges (blue above, orange below
    zero), up to eight are written on them. A line is `network([2, 1], ["x", "1"], ["y"], [[[slope], [intercept]]])`.
    """
    drawn = [_places(size) for size in sizes]
    most = max(len(places) for places in drawn)
    left = 0.25 + width_of([plain(name) for name in inputs or []], SIZE)
    right = 0.25 + width_of([plain(name) for name in outputs or []], SIZE)
    step = 1.9 if len(sizes) <= 4 else 1.3
    height = max(0.42 * most, 0.6 if most < 2 else 1.0) + 0.6
    page, (axes,) = figure(
        step * (len(sizes) - 1) + left + right + 0.9, height, left=left + 0.4, right=right + 0.4, top=0.1, bottom=0.5
    )
    bare(axes)
    axes.set(xlim=(0, step * (len(sizes) - 1)), ylim=(0, height - 0.6), aspect="equal", clip_on=False)
    pitch = (height - 0.6) / max(most, 1)
    middle = (height - 0.6) / 2
    spots = [
        [(layer * step, middle + (len(p) - 1) * pitch / 2 - row * pitch) for row in range(len(p))]
        for layer, p in enumerate(drawn)
    ]
    for layer in range(len(sizes) - 1):
        _edges(
            axes,
            drawn[layer],
            drawn[layer + 1],
            spots[layer],
            spots[layer + 1],
            None if weights is None else weights[layer],
        )
    radius = min(0.16, pitch * 0.36)
    for layer, (places, points) in enumerate(zip(drawn, spots, strict=True)):
        colour = BLUE if layer == 0 else GREEN if layer == len(sizes) - 1 else VIOLET
        circles = [Circle(point, radius) for place, point in zip(places, points, strict=True) if place is not None]
        axes.add_collection(PatchCollection(circles, facecolor=colour, edgecolor="none", zorder=3, clip_on=False))
        for place, (x, y) in zip(places, points, strict=True):
            if place is None:
                write(axes, x, y, "⋮", ha="center", va="center", fontsize=SIZE + 4)
            elif layer == 0 and inputs is not None and place < len(inputs):
                write(axes, x - radius - 0.08, y, plain(inputs[place]), ha="right", va="center", fontsize=SIZE)
            elif layer == len(sizes) - 1 and outputs is not None and place < len(outputs):
                write(axes, x + radius + 0.08, y, plain(outputs[place]), ha="left", va="center", fontsize=SIZE)
        words = names[layer] if names is not None else f"{sizes[layer]:,}"
        write(axes, layer * step, -0.16, plain(words), ha="center", va="top", fontsize=SMALL)
    return page


def _places(size: int) -> list[int | None]:
    """Which nodes are drawn, top to bottom; `None` stands for those left out."""
    if size <= MOST_NODES:
        return list(range(size))
    return [*range(MOST_NODES - 2), None, size - 1]


def _edges(
    axes: Axes,
    before: list[int | None],
    after: list[int | None],
    starts: list[tuple[float, float]],
    ends: list[tuple[float, float]],
    weights: np.ndarray | None,
) -> None:
    table = None if weights is None else np.nan_to_num(np.asarray(weights, dtype=np.float64))
    lines, colours, widths, words = [], [], [], []
    largest = max(float(np.abs(table).max()), 1e-30) if table is not None and table.size else 1.0
    for i, start in zip(before, starts, strict=True):
        for j, end in zip(after, ends, strict=True):
            if i is None or j is None:
                continue
            lines.append([start, end])
            value = 0.0 if table is None else float(table[i, j])
            strength = abs(value) / largest
            colours.append(
                tint(GREY, np.array(0.4))
                if table is None
                else tint(BLUE if value >= 0 else ORANGE, np.array(0.25 + 0.75 * strength))
            )
            widths.append(0.7 if table is None else 0.5 + 1.8 * strength)
            words.append((0.55 * start[0] + 0.45 * end[0], 0.55 * start[1] + 0.45 * end[1], value))
    axes.add_collection(LineCollection(lines, colors=colours, linewidths=widths, zorder=1, clip_on=False))
    if table is not None and len(lines) <= 8:
        for x, y, value in words:
            write(axes, x, y + 0.07, number(value), ha="center", va="bottom", fontsize=SIZE, fontweight="bold")
