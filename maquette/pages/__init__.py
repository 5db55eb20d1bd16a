"""Pages: blocks of a report set as HTML, each page one self-contained file, light and dark."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from maquette.figures.numbers import duration, number

MOST_ROWS = 200


@cache
def templates() -> Environment:
    """The templates, with everything from outside escaped."""
    here = PackageLoader("maquette.pages", ".")
    made = Environment(loader=here, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"number": number, "duration": duration, "prose": prose, "inline": inline}
    source, _, _ = here.get_source(made, "style.css")
    made.globals["style"] = Markup(source)
    return made


def prepared(block: dict[str, Any], prefix: str, draw: Callable[[dict[str, Any], str, str], Markup]) -> dict[str, Any]:
    """A block ready to set; `draw(block, prefix, title)` makes the picture of one."""
    kind = block.get("kind")
    if kind == "picture":
        title = str(block.get("title") or "")
        caption = str(block.get("caption") or "")
        return {"kind": kind, "title": title, "caption": caption, "picture": draw(block, prefix, title)}
    if kind == "table":
        return {"kind": kind, **table(block)}
    if kind == "fact":
        return {
            "kind": kind,
            "name": str(block.get("name", "")),
            "value": number(block.get("value")),
            "unit": str(block.get("unit") or ""),
        }
    known = kind if kind in ("text", "warning", "formula", "heading") else "text"
    return {"kind": known, "text": str(block.get("text", ""))}


def table(block: dict[str, Any]) -> dict[str, Any]:
    """A table ready to set: numbers written for people and marked, so that they stand right; at most 200 rows."""
    rows = [list(row) if isinstance(row, list | tuple) else [row] for row in block.get("rows") or []]
    cells = [
        [{"text": number(value), "number": value is None or type(value) in (int, float)} for value in row]
        for row in rows[:MOST_ROWS]
    ]
    columns = [str(column) for column in block.get("columns") or []]
    numeric = [bool(cells) and all(row[at]["number"] for row in cells if at < len(row)) for at in range(len(columns))]
    return {
        "title": str(block.get("title") or ""),
        "caption": str(block.get("caption") or ""),
        "columns": columns,
        "numeric": numeric,
        "rows": cells,
        "left_out": max(len(rows) - MOST_ROWS, 0),
    }


def grouped(parts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Consecutive record as one list, consecutive pictures and warnings as one group, all else one by one."""
    for kind, together in groupby(parts, key=lambda part: part["kind"]):
        if kind in ("fact", "picture", "warning"):
            yield {"kind": kind, "parts": list(together)}
        else:
            yield from ({"kind": kind, "parts": [part]} for part in together)


def inline(text: Any) -> Markup:
    """Text with `code` between backquotes set as code, everything else escaped."""
    return Markup(re.sub(r"`([^`\n]+)`", r"<code>\1</code>", str(escape(text))))


def prose(text: Any) -> Markup:
    """The same in paragraphs, which blank lines part."""
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", str(text)) if part.strip()]
    return Markup("").join(Markup("<p>{}</p>").format(inline(part)) for part in paragraphs)
