"""Random patches of pictures, from memory that stays within a limit, flipped and turned.

Pictures are kept decoded. Where all of them do not fit, a window of each of some is kept, and every few batches one
window is replaced by another at a random place, so that in time all of every picture is seen.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

REFRESH_EVERY = 4  # batches between two new windows, where pictures do not fit
WINDOW = 512  # pixels, the side of a window

Reader = Callable[[int], tuple[np.ndarray, ...]]


class Patches:
    """`next(patches)` is one batch: arrays (N, size, size, C) float32, a tuple where a picture comes with its partner.

    `read(number)` gives the picture, or the pictures that belong together, (H, W, C) float32 of equal height and width.
    Every place in the kept pictures is equally likely. Patches are turned by quarters and mirrored at random, partners
    alike. State is small: windows are read again on resuming.
    """

    def __init__(
        self,
        read: Reader,
        sizes: list[tuple[int, int, int]],
        *,
        size: int,
        batch_size: int,
        seed: int,
        cache_mb: float,
        dtypes: list[np.dtype] | None = None,
    ):
        self.read, self.sizes, self.size, self.batch_size = read, sizes, size, batch_size
        self.generator = np.random.default_rng(seed)
        self.batches = 0
        self.dtypes = dtypes or [np.dtype(np.float32)] * len(sizes)
        room = cache_mb * 2**20
        weights = [h * w * c * t.itemsize for (h, w, c), t in zip(sizes, self.dtypes, strict=True)]
        self.all_fit = sum(weights) <= room
        if self.all_fit:
            self.places = [(number, 0, 0) for number in range(len(sizes))]
        else:
            side = max(WINDOW, 2 * size)
            window = max(
                min(h, side) * min(w, side) * c * t.itemsize for (h, w, c), t in zip(sizes, self.dtypes, strict=True)
            )
            slots = max(1, min(len(sizes), int(room / window)))
            chosen = self.generator.permutation(len(sizes))[:slots]
            self.places = [self._place(int(number)) for number in chosen]
        self.kept = [self._load(place) for place in self.places]
        self._areas()

    def _side(self) -> int:
        return max(WINDOW, 2 * self.size)

    def _place(self, number: int) -> tuple[int, int, int]:
        """A random window of a picture: (number, top, left)."""
        height, width, _ = self.sizes[number]
        top = int(self.generator.integers(max(1, height - self._side() + 1)))
        left = int(self.generator.integers(max(1, width - self._side() + 1)))
        return number, top, left

    def _load(self, place: tuple[int, int, int]) -> tuple[np.ndarray, ...]:
        number, top, left = place
        pictures = self.read(number)
        if not self.all_fit:
            side = self._side()
            pictures = tuple(each[top : top + side, left : left + side] for each in pictures)
        return tuple(packed(each, self.dtypes[number]) for each in pictures)

    def _areas(self) -> None:
        """Larger pictures are drawn from more often, by the number of places that a patch has in them."""
        areas = np.array([(p[0].shape[0] - self.size + 1) * (p[0].shape[1] - self.size + 1) for p in self.kept], float)
        self._ends = np.cumsum(areas / areas.sum())

    def __iter__(self) -> "Patches":
        return self

    def __next__(self) -> tuple[np.ndarray, ...]:
        if not self.all_fit and self.batches and self.batches % REFRESH_EVERY == 0:
            slot = int(self.generator.integers(len(self.kept)))
            self.places[slot] = self._place(int(self.generator.integers(len(self.sizes))))
            self.kept[slot] = self._load(self.places[slot])
            self._areas()
        self.batches += 1
        rolls = self.generator.random((self.batch_size, 3))
        turns = self.generator.integers(8, size=self.batch_size)
        drawn: list[tuple[np.ndarray, ...]] = []
        for (which, down, across), turn in zip(rolls, turns, strict=True):
            pictures = self.kept[min(int(np.searchsorted(self._ends, which)), len(self.kept) - 1)]
            top = int(down * (pictures[0].shape[0] - self.size + 1))
            left = int(across * (pictures[0].shape[1] - self.size + 1))
            patch = (each[top : top + self.size, left : left + self.size] for each in pictures)
            drawn.append(tuple(turned(each, int(turn)) for each in patch))
        return tuple(unpacked(np.stack(parts)) for parts in zip(*drawn, strict=True))

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self.generator.bit_generator.state, "batches": self.batches, "places": self.places}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.bit_generator.state = state["generator"]
        self.batches = state["batches"]
        places = [(number, top, left) for number, top, left in state["places"]]
        if places != self.places:
            self.places = places
            self.kept = [self._load(place) for place in places]
            self._areas()


def turned(patch: np.ndarray, turn: int) -> np.ndarray:
    """One of the eight ways to lay a square: `turn` % 4 quarter turns, mirrored from 4 on."""
    patch = np.rot90(patch, turn % 4)
    return patch[:, ::-1] if turn >= 4 else patch


def packed(pixels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Pixels 0..1 as the whole numbers of their file, or floats as they are."""
    if dtype.kind == "f":
        return np.ascontiguousarray(pixels, np.float32)
    return np.round(pixels * np.float32(np.iinfo(dtype).max)).astype(dtype)


def unpacked(pixels: np.ndarray) -> np.ndarray:
    """float32 again."""
    if pixels.dtype.kind == "f":
        return pixels
    return pixels.astype(np.float32) * np.float32(1 / np.iinfo(pixels.dtype).max)
