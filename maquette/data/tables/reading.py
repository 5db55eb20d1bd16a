"""Tables in files: CSV and its kin, Parquet and Excel, read whole with types, or streamed as they are written."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from maquette.data.rows import row_hashes
from maquette.data.tables.choosing import columns_left_out
from maquette.data.tables.delimited import TextFile, batches, inspect, refuse_twins
from maquette.data.tables.habits import habits_of
from maquette.data.tables.kinds import EXACT_INTEGER, Reading, as_arrow, convert_column, reading_of, simplify, word_of
from maquette.data.tables.missing import missing_in_input, missing_in_target
from maquette.data.tables.parsing import MISSING
from maquette.data.tables.writing import write_chunks
from maquette.data.words import of_many
from maquette.files import sha256_of
from maquette.settings import UserError

TEXT_ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".csv.gz", ".tsv.gz", ".tab.gz", ".txt.gz")
PARQUET_ENDINGS = (".parquet", ".pq")
EXCEL_ENDINGS = (".xlsx", ".xlsm")
MISSING_SPELLINGS = sorted(
    {spelled for word in MISSING for spelled in (word, word.lower(), word.upper(), word.capitalize())}
)


@dataclass
class Table:
    """A typed table.

    kinds: "number" and "boolean" are float64 with NaN for missing, "date" datetime64, "category" and "text" strings.
    formats: how columns are read whose words say so only as a whole (decimal comma, day first); `convert` takes it.
    spellings: for booleans, the words for 0 and 1 in the file.
    notes: what was found and done while reading, as sentences; told: those that one must not miss.
    habits: how columns are written (`habits.py`). dropped: columns that were left out, as asked.
    """

    frame: pd.DataFrame
    kinds: dict[str, str]
    notes: list[str] = field(default_factory=list)
    rows_left_out: int = 0
    path: str = ""
    formats: dict[str, str] = field(default_factory=dict)
    spellings: dict[str, tuple[str, str]] = field(default_factory=dict)
    habits: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def read_table(
    path: str | Path,
    wanted: Sequence[str] = (),
    target: str | None = None,
    labels: bool = False,
    missing: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    only: Sequence[str] = (),
) -> Table:
    """The whole file, typed. Rows that do not fit are left out and counted; what is no table is a `UserError`.

    wanted: names that tell a header. target: the column in which words for "missing" are looked at closely; labels:
    whether it holds words, however they look. missing: words for it; the usual ones if not given. drop, only: columns
    that are left out, or the only ones that are kept beside the target.
    """
    path = existing_file(path)
    format = format_of(path)
    left_out, separator, notes = 0, ",", []
    if format == "text":
        file = inspect(path, wanted)
        columns = _columns_of(file, [""] if target is not None or missing is not None else MISSING_SPELLINGS)
        left_out, separator, notes = file.left_out, file.separator, file.notes
    elif format == "parquet":
        columns = _parquet_columns(path, target if labels else None)
    else:
        whole = pd.concat(_excel_frames(path, 65_536))
        columns = {
            name: as_arrow(series.map(word_of) if labels and name == target else series)
            for name, series in whole.items()
        }
    rows = len(next(iter(columns.values()))) if columns else 0
    if rows < 2:
        what = "a header and no rows" if rows == 0 else "only one row"
        raise UserError(f"{path} holds {what}; a table needs at least two rows below its header.")
    dropped = columns_left_out(list(columns), target, drop, only)
    for name in dropped:
        del columns[name]
    table = _typed(columns, separator, str(path), target, labels, missing)
    table.notes[:0] = notes
    table.dropped = dropped
    table.rows_left_out = left_out
    return table


def from_frame(frame: pd.DataFrame) -> Table:
    """The same typing for a data frame in memory."""
    names = [str(name) for name in frame.columns]
    refuse_twins("The data frame", names)
    if len(frame) < 2:
        raise UserError(f"The data frame holds {len(frame)} rows; give at least two.")
    columns = {name: as_arrow(frame.iloc[:, i]) for i, name in enumerate(names)}
    return _typed(columns, ",", "")


class ChunkReader:
    """Frames of at most `rows` rows, in order, each column as words just as written (Parquet and Excel: native values).

    `columns` are the names; `notes` and `rows_left_out` are complete once all chunks were taken.
    """

    def __init__(self, path: str | Path, rows: int, wanted: Sequence[str] = ()) -> None:
        self.path, self.rows = existing_file(path), rows
        self.format = format_of(self.path)
        self.file: TextFile | None = inspect(self.path, wanted) if self.format == "text" else None
        if self.file:
            self.columns = [name for name in self.file.names if not name.startswith("\0")]
        elif self.format == "parquet":
            self.columns = list(_parquet_file(self.path).schema_arrow.names)
        else:
            self.columns = list(next(_excel_frames(self.path, 1)).columns)

    @property
    def notes(self) -> list[str]:
        return self.file.notes if self.file else []

    @property
    def rows_left_out(self) -> int:
        return self.file.left_out if self.file else 0

    def __iter__(self) -> Iterator[pd.DataFrame]:
        empty = True
        for chunk in self._chunks():
            empty = False
            yield chunk
        if empty:
            raise UserError(f"{self.path} holds a header and no rows.")

    def _chunks(self) -> Iterator[pd.DataFrame]:
        if self.format == "excel":
            yield from (chunk for chunk in _excel_frames(self.path, self.rows) if len(chunk))
            return
        kept: list[pa.RecordBatch] = []
        count = 0
        pieces = batches(self.file) if self.file else _parquet_batches(self.path, self.rows)
        for batch in pieces:
            while count + batch.num_rows >= self.rows:
                kept.append(batch.slice(0, self.rows - count))
                batch = batch.slice(self.rows - count)
                yield pa.Table.from_batches(kept).to_pandas(ignore_metadata=True)
                kept, count = [], 0
            if batch.num_rows:
                kept.append(batch)
                count += batch.num_rows
        if kept:
            yield pa.Table.from_batches(kept).to_pandas(ignore_metadata=True)


def read_chunks(path: str | Path, rows: int = 65_536, wanted: Sequence[str] = ()) -> ChunkReader:
    """Streams a table of any format in bounded memory; see `ChunkReader`. wanted: names that tell a header."""
    return ChunkReader(path, rows, wanted)


def existing_file(path: str | Path) -> Path:
    """The path, if it is a file that can be read; else a `UserError` with the nearest name in its folder."""
    path = Path(path).expanduser()
    if path.is_dir():
        raise UserError(f"{path} is a folder; give a table in it, such as {path / 'table.csv'}.")
    if not path.is_file():
        hint = ""
        if path.parent.is_dir():
            names = sorted(other.name for other in path.parent.iterdir())
            close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
            hint = f"; did you mean {path.parent / close[0]}?" if close else ""
        raise UserError(f"There is no file {path}{hint or '.'}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise UserError(f"{path} cannot be opened: {error.strerror}.") from None
    return path


def format_of(path: Path) -> str:
    """ "text", "parquet" or "excel", by the ending."""
    name = path.name.lower()
    for format, endings in (("text", TEXT_ENDINGS), ("parquet", PARQUET_ENDINGS), ("excel", EXCEL_ENDINGS)):
        if name.endswith(endings):
            return format
    known = ".csv, .tsv, .txt (also .gz), .parquet or .xlsx"
    raise UserError(f"{path} ends with {path.suffix or 'nothing'}, which is no known kind of table; give {known}.")


def _columns_of(file: TextFile, missing: list[str]) -> dict[str, pa.ChunkedArray]:
    names = [name for name in file.names if not name.startswith("\0")]
    whole = pa.Table.from_batches(list(batches(file, missing)), pa.schema([(name, pa.string()) for name in names]))
    return dict(zip(names, whole.columns, strict=True))


def _parquet_file(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} cannot be read as Parquet ({reason}); make or fetch it again.") from None


def _parquet_batches(path: Path, rows: int) -> Iterator[pa.RecordBatch]:
    try:
        yield from _parquet_file(path).iter_batches(rows)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} cannot be read as Parquet ({reason}); make or fetch it again.") from None


def _parquet_columns(path: Path, labels: str | None) -> dict[str, pa.ChunkedArray]:
    schema = _parquet_file(path).schema_arrow
    refuse_twins(path, list(schema.names))
    whole = pa.Table.from_batches(list(_parquet_batches(path, 1 << 17)), schema)
    index = (schema.pandas_metadata or {}).get("index_columns", [])
    kept = [name for name in whole.column_names if not (name in index and name.startswith("__index_level_"))]
    is_whole = {name: name == labels and pa.types.is_integer(whole[name].type) for name in kept}
    return {name: whole[name].cast(pa.string()) if is_whole[name] else simplify(whole[name]) for name in kept}


def _excel_frames(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    """The first sheet with anything on it, natively typed; the first frame may be empty, to tell the columns."""
    try:
        import openpyxl
    except ImportError:
        raise UserError(f"To read {path} install the Excel extra: pip install maquette[excel]") from None
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl lets zip, XML and key errors through as they come
        raise UserError(f"{path} cannot be read as Excel ({error}); save it again, or as CSV.") from None
    try:
        for sheet in book.worksheets:
            lines = (line for line in sheet.iter_rows(values_only=True) if any(value is not None for value in line))
            header = next(lines, None)
            if header is not None:
                yield from _excel_rows(path, header, lines, rows)
                return
    finally:
        book.close()
    raise UserError(f"{path} is empty; give a sheet with a header and rows.")


def _excel_rows(path: Path, header: tuple, lines: Iterator[tuple], rows: int) -> Iterator[pd.DataFrame]:
    last = max(i for i, value in enumerate(header) if value is not None) + 1
    names = [
        (word_of(value) or "").strip() if value is not None else f"column_{i + 1}"
        for i, value in enumerate(header[:last])
    ]
    refuse_twins(path, names)
    yield pd.DataFrame(columns=names, dtype=object)
    kept: list[tuple[Any, ...]] = []
    for line in lines:
        kept.append((*line[:last], *[None] * (last - len(line))))
        if len(kept) == rows:
            yield pd.DataFrame(kept, columns=names, dtype=object)
            kept = []
    if kept:
        yield pd.DataFrame(kept, columns=names, dtype=object)


def _typed(
    columns: dict[str, pa.ChunkedArray],
    separator: str,
    path: str,
    target: str | None = None,
    labels: bool = False,
    missing: Sequence[str] | None = None,
) -> Table:
    """Takes the columns out of the dictionary one by one, so that words and numbers never stand in memory together."""
    words = dict.fromkeys(columns, MISSING if missing is None else tuple(missing))
    told: list[str] = []
    if target in columns:
        words[target], told = missing_in_target(columns[target], target, labels, missing)
    readings = {name: reading_of(column, name, separator, words[name]) for name, column in columns.items()}
    if labels and target in columns and readings[target].kind != "boolean":
        readings[target] = Reading("category")
    if any(reading.evidence == "comma" for reading in readings.values()) and separator != ",":
        for name, reading in readings.items():  # one decimal comma tells how the whole file was written
            if reading.evidence == "either" and reading.kind == "number":
                readings[name] = Reading("number", "comma", "comma", reading.examples)
    table = Table(pd.DataFrame(), {name: reading.kind for name, reading in readings.items()}, path=path, told=told)
    typed = {}
    for name, reading in readings.items():
        column = columns.pop(name)
        if reading.kind == "boolean":
            table.spellings[name] = _spelling(column)
        if reading.format and reading.evidence:
            table.formats[name] = reading.format
        if habit := habits_of(column, reading.kind, words[name]):
            table.habits[name] = habit
        if name != target and reading.kind == "category" and target is not None:
            table.told += missing_in_input(column, name, words[name])
        read = convert_column(column, reading.kind, reading.format, words[name])
        typed[name] = read.values
        table.notes += _notes_on(name, reading, read.values, read.unreadable, read.infinite)
    table.frame = pd.DataFrame(typed)
    if table.frame.isna().to_numpy().all() if len(table.frame) < 1000 else table.frame.isna().all().all():
        raise UserError(f"In {path or 'the data frame'} every value is missing; check the separator and the columns.")
    twins = len(table.frame) - len(np.unique(row_hashes(table.frame)))
    if twins:
        table.notes.append(f"{of_many(twins, 'row repeats', 'rows repeat')} an earlier one; kept.")
    return table


def _notes_on(name: str, reading: Reading, values: pd.Series, unreadable: int, infinite: int) -> Iterator[str]:
    if unreadable:
        words = ", ".join(map(repr, reading.examples)) or "such as these"
        yield f"{name!r}: {of_many(unreadable, 'value is', 'values are')} no {reading.kind} ({words}), and so missing."
    if infinite:
        yield f"{name!r}: {of_many(infinite, 'value is', 'values are')} infinite, and so missing."
    if reading.kind == "text":
        yield f"{name!r} {reading.why or 'carries nothing'} and is not used as an input."
    if reading.kind == "date" and reading.evidence == "either":
        yield f"{name!r}: every date could be read two ways; read with the {reading.format}."
    if reading.kind == "number" and values.abs().max() > EXACT_INTEGER and (values.dropna() % 1 == 0).all():
        yield f"{name!r}: whole numbers beyond 2**53 are rounded to 16 digits."


def _spelling(column: pa.ChunkedArray) -> tuple[str, str]:
    if not pa.types.is_string(column.type):
        return ("False", "True")
    words = sorted({word.strip() for word in column.unique().to_pylist() if word and word.strip()})
    by_value = {convert_column(pa.chunked_array([pa.array([word])]), "boolean").values[0]: word for word in words}
    return (by_value.get(0.0, "0"), by_value.get(1.0, "1"))


__all__ = ["ChunkReader", "Table", "from_frame", "read_chunks", "read_table", "sha256_of", "write_chunks"]
