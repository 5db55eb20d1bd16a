"""Figures of what goes on in a Transformer: numbers by token, positions, scores and weights, the residual stream.

T tokens. Numbers above zero are blue, below zero orange, the stronger the larger; zero is the page. All keep their
colours in the saved file: 256 would not tell small numbers apart.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maquette.figures.numbers import number
from maquette.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SMALL,
    figure,
    keep_colours,
    label,
    plain,
    span,
    tint,
    width_of,
    write,
)
from maquette.figures.text import visible

WIDTH = 9.2  # inches of a full figure
MANY = 16  # tokens from which rows grow narrow


def heat(panels: Mapping[str, np.ndarray], tokens: Sequence[str], *, one_scale: bool = False) -> Figure:
    """Numbers (T, N) of each token, a row a token, one panel beside the other.

    A panel's heading names its largest number, which has its strongest colour; with `one_scale` that of all panels has.
    """
    names = [visible(token) for token in tokens]
    left = 0.25 + width_of(names, SMALL)
    height = 0.34 + rows_for(len(names)) + 0.5
    whole = max(largest(values) for values in panels.values())
    page, cells = figure(
        WIDTH, height, len(panels), left=left, right=0.1, top=0.34, bottom=0.5, across=0.2, grid="none"
    )
    keep_colours(page)
    for place, (axes, (name, values)) in enumerate(zip(cells, panels.items(), strict=True)):
        high = largest(values)
        axes.imshow(signed(values, whole if one_scale else high), interpolation="nearest", aspect="auto")
        frame(axes)
        axes.set_yticks(range(len(names)), names if place == 0 else [])
        label(axes, "number", "", f"{name}, up to ±{number(high, digits=2)}")
    return page


def positions(panels: Mapping[str, np.ndarray], likeness: np.ndarray, used: int) -> Figure:
    """What stands for each place: numbers (P, N), a row a place, and how alike the places are, (P, P) in -1..1.

    The first `used` places, those of the sentence, lie above the line.
    """
    page, cells = figure(
        WIDTH, 3.1, len(panels) + 1, left=0.6, right=0.1, top=0.34, bottom=0.5, across=0.32, grid="none"
    )
    keep_colours(page)
    drawn = {**panels, "how alike two places are": likeness}
    for place, (axes, (name, values)) in enumerate(zip(cells, drawn.items(), strict=True)):
        is_last = place == len(panels)
        high = 1.0 if is_last else largest(values)
        axes.imshow(signed(values, high), interpolation="nearest", aspect="auto")
        frame(axes)
        if used < len(values):
            axes.axhline(used - 0.5, color=INK, linewidth=0.8, dashes=(4, 3))
        heading = name if is_last else f"{name}, up to ±{number(high, digits=2)}"
        label(axes, "place" if is_last else "number", "place" if place == 0 else "", heading)
    return page


def orders(panels: Mapping[str, tuple[np.ndarray, np.ndarray]], names: tuple[str, str]) -> Figure:
    """The numbers (W,) that come out for one order of the words, over those for another; equal ones lie on the line."""
    page, cells = figure(WIDTH, 3.05, len(panels), left=0.7, right=0.1, top=0.34, bottom=0.55, across=0.55)
    for place, (axes, (name, (first, second))) in enumerate(zip(cells, panels.items(), strict=True)):
        low, high = span(np.concatenate([first, second]))
        away = float(np.abs(first - second).max(initial=0.0))
        is_same = away < 1e-6
        axes.plot([low, high], [low, high], color=INK, linewidth=0.8, alpha=0.5)
        axes.plot(first, second, ".", color=GREEN if is_same else BLUE, markersize=4.5, alpha=0.8)
        axes.set(xlim=(low, high), ylim=(low, high))
        label(axes, names[0], names[1] if place == 0 else "", name)
        told = "the same" if is_same else f"differ by up to {number(away, digits=2)}"
        axes.text(0.04, 0.95, told, transform=axes.transAxes, va="top", fontsize=SMALL, color=GREEN if is_same else INK)
    return page


def chain(scores: np.ndarray, masked: np.ndarray, weights: np.ndarray, tokens: Sequence[str]) -> Figure:
    """Scores of every pair, the same without what lies ahead, and their softmax, (T, T) each: queries down, keys
    across. Where there is room, the cells hold their numbers."""
    names = [visible(token) for token in tokens]
    page, cells, side = _squares(names, 3)
    keep_colours(page)
    high = largest(scores)
    for place, (axes, values) in enumerate(zip(cells, (scores, masked, weights), strict=True)):
        is_seen = np.isfinite(values)
        known = np.where(is_seen, values, 0.0)
        if place == 2:
            _weights(axes, weights, side)
        else:
            axes.imshow(signed(known, high), interpolation="nearest")
            _written(axes, known, is_seen, side, strength=np.abs(known) / high)
        if not is_seen.all():
            axes.imshow(tint(GREY, 0.16 * ~is_seen), interpolation="nearest")
        _named(axes, names, has_rows=place == 0)
        label(axes, heading=("scores", "what lies ahead is hidden", "weights: rows sum to 1")[place])
    return page


def uniform_and_scaled(uniform: np.ndarray, scaled: np.ndarray, values: np.ndarray, tokens: Sequence[str]) -> Figure:
    """Two kinds of weights (T, T) times the same values (T, D), and what comes of it: uniform above, scaled below."""
    names = [visible(token) for token in tokens]
    count = len(names)
    left, apart, words = 0.25 + width_of(names, SMALL), 0.42, 0.3
    rows = max(rows_for(count), 0.8)
    wide = (WIDTH - left - rows - 2 * apart - 0.1) / 2
    height = 2 * (rows + words) + 0.55
    page = Figure(figsize=(WIDTH, height), facecolor="none")
    keep_colours(page)
    made = (uniform @ values, scaled @ values)
    high = largest(values)
    for line, (name, weights, result) in enumerate(
        (("uniform weights", uniform, made[0]), ("scaled weights", scaled, made[1]))
    ):
        low = height - (line + 1) * (rows + words)
        places = ((left, rows), (left + rows + apart, wide), (left + rows + wide + 2 * apart, wide))
        for index, (x, size) in enumerate(places):
            axes = page.add_axes((x / WIDTH, low / height, size / WIDTH, rows / height), facecolor="none")
            if index == 0:
                _weights(axes, weights, rows)
            else:
                axes.imshow(signed(values if index == 1 else result, high), interpolation="nearest", aspect="auto")
            frame(axes)
            axes.set_yticks(range(count), names if index == 0 else [], fontsize=SMALL)
            axes.tick_params(length=0, colors=INK, labelsize=SMALL)
            axes.set_xticks([])
            label(axes, heading=(name, "values v", "taken over: o")[index])
            if index < 2:
                middle = (x + size + apart / 2) / WIDTH, (low + rows / 2) / height
                page.text(*middle, "×="[index], ha="center", va="center", fontsize=14, color=INK)
            if line == 1:
                axes.set_xlabel("read token" if index == 0 else "number", color=INK, fontsize=SMALL)
    return page


def stream(sizes: np.ndarray, stages: Sequence[str], tokens: Sequence[str]) -> Figure:
    """How large the residual stream is, (stages, T): a row after each branch, the first on top."""
    names = [visible(token) for token in tokens]
    room, left = 0.3 + width_of(names, SMALL), 0.25 + width_of(stages, SMALL)
    wide = min(WIDTH - left - 0.1, 0.62 * len(names))
    page, (axes,) = figure(
        left + wide + 0.1, 0.1 + 0.24 * len(stages) + room, left=left, right=0.1, top=0.1, bottom=room, grid="none"
    )
    keep_colours(page)
    strength = sizes / max(float(sizes.max(initial=0.0)), 1e-12)
    axes.imshow(tint(BLUE, 0.05 + 0.75 * strength), interpolation="nearest", aspect="auto")
    frame(axes)
    axes.set_yticks(range(len(stages)), [plain(stage) for stage in stages])
    axes.set_xticks(range(len(names)), names, rotation=90)
    if len(names) <= MANY:
        for row, column in np.ndindex(*sizes.shape):
            write(axes, column, row, f"{sizes[row, column]:.2f}", ha="center", va="center", fontsize=SMALL - 1)
    return page


def lens(
    guesses: Sequence[Sequence[str]], probabilities: np.ndarray, tokens: Sequence[str], stages: Sequence[str]
) -> Figure:
    """What each layer takes for the next token: guesses (stages, T) with their probabilities; the first layer below.

    A guess that is the next token of the text has a green frame.
    """
    names = [visible(token) for token in tokens]
    left = 0.25 + width_of(stages, SMALL)
    wide = WIDTH - left - 0.1
    count, rows = len(names), len(stages)
    page, (axes,) = figure(WIDTH, 0.32 + 0.3 * rows + 0.1, left=left, right=0.1, top=0.32, bottom=0.1, grid="none")
    axes.set(xlim=(-0.5, count - 0.5), ylim=(-0.5, rows - 0.5))
    length = max(2, int(wide / count / (SMALL * 0.55 / 72)))
    for row, column in np.ndindex(rows, count):
        is_right = column + 1 < count and guesses[row][column] == tokens[column + 1]
        axes.add_patch(
            Rectangle(
                (column - 0.47, row - 0.44),
                0.94,
                0.88,
                facecolor=tint(BLUE, 0.04 + 0.7 * probabilities[row, column]),
                edgecolor=GREEN if is_right else "none",
                linewidth=1.5,
            )
        )
        write(axes, column, row, visible(guesses[row][column])[:length], ha="center", va="center", fontsize=SMALL - 0.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_yticks(range(rows), [plain(stage) for stage in stages])
    axes.set_xticks(range(count), [name[:length] for name in names])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    return page


def rows_for(count: int) -> float:
    """Inches for the rows of so many tokens."""
    return max(0.6, count * (0.22 if count <= MANY else 0.17))


def signed(values: np.ndarray, high: float) -> np.ndarray:
    """Colours (..., 4) of numbers from -high, full orange, over zero, which is clear, to high, full blue."""
    shades = tint(BLUE, np.abs(values) / high)
    shades[np.asarray(values) < 0, :3] = to_rgb(ORANGE)
    return shades


def largest(values: np.ndarray) -> float:
    """The largest absolute number that is finite; 1 where all are zero."""
    known = np.abs(values[np.isfinite(values)])
    return float(known.max(initial=0.0)) or 1.0


def frame(axes: Axes) -> None:
    """A thin line around, no ticks."""
    for spine in axes.spines.values():
        spine.set(visible=True, edgecolor=INK, linewidth=0.4, alpha=0.35)
    axes.tick_params(length=0, pad=2)


def _squares(names: Sequence[str], panels: int) -> tuple[Figure, list[Axes], float]:
    """Square panels side by side with room for the tokens' names left and below; also their side in inches."""
    room = 0.22 + width_of(names, SMALL)
    side = min((WIDTH - room - 0.1 - 0.2 * (panels - 1)) / panels, max(0.36 * len(names), 1.9))
    page, cells = figure(
        room + panels * side + 0.2 * (panels - 1) + 0.1, 0.34 + side + room, panels, left=room, right=0.1, top=0.34,
        bottom=room, across=0.2, grid="none",
    )  # fmt: skip
    return page, cells, side


