"""Figures of how text is written: each token among its alternatives, the tree that beam search went through."""

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maquette.figures.style import BLUE, GREY, INK, ORANGE, SMALL, bare, figure, tint, write
from maquette.figures.text import visible
from maquette.methods.sampling import Beams

COLUMNS = 10
DRAWN_STEPS = 24  # of a beam tree


def alternatives(
    steps: Sequence[tuple[int, float, Sequence[tuple[int, float]]]], names: Sequence[str], columns: int = COLUMNS
) -> Figure:
    """Chosen tokens, each a column with its likeliest alternatives from top to bottom.

    steps: (chosen token, its probability, [(token, probability), ...] likeliest first).
    """
    lines = max(1, -(-len(steps) // columns))
    rows = max((len(others) for _, _, others in steps), default=1) + 1
    high = 0.21 * rows + 0.22
    page, (axes,) = figure(9.6, lines * high + 0.1, left=0.05, right=0.05, top=0.05, bottom=0.05, grid="none")
    bare(axes)
    axes.set(xlim=(0, columns), ylim=(-lines * high, 0))
    for number, (chosen, probability, others) in enumerate(steps):
        x, top = number % columns, -(number // columns) * high
        listed = list(others)
        if chosen not in [token for token, _ in listed]:
            listed.append((chosen, probability))
        for row, (token, p) in enumerate(listed):
            y = top - 0.2 * (row + 1) - (0.06 if row == len(others) else 0)
            is_chosen = token == chosen
            axes.add_patch(
                Rectangle(
                    (x + 0.03, y),
                    0.94,
                    0.18,
                    facecolor=tint(BLUE, np.array(0.06 + 0.74 * p)),
                    edgecolor=ORANGE if is_chosen else "none",
                    linewidth=1.4,
                )
            )
            weight = "bold" if is_chosen else "normal"
            write(
                axes, x + 0.07, y + 0.09, visible(names[token])[:10], va="center", fontsize=SMALL - 1, fontweight=weight
            )
            write(axes, x + 0.93, y + 0.09, f"{p:.0%}", va="center", ha="right", fontsize=SMALL - 2)
    return page


def beam_tree(beams: Beams, names: Sequence[str]) -> Figure:
    """Candidates of each step, joined to the beam they go on from; kept ones blue, the path of the best one orange."""
    steps = beams.steps[:DRAWN_STEPS]
    rows = max((len(step) for step in steps), default=1)
    width = max(4.0, 0.62 * (len(steps) + 1))
    page, (axes,) = figure(width, 0.3 * rows + 0.4, left=0.1, right=0.1, top=0.1, bottom=0.1, grid="none")
    bare(axes)
    axes.set(xlim=(-0.4, len(steps) + 0.6), ylim=(-rows + 0.5, 0.5))
    axes.plot([0], [0], "o", color=INK, markersize=5)
    best = set(path_of(beams))
    before = [0.0]  # heights of the beams of the step before
    for number, step in enumerate(steps, 1):
        kept, segments, colours, widths = [], [], [], []
        top = max((candidate.log_probability for candidate in step), default=0.0)
        for rank, candidate in enumerate(step):
            start = before[candidate.beam] if candidate.beam < len(before) else 0.0
            is_best = (number - 1, rank) in best
            segments.append([(number - 1, start), (number, -rank)])
            likely = float(np.exp(candidate.log_probability - top))
            colours.append(ORANGE if is_best else BLUE if candidate.is_kept else GREY)
            widths.append(2.2 if is_best else 0.5 + 1.4 * likely if candidate.is_kept else 0.5)
            if candidate.is_kept:
                kept.append(-float(rank))
            colour = ORANGE if is_best else INK if candidate.is_kept else GREY
            write(
                axes,
                number + 0.04,
                -rank + 0.08,
                visible(names[candidate.token])[:9],
                fontsize=SMALL - 1.5,
                color=colour,
                va="bottom",
                ha="center",
            )
        axes.add_collection(LineCollection(segments, colors=colours, linewidths=widths, alpha=0.85, zorder=1))
        before = kept or before
    return page


def path_of(beams: Beams) -> list[tuple[int, int]]:
    """The places (step, rank) of the best continuation's tokens; empty where it cannot be traced."""
    if not beams.found:
        return []
    wanted = beams.found[0].tokens

    def traced(step: int, beam: int) -> list[tuple[int, int]] | None:
        if step == len(wanted):
            return []
        if step >= len(beams.steps):
            return None
        for rank, candidate in enumerate(beams.steps[step]):
            if candidate.beam == beam and candidate.token == wanted[step]:
                is_last = step == len(wanted) - 1
                if not is_last and not candidate.is_kept:
                    return None
                following = sum(other.is_kept for other in beams.steps[step][:rank])
                rest = [] if is_last else traced(step + 1, following)
                return None if rest is None else [(step, rank), *rest]
        return None

    return traced(0, 0) or []
