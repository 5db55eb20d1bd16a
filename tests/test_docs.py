"""The pages tell the truth: their commands parse, their links lead on, their tree is the tree.

`python tests/test_docs.py` prints the tree and the table of docs/architecture.md as they should be, with the first
sentence of each new file. test_adding_a_recipe.py runs the recipes of docs/adding-a-recipe.md.
"""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import ARCHITECTURE, PAGES, ROOT, blocks, put_in_place

from maquette import cli, models, recipes
from maquette.recipes import RECIPES

HIDDEN = {"__pycache__", "build", "dist", "runs", "tour", ".venv"}
FILES = ("settings", "data", "recipe", "uses", "report", "figures")  # what a recipe's folder may hold


@pytest.fixture(scope="module")
def added(tmp_path_factory):
    """The recipes of docs/adding-a-recipe.md are in place."""
    with put_in_place(tmp_path_factory.mktemp("added")) as names:
        yield names


# -- commands ----------------------------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, str]]:
    """Every `maquette ...` and `make ...` line of the pages, in blocks and between backquotes."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line for block in blocks(page) for line in block.splitlines()]
        lines += re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S))
        for line in lines:
            line = re.sub(r"\s+#.*$|^\$ ", "", line.strip())
            line = re.sub(r"^(\w+=\S+ )+|^torchrun .* -m (?=maquette )", "", line)
            if re.match(r"(maquette|make) [a-z-]", line):
                yield page.name, line


class Parsed(Exception):
    pass


def recipe_named(arguments: list[str]) -> str | None:
    """The recipe of a run folder of the pages, which is called after it; that of a scene's file."""
    if not arguments or arguments[0].isupper():
        return None
    path = Path(arguments[0])
    return "splat" if path.suffix in (".ply", ".splat") else re.sub(r"-\d+$", "", path.name)


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_commands_on_the_pages_are_understood(page, line, added, monkeypatch):
    program, name, *rest = shlex.split(line)
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
        assert name in targets and all(re.match(r"[A-Z]+=", word) for word in rest), f"{page}: {line}"
        return
    if name == "--version":
        return
    assert name in cli.COMMANDS, f"{page}: {line}"
    if not rest or "..." in rest or {"RECIPE", "NAME"} & set(rest) or rest == ["--help"]:
        return
    if name == "run":
        assert rest[0] in RECIPES, f"{page}: {line}"
        if rest[1:] != ["--help"]:
            preset, _, values = cli.parse_settings(rest[0], rest[1:])
            recipes.recipe_settings(rest[0], preset, values)
        return
    parse = cli.Parser.parse

    def parse_only(self, arguments):
        raise Parsed(parse(self, arguments))

    monkeypatch.setattr(cli, "recipe_of", recipe_named)
    monkeypatch.setattr(cli.Parser, "parse", parse_only)
    with pytest.raises((Parsed, SystemExit)):  # --help ends by itself
        cli.COMMANDS[name](rest)


