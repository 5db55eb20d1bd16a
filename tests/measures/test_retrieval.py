"""Ranks and recall against counting, chance against drawing."""

import numpy as np
import pytest

from maquette.measures.retrieval import chance_scores, one_way, ranks_of, retrieval_scores

G = np.random.default_rng(0)


def test_ranks_are_places_in_the_order_and_ties_count_half():
    similarities = np.array([[0.9, 0.1, 0.5], [0.2, 0.3, 0.4], [0.5, 0.5, 0.5]])
    assert ranks_of(similarities, np.eye(3) > 0).tolist() == [1, 2, 2]
    is_right = np.array([[0, 1, 1], [1, 1, 0], [1, 1, 1]]) > 0
    assert ranks_of(similarities, is_right).tolist() == [2, 2, 1]


def test_scores_are_what_sorting_gives():
    similarities, is_right = G.normal(size=(40, 90)), G.random((40, 90)) < 0.1
    is_right[np.arange(40), G.integers(90, size=40)] = True
    is_right[G.integers(40, size=90), np.arange(90)] = True
    ranks = []
    for row, right in zip(similarities, is_right, strict=True):
        ranks.append(next(place for place, column in enumerate(np.argsort(-row), 1) if right[column]))
    found = one_way(similarities, is_right)
    assert found["recall_at_5"] == pytest.approx(np.mean(np.array(ranks) <= 5))
    assert found["median_rank"] == np.median(ranks)
    back = one_way(similarities.T, is_right.T)
    both = retrieval_scores(similarities, is_right)
    assert both["recall_at_1"] == (found["recall_at_1"] + back["recall_at_1"]) / 2
    assert retrieval_scores(np.eye(5), np.eye(5) > 0) == {
        "recall_at_1": 1, "recall_at_5": 1, "recall_at_10": 1, "median_rank": 1,
    }  # fmt: skip
    collapsed = retrieval_scores(np.ones((20, 20)), np.eye(20) > 0)
    assert collapsed["recall_at_10"] == 0 and collapsed["median_rank"] == 10.5


def test_chance_is_what_drawing_gives():
    is_right = np.zeros((20, 60), bool)
    is_right[np.repeat(np.arange(20), 3), np.arange(60)] = True
    drawn = [retrieval_scores(G.random((20, 60)), is_right) for _ in range(400)]
    chance = chance_scores(is_right)
    for name in ("recall_at_1", "recall_at_5", "recall_at_10"):
        assert chance[name] == pytest.approx(np.mean([each[name] for each in drawn]), abs=0.01)
    assert chance["median_rank"] == pytest.approx(np.mean([each["median_rank"] for each in drawn]), abs=1)
