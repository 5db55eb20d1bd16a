"""What tokenizers are measured by: bytes a token, bits a byte, what they do not know, speed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from maquette.data.text.tokenizers import Tokenizer

AT_ONCE = 16  # stretches encoded together


def measured(tokenizer: Tokenizer, model: Any, train: Sequence[str], test: Sequence[str]) -> dict[str, Any]:
    """Counts the training tokens into `model`, a `Unigram`, and measures tokenizer and model on the test part.

    What a tokenizer does not hold would have to be spelled out: each of `lost_bytes` counts as a token, and as 8 bits.
    `speed` is in MB a second.
    """
    import time

    import numpy as np
    import torch

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
