"""Small pictures of one size, all in memory, with classes: from idx files or from pictures in folders."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from maquette.data.pictures import idx
from maquette.data.pictures.files import Picture, as_pixels, display_code, to_channels
from maquette.data.pictures.folders import open_images
from maquette.data.pictures.headers import Unreadable
from maquette.data.pictures.ranges import Range
from maquette.data.rows import split_rows
from maquette.data.threads import in_threads
from maquette.data.words import of_many
from maquette.settings import UserError


@dataclass
class SmallImages:
    """Pictures of one size.

    pixels (N, H, W, C) uint8, coded for display; labels (N,) int64, places in `classes`, or None; names of the files;
    test: the rows that the publisher keeps for testing, or None; notes: what was found and done, as sentences; counts:
    the range by which counts were scaled, or None.
    """

    pixels: np.ndarray
    labels: np.ndarray | None
    classes: list[str]
    names: list[str] | None = None
    test: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)
    counts: Range | None = None

    @property
    def known(self) -> dict[str, Any]:
        """What answering must know of the numbers in the files; of ordinary ones nothing."""
        return {"counts": list(self.counts)} if self.counts else {}


def split_images(
    images: SmallImages, seed: int, valid: float, test: float, *, evenly: bool = False
) -> tuple[list[np.ndarray], str]:
    """Rows of the training, validation and test part, each sorted, and how they were chosen, as a sentence.

    Where the publisher keeps rows for testing, those are the test part, otherwise the share `test`. `evenly`: each part
    holds each class in its share.
    """
    strata = images.labels if evenly else None
    if images.test is not None and len(images.test):
        rest = np.setdiff1d(np.arange(len(images.pixels)), images.test)
        parts = split_rows(len(rest), seed, valid, 0, None if strata is None else strata[rest])
        told = "The test part is the one that the publisher keeps for testing; the rest is split by the seed."
        return [rest[parts[0]], rest[parts[1]], np.sort(images.test)], told
    told = "Split by the seed, each class evenly over the parts." if evenly else "Split by the seed."
    return list(split_rows(len(images.pixels), seed, valid, test, strata)), told


class Readable(Protocol):
    """Pictures by their row, with their names, and a list for those that cannot be read."""

    left_out: list[tuple[str, str]]

    @property
    def names(self) -> Sequence[str]: ...

    def picture(self, number: int) -> Picture: ...


def read_rows(
    images: Readable, rows: Sequence[int], shape: Callable[[Picture], np.ndarray]
) -> tuple[list[int], list[np.ndarray]]:
    """Which of the rows can be read, and what `shape` makes of each; the others join `left_out` with their reasons."""

    def load(row: int) -> np.ndarray | str:
        try:
            return shape(images.picture(row))
        except Unreadable as error:
            return error.reason

    kept, made = [], []
    for row, one in zip(rows, in_threads(load, rows), strict=True):
        if isinstance(one, str):
            images.left_out.append((images.names[row], one))
        else:
            kept.append(row)
            made.append(one)
    return kept, made


def twins(pictures: np.ndarray, others: np.ndarray) -> int:
    """How many of `pictures` (N, ...) are, to the last bit, among the `others` (M, ...)."""
    known = {picture.tobytes() for picture in others}
    return sum(picture.tobytes() in known for picture in pictures)


def small_images(
    path: Path,
    *,
    name: str = "",
    size: int | None = None,
    channels: int | None = None,
    most: int | None = None,
    seed: int = 0,
    with_labels: bool = False,
) -> SmallImages:
    """Pictures of `size` x `size`: a folder of idx files as MNIST has them, or any pictures, with classes by folder.

    Other pictures are cut to the middle square and resized with antialiasing (Lanczos). `size` is 28 for idx files and
    32 for others; `channels` 1 if all are grey, otherwise 3. More than `most` are thinned out by chance.
    `with_labels`: a UserError where there are no classes, and pictures outside of the classes' folders are left out.
    `name` is that of the data set, if it has one: it may tell what the labels of idx files mean.
    """
    if files := idx.idx_files(path):
        pixels, labels, test = idx.read_folder(files)
        classes = idx.class_names(path, name, int(labels.max()))
        small = SmallImages(pixels, labels, classes, None, test)
        if most is not None and len(pixels) > most:
            small = _thinned(small, most, seed)
        if size is not None and size > min(pixels.shape[1:3]):
            small.notes.append(f"The pictures have a side below {size} pixels and were enlarged.")
        small.pixels = np.stack([_fitted(picture, size or picture.shape[0], channels or 1) for picture in small.pixels])
        return small
    return _from_pictures(path, size or 32, channels, most, seed, with_labels)


def _from_pictures(
    path: Path, size: int, channels: int | None, most: int | None, seed: int, with_labels: bool
) -> SmallImages:
    pictures = open_images(path, smallest=1, verify=False)
    pictures.settle_counts()
    folders, tests = pictures.folders(), pictures.tests()
    classes = sorted(set(folders) - {""})
    if with_labels and len(classes) < 2:
        raise UserError(
            f"{path} holds no classes; put the pictures of each class into a folder of its own, as cat/1.png."
        )
    has_labels = len(classes) > 1 and (with_labels or "" not in folders)
    rows = [row for row, folder in enumerate(folders) if folder or not with_labels]
    notes = []
    if len(rows) < len(folders):
        were = of_many(len(folders) - len(rows), "picture was", "pictures were")
        notes.append(f"{were} left out that lie outside of the folders of classes.")
    if most is not None and len(rows) > most:
        notes.append(f"{most:,} of {len(rows):,} pictures were taken, by chance.")
        rows = sorted(np.random.default_rng(seed).choice(rows, most, replace=False).tolist())
    wanted = channels or max(pictures.entries[row].channels for row in rows)

    def fitted(picture: Picture) -> np.ndarray:
        pixels = display_code(picture.pixels) if picture.is_linear else picture.pixels
        return _fitted(pixels, size, wanted)

    kept, squares = read_rows(pictures, rows, fitted)
    notes += pictures.notes()
    entries = [pictures.entries[row] for row in kept]
    if few := sum(min(entry.height, entry.width) < size for entry in entries):
        notes.append(f"{few:,} of {len(kept):,} pictures have a side below {size} pixels and were enlarged.")
    if not kept:
        raise UserError(f"{path} holds no picture that can be read ({' '.join(notes).rstrip('.')}).")
    return SmallImages(
        np.stack(squares),
        np.array([classes.index(folders[row]) for row in kept]) if has_labels else None,
        classes if has_labels else [],
        [pictures.names[row] for row in kept],
        np.flatnonzero(tests[kept]) if tests[kept].any() else None,
        notes,
        pictures.counts,
    )


def fit_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """(size, size, C) float32: what `small_images` makes of a picture (H, W, C) in 0..1, rounded to 8 bits as there."""
    return as_pixels(_fitted(pixels, size, pixels.shape[2]))


def _fitted(pixels: np.ndarray, size: int, channels: int) -> np.ndarray:
    """The middle square of a picture (H, W, C), uint8 or 0..1, as (size, size, channels) uint8."""
    if pixels.dtype != np.uint8 or pixels.shape[2] != channels:
        pixels = to_channels(as_pixels(pixels), channels)
        pixels = np.rint(np.clip(pixels, 0, 1) * np.float32(255)).astype(np.uint8)
    height, width, _ = pixels.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    if side == size:
        return cut
    picture = Image.fromarray(cut[..., 0] if channels == 1 else cut)
    return np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS)).reshape(size, size, channels)


def _thinned(small: SmallImages, most: int, seed: int) -> SmallImages:
    total = len(small.pixels)
    rows = np.sort(np.random.default_rng(seed).choice(total, most, replace=False))
    return SmallImages(
        small.pixels[rows],
        None if small.labels is None else small.labels[rows],
        small.classes,
        None if small.names is None else [small.names[row] for row in rows],
        None if small.test is None else np.flatnonzero(np.isin(rows, small.test)),
        [*small.notes, f"{most:,} of {total:,} pictures were taken, by chance."],
    )
