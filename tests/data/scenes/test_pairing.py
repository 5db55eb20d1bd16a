"""Photographs that look alike are found among many without order in their names."""

import numpy as np
import pytest

from maquette.data.scenes.pairing import (
    MOST_EXHAUSTIVE,
    alike_pairs,
    matching_of,
    named_pairs,
    nearest_pairs,
    vector_of,
    words_of,
)


def rows_of_pictures(count: int, g: np.random.Generator) -> list[np.ndarray]:
    """Features of pictures along a walk: each shares half of its features with the next, a little changed."""
    world = g.integers(0, 256, (50 * (count + 1), 128))
    seen = [world[50 * number : 50 * number + 100] for number in range(count)]
    return [np.clip(each + g.integers(-9, 10, each.shape), 0, 255).astype(np.uint8) for each in seen]


def test_pictures_that_share_features_are_paired_whatever_their_order():
    g = np.random.default_rng(0)
    features = rows_of_pictures(40, g)
    order = g.permutation(40)
    asked: list[int] = []

    def shuffled(number: int) -> np.ndarray:
        asked.append(number)
        return features[order[number]]

    pairs = alike_pairs(shuffled, 40, 4)
    places = {int(where): number for number, where in enumerate(order)}
    beside = {tuple(sorted((places[each], places[each + 1]))) for each in range(39)}
    assert beside <= set(pairs) and all(first < second for first, second in pairs)
    assert len(pairs) <= 40 * 4 < 40 * 39 / 2  # far fewer than all
    assert pairs == alike_pairs(shuffled, 40, 4), "the same each time"
    assert len(asked) == 4 * 40


def test_pictures_without_features_are_like_no_other():
    g = np.random.default_rng(0)
    features = [*rows_of_pictures(6, g), np.empty((0, 128), np.uint8)]
    pairs = alike_pairs(features.__getitem__, 7, 3)
    assert pairs and not any(6 in pair for pair in pairs)
    assert alike_pairs(lambda number: np.empty((0, 128), np.uint8), 5, 3) == []


def test_a_picture_s_vector_is_what_its_features_lie_beside_their_words():
    g = np.random.default_rng(1)
    features = g.random((30, 8)).astype(np.float32)
    words = words_of(g.random((30, 8)).astype(np.float32), 4, g)
    groups = np.array([np.argmin([((one - word) ** 2).sum() for word in words]) for one in features])
    sums = np.array(
        [(features[groups == k] - words[k]).sum(0) if (groups == k).any() else np.zeros(8) for k in range(4)]
    )
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    np.testing.assert_allclose(vector_of(features, words), (sums / np.linalg.norm(sums)).ravel(), atol=1e-4)
    assert np.linalg.norm(vector_of(features, words)) == pytest.approx(1, abs=1e-5)


def test_nearest_pairs_are_those_of_the_smallest_angles():
    angles = np.radians([0, 10, 25, 200])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1)
    assert nearest_pairs(vectors, 1) == [(0, 1), (1, 2)]
    assert nearest_pairs(vectors, 3) == [(0, 1), (0, 2), (1, 2)], "none of those that look another way"


def test_neighbours_by_name_and_the_way_that_is_chosen():
    assert named_pairs(4, 2) == [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]
    assert matching_of("auto", MOST_EXHAUSTIVE, False) == "exhaustive"
    assert matching_of("auto", MOST_EXHAUSTIVE + 1, False) == "retrieval"
    assert matching_of("auto", 20, True) == "sequential"
    assert matching_of("exhaustive", 5000, True) == "exhaustive"
