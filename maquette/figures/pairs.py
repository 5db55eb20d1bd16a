"""Figures of columns against each other: pairs, correlations, maps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from maquette.figures.numbers import number
from maquette.figures.style import (
    BLUE,
    COLOURS,
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
    plain,
    squares,
    tint,
    width_of,
    write,
)

MOST_CLASSES = len(COLOURS)


def pair_plot(frame: pd.DataFrame, columns: Sequence[str], colour: str | None = None) -> Figure:
    """Every pair of at most six columns as points, histograms on the diagonal; `frame` is best sampled to 1,000 rows.

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
    small: dict[str, Any] = {"fontsize": SMALL - 1.5, "alpha": 0.8}
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
    squares(axes, shades)
    small = SMALL if count <= 30 else 5.0
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=small)
    axes.set_yticks(range(len(names)), names, fontsize=small)
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
    """Points on the map in degrees, coloured by their values; as wide as they are on the ground in its middle."""
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
