"""Comma-separated files and their kin: what is in them, and their rows as words.

Everything is read as words first, by Arrow; kinds come later (kinds.py), from whole columns. So a file streams the same
way it is read, and no guess from its first block can be wrong about its last.
"""

import codecs
import csv
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as arrow_csv

from maquette.data.tables.parsing import numbers_from, tidy
from maquette.settings import UserError

SEPARATORS = (
    "\t;|,"  # in this order where several fit: a comma may be a decimal mark, the others are seldom anything else
)
SAMPLE_BYTES = 1 << 20
SAMPLE_ROWS = 200
BLOCK_BYTES = 1 << 20
ROWS_A_BLOCK = 1_000  # of a very wide table, at some 8 letters a field
LARGEST_BLOCK_BYTES = 1 << 28
RAGGED_SHARE = 0.1
NAMED_ROWS = 5
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
MAGIC = {
    b"PAR1": "Parquet",
    b"PK\x03\x04": "Excel or zip",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"%PDF": "PDF",
    b"\xd0\xcf\x11\xe0": "old Excel or Word",
    b"SQLite format": "SQLite",
    b"\x7fELF": "program",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"(\xb5/\xfd": "Zstandard",
}


@dataclass
class TextFile:
    """How a file is written. `skip` rows come before the data; `ragged` are the first rows left out, counted from 1."""

    path: Path
    encoding: str
    separator: str
    names: list[str]
    skip: int
    quotes: int
    notes: list[str] = field(default_factory=list)
    ragged: list[int] = field(default_factory=list)
    left_out: int = 0


def inspect(path: Path, wanted: Sequence[str] = ()) -> TextFile:
    """Encoding, separator and column names of the file; a fault that shows without reading rows is a `UserError`.

    wanted: a first row that has one of these words is a header, even if it holds numbers only.
    """
    start, encoding, quotes = _scan(path)
    if not start.strip(b" \t\r\n\0\xef\xbb\xbf"):
        raise UserError(f"{path} is empty; give a file with a header and rows.")
    _refuse_binary(path, start)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(start)
    complete = len(start) < SAMPLE_BYTES
    separator: str | None = None
    skip = 0
    if declared := re.match(r"\s*sep=(.)\s*?(\r\n|\r|\n)", text):  # Excel's own line
        separator, skip, text = declared[1], 1, text[declared.end() :]
    separator, rows = _sniff(text, complete, separator)
    while rows and not any(rows[0]):
        rows, skip = rows[1:], skip + 1
    if not rows:
        raise UserError(f"{path} is empty; give a file with a header and rows.")
    if len(rows) < 2 and not complete:
        raise UserError(f"The first row of {path} is longer than 1 MB; check its quotation marks and line ends.")
    return _name_columns(TextFile(path, encoding, separator, [], skip, quotes), rows, wanted)


