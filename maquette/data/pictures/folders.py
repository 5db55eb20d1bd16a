"""Many pictures: from a folder, a zip file or a list, by their headers; and small ones all in memory, with classes."""

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from maquette.data.pictures import files as images
from maquette.data.pictures import idx
from maquette.data.pictures.files import MOST_PIXELS, SUFFIXES, Picture
from maquette.data.pictures.headers import Unreadable
from maquette.data.rows import split_rows
from maquette.data.sets.sources import Found
from maquette.settings import UserError

VERIFIED_BYTES = 500 * 2**20  # of decoded pixels; larger sets are not decoded before they are needed
THREADS = min(8, os.cpu_count() or 1)
NAMED = 10  # files that a note names; the rest is counted

TRAINING, VALIDATION, TESTING = {"train", "training"}, {"val", "valid", "validation"}, {"test", "testing"}


@dataclass(frozen=True)
class Entry:
    """A picture that can be read: `name` is its path below the root, with slashes; `member` its name in a zip file."""

    name: str
    path: Path
    member: str | None
    height: int
    width: int
    channels: int
    depth: str
    is_linear: bool


class Images:
    """Pictures on disk, in the order of their names, decoded when asked for; `open_images` makes one.

    `left_out` are the names and reasons of files that gave no picture.
    """

    def __init__(self, entries: list[Entry], left_out: list[tuple[str, str]], most_pixels: int = MOST_PIXELS) -> None:
        self.entries, self.left_out, self.most_pixels = entries, left_out, most_pixels
        self._archives = _Archives()
        self._not_finite: list[str] = []

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def names(self) -> list[str]:
        return [entry.name for entry in self.entries]

    def read(self, index: int) -> np.ndarray:
        """(H, W, C) float32; `Unreadable`, a UserError, if the file turns out to be damaged."""
        return self.picture(index).pixels

    def picture(self, index: int) -> Picture:
        entry = self.entries[index]
        archive = self._archives.of(entry.path) if entry.member else None
        return images.read_picture(entry.path, member=entry.member, most_pixels=self.most_pixels, archive=archive)

    def folders(self) -> list[str]:
        """The class of each picture: its first folder below the root, "" in the root itself.

        Folders that hold all others, and a level of train and test, are passed over: `set/train/cat/1.png` is a cat.
        """
        return _classes_and_tests(self.names)[0]

    def tests(self) -> np.ndarray:
        """Which pictures lie below a folder test, or val where there is no test, beside one called train: (N,) bool."""
        return _classes_and_tests(self.names)[1]

    def digest(self) -> str:
        """sha256 over names, sizes and contents of the files, in hexadecimal."""
        total = hashlib.sha256()
        for entry in self.entries:
            if entry.member is None:
                with open(entry.path, "rb") as file:
                    content, size = hashlib.file_digest(file, "sha256"), entry.path.stat().st_size
            else:
                archive = self._archives.of(entry.path)
                with archive.open(entry.member) as packed:
                    content, size = hashlib.file_digest(packed, "sha256"), archive.getinfo(entry.member).file_size  # type: ignore[arg-type]
            total.update(f"{entry.name}\0{size}\0".encode(errors="surrogateescape") + content.digest())
        return total.hexdigest()

    def notes(self) -> list[str]:
        """What was left out, and what was found while decoding, as sentences."""
        notes = []
        if self.left_out:
            were = "file was" if len(self.left_out) == 1 else "files were"
            told = _some([f"{name} ({reason})" for name, reason in self.left_out])
            notes.append(f"{len(self.left_out):,} {were} left out: {told}.")
        if self._not_finite:
            told = _some(self._not_finite)
            notes.append(f"Numbers that are not finite were read as 0 in {told}.")
        return notes

    def verify(self) -> None:
        """Decodes every picture once and moves those that are damaged from `entries` to `left_out`."""

        def check(index: int) -> tuple[str, int]:
            try:
                return "", self.picture(index).not_finite
            except Unreadable as error:
                return error.reason, 0

        kept = []
        for entry, (reason, not_finite) in zip(self.entries, _each(check, range(len(self))), strict=True):
            if reason:
                self.left_out.append((entry.name, reason))
            else:
                kept.append(entry)
            if not_finite:
                self._not_finite.append(entry.name)
        self.entries = kept
        self.left_out.sort()


