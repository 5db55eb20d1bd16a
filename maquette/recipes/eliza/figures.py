"""The way of one reply, drawn: words, what replaces them, the stack, parts of the text, and the answer made of them."""

from collections.abc import Iterator

from matplotlib.figure import Figure

from maquette.figures.boxes import Cell, Row, drawn
from maquette.figures.style import BLUE, COLOURS, GREY, ORANGE
from maquette.methods.eliza import Reply, Step

MOST_STEPS = 4  # rules of a reply that are drawn
HUES = [COLOURS[place] for place in (1, 2, 3, 4, 5)]


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
