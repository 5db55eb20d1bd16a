"""Pictures and words together: pictures as media/pictures.py has them, all else given is words.

`read` gives the words, and pictures that are decoded when asked for, so that a folder of any size stays on disk.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from maquette.data.cache import cache_folder
from maquette.data.pictures.captions import CAPTIONS, captioned_rows
from maquette.data.pictures.files import Picture, as_pixels, write_picture
from maquette.data.pictures.folders import Images, open_images
from maquette.data.pictures.headers import Unreadable
from maquette.data.threads import in_threads
from maquette.files import write_text
from maquette.media import Asked, is_folder, only_path, pictures, text
from maquette.settings import UserError


def accepts(given: Any) -> bool:
    return pictures.accepts(given) or text.accepts(given)


def is_one(given: Any) -> bool:
    """A single picture, or a single text."""
    return pictures.is_one(given) if pictures.accepts(given) else text.is_one(given)


class Mixed(NamedTuple):
    """What was given: words in their order, and pictures."""

    words: list[str]
    pictures: "Gallery"


def read(given: list[Any], say: Callable[[str], None], options: Any = None) -> Mixed:
    """Words, a `.txt` file being what it holds, and pictures, those that cannot be read being said and left out."""
    seen = [each for each in given if pictures.accepts(each)]
    for each in seen if len(seen) > 1 else []:
        if isinstance(each, str) and not set(each) & set("./\\") and is_folder(each):
            say(f"{each} is read as the folder of that name; put it into a .txt file if the word is meant.")
    words = list(text.read([each for each in given if not pictures.accepts(each)], say))
    return Mixed(words, Gallery(seen, say))


class Gallery:
    """Pictures in a fixed order, decoded when asked for.

    names: of files, below the folder given, "" in memory; keys: what tells a file from another or from itself when it
    was other, None in memory.
    """

    def __init__(self, given: Sequence[Any], say: Callable[[str], None]):
        self.say = say
        self.images: Images | None = None
        self.memory: list[Picture] = []
        paths = [Path(each) for each in given if only_path(each)]
        if paths:
            self.images = open_images(paths if len(paths) > 1 else paths[0], smallest=1, verify=False)
            for note in self.images.notes():
                say(note)
        self.memory = [pictures.of_array(each) for each in given if not only_path(each)]

    def __len__(self) -> int:
        return (len(self.images) if self.images else 0) + len(self.memory)

    @property
    def files(self) -> int:
        """How many of them are files; these come first."""
        return len(self.images) if self.images else 0

    def name(self, number: int) -> str:
        return self.images.entries[number].name if self.images and number < self.files else ""

    def key(self, number: int) -> str | None:
        """Path, size and time of the file, and its place in a zip file."""
        if not self.images or number >= self.files:
            return None
        entry = self.images.entries[number]
        about = entry.path.stat()
        return f"{entry.path.absolute()}\0{entry.member or ''}\0{about.st_size}\0{about.st_mtime_ns}"

    def picture(self, number: int) -> Picture | None:
        """One of them; None, which is said, where it turns out to be damaged."""
        if not self.images or number >= self.files:
            return self.memory[number - self.files]
        try:
            return self.images.picture(number)
        except Unreadable as error:
            self.say(f"Left out: {error}")
            return None

    def some(self, numbers: Sequence[int]) -> Iterator[tuple[int, Picture]]:
        """Those of some numbers that can be read, decoded in threads."""
        for number, one in zip(numbers, in_threads(self.picture, numbers), strict=True):
            if one is not None:
                yield number, one


def write(answers: Iterable[Any], out: Path | None, asked: Asked, say: Callable[[str], None]) -> Path:
    raise UserError("No use gives captioned pictures.")


def plain(answers: Iterable[Any], is_one: bool) -> Any:
    return list(answers)


def show(inputs: Any, answers: Iterable[Any], run: Any) -> None:
    raise UserError("No use gives captioned pictures.")


def keep(data: Any) -> Path:
    """A folder with the pictures and their captions, in the cache. data: pairs of a picture and one caption or more."""
    pairs = [(as_pixels(picture), [said] if isinstance(said, str) else list(said)) for picture, said in data]
    digest = hashlib.sha256()
    for pixels, said in pairs:
        digest.update(f"{pixels.shape}{json.dumps(said)}".encode())
        digest.update(np.ascontiguousarray(pixels).data)
    folder = cache_folder() / "captions" / digest.hexdigest()[:16]
    if not (folder / CAPTIONS).exists():
        folder.mkdir(parents=True, exist_ok=True)
        for number, (pixels, _) in enumerate(pairs):
            write_picture(folder / f"{number:06d}.png", Picture(pixels))
        write_text(folder / CAPTIONS, captioned_rows((f"{n:06d}.png", said, "") for n, (_, said) in enumerate(pairs)))
    return folder
