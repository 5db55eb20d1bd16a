"""Whether made pictures are copies of those that their maker learnt from."""

from typing import NamedTuple

import numpy as np

from maquette.measures.generated import squared_distances

AT_ONCE = 4096  # real rows whose distances from all made ones are held together


class Copying(NamedTuple):
    """`share` of copies among the made rows, and the ends of its 95 % interval; `training` and `test`, each (M,): the
    nearest real row to each made one, by number."""

    share: float
    low: float
    high: float
    training: np.ndarray
    test: np.ndarray


def copies(made: np.ndarray, training: np.ndarray, test: np.ndarray) -> Copying:
    """The share of made rows that are nearer to a training than to a test row, beyond what chance allows; all (N, D).

    share = (p - q) / (1 - q), at least 0, with p: share of made rows whose nearest real row is one that was learnt
    from, of two equally near ones half; q = n / (n + m) of n training and m test rows: what p is for any maker that
    has not seen which is which, since they are exchangeable to it. So a maker that copies a share c of its rows, and
    makes the others without looking, has the share c. The idea of Meehan et al. 2020, who rank distances instead.

    The interval is share +- 1.96 deviations of p - q over all ways of dealing the real rows into n and m, which is
    known in closed form by h, how many made rows each real one is the nearest of: of M made rows it is
    sqrt(n m / (N (N - 1)) sum (h - mean h)^2) / M with N = n + m. A real row that many made ones fall to makes it wide.
    """
    to_training, training_rows = nearest(made, training)
    to_test, test_rows = nearest(made, test)
    n, m, count = len(training), len(test), len(made)
    is_nearer = np.where(to_training == to_test, 0.5, to_training < to_test)
    chance = n / (n + m)
    whose = np.where(to_training <= to_test, training_rows, n + test_rows)
    nearest_of = np.bincount(whose, minlength=n + m)
    uneven = float(((nearest_of - count / (n + m)) ** 2).sum())
    deviation = (n * m / ((n + m) * (n + m - 1)) * uneven) ** 0.5 / count
    excess = float(is_nearer.mean()) - chance
    share, low, high = (min(1.0, max(0.0, (excess + times * deviation) / (1 - chance))) for times in (0.0, -1.96, 1.96))
    return Copying(share, low, high, training_rows, test_rows)


def nearest(made: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The Euclidean distance of each row of `made` (M, D) from the nearest of `real` (N, D), and that one's number."""
    best, rows = np.full(len(made), np.inf, np.float32), np.zeros(len(made), np.int64)
    middle = real.mean(0)  # rows near nought keep more digits of their differences
    made_there = made - middle
    for start in range(0, len(real), AT_ONCE):
        apart = squared_distances(made_there, real[start : start + AT_ONCE] - middle)
        here = apart.argmin(1)
        value = apart[np.arange(len(made)), here]
        is_better = value < best
        best[is_better], rows[is_better] = value[is_better], start + here[is_better]
    difference = np.asarray(made, np.float64) - real[rows]
    return np.sqrt((difference * difference).sum(1)), rows