def open_images(
    source: Path | Sequence[Path],
    *,
    smallest: int = 8,
    most_pixels: int = MOST_PIXELS,
    least: int = 1,
    verify: bool = True,
) -> Images:
    """The pictures of a folder and the folders below it, of a zip file, of one file, or of a list of these.

    Hidden files are passed over. Only headers are read; with `verify`, sets of up to 500 MB of pixels are decoded once,
    so that damaged files are left out here and not met in training. Left out, too, are empty files, pictures with a
    side below `smallest` and those of more than `most_pixels`. Fewer than `least` pictures are a UserError.
    """
    given = [Path(source)] if isinstance(source, (str, Path)) else [Path(path) for path in source]
    told = str(given[0]) if len(given) == 1 else f"The list of {len(given)} paths"
    found = _candidates(given)
    if not found:
        raise UserError(f"{told} holds no pictures; their endings are {', '.join(sorted(SUFFIXES))}.")
    archives = _Archives()

    def look(candidate: tuple[str, Path, str | None]) -> Entry | tuple[str, str]:
        name, path, member = candidate
        if member and _leads_outside(member):
            return name, "named as if it lay outside of the zip file"
        try:
            archive = archives.of(path) if member else None
            header = images.read_header(path, member=member, most_pixels=most_pixels, archive=archive)
        except Unreadable as error:
            return name, error.reason
        if min(header.height, header.width) < smallest:
            return name, f"too small: {header.width} x {header.height} pixels, at least {smallest} x {smallest} needed"
        return Entry(name, path, member, *header)

    looked = list(_each(look, found))
    pictures = Images(
        [entry for entry in looked if isinstance(entry, Entry)],
        [entry for entry in looked if not isinstance(entry, Entry)],
        most_pixels,
    )
    decoded = sum(4 * entry.height * entry.width * entry.channels for entry in pictures.entries)
    if verify and decoded <= VERIFIED_BYTES:
        pictures.verify()
    if len(pictures) < max(least, 1):
        count = "no picture" if not len(pictures) else f"only {len(pictures)} pictures"
        why = f" ({' '.join(pictures.notes()).rstrip('.')})" if pictures.left_out else ""
        least_of = f"; at least {least} are needed" if least > 1 else " that can be read"
        raise UserError(f"{told} holds {count}{least_of}{why}.")
    return pictures


def _candidates(given: list[Path]) -> list[tuple[str, Path, str | None]]:
    """Name, path and member of whatever may be a picture, in the order of the names."""
    for path in given:
        if not path.exists():
            raise UserError(f"There is no file or folder {path}.")
    alone = len(given) == 1
    try:
        root = None if alone else Path(os.path.commonpath([path.absolute().parent for path in given]))
    except ValueError:
        raise UserError("The pictures must all be on one drive.") from None
    found: dict[str, tuple[Path, str | None]] = {}
    for path in given:
        prefix = path.absolute().relative_to(root).as_posix() + "/" if root is not None else ""
        if path.is_dir():
            for folder, below, files in os.walk(path):
                below[:] = [name for name in below if not name.startswith(".")]
                for name in files:
                    file = Path(folder) / name
                    if not name.startswith(".") and file.suffix.lower() in SUFFIXES:
                        found[prefix + file.relative_to(path).as_posix()] = file, None
        elif path.suffix.lower() == ".zip":
            found |= {prefix + member: (path, member) for member in _members(path)}
        else:
            found[prefix.rstrip("/") or path.name] = path, None
    return [(name, *found[name]) for name in sorted(found)]


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member.filename for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path} cannot be read as a zip file: {error}.") from None
    shown = []
    for member in members:
        parts = PurePosixPath(member).parts
        hidden = any(part.startswith(".") and part != ".." for part in parts) or parts[0] == "__MACOSX"
        if not hidden and PurePosixPath(member).suffix.lower() in SUFFIXES:
            shown.append(member)
    return shown


def _leads_outside(member: str) -> bool:
    """Whether a member's name, joined to a folder, may be a path outside of it, on any system."""
    path = PureWindowsPath(member)  # knows both slashes, and drives
    return bool(path.anchor) or ".." in path.parts


