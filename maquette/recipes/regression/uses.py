"""A number, and an interval around it, for each row of a table."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri
from torch import Tensor

from maquette.data.tables.answers import add_columns
from maquette.families.settings import TableOptions
from maquette.families.table_networks import Encoded, Network, encoded, guesses, outputs_of
from maquette.trained import Trained

FAR_OFF = 1e3  # deviations that values lie from 0, from which on float32 has no digits left for them


def predict(trained: Trained, inputs: Iterable[pd.DataFrame], options: TableOptions) -> Iterator[pd.DataFrame]:
    """The table with `<target>_predicted`, `<target>_low` and `<target>_high`; columns are found by name."""
    processing = trained.processing
    target = processing["target"]
    shift, scale = abs(processing["shift"]), processing["scale"]
    precision = np.float32 if 1e-30 < scale + shift < 1e30 and shift < FAR_OFF * scale else np.float64
    for table, rows, notes in encoded(processing, inputs, options.unreadable):
        value, reach = value_and_reach(trained.model, processing, rows)
        columns = {"_predicted": value, "_low": value - reach, "_high": value + reach}
        yield add_columns(  # float32 is all the network knows, but not all of what is added to it
            table, {f"{target}{name}": numbers.astype(precision) for name, numbers in columns.items()}, notes
        )


def value_and_reach(model: Network, processing: dict[str, Any], rows: Encoded) -> tuple[np.ndarray, np.ndarray]:
    """Predicted values, and how far their intervals reach: (N,), (N,).

    Where a value is not known that training always knew, those of training rows are tried in its place: the answer is
    their mean, and the interval holds how far they are apart as well.
    """
    value, spread = answer(model, processing, rows.numbers, rows.categories)
    reach = processing["radius"] * spread
    where, tried = guesses(processing, rows)
    if len(where):
        values, spreads = (
            np.stack(each) for each in zip(*(answer(model, processing, *way) for way in tried), strict=True)
        )
        apart = float(ndtri(0.5 + processing["coverage"] / 2)) * values.std(0)
        value[where] = values.mean(0)
        reach[where] = np.sqrt(np.mean((processing["radius"] * spreads) ** 2, axis=0) + apart**2)
    return value, reach


def answer(
    model: Network, processing: dict[str, Any], numbers: Tensor, categories: Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted values and how unsure the network is of each, both in the target's unit: (N,), (N,).

    Unsure means: the spread of the members, and a constant so that no row is taken for certain.
    """
    outputs = outputs_of(model, numbers, categories)[..., 0].double()
    members = outputs.shape[1]
    spread = outputs.std(1) + 0.1 if members > 1 else outputs[:, 0] * 0 + 1
    value = outputs.mean(1) * processing["scale"] + processing["shift"]
    return value.numpy(), (spread * processing["scale"]).numpy()
