"""Networks that converse: what each answers, how sure it is of a text, and what it still knows of what it was told.

F facts, D distances, B rows, T tokens.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from maquette.data.text.tokenizers import Tokenizer, load_tokenizer, unknown_parts
from maquette.families.language_models import held_out_loss, streamed_loss
from maquette.families.settings import WritingOptions
from maquette.families.writing import Writer, written
from maquette.models.recurrent import Recurrent, State
from maquette.trained import Trained

MOST_NUMBERS = 1 << 25  # logits that are held at once
CUT = " ..."  # ends what was cut short
LEAST = 0.01  # bits that count as a gain
LEAD = 32  # tokens, at least, that are read before anything is told


class Said(NamedTuple):
    """An answer, and the seconds that it took."""

    text: str
    seconds: float


@dataclass(frozen=True)
class Voice:
    """A language model that is talked to."""

    model: Any
    tokenizer: Tokenizer

    def known(self, text: str) -> str:
        """The text without what the vocabulary cannot write."""
        if self.tokenizer.unknown is None:
            return text
        kept, end = [], 0
        for token, (start, after) in zip(self.tokenizer.encode(text), self.tokenizer.offsets(text), strict=True):
            if token == self.tokenizer.unknown:
                kept.append(text[end:start])
                end = after
        return "".join([*kept, text[end:]])

    def encode(self, text: str) -> list[int]:
        found: list[int] = self.tokenizer.encode(self.known(text)).tolist()
        return found

    @property
    def window(self) -> int | None:
        """Tokens that it looks back on; nothing where there is no limit."""
        return None if isinstance(self.model, Recurrent) else int(self.model.context)

    def bits_per_byte(self, text: str) -> float:
        """Of a text that it has not seen."""
        tokens = self.tokenizer.encode(text).astype(np.int64)
        if isinstance(self.model, Recurrent):
            loss = streamed_loss(self.model, tokens)
        else:
            loss = held_out_loss(self.model, tokens, self.model.context)
        return loss * len(tokens) / (math.log(2) * len(text.encode("utf-8", "replace")))

    def answer(self, prompt: str, stop: str, letters: int, temperature: float, seed: int) -> Said:
        """What it writes after a prompt, before `stop`, at most so many letters, then up to the last whole word."""
        began, said = time.perf_counter(), ""
        options = WritingOptions(tokens=letters + 1, stop=stop or None, temperature=temperature, seed=seed)
        for piece in written(self.model, self.tokenizer, self.known(prompt), options, []):
            said += piece[0]
            if len(said) > letters:
                said = said[:letters].rsplit(" ", 1)[0] + CUT
                break
        return Said(" ".join(said.split()), time.perf_counter() - began)

    @torch.inference_mode()
    def bits(self, before: str, text: str) -> float | None:
        """-log2 of the probability of a text after another one; nothing where the vocabulary cannot write it."""
        first = self.encode(before)
        if unknown_parts(self.tokenizer, text) or not first:
            return None
        reader = reader_of(self.model)
        reader.hear(torch.tensor([first[:-1]]))
        return float(reader.bits([0], [first[-1:]], [self.encode(text)])[0])


def voice_of(trained: Trained) -> Voice:
    return Voice(trained.model, load_tokenizer(trained.processing["tokenizer"]))


class Followed:
    """A recurrent network as it reads rows of tokens, and what it makes of others after them."""

    def __init__(self, model: Recurrent):
        self.model = model
        self.state: State = ()

    def hear(self, tokens: Tensor) -> None:
        """Read (B, T) tokens; the rows stay the same."""
        if not self.state:
            self.state = self.model.start(len(tokens))
        if tokens.shape[1]:
            _, self.state = self.model.run_body(self.model.embedding(tokens), self.state)

    def bits(self, rows: Sequence[int], cues: list[list[int]], answers: list[list[int]]) -> np.ndarray:
        """-log2 of the probability of each answer (N,) after its cue, which follows what was read in its row."""
        state = tuple(each[:, list(rows)] for each in self.state)
        logits, _ = self.model.follow(padded([[*c, *a][:-1] for c, a in zip(cues, answers, strict=True)]), state)
        return bits_of(logits, [len(cue) - 1 for cue in cues], answers)


class Windowed:
    """A network that looks back on so many tokens, in the same way."""

    def __init__(self, model: Writer):
        self.model, self.read = model, torch.zeros(0, 0, dtype=torch.long)

    def hear(self, tokens: Tensor) -> None:
        self.read = torch.cat([self.read, tokens], 1)[:, -self.model.context :] if len(self.read) else tokens

    def bits(self, rows: Sequence[int], cues: list[list[int]], answers: list[list[int]]) -> np.ndarray:
        found: list[float] = []
        windows = [
            [*self.read[row].tolist(), *cue, *answer][:-1][-self.model.context :]
            for row, cue, answer in zip(rows, cues, answers, strict=True)
        ]
        longest = max(map(len, windows))
        some = max(1, MOST_NUMBERS // (longest * self.model.vocabulary))
        for start in range(0, len(windows), some):
            mine, theirs = windows[start : start + some], answers[start : start + some]
            places = [len(window) - len(answer) for window, answer in zip(mine, theirs, strict=True)]
            found += bits_of(self.model(padded(mine)), places, theirs).tolist()
        return np.array(found)


def reader_of(model: Any) -> Followed | Windowed:
    return Followed(model) if isinstance(model, Recurrent) else Windowed(model)


def padded(rows: list[list[int]]) -> Tensor:
    """Rows of tokens (N, T), the shorter ones with noughts behind, which nothing before them sees."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])


