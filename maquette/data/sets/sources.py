"""Data sets by name: where each is from, and how it is had: from $MAQUETTE_DATA, the cache, a download, or made here.

Nothing heavy is imported at the top: `maquette data list` and `--help` read this table.
"""

import gzip
import hashlib
import os
import shutil
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from maquette.files import sha256_of
from maquette.settings import UserError, nearest

SECONDS = 15  # without an answer before a download is given up


@dataclass(frozen=True)
class Source:
    """A data set. `files`: name -> (address, sha256); no address means that the file is never downloaded.

    The sha256 of a .gz file is that of its content: who packs it again changes the file, not the data. A set of several
    files, or of folders (`is_folder`), is opened as a folder. `make` is the function in standins.py that writes the
    stand-in (or, where `standin` is empty, the set itself); `standin` says what it is.
    """

    name: str
    kind: str
    files: Mapping[str, tuple[str, str]]
    licence: str
    description: str
    example: str
    standin: str
    make: str
    is_folder: bool = False

    @property
    def file(self) -> str:
        """The file that recipes open, "" where it is the folder."""
        return "" if self.is_folder else next(iter(self.files))

    @property
    def is_embedded(self) -> bool:
        return not self.standin


@dataclass(frozen=True)
class Found:
    """Data on disk; `origin`: path, MAQUETTE_DATA, cache, download or embedded; `note`: a line for the user."""

    path: Path
    origin: str
    note: str = ""
    sha256: str = ""
    name: str = ""
    licence: str = field(default="", compare=False)


def _idx_files(folder: str, *sums: str) -> dict[str, tuple[str, str]]:
    """The four files of MNIST and of sets like it below an address, with their checksums in this order."""
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return {f"{name}-ubyte.gz": (f"{folder}{name}-ubyte.gz", each) for name, each in zip(names, sums, strict=True)}


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
    Source(
        name="mnist",
        kind="image",
        files=_idx_files(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        licence="none stated; LeCun, Cortes and Burges 1998",
        description="60,000 + 10,000 handwritten digits, grey, 28 x 28, 11 MB; predict the digit",
        example="a 7, white on black",
        standin="12,000 letters A to J drawn from matplotlib's fonts",
        make="letters_as_idx",
        is_folder=True,
    ),
    Source(
        name="fashion_mnist",
        kind="image",
        files=_idx_files(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        licence="MIT",
        description="60,000 + 10,000 clothes in 10 classes, grey, 28 x 28, 31 MB; predict the class",
        example="an ankle boot, white on black",
        standin="12,000 letters A to J drawn from matplotlib's fonts",
        make="letters_as_idx",
        is_folder=True,
    ),
    Source(
        name="photographs",
        kind="image",
        files={"photographs": ("", "")},
        licence="CC0 or public domain; china and flower CC BY 2.0",
        description="photographs that scikit-image and scikit-learn ship, grey and colour, 300 to 1000 pixels wide",
        example="astronaut.png, 512 x 512, colour",
        standin="",
        make="photographs",
        is_folder=True,
    ),
    Source(
        name="denoise",
        kind="image",
        files={"Train400": ("", ""), "BSD68": ("", ""), "Set12": ("", ""), "Set5": ("", "")},
        licence="none stated; the Berkeley photographs in it for non-commercial research",
        description="the usual photographs to train and test denoisers on: Train400, BSD68, Set12, Set5; 17 MB",
        example="Train400/test_001.png, 180 x 180, grey",
        standin="the photographs that scikit-image and scikit-learn ship",
        make="photographs",
        is_folder=True,
    ),
    Source(
        name="tinyshakespeare",
        kind="text",
        files={
            "input.txt": (
                "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            )
        },
        licence="public domain",
        description="40,000 lines of Shakespeare's plays in one file, 1.1 MB of plain letters; predict the next token",
        example="First Citizen: Before we proceed any further, hear me speak.",
        standin="the language reference that ships inside Python",
        make="python_reference",
    ),
    Source(
        name="classic_books",
        kind="text",
        files={"books.tar.xz": ("", "c0028618dfc3cee7f724bde3221a7fc723be563a31af0543f877e10530efe96e")},
        licence="public domain",
        description="12 books of English prose, War and Peace among them, 27 MB unpacked; predict the next token",
        example="Well, Prince, so Genoa and Lucca are now just family estates of the Buonapartes.",
        standin="the language reference that ships inside Python",
        make="python_reference",
    ),
    Source(
        name="turntable",
        kind="scene",
        files={"turntable": ("", "")},
        licence="Apache-2.0",
        description="a clay hare on a turntable, 40 views of 160 x 160 that Maquette renders itself, with points",
        example="000.png, seen from the front, and where its camera stands",
        standin="",
        make="clay_turntable",
        is_folder=True,
    ),
    Source(
        name="nerf_fox",
        kind="scene",
        files={
            "transforms.json": ("", "6e39ab762afa7a4ec3febae8048f7e3fbfab62aeb50e58a66645956d8679192c"),
            "images": ("", ""),
        },
        licence="NVIDIA Source Code License-NC (non-commercial)",
        description="50 hand-held photographs of a stuffed fox, 1080 x 1920, with cameras, from instant-ngp; 18 MB",
        example="images/0001.jpg and where its camera stands",
        standin="40 views of a clay hare on a turntable, rendered by Maquette",
        make="clay_turntable",
        is_folder=True,
    ),
    Source(
        name="nerf_lego_400",
        kind="scene",
        files={
            "transforms_train.json": ("", "82d46cfbd405d7da8562b6fa75b6fb0631a3f941adf66f0c023acb8bf9ea273a"),
            "transforms_test.json": ("", "7f89267e34a8e2115508856e9cd8510de8d66546d6bff2667ae5235fa8717b92"),
            "train": ("", ""),
            "test": ("", ""),
        },
        licence="none stated for the pictures; the model by Heinzelnisse, CC BY-NC",
        description="the Lego digger of NeRF at half its size, 100 + 25 transparent views of 400 x 400; 18 MB",
        example="train/r_0.png and where its camera stands",
        standin="40 views of a clay hare on a turntable, rendered by Maquette",
        make="clay_turntable",
        is_folder=True,
    ),
    Source(
        name="colmap_can",
        kind="scene",
        files={"images": ("", ""), "sparse": ("", "")},
        licence="none stated",
        description="71 frames of a walk around a can, 720 x 1280, with the COLMAP model of them; 8 MB",
        example="images/0000.jpg and where its camera stands",
        standin="40 views of a clay hare on a turntable, rendered by Maquette",
        make="clay_turntable",
        is_folder=True,
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
        later = "try again later, or " if any(address for address, _ in source.files.values()) else ""
        raise UserError(
            f"{name} cannot be had ({reason}); {later}put {', '.join(source.files)} into $MAQUETTE_DATA/{name}/."
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
    import pooch
    import requests

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
    from maquette.data.sets import standins

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