def batches(file: TextFile, missing: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows as Arrow strings, in order, as written; `missing` are words that become null.

    Rows with too many or too few fields are left out and counted in `file`; over a tenth of all is a `UserError`.
    """
    block, given, last = max(BLOCK_BYTES, ROWS_A_BLOCK * 8 * len(file.names)), 0, None
    while True:
        again = given
        try:
            for batch in _read(file, missing, block):
                fresh = batch.slice(min(again, batch.num_rows))
                again -= batch.num_rows - fresh.num_rows
                if fresh.num_rows:
                    given, last = given + fresh.num_rows, fresh
                    yield fresh
            break
        except pa.ArrowInvalid as error:
            block *= 8  # one row is longer than a block: from the start with longer ones, passing over what was given
            if "straddling" not in str(error) or block > LARGEST_BLOCK_BYTES:
                raise _unreadable(file, error) from None
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{file.path} cannot be read to its end ({error}); make or fetch it again.") from None
        except UnicodeError as error:
            raise UserError(f"{file.path} is not {file.encoding} all through ({error}); save it as UTF-8.") from None
    # What follows a mark that is never closed ends up in the last field of the last row, or in a row that is left out.
    swallowed = last is not None and set("\r\n") & set(last.column(last.num_columns - 1)[-1].as_py() or "")
    if file.quotes % 2 and (swallowed or file.left_out) and (line := _open_quote(file)):
        raise _never_closed(file, line)
    if file.left_out:
        _report_ragged(file, given)


def _read(file: TextFile, missing: list[str] | None, block: int) -> Iterator[pa.RecordBatch]:
    file.ragged, file.left_out = [], 0

    def leave_out(row: arrow_csv.InvalidRow) -> str:
        file.left_out += 1
        if len(file.ragged) < NAMED_ROWS:
            file.ragged.append(row.number or 0)
        return "skip"

    with _open(file.path) as raw:
        reader = arrow_csv.open_csv(
            _Decoded(raw, file.encoding),
            arrow_csv.ReadOptions(
                use_threads=False, block_size=block, column_names=file.names, skip_rows_after_names=file.skip
            ),
            arrow_csv.ParseOptions(delimiter=file.separator, newlines_in_values=True, invalid_row_handler=leave_out),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(file.names, pa.string()),
                include_columns=[name for name in file.names if not name.startswith("\0")],
                null_values=missing or [],
                strings_can_be_null=bool(missing),
            ),
        )
        yield from reader


class _Decoded(io.RawIOBase):
    """A file's bytes as UTF-8 without a byte-order mark."""

    def __init__(self, raw: BinaryIO, encoding: str) -> None:
        self.raw, self.encoding = raw, encoding
        self.decode = codecs.getincrementaldecoder(encoding)().decode
        if encoding == "utf-8-sig" and raw.read(3) != codecs.BOM_UTF8:
            raw.seek(0)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self.raw.read(size)
        if self.encoding == "utf-8-sig":
            return data
        text = self.decode(data, not data)
        while data and not text:
            data = self.raw.read(size)
            text = self.decode(data, not data)
        return text.encode()


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]


def _refuse_binary(path: Path, start: bytes) -> None:
    for magic, kind in MAGIC.items():
        if start.startswith(magic):
            raise UserError(
                f"{path} is no text but a {kind} file; give it the ending it should have, or save it as CSV."
            )
    if start.startswith(_UTF16):
        return
    control = len(start) - len(start.translate(None, bytes(set(range(32)) - set(b"\t\n\r\f\x1a"))))
    if control > max(2, 0.02 * len(start)):
        raise UserError(f"{path} is a binary file, not text; save the table as CSV in UTF-8.")


def _scan(path: Path) -> tuple[bytes, str, int]:
    """How the file starts, its encoding, and how many quotation marks it holds; reads it once."""
    start, quotes = b"", 0
    decoders = {name: codecs.getincrementaldecoder(name)() for name in ("utf-8-sig", "cp1252")}  # latin-1 takes all
    try:
        with _open(path) as file:
            while True:
                chunk = file.read(SAMPLE_BYTES)
                start = start or chunk
                quotes += chunk.count(b'"')
                for name in list(decoders):
                    try:
                        decoders[name].decode(chunk, final=not chunk)
                    except UnicodeDecodeError:
                        del decoders[name]
                if not chunk:
                    break
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read to its end ({error}); make or fetch it again.") from None
    if start.startswith(_UTF16):
        return start, "utf-16", quotes
    return start, next(iter(decoders), "latin-1"), quotes


def _sniff(text: str, complete: bool, separator: str | None) -> tuple[str, list[list[str]]]:
    """The separator that cuts the first rows into equally many fields, and these rows."""
    tried = {}
    for candidate in [separator] if separator else SEPARATORS:
        rows = _sample_rows(text, candidate, complete)
        widths = [len(row) for row in rows if row] or [0]
        usual = max(set(widths), key=widths.count)
        agree = round(sum(width == usual for width in widths) / len(widths), 1)
        near = abs(widths[0] - usual) <= 1  # row names without a heading, or a separator at the end of each line
        # A header of one field over rows of two is one column of decimal commas or sentences: any other mark will do.
        tried[candidate] = ((widths[0] > 1 and usual > 1), agree + near, candidate == "," and max(widths) < 2), rows
    best = max(tried, key=lambda candidate: tried[candidate][0])
    return best, tried[best][1]


