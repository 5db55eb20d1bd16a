"""Finding by similarity: at which rank the right thing stands, and how often it is among the first."""

import numpy as np

RECALLS = (1, 5, 10)


def ranks_of(similarities: np.ndarray, is_right: np.ndarray) -> np.ndarray:
    """The rank of the first right column of each row, from 1, (N,); ties count half, so that all alike gains nothing.

    similarities, is_right (N, M); each row has a right column.
    """
    best = np.where(is_right, similarities, -np.inf).max(1, keepdims=True)
    before = (similarities > best).sum(1)
    level = ((similarities == best) & ~is_right).sum(1)
    return 1 + before + level / 2


def retrieval_scores(similarities: np.ndarray, is_right: np.ndarray) -> dict[str, float]:
    """recall_at_1, 5 and 10 and median_rank as means of both ways, from pictures to texts and back; see `one_way`."""
    both = one_way(similarities, is_right), one_way(similarities.T, is_right.T)
    return {name: (both[0][name] + both[1][name]) / 2 for name in both[0]}


def one_way(similarities: np.ndarray, is_right: np.ndarray) -> dict[str, float]:
    """recall_at_k: share of rows whose first right column has a rank of at most k; median_rank: the median of ranks."""
    ranks = ranks_of(similarities, is_right)
    return {**{f"recall_at_{k}": float((ranks <= k).mean()) for k in RECALLS}, "median_rank": float(np.median(ranks))}


def chance_scores(is_right: np.ndarray) -> dict[str, float]:
    """What an order drawn by chance reaches on average, as in `retrieval_scores`."""
    both = chance_one_way(is_right), chance_one_way(is_right.T)
    return {name: (both[0][name] + both[1][name]) / 2 for name in both[0]}


def chance_one_way(is_right: np.ndarray) -> dict[str, float]:
    """For R right ones of M: recall at k is 1 - C(M - R, k) / C(M, k); the median rank where half is reached."""
    right, total = is_right.sum(1), is_right.shape[1]
    k = np.arange(total)
    missed = np.clip((total - right[:, None] - k) / (total - k), 0, 1).cumprod(1)  # (N, M): none among the first k + 1
    reached = 1 - missed.mean(0)
    found = {f"recall_at_{first}": float(reached[min(first, total) - 1]) for first in RECALLS}
    return {**found, "median_rank": float(np.searchsorted(reached, 0.5) + 1)}
