"""Figures of chatbots side by side: answers by where their words are from, and how each learnt."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from maquette.figures.boxes import Cell, Row, drawn
from maquette.figures.style import BLUE, GREY, INK, ORANGE, note
from maquette.figures.training import overlaid

Line = tuple[np.ndarray, np.ndarray]
COLOUR = {"said": BLUE, "known": GREY, "made up": ORANGE}


def answers(rows: Mapping[str, Sequence[tuple[str, str]]]) -> Figure:
    """What each said, a row each: words with where they are from, `said`, `known` or `made up`."""
    return drawn(
        [
            Row(name, [Cell((word,), COLOUR[origin]) for word, origin in words] or [Cell(("nothing",))])
            for name, words in rows.items()
        ]
    )


def learning(lines: Mapping[str, Line], first: str, last: str) -> Figure:
    """Bits a byte over the seconds of training; where the curve `last` falls below that of `first`, a point."""
    page = overlaid(lines, "seconds of training", "bits a byte of the test part")
    place = crossing(lines[first], lines[last])
    if place is not None:
        (axes,) = page.axes
        axes.plot([place[0]], [place[1]], "o", color=INK, markersize=5, fillstyle="none")
        note(axes, *place, f"{last} passes {first}: {place[0]:.0f} s", right=6, up=6)
    return page


def crossing(first: Line, last: Line) -> tuple[float, float] | None:
    """Where the second curve goes below the first for good: (x, y); nothing if it does not, or was never above."""
    if not len(first[0]) or not len(last[0]):
        return None
    low, high = max(first[0][0], last[0][0]), min(first[0][-1], last[0][-1])
    if not low < high:
        return None
    x = np.linspace(low, high, 2000)
    difference = np.interp(x, *last) - np.interp(x, *first)
    above = np.flatnonzero(difference > 0)
    if not len(above) or above[-1] == len(x) - 1:
        return None
    at = above[-1] + 1
    return float(x[at]), float(np.interp(x[at], *first))
