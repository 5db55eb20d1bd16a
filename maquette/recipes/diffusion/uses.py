"""What a diffusion model makes: new pictures, a film of one coming about, variations, holes filled in, ways between."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maquette.data.pictures.files import Picture, read_picture, to_channels
from maquette.data.pictures.small import fit_square
from maquette.families.diffusing import Condition, Diffuser
from maquette.families.generating import (
    AT_ONCE,
    Noise,
    check_frames,
    class_number,
    film_of,
    noise,
    pictures_of,
    pixels_of,
    read_unit,
    sheet,
    slerp,
)
from maquette.media import in_batches, only_path
from maquette.media.film import Film
from maquette.methods import diffusion
from maquette.methods.diffusion import Stage, dpm, heun, karras_levels
from maquette.recipes.diffusion.settings import (
    DiffusionOptions,
    FillOptions,
    FilmOptions,
    InterpolateOptions,
    VaryOptions,
)
from maquette.settings import UserError
from maquette.trained import Trained

SIDES = {"left": (0, 0.5, 0, 1), "right": (0.5, 1, 0, 1), "top": (0, 1, 0, 0.5), "bottom": (0, 1, 0.5, 1)}
MIDDLE = (0.25, 0.75, 0.25, 0.75)


def sample(trained: Trained, inputs: Iterable[Picture], options: DiffusionOptions) -> Iterator[Picture]:
    """New pictures; number k of a seed is the same however many are asked for."""
    diffuser = Diffuser(trained.model, trained.processing)
    told = diffuser.of_classes(options.seed, number_of(trained, options.class_))
    for first in range(0, options.count, AT_ONCE):
        some = min(AT_ONCE, options.count - first)
        stages = stages_of(diffuser, Noise(some, options.seed, first), told(first, some), options, options.steps)
        yield from pictures_of(last(stages))


def film(trained: Trained, inputs: Iterable[Picture], options: FilmOptions) -> Iterator[Film]:
    """The way from noise to pictures, all of them as one grid."""
    diffuser = Diffuser(trained.model, trained.processing)
    told = diffuser.of_classes(options.seed, number_of(trained, options.class_))(0, options.count)
    steps = options.steps or options.frames - 1
    stages = stages_of(diffuser, Noise(options.count, options.seed), told, options, steps)
    begin = noise(options.count, shape_of(trained), options.seed)
    shown = [begin, *(stage.shown for stage in stages)]
    places = np.linspace(0, len(shown) - 1, options.frames).round().astype(int)
    yield Film((to_channels(sheet(shown[place]), 3) for place in places), options.frames, options.rate)


def vary(trained: Trained, inputs: Iterable[Picture], options: VaryOptions) -> Iterator[Picture]:
    """Each picture brought into the noise, as far as `strength` says, and back by another way; Meng et al. 2022."""
    diffuser, number = Diffuser(trained.model, trained.processing), number_of(trained, options.class_)
    levels = karras_levels(options.steps)
    begin = round((1 - options.strength) * options.steps)
    done = 0
    for some in in_batches(inputs, AT_ONCE):
        given = read_unit(some, trained.processing)
        drawn = noise(len(some), shape_of(trained), options.seed, done)
        denoise = diffuser.denoiser(one_class(len(some), number), options.guidance)
        made = given
        if begin < options.steps:
            made = last(dpm(denoise, given + levels[begin] * drawn, levels[begin:]))
        done += len(some)
        for picture, pixels in zip(some, pixels_of(made), strict=True):
            yield picture.answered(pixels)


def fill(trained: Trained, inputs: Iterable[Picture], options: FillOptions) -> Iterator[Picture]:
    """Each picture with new pixels where the mask is white, that fit the others; Lugmayr et al. 2022."""
    diffuser, number = Diffuser(trained.model, trained.processing), number_of(trained, options.class_)
    mask = None if options.mask in (*SIDES, "middle") else mask_at(options.mask)
    levels, done = karras_levels(options.steps), 0
    for some in in_batches(inputs, AT_ONCE):
        wanted = torch.stack([wanted_in(one, mask, options.mask, trained.processing["size"]) for one in some])
        given = read_unit(some, trained.processing)
        draw = Noise(len(some), options.seed, done)

        def drawn(draw: Noise = draw) -> Tensor:
            return draw(*shape_of(trained))

        denoise = diffuser.denoiser(one_class(len(some), number), options.guidance)
        made = last(diffusion.fill(denoise, drawn(), given, wanted, levels, drawn, options.times))
        done += len(some)
        for picture, pixels in zip(some, pixels_of(made), strict=True):
            yield picture.answered(pixels)


def mask_at(name: str) -> Picture:
    if not only_path(name) or not Path(name).is_file():
        raise UserError(f"--mask {name[:80]} is no picture, and none of {', '.join((*SIDES, 'middle'))}.")
    return read_picture(Path(name))


def wanted_in(picture: Picture, mask: Picture | None, name: str, size: int) -> Tensor:
    """Where a picture is to be filled in, (1, size, size) of 0 and 1; a mask is of the picture's size."""
    if mask is None:
        left, right, top, bottom = (round(part * size) for part in SIDES.get(name, MIDDLE))
        whole = torch.zeros(1, size, size)
        whole[:, top:bottom, left:right] = 1
        return whole
    (height, width), (high, wide) = picture.pixels.shape[:2], mask.pixels.shape[:2]
    if (height, width) != (high, wide):
        raise UserError(
            f"--mask {name} is {wide} x {high} pixels, and {picture.name or 'the picture'} {width} x {height}."
        )
    small = torch.from_numpy(fit_square(to_channels(mask.pixels, 1), size)).permute(2, 0, 1)
    return (small > 0.5).float()


