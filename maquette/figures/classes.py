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
    dress,
    figure,
    finite,
    label,
    note,
    plain,
    tint,
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
    squares = [Rectangle((x - 0.48, y - 0.48), 0.96, 0.96) for y in range(classes) for x in range(classes)]
    axes.add_collection(PatchCollection(squares, facecolor=list(shades.reshape(-1, 4)), edgecolor="none"))
    axes.set(xlim=(-0.5, classes - 0.5), ylim=(classes - 0.5, -0.5), aspect="equal")
    for spine in axes.spines.values():
        spine.set_visible(False)
    small = SMALL if classes <= 25 else 5.0
    turn: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    axes.set_xticks(range(classes), words, fontsize=small, **turn)
    axes.set_yticks(range(classes), words, fontsize=small)
    axes.tick_params(length=0)
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
    title = f"{int(np.trace(counts)):,} of {int(total):,} right" if total else "no rows"
    axes.set_title(title, loc="left", fontsize=SMALL, color=INK)
    return page


def reliability(
    probabilities: Sequence[float] | np.ndarray, correct: Sequence[bool] | np.ndarray, bins: int = 10
) -> Figure:
    """How often predictions made with a certain probability were right, beside the diagonal of an honest model.

    probabilities (N,) of the predicted class, 0..1; correct (N,). Below: how many predictions each bin holds.
    """
    sure, right = finite(probabilities, np.asarray(correct, dtype=np.float64))
    page, (axes,) = figure(4.6, 4.4, left=0.75, bottom=1.35, top=0.25)
    counted = page.add_axes((0.75 / 4.6, 0.55 / 4.4, 3.65 / 4.6, 0.6 / 4.4), facecolor="none")
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
        write(axes, 0.03, 0.95, f"{len(sure):,} predictions", va="top")
        write(axes, 0.03, 0.88, f"mean gap to the diagonal {number(gap, digits=2)}", va="top")
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
    """From logits over their exponentials to probabilities, one row an example (at most five), one bar a class (at most ten).

    logits, probabilities (N, C); labels: what each example really is.
    """
    raw = np.nan_to_num(np.asarray(logits, dtype=np.float64))[:5]
    parts = np.nan_to_num(np.asarray(probabilities, dtype=np.float64))[:5]
    examples = len(raw)
    # with many classes, only those with most to say are drawn
    shown = np.sort(np.argsort(-parts.max(axis=0), kind="stable")[:10])
    words = [plain(names[at], 16) for at in shown]
    tall = max(0.17 * len(shown), 0.5)
    left = min(width_of(words) + 0.2, 1.8)
    page, panels = figure(
        7.2,
        (tall + 0.35) * examples + 0.55,
        3,
        examples,
        left=left,
        right=0.5,
        top=0.45,
        bottom=0.1,
        across=0.62,
        down=0.35,
        grid="none",
    )
    largest = np.exp(np.clip(raw, -700, 700))
    steps = (("logits", raw), ("exponentials", largest), ("probabilities", parts))
    for index, axes in enumerate(panels):
        example, step = divmod(index, 3)
        name, table = steps[step]
        values = table[example, shown]
        best = int(np.argmax(parts[example, shown]))
        truth = labels is not None and str(labels[example]) == str(names[shown[best]])
        colour = BLUE if labels is None else GREEN if truth else ORANGE
        axes.barh(
            np.arange(len(shown)),
            values,
            0.7,
            color=[colour if at == best else GREY for at in range(len(shown))],
            alpha=0.85,
        )
        width = max(float(np.abs(values).max()), 1e-300)
        axes.set(
            xlim=(min(0, 1.05 * values.min()), 1 if step == 2 else max(width * 1.05, 1e-300)),
            ylim=(len(shown) - 0.4, -0.6),
        )
        axes.set_xticks([])
        axes.set_yticks(range(len(shown)), words if step == 0 else [])
        axes.tick_params(length=0)
        axes.spines["bottom"].set_visible(False)
        axes.spines["left"].set_visible(False)
        axes.axvline(0, color=INK, linewidth=0.7, alpha=0.6)
        for at, value in enumerate(values):
            note(axes, max(value, 0), at, number(float(value), digits=3), 3, va="center", fontsize=SMALL - 1)
        if example == 0:
            axes.set_title(
                name, loc="left", fontsize=SIZE, color=INK, fontweight="bold", pad=18 if labels is not None else 6
            )
        if step == 0 and labels is not None:
            truth_text = f"really {plain(labels[example], 20)}: {'right' if truth else 'wrong'}"
            note(axes, 0, 1, truth_text, up=4, within="axes fraction", color=colour, fontweight="bold")
    return page
