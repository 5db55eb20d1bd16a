"""Figures of attacks on classifiers: accuracy over epsilon, and triptychs of picture, perturbation and their sum."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from maquette.figures.images import canvas, caption, draw, fitted, heading
from maquette.figures.style import (
    COLOURS,
    GREEN,
    INK,
    ORANGE,
    SMALL,
    figure,
    label,
    legend,
    plain,
    write,
)


def robustness(
    epsilons: Sequence[float] | np.ndarray,
    panels: Mapping[str, Mapping[str, Sequence[float] | np.ndarray]],
    marked: float,
    chance: float,
) -> Figure:
    """Accuracy over the size of the attack, a panel a classifier, a line an attack.

    epsilons (E,); panels: name of the classifier -> name of the attack -> accuracy (E,) in 0..1. `marked` is the
    epsilon of the scores, `chance` the accuracy of always saying the commonest class.
    """
    page, cells = figure(9.0, 3.3, max(1, len(panels)), top=0.35, across=0.35, left=0.65)
    at = np.asarray(epsilons, dtype=np.float64)
    for place, (axes, (name, lines)) in enumerate(zip(cells, panels.items(), strict=True)):
        axes.axvline(marked, color=INK, linewidth=0.8, alpha=0.6, dashes=(4, 3))
        axes.axhline(chance, color=INK, linewidth=0.8, alpha=0.6, dashes=(1, 2))
        for index, (attack, values) in enumerate(lines.items()):
            colour = COLOURS[index % len(COLOURS)]
            axes.plot(at, values, "-o", color=colour, linewidth=1.8, markersize=3.5, label=plain(attack))
        axes.set_ylim(-0.02, 1.04)
        end = float(at.max(initial=0.0)) or 1.0
        axes.set_xlim(-0.02 * end, 1.02 * end)
        if place == 0:
            write(axes, marked, 1.05, " epsilon of the scores", fontsize=SMALL - 1, va="bottom", ha="center")
            write(axes, end, chance + 0.015, "commonest class", fontsize=SMALL - 1, ha="right", va="bottom")
            legend(axes, loc="best" if len(panels) == 1 else "upper right", bbox_to_anchor=(1.0, 0.97))
        else:
            axes.tick_params(labelleft=False)
        label(axes, "epsilon, the most that a pixel changes", "accuracy" if place == 0 else "", name)
    return page


def triptychs(
    pictures: Sequence[np.ndarray],
    fooled: Sequence[np.ndarray],
    before: Sequence[str],
    after: Sequence[str],
    is_fooled: Sequence[bool],
    magnified: float,
    columns: int = 2,
) -> Figure:
    """Picture + perturbation = fooled picture, with what the classifier said of the first and the last.

    pictures, fooled: arrays (H, W, C) in 0..1; the perturbation is drawn `magnified` times, on a map from blue over
    white to orange, or, in colour, around grey.
    """
    columns = max(1, min(columns, len(pictures)))
    lines = -(-len(pictures) // columns)
    side, gap, words, head, apart = 1.18, 0.3, 0.25, 0.3, 0.55
    ratio = max((picture.shape[0] / picture.shape[1] for picture in pictures), default=1.0)
    tall = side * ratio
    wide = 3 * side + 2 * gap
    size = (columns * wide + (columns - 1) * apart, head + lines * (tall + words) + (lines - 1) * 0.08)
    page = Figure(figsize=size, facecolor="none")
    axes = canvas(page)
    for place, (picture, changed) in enumerate(zip(pictures, fooled, strict=True)):
        line, column = divmod(place, columns)
        left, low = column * (wide + apart), size[1] - head - (line + 1) * (tall + words) - line * 0.08 + words
        difference = (np.asarray(changed, np.float64) - picture) * magnified
        if difference.ndim == 3 and difference.shape[2] == 3:
            difference = difference / 2 + 0.5
        drawn = (
            (picture, "picture", 0.0),
            (difference, f"perturbation × {magnified:.3g}", -1.0),
            (changed, "sum", 0.0),
        )
        for index, (pixels, what, lowest) in enumerate(drawn):
            is_signed = index == 1 and (pixels.ndim == 2 or pixels.shape[2] == 1)
            x = left + index * (side + gap)
            box = fitted(pixels, x, low, side, tall)
            draw(axes, pixels, lowest if is_signed else 0.0, 1.0, signed=is_signed, within=box)
            if line == 0:
                heading(axes, box, what)
            if index != 1:
                text = before[place] if index == 0 else after[place]
                colour = ORANGE if index == 2 and is_fooled[place] else GREEN
                caption(axes, box, text, 26, color=colour, fontsize=SMALL, fontweight="bold")
            if index < 2:
                write(axes, x + side + gap / 2, low + tall / 2, "+="[index], ha="center", va="center", fontsize=14)
    return page
