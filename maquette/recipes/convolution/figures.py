"""Figures of convolution: which pixels meet which, one step in numbers, and how far a pixel sees."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maquette.figures.images import DIFFERENCE, draw, placed
from maquette.figures.numbers import number
from maquette.figures.style import COLOURS, INK, ORANGE, SMALL, figure, keep_colours, plain, write
from maquette.methods.convolution import Stage, Window, convolved

WIDE = 480  # pixels of a film
PAPER, LINE, NOTHING, LIT = (
    np.array(each, np.uint8) for each in ((255,) * 3, (205, 209, 214), (236, 238, 241), (217, 101, 42))
)
Colour = np.ndarray


def meetings(picture: np.ndarray, weights: np.ndarray, window: Window, most: int = 64) -> Iterator[np.ndarray]:
    """Frames (H, W, 3) uint8: left the picture (S, S) in 0..1 in its padding, right what comes out, a pixel each frame.

    The pixels that meet the kernel are framed on the left, the one that they make on the right. Results are grey where
    they are 0 if the kernel has negative weights. Of more than `most` pixels, some are drawn at a time.
    """
    size, out = len(picture), window.output(len(picture))
    around = 0 if window.is_transposed else window.padding
    cells = size + 2 * around + 2 + out
    cell = max(6, WIDE // cells)
    answers = convolved(picture, weights, window)
    signed = bool((weights < 0).any())
    shades = np.clip(0.5 + answers / 2 if signed else answers, 0, 1)
    high = max(size + 2 * around, out)
    base = np.tile(PAPER, (high * cell + 1, cells * cell + 1, 1))
    for y in range(-around, size + around):
        for x in range(-around, size + around):
            inside = 0 <= y < size and 0 <= x < size
            _fill(base, cell, y + around, x + around, grey(picture[y, x]) if inside else NOTHING)
    left = size + 2 * around + 2
    for y in range(out):
        for x in range(out):
            _fill(base, cell, y, left + x, PAPER)
    chosen = {place for place in range(out * out) if out * out <= most or place % -(-out * out // most) == 0}
    for place in range(out * out):
        y, x = divmod(place, out)
        _fill(base, cell, y, left + x, grey(shades[y, x]))
        if place not in chosen and place != out * out - 1:
            continue
        frame = base.copy()
        for down in _taps(y, size, window):
            for across in _taps(x, size, window):
                _ring(frame, cell, down + around, across + around)
        _ring(frame, cell, y, left + x)
        yield frame


def _taps(place: int, size: int, window: Window) -> list[int]:
    """Where the weights lie along one axis for an output pixel, padding included."""
    if window.is_transposed:
        return [at for at, _ in window.meets(place, size)]
    return [place * window.stride - window.padding + window.dilation * weight for weight in range(window.kernel)]


def grey(value: float) -> Colour:
    return np.full(3, round(255 * float(value)), np.uint8)


def _fill(canvas: np.ndarray, cell: int, row: int, column: int, colour: Colour) -> None:
    y, x = row * cell, column * cell
    canvas[y : y + cell + 1, x : x + cell + 1] = LINE
    canvas[y + 1 : y + cell, x + 1 : x + cell] = colour


def _ring(canvas: np.ndarray, cell: int, row: int, column: int) -> None:
    y, x, wide = row * cell, column * cell, max(2, cell // 9)
    inside = canvas[y + wide : y + cell + 1 - wide, x + wide : x + cell + 1 - wide].copy()
    canvas[y : y + cell + 1, x : x + cell + 1] = LIT
    canvas[y + wide : y + cell + 1 - wide, x + wide : x + cell + 1 - wide] = inside


def one_step(under: np.ndarray, weights: np.ndarray) -> Figure:
    """The pixels below a kernel, its weights, their products and the sum, as numbers in squares; all (k, k)."""
    side = len(weights)
    products = under * weights
    wide = 0.55 * side
    page, (axes,) = figure(3 * wide + 3.2, wide + 0.5, left=0.1, right=0.1, top=0.3, bottom=0.1, grid="none")
    axes.set_axis_off()
    axes.set(xlim=(0, 3 * side + 5.2), ylim=(-side, 0.9), aspect="equal")
    x, limit = 0.0, max(1.0, float(np.abs(products).max()), float(np.abs(weights).max()))
    for name, values, sign in (("pixels", under, "×"), ("kernel", weights, "="), ("products", products, "sum")):
        for row in range(side):
            for column in range(side):
                value = float(values[row, column])
                shade = plainly(value) if name == "pixels" else DIFFERENCE(0.5 + 0.5 * value / limit)
                axes.add_patch(
                    Rectangle((x + column, -row - 1), 1, 1, facecolor=shade, edgecolor="#9aa1aa", linewidth=0.5)
                )
                dark = name == "pixels" and value < 0.5
                axes.text(
                    x + column + 0.5,
                    -row - 0.5,
                    number(value, digits=2),
                    ha="center",
                    va="center",
                    fontsize=SMALL - 1,
                    color="#ffffff" if dark else "#23272c",
                )
        write(axes, x + side / 2, 0.25, name, ha="center", va="bottom")
        write(axes, x + side + 0.55, -side / 2, sign, ha="center", va="center", fontsize=11 if sign != "sum" else SMALL)
        x += side + 1.1
    write(axes, x, -side / 2, f"= {number(float(products.sum()), digits=3)}", va="center", fontsize=11, color=ORANGE)
    return page


def plainly(value: float) -> tuple[float, float, float]:
    shade = min(1.0, max(0.0, value))
    return shade, shade, shade


def fields(picture: np.ndarray, found: Sequence[Stage]) -> Figure:
    """A picture (H, W, C) in 0..1 with the receptive field of a pixel in its middle, a square for each layer."""
    height, width = picture.shape[:2]
    side = 3.2
    words = [f"{number} {stage.name}: {stage.field} px" for number, stage in enumerate(found[1:], 1)]
    page = Figure(figsize=(side + 3.6, max(side + 0.1, 0.22 * len(words) + 0.2)), facecolor="none")
    keep_colours(page)
    top = page.get_figheight()
    axes = placed(page, 0.05, top - side - 0.05, side, side)
    draw(axes, picture)
    for place, stage in reversed(list(enumerate(found[1:]))):
        colour, reach = COLOURS[place % len(COLOURS)], min(stage.field, 2 * width)
        corner = (width - reach) / 2 - 0.5, (height - reach) / 2 - 0.5
        axes.add_patch(Rectangle(corner, reach, reach, fill=False, edgecolor=colour, linewidth=1.6))
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    for place, text in enumerate(words):
        y = (top - 0.2 - 0.22 * place) / top
        page.text(
            (side + 0.2) / page.get_figwidth(), y, "■", color=COLOURS[place % len(COLOURS)], fontsize=SMALL, va="center"
        )
        page.text((side + 0.4) / page.get_figwidth(), y, plain(text, 60), color=INK, fontsize=SMALL, va="center")
    return page
