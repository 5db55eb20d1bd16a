"""What restoring pictures needs beside its seven steps: pictures and their partners, spoiling, classical methods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from maquette.settings import UserError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from maquette.data.pictures.folders import Images
    from maquette.runs import Run

MOST_VALID = 8  # pictures
VALID_SIDE = 192  # pixels of the middle of a validation picture
LARGE = 2_000_000  # pixels; of a larger test picture the middle TEST_SIDE x TEST_SIDE are scored
TEST_SIDE = 1024
MOST_TEST_PIXELS = 12_000_000


class Pair(NamedTuple):
    """A picture as it should be and as it is given, both (H, W, C) float32, with its name."""

    name: str
    clean: np.ndarray
    spoiled: np.ndarray


@dataclass(frozen=True)
class Pictures:
    """Clean pictures, the spoiled ones that belong to them (or None), and pictures for the test (or None)."""

    clean: Images
    partners: Images | None
    test: Images | None
    channels: int

    def sizes(self) -> list[tuple[int, int, int]]:
        return [(entry.height, entry.width, self.channels) for entry in self.clean.entries]

    def read(self, number: int) -> tuple[np.ndarray, ...]:
        """The clean picture, and its partner where there are partners, in the run's number of channels."""
        from maquette.data.pictures.files import to_channels

        sets = [self.clean, *([self.partners] if self.partners else [])]
        return tuple(to_channels(each.read(number), self.channels) for each in sets)


def task_of(settings: Any) -> str:
    """What is to be undone: `pairs`, or one of the tasks."""
    return "pairs" if settings.pairs else settings.task


