"""Figures of recurrent networks: gates over a text, gradients over distance, what is recalled."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from maquette.figures.style import BLUE, COLOURS, INK, ORANGE, SMALL, figure, finite, label, legend, plain, tint
from maquette.figures.text import visible
from maquette.figures.training import log_ticks

Line = tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]
DEEPEST = 1e-12  # of the highest value, below which a logarithmic axis shows nothing
SIGNED = ("new", "memory", "state")  # what lies between -1 and 1 instead of 0 and 1


def gates(values: Mapping[str, np.ndarray], tokens: Sequence[str]) -> Figure:
    """What the cell did at each token: a strip for each gate (T, units), a row a unit, a column a token."""
    count = len(values)
    units = next(iter(values.values())).shape[1]
    height = 0.11 * units + 0.1
    page, cells = figure(
        9.0, count * (height + 0.33) + 0.55, 1, count, left=0.3, right=0.2, top=0.3, bottom=0.5, down=0.33, grid="none"
    )
    for axes, (name, numbers) in zip(cells, values.items(), strict=True):
        if name in SIGNED:
            reach = max(1.0, float(np.abs(numbers).max()))
            shades = np.where(
                (numbers.T > 0)[..., None], tint(ORANGE, numbers.T / reach), tint(BLUE, -numbers.T / reach)
            )
        else:
            shades = tint(INK, numbers.T)
        axes.imshow(shades, interpolation="nearest", aspect="auto")
        axes.set_yticks([])
        axes.set_xticks(range(len(tokens)), [])
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(length=0)
        label(axes, heading=name)
    cells[-1].set_xticks(range(len(tokens)), [plain(visible(token)) for token in tokens], fontsize=SMALL)
    if max(map(len, tokens)) > 2:
        cells[-1].tick_params(axis="x", rotation=60)
    return page


def over_distance(
    lines: Mapping[str, Line],
    y_label: str,
    *,
    x_label: str = "tokens back",
    logarithmic: bool = False,
    dotted: float | None = None,
    dots: bool = False,
) -> Figure:
    """Named lines over a distance on a logarithmic axis; `dotted` is a level to compare with."""
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
        axes.plot(x[good], y[good], color=colour, linewidth=width, label=plain(name, 40), **mark)
    if logarithmic:
        highest = max((float(np.nanmax(line[1])) for line in lines.values() if len(line[1])), default=1.0)
        axes.set_ylim(bottom=max(axes.get_ylim()[0], DEEPEST * highest))
    label(axes, x_label, y_label)
    legend(axes, loc="best")
    return page