def bits_of(logits: Tensor, places: list[int], answers: list[list[int]]) -> np.ndarray:
    """-log2 of the probability of each answer, whose first token stands after the given place of its row."""
    found = []
    for row, place, answer in zip(logits, places, answers, strict=True):
        said = row[place : place + len(answer)].double().log_softmax(-1)
        found.append(-float(said[range(len(answer)), answer].sum()) / math.log(2))
    return np.array(found)


@torch.inference_mode()
def gained(
    voice: Voice,
    told: list[str],
    cues: list[str],
    words: list[str],
    lead: str,
    between: list[str],
    distances: list[int],
) -> np.ndarray:
    """Bits by which each word is likelier for what was told before, (D, F); not a number where it cannot be written.

    All rows begin with the same other text, `lead`. At its end row f is told told[f] instead; one more row is told
    nothing. Then come words of other text, the same for all, and after so many of them as the distances say the cue.
    The gain is log2 p(word) with what was told, less that without.
    """
    model = voice.model
    tokens = [voice.encode(each) for each in told]
    longest = max(map(len, tokens)) + LEAD
    begin = np.resize(voice.encode(lead), longest).tolist()
    reader = reader_of(model)
    reader.hear(torch.tensor([*[begin[: longest - len(each)] + each for each in tokens], begin]))
    asked = [(voice.encode("\n" + cue), voice.encode(" " + word)) for cue, word in zip(cues, words, strict=True)]
    can = [place for place, word in enumerate(words) if asked[place][0] and not unknown_parts(voice.tokenizer, word)]
    made = np.full((len(distances), len(told)), np.nan)
    if not can:
        return made
    rows = [*can, *[len(told)] * len(can)]
    before = 0
    for number, distance in enumerate(distances):
        piece = voice.encode(" " + "".join(between[before:distance]).rstrip())
        reader.hear(torch.tensor(piece).expand(len(told) + 1, -1).long())
        bits = reader.bits(rows, [asked[place][0] for place in can] * 2, [asked[place][1] for place in can] * 2)
        made[number, can] = bits[len(can) :] - bits[: len(can)]
        before = distance
    return made


def remembered(gains: np.ndarray, distances: list[int]) -> int:
    """The farthest distance up to which the mean gain (D, F) is above 0 by twice its error; 0 if none."""
    farthest = 0
    means, errors = gains.mean(1), gains.std(1) / math.sqrt(gains.shape[1])
    for distance, mean, error in zip(distances, means, errors, strict=True):
        if not mean > max(2 * error, LEAST):
            break
        farthest = distance
    return farthest
