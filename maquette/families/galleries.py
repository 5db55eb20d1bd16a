"""Folders of pictures of any size, by their embeddings, which are kept in an index: nothing is looked at twice.

The index is a file of SQLite in the cache, one for each run, so that a crash loses no more than the batch in work.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

import numpy as np
import torch

from maquette.data.cache import cache_folder
from maquette.data.pictures.captions import squared
from maquette.families.captions import embed_pictures
from maquette.media.captions import Gallery
from maquette.models.clip import CLIP
from maquette.progress import Progress

AT_ONCE = 256  # pictures in memory together


class Index:
    """Embeddings (D,) float32 by the key of their picture; in memory only where the cache cannot be written."""

    def __init__(self, run: str):
        self.base = sqlite3.connect(":memory:")
        with suppress(OSError, sqlite3.Error):
            folder = cache_folder() / "index"
            folder.mkdir(parents=True, exist_ok=True)
            self.base = sqlite3.connect(folder / f"{run[:16]}.sqlite", timeout=30)
        self.base.execute("CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, numbers BLOB) WITHOUT ROWID")

    def close(self) -> None:
        self.base.close()

    def get(self, key: str | None) -> np.ndarray | None:
        if key is None:
            return None
        found = self.base.execute("SELECT numbers FROM seen WHERE key = ?", (safe(key),)).fetchone()
        return None if found is None else np.frombuffer(found[0], np.float32)

    def put(self, keys: list[str | None], numbers: np.ndarray) -> None:
        """Keep those that have a key; a full disk only costs time, the next time."""
        rows = [(safe(key), row.tobytes()) for key, row in zip(keys, numbers, strict=True) if key is not None]
        with suppress(sqlite3.OperationalError), self.base:
            self.base.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", rows)


def safe(key: str) -> str:
    """A key that SQLite takes, whatever bytes a file's name is of."""
    return key.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True)
class Seen:
    """Some pictures of a gallery: their numbers, and embeddings (B, D)."""

    numbers: list[int]
    embeddings: np.ndarray


def embedded(gallery: Gallery, model: CLIP, run: str) -> Iterator[Seen]:
    """The embeddings of all pictures that can be read, some hundred at a time; `run` names the index."""
    with closing(Index(run)) as index, closing(Progress("looking", "picture")) as progress:
        for start in range(0, len(gallery), AT_ONCE):
            numbers = list(range(start, min(start + AT_ONCE, len(gallery))))
            keys = {number: gallery.key(number) for number in numbers}
            known = {number: found for number in numbers if (found := index.get(keys[number])) is not None}
            new = [
                (number, squared(one, model.size))
                for number, one in gallery.some([number for number in numbers if number not in known])
            ]
            if new:
                pixels = torch.from_numpy(np.stack([pixels for _, pixels in new]).transpose(0, 3, 1, 2).copy())
                made = embed_pictures(model, pixels).numpy()
                index.put([keys[number] for number, _ in new], made)
                known |= {number: row for (number, _), row in zip(new, made, strict=True)}
            kept = [number for number in numbers if number in known]
            if kept:
                yield Seen(kept, np.stack([known[number] for number in kept]))
            progress.update(numbers[-1] + 1, len(gallery))


@dataclass(frozen=True)
class Hits:
    """The likeliest pictures for W words: numbers and similarities (W, K), the best first; how many were seen."""

    numbers: np.ndarray
    similarities: np.ndarray
    seen: int


def likeliest(gallery: Gallery, words: np.ndarray, model: CLIP, run: str, most: int) -> Hits:
    """The `most` pictures of a gallery that are nearest to words (W, D), in memory that does not grow with it."""
    best, places, seen = np.zeros((len(words), 0), np.float32), np.zeros((len(words), 0), int), 0
    for some in embedded(gallery, model, run):
        seen += len(some.numbers)
        likeness = np.concatenate([best, words @ some.embeddings.T], 1)
        numbers = np.concatenate([places, np.tile(some.numbers, (len(words), 1))], 1)
        order = np.argsort(-likeness, axis=1, kind="stable")[:, :most]
        best, places = np.take_along_axis(likeness, order, 1), np.take_along_axis(numbers, order, 1)
    return Hits(places, best, seen)
