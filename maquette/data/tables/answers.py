"""Predictions beside the rows they belong to."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from maquette.settings import UserError


def add_columns(frame: pd.DataFrame, columns: Mapping[str, np.ndarray], notes: Sequence[str] = ()) -> pd.DataFrame:
    """`frame` as it came, every row and column, with new columns at its end; `attrs["notes"]` says how it was read."""
    for name in columns:
        if name in frame.columns:
            raise UserError(f"The table already has a column {name}, which is where the prediction goes; rename it.")
    answered = pd.concat([frame, pd.DataFrame(dict(columns), index=frame.index)], axis=1)
    answered.attrs["notes"] = list(notes)
    return answered
