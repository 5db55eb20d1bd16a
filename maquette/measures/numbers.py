"""Scores of predicted numbers, in the target's unit, and prediction intervals that hold what they promise."""

import numpy as np


def number_scores(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """mae, rmse, mse and r2 of predictions; both (N,).

    r2 = 1 - sum((true - predicted)^2) / sum((true - mean)^2), left out where all true values are equal.
    """
    error = np.asarray(predicted, dtype=np.float64) - true
    mse = float(np.mean(error**2))
    scores = {"mae": float(np.mean(np.abs(error))), "rmse": mse**0.5, "mse": mse}
    spread = float(np.mean((true - np.mean(true)) ** 2))
    if spread > 0:
        scores["r2"] = 1 - mse / spread
    return scores


def conformal_radius(error: np.ndarray, scale: np.ndarray, coverage: float) -> float:
    """How many scales an interval must reach to each side to hold the truth with probability `coverage`.

    error (N,): true less predicted, on rows that training has not seen; scale (N,), above 0: how unsure the model is.
    The ceil((N + 1) coverage)-th smallest of |error| / scale; Lei et al. 2018, section 5.2. Infinite for too few rows.
    """
    ratio = np.sort(np.abs(error) / scale)
    rank = int(np.ceil((len(ratio) + 1) * coverage))
    return float(ratio[rank - 1]) if rank <= len(ratio) else float("inf")


def covered(true: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """The part of the true values that lie within their interval."""
    return float(np.mean((low <= true) & (true <= high)))
