"""How well vectors of words agree with people: rank correlation of similarities, analogies answered."""

import numpy as np
from scipy.stats import rankdata


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """The correlation of the ranks of a and b (N,), equal values sharing their mean rank; Spearman 1904."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def resampled_spearman(a: np.ndarray, b: np.ndarray, seed: int, rounds: int = 500) -> tuple[float, float]:
    """The middle 95 % of it over pairs drawn again with replacement."""
    g = np.random.default_rng(seed)
    found = [spearman(a[rows], b[rows]) for rows in (g.integers(len(a), size=len(a)) for _ in range(rounds))]
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def told_apart(true: np.ndarray, drawn: np.ndarray) -> float:
    """The area under the ROC curve: how often a true value is above a drawn one, a half where they are equal."""
    ranks = rankdata(np.concatenate([true, drawn]))
    return float((ranks[: len(true)].sum() - len(true) * (len(true) + 1) / 2) / (len(true) * len(drawn)))
