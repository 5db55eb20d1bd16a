"""Text as sentences of words on disk: read once, in order, in bounded memory, then mapped into memory.

A word is letters, with apostrophes and hyphens within, in small letters; . ! ? and an empty line end a sentence.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maquette.data.text.documents import Piece, Texts
from maquette.files import read_json, written_whole

FORMAT = 1
LEXEME = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|[.!?]|\n[^\S\n]*\n")
LONGEST = 1000  # words of a sentence; what is longer is cut
AT_ONCE = 1 << 22  # numbers of words held before they are written
JOINED = "_"  # between the words of a phrase
DISCOUNT = 5  # pairs that a phrase must have more
PARTS = ("train", "test")


@dataclass(frozen=True)
class Sentences:
    """Words of one part by number (N,) int32, commonest first; sentence s is starts[s] .. starts[s + 1]."""

    words: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def number_of_each(self) -> np.ndarray:
        """Of which sentence each word is, (N,)."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.starts))


@dataclass(frozen=True)
class Lexicon:
    """The words that are kept, commonest first, how often each occurs in the training part, and what text there was."""

    words: list[str]
    counts: np.ndarray
    seen: int  # words of the training part
    different: int  # and how many different ones
    undecodable: int = 0


def read_sentences(
    texts: Texts,
    folder: Path,
    *,
    fewest: int,
    most: int,
    phrases: float,
    test_share: float,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Lexicon, dict[str, Sentences]]:
    """The sentences of both parts, written into `folder` unless they are there already.

    Words that occur less than `fewest` times, and all after the `most` commonest, are left out as if they were not
    there. With `phrases` two words that occur together more often than that score says become one.
    """
    if not (folder / "lexicon.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        numbers: dict[str, int] = {}
        for part in PARTS:
            with written_whole(folder / f"{part}.raw") as temporary, temporary.open("wb") as file:
                for some in numbered(texts.pieces(test_share, seed), part, numbers, texts.size, progress):
                    some.tofile(file)
        names = list(numbers)
        raw = {part: np.fromfile(folder / f"{part}.raw", np.int32) for part in PARTS}
        if phrases:
            raw, names = joined(raw, names, fewest, phrases)
        counts = np.bincount(raw["train"][raw["train"] >= 0], minlength=len(names))
        order = sorted(np.flatnonzero(counts >= max(1, fewest)).tolist(), key=lambda at: (-counts[at], names[at]))[
            :most
        ]
        new = np.full(len(names) + 1, -2, np.int32)
        new[order], new[-1] = np.arange(len(order)), -1
        for part in PARTS:
            words, starts = cut(new[raw[part]])
            for name, array in (("words", words), ("starts", starts)):
                with written_whole(folder / f"{part}-{name}.npy") as temporary, temporary.open("wb") as file:
                    np.save(file, array)
            (folder / f"{part}.raw").unlink()
        told = {
            "format": FORMAT,
            "words": [names[at] for at in order],
            "counts": counts[order].tolist(),
            "seen": int(counts.sum()),
            "different": int((counts > 0).sum()),
            "undecodable": texts.undecodable,
        }
        with written_whole(folder / "lexicon.json") as temporary:
            temporary.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    told = read_json(folder / "lexicon.json")
    lexicon = Lexicon(
        told["words"], np.array(told["counts"], np.int64), told["seen"], told["different"], told["undecodable"]
    )
    return lexicon, {
        part: Sentences(*(np.load(folder / f"{part}-{name}.npy", mmap_mode="r") for name in ("words", "starts")))
        for part in PARTS
    }


def numbered(
    pieces: Iterator[Piece], part: str, numbers: dict[str, int], size: int, progress: Callable[[int, int], None]
) -> Iterator[np.ndarray]:
    """The words of a part by number, in the order in which they are first seen, -1 at the end of each sentence."""
    found: list[int] = []
    rest, done = "", 0
    for piece in pieces:
        done += len(piece.text)
        progress(min(done, size), size)
        if piece.part != part:
            continue
        text = rest + piece.text
        cut_at = len(text) if piece.is_end else text.rfind(" ") + 1  # a word may go on in the next piece
        rest = text[cut_at:]
        for lexeme in LEXEME.findall(text[:cut_at].lower()):
            if lexeme[0].isalpha():
                found.append(numbers.setdefault(lexeme.replace("\u2019", "'"), len(numbers)))
            elif found and found[-1] >= 0:
                found.append(-1)
        if piece.is_end:
            found.append(-1)
        if len(found) >= AT_ONCE:
            yield np.array(found, np.int32)
            found = []
    yield np.array([*found, -1], np.int32)


def cut(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Words and where sentences start, of numbers with -1 between sentences and -2 for words that are left out."""
    numbers = numbers[numbers != -2]
    ends = np.flatnonzero(numbers == -1)
    words = numbers[numbers >= 0]
    starts = np.concatenate([[0], ends - np.arange(len(ends))])
    long = np.flatnonzero(np.diff(starts) > LONGEST)
    more = [np.arange(starts[at] + LONGEST, starts[at + 1], LONGEST) for at in long]
    starts = np.unique(np.concatenate([starts, [len(words)], *more]))
    return words.astype(np.int32), starts.astype(np.int64)


def joined(
    raw: dict[str, np.ndarray], names: list[str], fewest: int, threshold: float
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The same with pairs of words made one where (count - 5) N / (count of one x count of the other) > threshold.

    Mikolov et al. 2013, equation 6, on the training part; of pairs that overlap the first is taken.
    """
    train = raw["train"]
    counts = np.bincount(train[train >= 0], minlength=len(names)).astype(np.float64)
    left, right = train[:-1].astype(np.int64), train[1:].astype(np.int64)
    both = (left >= 0) & (right >= 0)
    pairs, many = np.unique(left[both] * len(names) + right[both], return_counts=True)
    scores = (many - DISCOUNT) * counts.sum() / (counts[pairs // len(names)] * counts[pairs % len(names)])
    good = pairs[(scores > threshold) & (many >= fewest)]
    made = {}
    for part, numbers in raw.items():
        keys = numbers[:-1].astype(np.int64) * len(names) + numbers[1:]
        is_pair = np.isin(keys, good) & (numbers[:-1] >= 0) & (numbers[1:] >= 0)
        taken, last = [], -2
        for place in np.flatnonzero(is_pair).tolist():
            if place > last + 1:
                taken.append(place)
                last = place
        at = np.array(taken, np.int64)
        out = numbers.copy()
        out[at] = len(names) + np.searchsorted(good, keys[at])
        made[part] = np.delete(out, at + 1)
    return made, [*names, *(f"{names[pair // len(names)]}{JOINED}{names[pair % len(names)]}" for pair in good.tolist())]
