"""What a column holds: its kind, and its values read as that kind.

Five kinds: "number", "boolean" (both float64, NaN missing), "date" (datetime64), "category" and "text" (strings, NaN
for missing). Text carries nothing a network could use: names, ids, sentences. A column is read the same way whether it
comes as words in a file or as values from Parquet, Excel or a data frame, and whether it is read whole or in chunks;
what only the whole column can tell (decimal comma, day before month) is its format, a string in `formats`, and must be
handed to `convert` with the kinds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from maquette.data.tables.parsing import MISSING, dates_from, numbers_from, tidy, words_of

KINDS = ("number", "boolean", "category", "date", "text")
TRUE_WORDS, FALSE_WORDS = ("true", "yes", "y", "t", "on"), ("false", "no", "n", "f", "off")
EXACT_INTEGER = 2**53
MOSTLY = 0.95  # share of the values that must read as numbers or dates; the rest counts as missing
SOME = 1_000  # distinct words from which one sees that none is a number or a date
LONG_WORDS = 60  # characters, on average, from which words that seldom repeat are sentences


@dataclass(frozen=True)
class Reading:
    """How a column is read. `evidence` is "plain", "comma" or "either": what the numbers say about the decimal mark."""

    kind: str
    format: str = ""
    evidence: str = ""
    examples: tuple[str, ...] = ()  # values that are not of the kind
    why: str = ""  # why a column of numbers or few words carries nothing


@dataclass(frozen=True)
class Converted:
    values: pd.Series
    unreadable: int = 0
    infinite: int = 0


def kind_of(series: pd.Series) -> str:
    """ "number", "boolean", "category", "date" or "text"."""
    return reading_of(as_arrow(series), str(series.name or "")).kind


def convert(frame: pd.DataFrame, kinds: Mapping[str, str], formats: Mapping[str, str] | None = None) -> pd.DataFrame:
    """A typed frame with exactly the columns of `kinds`, from words as they stand in a file or from native values.

    `formats` is `Table.formats`; without it decimal commas and days before months are guessed from this chunk alone.
    Values that cannot be read as the kind become missing; `frame.attrs["unreadable"]` counts them by column.
    """
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    columns: dict[str, pd.Series] = {}
    unreadable: dict[str, int] = {}
    for name, kind in kinds.items():
        column = as_arrow(frame[name])
        format = (formats or {}).get(name, "")
        if formats is None and kind in ("number", "date") and pa.types.is_string(column.type):
            format = reading_of(column, name).format
        read = convert_column(column, kind, format)
        columns[name] = read.values
        if read.unreadable:
            unreadable[name] = read.unreadable
    typed = pd.DataFrame(columns, index=pd.RangeIndex(len(frame)))
    typed.attrs["unreadable"] = unreadable
    return typed


def as_arrow(series: pd.Series) -> pa.ChunkedArray:
    """The column as Arrow strings, doubles, booleans or timestamps in microseconds (UTC), whichever is nearest."""
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, TypeError):
        array = pa.array([word_of(value) for value in series], pa.string())
    return simplify(array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array]))


def simplify(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same for an Arrow column of any type."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return simplify(array.cast(kind.value_type))
    if pa.types.is_string(kind) or pa.types.is_boolean(kind) or kind == pa.float64():
        return array
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return array.cast(pa.string())
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return array.cast(pa.float64(), safe=False)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return array.cast(pa.timestamp("us"), safe=False)
    return pa.chunked_array([pa.array([word_of(value) for value in array.to_pylist()], pa.string())])


def reading_of(
    column: pa.ChunkedArray, name: str = "", separator: str = ",", missing: Sequence[str] = MISSING
) -> Reading:
    """How to read a column (from `as_arrow` or `simplify`) called `name` in a file with this separator."""
    if pa.types.is_boolean(column.type):
        return Reading("boolean")
    if pa.types.is_timestamp(column.type):
        return Reading("date")
    if not pa.types.is_string(column.type):
        return _reading_of_numbers(column, name)
    if (reading := _reading_as_plain_numbers(column, name, separator, missing)) is not None:
        return reading
    words, counts = words_of(column, missing)
    if not len(words):
        return Reading("number")
    total = int(counts.sum())
    lowered = {word.lower() for word in words.slice(0, 3).to_pylist()} if len(words) <= 2 else set()
    if lowered and _are_boolean(lowered):
        return Reading("boolean")
    return (
        _reading_as_numbers(words, counts, total, name, separator)
        or _reading_as_dates(words, counts, total)
        or _reading_of_words(words, total)
    )


def convert_column(column: pa.ChunkedArray, kind: str, format: str = "", missing: Sequence[str] = MISSING) -> Converted:
    """The values read as `kind`, and how many could not be, or were infinite; both become missing."""
    if kind in ("category", "text"):
        return Converted(strings_of(column, missing))
    if kind == "date":
        return _convert_dates(column, format, missing)
    if pa.types.is_timestamp(column.type):
        return Converted(pd.Series(np.full(len(column), np.nan)), unreadable=len(column) - column.null_count)
    if pa.types.is_string(column.type):
        values, unreadable = _from_words(column, kind, format, missing)
    else:
        values, unreadable = np.array(column.cast(pa.float64()).to_numpy()), 0
    if kind == "boolean":
        wrong = ~np.isnan(values) & (values != 0) & (values != 1)
        unreadable += int(wrong.sum())
        values[wrong] = np.nan
    values, infinite = without_infinite(values)
    return Converted(pd.Series(values), unreadable, infinite)


def without_infinite(values: np.ndarray) -> tuple[np.ndarray, int]:
    """The same array, its infinite values missing, and how many these were."""
    infinite = np.isinf(values)
    count = int(infinite.sum())
    if count:
        values[infinite] = np.nan
    return values, count


def _from_words(column: pa.ChunkedArray, kind: str, format: str, missing: Sequence[str]) -> tuple[np.ndarray, int]:
    if kind == "number" and format != "comma":
        numbers = numbers_from(column, "plain", quick=True, missing=missing)
        if numbers is not None:
            return np.array(numbers.to_numpy()), 0
    words, codes = encoded(column, missing)
    if kind == "boolean":
        table = {**dict.fromkeys(TRUE_WORDS, 1.0), **dict.fromkeys(FALSE_WORDS, 0.0)}
        values = np.array([table.get(word.lower(), np.nan) for word in words.to_pylist()])
        numeric = numbers_from(words, "plain").to_numpy(zero_copy_only=False)
        values = np.where(np.isnan(values), numeric, values) if len(values) else values
        unread = np.isnan(values)
    else:
        numbers = numbers_from(words, format or "plain")
        values = numbers.to_numpy(zero_copy_only=False).astype(float)
        unread = np.array(numbers.is_null())
    return spread(values, codes, np.nan), int(spread(unread, codes, False).sum())


def _convert_dates(column: pa.ChunkedArray, format: str, missing: Sequence[str]) -> Converted:
    if pa.types.is_timestamp(column.type):
        return Converted(pd.Series(column.to_numpy().astype("datetime64[us]")))
    nothing = np.datetime64("NaT", "us")
    if not pa.types.is_string(column.type):
        return Converted(pd.Series(np.full(len(column), nothing)), unreadable=len(column) - column.null_count)
    words, codes = encoded(column, missing)
    dates = dates_from(words, format or "month first")
    return Converted(pd.Series(spread(dates, codes, nothing)), int(spread(np.isnat(dates), codes, False).sum()))


def strings_of(column: pa.ChunkedArray, missing: Sequence[str] = MISSING) -> pd.Series:
    """The values as words; whole numbers have no point, dates are ISO."""
    if pa.types.is_string(column.type):
        array = tidy(column, missing)
    elif pa.types.is_floating(column.type):
        words, codes = np.unique(column.to_numpy(), return_inverse=True)
        array = pa.array([word_of(float(word)) for word in words], pa.string()).take(pa.array(codes))
    elif pa.types.is_boolean(column.type):
        array = pc.if_else(column, "True", "False")
    else:
        array = pc.strftime(column, "%Y-%m-%d %H:%M:%S")
    return array.to_pandas()


def word_of(value: Any) -> str | None:
    """A value as it would stand in a file: whole numbers without a point, dates as ISO."""
    if value is None or value is pd.NaT or value is pd.NA or value != value:  # NaN alone differs from itself
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float | np.floating) and abs(number := float(value)) < 1e15 and number.is_integer():
        return str(int(number))
    return str(value)


def encoded(column: pa.ChunkedArray, missing: Sequence[str] = MISSING) -> tuple[pa.Array, np.ndarray]:
    """Distinct words and, for each row, which one; -1 where missing."""
    if not len(column):
        return pa.array([], pa.string()), np.zeros(0, int)
    # In one piece: dictionaries of many pieces are joined in quadratic time. Large, for over 2 GB of letters.
    whole = tidy(column, missing).cast(pa.large_string()).combine_chunks()
    encoded = pc.dictionary_encode(pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return encoded.dictionary.cast(pa.string()), codes


def spread(values: np.ndarray, codes: np.ndarray, missing: object) -> np.ndarray:
    """`values` by code, with `missing` for code -1."""
    return np.append(values, np.array([missing], values.dtype))[codes]


def _are_boolean(lowered: set[str]) -> bool:
    pairs = [{true, false} for true, false in zip(TRUE_WORDS, FALSE_WORDS, strict=True)]
    if len(lowered) == 1:  # a lone T or N may mean anything; yes or true may not
        return bool(lowered & {"true", "false", "yes", "no"})
    return lowered in pairs


def _reading_of_numbers(column: pa.ChunkedArray, name: str) -> Reading:
    values = column.drop_null()
    if looks_like_id(name) and len(values) > 1 and _counts_rows(values.to_numpy()):
        return Reading("text", why="numbers the rows")
    return Reading("number", evidence="plain")


def looks_like_id(name: str) -> bool:
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    named = plain in {
        "id",
        "index",
        "row",
        "rowid",
        "rownum",
        "row_number",
        "unnamed:_0",
        "no",
        "nr",
        "#",
        "uuid",
        "key",
    }
    return named or plain.endswith("_id") or (name.endswith(("Id", "ID")) and len(name) > 2)


def _counts_rows(values: np.ndarray) -> bool:
    """Whether whole numbers never repeat: with a name such as `id` they are numbers only in writing."""
    return bool(np.all(values == np.floor(values)) and len(np.unique(values)) == len(values))


def _reading_as_plain_numbers(
    column: pa.ChunkedArray, name: str, separator: str, missing: Sequence[str]
) -> Reading | None:
    """A number if every word is an ordinary one, told without looking at distinct words; None where doubt is left."""
    numbers = numbers_from(column, "plain", quick=True, missing=missing)
    lengths = pc.min_max(pc.binary_length(column)).as_py()
    if numbers is None or looks_like_id(name) or lengths["min"] is None:
        return None
    if lengths["min"] == lengths["max"] > 1 and pc.any(pc.starts_with(column, "0")).as_py():
        return None
    if separator != "," and not pc.any(pc.match_substring_regex(column, r"\.(\d{0,2}|\d{4,})\s*$|[eE]")).as_py():
        return None
    return Reading("number", evidence="plain")


def _reading_as_numbers(words: pa.Array, counts: np.ndarray, total: int, name: str, separator: str) -> Reading | None:
    some = words.slice(0, SOME)
    if all(numbers_from(some, style).null_count == len(some) for style in ("plain", "comma")):
        return None
    plain, comma = numbers_from(words, "plain"), numbers_from(words, "comma")
    read_plain, read_comma = (int(counts[np.array(read.is_valid())].sum()) for read in (plain, comma))
    read = max(read_plain, read_comma)
    if not read:
        return None
    best = plain if read_plain >= read_comma else comma
    distinct = len(best) - best.null_count
    bad = words.filter(best.is_null())
    if read < total and not (distinct > 20 and (read >= MOSTLY * total or (len(bad) <= 3 and read * 2 >= total))):
        return None
    if read == total and _are_codes(words):
        return None
    if read == total and looks_like_id(name) and total > 1 and len(words) == total and _counts_rows(best.to_numpy()):
        return Reading("text", why="numbers the rows")
    if read_plain != read_comma:
        evidence = "plain" if read_plain > read_comma else "comma"
    else:
        differ = not np.array_equal(
            plain.to_numpy(zero_copy_only=False), comma.to_numpy(zero_copy_only=False), equal_nan=True
        )
        evidence = "either" if differ else ""
    has_comma = evidence == "either" and pc.any(pc.match_substring(words, ",")).as_py()
    style = "comma" if evidence == "comma" or (has_comma and separator == ";") else ""
    return Reading("number", style, evidence, tuple(bad.slice(0, 3).to_pylist()))


def _are_codes(words: pa.Array) -> bool:
    """Whether digits are a code, as 01067 in a list of postcodes: all of one length, some with a leading zero."""
    lengths = pc.min_max(pc.utf8_length(words)).as_py()
    if lengths["min"] != lengths["max"] or lengths["min"] < 2:
        return False
    return pc.all(pc.match_substring_regex(words, r"^\d+$")).as_py() and pc.any(pc.starts_with(words, "0")).as_py()


def _reading_as_dates(words: pa.Array, counts: np.ndarray, total: int) -> Reading | None:
    some = words.slice(0, SOME)
    if all(np.isnat(dates_from(some, order)).all() for order in ("month first", "day first")):
        return None
    orders = {order: dates_from(words, order) for order in ("month first", "day first")}
    read = {order: int(counts[~np.isnat(dates)].sum()) for order, dates in orders.items()}
    best = "day first" if read["day first"] > read["month first"] else "month first"
    if read[best] < total and not (read[best] >= MOSTLY * total and len(words) > 20):
        return None
    if read["day first"] == read["month first"]:
        differ = not np.array_equal(orders["day first"], orders["month first"], equal_nan=True)
        if differ and pc.any(pc.match_substring_regex(words, r"^\d{1,2}\.")).as_py():
            best = "day first"  # dots between numbers are written where the day comes first
        evidence = "either" if differ else ""
    else:
        evidence = best
    return Reading(
        "date", best, evidence, tuple(words.filter(pa.array(np.isnat(orders[best]))).slice(0, 3).to_pylist())
    )


def _reading_of_words(words: pa.Array, total: int) -> Reading:
    distinct = len(words)
    seldom_repeats = (distinct > 10 and distinct > 0.5 * total) or (distinct == total and total >= 5)
    sentences = distinct > 0.2 * total and pc.mean(pc.utf8_length(words)).as_py() > LONG_WORDS
    return Reading("text", why="hardly ever repeats") if seldom_repeats or sentences else Reading("category")
