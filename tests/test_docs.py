"""The pages tell the truth: their recipe runs, their commands parse, their links lead on, their tree is the tree.

`python tests/test_docs.py` prints the README's tree as it should be, with the first sentence of each new file.
"""

import ast
import json
import re
import shlex
import sys
import types
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
HIDDEN = {"__pycache__", "build", "dist", "runs", "tour", ".venv"}


def blocks(page: Path, language: str = "") -> list[str]:
    """The fenced blocks of a page, those of one language only if it is named."""
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.M | re.S)
    return [body for name, body in found if not language or name == language]


# -- the example recipe ------------------------------------------------------------------------------------------------


@pytest.fixture
def sine(monkeypatch):
    """The recipe of docs/adding-a-recipe.md, its data set and its line in the table, as if they had been added."""
    from maquette import recipes
    from maquette.data.sets import sources, standins

    source, maker, recipe = blocks(ROOT / "docs" / "adding-a-recipe.md", "python")
    monkeypatch.setitem(sources.SOURCES, "sine", eval(source, vars(sources)))
    made: dict = {}
    exec(maker, vars(standins), made)
    monkeypatch.setattr(standins, "points_of_a_sine", made["points_of_a_sine"], raising=False)
    module = types.ModuleType("maquette.recipes.tables.sine")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(recipe, "docs/adding-a-recipe.md", "exec"), vars(module))
    line = next(block for block in blocks(ROOT / "docs" / "adding-a-recipe.md") if '"sine": Entry(' in block)
    entry = eval("{" + line + "}", vars(recipes))["sine"]
    assert entry.module == module.__name__
    monkeypatch.setitem(recipes.RECIPES, "sine", entry)
    return module


class Headings(HTMLParser):
    def __init__(self):
        super().__init__()
        self.text, self._inside = "", False

    def handle_starttag(self, tag, attributes):
        self._inside = self._inside or tag == "h2"

    def handle_endtag(self, tag):
        self._inside = self._inside and tag != "h2"

    def handle_data(self, data):
        self.text += f" {data}" if self._inside else ""


def test_the_recipe_of_the_page_runs_reports_and_predicts(sine, tmp_path):
    from maquette.cli import main
    from maquette.steps import STEPS

    assert all(callable(getattr(sine, step)) for step in STEPS)
    folder = tmp_path / "run"
    assert main(["run", "sine", "--preset", "small", "--out", str(folder)]) == 0
    scores = json.loads((folder / "scores.json").read_text())
    assert scores["scores"]["rmse"] < 0.5 * scores["baselines"]["mean"]["rmse"]
    page = Headings()
    page.feed((folder / "report.html").read_text(encoding="utf-8"))
    places = [page.text.find(title) for title in STEPS.values()]
    assert -1 not in places and places == sorted(places)
    (tmp_path / "new.csv").write_text("name,x\na,0\nb,1.5708\nc,-1.5708\n")
    assert main(["predict", str(folder), str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.csv")]) == 0
    header, *rows = (tmp_path / "out.csv").read_text().split()
    assert header == "name,x,y_predicted"
    assert [float(row.split(",")[2]) for row in rows] == pytest.approx([0, 1, -1], abs=0.4)


def test_the_recipe_of_the_page_takes_own_data_and_refuses_what_it_cannot_learn(sine, tmp_path, capsys):
    from maquette.cli import main

    run = ["run", "sine", "--preset", "small", "--epochs", "2", "--data", str(tmp_path / "own.csv")]
    (tmp_path / "own.csv").write_text("x,y\n" + "".join(f"{n},{n * n}\n" for n in range(40)))
    assert main([*run, "--width", "8", "--out", str(tmp_path / "run")]) == 0
    (tmp_path / "own.csv").write_text("x,y\n" + "".join(f"{n},{'abc'[n % 3]}\n" for n in range(40)))
    assert main([*run, "--out", str(tmp_path / "other")]) == 2
    assert "holds no numbers" in capsys.readouterr().err and not (tmp_path / "other").exists()


def test_the_recipe_of_the_page_stopped_and_resumed_is_never_stopped(sine, tmp_path, monkeypatch):
    from maquette.cli import main
    from maquette.runs import Run

    run = ["run", "sine", "--preset", "small"]
    assert main([*run, "--out", str(tmp_path / "whole")]) == 0
    with monkeypatch.context() as patch:
        log = Run.log

        def log_and_stop(self, step, **numbers):
            log(self, step, **numbers)
            if numbers["epoch"] == 7:
                self.stop()

        patch.setattr(Run, "log", log_and_stop)
        assert main([*run, "--out", str(tmp_path / "stopped")]) == 130
    assert not (tmp_path / "stopped" / "scores.json").exists()
    assert main(["resume", str(tmp_path / "stopped")]) == 0
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "stopped")]
    assert weights[0] == weights[1]


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


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_commands_on_the_pages_are_understood(page, line, sine, monkeypatch):
    from maquette import cli
    from maquette.recipes import load_recipe, recipe_settings

    program, name, *rest = shlex.split(line)
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
        assert name in targets and all(re.match(r"[A-Z]+=", word) for word in rest), f"{page}: {line}"
        return
    if name == "--version":
        return
    assert name in cli.COMMANDS, f"{page}: {line}"
    if not rest or "..." in rest or "RECIPE" in rest or rest == ["--help"]:
        return
    parse = cli.Parser.parse

    def parse_only(self, arguments):
        raise Parsed(parse(self, arguments))

    if name == "run":
        recipe = load_recipe(rest[0])
        if rest[1:] != ["--help"]:
            preset, _, values = cli.parse_settings(rest[0], recipe, rest[1:])
            recipe_settings(recipe, preset, values)
        return
    monkeypatch.setattr(cli.Parser, "parse", parse_only)
    with pytest.raises(Parsed):
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