def interpolate(trained: Trained, inputs: Iterable[Picture], options: InterpolateOptions) -> Iterator[Film]:
    """The way from each picture to the next, as a film.

    Each is followed back into the noise that it would come from; between the noises one goes along the arc, and from
    there to pictures again.
    """
    given = list(inputs)
    if len(given) < 2:
        raise UserError("interpolate goes from one picture to another; give two or more.")
    check_frames(options.frames, len(given))
    diffuser, number = Diffuser(trained.model, trained.processing), number_of(trained, options.class_)
    unit, levels = read_unit(given, trained.processing), karras_levels(options.steps)[:-1]
    noises = last(heun(diffuser.denoiser(one_class(len(unit), number)), unit, levels[::-1]))
    between = []
    for place in np.linspace(0, len(given) - 1, options.frames):
        first = min(int(place), len(given) - 2)
        between.append(slerp(noises[first], noises[first + 1], float(place) - first))
    frames = []
    for some in torch.stack(between).split(AT_ONCE):
        frames.append(last(heun(diffuser.denoiser(one_class(len(some), number)), some, levels)))
    yield film_of(torch.cat(frames), options.rate)


# -- what they share ---------------------------------------------------------------------------------------------------


def number_of(trained: Trained, name: str | None) -> int | None:
    return None if name is None else class_number(trained, name)


def one_class(count: int, number: int | None) -> Condition:
    return Condition() if number is None else Condition(torch.full((count,), number))


def shape_of(trained: Trained) -> tuple[int, int, int]:
    return trained.processing["channels"], trained.processing["size"], trained.processing["size"]


def stages_of(
    diffuser: Diffuser, drawn: Noise, told: Condition, options: DiffusionOptions, steps: int | None
) -> Iterator[Stage]:
    solver = options.solver or diffuser.known["solver"]
    usual = 1000 if solver == "ddpm" else diffuser.known["steps"] if options.solver is None else 50
    return diffuser.stages(drawn, told, solver=solver, steps=steps or usual, guidance=options.guidance)


def last(stages: Iterator[Stage]) -> Tensor:
    """The pictures at the end of the way."""
    for stage in stages:
        end = stage.noisy
    return end
