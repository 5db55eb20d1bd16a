"""What tokenizers are measured by: bytes a token, bits a byte, what they do not know, speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from maquette.data.tokenizers import Tokenizer

AT_ONCE = 8  # stretches encoded together


def measured(tokenizer: Tokenizer, model: Any, train: Sequence[str], test: Sequence[str]) -> dict[str, Any]:
    """Counts the training tokens into `model`, a `Unigram`, and measures tokenizer and model on the test part.

    Parts that the vocabulary lacks have to be spelled out: each of their bytes counts as a token, and as 8 bits.
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
    spelled = sum(unknown_bytes(tokenizer, text, found) for text, found in zip(test, encoded, strict=True))
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
    """Bytes of the texts for each token, parts that the vocabulary lacks spelled out in bytes."""
    tokens = 0
    for text, found in zip(texts, tokenizer.encode_batch(texts), strict=True):
        unknown = 0 if tokenizer.unknown is None else int((found == tokenizer.unknown).sum())
        tokens += len(found) - unknown + unknown_bytes(tokenizer, text, found)
    return sum(map(size_of, texts)) / max(1, tokens)


def unknown_bytes(tokenizer: Tokenizer, text: str, tokens: np.ndarray) -> int:
    """Bytes of the parts of a text that became unknown tokens."""
    if tokenizer.unknown is None or not (tokens == tokenizer.unknown).any():
        return 0
    spans = zip(tokens.tolist(), tokenizer.offsets(text), strict=True)
    return sum(size_of(text[start:end]) for token, (start, end) in spans if token == tokenizer.unknown)


def size_of(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
