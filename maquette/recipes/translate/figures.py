"""Figures of translators: which word looks at which, scores by length, time over length."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from maquette.figures.numbers import duration
from maquette.figures.style import BLUE, COLOURS, GREY, INK, ORANGE, SMALL, figure, label, note, plain, tint, width_of
from maquette.figures.text import visible
from maquette.figures.training import log_ticks, name_ends


def alignment(
    weights: np.ndarray, sources: Sequence[str], targets: Sequence[str], marked: Sequence[int | None] = ()
) -> Figure:
    """What each written word (down) takes from each that was read (across), (targets, sources); some places marked."""
    across = [plain(visible(word), 16) for word in sources]
    down = [plain(visible(word), 16) for word in targets]
    side = min(0.36, 8.2 / max(1, len(across)))
    left, top = 0.25 + width_of(down), 0.2 + width_of(across) * 0.8
    page, (axes,) = figure(
        left + side * len(across) + 0.3,
        top + side * len(down) + 0.15,
        left=left,
        right=0.3,
        top=top,
        bottom=0.15,
        grid="none",
    )
    axes.imshow(tint(BLUE, np.clip(weights, 0, 1) ** 0.7), interpolation="nearest", aspect="auto")
    for row, place in enumerate(marked):
        if place is not None:
            axes.plot(
                [place], [row], "s", markersize=max(3.0, 26 * side), markerfacecolor="none", markeredgecolor=ORANGE
            )
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(across)), across, rotation=60, ha="left", rotation_mode="anchor", fontsize=SMALL)
    axes.set_yticks(range(len(down)), down, fontsize=SMALL)
    axes.tick_params(length=0, pad=2)
    for spine in axes.spines.values():
        spine.set(visible=True, edgecolor=INK, linewidth=0.4, alpha=0.3)
    return page


def by_length(names: Sequence[str], scores: Mapping[str, Sequence[float]], counts: Sequence[int]) -> Figure:
    """BLEU of texts of each length, a group of bars a length; below each how many there are."""
    page, (axes,) = figure(7.0, 3.2, left=0.75, right=1.2, bottom=0.65)
    width = 0.8 / max(1, len(scores))
    for place, (name, values) in enumerate(scores.items()):
        x = np.arange(len(names)) + (place - (len(scores) - 1) / 2) * width
        axes.bar(x, values, width * 0.92, color=COLOURS[place], label=plain(name))
        for at, value in zip(x, values, strict=True):
            note(axes, float(at), float(value), f"{value:.0f}", up=2, ha="center", color=COLOURS[place])
    ticks = [f"{name}\n{count:,} texts" for name, count in zip(names, counts, strict=True)]
    axes.set_xticks(range(len(names)), ticks)
    axes.grid(False, axis="x")
    axes.margins(y=0.12)
    for place, name in enumerate(scores):
        note(axes, 1.02, 0.9 - 0.1 * place, name, within="axes fraction", color=COLOURS[place], fontweight="bold")
    label(axes, "words of the source", "BLEU")
    return page


def over_training(steps: Sequence[int], scores: Mapping[str, Sequence[float]]) -> Figure:
    """BLEU and chrF after so many steps."""
    page, (axes,) = figure(6.4, 3.0, left=0.75, right=0.9)
    ends = []
    for place, (name, values) in enumerate(scores.items()):
        axes.plot(steps, values, color=COLOURS[place], linewidth=1.8, marker="o", markersize=3.5)
        ends.append((float(steps[-1]), float(values[-1]), name, COLOURS[place]))
    axes.set_ylim(bottom=0)
    name_ends(axes, ends)
    label(axes, "step", "score of 100")
    return page


def time_over_length(lengths: Sequence[int], seconds: Mapping[str, Sequence[float]]) -> Figure:
    """How long a step of training takes over the length of the text, on logarithmic axes."""
    page, (axes,) = figure(7.0, 3.4, left=0.9, right=1.9)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    log_ticks(axes.yaxis)
    axes.set_xticks(list(lengths), [f"{length:,}" for length in lengths])
    axes.minorticks_off()
    ends = []
    for place, (name, values) in enumerate(seconds.items()):
        thousandths = 1000 * np.asarray(values)
        axes.plot(lengths, thousandths, color=COLOURS[place], linewidth=1.8, marker="o", markersize=3.5)
        said = f"{name}, {duration(float(values[-1]))}"
        ends.append((float(lengths[-1]), float(thousandths[-1]), said, COLOURS[place]))
    name_ends(axes, ends)
    label(axes, "tokens of the text", "milliseconds")
    return page


def chances(words: Sequence[str], probabilities: Sequence[float]) -> Figure:
    """How probable each token was that was written."""
    names = [plain(visible(word)) for word in words]
    page, (axes,) = figure(
        max(3.0, 0.6 + 0.32 * len(names)), 2.4, left=0.6, right=0.2, bottom=0.2 + width_of(names) * 0.8
    )
    axes.bar(np.arange(len(names)), probabilities, color=[BLUE if p >= 0.5 else GREY for p in probabilities])
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=SMALL)
    axes.set_ylim(0, 1)
    axes.grid(False, axis="x")
    label(axes, "", "probability")
    return page
