"""open(folder) -> a predictor: all that the command line and the web page need to use a finished run."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from maquette.checkpoints import load_model, load_state
from maquette.progress import Progress
from maquette.recipes import RECIPES, load_recipe
from maquette.settings import UserError
from maquette.spine import read_settings


class Predictor:
    """A trained model with the processing that was fitted for it."""

    def __init__(self, folder: Path):
        record = read_settings(folder)
        if not (folder / "model.json").exists():
            raise UserError(f"{folder} has no trained model yet; go on with: maquette resume {folder}")
        self.folder = folder
        self.recipe_name: str = record["recipe"]
        self.recipe = load_recipe(self.recipe_name)
        self.model = load_model(folder)
        self.processing = load_state(folder, "processing")

    def predict(self, inputs: Any, **options: Any) -> Any:
        """The recipe's answer for arrays, data frames or text, as plain objects."""
        with torch.inference_mode():
            return self.recipe.predict(self.model, self.processing, inputs, **options)

    def predict_files(self, inputs: list[Path], out: Path | None) -> Path:
        """Predict from files to files in bounded memory; returns what was written."""
        return FILES[RECIPES[self.recipe_name].kind](self, inputs, out)


def predict_table(predictor: Predictor, inputs: list[Path], out: Path | None) -> Path:
    """Every row and column of a table, and the prediction beside it; the table is read in pieces."""
    from maquette.data.tables import read_chunks, write_chunks

    if len(inputs) != 1:
        raise UserError(f"predict takes one table at a time, not {len(inputs)}.")
    source = inputs[0]
    target = out or Path(f"{source.stem}-predicted.csv")
    if out is None and target.exists():
        raise UserError(f"{target} is there already; name another file with --out, or the same to replace it.")
    if target.exists() and source.exists() and target.samefile(source):
        raise UserError(f"--out {target} is the input itself; choose another name.")
    reader = read_chunks(source)

    def predicted() -> Iterator[Any]:
        progress, rows = Progress("predicting", "row"), 0
        for chunk in reader:
            answer = predictor.predict(chunk)
            rows += len(chunk)
            progress.update(rows, None)
            yield answer
        progress.close()

    write_chunks(target, predicted())
    for note in getattr(reader, "notes", []):
        print(note)
    return target


FILES: dict[str, Callable[[Predictor, list[Path], Path | None], Path]] = {"table": predict_table}


def open(folder: str | Path) -> Predictor:
    """A predictor from a finished run folder."""
    return Predictor(Path(folder))
