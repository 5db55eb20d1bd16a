"""Small runs that tests share, stopped and killed ones, and what of two runs must be the same."""

import json
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from support import make_book, make_captions, make_houses, make_pairs, make_photographs

from maquette.cli import main
from maquette.data.sets.eliza import COURSE
from maquette.data.sets.turntable import write_turntable
from maquette.entries import Need
from maquette.recipes import RECIPES, load_recipe, load_settings, recipe_settings
from maquette.runs import Run
from maquette.settings import flag

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows that one ends a process at once
ALL = list(RECIPES.values())
SHORT = {"steps": 12, "epochs": 3, "defence_epochs": 1, "batch_size": 16}  # what is enough, of what makes training long
KEPT = {"attack": {"steps"}}  # settings of such a name that say something else
OWN = {
    "line": ["--x", "area_m2", "--y", "price"],
    "regression": ["--target", "price"],
    "classification": ["--target", "town"],
}
MADE_OF = {"eliza": "script"}  # recipes that take no data of their medium but of one kind
OTHERS = {  # other ways of training that a recipe has, which must come back from a stop as well
    "regression": ["--network", "ensemble"],
    "classification": ["--network", "ensemble", "--balance"],
}


def shorter(name: str) -> list[str]:
    """Flags with which the small preset of a recipe trains for hardly a second."""
    recipe = load_settings(name)
    preset, fields = recipe.PRESETS["small"], recipe.Settings.model_fields
    few = {key: value for key, value in SHORT.items() if key in fields and key not in KEPT.get(name, ())}
    return [word for key, value in few.items() for word in (flag(key), str(min(value, preset.get(key) or value)))]


def make_own(medium: str, folder: Path) -> Path:
    """Data of one's own of a medium; whoever adds a medium that recipes learn from adds a line."""
    make: dict[str, Callable[[Path], object]] = {
        "table": lambda path: make_houses(240).to_csv(path, index=False),
        "pictures": lambda path: make_photographs(path, 40),
        "captions": lambda path: make_captions(path, 40),
        "text": make_book,
        "pairs": make_pairs,
        "scene": lambda path: write_turntable(path, size=48, count=12, points=500),
        "script": lambda path: path.write_text(COURSE.replace("Tell me more", "Say more"), encoding="utf-8"),
    }
    path = folder / ("table.csv" if medium == "table" else medium)
    if not path.exists():
        make[medium](path)
    return path


class SmallRuns:
    """Each is made when it is first asked for, and must not be changed; `said` is what it printed, `steps` it took."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.said: dict[Path, str] = {}
        self.steps: dict[Path, int] = {}

    def standin(self, name: str) -> Path:
        """The small preset on the stand-in for the recipe's own data; runs that it needs are others of these."""
        given = []
        for key, need in RECIPES[name].needs.items():
            settings = recipe_settings(need.recipe, "small", {})
            if need.otherwise == "train" and all(getattr(settings, each) == need.kind[each] for each in need.kind):
                given += [flag(key), str(self.standin(need.recipe))]
        return self._made(name, "standin", given)

    def own(self, name: str, others: bool = False) -> Path:
        """A shorter one on data of one's own, with the seed 1."""
        return self._made(name, "other" if others else "own", self.flags(name, others))

    def flags(self, name: str, others: bool = False) -> list[str]:
        """What `own` is made with."""
        data = make_own(MADE_OF.get(name, RECIPES[name].data), self.folder)
        more = OTHERS[name] if others else []
        for setting, need in RECIPES[name].needs.items():
            if need.otherwise == "train":
                more = [*more, flag(setting), str(self.needed(need))]
        return ["--data", str(data), "--seed", "1", *OWN.get(name, []), *shorter(name), *more]

    def needed(self, need: Need) -> Path:
        """A shorter run that will do where it is needed."""
        settings = recipe_settings(need.recipe, "small", {})
        other = {key: value for key, value in need.kind.items() if getattr(settings, key) != value}
        if not other:
            return self.own(need.recipe)
        words = [word for key, value in other.items() for word in (flag(key), value)]
        return self._made(need.recipe, "-".join(["own", *other.values()]), [*self.flags(need.recipe), *words])

    def _made(self, name: str, kind: str, flags: list[str]) -> Path:
        folder = self.folder / kind / name
        if folder not in self.steps:
            assert not folder.exists(), f"{name} failed in an earlier test"
            with redirect_stdout(StringIO()) as said, stopping(None) as steps:
                assert run_small(name, folder, *flags) == 0
            self.said[folder], self.steps[folder] = said.getvalue(), len(steps)
        return folder


def small(name: str, folder: Path, *flags: str) -> list[str]:
    """The command that makes a small run."""
    return ["run", name, "--preset", "small", "--out", str(folder), *flags]


