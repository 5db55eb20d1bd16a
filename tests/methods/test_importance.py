import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance as reference
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error

from maquette.methods.importance import permutation_importance


def test_it_is_scikit_learns_and_a_column_that_is_not_used_is_worth_nothing():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(2_000, 3)), columns=["much", "little", "nothing"])
    target = 3 * frame["much"] + frame["little"]
    model = LinearRegression().fit(frame, target)
    model.coef_[2] = 0.0
    found = permutation_importance(
        frame.to_numpy(),
        np.empty((2_000, 0), np.int64),
        {name: ([place], []) for place, name in enumerate(frame)},
        lambda numbers, _: mean_squared_error(target, model.predict(pd.DataFrame(numbers, columns=frame.columns))),
        generator,
        times=20,
    )
    expected = reference(model, frame, target, scoring="neg_mean_squared_error", n_repeats=20, random_state=0)
    for name, mean in zip(frame, expected.importances_mean, strict=True):
        assert found[name].mean() == pytest.approx(mean, rel=0.05, abs=1e-9)
    assert np.all(found["nothing"] == 0)


def test_all_that_a_column_fills_is_dealt_together():
    generator = np.random.default_rng(0)
    numbers, categories = np.arange(20.0).reshape(10, 2), np.arange(30).reshape(10, 3)
    seen = []
    permutation_importance(
        numbers, categories, {"a": ([1], [0, 2])}, lambda n, c: seen.append((n, c)) or 0.0, generator, times=1
    )
    (before, _), (dealt, codes) = seen
    assert np.array_equal(before, numbers) and np.array_equal(dealt[:, 0], numbers[:, 0])
    order = [list(numbers[:, 1]).index(value) for value in dealt[:, 1]]
    assert sorted(order) == list(range(10)) and order != list(range(10))
    assert np.array_equal(codes[:, [0, 2]], categories[order][:, [0, 2]])
    assert np.array_equal(codes[:, 1], categories[:, 1])
