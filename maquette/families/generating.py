"""Pictures from nothing: what the recipes that make them share, from the data to films of what they make.

Networks see pictures as tensors (N, C, H, W) in -1..1; in memory they stay uint8. Noise has a generator for each
picture, on the processor: picture k of a seed is the same on every device, however many are made.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maquette.data.pictures.files import Picture, to_channels
from maquette.data.pictures.films import write_film
from maquette.data.pictures.mosaics import enlarged, mosaic
from maquette.data.pictures.ranges import range_in
from maquette.data.pictures.small import SmallImages, fit_square, small_images, split_images, twins
from maquette.data.rows import evenly
from maquette.data.sets.fetching import resolve
from maquette.data.words import of_many
from maquette.figures.images import grid, rows
from maquette.media.film import Film
from maquette.runs import Run, Step
from maquette.settings import UserError, nearest
from maquette.trained import Trained

FEWEST = 16  # pictures that something can be learnt from
MOST_SHOWN = 12  # classes in a picture of the report
RATE = 8.0  # frames a second of a film of samples
STAYS = 3  # frames that its end stays for, before it begins again
WIDE = 240  # pixels, the side that such a film has at least
AT_ONCE = 250  # pictures made together: more no longer fit the processor's cache


# -- the data ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pictures:
    """Pictures of one part of the data, uint8 (N, C, H, W), and their classes, int64 (N,), or None."""

    pictures: Tensor
    classes: Tensor | None

    def __len__(self) -> int:
        return len(self.pictures)

    def some(self, rows: np.ndarray | Tensor | slice) -> "Pictures":
        return Pictures(self.pictures[rows], None if self.classes is None else self.classes[rows])


@dataclass(frozen=True)
class GeneratorParts:
    """The three parts; `processing` has `size` and `channels` of a picture, the names of the `classes`, which may be
    none, and `shares`, the part of the training pictures that is of each class."""

    train: Pictures
    valid: Pictures
    test: Pictures
    processing: dict[str, Any]
    examples: list[np.ndarray]


def collect_pictures(
    data: str | None,
    size: int | None,
    most_pictures: int | None,
    seed: int,
    run: Run,
    *,
    multiple: int = 1,
    source: str = "mnist",
) -> SmallImages:
    """Small pictures, with classes where there are any; refused where nothing can be learnt from them.

    multiple: what the side of a picture must be a multiple of. source: the data set where `data` names none.
    """
    found = resolve(data, source)
    images = small_images(found.path, name=found.name, size=size, most=most_pictures, seed=seed)
    count, side, _, channels = images.pixels.shape
    if side % multiple:
        below = side - side % multiple
        raise UserError(f"--size {side} is no multiple of {multiple}; take {below} or {below + multiple}.")
    if count < FEWEST:
        few = of_many(count, "picture", "pictures")
        raise UserError(f"{found.path} holds {few} that can be used; give at least {FEWEST}.")
    if (images.pixels == images.pixels[0]).all():
        raise UserError(f"All {count:,} pictures of {found.path} are the same: there is nothing to learn from them.")
    run.record_source(found, pictures=count, classes=len(images.classes), notes=images.notes)
    run.fact("Size of a picture", f"{side} x {side}, {'grey' if channels == 1 else 'colour'}", "px")
    return images


def analyze_pictures(images: SmallImages, run: Run) -> dict[str, Any]:
    """Some pictures, of each class if there are classes, and the mean of all."""
    order = run.random("shown").permutation(len(images.pixels))
    if images.labels is not None and 1 < len(images.classes) <= MOST_SHOWN:
        drawn = {}
        for number, name in enumerate(images.classes):
            its = order[images.labels[order] == number][:16]
            if len(its):
                drawn[name] = beside(images.pixels[its], 16)
        run.picture("pictures", rows(drawn), "Some of each class")
    else:
        some = mosaic(list(images.pixels[order[:48]]), 12) / np.float32(255)
        run.picture("pictures", grid([some], 1, most_height=3.5), "Some of the pictures")
    sample = images.pixels[order[:5000]] / np.float32(255)
    run.picture(
        "mean",
        rows({"all pixels": [sample.mean(0), sample.std(0)]}, ["mean", "deviation"]),
        "Mean and standard deviation of every pixel",
        "The mean picture is the best guess of one who knows nothing; where the deviation is large, there is most to "
        "say.",
    )
    return {"pictures": len(images.pixels), "mean of all pixels": float(sample.mean())}


def prepare_pictures(
    images: SmallImages, run: Run, *, valid_share: float, test_share: float, seed: int
) -> GeneratorParts:
    """Training, validation and test part, each class in its share, and what making pictures must know."""
    chosen, told = split_images(images, seed, valid_share, test_share, evenly=images.labels is not None)
    run.say(told)
    pictures = torch.from_numpy(np.ascontiguousarray(images.pixels.transpose(0, 3, 1, 2)))
    classes = None if images.labels is None else torch.from_numpy(images.labels.astype(np.int64))
    whole = Pictures(pictures, classes)
    train, valid, test = (whole.some(part) for part in chosen)
    for name, part in (("Training", train), ("Validation", valid), ("Test", test)):
        run.fact(f"{name} pictures", len(part))
    run.say("Pixels stay whole numbers from 0 to 255 in memory; each batch becomes -1 to 1 when its turn comes.")
    if same := twins(images.pixels[chosen[2]], images.pixels[chosen[0]]):
        stand = of_many(same, "picture of the test part stands", "pictures of the test part stand")
        run.warn(f"{stand} in the training part as well: its scores may flatter.")
    shares: list[float] = []
    if train.classes is not None:
        counts = np.bincount(train.classes.numpy(), minlength=len(images.classes))
        shares = (counts / counts.sum()).tolist()
    _, size, _, channels = images.pixels.shape
    processing = {"size": size, "channels": channels, "classes": list(images.classes), "shares": shares}
    examples = [images.pixels[row] for row in chosen[2][evenly(len(chosen[2]), 5)]]
    return GeneratorParts(train, valid, test, {**processing, **images.known}, examples)


# -- between files and networks ----------------------------------------------------------------------------------------


def to_unit(pictures: Tensor) -> Tensor:
    """uint8 (N, C, H, W) as float32 in -1..1, the channels of a pixel side by side, as convolutions like them."""
    return pictures.float().div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last)


def from_unit(pictures: Tensor) -> Tensor:
    """Numbers in -1..1, cut off there, as uint8."""
    return pictures.float().add(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


def read_unit(pictures: Sequence[Picture], processing: dict[str, Any]) -> Tensor:
    """Pictures of any size and kind, cut square and shrunk as those of the run were, (N, C, H, W) in -1..1."""
    size, channels = processing["size"], processing["channels"]
    scaled = (one.in_range(range_in(processing)) for one in pictures)
    fitted = np.stack([fit_square(to_channels(one.pixels, channels), size) for one in scaled])
    return torch.from_numpy(fitted.transpose(0, 3, 1, 2).copy()).mul_(2).sub_(1)


def pixels_of(pictures: Tensor) -> np.ndarray:
    """(N, C, H, W), uint8 or in -1..1, as arrays (N, H, W, C) in 0..1."""
    floats = pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures.float().add(1).div_(2).clamp_(0, 1)
    return floats.permute(0, 2, 3, 1).cpu().numpy()


def pictures_of(pictures: Tensor) -> Iterator[Picture]:
    """(N, C, H, W), uint8 or in -1..1, as pictures one by one."""
    return (Picture(pixels) for pixels in pixels_of(pictures))


def class_number(trained: Trained, name: str) -> int:
    """The place of a class; `UserError` with the nearest name where the run does not know it."""
    classes = trained.processing["classes"]
    if not classes:
        raise UserError(f"{trained.folder} was trained on pictures without classes; leave --class out.")
    if name not in classes:
        raise UserError(f"The run knows no class {name}{nearest(name, classes)} (it has {', '.join(classes)})")
    return int(classes.index(name))


# -- chance ------------------------------------------------------------------------------------------------------------


class Noise:
    """Standard normal noise for pictures `first`, `first` + 1 ... of a seed, each from a generator of its own."""

    def __init__(self, count: int, seed: int, first: int = 0):
        seeds = (
            np.random.SeedSequence([seed, first + place]).generate_state(1, np.uint64)[0] for place in range(count)
        )
        self.generators = [torch.Generator().manual_seed(int(each)) for each in seeds]

    def __call__(self, *shape: int) -> Tensor:
        """The next numbers, (count, *shape), on the processor."""
        return torch.stack([torch.randn(shape, generator=each) for each in self.generators])


def noise(count: int, shape: Sequence[int], seed: int, first: int = 0) -> Tensor:
    """The first noise of pictures `first`, `first` + 1 ... of a seed: (count, *shape)."""
    return Noise(count, seed, first)(*shape)


def drawn_classes(count: int, shares: Sequence[float], seed: int, first: int = 0) -> Tensor:
    """A class for each of the pictures `first`, `first` + 1 ... of a seed, (count,), by the shares of training.

    One low-discrepancy sequence for each seed, so that few pictures already hold the classes in their shares.
    """
    start = np.random.default_rng([seed, 0]).random()
    places = (start + (np.arange(first, first + count) + 1) * 0.6180339887498949) % 1
    edges = np.cumsum(shares) / np.sum(shares)
    return torch.from_numpy(np.minimum(np.searchsorted(edges, places, side="right"), len(edges) - 1))


# -- ways from one to another ------------------------------------------------------------------------------------------


def straight(first: Tensor, last: Tensor, share: float) -> Tensor:
    """The point at `share` of the straight way from `first` to `last`."""
    return torch.lerp(first, last, share)


def slerp(first: Tensor, last: Tensor, share: float) -> Tensor:
    """The point at `share` of the arc from `first` to `last`; Shoemake 1985.

    sin((1 - t) a) / sin(a) first + sin(t a) / sin(a) last with the angle a between them: of noise, it keeps the length.
    """
    cosine = torch.dot(first.flatten(), last.flatten()) / (first.norm() * last.norm()).clamp_min(1e-12)
    angle = torch.acos(cosine.clamp(-1, 1))
    if angle.sin() < 1e-4:
        return torch.lerp(first, last, share)
    return (torch.sin((1 - share) * angle) * first + torch.sin(share * angle) * last) / angle.sin()


# -- films -------------------------------------------------------------------------------------------------------------


def check_frames(frames: int, stops: int) -> None:
    """Refuse a film that would leave out some of the pictures that it goes past."""
    if frames < stops:
        raise UserError(f"--frames {frames} are too few for {stops} pictures; each needs one at least.")


def film_of(frames: Tensor, rate: float = RATE) -> Film:
    """Pictures (N, C, H, W), uint8 or in -1..1, one after the other, large enough to be seen."""
    return Film(
        (np.broadcast_to(frame, (*frame.shape[:2], 3)) for frame in map(enlarged, pixels_of(frames))), len(frames), rate
    )


def sheet(pictures: Tensor, columns: int | None = None) -> np.ndarray:
    """Pictures (N, C, H, W), uint8 or in -1..1, as one grid (H, W, C) in 0..1, large enough to be seen."""
    return enlarged(mosaic(list(pixels_of(pictures)), columns), WIDE)


def beside(pictures: np.ndarray, columns: int | None = None) -> list[np.ndarray]:
    """Pictures (N, H, W, C), uint8 or in 0..1, as a single one for a row of a figure, with room for `columns`."""
    scale = 255 if pictures.dtype == np.uint8 else 1
    return [mosaic(list(pictures), columns or len(pictures)) / np.float32(scale)]


class Growth:
    """Samples from fixed seeds as training goes on, closer together at its beginning, and the film of them.

    It is kept with the run, so that a resumed one goes on with the same film.
    """

    def __init__(self, moments: int = 18):
        self.moments = [(place / (moments - 1)) ** 2 for place in range(moments)]
        self.next = 0
        self.frames: list[Tensor] = []
        self.steps: list[int] = []

    def see(self, step: Step, make: Callable[[], Tensor]) -> None:
        """Keep what `make` gives, uint8 (N, C, H, W), where a moment has come: the first step, the last, some between.

        What `make` makes must come from seeds of its own, and change nothing of the training.
        """
        if not step.is_last and (self.next == len(self.moments) or step.progress < self.moments[self.next]):
            return
        self.next = sum(moment <= step.progress for moment in self.moments)
        self.frames.append(make().cpu())
        self.steps.append(step.number)

    def show(self, run: Run, title: str = "Samples as training goes on") -> None:
        """The film, and some of its moments, each a row."""
        if not run.is_main or not self.frames:
            return
        (run.folder / "pictures").mkdir(exist_ok=True)
        still = [self.frames[-1]] * STAYS
        write_film(run.folder / "pictures" / "growth.webp", map(sheet, [*self.frames, *still]), RATE)
        run.film("growth.webp", title, "The same seeds at each moment; the film begins again after its end.")
        shown = evenly(len(self.frames), 6)
        drawn = {f"step {self.steps[place]:,}": beside(pixels_of(self.frames[place][:10])) for place in shown}
        run.picture("growth", rows(drawn, most_height=0.8), f"{title}: some moments", "Each column is one seed.")

    def state_dict(self) -> dict[str, Any]:
        return {"next": self.next, "frames": self.frames, "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.next, self.frames, self.steps = state["next"], list(state["frames"]), list(state["steps"])
