"""Which photographs of a set are compared: those that look alike, by one vector for each, and neighbours by name.

The features of a picture are made one vector: what those of each visual word lie beside it, summed (VLAD; Jégou et al.
2010), from the roots of SIFT (Arandjelović and Zisserman 2012), each word's sum of length 1 (the same, 2013). The words
are learnt from the pictures themselves by k-means.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

MOST_EXHAUSTIVE = 120  # photographs, above which each is compared with some only
OVERLAP = 12  # neighbours by name, each way
ALIKE = 40  # photographs that look most like one
COMPARING = {
    "exhaustive": "Comparing all pairs",
    "retrieval": f"Comparing each with {ALIKE} that look like it, and with neighbours by name",
    "sequential": "Comparing neighbours",
}

WORDS = 64
ROUNDS = 12  # of k-means
SAMPLE = 256  # features of a word, on average, that the words are learnt from

Matching = Literal["auto", "exhaustive", "retrieval", "sequential"]


def matching_of(wanted: Matching, count: int, is_sequence: bool) -> Matching:
    """Which of so many pictures are compared.

    exhaustive: all with all; retrieval: each with those that look like it and its neighbours by name; sequential: with
    its neighbours by name. auto: sequential for a video, exhaustive for few photographs, retrieval for many.
    """
    if wanted != "auto":
        return wanted
    return "sequential" if is_sequence else "exhaustive" if count <= MOST_EXHAUSTIVE else "retrieval"


def more_compared(matching: str) -> str:
    """What might find more cameras, after a sentence that tells how few were found."""
    return "" if matching == "exhaustive" else " Only some pairs were compared; --cameras exhaustive compares all."


def alike_pairs(features: Callable[[int], np.ndarray], number: int, count: int, seed: int = 0) -> list[tuple[int, int]]:
    """Each of `number` pictures with the `count` others that look most like it, as pairs, the smaller first.

    features: (F, 128) of a picture by its number, SIFT as whole numbers, asked for twice, so that those of all never
    stand in memory; a picture without features is like no other.
    """
    generator = np.random.default_rng(seed)
    each = -(-WORDS * SAMPLE // max(1, number))  # features that a picture gives
    drawn = [np.empty((0, 128), np.float32)]
    for one in map(features, range(number)):
        drawn.append(rooted(one[generator.permutation(len(one))[:each]]))
    sample = np.concatenate(drawn)
    if not len(sample):
        return []
    words = words_of(sample, min(WORDS, len(sample)), generator)
    return nearest_pairs(np.stack([vector_of(rooted(features(one)), words) for one in range(number)]), count)


def nearest_pairs(vectors: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Each of (N, D) unit vectors with the `count` others at the smallest angles below 90 degrees."""
    pairs: set[tuple[int, int]] = set()
    for number, vector in enumerate(vectors):
        likeness = vectors @ vector
        likeness[number] = -1
        for other in np.argsort(-likeness, kind="stable")[:count].tolist():
            if likeness[other] > 0:
                pairs.add((min(number, other), max(number, other)))
    return sorted(pairs)


def named_pairs(number: int, reach: int) -> list[tuple[int, int]]:
    """Each of `number` pictures with the `reach` that follow it by name."""
    return [(first, second) for first in range(number) for second in range(first + 1, min(number, first + reach + 1))]


def rooted(features: np.ndarray) -> np.ndarray:
    """(F, 128) float32, the roots of each feature's shares: their distances are Hellinger's."""
    shares = features.astype(np.float32)
    return np.sqrt(shares / np.maximum(shares.sum(1, keepdims=True), 1e-12))


def words_of(features: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """(count, D) middles of as many groups of (F, D) features: k-means from features drawn by chance."""
    words = features[np.sort(generator.choice(len(features), count, replace=False))]
    for _ in range(ROUNDS):
        sums, counts = _sums(features, words)
        words = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], words)
    return words


def vector_of(features: np.ndarray, words: np.ndarray) -> np.ndarray:
    """(K * D,) of length 1, or 0 without features: how the features of each word lie beside it."""
    sums, counts = _sums(features, words)
    beside = sums - counts[:, None] * words
    beside /= np.maximum(np.linalg.norm(beside, axis=1, keepdims=True), 1e-12)
    return (beside / max(float(np.linalg.norm(beside)), 1e-12)).ravel()


def _sums(features: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sum (K, D) and the number (K,) of the features nearest to each word."""
    distances = (words**2).sum(1) - 2 * features @ words.T
    group = (distances.argmin(1)[:, None] == np.arange(len(words))).astype(np.float32)
    return group.T @ features, group.sum(0)
