"""What a finished field can do: be filmed, be seen by cameras, and be taken to other programs."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from maquette.data.pictures.files import Picture
from maquette.data.scenes.meshes import Mesh
from maquette.data.scenes.splatfiles import Splats
from maquette.families.fields import field_drawer, gaussians_of, points_of, surface_of, up_of
from maquette.families.flights import film_of, photographers, pictures_of, splats_of
from maquette.families.settings import FlyingOptions, Three, ViewingOptions
from maquette.graphics.cameras import Camera
from maquette.media.film import Film
from maquette.recipes.nerf.settings import MeshOptions, PointOptions
from maquette.trained import Trained


def film(trained: Trained, inputs: Iterable[Any], options: FlyingOptions) -> Iterator[Film]:
    """A film along a path."""

    def known(up: Three | None) -> Sequence[Camera]:
        return photographers(trained.processing, up)

    yield film_of(options, known, lambda background: field_drawer(trained.model, background))


def view(trained: Trained, inputs: Iterable[Camera], options: ViewingOptions) -> Iterator[Picture]:
    """The picture that each camera would take; depths are coloured by the range of all of them."""
    for pixels in pictures_of(field_drawer(trained.model), list(inputs), options.show):
        yield Picture(pixels)


def mesh(trained: Trained, inputs: Iterable[Any], options: MeshOptions) -> Iterator[Mesh]:
    """The surface of what is there."""
    yield surface_of(
        trained.model,
        trained.processing,
        cells=options.cells,
        threshold=options.threshold,
        largest=not options.all_parts,
    )


def points(trained: Trained, inputs: Iterable[Any], options: PointOptions) -> Iterator[Mesh]:
    """Points on what photographs show."""
    places, colours = points_of(trained.model, trained.processing, options.count)
    yield Mesh(places, colours, np.empty((0, 3), np.int32), up_of(trained.processing), f"{len(places):,} points.")


def splats(trained: Trained, inputs: Iterable[Any], options: PointOptions) -> Iterator[Splats]:
    """A round Gaussian at each such point, as a scene that training of splats can start from."""
    yield splats_of(gaussians_of(trained.model, trained.processing, options.count), trained.processing)
