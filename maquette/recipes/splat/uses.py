"""What a finished scene can do: be filmed, and be seen by cameras."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from maquette.data.pictures.files import Picture
from maquette.families.flights import cameras_of, drawer, known_cameras, pictures_of
from maquette.families.settings import FlyingOptions, ViewingOptions, colour_of, direction_of
from maquette.graphics.cameras import Camera
from maquette.media.film import Film
from maquette.settings import UserError
from maquette.trained import Trained


def film(trained: Trained, inputs: Iterable[Any], options: FlyingOptions) -> Iterator[Film]:
    """A film along a path."""
    if options.up is not None and options.path.lower().endswith(".json"):
        raise UserError("--up is for --path orbit or flight; the cameras of a file have their own.")
    up = None if options.up is None else direction_of(options.up)
    background = None if options.background is None else colour_of(options.background)
    known = partial(known_cameras, trained.model, trained.processing, up)
    cameras = cameras_of(options.path, known, options.frames, options.width, options.height, options.zoom)
    draw = drawer(trained.model, background=background)
    yield Film(pictures_of(draw, cameras, options.show), len(cameras), options.rate)


def view(trained: Trained, inputs: Iterable[Camera], options: ViewingOptions) -> Iterator[Picture]:
    """The picture that each camera would take; depths are coloured by the range of all of them."""
    for pixels in pictures_of(drawer(trained.model), list(inputs), options.show):
        yield Picture(pixels)
