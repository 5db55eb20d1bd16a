"""Scenes: photographs with their cameras to train from, given by their path; scenes of Gaussians to files."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from maquette.data.scenes.splatfiles import WRITERS, Splats, write_scene
from maquette.files import written_whole
from maquette.media import Asked, check_target, only_path
from maquette.settings import UserError


def accepts(given: Any) -> bool:
    return only_path(given) and Path(given).exists()


def is_one(given: Any) -> bool:
    return True


def read(given: list[Any], say: Callable[[str], None], options: Any = None) -> Iterator[Path]:
    yield from map(Path, given)


def write(answers: Iterable[Splats], out: Path | None, asked: Asked, say: Callable[[str], None]) -> Path:
    """A scene of Gaussians, as the ending of `out` says."""
    (splats,) = answers
    target = out or Path("scene.ply")
    if not target.suffix:
        target = target.with_suffix(".ply")
    if target.suffix.lower() not in WRITERS:
        raise UserError(f"{target} is none of {', '.join(WRITERS)}, which scenes are written as.")
    check_target(target, None, is_named=out is not None)
    target.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(target) as temporary:
        write_scene(temporary, splats, target.suffix.lower())
    return target


def plain(answers: Iterable[Splats], is_one: bool) -> Splats:
    (splats,) = answers
    return splats


def show(inputs: Any, answers: Iterable[Any], run: Any) -> None:
    raise UserError("There is no example of a scene.")


def keep(data: Any) -> Path:
    raise UserError("A scene to train from is given by the path of its photographs.")
