"""Span corruption: stretches of a text are taken out, and what stood there is to be written; Raffel et al. 2020."""

import numpy as np

SHARE, MEAN = 0.15, 3.0  # of the tokens that are taken out, and how many stand together


def corrupted(
    tokens: np.ndarray, g: np.random.Generator, highest: int, share: float = SHARE, mean: float = MEAN
) -> tuple[np.ndarray, np.ndarray]:
    """A text (N,) with gaps, and what filled them, int32 both; of all texts of a length they are equally long.

    Gap k is marked by the token highest - k, in the text and before what filled it: "a b c d e" may become
    "a <0> d e" and "<0> b c". The text never begins with a gap; unlike T5's, it need not end with one.
    """
    taken, spans = sizes(len(tokens), share, mean)
    gaps, kept = parted(taken, spans, g), parted(len(tokens) - taken + 1, spans + 1, g)
    ends = np.cumsum(np.stack([kept[:-1], gaps], 1))  # where each kept stretch and each gap ends
    text: list[np.ndarray] = []
    filled: list[np.ndarray] = []
    start = 0
    for span in range(spans):
        mark = np.array([highest - span], np.int32)
        middle, end = int(ends[2 * span]), int(ends[2 * span + 1])
        text += [tokens[start:middle], mark]
        filled += [mark, tokens[middle:end]]
        start = end
    text.append(tokens[start:])
    return np.concatenate(text).astype(np.int32), np.concatenate(filled).astype(np.int32)


def sizes(length: int, share: float = SHARE, mean: float = MEAN) -> tuple[int, int]:
    """How many tokens are taken out of a text of `length`, two or more, and in how many gaps."""
    taken = min(max(1, round(length * share)), length - 1)
    return taken, min(max(1, round(taken / mean)), taken, length - taken)


def parted(total: int, parts: int, g: np.random.Generator) -> np.ndarray:
    """`total` in so many parts of at least 1, any way as likely as any other."""
    cuts = np.sort(g.choice(total - 1, parts - 1, replace=False)) + 1
    return np.diff(cuts, prepend=0, append=total)
