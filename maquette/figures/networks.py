"""Drawings of small networks: nodes, edges, weights."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from maquette.figures.numbers import number
from maquette.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SIZE,
    SMALL,
    VIOLET,
    bare,
    figure,
    plain,
    tint,
    width_of,
    write,
)

MOST_NODES = 9


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
