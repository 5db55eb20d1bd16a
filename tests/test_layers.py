"""Imports run one way, by folders: a file imports from its own room, from levels below, and what stands beside."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from maquette.recipes import RECIPES

ROOT = Path(__file__).parents[1] / "maquette"
LEVELS = [
    {"settings", "flags", "steps", "files", "entries", "course", "recipes"},  # of recipes only the table
    {"models", "methods", "graphics", "kernels", "data", "measures", "pacing", "devices"},
    {
        "figures",
        "progress",
        "checkpoints",
        "pages",
        "facts",
        "trained",
        "runs",
        "training",
        "media",
        "huggingface",
        "huggingface_seq2seq",
    },
    {"families"},
    {"recipes/*"},
    {"serving", "report", "spine", "exporting", "viewing", "guarding", "touring"},
    {"api"},
    {"cli", "studio"},
]
BESIDE = {  # what a room may import on its own level
    "models": {"graphics", "kernels"},
    "methods": {"graphics", "kernels"},
    "kernels": {"graphics"},
    "data": {"graphics"},
    "checkpoints": set(),
    "progress": {"figures"},
    "pages": {"figures"},
    "facts": {"figures"},
    "trained": {"checkpoints"},
    "runs": {"facts", "trained", "checkpoints", "progress"},
    "training": {"runs"},
    "media": {"figures", "pages", "progress"},
    "huggingface": {"checkpoints"},
    "huggingface_seq2seq": {"checkpoints", "huggingface"},
    "spine": {"serving"},
    "exporting": {"serving"},
    "viewing": {"serving", "guarding"},
    "touring": {"report"},
}
ROOMS = {  # within data: tables know nothing of the others, sets know all; captions of pictures are tables and text
    "tables": set(),
    "pictures": {"tables", "text"},
    "text": {"tables"},
    "scenes": {"pictures"},
    "sets": {"tables", "pictures", "text", "scenes"},
}


def parts_of(path: Path) -> tuple[str, ...]:
    return path.relative_to(ROOT).with_suffix("").parts


def room_of(parts: tuple[str, ...]) -> str:
    """The room that a file stands in, or a module is of; a recipe's folder is `recipes/*`."""
    return "recipes/*" if parts[0] == "recipes" and len(parts) > 1 and parts[1] != "__init__" else parts[0]


def modules_of(path: Path) -> set[tuple[str, ...]]:
    """The modules of maquette that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "maquette":
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("maquette.")]
        for name in names:
            parts = tuple(name.split(".")[1:])
            while parts and not ((ROOT.joinpath(*parts)).is_dir() or ROOT.joinpath(*parts).with_suffix(".py").exists()):
                parts = parts[:-1]
            found.add(parts or (name.split(".")[1],))
    return found


FILES = [path for path in ROOT.rglob("*.py") if parts_of(path)[0] not in ("__init__", "__main__")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_one_way(path):
    room = room_of(parts_of(path))
    level = next(number for number, rooms in enumerate(LEVELS) if room in rooms)
    allowed = set().union(*LEVELS[:level]) | {room} | BESIDE.get(room, set())
    if level == 0:
        allowed = LEVELS[0]
    used = {room_of(parts) for parts in modules_of(path)}
    assert used <= allowed, f"{path} must not import {sorted(used - allowed)}"


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if room_of(parts_of(path)) == "recipes/*"],
    ids=lambda p: p.relative_to(ROOT).as_posix(),
)
def test_recipes_do_not_import_each_other(path):
    others = {parts[1] for parts in modules_of(path) if room_of(parts) == "recipes/*"}
    assert others <= {parts_of(path)[1]}


@pytest.mark.parametrize("path", [path for path in FILES if parts_of(path)[0] == "data"], ids=lambda p: p.stem)
def test_rooms_of_data_import_one_way(path):
    parts = parts_of(path)
    others = {other[1] for other in modules_of(path) if other[0] == "data" and len(other) > 1} & set(ROOMS)
    if len(parts) > 2:
        assert others <= {parts[1]} | ROOMS[parts[1]]
    else:
        assert not others


def circles() -> list[list[str]]:
    """Sets of files that import each other, at the top of the file or within functions."""
    graph = {"/".join(parts_of(path)): {"/".join(parts) for parts in modules_of(path)} for path in FILES}
    graph = {
        name: {f"{to}/__init__" if f"{to}/__init__" in graph else to for to in ends} for name, ends in graph.items()
    }
    reached = {name: reach(graph, name) for name in graph}
    found = {frozenset(other for other in reached[name] if name in reached.get(other, ())) for name in graph}
    return [sorted(each) for each in found if len(each) > 1]


def reach(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    ahead = list(graph[start])
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += graph.get(name, ())
    return seen


def test_no_files_import_each_other_in_a_circle():
    assert not circles()


NAMES = {"__init__", "settings", "data", "recipe", "uses", "report", "figures"}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_folder_whose_files_are_named_like_everywhere(name):
    files = {path.stem for path in (ROOT / "recipes" / name).glob("*.py")}
    assert {"__init__", "settings", "recipe", "uses"} <= files <= NAMES


def test_only_recipes_know_whole_settings():
    """Families, models and methods take values; only recipes, the spine and the run hold `settings`."""
    for path in FILES:
        if room_of(parts_of(path)) in ("recipes/*", "spine", "runs", "api", "cli", "recipes", "settings"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                names = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
                assert "settings" not in names or path.stem == "trained", f"{path}: {node.name} takes settings"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["data", "list"], *(["run", name, "--help"] for name in RECIPES)]
)
def test_help_and_list_load_nothing_heavy(arguments):
    code = (
        "import sys; from maquette.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'sklearn', 'scipy', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_files_stay_short():
    for path in FILES:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 420, f"{path} is longer than 420 lines"


@pytest.mark.parametrize("path", sorted((ROOT.parent / "benchmarks").rglob("*.py")), ids=lambda path: path.stem)
def test_what_the_benchmarks_import_is_there(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("maquette"):
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name) or importlib.import_module(f"{node.module}.{alias.name}")
