"""Words that may stand for a value that is missing, or for a class of that name: None, NA, a dash."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from maquette.data.tables.parsing import MISSING, SPACES, SURELY_MISSING

SMALL = 0.05  # share of the rows up to which such a word stands for a missing label


def missing_words(given: str | None) -> list[str] | None:
    """The words of the setting `missing`, blanks always among them; None where it is not set."""
    return None if given is None else [word for part in given.split(",") if (word := part.strip(SPACES))]


def doubtful(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each of the words that may stand for "missing" stands there, as it is written, the commonest first."""
    if not pa.types.is_string(column.type):
        return {}
    words = pc.utf8_trim(column, SPACES)
    known = pa.array([word.lower() for word in MISSING if word.lower() not in SURELY_MISSING])
    counted = pc.value_counts(words.filter(pc.is_in(pc.utf8_lower(words), value_set=known)))
    found = {each["values"]: each["counts"] for each in counted.to_pylist() if each["values"] is not None}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def missing_in_target(
    column: pa.ChunkedArray, target: str, labels: bool, given: Sequence[str] | None
) -> tuple[tuple[str, ...], list[str]]:
    """The words that stand for "missing" in the target, and what is to be said of them.

    Among labels, a word of more than a small part of the rows is a class of that name, unless it was named (`given`).
    """
    found = doubtful(column)
    usual = {word.lower() for word in MISSING}
    if given is not None:
        return tuple(given), []
    by_word: dict[str, int] = {}
    for word, count in found.items():
        by_word[word.lower()] = by_word.get(word.lower(), 0) + count
    present = max(1, len(column) - column.null_count)
    classes = {word for word, count in by_word.items() if labels and count > SMALL * present}
    told = []
    for word, count in found.items():
        if word.lower() in classes:
            told.append(
                f"{target!r} is {word!r} in {count:,} of {len(column):,} rows, which is taken for a class; if it "
                f"stands for a missing value, say so: --missing={word}"
            )
        elif labels:
            rest = ",".join(sorted(each for each in found if each.lower() not in {*classes, word.lower()}))
            told.append(
                f"{target!r} is {word!r} in {count:,} of {len(column):,} rows, which is taken for a missing value; if "
                f'it is a class, name the words that are missing without it: --missing="{rest}"'
            )
        else:
            told.append(f"{target!r} is {word!r} in {count:,} of {len(column):,} rows, which is no number.")
    return tuple(sorted(usual - classes)), told


def missing_in_input(column: pa.ChunkedArray, name: str, missing: Sequence[str]) -> list[str]:
    """Said of a column of words in which a word for "missing" is common."""
    words = {word.lower() for word in missing}
    found = {word: count for word, count in doubtful(column).items() if word.lower() in words}
    return [
        f"{name!r} is {word!r} in {count:,} of {len(column):,} rows, which is taken for a missing value; --missing "
        "says which words are."
        for word, count in found.items()
        if count > SMALL * len(column)
    ]
