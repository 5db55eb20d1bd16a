"""Captioned pictures for recipes: collected, looked at, split, cut into tokens; and their embeddings by a CLIP.

N pictures, M captions of all of them, T tokens a caption.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from maquette.data.pictures.captions import Captioned, open_captions, read_captioned, split_captioned
from maquette.data.rows import evenly
from maquette.data.sets.fetching import resolve
from maquette.data.sets.shape_words import scene_of
from maquette.data.text.tokenizers import WORDS, Tokenizer, load_tokenizer
from maquette.data.text.vocabularies import train_tokenizer
from maquette.families.classifiers import Chance
from maquette.figures.captions import pictures_and_words
from maquette.figures.text import ranks
from maquette.models.clip import CLIP
from maquette.runs import Run
from maquette.settings import UserError

SOURCE = "captioned_shapes"
SIDE = 32  # pixels, where nothing else is said
LONGEST = 76  # tokens of a caption before its end; Radford et al. 2021 take as many
AT_ONCE = 250  # pictures or texts asked together


class Wording:
    """Captions as tokens: own subwords of small letters, each text ended, and filled up, with token 0."""

    def __init__(self, tokenizer: Tokenizer, context: int, words: Iterable[str] = ()):
        self.tokenizer, self.context, self.words = tokenizer, context, frozenset(words)

    @property
    def size(self) -> int:
        """How many subwords there are."""
        return len(self.tokenizer.vocabulary)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """(N, context) int64; what is too long loses its end."""
        made = torch.zeros(len(texts), self.context, dtype=torch.long)
        for row, tokens in zip(made, self.tokenizer.encode_batch([plain(text) for text in texts]), strict=True):
            kept = torch.from_numpy(tokens[: self.context - 1].astype(np.int64))
            row[: len(kept)] = kept
        return made

    def strange(self, texts: Iterable[str]) -> list[str]:
        """Words that no training caption has, each once."""
        return [word for word in dict.fromkeys(w for text in texts for w in words_of(text)) if word not in self.words]

    def doubts(self, texts: Sequence[str], what: str) -> list[str]:
        """What users should know of texts: words that no training caption has, and ends that are not read.

        what: `what is drawn of it`, or the like.
        """
        said, strange = [], self.strange(texts)
        if strange:
            told = ", ".join(strange[:8]) + (" ..." if len(strange) > 8 else "")
            said.append(f"No training caption has the word{'s' * (len(strange) > 1)} {told}; {what} is a guess.")
        for text in texts:
            if text.strip() and not words_of(text):
                said.append(f"{text.strip()[:40]} has no word; {what} is a guess.")
        longest = self.context - 1
        encoded = self.tokenizer.encode_batch([plain(text) for text in texts])
        if cut := [text for text, tokens in zip(texts, encoded, strict=True) if len(tokens) > longest]:
            more = f", nor those of {len(cut) - 1:,} others" if len(cut) > 1 else ""
            said.append(
                f"{cut[0][:40]} ... is longer than any training caption: what follows its first {longest} tokens is "
                f"not read{more}."
            )
        return said

    def state(self) -> dict[str, Any]:
        """What a run keeps of it."""
        return {"tokenizer": self.tokenizer.state(), "context": self.context, "words": sorted(self.words)}


def load_wording(processing: dict[str, Any]) -> Wording:
    """The one whose `state()` a run has kept."""
    return Wording(load_tokenizer(processing["tokenizer"]), processing["context"], processing["words"])


def learn_wording(texts: Sequence[str], vocabulary: int) -> Wording:
    """Subwords learnt from captions, and room for the longest of them."""
    tokenizer = train_tokenizer("bpe", [plain(text) for text in texts], vocabulary)
    longest = max(map(len, tokenizer.encode_batch([plain(text) for text in texts])))
    return Wording(tokenizer, min(longest, LONGEST) + 1, {word for text in texts for word in words_of(text)})


def plain(text: str) -> str:
    """In small letters, with single blanks, as Radford et al. 2021 take them."""
    return " ".join(text.lower().split())


def words_of(text: str) -> list[str]:
    return [word for word in WORDS.findall(text.lower()) if any(map(str.isalnum, word))]


@dataclass(frozen=True)
class CaptionPart:
    """One part of the data.

    pictures (N, 3, S, S) uint8; texts: the captions of each; tokens (M, T); owners (M,): the picture of each caption;
    first, counts (N,): which captions are a picture's; groups (M,): captions of one number are equal.
    """

    pictures: Tensor
    texts: list[list[str]]
    tokens: Tensor
    owners: Tensor
    first: Tensor
    counts: Tensor
    groups: Tensor

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def captions(self) -> list[str]:
        """All M of them."""
        return [text for texts in self.texts for text in texts]

    def some(self, rows: np.ndarray) -> "CaptionPart":
        """Some of the pictures, with their captions."""
        chosen = torch.cat(
            [torch.arange(int(self.first[row]), int(self.first[row] + self.counts[row])) for row in rows]
        )
        counts = self.counts[rows]
        owners = torch.repeat_interleave(torch.arange(len(rows)), counts)
        texts = [self.texts[row] for row in rows]
        first = counts.cumsum(0) - counts
        return CaptionPart(self.pictures[rows], texts, self.tokens[chosen], owners, first, counts, self.groups[chosen])

    def is_right(self) -> np.ndarray:
        """Which captions say what one of a picture's own says, (N, M)."""
        its = np.zeros((len(self), int(self.groups.max()) + 1), bool)
        its[self.owners.numpy(), self.groups.numpy()] = True
        return its[:, self.groups.numpy()]

    def draw(self, rows: Tensor, chance: Tensor) -> Tensor:
        """One caption for each of some pictures, by chance in 0..1: their numbers, (B,)."""
        return self.first[rows] + (chance * self.counts[rows]).long()


