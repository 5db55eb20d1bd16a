"""A column of numbers of a new table: the decimal mark and the unit are decided for all of it."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from maquette.data.tables.habits import CURRENCIES, parted, within
from maquette.data.tables.kinds import convert_column, encoded, spread, without_infinite
from maquette.data.tables.parsing import numbers_from
from maquette.data.tables.readers import MOST_KEYS, ColumnReader

UNSURE = r"^[-+−]?(\d+|\d{1,3}(\.\d{3})+)$"  # words that say nothing of the decimal mark


class NumberReader(ColumnReader):
    """Numbers with point or comma, with or without a unit."""

    what = "a number"

    def __init__(self, name: str, habit: dict[str, Any], format: str) -> None:
        super().__init__(name, habit, format)
        self.trained = "comma" if format == "comma" else "plain"
        self.low, self.high = habit.get("low"), habit.get("high")
        self.units = set(habit.get("units", CURRENCIES if self.low is None else [""]))  # older runs kept nothing
        self.marks = habit.get("marks", ".")
        self.style, self.accepted, self.factor = self.trained, self.units, 1.0
        self.leaves_unsure = False
        self.seen: Counter[tuple] = Counter()
        self.first: dict[tuple, str] = {}

    def look(self, column: pa.ChunkedArray) -> None:
        super().look(column)
        if not pa.types.is_string(column.type):
            if pa.types.is_timestamp(column.type):
                self._count_unreadable(column)
            else:
                self.infinite += (
                    int(np.isinf(column.drop_null().to_numpy()).sum()) if pa.types.is_floating(column.type) else 0
                )
            return
        if self._is_plain(column):
            self.seen["", True, False, False, True, False, False, ""] += len(column) - column.null_count
            return
        words, codes = encoded(column, ())
        for key, count, example in zip(
            *self._keys(words, np.bincount(codes[codes >= 0], minlength=len(words))), strict=True
        ):
            key = key if key in self.seen or len(self.seen) < MOST_KEYS else ("\0", *key[1:])
            self.seen[key] += count
            self.first.setdefault(key, example)

    def _is_plain(self, column: pa.ChunkedArray) -> bool:
        """Whether all are ordinary numbers, and some can be nothing else."""
        if self.trained != "plain" or numbers_from(column, "plain", quick=True, missing=()) is None:
            return False
        return not pc.all(pc.match_substring_regex(column, UNSURE)).as_py()

    def _keys(self, words: pa.Array, counts: np.ndarray) -> tuple[list[tuple], list[int], list[str]]:
        """(unit, reads plain, reads comma, differ, plain within reach, comma ..., hundredth ..., marks) by word."""
        bodies, units = parted(words)
        plain, comma = (
            numbers_from(bodies, style).to_numpy(zero_copy_only=False).astype(float) for style in ("plain", "comma")
        )
        reads = ~np.isnan(plain), ~np.isnan(comma)
        inside = [within(values, self.low, self.high) for values in (plain, comma, plain / 100, comma / 100)]
        differ = reads[0] & reads[1] & (plain != comma)
        written = words.to_pylist()
        marks = ["".join(mark for mark in ".," if mark in word) for word in written]
        keys = list(
            zip(units.to_pylist(), *reads, differ, inside[0], inside[1], inside[2] | inside[3], marks, strict=True)
        )
        return [tuple(x if isinstance(x, str) else bool(x) for x in key) for key in keys], counts.tolist(), written

    @property
    def evidence(self) -> str:
        """ "plain" or "comma" where the words say which, "either" where they may be both, "" where it is no matter."""
        plain = sum(count for key, count in self.seen.items() if key[1])
        comma = sum(count for key, count in self.seen.items() if key[2])
        if plain != comma:
            return "plain" if plain > comma else "comma"
        return "either" if any(key[3] for key in self.seen) else ""

    def decide(self, of_file: str) -> None:
        self._decide_unit()
        self._decide_style(of_file)
        strange = self.accepted - self.units
        for key, count in self.seen.items():
            if not self._reads(key):
                self.unreadable += count
                self.note_examples([self.first[key]])
        if strange and (unit := next(iter(strange))):
            self._decide_foreign(unit)
        if self.infinite:
            verb = "value is" if self.infinite == 1 else "values are"
            self.notes.append(f"{self.name!r}: {self.infinite:,} {verb} infinite; counted as missing.")

    def _reads(self, key: tuple) -> bool:
        unit, plain, comma, differ = key[:4]
        return bool(
            unit in self.accepted and (plain, comma)[self.style == "comma"] and not (differ and self.leaves_unsure)
        )

    def _decide_unit(self) -> None:
        found = {key[0] for key in self.seen if key[1] or key[2]}
        if len(found) == 1 and not found <= self.units and "\0" not in found:
            self.accepted = found
        else:
            self.accepted = self.units & found or self.units

    def _decide_style(self, of_file: str) -> None:
        evidence = self.evidence
        unsure = {key: count for key, count in self.seen.items() if key[3] and key[0] in self.accepted}
        if evidence in ("plain", "comma"):
            self.style = evidence
        elif evidence == "either" and of_file:
            self.style = of_file
        elif evidence == "either" and unsure:
            plain, comma = (sum(count for key, count in unsure.items() if key[place]) for place in (4, 5))
            marks = {mark for key in unsure for mark in key[7]}
            if plain != comma:
                self.style = "plain" if plain > comma else "comma"
            elif not marks <= set(self.marks):
                self.leaves_unsure, self.what = True, "one number only"
        if self.leaves_unsure or not any(key[3] or key[1] != key[2] for key in self.seen):
            return
        if self.style != self.trained:
            mark = "commas" if self.style == "comma" else "points"
            self.notes.append(
                f"{self.name!r}: decimal {mark}, other than in training; read as such{self._example(unsure)}."
            )
        elif evidence == "either" and not {mark for key in unsure for mark in key[7]} <= set(self.marks):
            self.notes.append(
                f"{self.name!r}: marks between thousands, other than in training; read as such{self._example(unsure)}."
            )

    def _example(self, keys: dict[tuple, int]) -> str:
        return f" ({self.first[next(iter(keys))]!r})" if keys else ""

    def _decide_foreign(self, unit: str) -> None:
        """A unit that training did not have: dropped if what is left lies about where it did in training."""
        read = {key: count for key, count in self.seen.items() if self._reads(key)}
        total = sum(read.values())
        near = sum(count for key, count in read.items() if key[5 if self.style == "comma" else 4])
        hundredth = sum(count for key, count in read.items() if key[6])
        example = self._example(read)
        if 2 * near >= total:
            self.notes.append(
                f"{self.name!r}: every value has {unit!r}, which training had not; read without it{example}."
            )
        elif unit == "%" and 2 * hundredth >= total:
            self.factor = 0.01
            self.notes.append(
                f"{self.name!r}: every value is in per cent, other than in training; read as hundredths{example}."
            )
        else:
            self.accepted = set(self.units)
            self.unreadable += total
            self.note_examples([self.first[key] for key in read])
            self.notes.append(
                f"{self.name!r}: every value has {unit!r}, and without it they lie far from those of training."
            )

    def _count_unreadable(self, column: pa.ChunkedArray) -> None:
        self.unreadable += len(column) - column.null_count
        self.note_examples([str(each) for each in column.drop_null().slice(0, 3).to_pylist()])

    def read(self, column: pa.ChunkedArray) -> pd.Series:
        if not pa.types.is_string(column.type):
            return convert_column(column, "number").values
        if self.style == "plain" and self.factor == 1 and "" in self.accepted and not self.leaves_unsure:
            numbers = numbers_from(column, "plain", quick=True, missing=())
            if numbers is not None:
                return pd.Series(without_infinite(np.array(numbers.to_numpy()))[0])
        words, codes = encoded(column, ())
        keys, _, _ = self._keys(words, np.zeros(len(words), int))
        bodies, _ = parted(words)
        values = numbers_from(bodies, self.style).to_numpy(zero_copy_only=False).astype(float) * self.factor
        values = np.where([self._reads(key) for key in keys], values, np.nan) if len(keys) else values
        return pd.Series(without_infinite(spread(values, codes, np.nan))[0])
