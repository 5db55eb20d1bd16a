"""Tables written in chunks to a temporary name and renamed when whole: no half-written file bears the name."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from maquette.data.tables.kinds import as_arrow
from maquette.files import written_whole
from maquette.settings import UserError

EXCEL_ROWS = 1_048_576
WRITABLE = (".csv", ".tsv", ".parquet", ".pq", ".xlsx")


def write_chunks(path: str | Path, chunks: Iterable[pd.DataFrame]) -> int:
    """Writes frames with equal columns one below the other, and returns the number of rows.

    CSV, TSV, Parquet or Excel by the ending. Words are written as they are, floats with as many digits as they hold.
    """
    path = Path(path).expanduser()
    ending = path.suffix.lower()
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the name of a file to write.")
    if ending not in WRITABLE:
        raise UserError(f"{path} ends with {ending or 'nothing'}; tables are written as {', '.join(WRITABLE)}.")
    with written_whole(path) as temporary:
        if ending in (".csv", ".tsv"):
            return _write_text(temporary, chunks, "\t" if ending == ".tsv" else ",")
        if ending == ".xlsx":
            return _write_excel(temporary, chunks, path)
        return _write_parquet(temporary, chunks, path)


def _write_text(path: Path, chunks: Iterable[pd.DataFrame], separator: str) -> int:
    count, names = 0, None
    with path.open("wb") as file:
        for chunk in chunks:
            if names is None:
                names = list(chunk.columns)
                header = [_quoted(pa.array([str(name)]), separator)[0].as_py() for name in names]
                file.write((separator.join(header) + "\n").encode())
            assert list(chunk.columns) == names, "chunks must have equal columns"
            file.write(_lines(chunk, separator))
            count += len(chunk)
    return count


def _lines(chunk: pd.DataFrame, separator: str) -> bytes:
    columns = [_quoted(_as_words(chunk.iloc[:, i]), separator) for i in range(chunk.shape[1])]
    if not columns or not len(chunk):
        return b""
    joined = pc.binary_join_element_wise(*columns, separator, null_handling="replace", null_replacement="")
    ended = pc.binary_join_element_wise(joined, "", "\n")
    ended = pc.fill_null(ended, "\n")
    offsets = np.frombuffer(ended.buffers()[1], np.int32, len(ended) + 1, ended.offset * 4)
    return ended.buffers()[2].slice(int(offsets[0]), int(offsets[-1] - offsets[0])).to_pybytes()


def _as_words(series: pd.Series) -> pa.Array:
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind == "f":
        values = pa.array(series.to_numpy(), from_pandas=True)
        return values.cast(pa.string())
    if isinstance(dtype, np.dtype) and dtype.kind in "iu":
        return pa.array(series.to_numpy()).cast(pa.string())
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return pa.array([None if pd.api.types.is_scalar(v) and pd.isna(v) else str(v) for v in series], pa.string())
    column = as_arrow(series)
    if pa.types.is_string(column.type):
        return _one(column)
    return pa.array([None if pd.isna(v) else str(v) for v in series], pa.string())


def _one(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined


def _quoted(words: pa.Array, separator: str) -> pa.Array:
    """Quotation marks only where a word needs them."""
    letters = words.buffers()[2]
    held = letters.to_pybytes() if letters else b""  # looked through at once, many times faster than word by word
    if not any(mark in held for mark in (b'"', b"\r", b"\n", separator.encode())):
        return words
    needs = pc.match_substring_regex(words, rf'["\r\n{separator}]')
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(words, '"', '""'), '"', "")
    return pc.if_else(needs, quoted, words)


def _native(series: pd.Series) -> pa.Array | pa.ChunkedArray:
    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # values of several kinds, as Excel may hold them
        return _as_words(series)


def _write_parquet(path: Path, chunks: Iterable[pd.DataFrame], shown: Path) -> int:
    count, writer = 0, None
    try:
        for chunk in chunks:
            part = pa.table({str(name): _native(chunk.iloc[:, i]) for i, name in enumerate(chunk.columns)})
            if writer is None:
                fields = [each.with_type(pa.string()) if pa.types.is_null(each.type) else each for each in part.schema]
                writer = pq.ParquetWriter(path, pa.schema(fields))
            try:
                part = part.cast(writer.schema)
            except pa.ArrowInvalid as error:
                reason = str(error).splitlines()[0]
                raise UserError(f"{shown} cannot hold columns that change their kind ({reason}); write .csv.") from None
            writer.write_table(part)
            count += len(chunk)
    finally:
        if writer:
            writer.close()
    return count


def _write_excel(path: Path, chunks: Iterable[pd.DataFrame], shown: Path) -> int:
    try:
        import openpyxl
    except ImportError:
        raise UserError(f"To write {shown} install the Excel extra: pip install maquette[excel]") from None
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("table")
    count = 0
    try:
        for i, chunk in enumerate(chunks):
            if i == 0:
                sheet.append([str(name) for name in chunk.columns])
            count += len(chunk)
            if count >= EXCEL_ROWS:
                raise UserError(f"{shown}: an Excel sheet ends at {EXCEL_ROWS:,} rows; write .csv or .parquet instead.")
            for row in chunk.itertuples(index=False, name=None):
                sheet.append([_cell(value) for value in row])
    finally:
        sheet.close()
    book.save(path)
    return count


def _cell(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str):
        return "".join(letter for letter in value if letter >= " " or letter in "\t\n\r")
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value
