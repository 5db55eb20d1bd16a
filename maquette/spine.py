"""execute(): calls the steps of a recipe in order and writes what they return to the run folder."""

import os
import platform
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import psutil
import torch
from filelock import FileLock, Timeout

from maquette import serving
from maquette.checkpoints import Networks, save_model, save_state
from maquette.entries import Need
from maquette.facts import told
from maquette.files import OWN_MISTAKE, cannot_write, failure_file, write_json
from maquette.measures import direction
from maquette.recipes import entry_of, load_recipe, load_settings, recipe_settings, saved_settings
from maquette.runs import Interrupted, Run
from maquette.settings import Settings, UserError, flag
from maquette.steps import PREDICTION
from maquette.trained import FORMAT, Trained, checksum, open_needed, open_trained, read_settings
from maquette.training import leave_processes

MOST_LAYERS = 40  # lines in the table of layers; of more, equal ones share a line


def start(name: str, settings: Settings, folder: Path, *, preset: str | None = None, command: str = "") -> Path:
    """Make a run folder and everything in it but the report. A user's mistake leaves no folder behind."""
    recipe = load_recipe(name)
    is_main = int(os.environ.get("RANK", "0")) == 0
    made = claim(folder) if is_main else []
    try:
        with held(folder, is_main):
            run = Run(folder, settings)
            record = describe(name, settings, preset, command)
            if is_main:
                write_json(folder / "settings.json", record)
            with own_mistakes_told(run, record):
                execute(recipe, run, record)
    except UserError:
        if is_main and not any(folder.rglob("checkpoint/state.json")):
            discard(folder, made)
        raise
    return folder


def resume(folder: Path) -> Path:
    """Go on with a run that was stopped or crashed, to the same end as if it never had been."""
    record = read_settings(folder)
    if (folder / "scores.json").exists():
        raise UserError(f"{folder} is finished; see it with: maquette report {folder}")
    settings = saved_settings(record["recipe"], record["settings"])
    if failed := record.pop("failed", None):
        print(f"{folder} ended by a mistake of Maquette's own ({failed}); trying again from where it was saved last.")
        (folder / "failure.txt").unlink(missing_ok=True)
    with held(folder, int(os.environ.get("RANK", "0")) == 0):
        run = Run(folder, settings, resuming=True)
        with own_mistakes_told(run, record):
            execute(load_recipe(record["recipe"]), run, record)
    return folder


@contextmanager
def own_mistakes_told(run: Run, record: dict[str, Any]) -> Iterator[None]:
    """An error that nobody foresaw is written into the run folder, and what to do is said with it."""
    try:
        yield
    except (UserError, Interrupted, OSError):
        raise
    except Exception as error:
        if run.is_main:
            record["failed"] = f"{told(error)}, in the step {run.step_name}"
            write_json(run.folder / "settings.json", record)
            file = failure_file(error, run.folder)
            error.add_note(
                f"{OWN_MISTAKE} ({told(error)}); please report {file}. After an update go on "
                f"with: maquette resume {shlex.quote(str(run.folder))}; other data or settings may avoid it."
            )
        raise


def execute(recipe: ModuleType, run: Run, record: dict[str, Any]) -> None:
    """The steps, timed; each one's result is the next one's argument."""
    settings, folder = run.settings, run.folder
    seconds: dict[str, float] = {}

    @contextmanager
    def step(name: str, *, seeded: bool = True) -> Iterator[None]:
        run.begin(name)
        if seeded:
            run.seed_everything(name)
        began = time.perf_counter()
        yield
        seconds[name] = round(time.perf_counter() - began, 3)
        run.save_findings()

    with step("frame"):  # before runs that are needed are trained: it refuses what will not do
        framing = recipe.frame(settings)
        run.findings["framing"] = asdict(framing)
    find_needed(run, record)
    with step("collect"):
        data = recipe.collect(settings, run)
        check_same_data(record.get("data", {}), run.source)
        record["data"] = run.source
        if run.is_main:
            write_json(folder / "settings.json", record)
    with step("analyze"):
        if run.is_main and not run.is_done("analyze"):
            run.findings["numbers"] = recipe.analyze(data, settings, run)
            run.done("analyze")
    with step("process"):
        prepared = recipe.process(data, settings, run)
        if run.is_main:
            save_state(prepared.processing, folder, "processing")  # for those who look on while it trains
    with step("build"):
        model = recipe.build(prepared, settings)
        show_model(model, run)
    with step("train"):
        fitted = recipe.train(model, prepared, settings, run)
    leave_processes()
    if not run.is_main:
        return
    record["hardware"]["threads"] = torch.get_num_threads()
    write_json(folder / "settings.json", record)
    if fitted.processing:
        prepared = replace(prepared, processing={**prepared.processing, **fitted.processing})
        save_state(prepared.processing, folder, "processing")
    for network in networks_of(model).values():
        network.eval()
    save_model(model, folder)
    with step("score", seeded=False):  # goes on with training's chance
        scores = recipe.score(model, prepared, fitted, settings, run)
    with step(PREDICTION):
        show_examples(folder, prepared.examples, run)
    run.tell_rest()
    names = [*scores.values, *(name for values in scores.baselines.values() for name in values)]
    write_json(
        folder / "scores.json",
        {
            "recipe": record["recipe"],
            "scores": scores.values,
            "baselines": scores.baselines,
            "units": scores.units,
            "directions": {name: direction(name) for name in names},
            "seconds": seconds,
            "peak_memory_mb": peak_memory_mb(),
        },
    )


