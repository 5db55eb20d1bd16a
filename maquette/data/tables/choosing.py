"""Columns of a table that are left out, by their names."""

import csv
import shlex
from collections.abc import Sequence

from maquette.data.words import listed
from maquette.settings import UserError, nearest


def names_in(given: str | None) -> list[str]:
    """Names of columns by commas; one that holds a comma stands in quotation marks."""
    rows = csv.reader([given or ""], skipinitialspace=True)
    return [name.strip() for row in rows for name in row if name.strip()]


def in_words(name: str) -> str:
    """A name as it is given on the command line, among others by commas."""
    return shlex.quote(f'"{name}"' if "," in name else name)


def columns_left_out(names: Sequence[str], target: str | None, drop: Sequence[str], only: Sequence[str]) -> list[str]:
    """Which columns of a table are left out: those of `drop`, and all but the target and `only`, if that is given.

    A `UserError` names one that is not there, with the nearest name.
    """
    if drop and only:
        raise UserError("Give --drop, the columns to leave out, or --only, those to learn from, not both.")
    for flag, given in (("--drop", drop), ("--only", only)):
        for name in given:
            if name not in names:
                hint = nearest(name, names) or f"; there are {listed(list(names))}."
                raise UserError(f"{flag}: there is no column {name!r}{hint}")
    if target in drop:
        raise UserError(f"--drop names the target {target!r}; leave it out of the list.")
    found = [name for name in names if name in drop or (only and name not in (target, *only))]
    if target in names and len(found) == len(names) - 1:
        raise UserError(f"Besides the target {target!r} no column is left to learn from; leave out fewer.")
    return found
