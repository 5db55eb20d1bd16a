import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression

from maquette.methods import baselines as module
from maquette.methods.baselines import baselines


def a_table(rows=300):
    generator = np.random.default_rng(0)
    numbers = generator.normal(size=(rows, 3)).astype(np.float32)
    categories = generator.integers(0, 4, size=(rows, 1))
    return numbers, categories, 2 * numbers[:, 0] + categories[:, 0]


def answers(*arguments, **options):
    return {name: answer() for name, answer in baselines(*arguments, **options)}


@pytest.mark.slow
def test_they_are_scikit_learns():
    numbers, categories, target = a_table()
    found = answers("regression", numbers, categories, target, numbers, categories, seed=0)
    assert list(found) == ["mean", "linear", "random forest", "gradient boosting"]
    assert np.allclose(found["mean"], target.mean())
    one_hot = np.hstack([numbers, np.eye(4)[categories[:, 0]]])
    assert np.allclose(found["linear"], LinearRegression().fit(one_hot, target).predict(one_hot), atol=1e-5)
    x = np.hstack([numbers, categories])
    boosted = HistGradientBoostingRegressor(categorical_features=[3], random_state=0).fit(x, target).predict(x)
    assert np.allclose(found["gradient boosting"], boosted, rtol=1e-6)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_answers_and_few_rows_are_enough(monkeypatch):
    monkeypatch.setattr(module, "FOREST_CELLS", 4_000)
    numbers, categories, target = a_table(2_000)
    first, second = (answers("regression", numbers, categories, target, numbers, categories, seed=3) for _ in range(2))
    for name, answer in first.items():
        assert np.array_equal(answer, second[name]), name


def test_class_probabilities_have_a_column_for_every_class():
    numbers, categories, _ = a_table()
    classes = categories[:, 0].astype(np.int64)
    found = answers("classification", numbers, categories, classes, numbers, categories, seed=0)
    for name, answer in found.items():
        assert answer.shape == (300, 4) and answer.sum(1) == pytest.approx(1), name


@pytest.mark.slow
def test_a_target_far_beyond_single_precision_is_learnt_as_well_as_a_small_one():
    numbers, categories, target = a_table()
    small = answers("regression", numbers, categories, target, numbers, categories, seed=0)
    large = answers("regression", numbers, categories, target * 1e44, numbers, categories, seed=0)
    for name, answer in large.items():
        assert name == "mean" or np.corrcoef(answer, small[name])[0, 1] > 0.99, name
