"""Films: frames one by one, to a file or a folder; a single frame may be a picture."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from maquette.data.pictures.files import Picture, write_picture
from maquette.data.pictures.films import write_film
from maquette.data.pictures.kinds import WRITTEN
from maquette.media import Asked, check_target
from maquette.progress import Progress
from maquette.settings import UserError


@dataclass(frozen=True)
class Film:
    """`count` frames (H, W, 3) in 0..1, at `rate` pictures a second."""

    frames: Iterator[np.ndarray]
    count: int
    rate: float = 25.0


def accepts(given: Any) -> bool:
    return isinstance(given, Film)


def is_one(given: Any) -> bool:
    return True


def read(given: list[Any], say: Callable[[str], None], options: Any = None) -> Iterator[Film]:
    raise UserError("No use takes films yet.")


def write(answers: Iterable[Film], out: Path | None, asked: Asked, say: Callable[[str], None]) -> Path:
    """The film as the ending of `out` says; a picture where one frame is asked for."""
    (film,) = answers
    target = out or Path("film.mp4" if find_spec("cv2") else "film.webp")
    check_target(target, asked.run, is_named=out is not None)
    is_still = film.count == 1 and target.suffix.lower() in WRITTEN
    if target.suffix.lower() in WRITTEN.keys() - {".webp"} and not is_still:
        raise UserError(f"--out {target} has room for one picture; ask for one with --frames 1, or name a film.mp4.")
    if is_still:
        write_picture(target, Picture(next(film.frames)))
    else:
        write_film(target, with_progress(film), film.rate)
    return target


def with_progress(film: Film) -> Iterator[np.ndarray]:
    with closing(Progress("filming", "frame")) as progress:
        for number, frame in enumerate(film.frames, 1):
            yield frame
            progress.update(number, film.count)


def plain(answers: Iterable[Film], is_one: bool) -> list[np.ndarray]:
    """All frames."""
    return [frame for film in answers for frame in film.frames]


def show(inputs: Any, answers: Iterable[Film], run: Any) -> None:
    for film in answers:
        (run.folder / "pictures").mkdir(exist_ok=True)
        write_film(run.folder / "pictures" / "examples.webp", film.frames, rate=film.rate)
        run.film("examples.webp", "Examples")


def keep(data: Any) -> Path:
    raise UserError("A film to train from is given by its path.")
