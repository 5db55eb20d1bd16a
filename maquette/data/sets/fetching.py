"""Data sets had by name or path: from $MAQUETTE_DATA, the cache, a download, or made here."""

import gzip
import hashlib
import os
import shutil
import tempfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import pooch
import requests

from maquette.data.cache import cache_folder
from maquette.data.sets import standins
from maquette.data.sets.catalogue import SOURCES, Source
from maquette.files import sha256_of
from maquette.settings import UserError, nearest

SECONDS = 15  # without an answer before a download is given up


@dataclass(frozen=True)
class Found:
    """Data on disk; `origin`: path, MAQUETTE_DATA, cache, download or embedded; `note`: a line for the user."""

    path: Path
    origin: str
    note: str = ""
    sha256: str = ""
    name: str = ""
    licence: str = field(default="", compare=False)


def resolve(data: str | None, default: str) -> Found:
    """The file or folder at the path `data`, or the data set of that name; the set `default` where nothing is given."""
    if data is None:
        return find(default)
    if not data.strip():
        raise UserError("--data is empty; give a path or a data set's name, or leave it away.")
    path = Path(data).expanduser()
    if path.exists():
        return Found(path, "path", sha256=sha256_of(path) if path.is_file() else "")
    if data in SOURCES:
        return find(data)
    beside = [str(path.parent / other.name) for other in path.parent.iterdir()] if path.parent.is_dir() else []
    hint = nearest(str(path), [*SOURCES, *beside]) or f"; give a path, or one of {', '.join(SOURCES)}."
    raise UserError(f"There is no file or folder {data!r} and no data set of that name{hint}")


def find(name: str) -> Found:
    """The data set, or its stand-in (said in `note`) where it cannot be had."""
    source = _named(name)
    found, reason = _search(source)
    if found:
        return found
    return _embedded(source, f"{name} cannot be had ({reason}); in its place {source.standin}.")


def get(name: str) -> Found:
    """The data set itself; a `UserError` where only a stand-in could be had."""
    source = _named(name)
    found, reason = _search(source)
    if not found:
        later = "try again later, or " if any(address for address, _ in source.files.values()) else ""
        raise UserError(
            f"{name} cannot be had ({reason}); {later}put {', '.join(source.files)} into $MAQUETTE_DATA/{name}/."
        )
    return found


def _named(name: str) -> Source:
    if name not in SOURCES:
        raise UserError(
            f"There is no data set {name!r}{nearest(name, SOURCES) or '; there are ' + ', '.join(SOURCES) + '.'}"
        )
    return SOURCES[name]


def _search(source: Source) -> tuple[Found | None, str]:
    """What was found, or None and why not."""
    reason = ""
    if given := os.environ.get("MAQUETTE_DATA"):
        folder = Path(given).expanduser() / source.name
        missing = [name for name in source.files if not (folder / name).exists()]
        if not missing:
            for name, (_, known) in source.files.items():
                if known and (actual := checksum(folder / name)) != known:
                    raise UserError(
                        f"{folder / name} is not the file it should be (sha256 {actual[:9]}..., not {known[:9]}...); "
                        "fetch it again, or give it as --data PATH."
                    )
            return _found(source, folder, "MAQUETTE_DATA"), ""
        reason = f"{folder} lacks {', '.join(missing)}" if folder.is_dir() else f"there is no {folder}"
    if source.is_embedded:
        return _embedded(source, ""), ""
    if not all(address for address, _ in source.files.values()):
        return None, reason or "it may not be passed on, and MAQUETTE_DATA is not set"
    folder = cache_folder() / source.name
    if all((folder / name).is_file() and checksum(folder / name) == known for name, (_, known) in source.files.items()):
        return _found(source, folder, "cache"), ""
    if os.environ.get("MAQUETTE_OFFLINE", "") not in ("", "0"):
        return None, "MAQUETTE_OFFLINE is set"
    return _download(source, folder)


def _found(source: Source, folder: Path, origin: str, note: str = "") -> Found:
    path = folder / source.file
    known = [sha256 for _, sha256 in source.files.values()]
    if not all(known):
        known = [] if source.is_folder else [checksum(path)]
    return Found(path, origin, note, _together(known), source.name, source.licence)


def checksum(path: Path) -> str:
    """sha256 of a file in hexadecimal; of a .gz file, of its content; "" where that is damaged."""
    if path.suffix != ".gz":
        return sha256_of(path)
    try:
        with gzip.open(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return ""


def _together(checksums: list[str]) -> str:
    """One checksum for several files; that of a single file is its own, that of none is empty."""
    if len(checksums) < 2:
        return "".join(checksums)
    return hashlib.sha256("".join(checksums).encode()).hexdigest()


def _download(source: Source, folder: Path) -> tuple[Found | None, str]:
    pooch.get_logger().setLevel("ERROR")
    for name, (address, known) in source.files.items():
        path = folder / name
        if path.is_file() and checksum(path) == known:
            continue
        arriving = path.with_name(f"{os.getpid()}.{name}")
        try:
            pooch.retrieve(address, None, arriving.name, folder, downloader=pooch.HTTPDownloader(timeout=SECONDS))
            if checksum(arriving) != known:
                return None, f"what came from {address} has another checksum"
            arriving.replace(path)
        except requests.RequestException as error:
            return None, f"{address} does not answer: {type(error).__name__}"
        except OSError as error:
            return None, f"{folder} cannot be written: {error.strerror or error}"
        finally:
            arriving.unlink(missing_ok=True)
    address = next(iter(source.files.values()))[0]
    where = address.rpartition("/")[0] + "/" if len(source.files) > 1 else address
    note = f"{source.name} was downloaded from {where} to {folder / source.file}."
    return _found(source, folder, "download", note), ""


def _embedded(source: Source, note: str) -> Found:
    """What is made here, in the cache, or in a temporary folder where the cache cannot be written."""
    if source.is_folder:
        label = f"{source.make}-{standins.VERSIONS[source.make]}"
    else:
        label = source.file if source.is_embedded else standins.FILES.get(source.make, f"simulated_{source.file}")
    for folder in (cache_folder() / source.name, Path(tempfile.gettempdir()) / f"maquette-{_user()}" / source.name):
        path = folder / label
        temporary = path.with_name(f".{label}.{os.getpid()}.part")
        try:
            if not (source.is_folder and path.is_dir()):
                folder.mkdir(parents=True, exist_ok=True)
                getattr(standins, source.make)(temporary)
                _put(temporary, path)
        except OSError:
            continue
        finally:
            if temporary.is_dir():
                shutil.rmtree(temporary, ignore_errors=True)
            elif temporary.exists():
                temporary.unlink()
        taken = next((other for other in SOURCES.values() if other.is_embedded and other.make == source.make), None)
        licence = taken.licence if taken else "Apache-2.0"
        sums = [checksum(file) for file in sorted(path.iterdir())] if path.is_dir() else [checksum(path)]
        return Found(path, "embedded", note, _together(sums), source.name, licence)
    raise UserError(
        f"Neither {cache_folder()} nor {tempfile.gettempdir()} can be written; set MAQUETTE_CACHE to a folder that can."
    )


def _put(temporary: Path, path: Path) -> None:
    """Renamed into place; a folder that another process has made meanwhile stays."""
    try:
        temporary.replace(path)
    except OSError:
        if not (temporary.is_dir() and path.is_dir()):
            raise


def _user() -> str:
    return hashlib.sha256(str(Path.home()).encode()).hexdigest()[:8]