# -- the tree ----------------------------------------------------------------------------------------------------------


def tree() -> list[tuple[str, str]]:
    """What the README's tree names, each with a phrase: the files of maquette/, and what stands beside it."""
    found = []
    for path in sorted((ROOT / "maquette").rglob("*.py"), key=lambda path: (path.parent.parts, path.name)):
        if path.name != "__init__.py":
            found.append((path.relative_to(ROOT).as_posix(), phrase(path)))
        elif len(path.relative_to(ROOT).parts) > 2:
            found.append((path.parent.relative_to(ROOT).as_posix() + "/", phrase(path)))
    for path in sorted(ROOT.iterdir()):
        if path.name.startswith(".") or path.name in HIDDEN or path.name.endswith(".egg-info"):
            continue
        if path.name != "maquette":
            found.append((path.name + "/" * path.is_dir(), BESIDE.get(path.name, "?")))
    return found


BESIDE = {
    "benchmarks": "Maquette beside what one would use instead, in one process tree, as ratios",
    "docs": "conventions, adding a recipe, benchmarks",
    "tests": "mirrors maquette/; test_recipes.py runs every recipe, test_docs.py these pages",
    "CONTRIBUTING.md": "from a clone to a change that can be merged",
    "LICENSE": "Apache License 2.0",
    "Makefile": "setup, tour, test, check, bench, format, clean",
    "README.md": "this page",
    "pyproject.toml": "package, dependencies, extras, settings of the tools",
}


def phrase(path: Path) -> str:
    """The first sentence of a file, for the README to shorten."""
    text = " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "?").split("\n\n")[0].split())
    return re.split(r"\.(?: |$)", text)[0]


def read_tree() -> dict[str, str]:
    """The README's tree: name -> phrase, folders end with a slash."""
    named, above = {}, []
    for line in next(block for block in blocks(ROOT / "README.md") if block.startswith("maquette/")).splitlines():
        label, _, said = line.strip().partition(" ")
        above[(len(line) - len(line.lstrip())) // 2 :] = [label.rstrip("/")]
        named["/".join(above) + "/" * label.endswith("/")] = said.strip()
    del named["maquette/"]
    return named


def printed_tree() -> str:
    """The tree as it should stand in the README; phrases that stand there already are kept."""
    there, lines = read_tree(), ["maquette/"]
    for name, said in tree():
        parts = name.rstrip("/").split("/")
        label = "  " * (len(parts) - 1) + parts[-1] + "/" * name.endswith("/")
        lines.append(f"{label:<25} {there.get(name, said)}")
    return "\n".join(lines)


def test_the_tree_in_the_readme_names_what_there_is():
    there = read_tree()
    assert sorted(there) == sorted(name for name, _ in tree()), "python tests/test_docs.py prints the tree anew"
    assert all(there.values()), "each wants a phrase"


if __name__ == "__main__":
    print(printed_tree())
