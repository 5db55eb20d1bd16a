"""Figures of training and of regression: losses, predicted over true, errors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from maquette.figures.numbers import number
from maquette.figures.style import (
    BLUE,
    COLOURS,
    INK,
    ORANGE,
    SEQUENCE,
    SMALL,
    People,
    figure,
    finite,
    label,
    labelled,
    legend,
    note,
    plain,
    span,
    title,
    width_of,
    write,
)

DENSE = 3_000


def losses(
    records: Sequence[Mapping[str, Any]],
    curves: Mapping[str, str],
    over: str = "step",
    unit: str = "",
    best: str | None = None,
    higher_is_better: bool = False,
    quantity: str = "loss",
) -> Figure:
    """Curves over the steps (or over `epoch`, `seconds`: any name in the records), with the best point of one marked.

    curves: name in the records -> words beside the curve. `best` names the curve whose best point counts; the last one
    if not given. The axis is logarithmic where the values span more than a factor of 50.
    """
    lines = {}
    for name, words in curves.items():
        points = [(record[over], record[name]) for record in records if _is_number(record.get(name)) and over in record]
        x, y = finite(*np.array(points, dtype=np.float64).reshape(-1, 2).T)
        lines[words] = (x, y)
    alone = len(lines) == 1
    drawn = overlaid(lines, over, labelled(next(iter(lines)) if alone else quantity, unit), named=not alone)
    axes = drawn.axes[0]
    axes.locator_params(axis="x", integer=over != "seconds")
    marked = curves[best] if best else next((words for words, (x, _) in reversed(lines.items()) if len(x) > 1), None)
    if marked is not None and len(lines[marked][0]) > 1:
        x, y = lines[marked]
        at = int(np.argmax(y) if higher_is_better else np.argmin(y))
        colour = COLOURS[list(lines).index(marked) % len(COLOURS)]
        axes.plot(
            x[at],
            y[at],
            "o",
            markersize=6.5,
            markerfacecolor="none",
            markeredgecolor=colour,
            markeredgewidth=1.5,
            zorder=4,
        )
        what = "best" if alone else f"best {marked}"
        title(axes, f"{what} {number(float(y[at]))} at {over} {number(float(x[at]))}")
    return drawn


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def overlaid(
    lines: Mapping[str, tuple[np.ndarray, np.ndarray]], x_label: str, y_label: str, named: bool = True
) -> Figure:
    """Named lines (x, y) in one pair of axes, each name where its line ends; logarithmic beyond a factor of 50."""
    words = [plain(name, 24) for name in lines]
    crowded = len(lines) > 6 and named
    room = 0.3 + width_of(words) * 1.1 if named and not crowded else 0.25
    page, (axes,) = figure(6.4, 3.3, top=0.3, right=min(room, 2.2))
    values = np.concatenate([y for _, y in lines.values()]) if lines else np.zeros(0)
    if len(values) and values.min() > 0 and values.max() > 50 * values.min():
        axes.set_yscale("log")
        log_ticks(axes.yaxis)
    ends = []
    for index, (word, (x, y)) in enumerate(zip(words, lines.values(), strict=True)):
        colour = COLOURS[index % len(COLOURS)]
        style = "-" if index < len(COLOURS) else "--"
        width = 1.5 + 0.6 * min(len(lines) - 1 - index, 3)  # of two equal curves the lower one must still be seen
        axes.plot(
            x, y, style, color=colour, linewidth=width, label=word, marker="o" if len(x) < 16 else "", markersize=3
        )
        if len(x):
            ends.append((float(x[-1]), float(y[-1]), word, colour))
    if not len(values):
        axes.text(0.5, 0.5, "no values were logged", transform=axes.transAxes, ha="center", color=INK, fontsize=SMALL)
    elif crowded:
        legend(axes, ncols=2)
    elif named:
        name_ends(axes, ends)
    label(axes, x_label, y_label)
    return page


def log_ticks(axis: Any) -> None:
    """Ticks of a logarithmic axis at 1, 2 and 5 times powers of ten, written for people."""
    axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0), numticks=8))
    axis.set_major_formatter(People(alone=True))
    axis.set_minor_formatter(NullFormatter())
    axis.set_tick_params(which="minor", length=0)


def name_ends(axes: Any, ends: list[tuple[float, float, str, str]]) -> None:
    """Writes each line's name right of its end, moved apart where two would touch."""
    low, high = axes.get_ylim()
    logarithmic = axes.get_yscale() == "log"
    place = (lambda y: np.log(y / low) / np.log(high / low)) if logarithmic else (lambda y: (y - low) / (high - low))
    placed = sorted(((float(place(y)), word, colour) for _, y, word, colour in ends), key=lambda end: end[0])
    heights = [height for height, _, _ in placed]
    for index in range(1, len(heights)):
        heights[index] = max(heights[index], heights[index - 1] + 0.065)
    heights[-1] = min(heights[-1], 1.0)
    for index in reversed(range(len(heights) - 1)):
        heights[index] = min(heights[index], heights[index + 1] - 0.065)
    for height, (_, word, colour) in zip(heights, placed, strict=True):
        note(axes, 1.015, height, word, within="axes fraction", color=colour, va="center", fontweight="bold")


