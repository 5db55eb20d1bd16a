"""How likely the next token is by counting: one, two and three tokens, each backing off to the shorter one.

Absolute discounting, interpolated; Ney, Essen and Kneser 1994.
"""

import numpy as np

DISCOUNT = 0.75


class Counted:
    """How often each context was followed by each token, for contexts of one length."""

    def __init__(self, contexts: np.ndarray, tokens: np.ndarray, vocabulary: int):
        self.vocabulary = vocabulary
        self.pairs, self.pair_counts = np.unique(contexts * vocabulary + tokens, return_counts=True)
        before = self.pairs // vocabulary
        self.contexts, first = np.unique(before, return_index=True)
        self.totals = np.add.reduceat(self.pair_counts, first) if len(first) else np.zeros(0, np.int64)
        self.kinds = np.diff(np.append(first, len(before)))

    def smoothed(self, contexts: np.ndarray, tokens: np.ndarray, shorter: np.ndarray) -> np.ndarray:
        """p(token | context) = (count - d) / total + d kinds / total p(token | shorter context), all (N,).

        kinds: how many different tokens followed the context. One that was never seen leaves `shorter` as it is.
        """
        counts = looked_up(self.pairs, self.pair_counts, contexts * self.vocabulary + tokens)
        totals = looked_up(self.contexts, self.totals, contexts)
        kinds = looked_up(self.contexts, self.kinds, contexts)
        seen = totals > 0
        totals = np.where(seen, totals, 1)
        spread = np.where(seen, DISCOUNT * kinds / totals, 1.0)
        return np.maximum(counts - DISCOUNT, 0) / totals + spread * shorter


class Trigram:
    """Fitted on tokens (N,) of 0..vocabulary-1: the probability of each next token by the two before it."""

    def __init__(self, tokens: np.ndarray, vocabulary: int):
        tokens = np.asarray(tokens, np.int64)
        assert vocabulary < 2_000_000, "three tokens must fit into 63 bits"
        self.vocabulary = vocabulary
        nothing = np.zeros(len(tokens), np.int64)
        two = tokens[:-2] * vocabulary + tokens[1:-1] if len(tokens) > 2 else nothing[:0]
        self.counts = [
            Counted(nothing, tokens, vocabulary),
            Counted(tokens[:-1], tokens[1:], vocabulary),
            Counted(two, tokens[2:], vocabulary),
        ]

    def probabilities(self, tokens: np.ndarray, length: int = 3) -> np.ndarray:
        """p of each token but the first two, by the `length` - 1 tokens before it: (N - 2,) float64."""
        tokens = np.asarray(tokens, np.int64)
        target = tokens[2:]
        contexts = [np.zeros(len(target), np.int64), tokens[1:-1], tokens[:-2] * self.vocabulary + tokens[1:-1]]
        p = np.full(len(target), 1 / self.vocabulary)
        for counted, context in zip(self.counts[:length], contexts, strict=False):
            p = counted.smoothed(context, target, p)
        return p

    def loss(self, tokens: np.ndarray, length: int = 3) -> float:
        """Mean of -log p in nats."""
        return float(-np.log(self.probabilities(tokens, length)).mean())


def looked_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The values of the wanted keys, 0 for keys that are not there; `keys` are sorted."""
    if not len(keys):
        return np.zeros(len(wanted), np.int64)
    places = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)
