"""The text that tokenizers learn from, and what they are measured by: bytes a token, bits a byte, what is lost."""

import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from maquette.data.text.documents import Texts
from maquette.data.text.tokenizers import Tokenizer
from maquette.models.unigram import Unigram
from maquette.runs import Run
from maquette.settings import UserError

AT_ONCE = 16  # stretches encoded together


def read_parts(texts: Texts, run: Run, *, most_mb: int, test_share: float) -> tuple[list[str], list[str]]:
    """Training and test part in memory, stretch by stretch; of more than `most_mb`, stretches drawn at random."""
    train: list[str] = []
    test: list[str] = []
    megabytes, chance = texts.size / 2**20, run.random("stretches")
    share = most_mb / megabytes
    for piece in texts.pieces(test_share, run.settings.seed):
        held = train if piece.part == "train" else test
        if share >= 1 or not held or chance.random() < share:
            held.append(piece.text)
    for note in texts.notes():
        if note not in run.source["notes"]:  # what only reading could tell
            run.say(note)
    if share < 1:
        run.say(f"The text has {megabytes:,.0f} MB; about {most_mb:,} MB of it were drawn at random.")
    for name, held in (("training", train), ("test", test)):
        if not any(text.strip() for text in held):
            raise UserError(f"{texts.path} gives no text for the {name} part; give more text, or another --test-share.")
    return train, test


def measured(tokenizer: Tokenizer, model: Unigram, train: Sequence[str], test: Sequence[str]) -> dict[str, Any]:
    """Counts the training tokens into `model`, and measures tokenizer and model on the test part.

    What a tokenizer does not hold would have to be spelled out: each of `lost_bytes` counts as a token, and as 8 bits.
    `speed` is in MB a second.
    """
    count = len(tokenizer.vocabulary)
    seen = np.zeros(count, np.int64)
    began = time.perf_counter()
    for start in range(0, len(train), AT_ONCE):
        for tokens in tokenizer.encode_batch(train[start : start + AT_ONCE]):
            seen += np.bincount(tokens, minlength=count)
    seconds = time.perf_counter() - began
    model.count(torch.from_numpy(seen))
    encoded = tokenizer.encode_batch(test)
    tokens = np.concatenate(encoded)
    size, words = sum(map(size_of, test)), sum(len(text.split()) for text in test)
    unknown = 0 if tokenizer.unknown is None else int((tokens == tokenizer.unknown).sum())
    spelled = sum(lost_bytes(tokenizer, text, found) for text, found in zip(test, encoded, strict=True))
    with torch.no_grad():
        bits = -float(model(torch.from_numpy(tokens).long()).sum()) / np.log(2)
    return {
        "vocabulary": count,
        "tokens": len(tokens),
        "tokens_per_word": len(tokens) / max(1, words),
        "unknown_share": unknown / max(1, len(tokens)),
        "bytes_per_token": size / max(1, len(tokens) - unknown + spelled),
        "bits_per_byte": float(bits + 8 * spelled) / size,
        "is_lossless": tokenizer.is_lossless,
        "gives_back": all(tokenizer.decode(found) == text for text, found in zip(test, encoded, strict=True)),
        "speed": sum(map(size_of, train)) / 2**20 / max(seconds, 1e-9),
    }


def bytes_per_token(tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """Bytes of the texts for each token, what the tokenizer does not hold spelled out in bytes."""
    tokens = 0
    for text, found in zip(texts, tokenizer.encode_batch(texts), strict=True):
        unknown = 0 if tokenizer.unknown is None else int((found == tokenizer.unknown).sum())
        tokens += len(found) - unknown + lost_bytes(tokenizer, text, found)
    return sum(map(size_of, texts)) / max(1, tokens)


def lost_bytes(tokenizer: Tokenizer, text: str, tokens: np.ndarray) -> int:
    """Bytes of a text that its tokens do not hold: unknown parts, and white space that does not come back as it was."""
    knows_all = tokenizer.unknown is None or not (tokens == tokenizer.unknown).any()
    if tokenizer.is_lossless and knows_all:
        return 0
    put = cache(lambda before, after: space_between(tokenizer, before, after))
    lost, reached, last = 0, 0, None
    for token, (start, end) in zip(tokens.tolist(), tokenizer.offsets(text), strict=True):
        space = text[reached:start]
        comes_back = 0 if last is None else put(last, token)
        if space != " " * comes_back:
            lost += max(1, size_of(space) - (comes_back and " " in space))
        if token == tokenizer.unknown:
            lost += size_of(text[start:end])
        reached, last = max(reached, end), token
    return lost + size_of(text[reached:])


def space_between(tokenizer: Tokenizer, before: int, after: int) -> int:
    """How many spaces decoding puts between two tokens."""
    if tokenizer.vocabulary[after].startswith("##"):
        return 0
    return len(tokenizer.decode([before, after])) - len(tokenizer.decode([before])) - len(tokenizer.decode([after]))


def size_of(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
