"""What a finished scene can do: be filmed, and be seen by cameras."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from maquette.data.pictures.files import Picture
from maquette.families.flights import drawer, film_of, known_cameras, pictures_of
from maquette.families.settings import FlyingOptions, ViewingOptions
from maquette.graphics.cameras import Camera
from maquette.media.film import Film
from maquette.trained import Trained


def film(trained: Trained, inputs: Iterable[Any], options: FlyingOptions) -> Iterator[Film]:
    """A film along a path."""
    known = partial(known_cameras, trained.model, trained.processing)
    yield film_of(options, known, lambda background: drawer(trained.model, background=background))


def view(trained: Trained, inputs: Iterable[Camera], options: ViewingOptions) -> Iterator[Picture]:
    """The picture that each camera would take; depths are coloured by the range of all of them."""
    for pixels in pictures_of(drawer(trained.model), list(inputs), options.show):
        yield Picture(pixels)
