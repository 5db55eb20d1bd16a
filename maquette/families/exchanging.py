"""Captions in which two words have changed places: what a CLIP must tell from right ones, lest it only count words.

Without them a red circle beside a blue square is much the same to it as a blue circle beside a red square; Yuksekgonul
et al. 2023, "When and why vision-language models behave like bags-of-words".
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from torch import Tensor

from maquette.data.text.tokenizers import WORDS
from maquette.families.captions import CaptionPart, Wording, plain

COMMON, LOOKED = 300, 6000  # words that may change places, and captions that tell which
LONG_ENOUGH = 3  # letters of such a word
ALIKE = 0.7  # cosine of the counts of their neighbours, from which words are of one kind


def neighbours(bags: Sequence[Sequence[str]], places: Mapping[str, int]) -> np.ndarray:
    """Cosines (W, W) of how often words have which word before and behind them."""
    columns: dict[tuple[int, str], int] = {}
    counts: Counter[tuple[int, int]] = Counter()
    for bag in bags:
        for before, word, behind in zip(["", *bag], bag, [*bag[1:], ""], strict=False):
            if word in places:
                for side, other in enumerate((before, behind)):
                    counts[places[word], columns.setdefault((side, other), len(columns))] += 1
    rows = np.zeros((len(places), max(len(columns), 1)), np.float32)
    for (row, column), count in counts.items():
        rows[row, column] = count
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return rows @ rows.T


class Exchange:
    """Which words of captions may change places: common ones with the same neighbours, such as red and blue."""

    def __init__(self, texts: Sequence[str]):
        bags = [WORDS.findall(text.lower()) for text in texts[:: max(1, len(texts) // LOOKED)]]
        counts = Counter(word for bag in bags for word in bag if word.isalpha() and len(word) >= LONG_ENOUGH)
        self.places = {word: place for place, (word, _) in enumerate(counts.most_common(COMMON))}
        self.fits = neighbours(bags, self.places) > ALIKE

    def __call__(self, text: str, g: np.random.Generator) -> str | None:
        """The text in small letters with two such words exchanged, which pair by chance; None if it has none."""
        text = text.lower()
        found = [word for word in WORDS.finditer(text) if word.group() in self.places]
        pairs = [
            (a, b)
            for a, b in combinations(found, 2)
            if a.group() != b.group() and self.fits[self.places[a.group()], self.places[b.group()]]
        ]
        if not pairs:
            return None
        a, b = pairs[g.integers(len(pairs))]
        return text[: a.start()] + b.group() + text[a.end() : b.start()] + a.group() + text[b.end() :]


def exchanged(part: CaptionPart, wording: Wording, seed: int) -> Tensor:
    """Tokens (M, T) of a part's captions with two words exchanged; 0 where that says nothing else, or cannot be."""
    exchange, g, made = Exchange(part.captions), np.random.default_rng([seed, 43]), []
    for texts in part.texts:
        own = {plain(text) for text in texts}
        changed = (exchange(text, g) or "" for text in texts)
        made += ["" if plain(text) in own else text for text in changed]
    tokens = wording.encode(made)
    return tokens * (tokens != part.tokens).any(1)[:, None]  # what is cut at the end may have been all that changed
