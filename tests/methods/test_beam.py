"""Beam search over batches: exhaustive where it is wide enough, greedy with one beam, each input as if alone."""

from itertools import product

import pytest
import torch

from maquette.methods.beam import penalty_of, searched, searching

V, END = 4, 0


class Table:
    """Logits that depend on the input, on the last token and on how many came before it."""

    def __init__(self, inputs, beams, seed=0):
        g = torch.Generator().manual_seed(seed)
        self.table = 2 * torch.randn(8, 6, V, V, generator=g)
        self.rows = torch.tensor(inputs).repeat_interleave(beams)
        self.length = 0

    def go_on(self, tokens):
        self.length += 1
        return self.table[self.rows, self.length - 1, tokens]

    def choose(self, rows, batch):
        self.rows = self.rows[rows]


def search(inputs, beams, most, **options):
    return searched(Table(inputs, beams), batch=len(inputs), beams=beams, start=END, end=END, most=most, **options)


def all_outputs(number, most, power):
    """Every output of an input and its score, best first."""
    table = Table([number], 1).table[number].log_softmax(-1)
    found = []
    for length in range(most + 1):
        for tokens in product(range(1, V), repeat=length):
            said = [*tokens, END] if length < most else list(tokens)
            total = sum(float(table[i, ([END, *said])[i], token]) for i, token in enumerate(said))
            found.append((total / penalty_of(len(said), power), list(tokens)))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("power", [0.0, 0.6, 2.0])
def test_a_wide_beam_is_exhaustive(power):
    most = [4, 3, 4]
    found = search([0, 1, 2], 120, most, length_penalty=power)
    for number, outputs in enumerate(found):
        expected = all_outputs(number, most[number], power)
        assert [output.tokens for output in outputs[:5]] == [tokens for _, tokens in expected[:5]]
        assert [output.score for output in outputs[:5]] == pytest.approx([s for s, _ in expected[:5]], abs=1e-5)


def test_one_beam_is_greedy():
    table = Table([3], 1).table[3]
    tokens, last = [], END
    for place in range(5):
        last = int(table[place, last].argmax())
        if last == END:
            break
        tokens.append(last)
    assert search([3], 1, [5])[0][0].tokens == tokens


@pytest.mark.parametrize("beams", [1, 2, 3])
def test_each_input_as_if_alone(beams):
    together = search([0, 1, 2, 3, 4], beams, [5, 2, 4, 6, 1])
    alone = [search([number], beams, [most])[0] for number, most in enumerate([5, 2, 4, 6, 1])]
    assert [[o.tokens for o in outputs] for outputs in together] == [[o.tokens for o in outputs] for outputs in alone]


def test_more_beams_find_no_worse():
    scores = [search([5], beams, [6])[0][0].score for beams in (1, 2, 60)]
    assert scores[2] >= scores[0] - 1e-6 and scores[2] >= scores[1] - 1e-6


def test_what_is_settled_stays():
    steps = searching(Table([2], 3), batch=1, beams=3, start=END, end=END, most=[6])
    told = []
    for (state,) in steps:
        told.append(state.settled)
    best = state.finished[0].tokens
    assert all(best[: len(each)] == each for each in told)


def test_no_output_is_shorter_than_it_may_be():
    found = search(list(range(8)), 2, [5] * 8, least=2)
    assert all(len(output.tokens) >= 2 for outputs in found for output in outputs)


def test_the_penalty():
    assert penalty_of(1, 0.6) == 1.0 and penalty_of(7, 1.0) == 2.0 and penalty_of(9, 0.0) == 1.0
