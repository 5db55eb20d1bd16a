"""Figures of text: every word where it belongs, any sign safe."""

import numpy as np
import pytest
from support import sound_svg

from maquette.figures.generation import alternatives, beam_tree, path_of
from maquette.figures.text import attention_maps, next_token, ranks, token_map, visible
from maquette.methods.sampling import Beam, Beams, Candidate

WILD = ["a", "Ġthe", "\n", "<b>&", "$x$", "é", "東京", "\x00\x1b", "", "x" * 60]


def test_words_by_rank(tmp_path):
    text = sound_svg(lambda: ranks({"the": 900, "a<b": 300, "of": 120, "rare": 1}), tmp_path / "ranks.svg")
    assert ">the<" in text and "a&lt;b" in text


def test_the_next_token_shows_the_whole_vocabulary_and_the_likeliest(tmp_path):
    probabilities = np.array([0.05, 0.5, 0.01, 0.2, 0.04, 0.1, 0.02, 0.03, 0.03, 0.02])
    text = sound_svg(lambda: next_token(WILD, probabilities), tmp_path / "next.svg")
    assert "50.0%" in text and "␣the" in text and "together 100%" in text
    certain = np.eye(10)[3]
    assert "100.0%" in sound_svg(lambda: next_token(WILD, certain), tmp_path / "certain.svg")


def test_attention_maps_name_their_tokens(tmp_path):
    maps = np.tril(np.ones((2, 3, 10, 10)))
    maps /= maps.sum(-1, keepdims=True)
    text = sound_svg(lambda: attention_maps(maps, WILD), tmp_path / "maps.svg")
    assert (
        "head 3" in text and "layer 2" in text and text.count("&lt;b&gt;&amp;") == 5
    )  # two layers read down, three heads across
    assert sound_svg(lambda: attention_maps(np.ones((1, 1, 1, 1)), ["a"]), tmp_path / "one.svg")


def test_a_map_of_tokens_writes_those_that_have_room(tmp_path):
    places = np.random.default_rng(0).normal(size=(10, 2))
    text = sound_svg(lambda: token_map(places, WILD), tmp_path / "map.svg")
    assert "␣the" in text
    crowded = sound_svg(lambda: token_map(np.zeros((10, 2)), WILD), tmp_path / "crowded.svg")
    assert crowded.count("<text") <= 1 < text.count("<text")


@pytest.mark.parametrize(
    ("token", "shown"), [("Ġthe", "␣the"), ("\n", "⏎"), ("", "(nothing)"), ("a b", "a␣b"), ("\x1b", "·"), ("$", "$")]
)
def test_white_space_can_be_seen(token, shown):
    assert visible(token) == shown


def test_alternatives_frame_what_was_chosen(tmp_path):
    steps = [(1, 0.5, [(1, 0.5), (0, 0.3)]), (9, 0.001, [(2, 0.9), (3, 0.05)])] * 7
    text = sound_svg(lambda: alternatives(steps, WILD), tmp_path / "alternatives.svg")
    assert text.count("␣the") == 7 and text.count("xxxxxxxxxx") == 7
    assert sound_svg(lambda: alternatives([], WILD), tmp_path / "none.svg")


def test_the_path_of_the_best_beam_is_traced_through_the_kept_ones(tmp_path):
    first = [Candidate(0, 1, -0.5, True), Candidate(0, 2, -1.0, True), Candidate(0, 3, -3.0, False)]
    second = [Candidate(1, 4, -1.1, True), Candidate(0, 4, -1.6, False), Candidate(0, 5, -1.7, True)]
    beams = Beams(found=[Beam([2, 4], -0.55)], steps=[first, second])
    assert path_of(beams) == [(0, 1), (1, 0)]
    assert sound_svg(lambda: beam_tree(beams, WILD), tmp_path / "tree.svg")
    assert path_of(Beams(found=[Beam([9, 9], 0.0)], steps=[first, second])) == []
    assert sound_svg(lambda: beam_tree(Beams(), WILD), tmp_path / "empty.svg")
