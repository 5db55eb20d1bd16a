"""Words in boxes, row below row, as they are read."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maquette.figures.style import INK, SMALL, bare, plain, tint, width_of, write

WIDTH = 9.0  # inches that a full-width figure takes in a report
SIZE, TINY = 7.5, 6.0  # points of words and of what stands below them
FONT = "DejaVu Sans Mono"  # letters of equal width: boxes fit them wherever they are shown
LETTER = 0.605 / 72  # inches that a letter of one point takes
LINE, ROOM, GAP, BELOW = 0.2, 0.08, 0.04, 0.12  # inches: height of a line, room beside a text, between boxes and rows
MOST_CELLS = 60  # boxes of a row


class Cell(NamedTuple):
    """A box with a line or two of words, and a number below."""

    lines: tuple[str, ...]
    colour: str = ""
    below: str = ""


class Row(NamedTuple):
    name: str
    cells: Sequence[Cell]


def drawn(rows: Sequence[Row], width: float = WIDTH) -> Figure:
    """Rows of boxes below each other, going on below where the page ends."""
    left = 0.2 + min(width_of([row.name for row in rows], SMALL), 1.6)
    most = int((width - left - ROOM) / (LETTER * SIZE))
    boxes: list[tuple[float, float, float, Cell]] = []
    names: list[tuple[float, float, str]] = []
    down = 0.03
    for row in rows:
        cells = list(row.cells[:MOST_CELLS])
        if len(row.cells) > MOST_CELLS:
            cells.append(Cell((f"and {len(row.cells) - MOST_CELLS:,} more",)))
        lines = max(len(cell.lines) for cell in cells)
        high = LINE * lines + (0.13 if any(cell.below for cell in cells) else 0.0)
        names.append((down, LINE * lines, row.name))
        along = left
        for cell in cells:
            cell = cell._replace(lines=tuple(plain(line, most) for line in cell.lines))
            longest = max(len(line.replace(r"\$", "$")) for line in cell.lines)
            wide = ROOM + LETTER * max(SIZE * longest, TINY * len(cell.below))
            if along + wide > width and along > left:
                along, down = left, down + high + GAP
            boxes.append((along, down, wide, cell))
            along += wide + GAP
        down += high + BELOW
    page = Figure(figsize=(width, down), facecolor="none")
    axes = page.add_axes((0, 0, 1, 1), facecolor="none")
    axes.set(xlim=(0, width), ylim=(down, 0))
    bare(axes)
    for top, high, name in names:
        write(axes, left - 0.12, top + high / 2, name, ha="right", va="center")
    for box in boxes:
        draw_box(axes, *box)
    return page


def draw_box(axes: Any, along: float, top: float, wide: float, cell: Cell) -> None:
    """A cell: its lines in a shaded box, or the text alone where it has no colour; of two lines the lower is shaded."""
    for place, line in enumerate(cell.lines):
        y = top + LINE * place
        is_last = place == len(cell.lines) - 1
        if cell.colour:
            shade = {"facecolor": tint(cell.colour, np.array(0.3))} if is_last else {"facecolor": "none"}
            axes.add_patch(Rectangle((along, y), wide, LINE, clip_on=False, linewidth=0.0, **shade))
        x = along + wide / 2 if cell.colour else along
        mono(axes, x, y + LINE / 2, line, SIZE, ha="center" if cell.colour else "left")
    if cell.below:
        mono(axes, along + wide / 2, top + LINE * len(cell.lines) + 0.07, cell.below, TINY, alpha=0.75)


def mono(axes: Any, x: float, y: float, text: str, size: float, **options: Any) -> None:
    looks = {"ha": "center", "va": "center_baseline", "color": INK, "fontsize": size, "family": FONT, **options}
    axes.text(x, y, text, **looks)
