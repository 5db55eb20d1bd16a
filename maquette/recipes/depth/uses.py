"""What any of the trained networks says of pictures."""

from collections.abc import Iterable, Iterator

import pandas as pd

from maquette.data.pictures.files import Picture
from maquette.families.classifiers import answers
from maquette.recipes.depth.settings import ClassifyOptions
from maquette.settings import UserError
from maquette.trained import Trained


def classify(trained: Trained, inputs: Iterable[Picture], options: ClassifyOptions) -> Iterator[pd.DataFrame]:
    """A row for each picture: `class`, `probability`, `next_class`, `next_probability`, `probability_<class>`."""
    model, depth = trained.model, options.depth
    if depth is not None and depth not in model.depths:
        raise UserError(f"--depth {depth}: the run has networks of {', '.join(map(str, model.depths))} layers.")
    best, _, deepest = model.answering.rpartition("_")
    kind = best if options.kind == "best" else options.kind
    return answers(model.networks[f"{kind}_{depth or deepest}"], trained.processing, inputs)
