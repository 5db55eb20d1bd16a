"""Figures of tables: distributions, missing values, pairs, correlations, maps, bars.

Small multiples are drawn into one pair of axes with a handful of artists: matplotlib takes about 15 ms for each pair of axes,
but only 1 ms for a hundred rectangles in one collection.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection, PatchCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maquette.figures.numbers import number
from maquette.figures.style import (
    BLUE,
    COLOURS,
    GREY,
    INK,
    ORANGE,
    SEQUENCE,
    SIZE,
    SMALL,
    People,
    bare,
    figure,
    finite,
    label,
    note,
    plain,
    tint,
    width_of,
    write,
)

MOST_PANELS = 24
MOST_CLASSES = len(COLOURS)


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
        rest = f"and {len(counts) - len(shown):,} others, {number(100 * counts.iloc[len(shown) :].sum() / counts.sum(), '%', 2)}"
        write(axes, x + 0.02, y - 0.36 - 0.21 * len(shown), rest, va="center", fontsize=SMALL - 1, alpha=0.8)
    return bars


def missing_counts(counts: Mapping[str, int], rows: int | None = None) -> Figure:
    """How many values each column misses, most first; with `rows` also as part of all. Columns that miss none are counted only."""
    gaps = dict(
        sorted(((name, int(count)) for name, count in counts.items() if count > 0), key=lambda item: -item[1])[
            :MOST_PANELS
        ]
    )
    part = (lambda count: f" ({number(100 * count / rows, digits=2)} %)") if rows else (lambda count: "")
    page = bars(gaps, "missing values", notes={name: f"{count:,}{part(count)}" for name, count in gaps.items()})
    whole = sum(1 for count in counts.values() if count == 0)
    page.axes[0].set_title(f"{whole} of {len(counts)} columns miss nothing", loc="left", fontsize=SMALL, color=INK)
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


def pair_plot(frame: pd.DataFrame, columns: Sequence[str], colour: str | None = None) -> Figure:
    """Every pair of at most six columns as points, their histograms on the diagonal; `frame` is best sampled to 1,000 rows.

    colour: a column whose classes (at most eight, else the commonest seven and `other`) or numbers colour the points.
    """
    columns = [name for name in columns if name in frame][:6]
    count = max(len(columns), 1)
    cell, gap, left, bottom = min(1.9, 6.3 / count), 0.1, 0.35, 0.42
    size = cell * count
    page, (axes,) = figure(size + left + 0.15, size + bottom + 0.1, left=left, bottom=bottom, right=0.15, top=0.1)
    bare(axes)
    axes.set(xlim=(0, count), ylim=(count, 0))
    inner = 1 - gap
    groups, numbers = _groups(frame, colour)
    scaled = {}
    for name in columns:
        values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        values = np.where(np.isfinite(values), values, np.nan)
        low, high = (np.nanmin(values), np.nanmax(values)) if np.isfinite(values).any() else (0.0, 1.0)
        scaled[name] = (values - low) / (high - low) if high > low else np.where(np.isnan(values), np.nan, 0.5)
        _pair_labels(axes, columns, name, float(low), float(high), inner, cell)
    frames = [
        [(x, y), (x, y + inner), (x + inner, y + inner)] for y in range(len(columns)) for x in range(y + 1)
    ]  # left and lower edge of each panel
    axes.add_collection(LineCollection(frames, colors=INK, linewidths=0.6, alpha=0.45))
    pairs = [(column, row) for row in range(len(columns)) for column in range(row)]
    if pairs and len(frame):
        x = np.concatenate([c + 0.03 + scaled[columns[c]] * (inner - 0.06) for c, _ in pairs])
        y = np.concatenate([r + inner - 0.03 - scaled[columns[r]] * (inner - 0.06) for _, r in pairs])
        many = len(x) > 1200
        looks: dict[str, Any] = {
            "s": 6 if many else 11,
            "linewidths": 0,
            "alpha": 0.6 if many else 0.75,
            "rasterized": many,
        }
        if numbers is not None:
            _scale_beside(
                page, axes, axes.scatter(x, y, c=np.tile(numbers, len(pairs)), cmap=SEQUENCE, **looks), plain(colour)
            )
        else:
            # row by row, not class by class: no class may hide the others
            hues = np.empty(len(frame), dtype="U7")
            for index, chosen in enumerate(groups.values()):
                hues[chosen] = COLOURS[index % len(COLOURS)]
            axes.scatter(x, y, c=np.tile(hues, len(pairs)), **looks)
    tallest = {name: _heights(scaled[name][np.isfinite(scaled[name])]).max(initial=1) for name in columns}
    for index, chosen in enumerate(groups.values()):
        hue = COLOURS[index % len(COLOURS)]
        polygons = []
        for place, name in enumerate(columns):
            values = scaled[name][chosen]
            heights = _heights(values[np.isfinite(values)]) / tallest[name] * (0.72 if len(groups) < 2 else 0.85)
            edges = place + 0.03 + np.repeat(np.linspace(0, 1, len(heights) + 1), 2) * (inner - 0.06)
            steps = place + inner - np.concatenate([[0], np.repeat(heights, 2), [0]])
            polygons.append(np.column_stack([edges, steps]))
        axes.add_collection(
            PolyCollection(polygons, facecolor=tint(hue, np.array(0.35)), edgecolor=hue, linewidths=0.8)
        )
    if len(groups) > 1:
        for index, (name, chosen) in enumerate(groups.items()):
            write(
                axes,
                max(count * 0.58, 1.05),
                0.12 + 0.2 / cell * (index + 0.5),
                f"● {plain(name, 24)} ({int(chosen.sum()):,})",
                color=COLOURS[index % len(COLOURS)],
                fontsize=SIZE,
                fontweight="bold",
                va="center",
            )
    return page


def _heights(values: np.ndarray) -> np.ndarray:
    return np.histogram(values, bins=24, range=(0, 1))[0].astype(float)


def _pair_labels(axes: Any, columns: list[str], name: str, low: float, high: float, inner: float, cell: float) -> None:
    place, floor = columns.index(name), len(columns) - 1 + inner
    short = plain(name, max(int(cell / 0.075), 8))
    write(axes, place + inner / 2, floor + 0.22 / cell, short, ha="center", va="top", fontweight="bold")
    write(axes, -0.12 / cell, place + inner / 2, short, ha="center", va="center", rotation=90, fontweight="bold")
    small = {"fontsize": SMALL - 1.5, "alpha": 0.8}
    write(axes, place, floor + 0.04 / cell, number(low, digits=3), ha="left", va="top", **small)
    write(axes, place + inner, floor + 0.04 / cell, number(high, digits=3), ha="right", va="top", **small)


def _groups(frame: pd.DataFrame, colour: str | None) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Which rows belong to which class, commonest classes first by name; or the numbers that colour the points."""
    everything = {"all": np.ones(len(frame), dtype=bool)}
    if colour is None or colour not in frame:
        return everything, None
    series = frame[colour]
    whole = pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)
    if whole and series.nunique() > MOST_CLASSES:
        return everything, series.to_numpy(dtype=np.float64, na_value=np.nan)
    names = series.astype("string").fillna("missing")
    common = names.value_counts()
    kept = sorted(common.index if len(common) <= MOST_CLASSES else common.index[: MOST_CLASSES - 1])
    groups = {str(name): (names == name).to_numpy(dtype=bool) for name in kept}
    if len(common) > len(kept):
        groups[f"{len(common) - len(kept)} others"] = (~names.isin(kept)).to_numpy(dtype=bool)
    return groups, None


