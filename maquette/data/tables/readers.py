"""One column of a new table: looked at as a whole, then read one way. Here words, and yes or no."""

import re
import unicodedata
from collections import Counter
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from maquette.data.tables.kinds import convert_column, strings_of
from maquette.data.tables.parsing import tidy

MOST_KEYS = 500  # ways of writing told apart in one column
CODE = re.compile(r"'?([-+]?)0*(\d+)(?:\.0*)?")


class ColumnReader:
    """Looks at every piece of a column (`look`), then decides how to read it, then reads pieces.

    habit: what is kept of the column of training. present, absent, unreadable: values of the whole column.
    """

    what = "a value"

    def __init__(self, name: str, habit: dict[str, Any], format: str) -> None:
        self.name, self.habit, self.format = name, habit, format
        self.present = self.absent = self.unreadable = self.infinite = 0
        self.notes: list[str] = []
        self.examples: list[str] = []

    def look(self, column: pa.ChunkedArray) -> None:
        """column: tidied words, or native values."""
        self.present += len(column) - column.null_count
        self.absent += column.null_count

    def decide(self, of_file: str) -> None:
        """of_file: how numbers of other columns of the same table are written, "plain" or "comma", if that is known."""

    def read(self, column: pa.ChunkedArray) -> pd.Series:
        raise NotImplementedError

    def told_unreadable(self) -> str:
        shown = f" ({', '.join(map(repr, self.examples))})" if self.examples else ""
        return f"{self.name!r}: {self.unreadable:,} of {self.present:,} values cannot be read as {self.what}{shown}"

    def note_examples(self, words: list[str]) -> None:
        for word in words:
            if len(self.examples) < 3 and short(word) not in self.examples:
                self.examples.append(short(word))


class TruthReader(ColumnReader):
    what = "yes or no"

    def look(self, column: pa.ChunkedArray) -> None:
        super().look(column)
        read = convert_column(column, "boolean", missing=())
        self.unreadable += read.unreadable
        if read.unreadable:
            bad = column.filter(pc.and_(pa.array(read.values.isna()), column.is_valid()))
            self.note_examples([str(each) for each in bad.slice(0, 3).to_pylist()])

    def read(self, column: pa.ChunkedArray) -> pd.Series:
        return convert_column(column, "boolean", missing=()).values


class CategoryReader(ColumnReader):
    """Words found among those of training: as they stand; in other case, blanks or accents; as codes without zeros."""

    def __init__(self, name: str, habit: dict[str, Any], levels: list[str] | None) -> None:
        super().__init__(name, habit, "")
        self.levels = None if levels is None else set(levels)
        self.folded, self.codes = one_each(levels or (), folded), one_each(levels or (), code)
        self.unseen: Counter[str] = Counter()
        self.respelled: Counter[str] = Counter()
        self.recoded: Counter[str] = Counter()
        self.given: dict[str, str] = {}  # one example of each kind: what stands there, and what it is read as
        self.unseen_rows = 0

    def look(self, column: pa.ChunkedArray) -> None:
        super().look(column)
        if self.levels is None:
            return
        for word, count in strings_of(column, ()).value_counts().items():
            if word in self.levels:
                continue
            found = self.level_of(str(word))
            if found is None:
                self.unseen_rows += count
                if len(self.unseen) < MOST_KEYS:
                    self.unseen[str(word)] += count
            else:
                kind = self.respelled if folded(str(word)) == folded(found) else self.recoded
                kind[found] += count
                self.given.setdefault("case" if kind is self.respelled else "code", f"{word!r}, read as {found!r}")

    def level_of(self, word: str) -> str | None:
        """The word of training that is meant, None where there is none or several."""
        if self.levels is None or word in self.levels:
            return word
        return self.folded.get(folded(word)) or self.codes.get(code(word) or "")

    def decide(self, of_file: str) -> None:
        for counts, key, how in (
            (self.respelled, "case", "in capitals, small letters or blanks"),
            (self.recoded, "code", "in leading zeros or decimals"),
        ):
            if count := sum(counts.values()):
                differ = "value differs" if count == 1 else "values differ"
                self.notes.append(f"{self.name!r}: {count:,} {differ} {how} from training ({self.given[key]}).")
        if self.unseen_rows:
            words = ", ".join(repr(short(word)) for word, _ in self.unseen.most_common(3))
            verb = "value was" if self.unseen_rows == 1 else "values were"
            self.notes.append(
                f"{self.name!r}: {self.unseen_rows:,} of {self.present:,} {verb} not there in training, or too seldom "
                f"({words}{', ...' if len(self.unseen) > 3 else ''}); nothing is known of them."
            )

    def read(self, column: pa.ChunkedArray) -> pd.Series:
        words = strings_of(column, ())
        if self.levels is None:
            return words
        mapped = {word: self.level_of(str(word)) for word in words.dropna().unique() if word not in self.levels}
        return words.map(lambda word: mapped.get(word) or word, na_action="ignore") if mapped else words


def tidied(column: pa.ChunkedArray, missing: tuple[str, ...]) -> pa.ChunkedArray:
    """Words without blanks around them and without those for "missing"; values as they are, NaN being missing."""
    if pa.types.is_string(column.type):
        return tidy(column, missing)
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return column


def folded(word: str) -> str:
    """The word without its case, its accents' way of writing, and blanks more than one."""
    return " ".join(unicodedata.normalize("NFKC", word).casefold().split())


def code(word: str) -> str | None:
    """Digits without leading zeros and decimals that are none: 01067, 1067.0 and '1067 are one; None for words."""
    found = CODE.fullmatch(word)
    return found[1] + found[2] if found else None


def one_each(levels: Any, plain: Any) -> dict[str, str]:
    """From the plain form of a word to the word, where only one has it."""
    forms = Counter(form for level in levels if (form := plain(level)) is not None)
    return {form: level for level in levels if (form := plain(level)) is not None and forms[form] == 1}


def short(word: str) -> str:
    return word if len(word) <= 40 else word[:37] + "..."
