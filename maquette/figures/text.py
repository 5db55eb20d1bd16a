"""Figures of text: words by rank, the next token, attention maps, tokens on a map."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maquette.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SMALL,
    People,
    figure,
    label,
    note,
    plain,
    tint,
    width_of,
    write,
)

NAMED = (1, 2, 4, 8, 20, 50, 150, 500, 2000, 8000)  # ranks whose words are written into the figure


def ranks(counts: Mapping[str, int]) -> Figure:
    """How often each word occurs over its rank, on logarithmic axes; counts in falling order."""
    words, values = list(counts), np.array(list(counts.values()), dtype=np.float64)
    page, (axes,) = figure(6.4, 3.4, left=0.8, right=0.5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.plot(np.arange(1, len(values) + 1), values, color=BLUE, linewidth=1.8)
    axes.xaxis.set_major_formatter(People(alone=True))
    axes.yaxis.set_major_formatter(People(alone=True))
    for rank in NAMED:
        if rank <= len(words):
            axes.plot([rank], [values[rank - 1]], "o", color=BLUE, markersize=3.5)
            note(axes, rank, values[rank - 1], plain(words[rank - 1], 16), right=4, up=3)
    label(axes, "rank", "times in the text")
    return page


def next_token(tokens: Sequence[str], probabilities: np.ndarray, shown: int = 10) -> Figure:
    """The probability of every token of the vocabulary, (V,), and the likeliest ten by name."""
    best = np.argsort(-probabilities, kind="stable")[:shown]
    names = [visible(tokens[number]) for number in best]
    page, (whole, top) = figure(9.0, 3.0, 2, across=0.6 + width_of(names, SMALL), left=0.75, right=0.6)
    whole.vlines(np.arange(len(probabilities)), 0, probabilities, color=GREY, linewidth=0.8, alpha=0.8)
    whole.vlines(best, 0, probabilities[best], color=BLUE, linewidth=1.6)
    whole.set_ylim(0, max(float(probabilities.max()) * 1.08, 1e-9))
    whole.set_xlim(-0.5, len(probabilities) - 0.5)
    label(whole, "token number", "probability", "the whole vocabulary")
    bars(top, names, probabilities[best])
    label(top, "probability", "", f"the likeliest {len(best)}: together {probabilities[best].sum():.0%}")
    return page


def bars(axes: Axes, names: Sequence[str], values: np.ndarray) -> None:
    """Named bars from top to bottom, with the value at the end of each."""
    places = np.arange(len(values))[::-1]
    axes.barh(places, values, height=0.7, color=tint(BLUE, np.full(len(values), 0.8)))
    axes.set_yticks(places, [plain(name) for name in names])
    axes.grid(False, axis="y")
    axes.set_xlim(0, max(float(np.max(values, initial=0)) * 1.15, 1e-9))
    for place, value in zip(places, values, strict=True):
        write(axes, value, place, f" {value:.1%}" if value >= 0.001 else f" {value:.0e}", va="center")


def visible(token: str) -> str:
    """A token so that one sees its white space: a space as an open box, a line end as its sign; at most 18 signs."""
    swaps = {"Ġ": "␣", "Ċ": "⏎", " ": "␣", "\n": "⏎", "\t": "⇥"}
    shown = "".join(swaps.get(sign, sign if sign.isprintable() else "·") for sign in token) or "(nothing)"
    return shown if len(shown) <= 18 else shown[:17] + "…"


def attention_maps(maps: np.ndarray, tokens: Sequence[str]) -> Figure:
    """Weights (layers, heads, T, T) in a grid, a row a layer, a column a head; readers down, what is read across."""
    layers, heads, count, _ = maps.shape
    names = [plain(visible(token)) for token in tokens]
    side = min(max(1.15, 0.11 * count), 9.4 / heads)
    room = 0.35 + width_of(names, SMALL - 2) * 0.9
    page, cells = figure(
        room + heads * side + (heads - 1) * 0.12 + 0.3,
        0.3 + layers * side + (layers - 1) * 0.12 + room,
        heads,
        layers,
        left=room,
        right=0.3,
        top=0.3,
        bottom=room,
        across=0.12,
        down=0.12,
        grid="none",
    )
    for number, axes in enumerate(cells):
        layer, head = divmod(number, heads)
        axes.imshow(tint(BLUE, maps[layer, head] ** 0.6), interpolation="nearest", aspect="auto")
        for spine in axes.spines.values():
            spine.set(visible=True, edgecolor=INK, linewidth=0.4, alpha=0.3)
        axes.set_xticks(range(count), names if layer == layers - 1 else [], rotation=90, fontsize=SMALL - 2)
        axes.set_yticks(range(count), names if head == 0 else [], fontsize=SMALL - 2)
        axes.tick_params(length=0, pad=1.5)
        if layer == 0:
            label(axes, heading=f"head {head + 1}")
        if head == heads - 1:
            note(axes, 1.0, 0.5, f"layer {layer + 1}", right=2, within="axes fraction", rotation=270, va="center")
    return page


def token_map(places: np.ndarray, tokens: Sequence[str], most: int = 140) -> Figure:
    """Tokens at their places (N, 2), written where there is room, dots elsewhere; the first come first."""
    page, (axes,) = figure(7.4, 5.6, left=0.05, right=0.05, top=0.05, bottom=0.05, grid="none")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    places = np.asarray(places, np.float64)
    low, high = np.quantile(places, 0.01, axis=0), np.quantile(places, 0.99, axis=0)
    spread = np.clip((places - low) / np.maximum(high - low, 1e-12), -0.02, 1.02)
    axes.set(xlim=(-0.06, 1.06), ylim=(-0.04, 1.04))
    taken: list[tuple[float, float, float]] = []
    for (x, y), token in zip(spread, tokens, strict=True):
        name = visible(token)
        half = width_of([name]) / 7.3 / 2 + 0.006
        is_free = len(taken) < most and all(abs(x - a) > half + b or abs(y - c) > 0.026 for a, c, b in taken)
        if is_free:
            taken.append((float(x), float(y), half))
            write(axes, float(x), float(y), name, ha="center", va="center", color=colour_of(token))
        else:
            axes.plot([x], [y], ".", color=GREY, markersize=2, alpha=0.6)
    return page


def colour_of(token: str) -> str:
    """Words that begin with a capital letter orange, beginnings of words blue, all else grey."""
    bare = token.lstrip("Ġ ▁")
    return ORANGE if bare[:1].isupper() else BLUE if bare != token else INK
