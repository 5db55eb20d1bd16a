"""Data sets by name: where each is from, and how it is had: from $MAQUETTE_DATA, the cache, a download, or made here.

Nothing heavy is imported at the top: `maquette data list` and `--help` read this table.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from maquette.files import sha256_of
from maquette.settings import UserError, nearest

SECONDS = 15  # without an answer before a download is given up


@dataclass(frozen=True)
class Source:
    """A data set. `files`: name -> (address, sha256); no address means that the file is always made here.

    `make` is the function in standins.py that writes the stand-in (or, where there is no address, the set itself);
    `standin` says what it is.
    """

    name: str
    kind: str
    files: Mapping[str, tuple[str, str]]
    licence: str
    description: str
    example: str
    standin: str
    make: str

    @property
    def file(self) -> str:
        """The file that recipes open."""
        return next(iter(self.files))

    @property
    def is_embedded(self) -> bool:
        return not any(address for address, _ in self.files.values())


@dataclass(frozen=True)
class Found:
    """Data on disk; `origin`: path, MAQUETTE_DATA, cache, download or embedded; `note`: a line for the user."""

    path: Path
    origin: str
    note: str = ""
    sha256: str = ""
    name: str = ""
    licence: str = field(default="", compare=False)


_SETS = (
    Source(
        name="california_housing",
        kind="table",
        files={
            "housing.csv": (
                "https://raw.githubusercontent.com/ageron/handson-ml2/master/datasets/housing/housing.csv",
                "8a3727f4cf54ac1a327f69b1d5b4db54c5834ea81c6e4efc0d163300022a685e",
            )
        },
        licence="Apache-2.0",
        description="20,640 blocks of the Californian census of 1990, 10 columns, 1.4 MB; predict median_house_value",
        example="-122.23, 37.88, 41, 880, 129, 322, 126, 8.3252, 452600, NEAR BAY",
        standin="a simulated census of 20,640 blocks from Maquette's own generator, not the real California",
        make="simulated_census",
    ),
    Source(
        name="iris",
        kind="table",
        files={"iris.csv": ("", "9cc1c345c71bcc9b486b74cbf6063fa66f4bb5e0f603a4b3c3471ec2e5e8e355")},
        licence="CC BY 4.0",
        description="150 irises, 4 lengths in cm and the species, as scikit-learn ships them; predict species",
        example="5.1, 3.5, 1.4, 0.2, setosa",
        standin="",
        make="iris_of_scikit_learn",
    ),
    Source(
        name="gravity",
        kind="table",
        files={"gravity.csv": ("", "")},
        licence="Apache-2.0",
        description="9 measured points of a falling ball, distance in metres and time in seconds; predict distance_m",
        example="45, 3",
        standin="",
        make="nine_measured_points",
    ),
)
SOURCES: dict[str, Source] = {source.name: source for source in _SETS}


def resolve(data: str | None, default: str) -> Found:
    """The file or folder at the path `data`, or the data set of that name; the set `default` where nothing is given."""
    if not data:
        return find(default)
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
        raise UserError(
            f"{name} cannot be had ({reason}); try again later, or put {source.file} into $MAQUETTE_DATA/{name}/."
        )
    return found


def cache_folder() -> Path:
    """$MAQUETTE_CACHE, or the user's cache folder."""
    if chosen := os.environ.get("MAQUETTE_CACHE"):
        return Path(chosen).expanduser()
    import pooch

    return Path(pooch.os_cache("maquette"))


def _named(name: str) -> Source:
    if name not in SOURCES:
        raise UserError(
            f"There is no data set {name!r}{nearest(name, SOURCES) or '; there are ' + ', '.join(SOURCES) + '.'}"
        )
    return SOURCES[name]


def _search(source: Source) -> tuple[Found | None, str]:
    """What was found, or None and why not."""
    _, known = source.files[source.file]
    if given := os.environ.get("MAQUETTE_DATA"):
        path = Path(given).expanduser() / source.name / source.file
        if path.is_file():
            if known and (actual := sha256_of(path)) != known:
                raise UserError(
                    f"{path} is not the file it should be (sha256 {actual[:9]}..., not {known[:9]}...); "
                    "fetch it again, or give it as --data PATH."
                )
            return Found(
                path, "MAQUETTE_DATA", sha256=known or sha256_of(path), name=source.name, licence=source.licence
            ), ""
    if source.is_embedded:
        return _embedded(source, ""), ""
    path = cache_folder() / source.name / source.file
    if path.is_file() and sha256_of(path) == known:
        return Found(path, "cache", sha256=known, name=source.name, licence=source.licence), ""
    if os.environ.get("MAQUETTE_OFFLINE", "") not in ("", "0"):
        return None, "MAQUETTE_OFFLINE is set"
    return _download(source, path)


def _download(source: Source, path: Path) -> tuple[Found | None, str]:
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    address, known = source.files[source.file]
    try:
        pooch.retrieve(
            address, f"sha256:{known}", path.name, path.parent, downloader=pooch.HTTPDownloader(timeout=SECONDS)
        )
    except requests.RequestException as error:
        return None, f"{address} does not answer: {type(error).__name__}"
    except ValueError:  # pooch: another checksum than ours; it has removed what came
        return None, f"what came from {address} has another checksum"
    except OSError as error:
        return None, f"{path.parent} cannot be written: {error.strerror or error}"
    note = f"{source.name} was downloaded from {address} to {path}."
    return Found(path, "download", note, known, source.name, source.licence), ""


def _embedded(source: Source, note: str) -> Found:
    """The file as it is made here, in the cache, or in a temporary folder where the cache cannot be written."""
    from maquette.data import standins

    label = source.file if source.is_embedded else f"simulated_{source.file}"
    for folder in (cache_folder() / source.name, Path(tempfile.gettempdir()) / f"maquette-{_user()}" / source.name):
        path = folder / label
        temporary = path.with_name(f".{label}.{os.getpid()}.part")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            getattr(standins, source.make)(temporary)
            temporary.replace(path)
        except OSError:
            continue
        finally:
            if temporary.exists():
                temporary.unlink()
        licence = source.licence if source.is_embedded else "Apache-2.0"
        return Found(path, "embedded", note, sha256_of(path), source.name, licence)
    raise UserError(
        f"Neither {cache_folder()} nor {tempfile.gettempdir()} can be written; set MAQUETTE_CACHE to a folder that can."
    )


def _user() -> str:
    return hashlib.sha256(str(Path.home()).encode()).hexdigest()[:8]