def test_there_are_commands_to_check():
    found = [line for _, line in commands()]
    assert len(found) > 20 and {"make tour", "maquette run line"} <= set(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_on_the_pages_is_python_and_links_lead_somewhere(page):
    for block in blocks(page, "python"):
        ast.parse(block)
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links {target}"


# -- the tree, and what one reads -------------------------------------------------------------------------------------


def tree() -> list[tuple[str, str]]:
    """What the tree names, each with a phrase: the files of maquette/, and what stands beside it.

    Recipes are named as folders: what their files are called and hold stands in docs/adding-a-recipe.md.
    """
    found = []
    for path in sorted((ROOT / "maquette").rglob("*.py"), key=lambda path: (path.parent.parts, path.name)):
        if path.name != "__init__.py" and path.parents[1].name == "recipes":
            assert path.stem in FILES, f"{path}: a recipe's files are called {', '.join(FILES)}"
        elif path.name != "__init__.py":
            found.append((path.relative_to(ROOT).as_posix(), phrase(path)))
        elif len(path.relative_to(ROOT).parts) > 2:
            found.append((path.parent.relative_to(ROOT).as_posix() + "/", phrase(path)))
    for path in sorted(ROOT.iterdir()):
        if path.name.startswith(".") or path.name in HIDDEN or path.name.endswith(".egg-info"):
            continue
        if path.name != "maquette":
            found.append((path.name + "/" * path.is_dir(), "?"))
    return found


def phrase(path: Path) -> str:
    """The first sentence of a file, for the page to shorten."""
    text = " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "?").split("\n\n")[0].split())
    return re.split(r"\.(?: |$)", text)[0]


def read_tree() -> dict[str, str]:
    """The tree of docs/architecture.md: name -> phrase, folders end with a slash."""
    named, above = {}, []
    for line in next(block for block in blocks(ARCHITECTURE) if block.startswith("maquette/")).splitlines():
        label, _, said = line.strip().partition(" ")
        above[(len(line) - len(line.lstrip())) // 2 :] = [label.rstrip("/")]
        named["/".join(above) + "/" * label.endswith("/")] = said.strip()
    del named["maquette/"]
    return named


def printed_tree() -> str:
    """The tree as it should stand on the page; phrases that stand there already are kept."""
    there, lines = read_tree(), ["maquette/"]
    for name, said in tree():
        parts = name.rstrip("/").split("/")
        label = "  " * (len(parts) - 1) + parts[-1] + "/" * name.endswith("/")
        lines.append(f"{label:<25} {there.get(name, said)}")
    return "\n".join(lines)


def test_the_tree_of_the_page_names_what_there_is():
    there = read_tree()
    assert sorted(there) == sorted(name for name, _ in tree()), "python tests/test_docs.py prints the tree anew"
    assert all(there.values()), "each wants a phrase"


READ = ("families", "models", "methods")  # rooms that one enters to read a system, beside its own folder


def imported(path: Path) -> Iterator[Path]:
    """The files of maquette that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("maquette"):
            for name in (alias.name for alias in node.names):
                module = node.module
                if node.module == "maquette.models" and name in models.__all__:
                    module, name = f"maquette.models.{models._HOMES[name]}", ""
                for place in (f"{module}.{name}", str(module)):
                    file = ROOT.joinpath(*place.strip(".").split(".")).with_suffix(".py")
                    if file.exists():
                        yield file
                        break


def to_read(name: str) -> list[Path]:
    """The files that one opens to read a system: its folder, and what that imports of families, models and methods."""
    ahead = [path for path in sorted((ROOT / "maquette" / "recipes" / name).glob("*.py")) if path.stem != "__init__"]
    found: list[Path] = []
    while ahead:
        path = ahead.pop(0)
        if path not in found:
            found.append(path)
            ahead += [file for file in imported(path) if file.relative_to(ROOT).parts[1] in READ]
    return found


def printed_reading() -> str:
    """The table of docs/architecture.md: for each system the files that one opens to read it, and their lines."""
    lines = ["| recipe | files | lines |", "|---|---|---|"]
    for name in (name for name in RECIPES if (ROOT / "maquette" / "recipes" / name).is_dir()):
        files = to_read(name)
        rooms: dict[str, list[str]] = {}
        for path in files:
            rooms.setdefault(path.parent.relative_to(ROOT / "maquette").as_posix(), []).append(path.stem)
        named = "; ".join(f"`{room}/` {' '.join(sorted(stems))}" for room, stems in rooms.items())
        count = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
        lines.append(f"| `{name}` | {len(files)}: {named} | {count:,} |")
    return "\n".join(lines)


def test_the_page_says_what_one_reads():
    text = ARCHITECTURE.read_text(encoding="utf-8")
    for line in printed_reading().splitlines():
        assert line.rpartition(" | ")[0] in text, "python tests/test_docs.py prints the table anew"


if __name__ == "__main__":
    print(printed_tree(), printed_reading(), sep="\n\n")
