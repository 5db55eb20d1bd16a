"""Counting against brute force: probabilities of all continuations add up to one, and known formulas."""

import itertools

import numpy as np
import pytest

from maquette.methods.ngrams import DISCOUNT, Trigram


@pytest.mark.parametrize("length", [1, 2, 3])
def test_the_probabilities_of_all_next_tokens_add_up_to_one(length):
    tokens = np.random.default_rng(0).integers(0, 6, 200) // 2 * 2  # odd tokens are never seen
    counted = Trigram(tokens, 6)
    for first, second in itertools.product(range(6), repeat=2):
        total = sum(counted.probabilities(np.array([first, second, token]), length)[0] for token in range(6))
        assert total == pytest.approx(1, abs=1e-12)


def test_it_is_the_formula_written_out():
    tokens = [0, 1, 2, 0, 1, 3, 0, 1, 2, 2, 0, 3]
    counted = Trigram(np.array(tokens), 4)

    def probability(context, token):
        """Ney, Essen and Kneser 1994, with plain counts."""
        shorter = 1 / 4 if not context and token is not None else None
        if context:
            shorter = probability(context[1:], token)
        length = len(context)
        following = [
            tokens[i + length] for i in range(len(tokens) - length) if tuple(tokens[i : i + length]) == tuple(context)
        ]
        if not following:
            return shorter
        count, total, kinds = following.count(token), len(following), len(set(following))
        return max(count - DISCOUNT, 0) / total + DISCOUNT * kinds / total * shorter

    for context in itertools.product(range(4), repeat=2):
        for token in range(4):
            got = counted.probabilities(np.array([*context, token]))[0]
            assert got == pytest.approx(probability(context, token), rel=1e-12)


def test_a_text_that_repeats_itself_is_foreseen():
    tokens = np.tile([0, 1, 2, 3, 4], 400)
    counted = Trigram(tokens, 5)
    assert counted.loss(tokens, 3) < 0.01 < 0.5 < counted.loss(tokens, 1)
    assert counted.loss(tokens, 1) == pytest.approx(np.log(5), rel=0.01)


def test_large_vocabularies_do_not_overflow():
    tokens = np.array([1_999_999, 5, 1_999_998, 1_999_999, 5, 1_999_998])
    assert Trigram(tokens - 1, 1_999_999).probabilities(tokens - 1)[-1] > 0.4
