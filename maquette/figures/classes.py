"""Figures of classification: confusion matrix, reliability, and the steps from logits to probabilities."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maquette.figures.numbers import number
from maquette.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SIZE,
    SMALL,
    bare,
    dress,
    figure,
    finite,
    label,
    plain,
    squares,
    tint,
    title,
    width_of,
    write,
)


def confusion(matrix: Sequence[Sequence[int]] | np.ndarray, names: Sequence[str]) -> Figure:
    """Counts with the predicted class in rows and the actual class in columns, shaded by the part of each actual class.

    matrix: (C, C), `matrix[predicted, actual]`. Up to 15 classes are written out; with more, only the shades are drawn.
    """
    counts = np.asarray(matrix, dtype=np.float64)
    classes = len(counts)
    words = [plain(name, 18) for name in names]
    cell = 0.8 if classes <= 4 else 0.52 if classes <= 8 else max(5.2 / classes, 0.13)
    turned = (classes > 4 and width_of(words) > cell) or classes > 8
    left, bottom = width_of(words) + 0.5, (width_of(words) * 0.75 if turned else 0.15) + 0.45
    page, (axes,) = figure(
        cell * classes + left + 0.25,
        cell * classes + bottom + 0.3,
        left=left,
        right=0.25,
        top=0.3,
        bottom=bottom,
        grid="none",
    )
    share = counts / np.maximum(counts.sum(axis=0, keepdims=True), 1)
    right = np.eye(classes, dtype=bool)
    shades = np.where(right[..., None], tint(BLUE, share * 0.9), tint(ORANGE, np.sqrt(share) * 0.9))
    shades[counts == 0] = tint(GREY, np.array(0.1))
    squares(axes, shades)
    small = SMALL if classes <= 25 else 5.0
    turn: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    axes.set_xticks(range(classes), words, fontsize=small, **turn)
    axes.set_yticks(range(classes), words, fontsize=small)
    if classes <= 15:
        for y in range(classes):
            for x in range(classes):
                if counts[y, x]:
                    write(
                        axes,
                        x,
                        y,
                        number(int(counts[y, x])),
                        ha="center",
                        va="center",
                        fontsize=SIZE if classes <= 8 else SMALL - 1,
                        fontweight="bold" if x == y else "normal",
                    )
    label(axes, "actual class", "predicted class")
    total = counts.sum()
    title(axes, f"{int(np.trace(counts)):,} of {int(total):,} right" if total else "no rows")
    return page


def reliability(
    probabilities: Sequence[float] | np.ndarray, correct: Sequence[bool] | np.ndarray, bins: int = 10
) -> Figure:
    """How often predictions made with a certain probability were right, beside the diagonal of an honest model.

    probabilities (N,) of the predicted class, 0..1; correct (N,). Below: how many predictions each bin holds.
    """
    sure, right = finite(probabilities, np.asarray(correct, dtype=np.float64))
    page, (axes,) = figure(4.6, 4.5, left=0.75, bottom=1.35, top=0.3)
    counted = page.add_axes((0.75 / 4.6, 0.55 / 4.5, 3.65 / 4.6, 0.6 / 4.5), facecolor="none")
    dress(counted, "none")
    place = np.clip((sure * bins).astype(int), 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    filled = counts > 0
    said = np.bincount(place, sure, minlength=bins)[filled] / counts[filled]
    held = np.bincount(place, right, minlength=bins)[filled] / counts[filled]
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, alpha=0.7, dashes=(5, 3))
    spread = 1.96 * np.sqrt(np.maximum(held * (1 - held), 0.25 / counts[filled]) / counts[filled])
    axes.vlines(said, np.clip(held - spread, 0, 1), np.clip(held + spread, 0, 1), color=BLUE, linewidth=1.2, alpha=0.5)
    axes.plot(said, held, "-o", color=BLUE, linewidth=1.5, markersize=4.5)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
    axes.tick_params(labelbottom=False)
    if len(sure):
        gap = float(np.sum(counts[filled] * np.abs(said - held)) / len(sure))
        title(axes, f"{len(sure):,} predictions, mean gap to the diagonal {number(gap, digits=2)}")
    counted.bar((np.arange(bins) + 0.5) / bins, counts, 0.9 / bins, color=GREY, alpha=0.8, linewidth=0)
    for at in np.flatnonzero(filled):
        write(counted, (at + 0.5) / bins, counts[at], f"{counts[at]:,}", ha="center", va="bottom", fontsize=SMALL - 1.5)
    counted.set(xlim=(-0.02, 1.02), ylim=(0, max(counts.max(), 1) * 1.3))
    counted.set_yticks([])
    counted.spines["left"].set_visible(False)
    label(axes, "", "part that was right")
    label(counted, "probability given to the predicted class")
    return page


def softmax_steps(
    logits: Sequence[Sequence[float]] | np.ndarray,
    probabilities: Sequence[Sequence[float]] | np.ndarray,
    names: Sequence[str],
    labels: Sequence[str] | None = None,
) -> Figure:
    """From logits over exponentials to probabilities: a row an example (at most five), a bar a class (at most ten).

    logits, probabilities (N, C); labels: what each example really is.
    """
    raw = np.nan_to_num(np.asarray(logits, dtype=np.float64))[:5]
    parts = np.nan_to_num(np.asarray(probabilities, dtype=np.float64))[:5]
    # with many classes, only those with most to say are drawn
    shown = np.sort(np.argsort(-parts.max(axis=0), kind="stable")[:10])
    words = [plain(names[at], 16) for at in shown]
    # all in one pair of axes, measured in inches: one for each little panel would take ten times as long
    pitch, left, wide, apart = 0.17, min(width_of(words) + 0.15, 1.8), 1.2, 2.0
    tall = pitch * len(shown) + 0.36
    size = (left + 3 * apart, tall * len(raw) + 0.35)
    page, (axes,) = figure(*size, left=0, right=0, top=0, bottom=0)
    bare(axes)
    axes.set(xlim=(0, size[0]), ylim=(-size[1], 0))
    steps = (("logits", raw), ("exponentials", np.exp(np.clip(raw, -700, 700))), ("probabilities", parts))
    bars: list[Rectangle] = []
    colours: list[str] = []
    for column, (name, table) in enumerate(steps):
        write(axes, left + column * apart, -0.2, name, fontsize=SIZE, fontweight="bold")
        for row, values in enumerate(table[:, shown]):
            top = -0.35 - tall * row
            best = int(np.argmax(parts[row, shown]))
            told = labels is not None
            right = told and str(labels[row]) == str(names[shown[best]])  # type: ignore[index]
            colour = GREEN if right else ORANGE if told else BLUE
            if column == 0 and labels is not None:
                verdict = f"really {plain(labels[row], 20)}: {'right' if right else 'wrong'}"
                write(axes, left, top - 0.13, verdict, color=colour, fontweight="bold")
            low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
            scale = wide / (1.0 if name == "probabilities" else (high - low) or 1.0)
            zero = left + column * apart - low * scale
            for place, value in enumerate(values):
                y = top - 0.28 - pitch * place
                bars.append(Rectangle((zero + min(value, 0) * scale, y - 0.06), abs(value) * scale, 0.12))
                colours.append(colour if place == best else GREY)
                end = zero + max(value, 0) * scale + 0.05
                write(axes, end, y, number(float(value), digits=3), va="center", fontsize=SMALL - 1)
                if column == 0:
                    write(axes, left - 0.08, y, words[place], ha="right", va="center", fontsize=SMALL - 0.5)
            axes.plot(
                [zero, zero], [top - 0.18, top - 0.38 - pitch * (len(shown) - 1)], color=INK, linewidth=0.7, alpha=0.6
            )
    axes.add_collection(PatchCollection(bars, facecolor=colours, edgecolor="none", alpha=0.85))
    return page
