"""The pages as tests read them, and the recipes of docs/adding-a-recipe.md put in place."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from maquette import families, media, recipes, serving
from maquette.course import hour_two
from maquette.data.sets import catalogue, standins
from maquette.recipes import RECIPES

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
ADDING, ARCHITECTURE = ROOT / "docs" / "adding-a-recipe.md", ROOT / "docs" / "architecture.md"


def blocks(page: Path, language: str = "") -> list[str]:
    """The fenced blocks of a page, those of one language only if it is named."""
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.M | re.S)
    return [body for name, body in found if not language or name == language]


def files_of(page: Path) -> dict[str, str]:
    """The Python blocks of a page that stand below the name of a file, by that name."""
    text = page.read_text(encoding="utf-8")
    return dict(re.findall(r"^`(maquette/[\w/]+\.py)`[^\n]*:\n\n```python\n(.*?)^```", text, re.M | re.S))


@contextmanager
def put_in_place(folder: Path) -> Iterator[list[str]]:
    """Within the block, all that docs/adding-a-recipe.md adds is there: files, written to `folder`, the data set, lines
    of the tables. Gives the names of the recipes."""
    parts = files_of(ADDING)
    for name, body in parts.items():
        if not (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(body, encoding="utf-8")
    lines = "".join(re.findall(r'^```\n("\w+": Entry\(.*?)^```', ADDING.read_text(encoding="utf-8"), re.M | re.S))
    with pytest.MonkeyPatch.context() as patch:
        for package in (families, media, recipes):
            place = folder.joinpath(*package.__name__.split("."))
            patch.setattr(package, "__path__", [*package.__path__, str(place)])
        patch.setitem(catalogue.SOURCES, "sine", eval(parts["maquette/data/sets/catalogue.py"], vars(catalogue)))
        made = dict(vars(standins))
        exec(parts["maquette/data/sets/standins.py"], made)
        patch.setattr(standins, "points_of_a_sine", made["points_of_a_sine"], raising=False)
        made = {}
        exec(parts["maquette/media/__init__.py"], made)
        patch.setattr(media, "MEDIA", made["MEDIA"])
        patch.setattr(serving, "MEDIA", made["MEDIA"])
        entries = eval("{" + lines + "}", dict(vars(hour_two)))
        for name, entry in entries.items():
            patch.setitem(RECIPES, name, entry)
        yield list(entries)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[name]
