"""A page on one answer: blocks of text, formulas, tables and figures, as one self-contained file."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from maquette.figures.style import svg_text
from maquette.files import write_text
from maquette.report.page import _prepared, pages
from maquette.report.pictures import inline_svg


def write_explanation(out: Path, title: str, blocks: Sequence[dict[str, Any]], overline: str = "") -> Path:
    """Writes the page and gives its path.

    blocks: as in `findings.json`, and `heading`; a picture holds its `figure` instead of a file's name.
    """
    sections: list[dict[str, Any]] = [{"heading": "", "groups": []}]
    parts = [_part(block, number) for number, block in enumerate(blocks)]
    for kind, together in groupby(parts, key=lambda part: part["kind"]):
        held = list(together)
        if kind == "heading":
            sections += [{"heading": part["text"], "groups": []} for part in held]
        elif kind in ("fact", "picture", "warning"):
            sections[-1]["groups"].append({"kind": kind, "parts": held})
        else:
            sections[-1]["groups"] += [{"kind": kind, "parts": [part]} for part in held]
    page = pages().get_template("explained.html.j2").render(title=title, overline=overline, sections=sections)
    write_text(out, page)
    return out


def _part(block: dict[str, Any], number: int) -> dict[str, Any]:
    if block["kind"] == "heading":
        return block
    if block["kind"] == "picture":
        drawing = inline_svg(svg_text(block["figure"], f"block{number}"), f"b{number}-", block.get("title", ""))
        return {"title": "", "caption": "", **block, "picture": drawing}
    return _prepared(None, "", block)
