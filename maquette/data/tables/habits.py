"""How a column is written: the unit of its numbers, the mark between digits, the order within dates.

What training had is kept with the run, so that a new table which is written another way can be read in its light
(`matching.py`).
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maquette.data.tables.parsing import BLANK, dates_from, numbers_from, words_of

MOST_KINDS = 12  # units or shapes of dates that are kept of a column
MARKS = ".,'’ "
FAR = 0.1  # of the range of training, beyond either end: still within reach
SERIALS = (1, 2_958_465)  # Excel's days: 1900-01-01 to 9999-12-31

CURRENCIES = ("", "$", "€", "£", "¥", "₹", "%", "usd", "eur", "gbp", "chf", "jpy")
_SYMBOL = r"(?i)(?P<unit>[$€£¥₹%]|USD|EUR|GBP|CHF|JPY)"
_LETTER = r"[\p{L}°%‰µ$€£¥₹′″'\"]"
_PARTS = (
    rf"^(?P<before>(?:\p{{L}}{{1,3}}\.?|\p{{L}}{{0,2}}[$€£¥₹])?){BLANK}?"
    rf"(?P<body>[-+−]?(?:[\d.,'’]|{BLANK})*\d[.,]?(?:[eE][-+]?\d+)?){BLANK}?"
    rf"(?P<after>(?:{_LETTER}(?:\^?-?[23])?(?:[\p{{L}}°²³µ%‰ .*·]|\p{{L}}\^?-?[23]|/\d*)*)?)$"
)
_SIGNS = ("neg", "no", "not", "ex")  # before a number these are no units
_SHORT_YEAR = (
    r"^(?P<start>\d{1,2}[-/. ](?:\d{1,2}|\p{L}{3,9}\.?)[-/. ]|\d{1,2}-?\p{L}{3}-?)(?P<year>\d{2})(?P<end>(?:[ T,].*)?)$"
)


def habits_of(column: pa.ChunkedArray, kind: str, missing: tuple[str, ...]) -> dict[str, Any]:
    """Units and marks of a column of numbers, shapes of one of dates; nothing where it came as values, not as words."""
    if not pa.types.is_string(column.type):
        return {}
    if kind == "date":
        words, _ = words_of(column, missing)
        readable = words.filter(pa.array(~np.isnat(dates_from(words, "day first")) | ~np.isnat(dates_from(words, ""))))
        return {"shapes": pc.unique(shapes_of(readable)).to_pylist()[:MOST_KINDS]}
    if kind != "number":
        return {}
    if numbers_from(column, "plain", quick=True, missing=missing) is not None:
        return {"units": [""], "marks": "."}
    words, _ = words_of(column, missing)
    read = [np.array(numbers_from(words, style).is_valid(), bool) for style in ("plain", "comma")]
    readable = words.filter(pa.array(read[0] | read[1]))
    units = pc.unique(units_of(readable)).to_pylist()[:MOST_KINDS] or [""]
    return {"units": units, "marks": "".join(m for m in MARKS if pc.any(pc.match_substring(readable, m)).as_py())}


def units_of(words: pa.Array) -> pa.Array:
    """The currency or percent sign of words that are numbers as they stand, in small letters, or ""."""
    found = pc.struct_field(pc.extract_regex(words, _SYMBOL), "unit")
    return pc.fill_null(pc.utf8_lower(found), "")


def parted(words: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Each word as a number without its unit, null where there is no number, and the unit, "" where there is none."""
    read = [np.array(numbers_from(words, style).is_valid(), bool) for style in ("plain", "comma")]
    is_number = read[0] | read[1]
    if is_number.all():
        return words, units_of(words)
    parts = pc.extract_regex(words, _PARTS)
    before, after = (pc.utf8_trim_whitespace(pc.struct_field(parts, side)) for side in ("before", "after"))
    unit = pc.binary_join_element_wise(before, after, "")
    is_sign = pc.is_in(pc.utf8_lower(before), value_set=pa.array(_SIGNS))
    body = pc.if_else(
        pc.fill_null(is_sign, False),
        pa.scalar(None, pa.string()),
        pc.utf8_trim_whitespace(pc.struct_field(parts, "body")),
    )
    whole = pa.array(is_number)
    return pc.if_else(whole, words, body), pc.if_else(whole, units_of(words), pc.fill_null(unit, ""))


def shapes_of(words: pa.Array) -> pa.Array:
    """What a date looks like: Y for four digits, 0 for fewer, 8 for eight, a for letters: `Y-0-0`, `0.0.Y 0:0`."""
    shaped = pc.replace_substring_regex(words, r"\p{L}+", "a")
    shaped = pc.replace_substring_regex(shaped, r"\d{8}", "H")
    shaped = pc.replace_substring_regex(shaped, r"\d{4,7}", "Y")
    return pc.replace_substring(pc.replace_substring_regex(shaped, r"\d+", "0"), "H", "8")


def with_whole_years(words: pa.Array, low: float | None, high: float | None, year_first: bool = False) -> pa.Array:
    """Two-digit years written with four, in the century that lies nearest to low..high (microseconds since 1970).

    year_first: 24-01-31 is a day of 2024, not of 2031. Eight digits become an ISO date; all else stays.
    """
    if year_first:
        words = pc.replace_substring_regex(
            words, r"^(\d{2})([-/.])(\d{1,2})[-/.](\d{1,2})((?:[ T,].*)?)$", r"\4\2\3\2\1\5"
        )
    words = pc.replace_substring_regex(words, r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3")
    parts = pc.extract_regex(words, _SHORT_YEAR)
    if parts.null_count == len(parts):
        return words
    year = pc.cast(pc.struct_field(parts, "year"), pa.float64())
    ends = [1970.0 + bound / (365.2425 * 86_400e6) for bound in (low, high) if bound is not None] or [1970.0, 2068.0]
    years = year.to_numpy(zero_copy_only=False)

    def away(century: int) -> np.ndarray:
        return np.maximum(0, np.maximum(ends[0] - 1 - (century + years), century + years - ends[-1] - 1))

    chosen = np.where(away(1900) < away(2000), 1900 + years, 2000 + years)
    whole = pa.array([None if np.isnan(each) else str(int(each)) for each in chosen], pa.string())
    start = pc.replace_substring_regex(pc.struct_field(parts, "start"), r"^(\d{1,2})-?(\p{L}{3})-?$", r"\1-\2-")
    return pc.coalesce(pc.binary_join_element_wise(start, whole, pc.struct_field(parts, "end"), ""), words)


def dates_of_serials(days: np.ndarray) -> np.ndarray:
    """Excel's days since 1899-12-30 as dates (datetime64[us]), NaT where they are none."""
    good = (days >= SERIALS[0]) & (days <= SERIALS[1])
    micro = np.round(np.where(good, days, 0) * 86_400) * 1_000_000
    dates = np.datetime64("1899-12-30", "us") + micro.astype("timedelta64[us]")
    return np.where(good, dates, np.datetime64("NaT", "us"))


def within(values: np.ndarray, low: float | None, high: float | None) -> np.ndarray:
    """Whether values lie about where those of training did; all do where that is not known."""
    if low is None or high is None:
        return np.ones(len(values), bool)
    reach = FAR * (high - low) or abs(high) or 1.0
    lowest = max(low - reach, low / 2) if low > 0 else low - reach  # what was positive is not taken for nothing
    highest = min(high + reach, high / 2) if high < 0 else high + reach
    with np.errstate(invalid="ignore"):
        return (values >= lowest) & (values <= highest)
