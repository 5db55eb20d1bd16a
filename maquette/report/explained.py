"""A page on one answer: blocks of text, formulas, tables and figures, as one self-contained file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from maquette.figures.style import svg_text
from maquette.files import write_text
from maquette.report.page import grouped, pages, prepared
from maquette.report.pictures import inline_svg


def write_explanation(out: Path, title: str, blocks: Sequence[dict[str, Any]], overline: str = "") -> Path:
    """Writes the page and gives its path.

    blocks: as in `findings.json`; a picture holds its `figure` instead of a file's name.
    """
    parts = [prepared(block, f"b{number}-", drawn) for number, block in enumerate(blocks)]
    page = pages().get_template("explained.html.j2").render(title=title, overline=overline, groups=grouped(parts))
    write_text(out, page)
    return out


def drawn(block: dict[str, Any], prefix: str, title: str) -> Markup:
    """The figure of a block as part of the page."""
    drawing = inline_svg(svg_text(block["figure"], prefix), prefix, title)
    assert drawing is not None, "our own figures hold nothing but drawing"
    return drawing
