"""Imports run one way: a file may import from its own level only within its own package, and from levels below."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from maquette.recipes import RECIPES

ROOT = Path(__file__).parents[1] / "maquette"
LEVELS = [
    {"settings", "steps", "files"},
    {"models", "methods", "graphics", "kernels", "data", "measures", "figures", "progress", "pacing"},
    {"runs", "training", "checkpoints", "huggingface"},
    {"recipes"},
    {"spine", "serving", "exporting", "report", "viewing", "touring"},
    {"cli", "studio"},
]
BESIDE = {
    "models": {"graphics", "kernels"},
    "kernels": {"graphics"},
    "figures": {"graphics"},  # a scene's figures have cameras
    "data": {"graphics"},  # a scene has cameras
    "progress": {"figures"},
    "checkpoints": set(),
    "runs": {"checkpoints"},
    "training": {"runs", "checkpoints"},
    "huggingface": {"checkpoints"},
    "serving": {"spine", "report"},
    "exporting": {"serving"},
    "viewing": {"spine", "serving"},
    "touring": {"report"},
}


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imports_of(path: Path) -> set[str]:
    """The modules of maquette that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "maquette":
            inner = node.module.split(".")[1:]
            found |= {".".join(inner)} if inner else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[2] for alias in node.names if alias.name.startswith("maquette.")}
    return found


FILES = [path for path in ROOT.rglob("*.py") if part_of(path) not in ("__init__", "__main__")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    part = part_of(path)
    level = next(number for number, names in enumerate(LEVELS) if part in names)
    allowed = set().union(*LEVELS[:level]) | {part} | BESIDE.get(part, set())
    if level == 0:
        allowed = LEVELS[0]
    used = {name.split(".")[0] for name in imports_of(path)}
    assert used <= allowed, f"{path} must not import {sorted(used - allowed)}"


HELPERS = {
    *("__init__", "shared", "networks", "classifiers", "attacked", "attack_pictures", "latent_pictures"),
    *("restoring", "restorers", "restored", "depth_pictures"),
    *("corpus", "learning", "writing", "gpt_pictures", "token_measures", "token_pictures"),
    *("walk_blocks", "walk_inputs", "walk_layers", "walked"),
    *("learning", "writing", "gpt_pictures"),
    *("flying", "growing", "judging", "splat_pictures"),
}  # what recipes are made of, no recipes themselves


def test_recipes_do_not_import_each_other():
    recipes = {path.stem for path in (ROOT / "recipes").rglob("*.py")} - HELPERS
    for path in (ROOT / "recipes").rglob("*.py"):
        named = {name.split(".")[-1] for name in imports_of(path) if name.startswith("recipes")}
        assert not named & (recipes - {path.stem}), path


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
    limits = {"recipes": 350, "models": 350}
    for path in FILES:
        limit = limits.get(part_of(path), 420)
        assert len(path.read_text(encoding="utf-8").splitlines()) <= limit, f"{path} is longer than {limit} lines"


@pytest.mark.parametrize("path", sorted((ROOT.parent / "benchmarks").rglob("*.py")), ids=lambda path: path.stem)
def test_what_the_benchmarks_import_is_there(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("maquette"):
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name) or importlib.import_module(f"{node.module}.{alias.name}")
