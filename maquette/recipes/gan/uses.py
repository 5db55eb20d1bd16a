"""Pictures from seeds, films from picture to picture, and the numbers of a given picture."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from maquette.data.pictures.files import Picture
from maquette.data.pictures.mosaics import enlarged, mosaic
from maquette.families.generating import (
    AT_ONCE,
    check_frames,
    class_number,
    drawn_classes,
    film_of,
    noise,
    pictures_of,
    pixels_of,
    read_unit,
    slerp,
    straight,
)
from maquette.media.film import Film
from maquette.methods.inversion import descend, differences, truncated
from maquette.recipes.gan.settings import DrawnOptions, FindOptions, WalkOptions
from maquette.settings import UserError
from maquette.trained import Trained

LOOKED_AT = 2000  # drawn latents from which the search for a picture's starts
STARTS = 8  # of them, the nearest ones, are followed


class Point(NamedTuple):
    """Where pictures come from: latents (N, D), and a share of each class (N, classes), or None without classes."""

    latents: Tensor
    classes: Tensor | None


def sample(trained: Trained, inputs: Iterable[object], options: DrawnOptions) -> Iterator[Picture]:
    """Pictures of a seed, in pieces."""
    generator = trained.model["generator"]
    for first in range(0, options.count, AT_ONCE):
        count = min(AT_ONCE, options.count - first)
        yield from pictures_of(made(generator, points(trained, count, options, first)))


def interpolate(trained: Trained, inputs: Iterable[object], options: WalkOptions) -> Iterator[Film]:
    """A film that passes `count` pictures of a seed; in a run with classes it goes from class to class as well."""
    ends = points(trained, options.count, options)
    yield film_of(made(trained.model["generator"], walk(ends, options.frames, options.way)), options.rate)


def find(trained: Trained, inputs: Iterable[Picture], options: FindOptions) -> Iterator[Film]:
    """A film of two halves: given pictures fading into each other, and the walk between the latents found for them.

    One given picture stands still, and the walk goes from what was found for it past pictures of the seed.
    """
    pictures = list(inputs)
    check_frames(options.frames, len(pictures))
    given = read_unit(pictures, trained.processing)
    found = found_points(trained, given, options)
    if len(given) == 1:
        more = points(trained, options.count, options)
        latents = torch.cat([found.latents, more.latents])
        kind = found.classes
        classes = None if kind is None else torch.cat([kind, kind.expand(len(more.latents), -1)])
        path, shown = Point(latents, classes), given.expand(len(latents), -1, -1, -1)
    else:
        path, shown = found, given
    drawn = pixels_of(made(trained.model["generator"], walk(path, options.frames, options.way)))
    faded = pixels_of(mixed(shown, options.frames))
    frames = (enlarged(mosaic([left, right], 2)) for left, right in zip(faded, drawn, strict=True))
    yield Film((np.broadcast_to(each, (*each.shape[:2], 3)) for each in frames), options.frames, options.rate)


# -- from seeds to pictures --------------------------------------------------------------------------------------------


def points(trained: Trained, count: int, options: DrawnOptions, first: int = 0) -> Point:
    """Those of pictures `first`, `first` + 1 ... of a seed."""
    known = trained.processing
    latents = noise(count, (known["latents"],), options.seed, first)
    if options.truncation is not None:
        latents = truncated(latents, options.truncation)
    if not known["conditional"]:
        if options.class_ is not None:
            raise UserError(
                f"{trained.folder} was trained without classes, so that none can be asked for; leave --class out."
            )
        return Point(latents, None)
    if options.class_ is None:
        kinds = drawn_classes(count, known["shares"], options.seed, first)
    else:
        kinds = torch.full((count,), class_number(trained, options.class_))
    return Point(latents, one_hot(kinds, len(known["classes"])))


def one_hot(classes: Tensor, count: int) -> Tensor:
    return torch.nn.functional.one_hot(classes, count).float()


def made(generator: nn.Module, at: Point) -> Tensor:
    """(N, C, H, W) in -1..1, in pieces."""
    pieces = []
    for start in range(0, len(at.latents), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        pieces.append(generator(at.latents[rows], None if at.classes is None else at.classes[rows]))
    return torch.cat(pieces)


# -- from one to another -----------------------------------------------------------------------------------------------


def places(stops: int, frames: int) -> list[tuple[int, float]]:
    """Where each frame stands on a way past `stops` points: the last point passed, and the share of the way on."""
    along = [place * (stops - 1) / max(frames - 1, 1) for place in range(frames)]
    last = max(stops - 2, 0)
    return [(min(int(each), last), each - min(int(each), last)) for each in along]


def walk(ends: Point, frames: int, way: str) -> Point:
    """Points of a film of `frames` past the `ends`."""
    between = slerp if way == "spherical" else straight
    stops = len(ends.latents)
    latents, classes = [], []
    for place, share in places(stops, frames):
        following = min(place + 1, stops - 1)
        latents.append(between(ends.latents[place], ends.latents[following], share))
        if ends.classes is not None:
            classes.append(straight(ends.classes[place], ends.classes[following], share))
    return Point(torch.stack(latents), torch.stack(classes) if classes else None)


def mixed(pictures: Tensor, frames: int) -> Tensor:
    """Pictures (N, C, H, W) fading into each other."""
    last = len(pictures) - 1
    return torch.stack(
        [straight(pictures[at], pictures[min(at + 1, last)], share) for at, share in places(len(pictures), frames)]
    )


# -- from pictures back ------------------------------------------------------------------------------------------------


@torch.inference_mode(False)  # in which no gradients are kept
def found_points(trained: Trained, given: Tensor, options: FindOptions) -> Point:
    """The point of each given picture (N, C, H, W): the best of several descents, from drawn points near it.

    Where there are classes, each start keeps the one that it was drawn with, or `--class`.
    """
    generator = trained.model["generator"]
    drawn = points(trained, LOOKED_AT, DrawnOptions(seed=options.seed, class_=options.class_))
    with torch.no_grad():
        looked = made(generator, drawn)
    latents, classes = [], []
    for some in given.clone().split(max(1, AT_ONCE // STARTS)):
        near = torch.stack([differences(looked, one.expand_as(looked)).argsort()[:STARTS] for one in some])
        kinds = None if drawn.classes is None else drawn.classes[near.flatten()]
        best, far = descend(
            partial(generator, classes=kinds),
            some.repeat_interleave(STARTS, 0),
            drawn.latents[near.flatten()],
            options.tries,
        )
        chosen = far.view(-1, STARTS).argmin(1) + STARTS * torch.arange(len(some))
        latents.append(best[chosen])
        if kinds is not None:
            classes.append(kinds[chosen])
    return Point(torch.cat(latents), torch.cat(classes) if classes else None)