def _sample_rows(text: str, separator: str, complete: bool) -> list[list[str]]:
    csv.field_size_limit(1 << 24)
    rows = []
    reader = csv.reader(io.StringIO(text.replace("\0", ""), newline=""), delimiter=separator)
    try:
        for row in reader:
            rows.append(row)
            if len(rows) > SAMPLE_ROWS:
                break
    except csv.Error:
        return rows
    return rows if complete or len(rows) > SAMPLE_ROWS or len(rows) < 2 else rows[:-1]


def _name_columns(file: TextFile, rows: list[list[str]], wanted: Sequence[str]) -> TextFile:
    header, body = rows[0], [row for row in rows[1:] if row]
    is_named = bool({word.strip() for word in header} & set(wanted))
    if _all_numbers(header) and not is_named and not (_counts_up(header) and not any(map(_counts_up, body))):
        file.notes.append(
            "The first row holds numbers only: the file has no header, so its columns are called column_1, column_2 ..."
        )
        file.names = [f"column_{i + 1}" for i in range(len(header))]
        return file
    file.skip += 1
    names = [name.strip(" \t\r\n\0\ufeff") for name in header]
    if body and all(len(row) == len(names) + 1 for row in body):
        if all(not row[-1].strip() for row in body):
            names.append("")
        else:  # as R writes tables: row names have no heading
            names.insert(0, "")
    for i, name in enumerate(names):
        if not name:  # a separator at the end of each line makes a column that is no column
            empty = all(not row[i].strip() for row in body if len(row) > i) and i == len(names) - 1
            names[i] = f"\0{i}" if empty else f"column_{i + 1}"
    refuse_twins(file.path, names)
    file.names = names
    return file


def refuse_twins(path: Path | str, names: list[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twins:
        listed = ", ".join(map(repr, twins[:5]))
        raise UserError(f"{path} names the column {listed} more than once; give each column its own name.")


def _all_numbers(header: list[str]) -> bool:
    words = tidy(pa.array([word.strip() for word in header], pa.string())).drop_null()
    return len(words) > 0 and numbers_from(words, "plain").null_count * numbers_from(words, "comma").null_count == 0


def _counts_up(row: list[str]) -> bool:
    """Whether whole numbers go up one by one, from 0 or 1, or are years in order, as headers have them."""
    words = [word.strip() for word in row]
    if len(words) < 2 or not all(re.fullmatch(r"\d{1,4}", word) for word in words):
        return False
    numbers = [int(word) for word in words]
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    are_years = all(1500 <= number <= 2200 for number in numbers) and (min(steps) > 0 or max(steps) < 0)
    return are_years or (len(words) > 2 and steps == {1} and numbers[0] in (0, 1))


def _report_ragged(file: TextFile, kept: int) -> None:
    total = kept + file.left_out
    named = ", ".join(map(str, file.ragged)) + (" ..." if file.left_out > len(file.ragged) else "")
    what = "row has" if file.left_out == 1 else "rows have"
    told = f"{file.left_out:,} of {total:,} {what} more or fewer than {len(file.names)} fields"
    told += f" (row {named}, the header being row 1)"
    if file.left_out > RAGGED_SHARE * total:
        raise UserError(f"{file.path}: {told}; check the separator {file.separator!r} and the quotation marks.")
    file.notes.append(f"{told}; left out.")


def _unreadable(file: TextFile, error: Exception) -> UserError:
    if line := _open_quote(file):
        return _never_closed(file, line)
    reason = str(error).splitlines()[0]
    return UserError(f"{file.path} cannot be read as a table ({reason}); check how it was written.")


def _never_closed(file: TextFile, line: int) -> UserError:
    return UserError(f'{file.path}, line {line}: a quotation mark (") opens and never closes; close or remove it.')


def _open_quote(file: TextFile) -> int:
    """The line where a quotation mark is opened that nothing closes, or 0. Slow: reads every field in Python."""
    csv.field_size_limit(1 << 30)
    with _open(file.path) as raw:
        text = io.TextIOWrapper(raw, file.encoding, "replace", newline="")
        reader = csv.reader(text, delimiter=file.separator, strict=True)
        line = 1
        try:
            for _ in reader:
                line = reader.line_num + 1
        except csv.Error as error:
            return line if "end of data" in str(error) else 0
    return 0
