"""A new table read in the light of the one that was trained on.

The whole table is looked at first, so that each column is read one way from its first row to its last. What is written
another way than in training is read where it can mean one thing only, and said; what cannot be read is counted.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import pandas as pd
import pyarrow as pa

from maquette.data.tables.columns import check_columns
from maquette.data.tables.date_reader import DateReader
from maquette.data.tables.kinds import as_arrow
from maquette.data.tables.number_reader import NumberReader
from maquette.data.tables.parsing import MISSING
from maquette.data.tables.readers import CategoryReader, ColumnReader, TruthReader, tidied
from maquette.data.words import listed
from maquette.settings import UserError


@runtime_checkable
class Pieces(Protocol):
    """A table in a file, which can be read again; `wanted` are names that tell its header."""

    wanted: list[str]

    def __iter__(self) -> Iterator[pd.DataFrame]: ...


class Matching:
    """How the columns of one new table are read; `notes` says it in sentences.

    columns: the inputs with their kinds. known: what the run keeps of its own table, all of it optional: `formats`,
    `habits`, `levels` (words of each category), `missing` (words for it), `names` (all columns of the table).
    """

    def __init__(self, columns: Mapping[str, str], known: Mapping[str, Any]) -> None:
        self.columns = dict(columns)
        missing = known.get("missing")
        self.missing: tuple[str, ...] = MISSING if missing is None else tuple(missing)
        self.rows = 0
        self.notes: list[str] = []
        formats, habits, levels = (known.get(part) or {} for part in ("formats", "habits", "levels"))
        self.readers = {
            name: made(kind, name, habits.get(name, {}), formats.get(name, ""), levels.get(name))
            for name, kind in columns.items()
        }

    @classmethod
    def of(cls, frames: Iterable[pd.DataFrame], columns: Mapping[str, str], known: Mapping[str, Any]) -> "Matching":
        """After a look at all of a table, which comes in pieces."""
        matching = cls(columns, known)
        there: dict[str, None] = {}
        for frame in map(named, frames):
            check_columns(list(frame), columns)
            matching.rows += len(frame)
            there |= dict.fromkeys(frame)
            for name, column in matching._words(frame):
                matching.readers[name].look(column)
        matching._decide()
        extra = [name for name in there if name not in known.get("names", there)]
        if extra:
            what = "is a column" if len(extra) == 1 else "are columns"
            matching.notes.append(f"{listed(extra)} {what} that training did not have; not looked at.")
        return matching

    def typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A piece of the table, typed, with exactly the input columns; what cannot be read is missing."""
        columns = {name: self.readers[name].read(column) for name, column in self._words(named(frame))}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(frame)))

    def refuse(self, share: float) -> None:
        """A `UserError` where more than this share of a column's values cannot be read."""
        for reader in self.readers.values():
            if reader.unreadable > share * max(1, reader.present):
                raise UserError(
                    f"{reader.told_unreadable()}, more than --unreadable {share:g} allows; put them right, or go on "
                    "all the same with --unreadable 1."
                )

    def _words(self, frame: pd.DataFrame) -> Iterator[tuple[str, pa.ChunkedArray]]:
        for name in self.columns:
            yield name, tidied(as_arrow(frame[name]), self.missing)

    def _decide(self) -> None:
        numbers = [reader for reader in self.readers.values() if isinstance(reader, NumberReader)]
        found = {reader.evidence for reader in numbers} & {"plain", "comma"}
        of_file = found.pop() if len(found) == 1 else ""  # one decimal comma tells how the whole file was written
        for reader in self.readers.values():
            reader.decide(of_file)
            self.notes += reader.notes
            if reader.unreadable:
                self.notes.append(f"{reader.told_unreadable()}; they count as missing.")
            if reader.absent and reader.habit.get("gaps") is False:
                self.notes.append(
                    f"{reader.name!r} is missing in {reader.absent:,} of {self.rows:,} rows, and never was in training."
                )


def looked_at_twice(frames: Iterable[pd.DataFrame], wanted: Iterable[str]) -> Iterable[pd.DataFrame]:
    """The pieces of a table so that they can be gone through again: read again from a file, else kept in memory."""
    if isinstance(frames, Iterator):
        return list(frames)
    if isinstance(frames, Pieces):
        frames.wanted = list(wanted)
    return frames


def made(kind: str, name: str, habit: dict[str, Any], format: str, levels: list[str] | None) -> ColumnReader:
    if kind == "category":
        return CategoryReader(name, habit, levels)
    return {"number": NumberReader, "date": DateReader, "boolean": TruthReader}[kind](name, habit, format)


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with words as names of its columns."""
    return frame.set_axis([str(name) for name in frame.columns], axis=1)