def _scale_beside(page: Figure, axes: Any, shown: Any, name: str) -> None:
    """A scale of colours in the empty upper right corner of the pair plot, or beside a map."""
    inset = axes.inset_axes((0.6, 0.93, 0.36, 0.02))
    page.colorbar(shown, cax=inset, orientation="horizontal").outline.set_visible(False)
    inset.tick_params(colors=INK, labelsize=SMALL, length=0)
    inset.locator_params(nbins=4)
    inset.xaxis.set_major_formatter(People())
    inset.set_title(name, fontsize=SIZE, color=INK, pad=5, fontweight="bold", loc="left")


def correlations(matrix: pd.DataFrame) -> Figure:
    """Correlations from -1 (orange) over nothing (no colour) to 1 (blue); written as numbers for up to 12 columns."""
    names = [plain(name, 24) for name in matrix.columns]
    count = max(len(names), 1)
    cell = 0.46 if count <= 12 else max(5.2 / count, 0.12)
    left = width_of(names) + 0.15
    page, (axes,) = figure(
        cell * count + left + 0.2,
        cell * count + left * 0.75 + 0.25,
        left=left,
        right=0.2,
        top=0.1,
        bottom=left * 0.75 + 0.15,
        grid="none",
    )
    values = matrix.to_numpy(dtype=np.float64)
    shades = np.where((np.nan_to_num(values) >= 0)[..., None], tint(BLUE, np.abs(values)), tint(ORANGE, np.abs(values)))
    squares = [Rectangle((x - 0.48, y - 0.48), 0.96, 0.96) for y in range(len(names)) for x in range(len(names))]
    axes.add_collection(PatchCollection(squares, facecolor=list(shades.reshape(-1, 4)), edgecolor="none"))
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5), aspect="equal")
    for spine in axes.spines.values():
        spine.set_visible(False)
    small = SMALL if count <= 30 else 5.0
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=small)
    axes.set_yticks(range(len(names)), names, fontsize=small)
    axes.tick_params(length=0)
    if count <= 12:
        for y in range(len(names)):
            for x in range(len(names)):
                text = "–" if np.isnan(values[y, x]) else f"{values[y, x]:.2f}".replace("-", "−").replace("0.", ".", 1)
                write(axes, x, y, text if x != y else "1", ha="center", va="center")
    return page


def map_of(
    longitude: Sequence[float] | np.ndarray,
    latitude: Sequence[float] | np.ndarray,
    values: Sequence[float] | np.ndarray,
    label_text: str,
) -> Figure:
    """Points on the map, coloured by their values; degrees, as wide as they are on the ground in the middle of the map."""
    x, y, colours = finite(longitude, latitude, values)
    stretch = 1 / max(np.cos(np.deg2rad(np.clip(y.mean() if len(y) else 0.0, -80, 80))), 0.17)
    page, (axes,) = figure(5.6, 5.0, left=0.65, right=0.25, bottom=0.55, top=0.2)
    few, high = np.quantile(colours, [0.02, 0.98]) if len(colours) else (0.0, 1.0)
    order = np.argsort(colours)
    size = float(np.clip(4000 / max(len(x), 1), 1.5, 20))
    shown = axes.scatter(
        x[order],
        y[order],
        c=colours[order],
        s=size,
        cmap=SEQUENCE,
        vmin=few,
        vmax=high,
        linewidths=0,
        alpha=0.8,
        rasterized=len(x) > 600,
    )
    axes.set_aspect(stretch, adjustable="datalim")
    _scale_beside(page, axes, shown, plain(label_text, 34))
    label(axes, "longitude (degrees)", "latitude (degrees)")
    return page
