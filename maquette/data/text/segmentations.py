"""Words cut into subwords in other ways, by leaving out merges at random: BPE dropout; Provilkov et al. 2020.

A network that sees a word cut now so, now otherwise learns what its pieces mean, and mistakes of rare words cost less.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

from maquette.data.text.tokenizers import Subwords

WAYS = 4  # ways in which each word is cut; one of them is drawn each time


class Segmentations:
    """Texts as words, each with WAYS ways to cut it; `draw` cuts them all anew.

    share: the part of the merges that is left out at each step (algorithm 1 of the paper). The tokenizer is byte pairs.
    """

    def __init__(self, tokenizer: Subwords, texts: Sequence[str], share: float, seed: int):
        numbers = {word: number for number, word in enumerate(tokenizer.vocabulary)}
        ranks = {pair: rank for rank, pair in enumerate(tokenizer.merges)}
        words: dict[str, int] = {}
        parts = [[words.setdefault(word, len(words)) for word in tokenizer.parts(text)] for text in texts]
        self.bounds = np.cumsum([0, *map(len, parts)])
        self.words = np.array([word for text in parts for word in text], np.int64)
        g = np.random.default_rng([seed, 31])
        found = [[numbers[piece] for piece in cut(word, ranks, share, g)] for word in words for _ in range(WAYS)]
        self.lengths = np.array([len(each) for each in found], np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.tokens = np.array([token for each in found for token in each], np.int32)

    def draw(self, generator: torch.Generator) -> list[np.ndarray]:
        """The tokens of each text, (N,) int32, every word in one of its ways."""
        ways = torch.randint(WAYS, (len(self.words),), generator=generator).numpy()
        chosen = self.words * WAYS + ways
        lengths = self.lengths[chosen]
        ends = np.cumsum(lengths)
        within = np.arange(lengths.sum()) - np.repeat(ends - lengths, lengths)
        tokens = self.tokens[np.repeat(self.starts[chosen], lengths) + within]
        counts = np.concatenate([[0], ends])
        return np.split(tokens, counts[self.bounds[1:-1]])


def cut(word: str, ranks: dict[tuple[str, str], int], share: float, g: np.random.Generator) -> list[str]:
    """A word as its letters, merged by the first of the merges that are possible and not left out, until none is."""
    pieces = list(word)
    while len(pieces) > 1:
        possible = [(ranks[pair], place) for place, pair in enumerate(pairwise(pieces)) if pair in ranks]
        if share:
            kept = g.random(len(possible)) >= share
            possible = [each for each, is_kept in zip(possible, kept, strict=True) if is_kept]
        if not possible:
            break
        _, place = min(possible)
        pieces[place : place + 2] = [pieces[place] + pieces[place + 1]]
    return pieces
