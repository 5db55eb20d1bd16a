"""What others reach on the same table: scikit-learn's models with their defaults, on our columns."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

FOREST_CELLS = 300_000  # rows times columns; more change a baseline little and cost minutes
BOOSTING_CELLS = 3_000_000


def baselines(
    task: Literal["regression", "classification"],
    numbers: np.ndarray,
    categories: np.ndarray,
    target: np.ndarray,
    test_numbers: np.ndarray,
    test_categories: np.ndarray,
    seed: int,
) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """Name, and what trains it and gives its answer on the test rows: numbers (N,), or class probabilities (N, C).

    numbers (N, F) and categories (N, C), codes; target (N,): numbers, or class numbers 0..C-1 that all occur.
    """
    regression = task == "regression"
    x, test_x = (
        np.hstack([columns, codes.astype(np.float32)])
        for columns, codes in ((numbers, categories), (test_numbers, test_categories))
    )
    codes = list(range(numbers.shape[1], x.shape[1]))
    order = np.random.default_rng(seed).permutation(len(x))
    some, few = (order[: rows_for(cells, x.shape[1])] for cells in (BOOSTING_CELLS, FOREST_CELLS))
    one_hot = ColumnTransformer(
        [("codes", OneHotEncoder(handle_unknown="ignore"), codes)], remainder=StandardScaler(), sparse_threshold=0
    )
    boosted = [code for code in codes if x[:, code].max(initial=0) < 255]  # scikit-learn's limit for categories
    models: list[tuple[str, Any, np.ndarray | slice]] = [
        ("mean" if regression else "majority", DummyRegressor() if regression else DummyClassifier(), slice(None)),
        (
            "linear" if regression else "logistic regression",
            make_pipeline(one_hot, LinearRegression() if regression else LogisticRegression(max_iter=500)),
            some,
        ),
        (
            "random forest",
            (RandomForestRegressor if regression else RandomForestClassifier)(n_jobs=-1, random_state=seed),
            few,
        ),
        (
            "gradient boosting",
            (HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier)(
                categorical_features=boosted or None, random_state=seed
            ),
            some,
        ),
    ]
    classes = 0 if regression else int(target.max()) + 1
    for name, model, rows in models:
        yield name, partial(answer_of, model, x[rows], target[rows], test_x, classes)


def answer_of(model: Any, x: np.ndarray, target: np.ndarray, test_x: np.ndarray, classes: int) -> np.ndarray:
    """What a model of scikit-learn says of other rows: numbers where there are no classes, else probabilities.

    A target far from the size of 1 is learnt in units of its spread: some models count in single precision.
    """
    unit = float(target.std()) if not classes else 1.0
    unit = unit if unit and not 1e-15 < unit < 1e15 else 1.0
    model.fit(x, target / unit if unit != 1 else target)
    if isinstance(model, RandomForestRegressor | RandomForestClassifier):
        model.set_params(n_jobs=1)  # several threads add up the trees' answers in any order
    if classes:
        return spread(model, test_x, classes)
    answer = model.predict(test_x)
    return answer.astype(np.float64) * unit if unit != 1 else answer


def rows_for(cells: int, columns: int) -> int:
    """How many rows of so many columns are learnt from, at the most."""
    return max(1_000, cells // max(1, columns))


def spread(model: Any, x: np.ndarray, classes: int) -> np.ndarray:
    """Class probabilities (N, classes); a class that the model never saw has none."""
    probabilities = np.zeros((len(x), classes))
    probabilities[:, model.classes_.astype(int)] = model.predict_proba(x)
    return probabilities
