"""Pictures with captions, in whatever form they come, found, matched and read small.

A folder or zip file of pictures with a file of captions (caption_files.py), with a `.txt` beside each picture, with
names that are captions (`red_fox-jumping.png`), or in folders of classes; shards of webdataset (`.tar`); an array
`pictures.npy` (N, H, W, 3) uint8 with `captions.jsonl`, a line for each.
"""

import io
import json
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from maquette.data.pictures.caption_files import ENDINGS, SIDECARS, TextFile, of_sidecar, said_in
from maquette.data.pictures.caption_shards import shards_in, unpacked_shards
from maquette.data.pictures.files import Picture, display_code, to_channels
from maquette.data.pictures.finding import KNOWN, MADE, leads_outside, zips_in
from maquette.data.pictures.folders import Images, open_images, some
from maquette.data.pictures.small import fit_square, read_rows
from maquette.data.rows import split_rows
from maquette.data.text.rows import json_objects
from maquette.data.words import of_many
from maquette.settings import UserError

CAMERAS = {
    "img",
    "image",
    "images",
    "dsc",
    "dscn",
    "dscf",
    "pxl",
    "photo",
    "picture",
    "pic",
    "frame",
    "screenshot",
    "p",
}
STACK, CAPTIONS = "pictures.npy", "captions.jsonl"  # many pictures of one size as one array, and what is said of each
FEWEST = 12  # pictures with captions


class Stack:
    """Pictures of one size in one array on disk, (N, H, W, C) uint8, as `Images` gives them."""

    def __init__(self, pixels: np.ndarray, names: list[str]):
        self.pixels, self.names = pixels, names
        self.left_out: list[tuple[str, str]] = []

    def __len__(self) -> int:
        return len(self.names)

    def picture(self, index: int) -> Picture:
        return Picture(self.pixels[index] / np.float32(255), name=self.names[index])

    def only(self, numbers: list[int]) -> "Stack":
        return Stack(self.pixels[numbers], [self.names[number] for number in numbers])

    def folders(self) -> list[str]:
        return [""] * len(self.names)

    def tests(self) -> np.ndarray:
        return np.zeros(len(self.names), bool)

    def notes(self) -> list[str]:
        return []


@dataclass
class Captions:
    """Pictures on disk with what is said of each.

    texts: one or more for each of `images`; parts: where its publisher puts each, `train`, `valid`, `test` or "";
    form: where captions stand; notes: what was left out, as sentences.
    """

    images: Images | Stack
    texts: list[list[str]]
    parts: list[str]
    form: str
    notes: list[str] = field(default_factory=list)


@dataclass
class Captioned:
    """The same in memory: pixels (N, S, S, 3) uint8, what is transparent on white."""

    pixels: np.ndarray
    texts: list[list[str]]
    parts: list[str]
    names: list[str]
    form: str
    notes: list[str]

    def __len__(self) -> int:
        return len(self.texts)


def open_captions(path: Path, column: str | None = None) -> Captions:
    """The pictures at `path`, a folder, a zip or tar file, or a file of captions beside pictures, with their captions.

    column: where captions stand in a table. `UserError` where there are none, or all pictures have the same.
    """
    given = path
    chosen: Path | None = None
    if path.is_file() and path.suffix.lower() in ENDINGS:
        chosen, path = path, path.parent
    if shards := shards_in(path):
        path = unpacked_shards(shards)
    path, around = packed_in(path), path
    images = open_stack(path) if (path / STACK).is_file() else open_images(path, smallest=1, verify=False)
    files = [*text_files(path), *(text_files(around) if around != path else ())]
    if chosen is not None:
        files = [file for file in files if file.path == chosen]
    texts, parts, form, notes = described(given, images, files, column)
    kept = [place for place, each in enumerate(texts) if each]
    if without := [images.names[place] for place, each in enumerate(texts) if not each]:
        notes.append(f"{of_many(len(without), 'picture', 'pictures')} without a caption left out: {some(without)}.")
    if not kept:
        raise UserError(
            f"{given} holds {len(images):,} pictures and no captions: none in a file such as captions.csv, none in "
            ".txt files beside the pictures, none in their names."
        )
    said = {text for place in kept for text in texts[place]}
    if len(said) == 1 and len(kept) > 1:
        raise UserError(
            f"All {len(kept):,} pictures of {given} have the same caption, {next(iter(said))!r}: there is nothing by "
            "which to tell them apart."
        )
    if not any(parts):
        parts = ["test" if is_test else "" for is_test in images.tests()]
    few = images.only(kept)
    return Captions(few, [texts[place] for place in kept], [parts[place] for place in kept], form, notes)


Found = tuple[list[list[str]], list[str], str, list[str]]  # texts and part of each picture, the form, notes


