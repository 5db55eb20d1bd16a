"""Figures of tokens: strips of boxes with their numbers, merges in order, kinds of tokenizers side by side."""

import unicodedata
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maquette.figures.numbers import number
from maquette.figures.style import (
    BLUE,
    COLOURS,
    GREY,
    INK,
    RED,
    SMALL,
    bare,
    figure,
    label,
    plain,
    tint,
    width_of,
    write,
)

WIDTH = 9.0  # inches that a full-width figure takes in a report
SIZE, TINY = 7.5, 6.0  # points of tokens and of their numbers
FONT = "DejaVu Sans Mono"  # letters of equal width: boxes fit them wherever they are shown
LETTER = 0.605 / 72  # inches that a letter of one point takes
HIGH, ROOM, GAP = 0.2, 0.07, 0.03  # inches: height of a box, room beside its text, gap between boxes
MOST = 160  # boxes of a strip
LONGEST = 30  # letters of a box
SIGNS = {" ": "␣", "\n": "⏎", "\r": "␍", "\t": "⇥"}
HUES = [COLOURS[place] for place in (0, 1, 2, 3, 5)]


@dataclass(frozen=True)
class Strip:
    """Tokens as they are read, their numbers (none: not shown), and the places of those that the vocabulary lacks."""

    name: str
    tokens: Sequence[str]
    numbers: Sequence[int] = ()
    unknown: Set[int] = field(default_factory=set)


def seen(token: str) -> str:
    """A token with its white space made visible: a space as an open box, a line end as its sign."""
    return plain("".join(SIGNS.get(sign, sign) for sign in token) or "∅", LONGEST)


def cells(text: str) -> int:
    """How many letters' room a text takes; Chinese and the like take two each, marks above letters none."""
    signs = text.replace(r"\$", "$")
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else not unicodedata.combining(sign) for sign in signs)


def strips(rows: Sequence[Strip], width: float = WIDTH) -> Figure:
    """A row of boxes for each strip, going on below where the page ends; what is unknown has a red frame."""
    left = 0.15 + min(width_of([strip.name for strip in rows], SMALL), 1.6)
    boxes: list[tuple[float, float, float, str, int | None, str]] = []
    names: list[tuple[float, str]] = []
    down = 0.0
    for strip in rows:
        high = HIGH + (0.15 if len(strip.numbers) else 0.0)
        names.append((down, strip.name))
        along = left
        for place, token in enumerate(strip.tokens[:MOST]):
            text = seen(token)
            tag = int(strip.numbers[place]) if len(strip.numbers) else None
            wide = ROOM + LETTER * max(SIZE * cells(text), 0 if tag is None else TINY * len(str(tag)))
            if along + wide > width and along > left:
                along, down = left, down + high + GAP
            boxes.append((along, down, wide, text, tag, RED if place in strip.unknown else HUES[place % len(HUES)]))
            along += wide + GAP
        if len(strip.tokens) > MOST:
            down += high
            boxes.append((left, down, 0.0, f"and {len(strip.tokens) - MOST:,} more", None, ""))
        down += high + 0.1
    page = Figure(figsize=(width, max(down, 0.3)), facecolor="none")
    axes = page.add_axes((0, 0, 1, 1), facecolor="none")
    axes.set(xlim=(0, width), ylim=(max(down, 0.3), 0))
    bare(axes)
    for top, name in names:
        write(axes, left - 0.1, top + HIGH / 2, name, ha="right", va="center")
    for along, top, wide, text, tag, colour in boxes:
        draw_box(axes, along, top, wide, text, colour)
        if tag is not None:
            mono(axes, along + wide / 2, top + HIGH + 0.07, str(tag), TINY, alpha=0.75)
    return page


def draw_box(axes: Any, along: float, top: float, wide: float, text: str, colour: str) -> None:
    """A text in a shaded box; without a colour, the text alone."""
    if not colour:
        mono(axes, along, top + HIGH / 2, text, SIZE, ha="left")
        return
    looks: dict[str, Any] = {"facecolor": tint(colour, np.array(0.28)), "linewidth": 0.0}
    if colour == RED:
        looks = {"facecolor": "none", "edgecolor": RED, "linewidth": 0.9}
    axes.add_patch(Rectangle((along, top), wide, HIGH, clip_on=False, **looks))
    mono(axes, along + wide / 2, top + HIGH / 2, text, SIZE)


def mono(axes: Any, x: float, y: float, text: str, size: float, **options: Any) -> None:
    looks = {"ha": "center", "va": "center_baseline", "color": INK, "fontsize": size, "family": FONT, **options}
    axes.text(x, y, text, **looks)


def merges(steps: Sequence[tuple[str, str, str]], across: int = 4) -> Figure:
    """The merges of byte pair encoding in order, down each column: left and right part, and what they become."""
    lines = max(1, -(-len(steps) // across))
    wide, high = WIDTH / across, HIGH + 0.06
    page = Figure(figsize=(WIDTH, lines * high + 0.05), facecolor="none")
    axes = page.add_axes((0, 0, 1, 1), facecolor="none")
    axes.set(xlim=(0, WIDTH), ylim=(lines * high + 0.05, 0))
    bare(axes)
    for place, parts in enumerate(steps):
        column, line = divmod(place, lines)
        along, top = column * wide + 0.3, line * high + 0.02
        mono(axes, along - 0.06, top + HIGH / 2, str(place + 1), TINY, ha="right", alpha=0.75)
        for text, colour, sign in zip(parts, (BLUE, COLOURS[1], COLOURS[2]), ("+", "→", ""), strict=True):
            shown = seen(text)
            box = ROOM + LETTER * SIZE * cells(shown)
            draw_box(axes, along, top, box, shown, colour)
            mono(axes, along + box + 0.08, top + HIGH / 2, sign, SIZE)
            along += box + 0.16
    return page


def side_by_side(panels: Mapping[str, Mapping[str, float]], kept: str, logarithmic: Set[str] = frozenset()) -> Figure:
    """Bars of every kind for each measure, a panel a measure; the kind that is kept is blue.

    Bars of measures in `logarithmic` begin at a tenth of the smallest, and each tenfold is as long as the next.
    """
    names = list(next(iter(panels.values())))
    room = 0.25 + width_of(names)
    page, axes = figure(
        WIDTH, 0.5 + 0.24 * len(names), len(panels), left=room, right=0.5, top=0.3, bottom=0.1, across=0.55, grid="none"
    )
    places = np.arange(len(names))[::-1]
    for each, (measure, values) in zip(axes, panels.items(), strict=True):
        shown = np.array([values[name] for name in names])
        low = max(float(shown.min(initial=1)), 1e-9) / 10 if measure in logarithmic else 0.0
        colours = [tint(BLUE if name == kept else GREY, np.array(0.75)) for name in names]
        if measure in logarithmic:
            each.set_xscale("log")
        each.barh(places, np.maximum(shown - low, 0), left=low, height=0.7, color=colours)
        each.set_yticks(places, names if each is axes[0] else [])
        each.set_xticks([])
        each.minorticks_off()
        each.set_xlim(low, max(float(shown.max(initial=0)), 1e-8))
        each.tick_params(length=0)
        for spine in each.spines.values():
            spine.set_visible(False)
        for place, value in zip(places, shown, strict=True):
            write(each, max(value, low), place, f" {number(float(value), digits=3)}", va="center")
        label(each, heading=measure)
    return page
