"""New pictures, pictures to tables of latents and back, their probability, and ways from one to another."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from maquette.data.pictures.files import Picture
from maquette.data.tables.columns import check_columns
from maquette.data.tables.kinds import convert
from maquette.families.generating import (
    AT_ONCE,
    check_frames,
    class_number,
    film_of,
    from_unit,
    noise,
    read_unit,
    slerp,
    straight,
)
from maquette.families.settings import PictureOptions
from maquette.media import in_batches
from maquette.media.film import Film
from maquette.media.table import with_names
from maquette.methods.variational import (
    LIKELIHOODS,
    bits_per_dimension,
    log_weights,
    weighted_bound,
)
from maquette.models.variational import VAE
from maquette.recipes.vae.settings import DrawOptions, ProbabilityOptions, WayOptions
from maquette.settings import Options, UserError
from maquette.trained import Trained

FARTHEST = 10_000  # of a latent from 0: what lies farther out is a mistake
UNUSUAL = 0.01  # a picture is unusual where fewer than this part of the test pictures are less probable


def sample(trained: Trained, inputs: Iterable[None], options: DrawOptions) -> Iterator[Picture]:
    """Pictures of latents drawn from the prior, or from where the training pictures of a class lie."""
    number = None if options.class_ is None else class_number(trained, options.class_)
    for start in range(0, options.count, AT_ONCE):
        latents = noise(min(AT_ONCE, options.count - start), (trained.model.latents,), options.seed, start)
        if number is not None:
            latents = of_class(latents, trained.processing, number)
        yield from drawn(trained.model, latents * options.temperature)


def encode(trained: Trained, inputs: Iterable[Picture], options: PictureOptions) -> Iterator[pd.DataFrame]:
    """Pictures, cut square and shrunk, to rows `latent_1` ..., and `detail_1` ... where there are two levels."""
    for some in in_batches(inputs, AT_ONCE):
        latents = means_of(trained.model, read(some, trained)).numpy()
        yield with_names(pd.DataFrame(latents, columns=names_of(trained.model)), some)


def decode(trained: Trained, inputs: Iterable[pd.DataFrame], options: Options) -> Iterator[Picture]:
    """Rows of latents to pictures, named by the column `file` or their number; details that are not given are 0.

    0 is what the prior expects of a detail, so that the picture is the likeliest one of its latents.
    """
    names, above = names_of(trained.model), 0
    for table in inputs:
        first = names[: trained.model.levels[0]]
        given = first if len(names) == len(first) or names[len(first)] not in table.columns else names
        check_columns([str(name) for name in table.columns], given)
        latents = np.zeros((len(table), len(names)))
        latents[:, : len(given)] = convert(table, dict.fromkeys(given, "number")).to_numpy(np.float64)
        for row, column in np.argwhere(~(np.abs(latents) <= FARTHEST))[:1]:
            raise UserError(
                f"Row {above + row + 1} of {names[column]!r} is no number from {-FARTHEST:,} to {FARTHEST:,}, "
                "as every latent is."
            )
        numbers = range(above + 1, above + len(table) + 1)
        files = list(table["file"].astype(str)) if "file" in table else [f"{number:05d}" for number in numbers]
        for name, picture in zip(files, drawn(trained.model, torch.from_numpy(latents).float()), strict=True):
            yield Picture(picture.pixels, name=name)
        above += len(table)


def probability(trained: Trained, inputs: Iterable[Picture], options: ProbabilityOptions) -> Iterator[pd.DataFrame]:
    """A row for each picture: `log_probability` in nats, at least; `bits_per_dimension`; `rank`; `unusual`.

    rank: the part of the test pictures that are less probable. unusual: `yes` where that is next to none. Each picture
    has the same chance, whatever others stand beside it: a fixed draw of its pixels, where these are black or white,
    and of its latents.
    """
    known, model = trained.processing, trained.model
    for some in in_batches(inputs, AT_ONCE):
        bound = -bounds_of(model, read(some, trained), options.draws, seed=0).double().numpy()
        rank = 1 - np.searchsorted(known["test_nats"], bound, side="left") / len(known["test_nats"])
        columns = {
            "log_probability": -bound,
            "bits_per_dimension": bits_per_dimension(bound, known["channels"] * known["size"] ** 2),
            "rank": rank,
            "unusual": np.where(rank < UNUSUAL, "yes", "no"),
        }
        yield with_names(pd.DataFrame(columns), some)


def interpolate(trained: Trained, inputs: Iterable[Picture], options: WayOptions) -> Iterator[Film]:
    """A film from picture to picture, through the latents."""
    pictures = list(inputs)
    if len(pictures) < 2:
        raise UserError("A way needs two pictures or more; give their folder, or several files.")
    check_frames(options.frames, len(pictures))
    stations = torch.cat([means_of(trained.model, read(some, trained)) for some in in_batches(pictures, AT_ONCE)])
    way = way_through(stations, options.frames, options.way)
    frames = torch.cat([expected_of(trained.model, some) for some in way.split(AT_ONCE)])
    yield film_of(frames * 2 - 1, options.rate)


def reconstruct(trained: Trained, inputs: Iterable[Picture], options: PictureOptions) -> Iterator[Picture]:
    """Each picture through its latents and back."""
    for some in in_batches(inputs, AT_ONCE):
        made = expected_of(trained.model, means_of(trained.model, read(some, trained)))
        for picture, pixels in zip(some, made.permute(0, 2, 3, 1).numpy(), strict=True):
            yield picture.answered(pixels)


# -- what they share with training and the report ----------------------------------------------------------------------


def read(pictures: Iterable[Picture], trained: Trained) -> Tensor:
    """Pictures as the network takes them, (N, C, H, W) in 0..1."""
    return read_unit(list(pictures), trained.processing).add_(1).div_(2)


def as_seen(pictures: Tensor, likelihood: str, uniform: Callable[..., Tensor]) -> Tensor:
    """Pictures, uint8 or 0..1, (N, C, H, W), as float32 in 0..1; for coins black and white, drawn by brightness.

    uniform(C, H, W): numbers in 0..1, of the shape of the pictures, or to be spread to it.
    """
    floats = pictures.float().div_(255) if pictures.dtype == torch.uint8 else pictures
    if likelihood != "bernoulli":
        return floats
    return (floats > uniform(*floats.shape[1:]).to(floats.device)).float()


@torch.no_grad()
def means_of(model: VAE, pictures: Tensor) -> Tensor:
    """The most likely latents of pictures in 0..1, (N, latents), on the processor."""
    return torch.cat([model.encode(some) for some in pictures.split(AT_ONCE)]).cpu()


@torch.no_grad()
def expected_of(model: VAE, latents: Tensor) -> Tensor:
    """The pictures that latents (N, latents) stand for, (N, C, H, W) in 0..1, on the processor."""
    device = next(model.parameters()).device
    return torch.cat([model.expected(some.to(device)).cpu() for some in latents.split(AT_ONCE)])


def drawn(model: VAE, latents: Tensor) -> Iterator[Picture]:
    """Pictures one by one, of latents (N, latents)."""
    for some in latents.split(AT_ONCE):
        for pixels in expected_of(model, some).permute(0, 2, 3, 1).numpy():
            yield Picture(pixels)


def made(model: VAE, latents: Tensor) -> Tensor:
    """The same as uint8 (N, C, H, W)."""
    return from_unit(expected_of(model, latents) * 2 - 1)


def bounds_of(model: VAE, pictures: Tensor, draws: int, seed: int) -> Tensor:
    """The weighted bound on log p of each picture in 0..1, (N,), with the same chance for each of them."""
    generator = torch.Generator().manual_seed(seed)
    coins = torch.rand(1, *pictures.shape[1:], generator=generator)
    shared = torch.randn(draws, 1, model.latents, generator=generator)
    seen = as_seen(pictures, model.likelihood, lambda *_: coins)
    weights = log_weights(
        model,
        seen,
        draws,
        lambda start, stop, count: shared[start:stop].expand(-1, count, -1),
        LIKELIHOODS[model.likelihood],
        AT_ONCE,
    )
    return weighted_bound(weights)


def names_of(model: VAE) -> list[str]:
    """The columns of a table of latents."""
    words = ("latent", "detail")
    return [f"{word}_{n + 1}" for word, count in zip(words, model.levels, strict=False) for n in range(count)]


def of_class(latents: Tensor, known: dict, number: int) -> Tensor:
    """Standard normal latents moved to where a class lies: as a normal distribution, of the latents of the picture."""
    mean, factor = (torch.as_tensor(known[name][number]) for name in ("class_means", "class_factors"))
    first = len(mean)
    return torch.cat([latents[:, :first] @ factor.T + mean, latents[:, first:]], 1)


def way_through(stations: Tensor, frames: int, way: str) -> Tensor:
    """`frames` latents along the way from station to station, (frames, latents), the first and the last among them.

    `spherical` turns from one to the other while the length goes evenly: the arc of two lengths would go astray where
    they lie opposite each other.
    """

    def turned(first: Tensor, last: Tensor, share: float) -> Tensor:
        lengths = first.norm().clamp_min(1e-12), last.norm().clamp_min(1e-12)
        return slerp(first / lengths[0], last / lengths[1], share) * torch.lerp(lengths[0], lengths[1], share)

    between = turned if way == "spherical" else straight
    places = np.linspace(0, len(stations) - 1, frames)
    legs = np.minimum(places.astype(int), len(stations) - 2)
    pairs = zip(places, legs, strict=True)
    return torch.stack([between(stations[leg], stations[leg + 1], float(at - leg)) for at, leg in pairs])
