"""Figures of word vectors: length over frequency, an analogy as a parallelogram, similarity beside people's."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from maquette.figures.style import BLUE, GREY, INK, ORANGE, figure, label, note, title, write
from maquette.methods.projections import principal_components

MOST_POINTS = 4000


def lengths(counts: np.ndarray, sizes: np.ndarray, words: Sequence[str]) -> Figure:
    """The length of each vector (V,) over how often its word occurs (V,), and the middle of words as frequent."""
    page, (axes,) = figure(6.4, 3.6)
    some = np.unique(np.linspace(0, len(counts) - 1, MOST_POINTS).astype(int))
    axes.set_xscale("log")
    axes.plot(counts[some], sizes[some], ".", color=GREY, markersize=3, alpha=0.5)
    edges = np.geomspace(counts.min(), counts.max() + 1, 14)
    where = np.digitize(counts, edges)
    middle = [(np.median(counts[where == at]), np.median(sizes[where == at])) for at in np.unique(where)]
    axes.plot(*zip(*middle, strict=True), color=BLUE, linewidth=1.8)
    for place in range(0, min(len(words), 60), 12):
        note(axes, counts[place], sizes[place], words[place], 3, 3)
    label(axes, "times the word occurs", "length of its vector")
    return page


def parallelogram(vectors: np.ndarray, words: Sequence[str]) -> Figure:
    """Words a, b, c, d with vectors (4, D) in the plane in which they vary most: a to b beside c to d."""
    places = principal_components(vectors, 2).encode(vectors)
    page, (axes,) = figure(5.4, 4.2, left=0.3, right=0.6, bottom=0.3, grid="none")
    for start, end, colour in ((0, 1, BLUE), (2, 3, ORANGE)):
        arrow = {"arrowstyle": "->", "color": colour, "linewidth": 1.6}
        axes.annotate("", places[end], places[start], arrowprops=arrow)
    for start, end in ((0, 2), (1, 3)):
        axes.plot(*places[[start, end]].T, color=GREY, linewidth=0.9, linestyle=":")
    axes.plot(*places.T, "o", color=INK, markersize=4)
    for place, word in zip(places, words, strict=True):
        note(axes, float(place[0]), float(place[1]), word, 5, 5)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.2)
    return page


def beside_people(tests: Mapping[str, tuple[np.ndarray, np.ndarray, float]]) -> Figure:
    """Cosines over people's scores, a panel a test, with the correlation of their ranks."""
    page, panels = figure(9.0, 2.9, len(tests), left=0.65, top=0.35)
    for axes, (name, (cosines, people, correlation)) in zip(panels, tests.items(), strict=True):
        axes.plot(people, cosines, ".", color=BLUE, markersize=3, alpha=0.5)
        title(axes, f"{name}: {correlation:.3f}")
        label(axes, "people", "cosine" if axes is panels[0] else "")
    return page


def on_axes(shares: np.ndarray, words: Sequence[str], axes_names: Sequence[str]) -> Figure:
    """How far each word lies along each axis (W, A), as shades with numbers, from 0 to 1."""
    page, (axes,) = figure(
        0.9 * len(axes_names) + 1.6, 0.3 * len(words) + 0.6, left=1.2, right=0.1, top=0.35, bottom=0.05, grid="none"
    )
    axes.imshow(shares, cmap="RdBu", vmin=-0.4, vmax=1.4, aspect="auto", alpha=0.75)
    for (row, column), value in np.ndenumerate(shares):
        write(axes, column, row, f"{value:.2f}", ha="center", va="center")
    axes.set_yticks(range(len(words)), words)
    axes.set_xticks(range(len(axes_names)), axes_names)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    return page
