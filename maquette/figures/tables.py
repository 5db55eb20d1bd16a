"""Figures of tables: distributions, missing values, pairs, correlations, maps, bars.

Small multiples are drawn into one pair of axes with a handful of artists: matplotlib takes about 15 ms for each pair of
axes, but only 1 ms for a hundred rectangles in one collection.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maquette.figures.numbers import number
from maquette.figures.pairs import correlations, map_of, pair_plot
from maquette.figures.style import (
    BLUE,
    GREY,
    INK,
    SMALL,
    bare,
    figure,
    finite,
    label,
    note,
    plain,
    title,
    width_of,
    write,
)

__all__ = ["bars", "correlations", "distributions", "map_of", "missing_counts", "pair_plot"]

MOST_PANELS = 24


def distributions(frame: pd.DataFrame, kinds: Mapping[str, str]) -> Figure:
    """One small picture a column: a histogram for `number` and `date`, the commonest values as bars for all else.

    kinds: column -> kind; at most 24 columns are drawn, and the figure says how many were left out.
    """
    names = [name for name in kinds if name in frame][:MOST_PANELS]
    across = min(4, max(len(names), 1))
    rows = -(-max(len(names), 1) // across)
    left_out = len(kinds) - len(names)
    foot = 0.3 if left_out else 0.05
    page, (axes,) = figure(1.85 * across, 1.3 * rows + foot, left=0.02, right=0.02, top=0.02, bottom=foot)
    bare(axes)
    axes.set(xlim=(0, 1.85 * across), ylim=(-1.3 * rows, 0))
    bars: list[Rectangle] = []
    base = []
    for place, name in enumerate(names):
        x, y = 1.85 * (place % across) + 0.08, -1.3 * (place // across)
        write(axes, x, y - 0.06, plain(name, 24), va="top", fontweight="bold")
        if kinds[name] in ("number", "date"):
            base.append([(x, y - 1.02), (x + 1.62, y - 1.02)])
            bars += _histogram(axes, frame[name], kinds[name], x, y)
        else:
            bars += _commonest(axes, frame[name], x, y)
    axes.add_collection(PatchCollection(bars, facecolor=BLUE, edgecolor="none", alpha=0.85))
    axes.add_collection(LineCollection(base, colors=INK, linewidths=0.6, alpha=0.5))
    if left_out:
        text = f"{left_out} more column{'s are' if left_out > 1 else ' is'} not drawn"
        page.text(0.02, 0.08 / page.get_figheight(), text, color=INK, fontsize=SMALL)
    return page


def _histogram(axes: Any, series: pd.Series, kind: str, x: float, y: float) -> list[Rectangle]:
    if kind == "date":
        dates = pd.to_datetime(series, errors="coerce").dropna()
        (values,) = finite(dates.astype("int64").to_numpy())
        ends = [f"{dates.min():%Y-%m-%d}", f"{dates.max():%Y-%m-%d}"] if len(values) else ["", ""]
    else:
        (values,) = finite(pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan))
        ends = [number(values.min(), digits=3), number(values.max(), digits=3)] if len(values) else ["", ""]
    if not len(values):
        write(axes, x, y - 0.6, "no values", alpha=0.7)
        return []
    write(axes, x, y - 1.06, ends[0], va="top", fontsize=SMALL - 1)
    if values.min() == values.max():
        write(axes, x, y - 0.6, "the same everywhere", alpha=0.7, fontsize=SMALL - 1)
        return [Rectangle((x, y - 1.02), 0.08, 0.3)]
    write(axes, x + 1.62, y - 1.06, ends[1], va="top", ha="right", fontsize=SMALL - 1)
    different = len(np.unique(values[:10_000]))
    if np.ptp(values) < 1e-9 * np.abs(values).max():  # numpy refuses bins too narrow for numbers of that size
        values = values - values.min()
    heights, _ = np.histogram(values, bins=int(np.clip(different, 2, 30)))
    wide = 1.62 / len(heights)
    tall = 0.72 * heights / heights.max()
    return [Rectangle((x + i * wide, y - 1.02), wide * 0.9, high) for i, high in enumerate(tall) if high]


def _commonest(axes: Any, series: pd.Series, x: float, y: float) -> list[Rectangle]:
    counts = series.astype("string").value_counts()
    if not len(counts):
        write(axes, x, y - 0.6, "no values", alpha=0.7)
        return []
    shown = counts.iloc[:4] if len(counts) <= 4 else counts.iloc[:3]
    bars = []
    for place, (name, count) in enumerate(shown.items()):
        at = y - 0.36 - 0.21 * place
        write(axes, x + 0.8, at, plain(name, 13), va="center", ha="right", fontsize=SMALL - 1)
        bars.append(Rectangle((x + 0.85, at - 0.065), 0.78 * count / counts.iloc[0], 0.13))
    if len(counts) > len(shown):
        share = 100 * counts.iloc[len(shown) :].sum() / counts.sum()
        rest = f"and {len(counts) - len(shown):,} others, {number(share, '%', 2)}"
        write(axes, x + 0.02, y - 0.36 - 0.21 * len(shown), rest, va="center", fontsize=SMALL - 1, alpha=0.8)
    return bars


def missing_counts(counts: Mapping[str, int], rows: int | None = None) -> Figure:
    """How many values each column misses, most first, with `rows` also in per cent; whole columns are only counted."""
    gaps = dict(
        sorted(((name, int(count)) for name, count in counts.items() if count > 0), key=lambda item: -item[1])[
            :MOST_PANELS
        ]
    )
    part = (lambda count: f" ({number(100 * count / rows, digits=2)} %)") if rows else (lambda count: "")
    page = bars(gaps, "missing values", notes={name: f"{count:,}{part(count)}" for name, count in gaps.items()})
    whole = sum(1 for count in counts.values() if count == 0)
    title(page.axes[0], f"{whole} of {len(counts)} columns miss nothing")
    return page


def bars(
    values: Mapping[str, float],
    label_text: str,
    errors: Mapping[str, float] | None = None,
    highlight: str | None = None,
    notes: Mapping[str, str] | None = None,
    unit: str = "",
    most: int = 24,
) -> Figure:
    """Horizontal bars in the order given, each with its number (or its note) behind it; `errors` are drawn as whiskers.

    highlight: the one bar in colour while the others are grey, e.g. the model among its baselines.
    """
    items = [(name, float(value)) for name, value in values.items() if np.isfinite(value)][:most]
    left_out = len(values) - len(items)
    names = [plain(name, 30) for name, _ in items]
    texts = [plain((notes or {}).get(name) or number(value, unit), 30) for name, value in items]
    left, right = min(width_of(names) + 0.2, 2.4), min(width_of(texts) + 0.25, 1.8)
    page, (axes,) = figure(
        6.4, 0.24 * max(len(items), 1) + 0.85, left=left, right=right, top=0.28, bottom=0.5, grid="x"
    )
    lengths = np.array([value for _, value in items])
    places = np.arange(len(items))
    colours = [BLUE if highlight in (None, name) else GREY for name, _ in items]
    axes.barh(places, lengths, height=0.66, color=colours, alpha=0.85, linewidth=0)
    if len(items) and lengths.min() < 0:
        axes.axvline(0, color=INK, linewidth=0.7)
    reach = lengths.copy()
    if errors:
        spread = np.array([errors.get(name, 0.0) for name, _ in items])
        axes.hlines(places, lengths - spread, lengths + spread, color=INK, linewidth=1)
        reach = lengths + spread
    for place, (name, _) in enumerate(items):
        weight = "bold" if name == highlight else "normal"
        note(axes, max(reach[place], 0), place, texts[place], 4, va="center", fontweight=weight)
    axes.set_yticks(places, names)
    axes.set_ylim(len(items) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(bool(len(items)))
    if not len(items):
        axes.set_yticks([])
        axes.text(
            0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", va="center", color=INK, fontsize=SMALL
        )
    label(axes, label_text + (f" ({unit})" if unit else "") + (f"; {left_out} more not drawn" if left_out else ""))
    return page
