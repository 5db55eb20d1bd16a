"""Tables: data frames in pieces; files of CSV and its kin, Parquet and Excel."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from maquette.data.cache import cache_folder
from maquette.data.pictures.files import Picture
from maquette.data.tables.reading import read_chunks
from maquette.data.tables.writing import WRITABLE, write_chunks
from maquette.files import written_whole
from maquette.media import Asked, check_target, only_path, pictures
from maquette.progress import Progress
from maquette.settings import UserError


def accepts(given: Any) -> bool:
    if only_path(given):
        return {suffix.lower() for suffix in Path(given).suffixes[-2:]} & {*WRITABLE, ".txt", ".xls"} != set()
    return isinstance(given, pd.DataFrame | dict)


def is_one(given: Any) -> bool:
    return only_path(given) or isinstance(given, pd.DataFrame | dict)


def read(given: list[Any], say: Callable[[str], None], options: Any = None) -> "Pieces":
    """The table, a piece at a time, as often as it is gone through."""
    if only_path(given[0]) and len(given) != 1:
        raise UserError(f"predict takes one table at a time, not {len(given)}.")
    return Pieces(given, say)


class Pieces:
    """The pieces of a table; `wanted` are names that tell the header of a file of numbers only."""

    def __init__(self, given: list[Any], say: Callable[[str], None]) -> None:
        self.given, self.say = given, say
        self.wanted: list[str] = []
        self.has_said = False

    def __iter__(self) -> Iterator[pd.DataFrame]:
        given = self.given
        if not only_path(given[0]):
            try:
                yield pd.DataFrame(given[0] if is_one(given[0]) else given)
            except ValueError as error:
                raise UserError(f"What was given is no table: {error}.") from None
            return
        reader, rows = read_chunks(Path(given[0]), wanted=self.wanted), 0
        with closing(Progress("predicting" if self.has_said else "reading", "row")) as progress:
            for piece in reader:
                yield piece
                rows += len(piece)
                progress.update(rows, None)
        for note in () if self.has_said else getattr(reader, "notes", []):
            self.say(note)
        self.has_said = True


def write(answers: Iterable[pd.DataFrame], out: Path | None, asked: Asked, say: Callable[[str], None]) -> Path | None:
    """A file of all rows; on the terminal where neither input nor answer is one. What is noted of them is said."""
    answers = told(answers, say)
    if out is None and asked.path is None:
        print(plain(answers, True).to_string(index=False, float_format=lambda value: f"{value:.3g}"))
        return None
    target = out or Path(f"{asked.path.stem if asked.path else 'answers'}-predicted.csv")
    check_target(target, asked.path, is_named=out is not None)
    write_chunks(target, answers)
    return target


def told(answers: Iterable[pd.DataFrame], say: Callable[[str], None]) -> Iterator[pd.DataFrame]:
    """The same, each new note on them said."""
    said: set[str] = set()
    for answer in answers:
        for note in answer.attrs.get("notes", []):
            if note not in said:
                say(note)
                said.add(note)
        yield answer


def plain(answers: Iterable[pd.DataFrame], is_one: bool) -> pd.DataFrame:
    notes: list[str] = []
    found = list(told(answers, notes.append))
    whole = found[0] if len(found) == 1 else pd.concat(found, ignore_index=True) if found else pd.DataFrame()
    if found and "notes" in found[0].attrs:
        whole.attrs["notes"] = notes
    return whole


def show(inputs: Any, answers: Iterable[pd.DataFrame], run: Any) -> None:
    """What was predicted first, then the rows; beside it the pictures that it is of."""
    found = plain(answers, True)
    columns = list(inputs) if isinstance(inputs, pd.DataFrame) else []
    new = [name for name in found if name not in columns]
    caption = "What was predicted first, then the rows." if columns else ""
    run.table("Examples", found[[*new, *columns]], caption)
    if not columns and not isinstance(inputs[0], str):
        pictures.show(inputs, (), run)


def keep(data: Any) -> Path:
    """A Parquet file with the frame's content, in the cache; the same data gives the same file."""
    frame = pd.DataFrame(data)
    digest = hashlib.sha256(repr(list(frame.dtypes.items())).encode())
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    path = cache_folder() / "frames" / f"{digest.hexdigest()[:16]}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary:
            frame.to_parquet(temporary, index=False)
    return path


def with_names(frame: pd.DataFrame, answered: list[Picture]) -> pd.DataFrame:
    """Answers on pictures, a row each, with their names in the column `file` where they come from files."""
    if any(picture.name for picture in answered):
        frame.insert(0, "file", [picture.name for picture in answered])
    return frame
