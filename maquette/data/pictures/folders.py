"""Many pictures: from a folder, a zip file or a list, known by their headers, decoded when asked for."""

import copy
import hashlib
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maquette.data.pictures.files import MOST_PIXELS, Picture, is_open, read_header, read_picture
from maquette.data.pictures.finding import find, leads_outside, zips_in
from maquette.data.pictures.headers import Unreadable
from maquette.data.pictures.kinds import SUFFIXES, WAYS_OUT
from maquette.data.pictures.ranges import Range, bits_used, widest
from maquette.data.rows import evenly
from maquette.data.threads import in_threads
from maquette.data.words import of_many
from maquette.settings import UserError

VERIFIED_BYTES = 500 * 2**20  # of decoded pixels; larger sets are not decoded before they are needed
NAMED = 10  # files that a note names; the rest is counted
ASKED = 32  # pictures by which it is told whether a set is of counts

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
    kind: str = ""
    pages: int = 1
    others: tuple[str, ...] = ()  # channels that are neither colours nor alpha

    @property
    def is_open(self) -> bool:
        """Whether its numbers may be counts."""
        return is_open(self.depth, self.kind)


class Images:
    """Pictures on disk, in the order of their names, decoded when asked for; `open_images` makes one.

    `left_out` are the names and reasons of files that gave no picture, `unread` the names and kinds of pictures that
    are known, but not read, `passed_over` links to folders that are read elsewhere; `counts`: the range by which counts
    are scaled, all alike; `not_finite`: names of those that were found to hold such numbers, so far.
    """

    def __init__(self, entries: list[Entry], left_out: list[tuple[str, str]], most_pixels: int = MOST_PIXELS) -> None:
        self.entries, self.left_out, self.most_pixels = entries, left_out, most_pixels
        self.unread: list[tuple[str, str]] = []
        self.passed_over: list[str] = []
        self.counts: Range | None = None
        self.not_finite: list[str] = []
        self._told: list[str] = []  # of these
        self._apart: list[str] = []  # counts among other pictures, each scaled by itself
        self._archives = _Archives()

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def names(self) -> list[str]:
        return [entry.name for entry in self.entries]

    def read(self, index: int) -> np.ndarray:
        """(H, W, C) float32; `Unreadable`, a UserError, if the file turns out to be damaged."""
        return self.picture(index).pixels

    def picture(self, index: int, page: int = 0, *, with_layers: bool = False) -> Picture:
        entry = self.entries[index]
        archive = self._archives.of(entry.path) if entry.member else None
        picture = read_picture(
            entry.path,
            member=entry.member,
            most_pixels=self.most_pixels,
            archive=archive,
            page=page,
            counts=self.counts,
            with_layers=with_layers,
        )
        if picture.not_finite and entry.name not in self.not_finite:
            self.not_finite.append(entry.name)
        return picture

    def only(self, numbers: list[int]) -> "Images":
        """Some of the pictures, with all that is known of the set."""
        some = copy.copy(self)
        some.entries = [self.entries[number] for number in numbers]
        return some

    def settle_counts(self, counts: Range | None = None) -> None:
        """One range for counts, from a few of the pictures, where most that may be counts are; or this one.

        In files of 16 bits counts are told by the bits that none of them uses.
        """
        asked = self._asked([index for index, entry in enumerate(self.entries) if entry.is_open])

        def look(index: int) -> tuple[str, Range | None]:
            try:
                return self.names[index], self.picture(index).counts
            except Unreadable:
                return "", None

        found = {name: range for name, range in in_threads(look, asked) if range}
        if found and (counts or 2 * len(found) >= len(asked)):
            self.counts = counts or widest(found.values())
        else:
            self._apart = list(found)
        sixteen = [index for index, entry in enumerate(self.entries) if entry.depth == "uint16"]
        if not asked and len(sixteen) == len(self.entries):
            self.counts = counts or self._bits_used(self._asked(sixteen))

    def _asked(self, numbers: list[int]) -> list[int]:
        return [numbers[place] for place in evenly(len(numbers), ASKED)] if numbers else []

    def _bits_used(self, asked: list[int]) -> Range | None:
        def most(index: int) -> float:
            try:
                return float(self.picture(index).pixels.max())
            except Unreadable:
                return 0.0

        return bits_used(round(65_535 * max(in_threads(most, asked), default=0)))

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

    def notes(self, *, all_pages: bool = False, with_left_out: bool = True) -> list[str]:
        """What was left out, and what was found while decoding, as sentences; `all_pages`: each page is read.

        with_left_out: tell of `left_out`, too, which others may tell together with their own.
        """
        notes = []
        if self.left_out and with_left_out:
            told = some([f"{name} ({reason})" for name, reason in self.left_out])
            notes.append(f"{_files(len(self.left_out))} left out: {told}.")
        for kind, way in WAYS_OUT.items():
            if names := [name for name, other in self.unread if other == kind]:
                told = way if len(names) == 1 else way.replace(" it ", " them ")
                notes.append(f"{_files(len(names), f'{kind} ')} left out, which cannot be read: {some(names)}; {told}.")
        if self.passed_over:
            one, many = "link leads to a folder that is", "links lead to folders that are"
            notes.append(f"{of_many(len(self.passed_over), one, many)} read already: {some(self.passed_over)}.")
        several = [] if all_pages else [entry for entry in self.entries if entry.pages > 1]
        if several:
            told = some([f"{entry.name} ({entry.pages:,} {page_word(entry.kind)}s)" for entry in several])
            notes.append(f"Only the first picture of {_of_files(len(several))} is read: {told}.")
        if layered := [entry for entry in self.entries if entry.others]:
            told = some([f"{entry.name} ({', '.join(entry.others)})" for entry in layered])
            notes.append(
                f"Only colours and alpha of {_of_files(len(layered))} are used, not the other channels: {told}."
            )
        if self.counts:
            names = [entry.name for entry in self.entries if entry.is_open or entry.depth == "uint16"]
            notes.append(
                f"The numbers of {_of_files(len(names))} are counts, not light from 0 to 1: {self.counts}, in all of "
                f"them ({some(names)})."
            )
        if self._apart:
            notes.append(f"Counts, not light from 0 to 1, were scaled by themselves in each of {some(self._apart)}.")
        return [*notes, *self.news()]

    def news(self) -> list[str]:
        """Of numbers that are not finite, where it was not said before: a set that is large is decoded bit by bit."""
        names = sorted(set(self.not_finite) - set(self._told))
        self._told += names
        return [f"Numbers that are not finite were read as 0 in {some(names)}."] if names else []

    def verify(self) -> None:
        """Decodes every picture once and moves those that are damaged from `entries` to `left_out`."""

        def check(index: int) -> str:
            try:
                self.picture(index)
            except Unreadable as error:
                return error.reason
            return ""

        kept = []
        for entry, reason in zip(self.entries, in_threads(check, range(len(self))), strict=True):
            if reason:
                self.left_out.append((entry.name, reason))
            else:
                kept.append(entry)
        self.entries = kept
        self.left_out.sort()


