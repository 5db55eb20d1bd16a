"""Learning vectors of words, plainly, and what one asks of them once they are learnt.

Skip-gram and CBOW with negative sampling (Mikolov et al. 2013): the loss of a word w among its window's words c and
drawn words n is -ln s(v_c u_w) - sum ln s(-v_c u_n), s(x) = 1 / (1 + e^-x). kernels/word_vectors.py does it fast.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

POWER = 0.75  # of a word's count, by which negatives are drawn


def keeping(counts: np.ndarray, threshold: float) -> np.ndarray:
    """The chance (V,) that a word of text is kept: sqrt(t / f) + t / f of its share f, as word2vec does it; 0: all."""
    if not threshold:
        return np.ones(len(counts), np.float32)
    share = counts / counts.sum()
    return np.minimum(np.sqrt(threshold / share) + threshold / share, 1).astype(np.float32)


def alias_table(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chances (V,) and other words (V,): an even draw stays with its chance, else it becomes the other; Walker 1977."""
    scaled = (weights / weights.sum() * len(weights)).tolist()
    chances, others = np.ones(len(scaled), np.float32), np.arange(len(scaled), dtype=np.int32)
    small = [place for place, value in enumerate(scaled) if value < 1]
    large = [place for place, value in enumerate(scaled) if value >= 1]
    while small and large:
        low, high = small.pop(), large[-1]
        chances[low], others[low] = scaled[low], high
        scaled[high] -= 1 - scaled[low]
        if scaled[high] < 1:
            small.append(large.pop())
    return chances, others


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -10, 10)))


def parts_of_changes(pushes: np.ndarray, shards: int) -> np.ndarray:
    """How much (R,) of the sum of the changes of `shards` copies a row takes, when each pushed it so far.

    A push of k brings a row the part 1 - e^-k of the way to where its copy's text wants it. All texts one after the
    other would bring it 1 - e^-sk of the way, and the sum of the changes s (1 - e^-k): rare words take the sum,
    common ones, which each copy has brought all the way, the mean.
    """
    pushes = np.maximum(pushes, 1e-6)
    return (np.expm1(-shards * pushes) / (shards * np.expm1(-pushes))).astype(np.float32)


def window_loss(
    inputs: np.ndarray, outputs: np.ndarray, bags: Sequence[Sequence[int]], drawn: Sequence[int], is_cbow: bool
) -> float:
    """The loss of one window in nats: bags are the input rows of its words, drawn[0] the word, the rest negatives."""
    rows = np.stack([inputs[list(bag)].mean(0) for bag in bags])
    if is_cbow:
        rows = rows.mean(0, keepdims=True)
    products = rows @ outputs[list(drawn)].T
    counted = [0, *(place for place in range(1, len(drawn)) if drawn[place] != drawn[0])]
    signs = np.where(np.arange(len(drawn)) == 0, 1.0, -1.0)
    return float(-np.log(logistic(products * signs))[:, counted].sum())


def window_step(
    inputs: np.ndarray,
    outputs: np.ndarray,
    bags: Sequence[Sequence[int]],
    drawn: Sequence[int],
    rate: float,
    is_cbow: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and outputs after a step down the loss of a window.

    As in word2vec and fastText, each row of a mean takes the whole step of the mean, not its share.
    """
    into, out = inputs.copy(), outputs.copy()
    rows = np.stack([inputs[list(bag)].mean(0) for bag in bags])
    source = rows.mean(0, keepdims=True) if is_cbow else rows
    slopes = -logistic(source @ outputs[list(drawn)].T)
    slopes[:, 0] += 1
    slopes[:, [place for place in range(1, len(drawn)) if drawn[place] == drawn[0]]] = 0
    steps = rate * slopes @ outputs[list(drawn)]
    for place, bag in enumerate(bags):
        for row in bag:
            into[row] += steps[0 if is_cbow else place]
    for place, word in enumerate(drawn):
        out[word] += rate * slopes[:, place] @ source
    return into, out


@dataclass(frozen=True)
class Space:
    """Words with their vectors (V, D) and how often each was seen, commonest first."""

    words: list[str]
    vectors: np.ndarray
    counts: np.ndarray

    @cached_property
    def places(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words)}

    @cached_property
    def unit(self) -> np.ndarray:
        """The vectors at length 1."""
        return unit(self.vectors)

    def nearest(self, direction: np.ndarray, count: int, without: Sequence[int] = ()) -> list[tuple[int, float]]:
        """The words whose vectors point most alike, with their cosines."""
        cosines = self.unit @ unit(direction)
        cosines[list(without)] = -2
        best = np.argsort(-cosines, kind="stable")[: min(count, len(cosines) - len(set(without)))]
        return [(int(place), float(cosines[place])) for place in best]

    def analogy(self, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        """The direction of what is to c as b is to a: b - a + c, each at length 1 (3CosAdd)."""
        return unit(b) - unit(a) + unit(c)

    def analogies(self, questions: np.ndarray) -> np.ndarray:
        """The answers (Q,) to questions (Q, 3) of places a, b, c; the three themselves are no answers."""
        found = []
        for some in np.array_split(questions, max(1, len(questions) // 256)):
            a, b, c = (self.unit[some[:, place]] for place in range(3))
            cosines = (b - a + c) @ self.unit.T
            np.put_along_axis(cosines, some, -9, axis=1)
            found.append(cosines.argmax(1))
        return np.concatenate(found) if found else np.empty(0, np.int64)


def unit(vectors: np.ndarray) -> np.ndarray:
    """The same at length 1; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)


def odd_one(vectors: np.ndarray) -> tuple[int, np.ndarray]:
    """Which of some words (N, D) is least like the mean of all, and the cosines (N,) to that mean."""
    cosines = unit(vectors) @ unit(unit(vectors).mean(0))
    return int(cosines.argmin()), cosines


def pieces_of(word: str, buckets: int, shortest: int = 3, longest: int = 6) -> list[int]:
    """The buckets of a word's pieces, of 3 to 6 letters of <word>; Bojanowski et al. 2017, hashed by FNV-1a."""
    whole, found = f"<{word}>", []
    for length in range(shortest, longest + 1):
        for start in range(len(whole) - length + 1):
            piece = whole[start : start + length]
            if piece != whole:
                value = 2166136261
                for byte in piece.encode():
                    value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
                found.append(value % buckets)
    return found


def bags_of(words: Sequence[str], buckets: int) -> tuple[np.ndarray, np.ndarray]:
    """For each word where its rows begin, (V + 1,), and all rows: its own, and with buckets those of its pieces."""
    if not buckets:
        return np.arange(len(words) + 1, dtype=np.int64), np.arange(len(words), dtype=np.int32)
    rows = [[place, *(len(words) + piece for piece in pieces_of(word, buckets))] for place, word in enumerate(words)]
    return np.cumsum([0, *map(len, rows)]).astype(np.int64), np.concatenate(rows).astype(np.int32)


def word_rows(inputs: np.ndarray, words: Sequence[str], buckets: int) -> np.ndarray:
    """The vectors (V, D) of words, each the mean of its rows of inputs (V + buckets, D)."""
    if not buckets:
        return inputs[: len(words)]
    starts, bags = bags_of(words, buckets)
    sums = np.add.reduceat(inputs[bags], starts[:-1], axis=0)
    return (sums / np.diff(starts)[:, None]).astype(np.float32)
