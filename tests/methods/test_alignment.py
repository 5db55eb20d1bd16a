"""IBM model 1 against the enumeration of all alignments, and against what Brown et al. state of it."""

from itertools import product

import numpy as np
import pytest

from maquette.methods.alignment import NULL, Lexicon

SOURCES = [["the", "house"], ["the", "book"], ["a", "book"], ["house"]]
TARGETS = [["das", "Haus"], ["das", "Buch"], ["ein", "Buch"], ["Haus", "da"]]


def enumerated(rounds):
    """t(f | e) by going through every alignment of every pair."""
    words = sorted({(e, f) for s, t in zip(SOURCES, TARGETS, strict=True) for e in (NULL, *s) for f in t})
    owners = {e: sum(a == e for a, _ in words) for e, _ in words}
    t = {(e, f): 1 / owners[e] for e, f in words}
    likelihoods = []
    for _ in range(rounds):
        counts, likelihood = dict.fromkeys(t, 0.0), 0.0
        for source, target in zip(SOURCES, TARGETS, strict=True):
            read = [NULL, *source]
            ways = list(product(range(len(read)), repeat=len(target)))
            chances = np.array([np.prod([t[read[i], f] for i, f in zip(w, target, strict=True)]) for w in ways])
            likelihood += float(np.log(chances.sum()))
            for way, chance in zip(ways, chances / chances.sum(), strict=True):
                for i, f in zip(way, target, strict=True):
                    counts[read[i], f] += chance
        likelihoods.append(likelihood)
        totals = {e: sum(c for (a, _), c in counts.items() if a == e) for e in owners}
        t = {(e, f): counts[e, f] / totals[e] for e, f in t}
    return t, likelihoods


@pytest.mark.parametrize("rounds", [1, 3, 6])
def test_equal_to_enumeration(rounds):
    lexicon, (expected, likelihoods) = Lexicon(SOURCES, TARGETS, rounds), enumerated(rounds)
    for (source, target), value in expected.items():
        assert lexicon.probability(source, target) == pytest.approx(value, abs=1e-12)
    assert lexicon.log_likelihoods == pytest.approx(likelihoods)
    assert sum(lexicon.probability("book", f) for f in {f for t in TARGETS for f in t}) == pytest.approx(1)


def test_the_likelihood_never_falls():
    assert (np.diff(Lexicon(SOURCES, TARGETS, 12).log_likelihoods) >= -1e-12).all()


def test_words_and_alignments():
    lexicon = Lexicon(SOURCES, TARGETS, 20)
    assert [lexicon.best(word) for word in ("house", "book", "never seen")] == ["Haus", "Buch", None]
    assert lexicon.aligned(["a", "book"], ["ein", "Buch"]) == [0, 1]
    assert lexicon.probability("never seen", "Haus") == 0 and lexicon.probability("house", "never seen") == 0


def test_nothing_to_count():
    assert Lexicon([], []).best("house") is None
