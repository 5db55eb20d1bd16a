"""Films: frames one by one, to a file or a folder; a picture holds a single frame, or some in a row."""

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
from maquette.data.pictures.mosaics import mosaic
from maquette.data.rows import evenly
from maquette.media import Asked, check_target
from maquette.progress import Progress
from maquette.settings import UserError

IN_A_ROW = 10  # frames that a picture of a film has at most


@dataclass(frozen=True)
class Film:
    """`count` frames (H, W, 3) in 0..1, at `rate` pictures a second; notes: what is to be said of how it was made."""

    frames: Iterator[np.ndarray]
    count: int
    rate: float = 25.0
    notes: tuple[str, ...] = ()


def accepts(given: Any) -> bool:
    return isinstance(given, Film)


def is_one(given: Any) -> bool:
    return True


def read(given: list[Any], say: Callable[[str], None], options: Any = None) -> Iterator[Film]:
    raise UserError("No use takes films yet.")


def write(answers: Iterable[Film], out: Path | None, asked: Asked, say: Callable[[str], None]) -> Path:
    """The film as the ending of `out` says; a picture holds a row of frames, the first and the last among them."""
    (film,) = answers
    for note in film.notes:
        say(note)
    target = out or Path("film.mp4" if find_spec("cv2") else "film.webp")
    check_target(target, asked.run, is_named=out is not None)
    is_still = film.count == 1 and target.suffix.lower() in WRITTEN
    if is_still:
        write_picture(target, Picture(next(film.frames)))
    elif target.suffix.lower() in WRITTEN.keys() - {".webp"}:
        places = set(evenly(film.count, IN_A_ROW).tolist())
        shown = [frame for number, frame in enumerate(with_progress(film)) if number in places]
        write_picture(target, Picture(mosaic(shown, columns=len(shown))))
        if len(shown) < film.count:
            say(f"{target} holds {len(shown)} of the {film.count} frames in a row; a film.webp holds them all.")
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
