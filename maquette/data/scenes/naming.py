"""Pictures found by the names that a scene's files give them, however they are written.

A name may be of another machine: with back-slashes, a drive or the folders of somebody's disk in front, another ending,
other letter case, another encoding. What is written is tried first, then the end of it.
"""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from maquette.data.pictures.kinds import SUFFIXES

ENDINGS = (".png", ".jpg", ".jpeg", ".JPG", ".PNG", ".webp")  # that a name without one is tried with, in this order
ENCODINGS = ("gb18030", "shift_jis", "euc_kr", "big5", "cp1252")  # of names that are no UTF-8
FOLDERS = ("images", "image", "input", "rgb", "images_2", "images_4", "images_8")  # that pictures lie in


@dataclass
class Found:
    """Files by the names that were asked for, why others have none, and which are written otherwise than their file."""

    files: dict[str, Path] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    otherwise: list[str] = field(default_factory=list)

    def note(self, source: str) -> list[str]:
        """A sentence where files have other names than `source` says."""
        if not self.otherwise:
            return []
        first = self.otherwise[0]
        count = f"{len(self.otherwise):,} pictures have" if len(self.otherwise) > 1 else "1 picture has"
        return [f"{count} another name than {source} gives, such as {self.files[first]} for {shown(first)}."]


def picture_folders(*bases: Path) -> list[Path]:
    """Where pictures are looked for: in the first of the usual folders that each base has, then in the bases."""
    inner = (next((base / name for name in FOLDERS if _holds_any(base / name)), base) for base in bases)
    return [folder for folder in dict.fromkeys([*inner, *bases]) if folder.is_dir()]


def _holds_any(folder: Path) -> bool:
    return folder.is_dir() and next(folder.iterdir(), None) is not None


def find_pictures(told: Iterable[str], roots: list[Path], inside: Path | None = None, *, least: int = 1) -> Found:
    """The picture file of each name, below one of `roots`: a name as it is written, or the end of it.

    A path that is absolute, or leads to a folder above, is followed, unless files must lie `inside` a folder. Of a name
    with folders in front at least the last parts, `least` of them, are those of the file.
    """
    found, listing = Found(), _Listing()
    where = roots[0] if roots else inside
    named: dict[Path, list[str]] = defaultdict(list)
    for name in dict.fromkeys(told):
        path = _as_written(name, roots, inside)
        if path is None and (path := _by_its_end(name, roots, listing, least)) is not None:
            named[path].append(name)
        if path is None:
            found.missing[name] = f"no such file in {where}"
        else:
            found.files[name] = path
    taken = {os.path.realpath(path) for name, path in found.files.items() if name not in named[path]}
    for path, names in named.items():
        if len(names) > 1 or os.path.realpath(path) in taken:
            for name in names:
                del found.files[name]
                found.missing[name] = f"no such file in {where}, and {path.name} there may be another picture"
        else:
            found.otherwise += names
    return found


def shown(name: str) -> str:
    """The name as text: bytes that are no UTF-8 are read as GB 18030, or else one by one."""
    raw = name.encode(errors="surrogateescape")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            pass
    return raw.decode("latin-1")


def _spellings(name: str) -> list[str]:
    """The name, and as it reads in other encodings, either way."""
    spelled = [name]
    if not name.isascii():
        raw = name.encode(errors="surrogateescape")
        for encoding in ENCODINGS:
            with suppress(UnicodeError):
                spelled.append(raw.decode(encoding))
            with suppress(UnicodeError):
                spelled.append(os.fsdecode(name.encode(encoding)))
    return spelled


def _as_written(name: str, roots: list[Path], inside: Path | None) -> Path | None:
    for spelled in dict.fromkeys(each for name in _spellings(name) for each in (name, name.replace("\\", "/"))):
        for root in roots:
            path = root / spelled
            if inside is not None and not path.resolve().is_relative_to(inside.resolve()):
                continue
            has_ending = not path.name or path.suffix.lower() in SUFFIXES
            others = [] if has_ending else [path.with_name(path.name + ending) for ending in ENDINGS]
            for file in [path, *others]:
                if _is_file(file):
                    return file
    return None


def _by_its_end(name: str, roots: list[Path], listing: "_Listing", least: int) -> Path | None:
    """The file whose path ends as the name does, with any ending and letter case; as much of the name as there is."""
    for spelled in _spellings(name):
        parts = [part for part in PureWindowsPath(spelled).parts if part not in (".", "..")]
        if PureWindowsPath(spelled).anchor:
            parts = parts[1:]
        for first in range(max(len(parts) - least + 1, min(len(parts), 1))):
            for root in roots:
                if (path := listing.find(root, parts[first:])) is not None:
                    return path
    return None


class _Listing:
    """What folders hold, by names without regard to letter case."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, list[str]]] = {}
        self._pictures: dict[Path, dict[str, list[str]]] = {}

    def find(self, root: Path, parts: list[str]) -> Path | None:
        for part in parts[:-1]:
            found = self._look(root)[0].get(_key(part), [])
            if part not in found and len(found) != 1:
                return None
            root = root / (part if part in found else found[0])
        pictures, key = self._look(root)[1], _key(parts[-1])
        for names in (pictures.get(key, []), pictures.get(_key(PurePosixPath(parts[-1]).stem), [])):
            if len(names) == 1:
                return root / names[0]
        return None

    def _look(self, folder: Path) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Its folders, and its pictures by whole names and by names without their ending."""
        if folder not in self._folders:
            folders: dict[str, list[str]] = defaultdict(list)
            pictures: dict[str, list[str]] = defaultdict(list)
            for entry in os.scandir(folder):
                if entry.is_dir():
                    folders[_key(entry.name)].append(entry.name)
                elif PurePosixPath(entry.name).suffix.lower() in SUFFIXES:
                    pictures[_key(entry.name)].append(entry.name)
                    pictures[_key(PurePosixPath(entry.name).stem)].append(entry.name)
            self._folders[folder], self._pictures[folder] = folders, pictures
        return self._folders[folder], self._pictures[folder]


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # longer than a name may be, or with a zero in it
        return False
