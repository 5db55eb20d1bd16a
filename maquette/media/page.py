"""Pages: blocks of words, formulas, tables and figures on one answer, as one self-contained file."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from markupsafe import Markup

from maquette.figures.style import svg_text
from maquette.files import write_text
from maquette.media import Asked
from maquette.pages import grouped, prepared, templates
from maquette.pages.pictures import inline_svg
from maquette.settings import UserError

ENDINGS = (".html", ".htm")


def accepts(given: Any) -> bool:
    return False


def is_one(given: Any) -> bool:
    return True


def read(given: list[Any], say: Callable[[str], None], options: Any = None) -> Iterator[Any]:
    raise UserError("No use takes pages.")


def write(answers: Iterable[dict[str, Any]], out: Path | None, asked: Asked, say: Callable[[str], None]) -> Path:
    """The page. answers: blocks as in `findings.json`; a picture holds its `figure` instead of a file's name."""
    target = out or Path("explained.html")
    if target.suffix and target.suffix.lower() not in ENDINGS:
        raise UserError(f"--out {target}: this is a page; name it {target.with_suffix(ENDINGS[0]).name}.")
    parts = [prepared(block, f"b{number}-", drawn) for number, block in enumerate(answers)]
    page = templates().get_template("explained.html.j2")
    write_text(target, page.render(title=asked.title, overline=str(asked.run), groups=grouped(parts)))
    return target


def drawn(block: dict[str, Any], prefix: str, title: str) -> Markup:
    """The figure of a block as part of the page."""
    drawing = inline_svg(svg_text(block["figure"], prefix), prefix, title)
    assert drawing is not None, "our own figures hold nothing but drawing"
    return drawing


def plain(answers: Iterable[dict[str, Any]], is_one: bool) -> list[dict[str, Any]]:
    """The blocks."""
    return list(answers)


def show(inputs: Any, answers: Iterable[dict[str, Any]], run: Any) -> None:
    for number, block in enumerate(answers):
        run.block(block, f"examples_{number}")


def keep(data: Any) -> Path:
    raise UserError("There is no training from pages.")