@dataclass(frozen=True)
class CaptionParts:
    """The three parts; `processing` has what answering must know: subwords, words, size."""

    train: CaptionPart
    valid: CaptionPart
    test: CaptionPart
    processing: dict[str, Any]
    examples: list[Any] | None


def part_of(pixels: np.ndarray, texts: list[list[str]], wording: Wording) -> CaptionPart:
    """Pixels (N, S, S, 3) uint8 and captions as networks take them."""
    counts = torch.tensor([len(each) for each in texts])
    said = [text for each in texts for text in each]
    numbers: dict[str, int] = {}
    groups = torch.tensor([numbers.setdefault(plain(text), len(numbers)) for text in said])
    pictures = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    owners = torch.repeat_interleave(torch.arange(len(texts)), counts)
    return CaptionPart(pictures, texts, wording.encode(said), owners, counts.cumsum(0) - counts, counts, groups)


def collect_captioned(
    data: str | None, run: Run, *, column: str | None, size: int | None, most: int | None, seed: int
) -> Captioned:
    """Captioned pictures of `size` x `size`, and where they are from."""
    found = resolve(data, SOURCE)
    captions = read_captioned(open_captions(found.path, column), size or SIDE, most=most, seed=seed)
    count = sum(map(len, captions.texts))
    run.record_source(found, pictures=len(captions), captions=count, notes=captions.notes)
    run.fact("Captions are from", captions.form)
    return captions


def analyze_captioned(captions: Captioned, run: Run) -> dict[str, Any]:
    """Some pictures with their captions, how long these are, and which words are common."""
    said = [text for texts in captions.texts for text in texts]
    words = Counter(word for text in said for word in words_of(text))
    lengths = [len(words_of(text)) for text in said]
    different = len(set(map(plain, said)))
    numbers = {
        "pictures": len(captions),
        "captions": len(said),
        "different captions": different,
        "different words": len(words),
        "words a caption": float(np.mean(lengths)),
    }
    for name in ("different captions", "different words", "words a caption"):
        run.fact(name.capitalize(), round(numbers[name], 1))
    order = run.random("shown").permutation(len(captions))[:12]
    shown = [(captions.pixels[row] / np.float32(255), captions.texts[row][:3]) for row in order]
    run.picture("pictures", pictures_and_words(shown), "Some pictures, and what is said of them")
    common = Counter(map(plain, said)).most_common(8)
    if common[0][1] > 1:
        table = pd.DataFrame(common, columns=["caption", "times"])
        run.table("Captions that stand more than once", table[table["times"] > 1])
    if different < len(said) / 4 and different < 100:
        run.warn(
            f"{len(said):,} captions are only {different:,} different ones: within those of one caption, pictures "
            "cannot be told apart by words."
        )
    if len(words) > 10:
        run.picture("words", ranks(dict(words.most_common())), "Words by how often they occur")
    return numbers