def described(given: Path, images: Images | Stack, files: list[TextFile], column: str | None) -> Found:
    """Captions by the first form that is there: a file of captions, files beside pictures, names, classes."""
    beside = set(map(stem_of, images.names))
    alone = [file for file in files if stem_of(file.name) not in beside]
    for found in (
        by_files(images, alone, column),
        by_sidecars(images, [file for file in files if file not in alone]),
    ):
        if any(found[0]):
            return found
    if column is not None:
        raise UserError(f"{given} holds no file of captions, so there is no column {column!r}.")
    names = [caption_of(name) for name in images.names]
    if 2 * sum(map(bool, names)) > len(names) and len(set(names) - {""}) > 1:
        return [[name] if name else [] for name in names], [""] * len(names), "names of the pictures", []
    classes = images.folders()
    if len(set(classes) - {""}) > 1:
        texts = [[caption_of(f"{each}.x") or each] if each else [] for each in classes]
        return texts, [""] * len(texts), "names of the folders", []
    return [[] for _ in names], [""] * len(names), "", []


def by_files(images: Images | Stack, files: list[TextFile], column: str | None) -> Found:
    """From files of captions; where two speak of a picture, the likelier one is heard."""
    finder, notes, used = Finder(images.names), [], []
    texts: list[list[str]] = [[] for _ in images.names]
    parts, lost, refused = [""] * len(texts), Counter[str](), None
    for file in sorted(files, key=lambda each: each.order):
        try:
            said = said_in(file, lambda name, folder=file.folder: finder.find(name, folder), column)  # type: ignore[misc]
        except UserError as error:
            refused = refused or error
            continue
        places = [finder.find(each.picture, file.folder) for each in said]
        if not any(place is not None for place in places):
            continue
        heard = {place for place, each in enumerate(texts) if each}
        if any(place is not None and place not in heard for place in places):
            used.append(file.name)
        for each, place in zip(said, places, strict=True):
            if place is None:
                lost[each.picture] += 1
            elif place not in heard:
                parts[place] = parts[place] or each.part
                if each.text and each.text not in texts[place]:
                    texts[place].append(each.text)
    if refused is not None and not used:
        raise refused
    if lost:
        of_lost = of_many(len(lost), "picture that is", "pictures that are")
        notes.append(f"Captions of {of_lost} not there left out: {some(list(lost))}.")
    return texts, parts, some(used), notes


def by_sidecars(images: Images | Stack, files: list[TextFile]) -> Found:
    """From files of the picture's name: `.txt`, a caption a line, or `.json` with a caption in it."""
    by_stem: dict[str, list[TextFile]] = {}
    for file in files:
        if file.ending in SIDECARS:
            by_stem.setdefault(stem_of(file.name), []).append(file)
    texts = []
    for name in images.names:
        its = sorted(by_stem.get(stem_of(name), []), key=lambda file: SIDECARS.index(file.ending))
        texts.append(next((found for file in its if (found := of_sidecar(file))), []))
    return texts, [""] * len(texts), "text files beside the pictures", []


def stem_of(name: str) -> str:
    """A path without its ending."""
    return PurePosixPath(name).with_suffix("").as_posix()


def caption_of(name: str) -> str:
    """`red fox jumping` of `red_fox-jumping_012.png`; "" where a name is no words."""
    stem = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", PurePosixPath(name).name.rsplit(".", 1)[0])
    words = re.split(r"[\s_\-.,()]+", stem)
    kept = [word for word in words if word and not word.isdigit()]
    is_words = kept and all(not re.search(r"\d", word) for word in kept) and any(len(word) > 2 for word in kept)
    return "" if not is_words or kept[0].lower() in CAMERAS else " ".join(kept)


class Finder:
    """Pictures by what captions call them: by path, by name, by name without its ending."""

    def __init__(self, names: list[str]):
        self.paths = {name: place for place, name in enumerate(names)}
        self.short: dict[str, int | None] = {}
        for place, name in enumerate(names):
            for key in {PurePosixPath(name).name, PurePosixPath(name).stem}:
                self.short[key] = None if key in self.short else place  # two of one name: only a path tells them apart

    def find(self, name: str, folder: str = "") -> int | None:
        name = name.strip().replace("\\", "/").removeprefix("./")
        for path in (folder + name, name):
            if path in self.paths:
                return self.paths[path]
        last = name.rsplit("/", 1)[-1]
        for key in (last, last.split("#")[0]):
            if key and self.short.get(key) is not None:
                return self.short[key]
        return None


def packed_in(path: Path) -> Path:
    """The zip file in a folder that holds no pictures of its own; any other path as it is."""
    if not path.is_dir() or (path / STACK).is_file():
        return path
    zips = zips_in(path)
    has_pictures = any(file.suffix.lower() in KNOWN for file in path.rglob("*"))
    return zips[0] if len(zips) == 1 and not has_pictures else path


