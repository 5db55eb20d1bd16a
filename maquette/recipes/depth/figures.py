"""Figures of deep networks: errors by kind and depth, gradients over the input, sizes by layer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator

from maquette.figures.style import (
    BLUE,
    COLOURS,
    INK,
    SEQUENCE,
    SMALL,
    People,
    figure,
    finite,
    label,
    legend,
    plain,
    span,
    width_of,
)
from maquette.figures.training import log_ticks, name_ends

Line = tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]
ACROSS = 3  # panels in a row


def by_depth(
    panels: Mapping[str, Mapping[str, Line]],
    x_label: str,
    y_label: str,
    references: Mapping[str, Line] | None = None,
    logarithmic: bool = False,
) -> Figure:
    """A panel for each kind of network, a line (x, y) for each depth, from blue for the first to gold for the last.

    All panels have the same axes; `references` are drawn dashed in each. Noughts lie on the lower edge of logarithmic
    axes. The names of the lines stand in the place that is left after the last panel, or in the first panel.
    """
    rows = max(1, -(-len(panels) // ACROSS))
    page, cells = figure(9.0, 2.3 * rows + 0.45, ACROSS, rows, left=0.75, top=0.3, across=0.3, down=0.62)
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    lowest, highest = _limits([line for lines in panels.values() for line in lines.values()], logarithmic)
    for place, (axes, (kind, lines)) in enumerate(zip(cells, panels.items(), strict=False)):
        if logarithmic:
            axes.set_yscale("log")
            log_ticks(axes.yaxis)
        for name, line in (references or {}).items():
            x, y = finite(*line)
            axes.plot(x, y, color=INK, linewidth=1, alpha=0.7, dashes=_dashes(list(references or {}).index(name)))
        for name, line in lines.items():
            x, y = finite(*line)
            y = y.clip(lowest) if logarithmic else y
            axes.plot(x, y, color=_shade(names.index(name), len(names)), linewidth=1.6)
        axes.set_ylim(lowest, highest)
        is_left, is_last = place % ACROSS == 0, place + ACROSS >= len(panels)
        axes.tick_params(labelleft=is_left, labelbottom=is_last)
        label(axes, x_label if is_last else "", y_label if is_left else "", kind)
    for axes in cells[len(panels) :]:
        axes.set_axis_off()
    keys = cells[len(panels)] if len(panels) < len(cells) else cells[0]
    for index, name in enumerate(names):
        keys.plot([], [], color=_shade(index, len(names)), linewidth=1.6, label=plain(name))
    for index, name in enumerate(references or {}):
        keys.plot([], [], color=INK, linewidth=1, alpha=0.7, dashes=_dashes(index), label=plain(name))
    if names or references:
        legend(keys, loc="upper left" if keys is not cells[0] else "best", handlelength=2.2)
    return page


def _shade(index: int, count: int) -> Any:
    return SEQUENCE(index / max(1, count - 1))


def _dashes(index: int) -> tuple[int, int]:
    return ((5, 3), (1, 2))[index % 2]


def _limits(lines: Sequence[Line], logarithmic: bool) -> tuple[float, float]:
    values = np.concatenate([finite(*line)[1] for line in lines]) if lines else np.zeros(0)
    if not logarithmic:
        return span(values)
    values = values[values > 0]
    return (float(values.min()) / 1.3, float(values.max()) * 1.3) if len(values) else (0.1, 1.0)


def over_depth(lines: Mapping[str, Line], y_label: str) -> Figure:
    """Named lines over the number of layers, both axes logarithmic, with a tick at each depth there is."""
    words = [plain(name, 24) for name in lines]
    page, (axes,) = figure(6.4, 3.3, top=0.3, right=0.3 + width_of(words) * 1.1)
    lowest, highest = _limits(list(lines.values()), logarithmic=True)
    axes.set(xscale="log", yscale="log", ylim=(lowest, highest))
    log_ticks(axes.yaxis)
    ends = []
    for index, (word, line) in enumerate(zip(words, lines.values(), strict=True)):
        x, y = finite(*line)
        y = y.clip(lowest)
        axes.plot(x, y, "-o", color=COLOURS[index % len(COLOURS)], linewidth=1.7, markersize=3.5)
        if len(x):
            ends.append((float(x[-1]), float(y[-1]), word, COLOURS[index % len(COLOURS)]))
    name_ends(axes, ends)
    depths = sorted({float(x) for line in lines.values() for x in line[0]})
    axes.xaxis.set_major_locator(FixedLocator(depths))
    axes.xaxis.set_major_formatter(People(alone=True))
    axes.xaxis.set_minor_locator(FixedLocator([]))
    label(axes, "layers", y_label)
    return page


def gradients(series: Mapping[str, Line]) -> Figure:
    """Gradients over the input in small panels, each in its own scale: only the shape counts."""
    rows = max(1, -(-len(series) // ACROSS))
    page, cells = figure(9.0, 1.55 * rows + 0.35, ACROSS, rows, left=0.15, bottom=0.5, top=0.3, across=0.25, down=0.42)
    for place, (axes, (name, line)) in enumerate(zip(cells, series.items(), strict=False)):
        x, y = finite(*line)
        axes.axhline(0, color=INK, linewidth=0.6, alpha=0.5)
        axes.plot(x, y, color=BLUE, linewidth=1.0)
        reach = max(abs(value) for value in span(y))
        axes.set_ylim(-reach, reach)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        is_last = place + ACROSS >= len(series)
        axes.tick_params(labelbottom=is_last)
        label(axes, "input" if is_last else "", heading=name)
    for axes in cells[len(series) :]:
        axes.set_axis_off()
    return page


def by_layer(panels: Mapping[str, Mapping[str, Sequence[float] | np.ndarray]]) -> Figure:
    """A size over the number of the layer, from 1 on: a panel for each size, a line for each kind; logarithmic."""
    count = max(1, len(panels))
    page, cells = figure(9.0, 3.5, count, left=0.75, top=0.35, bottom=0.85, across=0.75)
    for axes, (name, lines) in zip(cells, panels.items(), strict=False):
        axes.set_yscale("log")
        for index, (kind, values) in enumerate(lines.items()):
            x, y = finite(np.arange(1, len(values) + 1), values)
            width = 1.4 + 0.5 * min(len(lines) - 1 - index, 3)  # of two equal lines the lower one must still be seen
            axes.plot(x[y > 0], y[y > 0], color=COLOURS[index % len(COLOURS)], linewidth=width, label=plain(kind, 40))
        low, high = axes.get_ylim()
        log_ticks(axes.yaxis)
        if high > 1e4 * low:
            axes.yaxis.set_major_locator(LogLocator(10, numticks=7))
        label(axes, "layer", heading=name)
    drawn = cells[0].get_legend_handles_labels()
    if drawn[0]:
        looks: dict[str, Any] = {"fontsize": SMALL, "labelcolor": INK, "handlelength": 1.4, "frameon": False}
        page.legend(*drawn, loc="lower center", ncols=len(drawn[0]), **looks)
    return page
