"""Gaps in texts: what is taken out and what fills it make the text again, in the shares that are asked for."""

import numpy as np
import pytest

from maquette.methods.spans import corrupted, parted, sizes

HIGHEST = 999


def put_together(text, filled):
    """The text again: each mark replaced by what stands after it among the fillings."""
    fillings, mark = {}, None
    for token in filled.tolist():
        if token > 900:
            mark = token
            fillings[mark] = []
        else:
            fillings[mark].append(token)
    return [token for each in text.tolist() for token in (fillings[each] if each > 900 else [each])]


@pytest.mark.parametrize("length", [2, 3, 7, 20, 128, 500])
def test_gaps_and_their_fillings_make_the_text(length):
    g, tokens = np.random.default_rng(length), np.arange(length, dtype=np.int32)
    taken, spans = sizes(length)
    for _ in range(20):
        text, filled = corrupted(tokens, g, HIGHEST)
        assert put_together(text, filled) == tokens.tolist()
        assert len(text) == length - taken + spans and len(filled) == taken + spans
        marks = [token for token in text.tolist() if token > 900]
        assert marks == list(range(HIGHEST, HIGHEST - spans, -1)) == [t for t in filled.tolist() if t > 900]
        assert text[0] == 0


def test_shares_are_those_of_the_paper():
    assert sizes(512) == (77, 26)
    g = np.random.default_rng(0)
    gone = np.zeros(100)
    for _ in range(4000):
        text, _ = corrupted(np.arange(100, dtype=np.int32), g, HIGHEST)
        gone += ~np.isin(np.arange(100), text)
    assert gone.sum() / 400_000 == pytest.approx(0.15)
    assert gone[20:80] / 4000 == pytest.approx(0.15, abs=0.03)


def test_every_way_to_part_is_as_likely():
    g = np.random.default_rng(1)
    found = [tuple(parted(5, 3, g)) for _ in range(6000)]
    ways = set(found)
    assert ways == {(1, 1, 3), (1, 3, 1), (3, 1, 1), (1, 2, 2), (2, 1, 2), (2, 2, 1)}
    assert all(found.count(way) == pytest.approx(1000, abs=120) for way in ways)
