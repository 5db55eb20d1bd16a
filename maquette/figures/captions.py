"""Figures of pictures and words together: pictures beside what is said of them, pictures in the order of a search."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maquette.figures.images import WIDTH, Box, canvas, caption, draw, fitted
from maquette.figures.style import GREEN, INK, SMALL, plain, write

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
    axes = canvas(page)
    for place, (picture, words) in enumerate(pairs):
        line, column = divmod(place, columns)
        top = page.get_figheight() - line * (side + gap)
        height, across = np.shape(picture)[:2]
        shape = side * min(1, across / height), side * min(1, height / across)
        draw(axes, picture, within=Box(column * wide, top - side, *shape))
        most = int(side / LINE)
        cut = max(1, most // max(len(words), 1))
        y = top - 0.02
        for number, text in enumerate(words[:most]):
            colour = colours[place][number] if colours else INK
            for part in wrapped(text, room, cut):
                axes.text(column * wide + side + 0.09, y, part, va="top", fontsize=SMALL, color=colour)
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
    axes = canvas(page)
    for number, (text, pictures) in enumerate(searches):
        top = page.get_figheight() - number * (head + side + foot)
        write(axes, 0, top - 0.09, text, int(page.get_figwidth() / LETTER), va="top", fontweight="bold")
        for place, picture in enumerate(pictures):
            box = fitted(picture, place * (side + gap), top - head - side, side, side)
            draw(axes, picture, within=box)
            if right and right[number][place]:
                looks: dict[str, Any] = {"fill": False, "edgecolor": GREEN, "linewidth": 2.5, "clip_on": False}
                axes.add_patch(Rectangle(box[:2], box.width, box.height, **looks))
            if captions:
                caption(axes, box, captions[number][place], int(side / LETTER))
    return page


def wrapped(text: str, width: int, most: int) -> list[str]:
    """A text in lines of about `width` letters, at most `most` of them."""
    lines = textwrap.wrap(plain(text, 400), max(width, 8)) or [""]
    if len(lines) > most:
        lines = [*lines[: most - 1], plain(lines[most - 1] + " …" if most else "", max(width, 8))]
    return lines
