"""Pairs of texts: to train from, given by the path of their files, or as pairs from Python."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from maquette.data.cache import cache_folder
from maquette.files import written_whole
from maquette.media import Asked, only_path
from maquette.settings import UserError

NAMES = ("source", "target")


def accepts(given: Any) -> bool:
    return only_path(given) and Path(given).exists()


def is_one(given: Any) -> bool:
    return True


def read(given: list[Any], say: Callable[[str], None], options: Any = None) -> Iterator[Path]:
    yield from map(Path, given)


def write(answers: Iterable[Any], out: Path | None, asked: Asked, say: Callable[[str], None]) -> Path:
    raise UserError("Pairs of texts are trained from; no use makes them.")


def plain(answers: Iterable[Any], is_one: bool) -> list[Any]:
    return list(answers)


def show(inputs: Any, answers: Iterable[Any], run: Any) -> None:
    raise UserError("There is no example of a pair.")


def keep(data: Any) -> Path:
    """A file of JSON lines in the cache: of pairs (source, target), or of a table's rows."""
    if isinstance(data, pd.DataFrame):
        rows = [{str(key): str(value) for key, value in row.items()} for row in data.to_dict("records")]
    else:
        pairs = [tuple(map(str, pair)) for pair in data]
        if any(len(pair) != 2 for pair in pairs):
            raise UserError("Give pairs, each a source and a target.")
        rows = [dict(zip(NAMES, pair, strict=True)) for pair in pairs]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path = cache_folder() / "pairs" / f"{hashlib.sha256(lines).hexdigest()[:16]}.jsonl"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary:
            temporary.write_bytes(lines)
    return path
