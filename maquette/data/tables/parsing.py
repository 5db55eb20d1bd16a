"""Words read as numbers and dates, on whole Arrow columns at once.

Regular expressions are RE2's. What reads as a number here is what people and programs write: 1234.5, 1,234.5, 1.234,5,
1 234,5, $ 12, 12 %, -1e-3, inf. A percent sign is dropped, not divided out.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MISSING = (
    "",
    "NA",
    "N/A",
    "nan",
    "null",
    "None",
    "?",
    "-",
    "#N/A",
    "#DIV/0!",
    "#VALUE!",
    "#REF!",
    "#NAME?",
    "#NUM!",
    "#NULL!",
)
SURELY_MISSING = ("", "nan", *(word for word in MISSING if word.startswith("#")))  # what no label is called
SPACES = " \t\r\n\x00\x0b\x0c\xa0\u2007\u2009\u202f\ufeff"

BLANK = r"[ \x{a0}\x{2009}\x{202f}]"  # of any width, between digits and before a unit
_CURRENCY = r"(?:[$€£¥₹]|USD|EUR|GBP|CHF|JPY)"
_GROUP = {"plain": r"[,'’ \x{a0}\x{2009}\x{202f}]", "comma": r"[.'’ \x{a0}\x{2009}\x{202f}]"}
_POINT = {"plain": r"\.", "comma": ","}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = (
    r"(?:(?:[Tt]|,? +)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?P<part>[.,]\d{1,9})?)?"
    r" ?(?P<noon>[AaPp]\.?[Mm]\.?)? ?(?P<zone>Z|z|UTC|GMT|[+-]\d{2}:?\d{2})?)?$"
)
_NAMED = r"(?P<name>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
_ISO = r"^(?P<year>\d{4})[-/.](?P<month>\d{1,2})(?:[-/.](?P<day>\d{1,2}))?" + _TIME
_NUMERIC = r"^(?P<first>\d{1,2})[-/.](?P<then>\d{1,2})[-/.](?P<year>\d{4})" + _TIME
_WORDY = (
    r"^(?i:(?:[a-z]{3,9},? +)?(?P<day>\d{1,2})(?:st|nd|rd|th)?[-. /]+" + _NAMED + r"[-,. /]+(?P<year>\d{4}))" + _TIME,
    r"^(?i:(?:[a-z]{3,9},? +)?" + _NAMED + r"[- ]+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?[- ]+(?P<year>\d{4}))" + _TIME,
)


def tidy(column: pa.Array | pa.ChunkedArray, missing: Sequence[str] = MISSING) -> pa.Array | pa.ChunkedArray:
    """Words without the space around them; the words for "missing" in any case of letters and blanks become null."""
    trimmed = pc.utf8_trim(column, SPACES)
    lowered = pa.array(sorted({"", *(word.lower() for word in missing)}), pa.string())
    short = pc.less_equal(pc.binary_length(trimmed), max(len(word.encode()) for word in lowered.to_pylist()))
    if not pc.any(short).as_py():
        return trimmed
    gone = pc.is_in(pc.utf8_lower(trimmed), value_set=lowered.cast(trimmed.type))
    return pc.if_else(gone, pa.scalar(None, trimmed.type), trimmed) if pc.any(gone).as_py() else trimmed


def words_of(column: pa.ChunkedArray, missing: Sequence[str] = MISSING) -> tuple[pa.Array, np.ndarray]:
    """Distinct words, tidied and without the missing, and how often each stands in the column."""
    counted = pc.value_counts(column)
    words, counts = tidy(counted.field("values"), missing), counted.field("counts")
    present = words.is_valid()
    again = pa.table({"words": words.filter(present), "counts": counts.filter(present)}).group_by(
        "words", use_threads=False
    )
    merged = again.aggregate([("counts", "sum")]).combine_chunks()
    chunks = merged["words"].combine_chunks()
    return chunks, merged["counts_sum"].to_numpy()


def numbers_from(
    column: pa.Array | pa.ChunkedArray, style: str, quick: bool = False, missing: Sequence[str] = MISSING
) -> Any:
    """The column as doubles, null where a word is no number; `style` is "plain" (1,234.5) or "comma" (1.234,5).

    With `quick`, None as soon as a word is not an ordinary number: the caller then looks closer.
    """
    if quick:
        try:
            return pc.cast(column, pa.float64())
        except pa.ArrowInvalid:
            pass
        try:
            return pc.cast(tidy(column, missing), pa.float64())
        except pa.ArrowInvalid:
            return None
    group, point = _GROUP[style], _POINT[style]
    whole = rf"(?:\d+|\d{{1,3}}(?:{group}\d{{3}})+)(?:{point}\d*)?|{point}\d+"
    before = rf"(?:[-+−]?(?:{_CURRENCY}{BLANK}?)?|{_CURRENCY}{BLANK}?[-+−])"
    pattern = rf"^(?i:{before}(?:{whole})(?:e[-+]?\d+)?{BLANK}?(?:%|{_CURRENCY})?|[-+]?(?:inf|infinity|∞))$"
    words = pc.if_else(pc.match_substring_regex(column, pattern), column, pa.scalar(None, pa.string()))
    if words.null_count == len(words):
        return words.cast(pa.float64())
    words = pc.replace_substring_regex(words, rf"(?i:{_CURRENCY}|{group}|{BLANK}|%)", "")
    words = pc.replace_substring(pc.replace_substring(words, "−", "-"), "∞", "inf")
    return pc.cast(pc.replace_substring(words, ",", ".") if style == "comma" else words, pa.float64())


def dates_from(words: pa.Array, order: str) -> np.ndarray:
    """Dates (datetime64[us], UTC), NaT where a word is none; `order` is "day first" or "month first" for 3/4/2020."""
    dates = np.full(len(words), np.datetime64("NaT", "us"))
    if not pc.any(pc.match_substring_regex(words, r"\d[-/. ,]+[A-Za-z\d]")).as_py():
        return dates
    for pattern in (_ISO, _NUMERIC, *_WORDY):
        where = np.flatnonzero(np.isnat(dates))
        found = pc.extract_regex(words.take(pa.array(where)), pattern)
        matched = np.array(found.is_valid(), bool)
        if matched.any():
            dates[where[matched]] = _assemble(found.filter(pa.array(matched)), order)
        if matched.all():
            break
    return dates


def _assemble(parts: pa.StructArray, order: str) -> np.ndarray:
    names = {field.name for field in parts.type}

    def number(name: str, default: int) -> np.ndarray:
        part = parts.field(name)
        return pc.cast(pc.if_else(pc.equal(part, ""), str(default), part), pa.int64()).to_numpy(zero_copy_only=False)

    year = number("year", 0)
    if "name" in names:
        months = pc.utf8_lower(pc.utf8_slice_codeunits(parts.field("name"), 0, 3))
        month, day = pc.index_in(months, pa.array(_MONTHS)).to_numpy(zero_copy_only=False) + 1, number("day", 1)
    elif "first" in names:
        first, then = number("first", 0), number("then", 0)
        day, month = (first, then) if order == "day first" else (then, first)
    else:
        month, day = number("month", 0), number("day", 1)
    hour, minute, second = number("hour", 0), number("minute", 0), number("second", 0)

    noon = pc.utf8_lower(pc.utf8_slice_codeunits(parts.field("noon"), 0, 1))
    afternoon, morning = (np.array(pc.equal(noon, letter), bool) for letter in "pa")
    hour = np.where(afternoon & (hour < 12), hour + 12, np.where(morning & (hour == 12), 0, hour))

    within = (
        (year >= 1)
        & (month >= 1)
        & (month <= 12)
        & (day >= 1)
        & (day <= 31)
        & (hour < 24)
        & (minute < 60)
        & (second < 61)
    )
    safe_month = np.clip(month, 1, 12)
    first_of_month = ((year - 1970) * 12 + safe_month - 1).astype("datetime64[M]")
    date = first_of_month.astype("datetime64[D]") + (day - 1)
    within &= date.astype("datetime64[M]") == first_of_month
    micro = _microseconds(parts.field("part")) + ((hour * 60 + minute) * 60 + second) * 1_000_000
    when = date.astype("datetime64[us]") + (micro - _zone_microseconds(parts.field("zone")))
    return np.where(within, when, np.datetime64("NaT", "us"))


def _microseconds(part: pa.Array) -> np.ndarray:
    """ ".5" or ",500000123" of a second."""
    digits = pc.utf8_slice_codeunits(pc.utf8_rpad(pc.utf8_slice_codeunits(part, 1, 7), 6, "0"), 0, 6)
    return pc.cast(digits, pa.int64()).to_numpy(zero_copy_only=False)


def _zone_microseconds(zone: pa.Array) -> np.ndarray:
    """ "+02:00" and "-0530"; Z, UTC, GMT and nothing are 0."""
    offset = pc.match_substring_regex(zone, r"^[+-]")
    digits = pc.replace_substring(pc.if_else(offset, zone, "+0000"), ":", "")
    hours = pc.cast(pc.utf8_slice_codeunits(digits, 1, 3), pa.int64()).to_numpy(zero_copy_only=False)
    minutes = pc.cast(pc.utf8_slice_codeunits(digits, 3, 5), pa.int64()).to_numpy(zero_copy_only=False)
    sign = np.where(np.array(pc.equal(pc.utf8_slice_codeunits(digits, 0, 1), "-"), bool), -1, 1)
    return sign * (hours * 60 + minutes) * 60_000_000