def predicted_over_true(
    true: Sequence[float] | np.ndarray,
    predicted: Sequence[float] | np.ndarray,
    unit: str = "",
    low: Sequence[float] | np.ndarray | None = None,
    high: Sequence[float] | np.ndarray | None = None,
) -> Figure:
    """Predictions over the truth with the diagonal; many points are shown as density, few with their interval."""
    page, (axes,) = figure(4.6, 4.5, left=0.8, bottom=0.6, top=0.3)
    if low is not None and high is not None and len(true) <= 300:
        x, y, below, above = finite(true, predicted, low, high)
        axes.vlines(x, below, above, color=BLUE, alpha=0.3, linewidth=1, label="interval")
    else:
        x, y = finite(true, predicted)
    both = np.concatenate([x, y])
    # a handful of wild predictions must not squeeze all others into a corner
    near = both if len(x) < 1000 else both[(both >= np.quantile(both, 0.001)) & (both <= np.quantile(both, 0.999))]
    limits = span(near)
    if len(x) > DENSE:
        inside = (x >= limits[0]) & (x <= limits[1]) & (y >= limits[0]) & (y <= limits[1])
        shown = axes.hexbin(
            x[inside],
            y[inside],
            gridsize=70,
            extent=(*limits, *limits),
            mincnt=1,
            cmap=SEQUENCE,
            norm=LogNorm(),
            linewidths=0.1,
            rasterized=True,
        )
        _colour_scale(page, axes, shown, "rows")
    else:
        alpha = float(np.clip(60 / max(len(x), 1) ** 0.6, 0.25, 0.9))
        axes.plot(x, y, "o", color=BLUE, alpha=alpha, markersize=3.5, markeredgewidth=0, rasterized=len(x) > 800)
    axes.plot(limits, limits, color=INK, linewidth=0.8, alpha=0.7, dashes=(5, 3))
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    out = int(np.sum((x < limits[0]) | (x > limits[1]) | (y < limits[0]) | (y > limits[1])))
    words = f"{len(x):,} rows" + (f", {out:,} outside the frame" if out else "")
    title(axes, words)
    label(axes, labelled("true", unit), labelled("predicted", unit))
    return page


def _colour_scale(page: Figure, axes: Any, shown: Any, name: str) -> None:
    """A thin scale of colours inside the axes' lower right corner."""
    inset = axes.inset_axes((0.6, 0.07, 0.34, 0.025))
    scale = page.colorbar(shown, cax=inset, orientation="horizontal")
    scale.outline.set_visible(False)
    scale.ax.minorticks_off()
    low, high = shown.norm.vmin, shown.norm.vmax
    inset.set_xticks(
        [low, high] if high > low else [low], [number(round(v)) for v in ([low, high] if high > low else [low])]
    )
    inset.tick_params(colors=INK, labelsize=SMALL, length=0, pad=2)
    inset.set_title(name, fontsize=SMALL, color=INK, pad=3)


