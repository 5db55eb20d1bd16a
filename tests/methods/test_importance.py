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
        frame, list(frame), lambda changed: mean_squared_error(target, model.predict(changed)), generator, times=20
    )
    expected = reference(model, frame, target, scoring="neg_mean_squared_error", n_repeats=20, random_state=0)
    for name, mean in zip(frame, expected.importances_mean, strict=True):
        assert found[name].mean() == pytest.approx(mean, rel=0.05, abs=1e-9)
    assert np.all(found["nothing"] == 0)
