"""What the report shows of predicted numbers: how near they come, and which columns matter."""

from typing import Any

import numpy as np
from torch import Tensor

from maquette.families.table_networks import Network, importance
from maquette.families.tables import Part
from maquette.figures.tables import bars
from maquette.figures.training import error_histogram, error_over_columns, predicted_over_true
from maquette.recipes.regression.uses import answer
from maquette.runs import Run


def show_answers(test: Part, value: np.ndarray, low: np.ndarray, high: np.ndarray, unit: str, run: Run) -> None:
    """Predicted values of the test rows with their intervals, (N,) each, beside the true ones."""
    run.picture(
        "predicted_over_true",
        predicted_over_true(test.answers, value, unit, low, high),
        "Predicted over true values of the test part",
        "A perfect prediction lies on the diagonal.",
    )
    run.picture("errors", error_histogram(value - test.answers, unit), "How often which error was made")


def show_importance(
    model: Network, processing: dict[str, Any], test: Part, value: np.ndarray, unit: str, run: Run
) -> None:
    """Which columns matter, and how the error runs over those that matter most."""

    def loss(numbers: Tensor, categories: Tensor, answers: np.ndarray) -> float:
        return float(np.sqrt(np.mean((answer(model, processing, numbers, categories)[0] - answers) ** 2)))

    means, deviations = importance(processing, test, loss, run)
    if not means:
        return
    run.picture(
        "importance",
        bars(means, "added root mean squared error", deviations, unit=unit),
        "What each column is worth",
        "The error that is added when the column's values are dealt to the rows anew (three times).",
    )
    columns = list(means)[:6]
    run.picture(
        "error_over_columns",
        error_over_columns(test.frame, columns, value - test.answers, unit),
        "Where the errors are",
    )
