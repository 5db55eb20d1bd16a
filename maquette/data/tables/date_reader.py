"""A column of dates of a new table: the order of day and month is decided for all of it."""

import re
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from maquette.data.tables.habits import dates_of_serials, shapes_of, with_whole_years
from maquette.data.tables.kinds import convert_column, encoded, spread
from maquette.data.tables.parsing import dates_from
from maquette.data.tables.readers import MOST_KEYS, ColumnReader

YEAR = 365.2425 * 86_400e6  # microseconds
SHORT = r"^0([-/.])0[-/.]0( |$)"


class DateReader(ColumnReader):
    """Dates of any order, with years of two digits, in eight digits, or as Excel's days."""

    what = "a date"

    def __init__(self, name: str, habit: dict[str, Any], format: str) -> None:
        super().__init__(name, habit, format)
        self.low, self.high = habit.get("low"), habit.get("high")
        self.shapes = set(habit["shapes"]) if "shapes" in habit else None
        self.order, self.leaves_unsure = format or "month first", False
        self.serials_are_near = True
        self.seen: Counter[tuple] = Counter()
        self.first: dict[tuple, str] = {}
        self.years = np.zeros(4)  # of short dates: count, readable with the year first, years off so and otherwise
        self.year_first = False
        self.serials = [0, 0]  # values that could be Excel's days, and those of them within reach

    def look(self, column: pa.ChunkedArray) -> None:
        super().look(column)
        if pa.types.is_timestamp(column.type):
            return
        if not pa.types.is_string(column.type):
            self._look_at_days(column.drop_null().cast(pa.float64()).to_numpy(), column)
            return
        words, codes = encoded(column, ())
        counts = np.bincount(codes[codes >= 0], minlength=len(words))
        first, second, days, shapes = self._dates(words, False)
        inside = [self._near(dates) for dates in (first, second)]
        self._look_at_years(words, counts, shapes, first, second)
        written = words.to_pylist()
        for place, (shape, count) in enumerate(zip(shapes.to_pylist(), counts, strict=True)):
            if not np.isnan(days[place]):
                near = bool(self._near(dates_of_serials(days[place : place + 1]))[0])
                self.serials[0] += int(count)
                self.serials[1] += int(count) * near
                self.note_serial(written[place])
                continue
            reads = not np.isnat(first[place]), not np.isnat(second[place])
            key = (
                shape,
                *map(bool, reads),
                all(reads) and bool(first[place] != second[place]),
                bool(inside[0][place]),
                bool(inside[1][place]),
            )
            key = key if key in self.seen or len(self.seen) < MOST_KEYS else ("\0", *key[1:])
            self.seen[key] += int(count)
            self.first.setdefault(key, written[place])

    def _look_at_years(
        self, words: pa.Array, counts: np.ndarray, shapes: pa.Array, first: np.ndarray, second: np.ndarray
    ) -> None:
        is_short = np.array(pc.match_substring_regex(shapes, SHORT), bool)
        if not is_short.any():
            return
        words, counts = words.filter(pa.array(is_short)), counts[is_short]
        dates = dates_from(with_whole_years(words, self.low, self.high, True), "day first")
        others = np.fmin(self._years_off(first[is_short]), self._years_off(second[is_short]))
        there = ~np.isnat(dates)
        off = np.nan_to_num(self._years_off(dates), nan=100), np.nan_to_num(others, nan=100)
        self.years += [counts.sum(), counts[there].sum(), (counts * off[0]).sum(), (counts * off[1]).sum()]

    def _years_off(self, dates: np.ndarray) -> np.ndarray:
        """By how many years dates lie off those of training; NaN for none."""
        micro = np.where(np.isnat(dates), np.nan, dates.astype("datetime64[us]").astype(np.int64).astype(float))
        low, high = (micro if end is None else end for end in (self.low, self.high))
        return np.maximum(0, np.maximum(low - micro, micro - high)) / YEAR

    def note_serial(self, word: str) -> None:
        self.first.setdefault(("serial",), word)

    def _look_at_days(self, days: np.ndarray, column: pa.ChunkedArray) -> None:
        dates = dates_of_serials(days)
        self.serials[0] += len(days)
        self.serials[1] += int((self._near(dates) & ~np.isnat(dates)).sum())
        if len(days):
            self.note_serial(f"{days[0]:.15g}")

    def _near(self, dates: np.ndarray) -> np.ndarray:
        """Within reach of training's, and twenty years more."""
        with np.errstate(invalid="ignore"):
            return self._years_off(dates) <= 20

    def _dates(self, words: pa.Array, year_first: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, pa.Array]:
        """Read with the day first, with the month first, Excel's days (NaN where it is none), and shapes."""
        shapes = shapes_of(words)
        whole = with_whole_years(words, self.low, self.high, year_first)
        first, second = (dates_from(whole, order) for order in ("day first", "month first"))
        for dates in (first, second):  # eight digits and short years must come out near training
            risky = np.array(pc.not_equal(whole, words), bool) & ~self._near(dates)
            dates[risky] = np.datetime64("NaT", "us")
        days = pc.if_else(pc.match_substring_regex(words, r"^\d{1,6}(\.\d+)?$"), words, pa.scalar(None, pa.string()))
        serial = pc.cast(days, pa.float64()).to_numpy(zero_copy_only=False).astype(float)
        serial[np.isnat(dates_of_serials(serial))] = np.nan
        serial[~np.isnat(first)] = np.nan
        return first, second, serial, shapes

    def decide(self, of_file: str) -> None:
        first, second = (sum(count for key, count in self.seen.items() if key[place]) for place in (1, 2))
        if self.years[1] == self.years[0] > 0 and self.years[2] < self.years[3]:
            self.year_first = True
            short = [key for key in self.seen if re.match(SHORT, key[0])]
            example = self.first[short[0]]
            self.notes.append(f"{self.name!r}: dates begin with a year of two digits ({example!r}); read as such.")
            for key in short:
                del self.seen[key]
            first, second = (sum(count for key, count in self.seen.items() if key[place]) for place in (1, 2))
        unsure = {key: count for key, count in self.seen.items() if key[3]}
        if first != second:
            self.order = "day first" if first > second else "month first"
        elif unsure:
            self._decide_order(unsure)
        for key, count in self.seen.items():
            if not (key[1 if self.order == "day first" else 2] and not (key[3] and self.leaves_unsure)):
                self.unreadable += count
                self.note_examples([self.first[key]])
        others = [key for key in self.seen if (key[1] or key[2]) and not self._is_known(key[0])]
        is_turned = self.format and self.order != self.format and bool(unsure)
        if (others or is_turned) and not self.leaves_unsure:
            example = self.first[(others or list(unsure))[0]]
            how = f"with the {self.order}" if first != second or unsure else "as such"
            self.notes.append(
                f"{self.name!r}: dates are written another way than in training ({example!r}); read {how}."
            )
        if self.serials[0]:
            self.serials_are_near = 2 * self.serials[1] >= self.serials[0]
            example = self.first["serial",]
            if self.serials_are_near:
                self.notes.append(f"{self.name!r}: dates are Excel's numbers of days ({example}); read as such.")
            else:
                self.unreadable += self.serials[0]
                self.note_examples([example])

    def _is_known(self, shape: str) -> bool:
        """Whether training had dates of this shape; where it had values and no words, ISO is no other way."""
        return shape in self.shapes if self.shapes is not None else bool(self.format) or shape.startswith("Y-")

    def _decide_order(self, unsure: dict[tuple, int]) -> None:
        """Every date can be read two ways: as in training if it looks like it, by the dots, or by the range."""
        shapes = {key[0] for key in unsure}
        near = [sum(count for key, count in unsure.items() if key[place]) for place in (4, 5)]
        if self.format and (self.shapes is None or shapes <= self.shapes):
            self.order = self.format
        elif all(shape.startswith("0.0.") for shape in shapes):
            self.order = "day first"
        elif near[0] != near[1]:
            self.order = "day first" if near[0] > near[1] else "month first"
        elif not self.format:
            self.leaves_unsure, self.what = True, "one date only"
        else:
            self.order = self.format

    def read(self, column: pa.ChunkedArray) -> pd.Series:
        if pa.types.is_timestamp(column.type):
            return convert_column(column, "date").values
        nothing = np.datetime64("NaT", "us")
        if not pa.types.is_string(column.type):
            days = np.array(column.cast(pa.float64()).to_numpy(), float)
            return pd.Series(dates_of_serials(days if self.serials_are_near else days * np.nan))
        words, codes = encoded(column, ())
        if not len(words):
            return pd.Series(np.full(len(column), nothing))
        first, second, days, shapes = self._dates(words, self.year_first)
        dates = first.copy() if self.order == "day first" else second.copy()
        if self.year_first:
            is_short = np.array(pc.match_substring_regex(shapes, SHORT), bool)
            dates[is_short] = first[is_short]
        if self.leaves_unsure:
            dates[~np.isnat(first) & ~np.isnat(second) & (first != second)] = nothing
        if self.serials_are_near:
            dates = np.where(np.isnan(days), dates, dates_of_serials(days))
        return pd.Series(spread(dates, codes, nothing))
