"""Files that may be pictures: in folders and the folders below, in zip files, in lists of these."""

import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from maquette.data.pictures.kinds import SUFFIXES, UNREAD
from maquette.settings import UserError

MADE = ".made-by-maquette"  # a folder that holds this file holds answers, and is not read with the folder around it
KNOWN = SUFFIXES | set(UNREAD)


@dataclass
class Found:
    """Path and member of a zip file, by name; links to folders that are read elsewhere already."""

    files: dict[str, tuple[Path, str | None]] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)

    def sorted(self) -> list[tuple[str, Path, str | None]]:
        """By name; bytes of a name that are no UTF-8 are spelt out, so that tables and other systems take it."""
        return [(spelt(name), *self.files[name]) for name in sorted(self.files)]


def spelt(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "backslashreplace").decode().replace("\\", "_")
    return name


def find(given: list[Path]) -> Found:
    """Whatever may be a picture, named by its path below what was given.

    A folder of no picture but one zip file, as sets are kept, stands for that file.
    """
    for path in given:
        if not path.exists():
            raise UserError(f"There is no file or folder {path}.")
    alone = len(given) == 1
    try:
        root = None if alone else Path(os.path.commonpath([path.absolute().parent for path in given]))
    except ValueError:
        raise UserError("The pictures must all be on one drive.") from None
    found = Found()
    for path in given:
        prefix = path.absolute().relative_to(root).as_posix() + "/" if root is not None else ""
        if path.is_dir():
            walk(path, prefix, found)
        elif path.suffix.lower() == ".zip":
            found.files |= {prefix + member: (path, member) for member in members(path)}
        else:
            found.files[prefix.rstrip("/") or path.name] = path, None
    if alone and not found.files and len(zips := zips_in(given[0])) == 1:
        return find(zips)
    return found


def zips_in(path: Path) -> list[Path]:
    """The zip files of a folder, but for hidden ones."""
    return sorted(each for each in path.glob("*.zip") if not each.name.startswith("."))


def walk(root: Path, prefix: str, found: Found) -> None:
    """The files below a folder; linked folders are followed after all others, and none is read twice."""
    waiting, seen = [(root, prefix)], set()
    while waiting:
        links = []
        for top, before in waiting:
            if os.path.realpath(top) in seen:
                found.passed_over.append(before.rstrip("/"))
                continue
            for folder, below, files in os.walk(top):
                real = os.path.realpath(folder)
                if real in seen or (MADE in files and Path(folder) != root):
                    below.clear()
                    continue
                seen.add(real)
                here = before + (Path(folder).relative_to(top).as_posix() + "/" if Path(folder) != top else "")
                below[:] = [name for name in below if not name.startswith(".")]
                links += [
                    (Path(folder) / name, f"{here}{name}/") for name in below if (Path(folder) / name).is_symlink()
                ]
                for name in files:
                    if not name.startswith(".") and Path(name).suffix.lower() in KNOWN:
                        found.files[here + name] = Path(folder) / name, None
        waiting = sorted(links)


def members(path: Path) -> list[str]:
    """The names in a zip file that may be pictures; hidden ones are passed over."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [member.filename for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path} cannot be read as a zip file: {error}.") from None
    shown = []
    for name in names:
        parts = PurePosixPath(name).parts
        hidden = any(part.startswith(".") and part != ".." for part in parts) or parts[0] == "__MACOSX"
        if not hidden and PurePosixPath(name).suffix.lower() in KNOWN:
            shown.append(name)
    return shown


def leads_outside(member: str) -> bool:
    """Whether a member's name, joined to a folder, may be a path outside of it, on any system."""
    path = PureWindowsPath(member)  # knows both slashes, and drives
    return bool(path.anchor) or ".." in path.parts