class _Archives:
    """Open zip files, one of each for a process: threads may share them, forked processes may not."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, Path], zipfile.ZipFile] = {}

    def of(self, path: Path) -> zipfile.ZipFile:
        key = os.getpid(), path
        if key not in self._open:
            self._open[key] = zipfile.ZipFile(path)
        return self._open[key]

    def __getstate__(self) -> dict[str, Any]:
        return {"_open": {}}


def _classes_and_tests(names: Sequence[str]) -> tuple[list[str], np.ndarray]:
    folders = [name.split("/")[:-1] for name in names]
    while folders and len({parts[0] if len(parts) > 1 else None for parts in folders} - {None}) == 1:
        if not all(len(parts) > 1 for parts in folders):
            break
        folders = [parts[1:] for parts in folders]
    first = {parts[0].lower() if len(parts) > 1 else "" for parts in folders}
    tests = np.zeros(len(folders), bool)
    if first & TRAINING and len(first) >= 2 and first <= TRAINING | VALIDATION | TESTING:
        kept_for_testing = first & TESTING or first & VALIDATION
        tests = np.array([parts[0].lower() in kept_for_testing for parts in folders])
        folders = [parts[1:] for parts in folders]
    return [parts[0] if parts else "" for parts in folders], tests


def _each(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(function, items)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


# -- small pictures, all in memory -------------------------------------------------------------------------------------


@dataclass
class SmallImages:
    """Pictures of one size.

    pixels (N, H, W, C) uint8, coded for display; labels (N,) int64, places in `classes`, or None; names of the files;
    test: the rows that the publisher keeps for testing, or None; notes: what was found and done, as sentences.
    """

    pixels: np.ndarray
    labels: np.ndarray | None
    classes: list[str]
    names: list[str] | None = None
    test: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)


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


def small_images(
    found: Found,
    *,
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
    """
    if files := idx.idx_files(found.path):
        pixels, labels, test = idx.read_folder(files)
        classes = idx.class_names(found.path, found.name, int(labels.max()))
        small = SmallImages(pixels, labels, classes, None, test)
        if most is not None and len(pixels) > most:
            small = _thinned(small, most, seed)
        small.pixels = np.stack([_fitted(picture, size or picture.shape[0], channels or 1) for picture in small.pixels])
        return small
    return _from_pictures(found, size or 32, channels, most, seed, with_labels)


def _from_pictures(
    found: Found, size: int, channels: int | None, most: int | None, seed: int, with_labels: bool
) -> SmallImages:
    pictures = open_images(found.path, smallest=1, verify=False)
    folders, tests = pictures.folders(), pictures.tests()
    classes = sorted(set(folders) - {""})
    if with_labels and len(classes) < 2:
        raise UserError(
            f"{found.path} holds no classes; put the pictures of each class into a folder of its own, as cat/1.png."
        )
    has_labels = len(classes) > 1 and (with_labels or "" not in folders)
    rows = [row for row, folder in enumerate(folders) if folder or not with_labels]
    notes = []
    if len(rows) < len(folders):
        notes.append(f"{len(folders) - len(rows):,} pictures outside of the folders of classes were left out.")
    if most is not None and len(rows) > most:
        notes.append(f"{most:,} of {len(rows):,} pictures were taken, by chance.")
        rows = sorted(np.random.default_rng(seed).choice(rows, most, replace=False).tolist())
    wanted = channels or max(pictures.entries[row].channels for row in rows)

    def load(row: int) -> np.ndarray | str:
        try:
            picture = pictures.picture(row)
        except Unreadable as error:
            return error.reason
        pixels = images.display_code(picture.pixels) if picture.is_linear else picture.pixels
        return _fitted(pixels, size, wanted)

    kept, squares = [], []
    for row, square in zip(rows, _each(load, rows), strict=True):
        if isinstance(square, str):
            pictures.left_out.append((pictures.names[row], square))
        else:
            kept.append(row)
            squares.append(square)
    notes += pictures.notes()
    if not kept:
        raise UserError(f"{found.path} holds no picture that can be read ({' '.join(notes).rstrip('.')}).")
    return SmallImages(
        np.stack(squares),
        np.array([classes.index(folders[row]) for row in kept]) if has_labels else None,
        classes if has_labels else [],
        [pictures.names[row] for row in kept],
        np.flatnonzero(tests[kept]) if tests[kept].any() else None,
        notes,
    )


def fit_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """(size, size, C) float32: what `small_images` makes of a picture (H, W, C) in 0..1, rounded to 8 bits as there."""
    return images.as_pixels(_fitted(pixels, size, pixels.shape[2]))


def _fitted(pixels: np.ndarray, size: int, channels: int) -> np.ndarray:
    """The middle square of a picture (H, W, C), uint8 or 0..1, as (size, size, channels) uint8."""
    from PIL import Image  # comes with matplotlib; forty times as fast as OpenImageIO's resize

    if pixels.dtype != np.uint8 or pixels.shape[2] != channels:
        pixels = images.to_channels(images.as_pixels(pixels), channels)
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
