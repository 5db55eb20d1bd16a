"""execute(): calls the seven steps of a recipe in order and writes what they return to the run folder."""

import os
import platform
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from maquette.checkpoints import load_model, load_state, save_model, save_state
from maquette.files import cannot_write, read_json, write_json
from maquette.measures import direction
from maquette.recipes import RECIPES, load_recipe, recipe_settings
from maquette.runs import Run
from maquette.settings import Settings, UserError
from maquette.training import leave_processes

FORMAT = 1  # of the run folder; raised when an older Maquette could no longer read it
MOST_LAYERS = 40  # lines in the table of layers; of more, equal ones share a line


def start(recipe_name: str, settings: Settings, folder: Path, *, preset: str | None = None, command: str = "") -> Path:
    """Make a run folder and everything in it but the report. A user's mistake leaves no folder behind."""
    recipe = load_recipe(recipe_name)
    is_main = int(os.environ.get("RANK", "0")) == 0
    made = claim(folder) if is_main else []
    try:
        run = Run(folder, settings)
        record = describe(recipe_name, settings, preset, command)
        if is_main:
            write_json(folder / "settings.json", record)
        execute(recipe, run, record)
    except UserError:
        if is_main and not (folder / "checkpoint" / "state.json").exists():
            discard(folder, made)
        raise
    return folder


def resume(folder: Path) -> Path:
    """Go on with a run that was stopped or crashed, to the same end as if it never had been."""
    record = read_settings(folder)
    if (folder / "scores.json").exists():
        raise UserError(f"{folder} is finished; see it with: maquette report {folder}")
    recipe = load_recipe(record["recipe"])
    run = Run(folder, recipe_settings(recipe, None, record["settings"]), resuming=True)
    execute(recipe, run, record)
    return folder


def execute(recipe: Any, run: Run, record: dict[str, Any]) -> None:
    """The seven steps, timed; each one's result is the next one's argument."""
    settings, folder = run.settings, run.folder
    seconds: dict[str, float] = {}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        run.step_name = name
        run.seed_everything(name)
        began = time.perf_counter()
        yield
        seconds[name] = round(time.perf_counter() - began, 3)
        run.save_findings()

    with step("frame"):
        framing = recipe.frame(settings)
        run.findings["framing"] = asdict(framing)
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
        scores = recipe.train(model, prepared, settings, run)
    leave_processes()
    if not run.is_main:
        return
    record["hardware"]["threads"] = torch.get_num_threads()
    write_json(folder / "settings.json", record)
    model = model.to("cpu").eval()
    save_state(prepared.processing, folder, "processing")
    save_model(model, folder)
    with step("predict"):
        show_predictions(folder, recipe, prepared.examples, run)
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
    import shutil

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


def read_settings(folder: Path) -> dict[str, Any]:
    """`settings.json` of a run folder, checked: a whole one, of a known recipe, not from a newer Maquette."""
    if not folder.is_dir():
        raise UserError(f"There is no run folder {folder}.")
    record = read_json(folder / "settings.json")
    if not isinstance(record, dict) or not {"format", "recipe", "settings"} <= record.keys():
        raise UserError(f"{folder / 'settings.json'} is damaged: it does not describe a run.")
    if not isinstance(record["format"], int) or not isinstance(record["settings"], dict):
        raise UserError(
            f"{folder / 'settings.json'} is damaged: its format or its settings are not what they should be."
        )
    if record["format"] > FORMAT:
        raise UserError(f"{folder} was written by a newer Maquette ({record.get('maquette')}); please upgrade.")
    if record["recipe"] not in RECIPES:
        raise UserError(f"{folder} is a run of {record['recipe']}, a recipe that this Maquette does not have.")
    return record


def check_same_data(before: dict[str, Any], now: dict[str, Any]) -> None:
    if before.get("sha256") and before["sha256"] != now.get("sha256"):
        raise UserError(
            f"The data has changed since this run began ({now.get('path')}); put the old file back, or start a new run."
        )


def show_model(model: nn.Module, run: Run) -> None:
    """Record the layers that hold weights, with their shapes, and the number of weights."""
    import pandas as pd

    rows = [
        {"layer": name or "whole", "kind": type(layer).__name__, "shapes": ", ".join(shapes), "weights": count}
        for name, layer in model.named_modules()
        if (shapes := [" x ".join(map(str, w.shape)) or "1" for w in layer.parameters(recurse=False)])
        and (count := sum(w.numel() for w in layer.parameters(recurse=False)))
    ]
    run.fact("Weights", sum(weight.numel() for weight in model.parameters()))
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


def show_predictions(folder: Path, recipe: Any, examples: Any, run: Run) -> None:
    """Predict a few test examples with what stands in the run folder, as a user would, and show them."""
    import pandas as pd

    if examples is None:
        return
    with torch.inference_mode():
        answers = recipe.predict(load_model(folder), load_state(folder, "processing"), examples)
    if isinstance(answers, pd.DataFrame):
        columns = list(examples) if isinstance(examples, pd.DataFrame) else []
        new = [name for name in answers if name not in columns]
        run.table("Examples", answers[[*new, *columns]], "What was predicted first, then the rows." if columns else "")
        if columns or isinstance(examples[0], str):
            return
    elif isinstance(examples[0], str):
        written = pd.DataFrame({"text": examples, "goes on": answers})
        run.table("Examples", written, "Beginnings from the test part, and what the saved model makes of them.")
        return
    from maquette.data.pictures.files import as_pixels
    from maquette.figures.images import rows

    shown = {"input": [as_pixels(each) for each in examples]}
    if not isinstance(answers, pd.DataFrame):
        shown["answer"] = answers
    titles = [str(number + 1) for number in range(len(examples))]
    run.picture("examples", rows(shown, titles), "Examples", "From the test part, answered by the saved model.")


def hardware() -> dict[str, Any]:
    import psutil

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
        import psutil

        return round(psutil.Process().memory_info().peak_wset / 2**20, 1)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
