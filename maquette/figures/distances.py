"""Curves over a distance: how gradients fade, and what is remembered."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from maquette.figures.style import COLOURS, INK, figure, finite, label, legend, plain
from maquette.figures.training import log_ticks

Line = tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]
DEEPEST = 1e-12  # of the highest value, below which a logarithmic axis shows nothing


def over_distance(
    lines: Mapping[str, Line],
    y_label: str,
    *,
    x_label: str = "tokens back",
    logarithmic: bool = False,
    dotted: float | None = None,
    dots: bool = False,
    bands: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> Figure:
    """Named lines over a distance on a logarithmic axis.

    `dotted` is a level to compare with; `bands`: below and above a line, the range in which it may as well lie.
    """
    page, (axes,) = figure(7.0, 3.2, left=0.85, right=0.25)
    axes.set_xscale("log")
    log_ticks(axes.xaxis)
    if logarithmic:
        axes.set_yscale("log")
        log_ticks(axes.yaxis)
        axes.yaxis.set_major_locator(LogLocator(10, numticks=7))
    if dotted is not None:
        axes.axhline(dotted, color=INK, linewidth=1, alpha=0.7, dashes=(1, 2))
    for index, (name, line) in enumerate(lines.items()):
        x, y = finite(*line)
        good = y > 0 if logarithmic else np.ones(len(y), dtype=bool)
        mark: dict[str, Any] = {"marker": "o", "markersize": 3.5} if dots else {}
        width = 1.5 + 0.7 * min(len(lines) - 1 - index, 3)  # of equal lines the lower one must still be seen
        colour = COLOURS[index % len(COLOURS)]
        if bands and name in bands:
            axes.fill_between(np.asarray(line[0]), *bands[name], color=colour, alpha=0.18, linewidth=0)
        axes.plot(x[good], y[good], color=colour, linewidth=width, label=plain(name, 40), **mark)
    if logarithmic:
        heights = [float(y.max()) for _, y in (finite(*line) for line in lines.values()) if len(y)]
        axes.set_ylim(bottom=max(axes.get_ylim()[0], DEEPEST * max(heights, default=1.0)))
    label(axes, x_label, y_label)
    legend(axes, loc="best")
    return page