def spoil(pixels: np.ndarray, settings: Any, sigma: float | np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Pictures (N, H, W, C) as the task spoils them; `sigma` one for all or (N, 1, 1, 1)."""
    import numpy as np

    from maquette.methods import spoiling

    if settings.task == "noise":
        spoiled = spoiling.add_noise(pixels, sigma, generator)
    elif settings.task == "poisson":
        spoiled = spoiling.add_photon_noise(pixels, sigma, generator)
    elif settings.task == "downres":
        spoiled = spoiling.reduce_resolution(pixels, settings.factor)
    elif settings.task == "saturate":
        spoiled = spoiling.saturate(pixels, settings.saturation)
    else:
        spoiled = np.stack([spoiling.compress(each, settings.quality) for each in pixels])
    return np.clip(spoiled, 0, 1) if settings.clip else spoiled


def spoil_one(clean: np.ndarray, settings: Any, sigma: float, generator: np.random.Generator) -> np.ndarray:
    return spoil(clean[None], settings, sigma, generator)[0]


def noise_levels(settings: Any) -> tuple[float, float]:
    """The lowest and the highest standard deviation of `--sigma`."""
    low, _, high = settings.sigma.partition("..")
    return float(low), float(high or low)


def middle_sigma(settings: Any) -> float:
    return sum(noise_levels(settings)) / 2


def held_out(
    pictures: Pictures, numbers: list[int], settings: Any, run: Run, side: int | None = None
) -> Iterator[Pair]:
    """Pictures held out of training, each spoiled in its own way for good: by the seed and its place."""
    source = pictures.clean
    if pictures.test is not None and side is None:
        source = pictures.test
    for number in numbers:
        if source is pictures.clean:
            clean, *partner = pictures.read(number)
        else:
            from maquette.data.pictures.files import to_channels

            clean, partner = to_channels(source.read(number), pictures.channels), []
        area = middle(clean.shape, side or (TEST_SIDE if clean.shape[0] * clean.shape[1] > LARGE else 0))
        clean = clean[area]
        if partner:
            spoiled = partner[0][area]
        else:
            spoiled = spoil_one(clean, settings, middle_sigma(settings), run.random(f"spoil {side} {number}"))
        yield Pair(source.names[number], clean, spoiled)


def middle(shape: tuple[int, ...], side: int) -> tuple[slice, slice]:
    """The middle side x side of a picture; all of it for 0."""
    if not side:
        return slice(None), slice(None)
    starts = [max(0, (size - side) // 2) // 8 * 8 for size in shape[:2]]
    return slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side)


def choose_test(entries: list[Any], order: list[int]) -> list[int]:
    """As many of the pictures, in this order, as MOST_TEST_PIXELS hold; at least one."""
    chosen: list[int] = []
    pixels = 0
    for number in order:
        entry = entries[number]
        size = entry.height * entry.width
        pixels += TEST_SIDE**2 if size > LARGE else size
        if chosen and pixels > MOST_TEST_PIXELS:
            break
        chosen.append(number)
    return sorted(chosen)


def matched(clean: Images, spoiled: Images, run: Run, folder: str) -> tuple[Images, Images]:
    """Both sets, only with pictures of the same name (whatever the ending) and size in both."""
    from pathlib import PurePosixPath

    def stems(images: Images) -> dict[str, int]:
        return {str(PurePosixPath(name).with_suffix("")): number for number, name in enumerate(images.names)}

    here, there = stems(clean), stems(spoiled)
    alone = [name for name in here if name not in there] + [name for name in there if name not in here]
    if alone:
        run.warn(f"{len(alone)} pictures have no partner and were left out: {listed(alone)}.")
    both = [name for name in here if name in there]

    def size(images: Images, number: int) -> tuple[int, int]:
        return images.entries[number].height, images.entries[number].width

    fitting = [name for name in both if size(clean, here[name]) == size(spoiled, there[name])]
    unequal = [name for name in both if name not in set(fitting)]
    if unequal:
        run.warn(f"{len(unequal)} pictures differ in size from their partner and were left out: {listed(unequal)}.")
    if not fitting:
        why = f"they differ in size: {listed(unequal)}" if unequal else f"none has the same name: {listed(alone)}"
        raise UserError(f"--pairs {folder} holds no picture that fits one of the clean ones; {why}.")
    return only(clean, [here[name] for name in fitting]), only(spoiled, [there[name] for name in fitting])


def only(images: Images, numbers: list[int]) -> Images:
    """The set with those of its pictures, in that order."""
    return type(images)([images.entries[number] for number in numbers], images.left_out, images.most_pixels)


def listed(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


# -- what one would use instead ----------------------------------------------------------------------------------------


def classical(settings: Any, task: str) -> dict[str, Any]:
    """Methods without training: name -> function of a spoiled picture and a strength; see `tuned`."""
    from functools import partial

    from maquette.methods import classic_restoring as classic

    methods: dict[str, Any] = {
        "non-local means": classic.non_local_means,
        "wavelet": classic.wavelet,
        "total variation": classic.total_variation,
    }
    if task == "downres":
        return {"bicubic": partial(classic.bicubic, factor=settings.factor), **methods}
    if task == "saturate":
        return {"saturation divided again": partial(classic.desaturate, factor=settings.saturation)}
    return methods


def tuned(method: Any, valid: list[Pair]) -> float:
    """The strength with which a method does best on two validation pictures, of multiples of the error in them."""
    import numpy as np

    from maquette.measures.pictures import psnr

    some = valid[:2]
    error = float(np.sqrt(np.mean([np.mean((pair.spoiled - pair.clean) ** 2) for pair in some]))) or 0.01

    def score(strength: float) -> float:
        return float(np.mean([psnr(pair.clean, np.clip(method(pair.spoiled, strength), 0, 1)) for pair in some]))

    return max((error * factor for factor in (0.3, 0.5, 0.7, 0.9, 1.2, 1.6)), key=score)


def open_set(path: Path, smallest: int) -> Images:
    """The pictures of a folder, a zip file or a file, without those that have a side below `smallest`."""
    from maquette.data.pictures.folders import open_images

    try:
        return open_images(path, smallest=smallest)
    except UserError as error:
        hint = " A smaller --patch takes smaller pictures." if "too small" in str(error) else ""
        raise UserError(f"{error}{hint}") from None


def kept_as(entry: Any) -> np.dtype:
    """The numbers in which a picture is kept in memory: those of its file."""
    import numpy as np

    return np.dtype({"uint8": np.uint8, "uint16": np.uint16}.get(entry.depth, np.float32))