def _named(axes: Axes, names: Sequence[str], has_rows: bool) -> None:
    frame(axes)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names if has_rows else [])


def _weights(axes: Axes, weights: np.ndarray, side: float) -> None:
    """Weights (T, T) in 0..1 as blue squares, small ones lifted so that they can be told apart; 0 stays clear."""
    strength = weights**0.6
    axes.imshow(tint(BLUE, strength), interpolation="nearest", aspect="auto")
    _written(axes, weights, weights > 0, side, strength=strength)


def _written(axes: Axes, values: np.ndarray, is_shown: np.ndarray, side: float, strength: np.ndarray) -> None:
    """The numbers in their cells, white on strong colours, where the cells are large enough."""
    digits = 1 if np.abs(values).max() >= 1.05 else 2
    texts = [
        [f"{value:.{digits}f}".replace("0.", ".", digits - 1).replace("1.00", "1") for value in row] for row in values
    ]
    longest = max(len(text) for row in texts for text in row)
    size = min(6.5, 0.9 * side / len(values) / (0.6 * longest / 72))
    if size < 5:
        return
    for row, column in zip(*np.nonzero(is_shown), strict=True):
        colour = "white" if strength[row, column] > 0.6 else INK
        write(
            axes,
            column,
            row,
            texts[row][column].replace("-", "−"),
            ha="center",
            va="center",
            fontsize=size,
            color=colour,
        )
