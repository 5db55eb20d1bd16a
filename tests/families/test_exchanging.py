"""Captions in which two words have changed places: which words may, that nothing else changes, and what is left out."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as some

from maquette.data.sets.shape_set import all_scenes, balanced
from maquette.data.sets.shape_words import COLOURS, SECOND_SHAPE, SHAPES, caption, scene_of
from maquette.families.captions import learn_wording, part_of, words_of
from maquette.families.exchanging import Exchange, exchanged, neighbours

SCENES = balanced(all_scenes(), 600, np.random.default_rng(0))
TEXTS = [[caption(scene, 0), caption(scene, 5)] for scene in SCENES]
ALL = [text for texts in TEXTS for text in texts]


def test_words_with_the_same_neighbours_are_alike():
    bags = [["a", "red", "cat"], ["a", "blue", "cat"], ["a", "blue", "dog"]]
    places = {"red": 0, "blue": 1, "cat": 2}
    alike = neighbours(bags, places)
    # before: a, and behind: cat or dog; red has (a 1, cat 1), blue (a 2, cat 1, dog 1), cat (red 1, blue 1, end 2)
    assert np.allclose(alike, [[1, 3 / 12**0.5, 0], [3 / 12**0.5, 1, 0], [0, 0, 1]])


def test_colours_change_places_with_colours_and_shapes_with_shapes():
    exchange, g = Exchange(ALL), np.random.default_rng(0)
    kinds = {"colours": 0, "shapes": 0}
    for text, scene in zip(ALL, np.repeat(SCENES, 2, 0), strict=True):
        made = exchange(text, g)
        if scene[SECOND_SHAPE] < 0:  # one thing has one colour and one shape
            assert made is None
            continue
        if made is None:
            continue
        before, after = scene_of(text), scene_of(made)
        assert before is not None and after is not None
        moved = tuple(np.flatnonzero(before != after))
        assert moved in ((1, 6), (0, 5)), (text, made)  # the two colours, or the two shapes
        kinds["colours" if moved == (1, 6) else "shapes"] += 1
    assert min(kinds.values()) > 60


@given(some.lists(some.sampled_from([*COLOURS, *SHAPES, "on", "a", ",", "Beside", "éa"]), max_size=9), some.integers(0))
def test_all_other_words_stay_where_they_are(words, seed):
    text = " ".join(words)
    made = Exchange(ALL)(text, np.random.default_rng(abs(seed)))
    if made is not None:
        before, after = words_of(text), words_of(made)
        places = [place for place, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
        first, last = places
        assert (before[first], before[last]) == (after[last], after[first])


def test_what_says_the_same_or_cannot_be_exchanged_is_left_out():
    texts = [*TEXTS, ["a red circle beside a blue circle", "a blue circle beside a red circle"], ["a star"]]
    wording = learn_wording(ALL, 400)
    part = part_of(np.zeros((len(texts), 8, 8, 3), np.uint8), texts, wording)
    made = exchanged(part, wording, seed=0)
    assert made.shape == part.tokens.shape and torch.equal(made, exchanged(part, wording, seed=0))
    assert not made[-3:].any()  # the first two are said of one picture
    has = made.any(1)
    assert (made[has] != part.tokens[has]).any(1).all() and 0.15 < float(has.float().mean()) < 0.3
