"""Beam search that is guided: what has to come first, what may not come, what may not come twice."""

import torch

from maquette.methods.beam import searched
from maquette.methods.guiding import Guided, repeating

V, END = 6, 0


class Fixed:
    """A network that always likes token 3 best, then 2, then 4, and ends last."""

    def read(self, tokens, cache):
        cache.seen.append(tokens.tolist())
        return torch.tensor([-9.0, 0.0, 2.0, 3.0, 1.0, -5.0]).expand(len(tokens), V)


class Cache:
    def __init__(self):
        self.seen = []

    def choose(self, rows, batch):
        pass


def outputs(beams=1, batch=1, most=5, **options):
    steps = Guided(Fixed(), Cache(), **options)
    found = searched(steps, batch=batch, beams=beams, start=1, end=END, most=[most] * batch)
    return [each[0].tokens for each in found]


def test_unguided_it_says_what_it_likes():
    assert outputs() == [[3, 3, 3, 3, 3]]


def test_first_and_never():
    assert outputs(first=5) == [[5, 3, 3, 3, 3]]
    assert outputs(never=[3]) == [[2, 2, 2, 2, 2]]
    assert outputs(first=4, never=[3, 2], batch=2) == [[4, 4, 4, 4, 4]] * 2


def test_it_does_not_end_too_soon():
    class Brief(Fixed):
        def read(self, tokens, cache):
            logits = super().read(tokens, cache).clone()
            logits[:, END] = 9.0
            return logits

    for fewest in (0, 1, 3):
        for beams in (1, 2):
            steps = Guided(Brief(), Cache(), end=END, fewest=fewest)
            found = searched(steps, batch=2, beams=beams, start=1, end=END, most=[5, 5])
            assert [each[0].tokens for each in found] == [[3] * fewest] * 2


def test_no_run_twice():
    assert outputs(no_repeat=1) == [[3, 2, 4, 5, END][:4]]  # 1 was there from the start
    (said,) = outputs(no_repeat=2, most=12)
    pairs = list(zip([1, *said], said, strict=False))
    assert len(said) == 12 and len(set(pairs)) == len(pairs)
    for said in outputs(beams=3, batch=2, no_repeat=2, most=8):
        pairs = list(zip([1, *said], said, strict=False))
        assert len(set(pairs)) == len(pairs)


def test_repeating_by_enumeration():
    history = torch.randint(3, (20, 9), generator=torch.Generator().manual_seed(0))
    for length in (1, 2, 3):
        rows, tokens = repeating(history, length)
        found = set(zip(rows.tolist(), tokens.tolist(), strict=True))
        for row, line in enumerate(history.tolist()):
            known = {tuple(line[at : at + length]) for at in range(len(line) - length + 1)}
            ends = tuple(line[len(line) - length + 1 :])
            assert {t for r, t in found if r == row} == {t for t in range(3) if (*ends, t) in known}
    assert [len(each) for each in repeating(history[:, :1], 2)] == [0, 0]
