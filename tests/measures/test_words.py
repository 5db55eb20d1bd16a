"""Rank correlation and telling apart, against scipy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from maquette.measures.words import resampled_spearman, spearman, told_apart

VALUES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30)


@given(VALUES)
def test_spearman_is_scipy_s_with_ties(pairs):
    a, b = np.array(pairs, float).T
    if np.ptp(a) and np.ptp(b):
        assert spearman(a, b) == pytest.approx(spearmanr(a, b)[0], abs=1e-12)
    else:
        assert spearman(a, b) == 0


@given(VALUES)
def test_telling_apart_is_the_area_under_the_curve(pairs):
    a, b = np.array(pairs, float).T
    truth = np.repeat([1, 0], len(a))
    assert told_apart(a, b) == pytest.approx(roc_auc_score(truth, np.concatenate([a, b])), abs=1e-12)


def test_the_interval_holds_the_correlation():
    g = np.random.default_rng(0)
    a = g.normal(size=300)
    b = a + g.normal(size=300)
    low, high = resampled_spearman(a, b, 1)
    assert low < spearman(a, b) < high and high - low < 0.25
