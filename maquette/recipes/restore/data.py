"""Pictures to restore: clean ones with spoiled partners or with a way to spoil them, and those held out of training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from maquette.data.pictures.files import to_channels
from maquette.data.pictures.folders import Entry, Images, open_images
from maquette.data.pictures.patches import Patches
from maquette.data.pictures.ranges import Range
from maquette.methods.spoiling import Spoiling
from maquette.settings import UserError

LARGE = 2_000_000  # pixels; of a larger test picture the middle TEST_SIDE x TEST_SIDE are scored
TEST_SIDE = 1024
MOST_TEST_PIXELS = 12_000_000


@dataclass(frozen=True)
class Pictures:
    """Clean pictures, and the spoiled ones that belong to them or the way to spoil them; read with so many channels."""

    clean: Images
    partners: Images | None
    spoiling: Spoiling
    channels: int

    def __len__(self) -> int:
        return len(self.clean)

    def size(self, number: int) -> tuple[int, int, int]:
        entry = self.clean.entries[number]
        return entry.height, entry.width, self.channels

    def read(self, number: int) -> tuple[np.ndarray, ...]:
        """The clean picture, and its partner where there are partners."""
        sets = [self.clean, *([self.partners] if self.partners else [])]
        return tuple(to_channels(each.read(number), self.channels) for each in sets)


class Pair(NamedTuple):
    """A picture as it should be and as it is given, both (H, W, C) float32, with its name."""

    name: str
    clean: np.ndarray
    spoiled: np.ndarray


@dataclass(frozen=True)
class HeldOut(Sequence[Pair]):
    """Pictures held out of training, read when asked for, each spoiled in its own way for good, by its number.

    random: `run.random`; side: of the middle that is taken, in pixels; None: the whole, but of large ones TEST_SIDE.
    """

    pictures: Pictures
    numbers: list[int]
    random: Callable[[str], np.random.Generator]
    side: int | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> Pair:  # type: ignore[override]
        number = self.numbers[place]
        clean, *partner = self.pictures.read(number)
        area = middle(clean.shape, self.side or (TEST_SIDE if clean.shape[0] * clean.shape[1] > LARGE else 0))
        clean = clean[area]
        if partner:
            spoiled = partner[0][area]
        else:
            spoiling, generator = self.pictures.spoiling, self.random(f"spoil {self.side} {number}")
            spoiled = spoiling(clean[None], sum(spoiling.levels) / 2, generator)[0]
        return Pair(self.pictures.clean.names[number], clean, spoiled)

    def first(self, count: int) -> "HeldOut":
        return replace(self, numbers=self.numbers[:count])


def spoiled_batch(patches: Patches, spoiling: Spoiling) -> tuple[np.ndarray, np.ndarray]:
    """The next patches (N, size, size, C), spoiled, each at a level of its own, and clean."""
    clean, *partner = next(patches)
    if partner:
        return partner[0], clean
    sigma = patches.generator.uniform(*spoiling.levels, (len(clean), 1, 1, 1))
    return spoiling(clean, sigma, patches.generator), clean


def middle(shape: tuple[int, ...], side: int) -> tuple[slice, slice]:
    """The middle side x side of a picture; all of it for 0."""
    if not side:
        return slice(None), slice(None)
    starts = [max(0, (size - side) // 2) // 8 * 8 for size in shape[:2]]
    return slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side)


def choose_test(entries: list[Entry], order: list[int]) -> list[int]:
    """As many of the pictures, in this order, as MOST_TEST_PIXELS hold; at least one."""
    chosen: list[int] = []
    pixels = 0
    for number in order:
        pixels += TEST_SIDE**2 if is_large(entries[number]) else entries[number].height * entries[number].width
        if chosen and pixels > MOST_TEST_PIXELS:
            break
        chosen.append(number)
    return sorted(chosen)


def is_large(entry: Entry) -> bool:
    return entry.height * entry.width > LARGE


def open_set(path: Path, smallest: int, counts: Range | None = None) -> Images:
    """The pictures of a folder, a zip file or a file, without those that have a side below `smallest`.

    counts: the range of counts, if another set has it already.
    """
    try:
        return open_images(path, smallest=smallest, counts=counts)
    except UserError as error:
        hint = " A smaller --patch takes smaller pictures." if "too small" in str(error) else ""
        raise UserError(f"{error}{hint}") from None


def kept_as(entry: Entry, counts: Range | None = None) -> np.dtype:
    """The numbers in which a picture is kept in memory: those of its file, where they run from black to white."""
    if counts is not None:
        return np.dtype(np.float32)
    return np.dtype({"uint8": np.uint8, "uint16": np.uint16}.get(entry.depth, np.float32))
