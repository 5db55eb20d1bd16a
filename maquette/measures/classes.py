"""Scores of predicted classes and their probabilities."""

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata


def confusion(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (C, C): predicted class in rows, actual class in columns."""
    return np.bincount(predicted * classes + true, minlength=classes * classes).reshape(classes, classes)


def class_scores(true: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """accuracy, log_loss (nats), macro_f1 and auroc of class probabilities (N, C) for true class numbers (N,).

    macro_f1: mean over the classes that occur or are predicted of 2 TP / (2 TP + FP + FN). auroc: mean over the
    classes that occur of one against the rest (Mann and Whitney's U), left out where only one class occurs.
    """
    rows, classes = probabilities.shape
    predicted = probabilities.argmax(1)
    counts = confusion(true, predicted, classes)
    hits, said, actual = np.diag(counts), counts.sum(1), counts.sum(0)
    seen = (said + actual) > 0
    chosen = probabilities[np.arange(rows), true].astype(np.float64)
    scores = {
        "accuracy": float(hits.sum() / rows),
        "log_loss": float(-np.mean(np.log(np.clip(chosen, np.finfo(np.float32).tiny, 1)))),
        "macro_f1": float(np.mean(2 * hits[seen] / (said + actual)[seen])),
    }
    areas = []
    for number in np.flatnonzero((actual > 0) & (actual < rows)):
        ranks = rankdata(probabilities[:, number])
        positives = int(actual[number])
        above = ranks[true == number].sum() - positives * (positives + 1) / 2
        areas.append(above / (positives * (rows - positives)))
    if areas:
        scores["auroc"] = float(np.mean(areas))
    return scores


def resampled(
    score: Callable[[np.ndarray, np.ndarray], dict[str, float]],
    true: np.ndarray,
    predicted: np.ndarray,
    generator: np.random.Generator,
    times: int = 500,
) -> dict[str, tuple[float, float]]:
    """The 95 % interval of each score over test rows drawn again with replacement; Efron 1979, percentile method."""
    drawn: dict[str, list[float]] = {}
    for _ in range(times):
        rows = generator.integers(len(true), size=len(true))
        for name, value in score(true[rows], predicted[rows]).items():
            drawn.setdefault(name, []).append(value)
    return {name: (float(np.quantile(v, 0.025)), float(np.quantile(v, 0.975))) for name, v in drawn.items()}