def open_stack(folder: Path) -> Stack:
    """The pictures of an array; `UserError` where it is none of pictures."""
    path = folder / STACK
    try:
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path} cannot be read as an array: {error}.") from None
    if pixels.ndim != 4 or pixels.dtype != np.uint8 or pixels.shape[3] not in (1, 3) or not len(pixels):
        raise UserError(f"{path} holds {pixels.dtype} {pixels.shape}; pictures are uint8 (N, height, width, 1 or 3).")
    said = folder / CAPTIONS
    rows = list(json_objects(io.BytesIO(said.read_bytes()), "utf-8")) if said.is_file() else []
    if len(rows) != len(pixels):
        raise UserError(f"{said} must hold a line for each of {len(pixels):,} pictures of {STACK}, not {len(rows):,}.")
    return Stack(pixels, [str((row or {}).get("file_name", f"{number:05d}.png")) for number, row in enumerate(rows)])


def text_files(path: Path) -> list[TextFile]:
    """Whatever may hold captions, below a folder or in a zip file."""
    if path.is_dir():
        found = []
        for folder, below, names in os.walk(path):
            here = Path(folder)
            below[:] = sorted(name for name in below if not name.startswith(".") and not (here / name / MADE).exists())
            wanted = [name for name in sorted(names) if Path(name).suffix.lower() in ENDINGS and name[0] != "."]
            found += [TextFile((here / name).relative_to(path).as_posix(), here / name) for name in wanted]
        return found
    if path.suffix.lower() != ".zip":
        return []
    with zipfile.ZipFile(path) as archive:
        names = [member.filename for member in archive.infolist() if not member.is_dir()]
    wanted = [name for name in names if PurePosixPath(name).suffix.lower() in ENDINGS]
    return [TextFile(name, path, name) for name in wanted if not leads_outside(name) and "__MACOSX" not in name]


def captioned_rows(rows: Iterable[tuple[str, list[str], str]]) -> str:
    """A file of captions: of each picture its name, what is said of it, and its part, "" for none."""
    said = ({"file_name": name, "text": texts, **({"split": part} if part else {})} for name, texts, part in rows)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in said)


# -- in memory ---------------------------------------------------------------------------------------------------------


def read_captioned(captions: Captions, size: int, *, most: int | None = None, seed: int = 0) -> Captioned:
    """The pictures as squares of `size` in memory; more than `most` are thinned out by chance."""
    images, notes = captions.images, list(captions.notes)
    rows = list(range(len(images)))
    if most is not None and len(rows) > most:
        notes.append(f"{most:,} of {len(rows):,} pictures were taken, by chance.")
        rows = sorted(np.random.default_rng(seed).choice(len(rows), most, replace=False).tolist())

    kept, squares = read_rows(images, rows, lambda picture: squared(picture, size))
    notes += images.notes()
    if len(kept) < FEWEST:
        read = of_many(len(kept), "picture", "pictures")
        raise UserError(f"Only {read} with captions could be read; at least {FEWEST} are needed.")
    pixels = np.stack(squares)
    texts, parts = [captions.texts[row] for row in kept], [captions.parts[row] for row in kept]
    return Captioned(pixels, texts, parts, [images.names[row] for row in kept], captions.form, notes)


def squared(picture: Picture, size: int) -> np.ndarray:
    """A picture's middle square as (size, size, 3) uint8, what is transparent on white."""
    pixels = display_code(picture.pixels) if picture.is_linear else picture.pixels
    pixels = to_channels(pixels, 3)
    if picture.alpha is not None:
        alpha = picture.alpha[..., None]
        pixels = np.clip(pixels, 0, 1) * alpha + (1 - alpha)
    return np.rint(fit_square(pixels, size) * np.float32(255)).astype(np.uint8)


def split_captioned(parts: list[str], seed: int, valid: float, test: float) -> tuple[list[np.ndarray], str]:
    """Rows of the training, validation and test part, each sorted, and a sentence on how they were chosen.

    By picture, so that no caption of a test picture is seen. What the publisher keeps for testing is the test part.
    """
    given = np.array(parts)
    kept = np.flatnonzero(given == "test")
    validation = np.flatnonzero(given == "valid")
    if not len(kept) and len(validation):
        kept, validation = validation, kept
    if not len(kept):
        return list(split_rows(len(given), seed, valid, test)), "Split by the seed, whole pictures with all captions."
    rest = np.setdiff1d(np.arange(len(given)), kept)
    told = "The test part is the one that the publisher keeps for testing; the rest is split by the seed."
    if len(validation):
        return [np.setdiff1d(rest, validation), validation, kept], "The parts are the publisher's."
    cut = split_rows(len(rest), seed, valid, 0)
    return [rest[cut[0]], rest[cut[1]], kept], told