def open_images(
    source: Path | Sequence[Path],
    *,
    smallest: int = 8,
    most_pixels: int = MOST_PIXELS,
    least: int = 1,
    verify: bool = True,
    counts: Range | None = None,
) -> Images:
    """The pictures of a folder and the folders below it, of a zip file, of one file, or of a list of these.

    Hidden files are passed over, linked folders followed. Only headers are read; with `verify`, sets of up to 500 MB of
    pixels are decoded once, so that damaged files are left out here and not met in training, and counts get one range
    for all, or `counts`. Left out, too, are empty files, pictures with a side below `smallest` and those of more than
    `most_pixels`. Fewer than `least` pictures are a UserError.
    """
    given = [Path(source)] if isinstance(source, (str, Path)) else [Path(path) for path in source]
    told = str(given[0]) if len(given) == 1 else f"The list of {len(given)} paths"
    candidates = find(given)
    found = candidates.sorted()
    if not found:
        zips = zips_in(given[0]) if len(given) == 1 else []
        way_out = f"their endings are {', '.join(sorted(SUFFIXES))}"
        if zips:
            way_out = f"give one of {some([path.name for path in zips])}"
        raise UserError(f"{told} holds no pictures; {way_out}.")
    archives = _Archives()

    def look(candidate: tuple[str, Path, str | None]) -> Entry | tuple[str, str, str]:
        name, path, member = candidate
        if member and leads_outside(member):
            return name, "", "named as if it lay outside of the zip file"
        try:
            archive = archives.of(path) if member else None
            header = read_header(path, member=member, most_pixels=most_pixels, archive=archive)
        except Unreadable as error:
            return name, error.kind, error.reason
        if min(header.height, header.width) < smallest:
            few = f"too small: {header.width} x {header.height} pixels, at least {smallest} x {smallest} needed"
            return name, "", few
        return Entry(name, path, member, *header)

    looked = list(in_threads(look, found))
    failed = [each for each in looked if not isinstance(each, Entry)]
    pictures = Images(
        [entry for entry in looked if isinstance(entry, Entry)],
        [(name, reason) for name, kind, reason in failed if not kind],
        most_pixels,
    )
    pictures.unread = [(name, kind) for name, kind, _ in failed if kind]
    pictures.passed_over = candidates.passed_over
    decoded = sum(4 * entry.height * entry.width * entry.channels for entry in pictures.entries)
    if verify and decoded <= VERIFIED_BYTES:
        pictures.verify()
    if verify:
        pictures.settle_counts(counts)
    if len(found) == len(pictures.unread) == 1 and given[0].is_file() and not found[0][2]:
        kind = pictures.unread[0][1]
        raise UserError(f"{given[0]} is {kind}, which cannot be read; {WAYS_OUT[kind]}.")
    if len(pictures) < max(least, 1):
        count = "no picture" if not len(pictures) else f"only {of_many(len(pictures), 'picture', 'pictures')}"
        why = f" ({' '.join(pictures.notes()).rstrip('.')})" if pictures.notes() else ""
        least_of = f"; at least {least} are needed" if least > 1 else " that can be read"
        raise UserError(f"{told} holds {count}{least_of}{why}.")
    return pictures


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


def _files(count: int, kind: str = "") -> str:
    return f"{count:,} {kind}file{' was' if count == 1 else 's were'}"


def _of_files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"


def page_word(kind: str) -> str:
    """What a file of several pictures has."""
    return {"TIFF": "page", "OpenEXR": "part"}.get(kind, "frame")


def some(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