def prepare_captioned(
    captions: Captioned,
    run: Run,
    *,
    vocabulary: int,
    valid_share: float,
    test_share: float,
    seed: int,
    wording: Wording | None = None,
) -> CaptionParts:
    """Three parts, whole pictures each, and subwords learnt from the training captions, where none are given."""
    rows, told = split_captioned(captions.parts, seed, valid_share, test_share)
    run.say(told)
    texts = [[captions.texts[row] for row in part] for part in rows]
    wording = wording or learn_wording([text for each in texts[0] for text in each], vocabulary)
    train, valid, test = (part_of(captions.pixels[part], said, wording) for part, said in zip(rows, texts, strict=True))
    for name, part in (("Training", train), ("Validation", valid), ("Test", test)):
        run.fact(f"{name} pictures", len(part))
    run.fact("Subwords", len(wording.tokenizer.vocabulary))
    run.fact("Longest caption", wording.context, "tokens, with its end")
    new = wording.strange(test.captions)
    if new:
        run.say(f"{len(new):,} words of the test captions are in no training caption, such as {', '.join(new[:5])}.")
    run.say("Captions go in small letters, in subwords of their own; each ends with a token from which it is read.")
    known = {picture.tobytes() for picture in captions.pixels[rows[0]]}
    if twins := sum(picture.tobytes() in known for picture in captions.pixels[rows[2]]):
        run.warn(f"{twins:,} pictures of the test part stand in the training part as well: its scores may flatter.")
    processing = {**wording.state(), "size": captions.pixels.shape[1]}
    some = evenly(len(test), 12)
    examples = [captions.pixels[row] for row in rows[2][some]]
    return CaptionParts(train, valid, test, processing, [*examples, *(test.texts[row][0] for row in some[:3])])


def floats(pictures: Tensor) -> Tensor:
    """uint8 (N, 3, S, S) as float32 in 0..1, the channels of a pixel side by side, as convolutions like them."""
    return pictures.float().div_(255).contiguous(memory_format=torch.channels_last)


class Moved(Chance):
    """Pictures moved by up to `shift` pixels each way, what stands at the edge going on."""

    def __init__(self, shift: int, seed: int, run: Run):
        super().__init__(seed, run)
        self.shift = shift

    def __call__(self, pictures: Tensor, rows: int) -> Tensor:
        """This process's pictures of a batch of `rows`, (B, 3, S, S), to the same shape."""
        size = pictures.shape[-1]
        if shift := min(self.shift, size // 4):
            moved = (self.rand(rows, 2).to(pictures.device) * (2 * shift + 1)).long() - shift
            places = torch.arange(size, device=pictures.device)
            down, across = ((places + moved[:, axis, None]).clamp(0, size - 1) for axis in (0, 1))
            one = torch.arange(len(pictures), device=pictures.device)[:, None, None]
            pictures = pictures.permute(0, 2, 3, 1)[one, down[:, :, None], across[:, None, :]].permute(0, 3, 1, 2)
        return pictures


def embed_pictures(model: CLIP, pictures: Tensor) -> Tensor:
    """Embeddings (N, D) of pictures (N, 3, S, S), uint8 or 0..1, on the processor."""
    device = next(model.parameters()).device
    pieces = [torch.zeros(0, model.numbers)]
    with torch.no_grad():
        for start in range(0, len(pictures), AT_ONCE):
            some = pictures[start : start + AT_ONCE].to(device)
            pieces.append(model.encode_pictures(some if some.is_floating_point() else floats(some)).float().cpu())
    return torch.cat(pieces)


def embed_texts(model: CLIP, tokens: Tensor) -> Tensor:
    """Embeddings (N, D) of tokens (N, T), on the processor."""
    device = next(model.parameters()).device
    pieces = [torch.zeros(0, model.numbers)]
    with torch.no_grad():
        for start in range(0, len(tokens), AT_ONCE):
            pieces.append(model.encode_texts(tokens[start : start + AT_ONCE].to(device)).float().cpu())
    return torch.cat(pieces)


def scenes_in(part: CaptionPart) -> np.ndarray | None:
    """The scenes (N, 8) of captioned shapes, by each picture's first caption; None where one says something else."""
    found = [scene_of(texts[0]) for texts in part.texts]
    return np.stack([each for each in found if each is not None]) if all(each is not None for each in found) else None


def checked_words(words: Sequence[str]) -> list[str]:
    """The texts to ask for, each line of one by itself; `UserError` where one is empty."""
    if any(not word.strip() for word in words):
        raise UserError("One of the texts is empty; say what is to be seen, as in: a red circle")
    return list(dict.fromkeys(line.strip() for word in words for line in word.splitlines() if line.strip()))
