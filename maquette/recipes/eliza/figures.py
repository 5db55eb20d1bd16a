"""The way of one reply, drawn: words, what replaces them, the stack, parts of the text, and the answer made of them."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maquette.figures.style import BLUE, COLOURS, GREY, INK, ORANGE, SMALL, bare, plain, tint, width_of, write
from maquette.methods.eliza import Reply, Step

WIDTH = 9.0  # inches that a full-width figure takes in a report
SIZE, TINY = 7.5, 6.0  # points of words and of what stands below them
FONT = "DejaVu Sans Mono"  # letters of equal width: boxes fit them wherever they are shown
LETTER = 0.605 / 72  # inches that a letter of one point takes
LINE, ROOM, GAP, BELOW = 0.2, 0.08, 0.04, 0.12  # inches: height of a line, room beside a text, between boxes and rows
MOST_STEPS = 4  # rules of a reply that are drawn
MOST_CELLS = 60  # boxes of a row
HUES = [COLOURS[place] for place in (1, 2, 3, 4, 5)]


class Cell(NamedTuple):
    """A box with a line or two of words, and a number below."""

    lines: tuple[str, ...]
    colour: str = ""
    below: str = ""


class Row(NamedTuple):
    name: str
    cells: Sequence[Cell]


def walk(reply: Reply) -> Figure:
    """How a reply came about, from top to bottom."""
    return drawn(list(rows_of(reply)))


def rows_of(reply: Reply) -> Iterator[Row]:
    stacked = [keyword for keyword, _ in reply.stack]
    if reply.dropped:
        yield Row("left out", [Cell((clause,)) for clause in reply.dropped])
    heard = [Cell((word,), BLUE if word in stacked else GREY) for word in reply.heard]
    yield Row("heard", heard or [Cell(("nothing",))])
    if reply.substitutions:
        pairs = zip(reply.heard, reply.words, strict=True)
        yield Row("replaced", [Cell((now,), ORANGE if now != was else GREY) for was, now in pairs])
    stack = [Cell((keyword,), BLUE, f"rank {rank}") for keyword, rank in reply.stack]
    yield Row("stack", stack or [Cell(("no keyword",))])
    if len(reply.steps) > MOST_STEPS:
        yield Row("", [Cell((f"{len(reply.steps) - MOST_STEPS:,} rules more",))])
    for step in reply.steps[-MOST_STEPS:]:
        yield from rows_of_step(step)
    if reply.source == "memory":
        yield Row("memory", [Cell((f"LIMIT is {reply.limit}, so the oldest memory is said",))])
    if reply.source == "no match":
        yield Row("remark", [Cell((f"no pattern fits, and LIMIT is {reply.limit}",))])
    yield Row("says", [Cell((reply.text,), BLUE)])


def rows_of_step(step: Step) -> Iterator[Row]:
    """A rule: its pattern above the parts of the text, and the answer with parts in their places."""
    if step.transformation is None or step.answer is None:
        yield Row(step.keyword, [Cell((f"(={step.link})" if step.link else "no pattern fits",))])
        return
    pairs = zip(step.transformation.pattern, step.parts, strict=True)
    cells = [
        Cell((str(term), " ".join(part) or "∅"), HUES[place % len(HUES)], str(place + 1))
        for place, (term, part) in enumerate(pairs)
    ]
    yield Row(step.keyword, cells)
    if step.answer.parts is None:
        yield Row("", [Cell((str(step.answer),))])
        return
    pieces = [
        Cell((" ".join(step.parts[each - 1]) or "∅",), HUES[(each - 1) % len(HUES)], str(each))
        if isinstance(each, int)
        else Cell((each,), GREY)
        for each in step.answer.parts
    ]
    way = [Cell((f"(={step.link})",))] if step.link else []
    yield Row("PRE" if step.link else "answer", [*pieces, *way])


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
