"""Surfaces and points with colours: to files that modelling programs open."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from maquette.data.scenes.meshes import ENDINGS, Mesh, write_mesh
from maquette.media import Asked, check_target
from maquette.settings import UserError


def accepts(given: Any) -> bool:
    return isinstance(given, Mesh)


def is_one(given: Any) -> bool:
    return True


def read(given: list[Any], say: Callable[[str], None], options: Any = None) -> Iterator[Mesh]:
    raise UserError("No use takes surfaces yet.")


def write(answers: Iterable[Mesh], out: Path | None, asked: Asked, say: Callable[[str], None]) -> Path:
    """One file, as the ending of `out` says."""
    (mesh,) = answers
    target = out or Path(f"surface{ENDINGS[0]}" if len(mesh.triangles) else f"points{ENDINGS[0]}")
    if not target.suffix:
        target = target.with_suffix(ENDINGS[0])
    check_target(target, None, is_named=out is not None)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_mesh(target, mesh)
    if mesh.told:
        say(mesh.told)
    return target


def plain(answers: Iterable[Mesh], is_one: bool) -> Mesh:
    (mesh,) = answers
    return mesh


def show(inputs: Any, answers: Iterable[Mesh], run: Any) -> None:
    raise UserError("A surface is shown by the programs that open its file.")


def keep(data: Any) -> Path:
    raise UserError("There is nothing to train from in a surface.")