def error_histogram(errors: Sequence[float] | np.ndarray, unit: str = "", bins: int = 25) -> Figure:
    """How often which error (predicted less true) occurs, zero and the median marked; the end bins hold the rest."""
    page, (axes,) = figure(4.6, 3.3, left=0.75, grid="y")
    (values,) = finite(errors)
    if len(values):
        low, high = np.quantile(values, [0.005, 0.995]) if len(values) >= 200 else (values.min(), values.max())
        if low == high:
            low, high = span(values)
        heights, edges = np.histogram(np.clip(values, low, high), bins=bins, range=(low, high))
        axes.bar(edges[:-1], heights, np.diff(edges), align="edge", color=BLUE, alpha=0.85, linewidth=0)
        median = float(np.median(values))
        axes.axvline(0, color=INK, linewidth=0.8, alpha=0.8)
        axes.axvline(median, color=ORANGE, linewidth=1.3)
        write(
            axes,
            0.98,
            0.96,
            f"median {number(median, unit)}",
            transform=axes.transAxes,
            ha="right",
            va="top",
            color=ORANGE,
            fontweight="bold",
        )
        half = float(np.median(np.abs(values)))
        write(axes, 0.98, 0.89, f"half within ±{number(half, unit)}", transform=axes.transAxes, ha="right", va="top")
    label(axes, labelled("predicted − true", unit), "rows")
    return page


def error_over_columns(
    frame: pd.DataFrame, columns: Sequence[str], errors: Sequence[float] | np.ndarray, unit: str = ""
) -> Figure:
    """The absolute error over up to six columns: median and middle half in up to 12 bins of equally many rows."""
    shown = list(columns)[:6]
    across = min(3, max(len(shown), 1))
    rows = max(-(-len(shown) // across), 1)
    page, panels = figure(
        2.3 * across + 0.6, 2.05 * rows + 0.45, across, rows, left=0.75, bottom=0.5, top=0.15, across=0.28, down=0.6
    )
    size = np.abs(np.asarray(errors, dtype=np.float64))
    tops = []
    for index, (axes, column) in enumerate(zip(panels, shown, strict=False)):
        series = frame[column]
        if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series):
            tops.append(_binned(axes, *finite(series.to_numpy(dtype=np.float64, na_value=np.nan), size)))
        else:
            tops.append(_by_class(axes, series, size))
        axes.locator_params(axis="y", nbins=4)
        label(axes, plain(column, 30), labelled("absolute error", unit) if index % across == 0 else "")
        if index % across:
            axes.tick_params(labelleft=False)
    for axes in panels:
        axes.set_ylim(0, max([*tops, 1e-12]) * 1.08)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    return page


def _binned(axes: Any, x: np.ndarray, size: np.ndarray) -> float:
    if not len(x):
        return 0.0
    edges = np.unique(np.quantile(x, np.linspace(0, 1, min(13, max(len(x) // 4, 2)))))
    place = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, max(len(edges) - 2, 0))
    groups = [(np.median(x[place == i]), *np.quantile(size[place == i], [0.25, 0.5, 0.75])) for i in np.unique(place)]
    middle, low, half, high = np.array(groups).T
    axes.fill_between(middle, low, high, color=BLUE, alpha=0.25, linewidth=0)
    axes.plot(middle, half, "-o", color=BLUE, markersize=3, linewidth=1.5)
    axes.locator_params(axis="x", nbins=4)
    return float(high.max())


def _by_class(axes: Any, series: pd.Series, size: np.ndarray) -> float:
    names = series.astype("string").fillna("missing")
    common = names.value_counts().index[:6]
    top = 0.0
    for place, name in enumerate(common):
        values = size[(names == name).to_numpy()]
        values = values[np.isfinite(values)]
        if len(values):
            low, half, high = np.quantile(values, [0.25, 0.5, 0.75])
            axes.plot([place, place], [low, high], color=BLUE, alpha=0.35, linewidth=8, solid_capstyle="butt")
            axes.plot(place, half, "o", color=BLUE, markersize=4)
            top = max(top, float(high))
        # names stand along their bars: below the axis they would touch each other
        note(axes, place, 0, plain(name, 16), -8, 3, rotation=90, ha="right", va="bottom", fontsize=SMALL - 1)
    axes.set_xticks([])
    axes.set_xlim(-0.9, max(len(common) - 0.5, 0.5))
    return top
