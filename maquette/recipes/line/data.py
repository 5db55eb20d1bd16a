"""Measured points: two columns of numbers of a table."""

from typing import Any, NamedTuple

import numpy as np

from maquette.data.sets.fetching import resolve
from maquette.data.tables.columns import two_columns
from maquette.data.tables.reading import read_table
from maquette.data.words import of_many
from maquette.runs import Run
from maquette.settings import UserError

SOURCE = "gravity"


class Points(NamedTuple):
    """Two columns of numbers, x and y (N,), with their names; `gravity` where they are the course's measurement.

    written: how x is written in the table, as `Matching` takes it.
    """

    x: np.ndarray
    y: np.ndarray
    x_name: str
    y_name: str
    gravity: bool
    written: dict[str, Any]


def read_points(data: str | None, x: str | None, y: str | None, run: Run) -> Points:
    """Rows with both numbers; x and y name the columns, which may be left out where a table has two of numbers."""
    found = resolve(data, SOURCE)
    table = read_table(found.path, [name for name in (x, y) if name])
    given = x, y
    if given == (None, None) and found.name == SOURCE:
        given = "time_s", "distance_m"
    x_name, y_name = two_columns(table, *given)
    whole = table.frame[[x_name, y_name]].dropna()
    run.record_source(found, rows=len(whole), notes=table.notes)
    if len(whole) < len(table.frame):
        were = of_many(len(table.frame) - len(whole), "row was", "rows were")
        run.warn(f"{were} left out, without both numbers.")
    if whole[x_name].nunique() < 2:
        raise UserError(f"A line needs two different values of {x_name}; {found.path} has {whole[x_name].nunique()}.")
    x_values, y_values = (whole[name].to_numpy(copy=True) for name in (x_name, y_name))
    habit = table.habits.get(x_name, {}) | {"low": float(x_values.min()), "high": float(x_values.max())}
    formats = {name: format for name, format in table.formats.items() if name == x_name}
    written = {"formats": formats, "habits": {x_name: habit}, "names": list(map(str, table.frame))}
    return Points(x_values, y_values, x_name, y_name, found.name == SOURCE, written)