def show_examples(folder: Path, examples: Any, run: Run) -> None:
    """Answer a few test examples with what stands in the run folder, as a user would, and show them."""
    if examples is not None:
        serving.Predictor(open_trained(folder, has_ended=True)).show(examples, run)


# -- runs that are needed ----------------------------------------------------------------------------------------------


def find_needed(run: Run, record: dict[str, Any]) -> None:
    """Open the runs that the recipe needs, or make them first, and write down which they are."""
    needs = entry_of(record["recipe"]).needs
    known = record.setdefault("needs", {})
    # those that are given first: one that will not do is refused before another is trained
    for name, need in sorted(needs.items(), key=lambda item: getattr(run.settings, item[0]) is None):
        given = getattr(run.settings, name)
        if name in known:
            run.needed[name] = open_needed(run.folder, name, known[name])
        elif given is not None:
            path = Path(given).expanduser()
            if need.files and not (path / "settings.json").exists():
                continue  # no run: the recipe reads it
            run.needed[name] = named(path, name, given, need)
            known[name] = {"path": str(path.resolve()), "recipe": run.needed[name].recipe, "sha256": checksum(path)}
        elif need.otherwise == "train":
            path = run.folder / "needs" / name
            if run.processes > 1:
                raise UserError(f"This needs a run of {need.recipe}: train one first, and name it with {flag(name)}.")
            make_needed(path, need, run.settings, record.get("preset"))
            run.needed[name] = open_trained(path)
            known[name] = {"path": f"needs/{name}", "recipe": need.recipe, "sha256": checksum(path)}
    if run.is_main:
        write_json(run.folder / "settings.json", record)


def named(path: Path, name: str, given: str, need: Need) -> Trained:
    """The finished run that a setting names, of the recipe that it must be of."""
    if not (path / "settings.json").exists():
        raise UserError(f"{flag(name)} {given}: there is no such run folder; make one with: maquette run {need.recipe}")
    record = read_settings(path)
    if record["recipe"] not in (need.recipe, *need.also):
        wanted = " or ".join((need.recipe, *need.also))
        raise UserError(f"{flag(name)} {given} is a run of {record['recipe']}; this needs one of {wanted}.")
    for key, value in need.kind.items():
        if (other := record["settings"].get(key)) != value:
            raise UserError(
                f"{flag(name)} {given} is a run of {need.recipe} with {flag(key)} {other}; this needs one with "
                f"{flag(key)} {value}."
            )
    if not (path / "scores.json").exists():
        raise UserError(f"{flag(name)} {given} is not finished; go on with it first: maquette resume {given}")
    return open_trained(path)


def make_needed(folder: Path, need: Need, settings: Settings, preset: str | None) -> None:
    """Train the recipe that is needed, with the same preset if it has it, or go on with it, within the run."""
    threads = torch.get_num_threads()  # set by its size; what comes then must not depend on whether it was trained now
    try:
        if (folder / "scores.json").exists():
            return
        if (folder / "settings.json").exists():
            resume(folder)
            return
        theirs = load_settings(need.recipe)
        passed = {key: getattr(settings, key) for key in need.passes if key in theirs.Settings.model_fields}
        passed |= {**need.sets, **need.kind}
        if settings.seconds is not None and need.share:
            passed["seconds"] = settings.seconds * need.share
        preset = preset if preset in theirs.PRESETS else None
        print(f"First {need.recipe}, which this needs, in {folder}.", flush=True)
        chosen = recipe_settings(need.recipe, preset, passed)
        start(need.recipe, chosen, folder, preset=preset, command=f"maquette resume {folder}")
    except Interrupted:
        raise Interrupted(
            f"Stopped while {need.recipe} was trained; go on with: maquette resume {folder.parents[1]}"
        ) from None
    except UserError as error:
        raise UserError(f"{need.recipe}, which this run needs first, failed: {error}") from None
    finally:
        torch.set_num_threads(threads)


