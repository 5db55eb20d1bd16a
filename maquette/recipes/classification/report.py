"""What the report shows of predicted classes: which are confused, whether probabilities hold, which columns matter."""

import numpy as np
import pandas as pd
from torch import Tensor

from maquette.families.table_networks import Network, importance
from maquette.families.tables import TablePrepared
from maquette.figures import classes as figures
from maquette.figures.tables import bars
from maquette.measures.classes import class_scores, confusion
from maquette.recipes.classification.uses import probabilities_of
from maquette.runs import Run


def show_answers(
    prepared: TablePrepared, probabilities: np.ndarray, logits: np.ndarray, before: np.ndarray, run: Run
) -> None:
    """probabilities, logits: of the test rows, (N, C); before: probabilities of some rows before training."""
    names, true = prepared.processing["classes"], prepared.test.answers
    predicted = probabilities.argmax(1)
    run.picture(
        "confusion",
        figures.confusion(confusion(true, predicted, len(names)), names),
        "Confusion matrix",
        "Rows are what was predicted, columns what it was; the diagonal is right.",
    )
    sure = probabilities.max(1)
    run.picture(
        "reliability",
        figures.reliability(sure, predicted == true),
        "Can the probabilities be trusted?",
        "On the diagonal, what is said to be 80 % likely is right 80 times in 100.",
    )
    shown = np.argsort(sure, kind="stable")[:: max(1, len(sure) // 4)][:4]  # from the least to the most certain
    run.picture(
        "softmax",
        figures.softmax_steps(logits[shown], probabilities[shown], names, [names[number] for number in true[shown]]),
        "From logits to probabilities",
        "Each logit is raised to a power of e and divided by the sum; the largest probability is the answer.",
    )
    table = pd.DataFrame(before[:, :12], columns=names[:12]).round(3)
    run.table("Probabilities before training", table, f"With random weights all are near 1/{len(names)}.")


def show_importance(model: Network, prepared: TablePrepared, run: Run) -> None:
    """Which columns matter."""

    def loss(numbers: Tensor, categories: Tensor, answers: np.ndarray) -> float:
        return class_scores(answers, probabilities_of(model, numbers, categories)[0])["log_loss"]

    means, deviations = importance(prepared.processing, prepared.test, loss, run)
    if means:
        run.picture(
            "importance",
            bars(means, "added log loss", deviations),
            "What each column is worth",
            "The loss that is added when the column's values are dealt to the rows anew (three times).",
        )


def show_deck(run: Run) -> None:
    """The softmax that the course's slides print, beside the right one."""
    logits = np.array([0.02669345, 0.03092438, -0.01683718])
    printed = [0.13765042, 0.739082, 0.12326758]
    right = np.exp(logits) / np.exp(logits).sum()
    run.table(
        "Softmax as the course prints it, and the right one",
        pd.DataFrame({"class": list("ABC"), "logit": logits, "printed": printed, "softmax": right}),
        "The answer, B, is the same, but the printed probabilities are not those of these logits. Nor are logits "
        "log-likelihoods: only their log-softmax is.",
    )
