"""Figures of how good made pictures are: the distance on a scale between known ones, and how each class is covered."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maquette.figures.numbers import number
from maquette.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SMALL,
    People,
    figure,
    label,
    legend,
    plain,
    width_of,
    write,
)

MOST_CLASSES = 40


def ladder(
    values: Mapping[str, float], ours: str, interval: tuple[float, float] | None = None, name: str = "distance"
) -> Figure:
    """Distances, the smallest on top, as dots on a logarithmic scale; `ours` stands out, with its interval."""
    ordered = sorted(values, key=lambda each: values[each])
    smallest = min((value for value in values.values() if value > 0), default=1.0)
    floor = smallest / 3
    left = 0.2 + width_of(ordered)
    page, (axes,) = figure(6.4, 0.28 * len(ordered) + 0.65, left=left, right=0.5, top=0.1, bottom=0.5, grid="x")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(People(alone=True))
    for row, each in enumerate(ordered):
        value, colour = max(values[each], floor), ORANGE if each == ours else BLUE
        axes.plot([floor, value], [-row, -row], color=colour, linewidth=1, alpha=0.45)
        if each == ours and interval is not None:
            low, high = (max(end, floor) for end in interval)
            axes.plot([low, high], [-row, -row], color=colour, linewidth=5, alpha=0.35, solid_capstyle="butt")
        axes.plot([value], [-row], "o", color=colour, markersize=6)
        write(axes, value * 1.12, -row + 0.16, number(values[each], digits=3), fontsize=SMALL, va="bottom")
    axes.set_yticks([-row for row in range(len(ordered))], [plain(each, 40) for each in ordered], fontsize=SMALL)
    axes.set(ylim=(-len(ordered) + 0.4, 0.7), xlim=(floor, 2.2 * max(*values.values(), smallest)))
    axes.tick_params(axis="y", length=0)
    label(axes, name)
    return page


def class_coverage(
    names: Sequence[str], covered: np.ndarray, floor: np.ndarray, made: np.ndarray, real: np.ndarray
) -> Figure:
    """For each class, left: the part of its real pictures that a made one is near, beside what other real pictures
    reach; right: its part of the made pictures beside that of the real ones. All (C,); at most 40 classes, those
    covered least."""
    order = np.argsort(covered, kind="stable")[:MOST_CLASSES] if len(names) > MOST_CLASSES else np.arange(len(names))
    shown = [plain(names[place], 26) for place in order]
    left = 0.25 + width_of(shown)
    page, axes = figure(
        left + 6.2, 0.21 * len(order) + 1.0, 2, left=left, right=0.2, top=0.32, bottom=0.55, across=0.35, grid="x"
    )
    y = -np.arange(len(order), dtype=float)
    pairs = ((covered, floor, "part of its pictures that are covered"), (made, real, "part of all pictures"))
    for each, (ours, theirs, what) in zip(axes, pairs, strict=True):
        each.barh(y, ours[order], height=0.62, color=ORANGE, alpha=0.85)
        each.plot(theirs[order], y, "|", color=INK, markersize=9, markeredgewidth=1.6)
        each.set(ylim=(-len(order) + 0.4, 0.6), xlim=(0, None))
        each.set_yticks(y, shown if each is axes[0] else [""] * len(order), fontsize=SMALL)
        each.tick_params(axis="y", length=0)
        label(each, what)
    axes[0].set_xlim(0, 1.02)
    marks = [
        Line2D([], [], color=ORANGE, linewidth=6, alpha=0.85, label="made"),
        Line2D([], [], color=INK, marker="|", linestyle="", markersize=9, markeredgewidth=1.6, label="real"),
    ]
    legend(axes[0], handles=marks, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.1)
    for each in axes:
        each.spines["left"].set(edgecolor=GREY)
    return page
