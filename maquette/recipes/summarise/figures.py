"""Figures of summarisers: ROUGE with intervals, lengths."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from maquette.figures.style import BLUE, COLOURS, GREEN, ORANGE, figure, label, legend, note, plain, width_of

Interval = tuple[float, float, float]  # mean, low, high


def scores(names: Sequence[str], found: Mapping[str, Sequence[Interval]]) -> Figure:
    """A row for each way to summarise, a point with its interval for each kind of ROUGE."""
    words = [plain(name, 32) for name in names]
    page, (axes,) = figure(7.2, 0.7 + 0.42 * len(names) + 0.3, left=0.3 + width_of(words), right=0.3, top=0.4)
    places = np.arange(len(names))[::-1]
    for row, (kind, values) in enumerate(found.items()):
        colour = COLOURS[row]
        means, lows, highs = np.array(values, dtype=np.float64).T
        axes.hlines(places, lows, highs, color=colour, linewidth=4, alpha=0.3)
        axes.plot(means, places, "o", color=colour, markersize=5, label=kind)
    axes.set_yticks(places, words)
    axes.set_ylim(-0.6, len(names) - 0.2)
    axes.set_xlim(left=0)
    axes.grid(False, axis="y")
    label(axes, "F-measure, of 100")
    legend(axes, ncols=len(found), loc="lower left", bbox_to_anchor=(0, 1))
    return page


def lengths(counts: Mapping[str, np.ndarray]) -> Figure:
    """How many summaries have so many words, as lines one over another."""
    page, (axes,) = figure(6.4, 2.8, left=0.6, right=0.3)
    longest = max(1, max(int(values.max(initial=1)) for values in counts.values()))
    edges = np.unique(np.linspace(0, longest + 1, min(longest + 2, 41)).astype(int))
    for colour, (name, values) in zip((ORANGE, BLUE, GREEN), counts.items(), strict=False):
        heights, _ = np.histogram(values, edges)
        axes.stairs(heights, edges, color=colour, linewidth=1.8, fill=False)
        top = int(heights.argmax())
        note(axes, float(edges[top]), float(heights[top]), name, up=4, color=colour, fontweight="bold")
    axes.margins(y=0.2)
    label(axes, "words of a summary", "texts")
    return page
