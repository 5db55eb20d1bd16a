import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from maquette.measures.classes import class_scores, confusion, resampled
from maquette.measures.numbers import conformal_radius, covered, number_scores

seeds = st.integers(0, 2**32 - 1)


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_number_scores_are_scikit_learns(seed):
    generator = np.random.default_rng(seed)
    true, predicted = generator.normal(size=(2, generator.integers(2, 50))) * 1e5
    scores = number_scores(true, predicted)
    assert scores["mae"] == pytest.approx(metrics.mean_absolute_error(true, predicted))
    assert scores["rmse"] == pytest.approx(metrics.root_mean_squared_error(true, predicted))
    assert scores["mse"] == pytest.approx(metrics.mean_squared_error(true, predicted))
    assert scores["r2"] == pytest.approx(metrics.r2_score(true, predicted))


def test_r2_of_a_constant_truth_is_left_out():
    assert "r2" not in number_scores(np.ones(3), np.zeros(3))


@given(seeds, st.integers(2, 5))
@settings(max_examples=30, deadline=None)
def test_class_scores_are_scikit_learns(seed, classes):
    generator = np.random.default_rng(seed)
    true = np.concatenate([np.arange(classes), generator.integers(classes, size=40)])
    probabilities = generator.dirichlet(np.ones(classes), size=len(true)).round(2) + 1e-3
    probabilities /= probabilities.sum(1, keepdims=True)
    scores, predicted = class_scores(true, probabilities), probabilities.argmax(1)
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(true, predicted))
    assert scores["log_loss"] == pytest.approx(metrics.log_loss(true, probabilities))
    assert scores["macro_f1"] == pytest.approx(metrics.f1_score(true, predicted, average="macro"))
    area = metrics.roc_auc_score(true, probabilities[:, 1] if classes == 2 else probabilities, multi_class="ovr")
    assert scores["auroc"] == pytest.approx(area)
    assert np.array_equal(confusion(true, predicted, classes), metrics.confusion_matrix(true, predicted).T)


@given(seeds, st.sampled_from([0.5, 0.8, 0.9]))
@settings(max_examples=20, deadline=None)
def test_intervals_cover_what_they_promise_whatever_the_errors(seed, coverage):
    generator = np.random.default_rng(seed)
    error = generator.standard_t(2, size=4_000)  # heavy tails
    scale = generator.uniform(0.1, 3, size=4_000)
    radius = conformal_radius(error[:2_000], scale[:2_000], coverage)
    assert covered(error[2_000:], -radius * scale[2_000:], radius * scale[2_000:]) == pytest.approx(coverage, abs=0.06)


def test_too_few_rows_promise_nothing():
    assert conformal_radius(np.ones(5), np.ones(5), 0.9) == float("inf")
    assert conformal_radius(np.arange(1.0, 10), np.ones(9), 0.9) == 9


def test_resampled_interval_is_the_binomial_one():
    generator = np.random.default_rng(0)
    true, predicted = np.zeros(400), (np.arange(400) < 80).astype(float)
    low, high = resampled(lambda a, b: {"wrong": float((a != b).mean())}, true, predicted, generator)["wrong"]
    assert low == pytest.approx(0.2 - 1.96 * 0.02, abs=0.01) and high == pytest.approx(0.2 + 1.96 * 0.02, abs=0.01)
