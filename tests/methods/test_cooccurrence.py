"""Counting what stands near, against a plain loop, and information against its formula."""

import numpy as np
import pytest

from maquette.methods.cooccurrence import counted, counted_vectors, positive_information

G = np.random.default_rng(3)
WORDS, SENTENCES = G.integers(7, size=120).astype(np.int32), np.sort(G.integers(9, size=120))


def test_counts_are_those_of_a_loop():
    expected = np.zeros((6, 6))
    for a in range(120):
        for b in range(120):
            near = 0 < abs(a - b) <= 4 and SENTENCES[a] == SENTENCES[b] and max(WORDS[a], WORDS[b]) < 6
            expected[WORDS[a] % 6, WORDS[b] % 6] += near * (5 - abs(a - b)) / 4 if near else 0
    np.testing.assert_allclose(counted(WORDS, SENTENCES, 6, 4).toarray(), expected)


def test_information_is_its_formula():
    counts = counted(WORDS, SENTENCES, 7, 3)
    dense = counts.toarray()
    p, left, right = dense / dense.sum(), dense.sum(1) / dense.sum(), dense.sum(0) ** 0.75
    right = right / right.sum()
    with np.errstate(divide="ignore"):
        expected = np.maximum(np.log(p / np.outer(left, right)), 0)
    np.testing.assert_allclose(positive_information(counts).toarray(), expected, atol=1e-12)


def test_all_directions_give_the_information_back():
    left, right = counted_vectors(WORDS, SENTENCES, 7, width=6, window=3, seed=0)
    whole = positive_information(counted(WORDS, SENTENCES, 7, 3)).toarray()
    values = np.linalg.svd(whole, compute_uv=False)
    assert np.linalg.norm(whole - left @ right.T) == pytest.approx(values[-1], abs=1e-5)