def run_small(name: str, folder: Path, *flags: str) -> int:
    return main(small(name, folder, *flags))


@contextmanager
def stopping(after: int | None) -> Iterator[list[int]]:
    """Within, loops are asked to stop after so many steps in all; yields the numbers of the steps they made."""
    made: list[int] = []
    agreed = Run._agreed

    def counted(run: Run, done: int, is_save_due: bool) -> tuple[bool, bool]:
        made.append(done)
        stop, save = agreed(run, done, is_save_due)
        return stop or (after is not None and len(made) >= after), save

    with patch.object(Run, "_agreed", counted):
        yield made


@contextmanager
def interrupted_at(step: str) -> Iterator[None]:
    """Within, Ctrl-C is pressed when a step of the recipe begins."""
    begin = Run.begin

    def begun(run: Run, name: str) -> None:
        if name == step:
            raise KeyboardInterrupt
        begin(run, name)

    with patch.object(Run, "begin", begun):
        yield


def run_killed(folder: Path, at: int, *command: str) -> None:
    """A run that saves at each step, and is killed after the work of the step `at`, before that is saved.

    One with fewer steps is killed before it is scored.
    """
    (code,) = in_processes([{"MAQUETTE_SAVE_SECONDS": "0"}], folder.parent, list(command), at)
    assert code == -KILL, (folder.parent / "said-0.txt").read_text()


def run_together(folder: Path, *command: str, **environment: str) -> None:
    """A run of two processes, which find each other as those of torchrun do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    ranks = [{**environment, **world, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(2)]
    codes = in_processes(ranks, folder.parent, list(command))
    assert codes == [0, 0], [path.read_text() for path in sorted(folder.parent.glob("said-*.txt"))]


def in_processes(environments: list[dict[str, str]], place: Path, command: list[str], at: int = 0) -> list[int | None]:
    """A command in processes of its own, one for each environment; what they say goes to files. Gives their codes.

    They are forked from a process that has imported everything and done nothing, as importing takes longer than a run.
    """
    ways = multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if "forkserver" in ways else "spawn")
    context.set_forkserver_preload(["maquette.spine", "maquette.report", *(f"{e.module}.recipe" for e in ALL)])
    started = [
        context.Process(target=work, args=(environment, place / f"said-{rank}.txt", command, at))
        for rank, environment in enumerate(environments)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(300)
        process.kill()
        process.join()
    return [process.exitcode for process in started]


def work(environment: dict[str, str], said: Path, command: list[str], at: int) -> None:
    """What such a process does; with `at` it is killed after so many steps."""
    os.environ.update(environment)
    with said.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1), os.dup2(file.fileno(), 2)
    left, begin = at, Run.begin

    def agreed(run: Run, done: int, is_save_due: bool) -> tuple[bool, bool]:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), KILL)
        return False, True

    def begun(run: Run, step: str) -> None:
        if step == "score":
            os.kill(os.getpid(), KILL)
        begin(run, step)

    if at:
        Run._agreed, Run.begin = agreed, begun  # type: ignore[method-assign]
    sys.exit(main(command))


class Enough(BaseException):  # no mistake, which the command line would tell
    """Training is over, and scores are not asked for."""


def run_unscored(name: str, folder: Path, *flags: str) -> None:
    """A run up to its weights."""
    with patch.object(load_recipe(name), "score", side_effect=Enough):
        try:
            run_small(name, folder, *flags)
        except Enough:
            return
    raise AssertionError("it was not scored")


def weights(folder: Path) -> bytes:
    """What was learnt: the weights, or what was fitted where there are none."""
    path = folder / "model.safetensors"
    return (path if path.exists() else folder / "processing.json").read_bytes()


def numbers(folder: Path) -> tuple[dict, dict]:
    """Scores and those of baselines, but for speeds, which differ from run to run."""
    scores = json.loads((folder / "scores.json").read_text())
    rows = {"": scores["scores"], **scores["baselines"]}
    steady = {
        which: {name: value for name, value in row.items() if not name.endswith("_per_second")}
        for which, row in rows.items()
    }
    return steady.pop(""), steady


def metrics(folder: Path) -> list[dict]:
    if not (folder / "metrics.jsonl").exists():
        return []
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def blocks(folder: Path) -> dict:
    return json.loads((folder / "findings.json").read_text())["sections"]


def assert_same(folder: Path, whole: Path) -> None:
    """Two runs are the same to the last bit."""
    assert weights(folder) == weights(whole)
    assert numbers(folder) == numbers(whole)
    assert metrics(folder) == metrics(whole)
    assert blocks(folder) == blocks(whole)
