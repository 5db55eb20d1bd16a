"""Which word becomes which, learnt from sentence pairs by counting: IBM model 1; Brown et al. 1993, section 4.1.

Every word of the target comes from one word of the source, or from none (NULL), each being as likely as any other to be
the one: p(target | source) = prod_j 1 / (S + 1) sum_i t(target_j | source_i), i = 0 being NULL.
"""

from collections.abc import Sequence

import numpy as np

NULL = ""  # stands for no word of the source
MOST = 20_000_000  # pairs of words that are counted


class Lexicon:
    """t(target word | source word), by expectation and maximisation from equal probabilities on.

    Sentences are lists of words; of more than MOST pairs of words the later sentences are left out.
    """

    def __init__(self, sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]], rounds: int = 5):
        self.sources: dict[str, int] = {NULL: 0}
        self.targets: dict[str, int] = {}
        read: list[int] = []
        said: list[int] = []
        reach: list[tuple[int, int]] = []  # of each word of the target, where its sentence begins in `read`, how long
        size = 0
        for source, target in zip(sources, targets, strict=True):
            size += (len(source) + 1) * len(target)
            if size > MOST:
                break
            reach += [(len(read), len(source) + 1)] * len(target)
            read += [0, *(self.sources.setdefault(word, len(self.sources)) for word in source)]
            said += [self.targets.setdefault(word, len(self.targets)) for word in target]
        self.words, count = list(self.targets), len(said)
        starts, lengths = np.array(reach, np.int64).reshape(-1, 2).T
        place = np.repeat(np.arange(count), lengths)  # of the target's word, for each pair of words
        within = np.arange(len(place)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        lines, columns = np.array(read, np.int64)[starts[place] + within], np.array(said, np.int64)[place]
        self.keys, pair = np.unique(lines * max(1, len(self.targets)) + columns, return_inverse=True)
        owner = self.keys // max(1, len(self.targets))
        self.values = 1 / np.bincount(owner, minlength=len(self.sources))[owner]
        self.log_likelihoods = []
        for _ in range(rounds):
            shares = self.values[pair]
            sums = np.bincount(place, shares, minlength=count)
            self.log_likelihoods.append(float(np.log(sums).sum()))
            counts = np.bincount(pair, shares / sums[place], minlength=len(self.keys))
            self.values = counts / np.bincount(owner, counts, minlength=len(self.sources))[owner]
        order = np.lexsort((self.keys, -self.values, owner))
        firsts = order[np.searchsorted(owner[order], np.arange(len(self.sources)))] if len(order) else order
        self._best = self.keys[firsts] % max(1, len(self.targets))

    def probability(self, source: str, target: str) -> float:
        """t(target | source); NULL for no source word."""
        read, said = self.sources.get(source), self.targets.get(target)
        if read is None or said is None:
            return 0.0
        key = read * len(self.targets) + said
        place = int(np.searchsorted(self.keys, key))
        return float(self.values[place]) if place < len(self.keys) and self.keys[place] == key else 0.0

    def best(self, source: str) -> str | None:
        """The likeliest word for one of the source; None for a word never seen."""
        read = self.sources.get(source)
        return None if read is None else self.words[int(self._best[read])]

    def aligned(self, source: Sequence[str], target: Sequence[str]) -> list[int | None]:
        """For each word of the target the place of the source word that it most likely comes from; None: NULL."""
        found: list[int | None] = []
        for word in target:
            chances = [self.probability(other, word) for other in (NULL, *source)]
            place = int(np.argmax(chances))
            found.append(place - 1 if place else None)
        return found