# -- the run folder ----------------------------------------------------------------------------------------------------


def networks_of(model: Networks) -> dict[str, torch.nn.Module]:
    """The networks of a recipe by name; a single one has none."""
    return model if isinstance(model, dict) else {} if model is None else {"": model}


@contextmanager
def held(folder: Path, is_main: bool) -> Iterator[None]:
    """Hold a run folder, so that no second process works on it; a crash lets go of it."""
    lock = FileLock(folder / ".lock")
    try:
        if is_main:
            lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"{folder} is being worked on by another process; stop that with: maquette stop {folder}"
        ) from None
    try:
        yield
    finally:
        lock.release()


def claim(folder: Path) -> list[Path]:
    """Make an empty folder for a run; returns the folders that had to be made, outermost first."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        stopped = (folder / "settings.json").exists() and not (folder / "scores.json").exists()
        hint = f", or go on with it: maquette resume {folder}" if stopped else "."
        raise UserError(f"--out {folder} is not an empty folder; choose another{hint}")
    missing = [path for path in [folder, *folder.parents] if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"--out {folder} cannot be written: no permission. Choose another place.")
    return missing[::-1]


def discard(folder: Path, made: list[Path]) -> None:
    """Remove a run folder that came to nothing, and the folders that were made for it."""
    for item in folder.iterdir() if folder.exists() else ():
        shutil.rmtree(item, ignore_errors=True) if item.is_dir() else item.unlink(missing_ok=True)
    for path in reversed(made):
        if path.exists() and not any(path.iterdir()):
            path.rmdir()


def describe(recipe_name: str, settings: Settings, preset: str | None, command: str) -> dict[str, Any]:
    """What `settings.json` holds: enough to run it again."""
    fields = {
        name: {"help": field.description, "default": field.default, "unit": (field.json_schema_extra or {}).get("unit")}  # type: ignore[union-attr]
        for name, field in type(settings).model_fields.items()
    }
    return {
        "maquette": version("maquette"),
        "format": FORMAT,
        "recipe": recipe_name,
        "preset": preset,
        "settings": settings.model_dump(mode="json"),
        "command": command,
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("torch", "numpy", "pandas", "scikit-learn")}
        | {"python": platform.python_version()},
        "hardware": hardware(),
        "data": {},
        "fields": fields,
    }


def check_same_data(before: dict[str, Any], now: dict[str, Any]) -> None:
    if before.get("sha256") and before["sha256"] != now.get("sha256"):
        raise UserError(
            f"The data has changed since this run began ({now.get('path')}); put the old file back, or start a new run."
        )


def show_model(model: Networks, run: Run) -> None:
    """Record the layers that hold weights, with their shapes, and the number of weights."""
    networks = networks_of(model)
    if not networks:
        run.say("There is no network here: nothing is learnt by weights.")
        return
    layers = [
        (".".join(filter(None, (which, name))), layer)
        for which, network in networks.items()
        for name, layer in network.named_modules()
    ]
    rows = [
        {"layer": name or "whole", "kind": type(layer).__name__, "shapes": ", ".join(shapes), "weights": count}
        for name, layer in layers
        if (shapes := [" x ".join(map(str, w.shape)) or "1" for w in layer.parameters(recurse=False)])
        and (count := sum(w.numel() for w in layer.parameters(recurse=False)))
    ]
    run.fact("Weights", sum(weight.numel() for network in networks.values() for weight in network.parameters()))
    if rows:
        run.table("Layers", pd.DataFrame(rows if len(rows) <= MOST_LAYERS else together(rows)))


def together(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Layers with the same shapes whose names differ in numbers only, in one line, with how many they are."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        key = re.sub(r"\d+", "*", row["layer"]), row["kind"], row["shapes"]
        names = dict(zip(("layer", "kind", "shapes"), key, strict=True))
        line = found.setdefault(key, {**names, "layers": 0, "weights": 0})
        line["layers"] += 1
        line["weights"] += row["weights"]
    return list(found.values())


def hardware() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def peak_memory_mb() -> float:
    """The most memory this process has held so far."""
    if sys.platform == "win32":
        return round(psutil.Process().memory_info().peak_wset / 2**20, 1)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
