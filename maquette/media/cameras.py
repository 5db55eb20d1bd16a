"""Cameras: where one stands, where one looks, and how large the picture is."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from maquette.files import read_json, write_text
from maquette.graphics.cameras import Camera, camera_from, described
from maquette.media import Asked, only_path
from maquette.settings import UserError


def accepts(given: Any) -> bool:
    return isinstance(given, Camera) or (only_path(given) and Path(given).suffix.lower() == ".json")


def is_one(given: Any) -> bool:
    return isinstance(given, Camera)


def read(given: list[Any], say: Callable[[str], None], options: Any = None) -> Iterator[Camera]:
    """Cameras themselves, or those of JSON files: one, or a list, as `processing.json` of a scene writes them."""
    for each in given:
        if isinstance(each, Camera):
            yield each
            continue
        if not only_path(each):
            kind = type(each).__name__
            raise UserError(
                f"A scene is seen by a Camera of maquette.graphics.cameras, or a list of them, not a {kind}."
            )
        found = read_json(Path(each))
        try:
            yield from [camera_from(numbers) for numbers in (found if isinstance(found, list) else [found])]
        except (KeyError, TypeError, ValueError):
            fields = "width, height, fx, fy, cx, cy, rotation, translation"
            raise UserError(f"{each} holds no cameras; each is an object with {fields}.") from None


def write(answers: Iterable[Camera], out: Path | None, asked: Asked, say: Callable[[str], None]) -> Path:
    target = out or Path("cameras.json")
    write_text(target, json.dumps([described(camera) for camera in answers], indent=1))
    return target


def plain(answers: Iterable[Camera], is_one: bool) -> Any:
    found = list(answers)
    return found[0] if is_one and len(found) == 1 else found


def show(inputs: Any, answers: Iterable[Camera], run: Any) -> None:
    run.say(f"{len(list(answers))} cameras.")


def keep(data: Any) -> Path:
    raise UserError("A scene to train from is given by the path of its photographs.")
