"""The value of the line for each row of a table."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import torch

from maquette.data.tables.answers import add_columns
from maquette.data.tables.matching import Matching, looked_at_twice
from maquette.families.settings import TableOptions
from maquette.trained import Trained


def predict(trained: Trained, inputs: Iterable[pd.DataFrame], options: TableOptions) -> Iterator[pd.DataFrame]:
    """The table with a column `<y>_predicted`; inputs need the column x."""
    x_name, y_name = trained.processing["x"], trained.processing["y"]
    inputs = looked_at_twice(inputs, [x_name])
    matching = Matching.of(inputs, {x_name: "number"}, trained.processing)
    matching.refuse(options.unreadable)
    for table in inputs:
        x = matching.typed(table)[x_name].to_numpy(dtype=np.float64, copy=True)
        answered = {f"{y_name}_predicted": trained.model(torch.from_numpy(x)).numpy()}
        yield add_columns(table, answered, matching.notes)
