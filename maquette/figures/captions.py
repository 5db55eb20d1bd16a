"""Figures of pictures and words together: pictures beside what is said of them, pictures in the order of a search."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maquette.figures.images import WIDTH, draw, placed
from maquette.figures.style import GREEN, INK, SMALL, keep_colours, plain

LETTER = SMALL * 0.52 / 72  # inches that a letter takes on average
LINE = SMALL * 1.35 / 72


def pictures_and_words(
    pairs: Sequence[tuple[np.ndarray, Sequence[str]]],
    columns: int = 2,
    *,
    side: float = 0.85,
    width: float = WIDTH,
    colours: Sequence[Sequence[str]] = (),
) -> Figure:
    """Each picture with lines of words at its right, in columns; colours: one for each line, ink if not given."""
    columns = min(columns, len(pairs)) or 1
    lines = -(-len(pairs) // columns)
    wide, gap = width / columns, 0.14
    room = int((wide - side - 0.25) / LETTER)
    page = Figure(figsize=(width, lines * (side + gap)), facecolor="none")
    keep_colours(page)
    for place, (picture, words) in enumerate(pairs):
        line, column = divmod(place, columns)
        top = page.get_figheight() - line * (side + gap)
        height, across = np.shape(picture)[:2]
        axes = placed(page, column * wide, top - side, side * min(1, across / height), side * min(1, height / across))
        draw(axes, picture)
        most = int(side / LINE)
        cut = max(1, most // max(len(words), 1))
        y = top - 0.02
        for number, text in enumerate(words[:most]):
            colour = colours[place][number] if colours else INK
            for part in wrapped(text, room, cut):
                x = column * wide + side + 0.09
                page.text(x / width, y / page.get_figheight(), part, va="top", fontsize=SMALL, color=colour)
                y -= LINE
    return page


def found_pictures(
    searches: Sequence[tuple[str, Sequence[np.ndarray]]],
    captions: Sequence[Sequence[str]] = (),
    right: Sequence[Sequence[bool]] = (),
    *,
    side: float = 0.95,
    width: float = WIDTH,
) -> Figure:
    """For each text a line of pictures, the likeliest first, with small words under them; right ones are framed."""
    columns = max((len(pictures) for _, pictures in searches), default=1)
    gap, head, foot = 0.07, 0.3, 0.2 if captions else 0.06
    side = min(side, width / columns - gap)
    page = Figure(figsize=(columns * (side + gap), len(searches) * (head + side + foot)), facecolor="none")
    keep_colours(page)
    high, wide = page.get_figheight(), page.get_figwidth()
    for number, (text, pictures) in enumerate(searches):
        top = high - number * (head + side + foot)
        words = plain(text, int(wide / LETTER))
        page.text(0, (top - 0.09) / high, words, va="top", fontsize=SMALL, color=INK, fontweight="bold")
        for place, picture in enumerate(pictures):
            axes = placed(page, place * (side + gap), top - head - side, side, side)
            draw(axes, picture)
            if right and right[number][place]:
                h, w = np.shape(picture)[:2]
                frame = Rectangle((-0.5, -0.5), w, h, fill=False, edgecolor=GREEN, linewidth=2.5, clip_on=False)
                axes.add_patch(frame)
            if captions:
                under = plain(captions[number][place], int(side / LETTER))
                axes.text(
                    0.5, -0.04, under, transform=axes.transAxes, ha="center", va="top", fontsize=SMALL - 1, color=INK
                )
    return page


def wrapped(text: str, width: int, most: int) -> list[str]:
    """A text in lines of about `width` letters, at most `most` of them."""
    lines = textwrap.wrap(plain(text, 400), max(width, 8)) or [""]
    if len(lines) > most:
        lines = [*lines[: most - 1], plain(lines[most - 1] + " …" if most else "", max(width, 8))]
    return lines
