"""Blocks of a page on one answer: words, formulas, tables, pictures; media/page.py writes them, a report shows them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from matplotlib.figure import Figure

Block = dict[str, Any]


def heading(text: str) -> Block:
    return {"kind": "heading", "text": text}


def say(text: str) -> Block:
    return {"kind": "text", "text": text}


def warn(text: str) -> Block:
    return {"kind": "warning", "text": text}


def fact(name: str, value: Any) -> Block:
    return {"kind": "fact", "name": name, "value": value}


def formulas(*lines: str) -> Block:
    return {"kind": "formula", "text": "\n".join(lines)}


def picture(figure: Figure, title: str, caption: str = "", name: str = "") -> Block:
    """A figure; `name` is that of its file in a report."""
    return {"kind": "picture", "name": name, "figure": figure, "title": title, "caption": caption}


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> Block:
    return {"kind": "table", "title": title, "columns": list(columns), "rows": list(rows), "caption": caption}


def on_each(texts: Iterable[str], explain: Callable[[str], list[Block]]) -> Iterator[Block]:
    """What `explain` has to say on each text, below a heading where there are several."""
    given = list(texts)
    for text in given:
        if len(given) > 1:
            yield heading(text[:80])
        yield from explain(text)
