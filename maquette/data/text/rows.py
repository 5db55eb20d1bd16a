"""Texts that stand in rows: the lines of `.jsonl` and the rows of `.csv`, and which field of them is the text."""

import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import IO, Any

from maquette.data.tables.delimited import batches, inspect
from maquette.data.text.decoding import EACH_BYTE
from maquette.settings import UserError, nearest

USUAL_FIELDS = ("text", "content", "body", "dialogue", "document")
LONGEST_ROW = 1 << 26  # characters of one line of .jsonl
LOOKED_AT = 50  # rows by which the field is chosen


def json_rows(file: IO[bytes], encoding: str, name: str) -> Iterator[str | None]:
    """The field of each line, still with the marks of `EACH_BYTE`; None for a line that has no such text."""
    for row in json_objects(file, encoding):
        value = row.get(name) if row else None
        yield value if isinstance(value, str) else None


def json_objects(file: IO[bytes], encoding: str) -> Iterator[dict[str, Any] | None]:
    """The object of each line that is not blank; None where there is none."""
    reader = io.TextIOWrapper(file, "utf-8" if encoding == "ascii" else encoding, EACH_BYTE, newline="\n")
    while line := reader.readline(LONGEST_ROW):
        line = line.removeprefix("\ufeff")
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield row if isinstance(row, dict) else None


def table_rows(path: Path, name: str, file: IO[bytes], column: str) -> Iterator[str | None]:
    """The column of each row; None for each row that was left out, at the end."""
    with as_table(path, name, file) as found:
        table = inspect(found)
        for rows in batches(table):
            yield from rows.column(column).to_pylist()
        yield from repeat(None, table.left_out)


@contextmanager
def as_table(path: Path, name: str, file: IO[bytes]) -> Iterator[Path]:
    """The table as a file that can be read several times: itself, or unpacked into a temporary folder."""
    if name == path.name and path.suffix.lower() not in (".xz", ".bz2"):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / "table.csv"
        with open(unpacked, "wb") as out:
            shutil.copyfileobj(file, out, 1 << 20)
        try:
            yield unpacked
        except UserError as error:
            raise UserError(str(error).replace(str(unpacked), name)) from None


def field_of_lines(name: str, file: IO[bytes], encoding: str, chosen: str | None) -> str:
    """The chosen field, a usual one, or the one with the longest text in the first rows."""
    lengths: dict[str, int] = {}
    names: dict[str, None] = {}
    for row, _ in zip(json_objects(file, encoding), range(LOOKED_AT), strict=False):
        for key, value in (row or {}).items():
            names[key] = None
            if isinstance(value, str):
                lengths[key] = lengths.get(key, 0) + len(value)
    if not names:
        raise UserError(f"{name} holds no JSON objects, one a line.")
    return chosen_of(name, list(names), lengths, chosen)


def field_of_table(path: Path, name: str, file: IO[bytes], chosen: str | None) -> str:
    """The chosen column, a usual one, or the one with the longest text in the first rows."""
    with as_table(path, name, file) as found:
        rows = next(iter(batches(inspect(found))), None)
    if rows is None:
        raise UserError(f"{name} has a header and no rows.")
    columns = {column: rows.column(column)[:LOOKED_AT].to_pylist() for column in rows.schema.names}
    lengths = {column: sum(len(text or "") for text in texts) for column, texts in columns.items()}
    return chosen_of(name, list(columns), lengths, chosen)


def chosen_of(name: str, names: list[str], lengths: dict[str, int], chosen: str | None) -> str:
    if chosen is not None:
        if chosen not in names:
            raise UserError(f"{name} has no field {chosen!r}{nearest(chosen, names) or f'; it has {listed(names)}'}.")
        return chosen
    if not lengths:
        raise UserError(f"{name} has no field with text; it has {listed(names)}.")
    usual = {key.lower(): key for key in reversed(lengths)}
    return next((usual[each] for each in USUAL_FIELDS if each in usual), max(lengths, key=lambda key: lengths[key]))


def listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
