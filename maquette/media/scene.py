"""Scenes: photographs with their cameras to train from, given by their path."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from maquette.media import Asked, only_path
from maquette.settings import UserError


def accepts(given: Any) -> bool:
    return only_path(given) and Path(given).exists()


def is_one(given: Any) -> bool:
    return True


def read(given: list[Any], say: Callable[[str], None], options: Any = None) -> Iterator[Path]:
    yield from map(Path, given)


def write(answers: Iterable[Any], out: Path | None, asked: Asked, say: Callable[[str], None]) -> Path:
    raise UserError("Scenes leave a run with: maquette export RUN --format ply")


def plain(answers: Iterable[Any], is_one: bool) -> list[Any]:
    return list(answers)


def show(inputs: Any, answers: Iterable[Any], run: Any) -> None:
    raise UserError("There is no example of a scene.")


def keep(data: Any) -> Path:
    raise UserError("A scene to train from is given by the path of its photographs.")
