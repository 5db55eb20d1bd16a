"""A class, and the probability of each, for each row of a table."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from maquette.data.tables.answers import add_columns
from maquette.families.settings import TableOptions
from maquette.families.table_networks import Network, encoded, guesses, outputs_of
from maquette.trained import Trained


def predict(trained: Trained, inputs: Iterable[pd.DataFrame], options: TableOptions) -> Iterator[pd.DataFrame]:
    """The table with `<target>_predicted` and `<target>_probability_<class>`; columns are found by name."""
    target, names = trained.processing["target"], trained.processing["classes"]
    for table, rows, notes in encoded(trained.processing, inputs, options.unreadable):
        probabilities, _ = probabilities_of(trained.model, rows.numbers, rows.categories)
        where, tried = guesses(trained.processing, rows)
        if len(where):  # a value that training always knew: the mean over those of training rows
            probabilities[where] = np.mean([probabilities_of(trained.model, *way)[0] for way in tried], axis=0)
        columns: dict[str, Any] = {f"{target}_predicted": np.array(names, dtype=object)[probabilities.argmax(1)]}
        columns |= {
            f"{target}_probability_{name}": probabilities[:, place].astype(np.float32)
            for place, name in enumerate(names)
        }
        yield add_columns(table, columns, notes)


def probabilities_of(model: Network, numbers: Tensor, categories: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Class probabilities and their logarithms, or the logits of a plain network: (N, C), (N, C) float64."""
    outputs = outputs_of(model, numbers, categories).double()
    probabilities = outputs.softmax(-1).mean(1)
    logits = outputs[:, 0] if outputs.shape[1] == 1 else probabilities.clamp_min(1e-300).log()
    return probabilities.numpy(), logits.numpy()
