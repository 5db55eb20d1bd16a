"""ROUGE: how much of a summary's words, pairs of words and order another one has; Lin 2004.

Equal to Google's `rouge-score`: words are runs of a to z and 0 to 9 in lower case, each score is the F-measure of
precision and recall, and scores of a set are means over its summaries. Stemming is off unless asked for.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from maquette.measures.stemming import stemmed

KINDS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
ROUNDS = 1000  # sets drawn again for an interval
WORD = re.compile("[a-z0-9]+")
STEMMED_FROM = 4  # letters; shorter words stay as they are


class Match(NamedTuple):
    """How much of the made text is in the true one, how much of the true one in the made, and 2 p r / (p + r)."""

    precision: float
    recall: float
    f: float


def words_of(text: str, stem: bool = False) -> list[str]:
    """The words that ROUGE compares."""
    words = WORD.findall(text.lower())
    return [stemmed(word) if len(word) >= STEMMED_FROM else word for word in words] if stem else words


def rouge(true: str, made: str, stem: bool = False) -> dict[str, Match]:
    """The four scores of one summary. For rougeLsum a newline ends a sentence; see `in_lines`."""
    a, b = words_of(true, stem), words_of(made, stem)
    return {
        "rouge1": matched(_overlap(a, b, 1), max(len(b), 1), max(len(a), 1)),
        "rouge2": matched(_overlap(a, b, 2), max(len(b) - 1, 1), max(len(a) - 1, 1)),
        "rougeL": matched(longest_common(a, b), max(len(b), 1), max(len(a), 1)),
        "rougeLsum": _by_sentences(
            *([words_of(line, stem) for line in each.split("\n") if line] for each in (true, made))
        ),
    }


def matched(hits: int, made: int, true: int) -> Match:
    precision, recall = hits / made, hits / true
    return Match(precision, recall, 2 * precision * recall / (precision + recall) if hits else 0.0)


def _overlap(a: Sequence[str], b: Sequence[str], length: int) -> int:
    """How many runs of words both have, each counted as often as in the one that has it less often."""
    runs = [Counter(zip(*(words[start:] for start in range(length)), strict=False)) for words in (a, b)]
    return (runs[0] & runs[1]).total()


def longest_common(a: Sequence[str], b: Sequence[str]) -> int:
    """Words in the longest common subsequence, all of a row at once in the bits of a number; Hyyrö 2004."""
    places: dict[str, int] = {}
    for place, word in enumerate(a):
        places[word] = places.get(word, 0) | 1 << place
    whole = (1 << len(a)) - 1
    row = whole
    for word in b:
        here = row & places.get(word, 0)
        row = ((row + here) | (row - here)) & whole
    return len(a) - row.bit_count()


def _by_sentences(true: list[list[str]], made: list[list[str]]) -> Match:
    """ROUGE-L of a summary of sentences: of each true one, what is common with any made one; Lin 2004, section 3.2.

    As in Lin's program, no word counts more often than both summaries have it.
    """
    left = [Counter(word for words in each for word in words) for each in (true, made)]
    sizes = [each.total() for each in left]
    if not all(sizes):
        return Match(0.0, 0.0, 0.0)
    hits = 0
    for words in true:
        common = sorted({place for other in made for place in common_places(words, other)})
        for word in (words[place] for place in common):
            if all(each[word] > 0 for each in left):
                hits += 1
                for each in left:
                    each[word] -= 1
    return matched(hits, sizes[1], sizes[0])


def common_places(a: Sequence[str], b: Sequence[str]) -> list[int]:
    """Places in `a` of a longest common subsequence, that which `rouge-score` finds among several."""
    table = [[0] * (len(b) + 1)]
    for word in a:
        above, row = table[-1], [0]
        for column, other in enumerate(b):
            row.append(above[column] + 1 if word == other else max(above[column + 1], row[-1]))
        table.append(row)
    found, i, j = [], len(a), len(b)
    while i and j:
        if a[i - 1] == b[j - 1]:
            i, j = i - 1, j - 1
            found.append(i)
        elif table[i][j - 1] > table[i - 1][j]:
            j -= 1
        else:
            i -= 1
    return found


def in_lines(text: str) -> str:
    """The text with a newline after each sentence, as rougeLsum wants it; what has newlines stays."""
    return (
        text
        if "\n" in text
        else re.sub(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9#])", lambda gap: gap[0].rstrip() + "\n", text)
    )


def f_measures(pairs: Iterable[tuple[str, str]], stem: bool = False) -> dict[str, np.ndarray]:
    """The F-measures of (true, made) summaries, (N,) each, a part of 1."""
    rows = [[match.f for match in rouge(true, made, stem).values()] for true, made in pairs]
    return dict(zip(KINDS, np.array(rows, np.float64).reshape(-1, len(KINDS)).T, strict=True))


def with_interval(values: np.ndarray, seed: int) -> tuple[float, float, float]:
    """The mean of (N,) and the middle 95 % of means over summaries drawn again with replacement; Efron 1979."""
    g = np.random.default_rng(seed)
    means = [values[g.integers(len(values), size=len(values))].mean() for _ in range(ROUNDS)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)
