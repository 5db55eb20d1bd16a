"""Pictures: arrays, PIL images, files, folders, zip files; answers keep the name, depth and metadata of theirs."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from maquette.data.cache import cache_folder
from maquette.data.pictures.files import Picture, as_pixels, write_picture
from maquette.data.pictures.finding import KNOWN, MADE
from maquette.data.pictures.folders import open_images, page_word, some
from maquette.data.pictures.kinds import EXR, FALLBACK, WRITTEN
from maquette.data.pictures.mosaics import mosaic
from maquette.data.pictures.ranges import range_of
from maquette.figures.images import grid, rows
from maquette.files import cannot_write
from maquette.media import Asked, check_target, is_folder, only_path
from maquette.progress import Progress
from maquette.settings import UserError, nearest

ALMOST = 0.75  # how alike an ending is to one of pictures that is another, mistyped
COUNTED = ("int8", "int16", "int32", "uint32", "float16", "float32", "float64")  # arrays whose numbers files hold


def accepts(given: Any) -> bool:
    if only_path(given):
        path = Path(given)
        return is_folder(path) or path.suffix.lower() in {*KNOWN, ".zip"}
    return isinstance(given, np.ndarray) or hasattr(given, "getbands")


def is_one(given: Any) -> bool:
    """A file, a PIL image, or an array (H, W) or (H, W, C) of 1, 3 or 4 channels."""
    if only_path(given):
        return not is_folder(given) and Path(given).suffix.lower() != ".zip"
    if hasattr(given, "getbands"):
        return True
    shape: tuple[int, ...] = getattr(given, "shape", ())
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 2, 3, 4))


def read(given: list[Any], say: Callable[[str], None], options: Any = None) -> Iterator[Picture]:
    """One after the other; those that cannot be read are said and left out. options: `PictureOptions`, if any."""
    if not all(map(only_path, given)):
        yield from map(of_array, given)
        return
    paths = [Path(each) for each in given]
    images = open_images(paths if len(paths) > 1 else paths[0], smallest=1, verify=False)
    wants_all = getattr(options, "pages", "first") == "all"
    for note in images.notes(all_pages=wants_all):
        say(note)
    if not wants_all and any(entry.pages > 1 for entry in images.entries):
        say("With --pages all the others are read, too.")
    read, refused, scaled = 0, None, False
    with closing(Progress("predicting", "picture")) as progress:
        for number, entry in enumerate(images.entries):
            pages = entry.pages if wants_all else 1
            for page in range(pages):
                try:
                    picture = images.picture(number, page, with_layers=True)
                except UserError as error:
                    if len(images) == pages == 1:
                        raise
                    part = f", {page_word(entry.kind)} {page + 1}" if pages > 1 else ""
                    say(f"Left out{part}: {error}")
                    refused = error
                    continue
                name = numbered(entry.name, page + 1, pages) if pages > 1 else entry.name
                if picture.counts and not scaled:
                    say(
                        f"The numbers of {name} are counts, not light from 0 to 1, and the answer has counts as well: "
                        f"{picture.counts}, unless the run was trained on counts and has a range of its own."
                    )
                    scaled = True
                yield replace(picture, name=name, file=entry.path)
                read += 1
            if len(images) > 1:
                progress.update(number + 1, len(images))
    for note in images.news():
        say(note)
    if refused is not None and not read:
        raise UserError(f"None of the pictures of {paths[0]} could be read to the end.")


def of_array(given: Any) -> Picture:
    """A picture in memory; floats that are plainly counts are taken as such, and so are whole numbers that have no
    white of their own, as those of 32 bits, or with a sign.
    """
    kind = given.dtype if isinstance(given, np.ndarray) else np.dtype(np.uint8)
    is_whole = has_no_white(kind)
    pixels = as_pixels(given.astype(np.float64) if is_whole else given)
    counts = None
    if getattr(given, "mode", "") == "F" or is_whole or kind.kind == "f":
        try:
            counts = range_of(pixels, is_whole=is_whole)
        except ValueError as error:
            raise UserError(f"The picture is {error}.") from None
    if counts is None:
        return Picture(pixels, depth="uint16" if kind == np.uint16 else "uint8")
    return Picture(counts.inward(pixels), depth=kind.name if kind.name in COUNTED else "float32", counts=counts)


def has_no_white(kind: np.dtype) -> bool:
    """Whether arrays of this kind hold whole numbers of which none is white by itself."""
    return kind.kind in "iu" and kind not in (np.uint8, np.uint16)


def numbered(name: str, page: int, pages: int) -> str:
    """`a-001.tif` of `a.tif`."""
    path = PurePosixPath(name)
    return path.with_name(f"{path.stem}-{page:0{max(3, len(str(pages)))}d}{path.suffix}").as_posix()


def write(answers: Iterable[Picture], out: Path | None, asked: Asked, say: Callable[[str], None]) -> Path:
    """A picture for each, of the same name in a folder; a single picture that answers a file is a file.

    Several that were made, and answer no file, may go into one picture, as a grid.
    """
    first = list(islice(iterator := told(answers, say), 2))
    if not first:
        raise UserError("There is nothing to write: no picture came out.")
    source, is_beside = asked.path, first[0].file is not None
    if is_beside and source is not None:
        is_single = len(first) == 1 and is_one(source)
        default = source.with_name(f"{source.stem}-predicted{source.suffix if is_single else ''}")
        if is_single and source.suffix.lower() not in WRITTEN:
            default = default.with_suffix(FALLBACK)
    else:
        is_single, default = len(first) == 1, Path(f"{source.stem if source else 'pictures'}-predicted")
    target = out or default
    if is_single and target.suffix and not target.is_dir():
        check_target(target, source, is_named=out is not None)
        write_picture(target, first[0])
        say_lost(first[:1], target.suffix, say)
        return target
    if not is_beside and target.suffix.lower() in WRITTEN and not target.is_dir():
        check_target(target, source, is_named=out is not None)
        write_picture(target, Picture(mosaic([picture.pixels for picture in chain(first, iterator)])))
        return target
    if target.is_file():
        raise UserError(f"--out {target} is a file; several pictures need a folder.")
    is_new = not target.exists() and target.suffix.lower() not in WRITTEN
    if is_new and (meant := nearest(target.suffix, WRITTEN, ALMOST)):
        raise UserError(f"--out {target}: {target.suffix} is no ending of pictures{meant}")
    if not target.exists() and target.suffix.lower() in WRITTEN and source is not None and is_one(source):
        raise UserError(f"--out {target} names one file, and {source} gives several; name a folder.")
    if not is_beside and target.exists() and any(target.iterdir()):
        raise UserError(f"--out {target} is not an empty folder; choose another.")
    write_folder(chain(first, iterator), target, say, beside=is_beside)
    return target


def told(answers: Iterable[Picture], say: Callable[[str], None]) -> Iterator[Picture]:
    """The same pictures; what is noted of them is said, once."""
    known: set[str] = set()
    for answer in answers:
        for note in answer.notes:
            if note not in known:
                say(note)
                known.add(note)
        yield answer


def write_folder(answers: Iterable[Picture], target: Path, say: Callable[[str], None], *, beside: bool) -> None:
    """Files in a folder: under the names of the pictures they answer, else as PNG, numbered where they have no name.

    A picture that its kind of file cannot hold becomes PNG, which is said; one that cannot be written at all is left
    out.
    """
    is_new, written = not target.exists(), set[Path]()
    try:
        target.mkdir(parents=True, exist_ok=True)
        (target / MADE).touch()
        write_each(answers, target, say, written, beside=beside)
    except UserError:  # nothing half done stays
        for path in written:
            path.unlink(missing_ok=True)
        if is_new:
            shutil.rmtree(target, ignore_errors=True)
        raise
    except OSError as error:
        raise cannot_write(target, error) from error


def write_each(
    answers: Iterable[Picture], target: Path, say: Callable[[str], None], written: set[Path], *, beside: bool
) -> None:
    """The files of `write_folder`; `written` is filled with their paths."""
    changed: dict[str, list[str]] = {}
    for number, picture in enumerate(answers, 1):
        path = target / picture.name if beside else (target / (picture.name or f"{number:05d}")).with_suffix(FALLBACK)
        if beside:
            if path.exists() and picture.file is not None and picture.file.is_file() and path.samefile(picture.file):
                raise UserError(f"--out {target} would replace the input {path}; choose another folder.")
        elif path.exists() or not path.resolve().is_relative_to(target.resolve()):
            raise UserError(f"{picture.name} is named twice, or lies outside of the folder {target}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() not in WRITTEN:
            changed.setdefault(path.suffix.lower(), []).append(picture.name)
            path = as_fallback(path, picture, written)
        try:
            write_picture(path, picture)
        except UserError as error:
            if path.suffix.lower() == FALLBACK:
                say(f"Left out: {error}")
                continue
            path = as_fallback(path, picture, written)
            say(f"{error} It is written as {path.name}.")
            write_picture(path, picture)
        say_lost([picture], path.suffix, say)
        written.add(path)
    for suffix, names in changed.items():
        say(f"{suffix} cannot be written: {FALLBACK} instead for {some(names)}.")
    if not written:
        raise UserError(f"None of the pictures could be written to {target}.")


def as_fallback(path: Path, picture: Picture, written: set[Path]) -> Path:
    """`a.png` for `a.gif`, or `a.gif.png` where the name is taken, or is that of another input."""
    free = path.with_suffix(FALLBACK)
    beside = picture.file.with_suffix(FALLBACK) if picture.file else None
    if free in written or (beside is not None and beside != picture.file and beside.exists()):
        return path.with_name(path.name + FALLBACK)
    return free


def say_lost(pictures: list[Picture], suffix: str, say: Callable[[str], None]) -> None:
    """Layers of OpenEXR that another kind of file does not hold."""
    for picture in pictures:
        if picture.layers and WRITTEN[suffix.lower()] is not EXR:
            say(f"{picture.name}: {', '.join(picture.layers.names)} did not go along; only .exr holds them.")


def plain(answers: Iterable[Picture], is_one: bool) -> Any:
    """Pixels (H, W, C) of each, or counts where counts were given; of one picture where one was given."""
    found = [picture.numbers() for picture in answers]
    return found[0] if is_one and len(found) == 1 else found


def show(inputs: Any, answers: Iterable[Picture], run: Any) -> None:
    if all(isinstance(each, str) for each in inputs):
        drawn = [picture.pixels for picture in answers]
        run.picture("examples", grid(drawn, 4, inputs), "Examples", "Words of the test part, drawn by the saved model.")
        return
    shown = {"input": [as_pixels(each) for each in inputs]}
    answered = [picture.pixels for picture in answers]
    if answered:
        shown["answer"] = answered
    titles = [str(number + 1) for number in range(len(inputs))]
    run.picture("examples", rows(shown, titles), "Examples", "From the test part, answered by the saved model.")


def keep(data: Any) -> Path:
    """A folder of files with the pictures, in the cache: PNG for whole numbers, TIFF for floats as they are."""
    arrays = [np.asarray(each) for each in data]
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    folder = cache_folder() / "pictures" / digest.hexdigest()[:16]
    for number, array in enumerate(arrays):
        depth = array.dtype.name if array.dtype in (np.uint8, np.uint16) else "float32"
        path = folder / f"{number:06d}{'.tif' if depth == 'float32' else '.png'}"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            if has_no_white(array.dtype):
                write_picture(path, of_array(array))
            else:
                write_picture(path, Picture(as_pixels(array), None, depth, depth == "float32"))
    return folder
