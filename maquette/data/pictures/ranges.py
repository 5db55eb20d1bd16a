"""Numbers without a scale of their own, as cameras and scanners count them: which of them are 0 and 1 of a picture."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

FARTHEST = 2.0**32  # numbers beyond are neither light nor counts
LOOKED_AT = 2**20  # numbers of a picture that its range is told by
BEYOND, FAR_BEYOND = 8.0, 100.0  # half of the numbers, or one in a hundred, above this are counts and not light
MOST_OF_TWELVE = 2**12 - 1  # of 16 bits: a sixteenth of white
STRAY = 4.0  # a few numbers so many times larger than all others do not widen the range


class Range(NamedTuple):
    """The number that is 0 in a picture and the one that is 1."""

    low: float
    high: float

    def inward(self, numbers: np.ndarray) -> np.ndarray:
        """Counts as pixels, float32, in place where they are."""
        if self.low:
            numbers -= np.float32(self.low)
        numbers /= np.float32(self.high - self.low)
        return numbers

    def outward(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels as counts, in a new array."""
        return pixels * np.float32(self.high - self.low) + np.float32(self.low)

    def __str__(self) -> str:
        return f"{self.low:,.0f} is taken as 0 and {self.high:,.0f} as 1"


SIXTEEN_BITS = Range(0.0, 65_535.0)


def range_of(numbers: np.ndarray, *, is_whole: bool = False) -> Range | None:
    """The range that counts fill, to the next power of two; nothing for light, 1 being white.

    numbers: (H, W, C) float32, finite; `is_whole`: the file says that they are whole. A `ValueError` completes
    `it is ...`.
    """
    least, most = float(numbers.min()), float(numbers.max())
    if max(-least, most) > FARTHEST:
        raise ValueError(
            f"made of numbers from {least:.3g} to {most:.3g}, which fit neither light nor counts; bring them to 0..1 "
            "first"
        )
    some = numbers.ravel()[:: max(1, numbers.size // LOOKED_AT)]
    size = np.abs(some)
    is_whole = is_whole or (most > BEYOND and bool((some == np.rint(some)).all()))
    if not is_whole and np.median(size) <= BEYOND and np.percentile(size, 99) <= FAR_BEYOND:
        return None
    top = float(np.percentile(some, 99.9))
    high = power_above(min(most, STRAY * top) if top > 0 else most, 8 if is_whole else 1) - 1
    if np.percentile(some, 5) >= -high / 4:
        return Range(0.0, high)
    return Range(-power_above(-float(np.percentile(some, 0.1)) - 1, 1), high)


def bits_used(most: float) -> Range | None:
    """The range of files of 16 bits in which no number is above `most`, where cameras count with 12 bits at most."""
    high = power_above(most, 8) - 1
    return Range(0.0, high) if most > 0 and high <= MOST_OF_TWELVE else None


def power_above(number: float, least: int) -> float:
    """The power of two, at least 2^`least`, above `number`."""
    return float(2 ** max(least, int(np.floor(np.log2(max(number, 1))) + 1)))


def range_in(processing: Mapping[str, Any]) -> Range | None:
    """The range that a run was trained with, if it was trained on counts."""
    return Range(*processing["counts"]) if processing.get("counts") else None


def widest(ranges: Iterable[Range]) -> Range:
    """The range that holds them all."""
    low, high = zip(*ranges, strict=True)
    return Range(min(low), max(high))
