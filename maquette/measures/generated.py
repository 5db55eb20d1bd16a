"""How far made pictures are from real ones: scores of the features (N, D) that a network gives of each.

None needs anybody's weights: features come from whatever network is at hand, and a distance means something beside that
of real pictures from real ones only.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

AT_ONCE = 1000  # rows whose distances from all others are held together
MOST_DRAWN = 500  # rows of a sample that is drawn for an interval


def frechet_distance(real: np.ndarray, made: np.ndarray) -> float:
    """Frechet distance of two normal distributions with the features' means and covariances; at least 0.

    |m - m'|^2 + tr(S + S' - 2 (S S')^(1/2)); Dowson and Landau 1982, as FID of Heusel et al. 2017 has it of Inception's
    features. Covariances are divided by N - 1. It is too large for few pictures, and the more so the more features
    there are: compare it at equal numbers only. ValueError for fewer than 2 rows.
    """
    first, second = (_moments(each) for each in (real, made))
    root = _root(first[1])
    between = np.linalg.eigvalsh(root @ second[1] @ root)
    trace = np.trace(first[1]) + np.trace(second[1]) - 2 * np.sqrt(np.maximum(between, 0)).sum()
    return max(0.0, float(((first[0] - second[0]) ** 2).sum() + trace))


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    features = np.asarray(features, np.float64)
    if len(features) < 2:
        raise ValueError("a covariance needs two rows or more")
    return features.mean(0), np.atleast_2d(np.cov(features, rowvar=False))


def _root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root of a matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def kernel_distance(real: np.ndarray, made: np.ndarray) -> float:
    """Squared maximum mean discrepancy under the kernel (x y / D + 1)^3, without bias; Binkowski et al. 2018 (KID).

    mean of k(x, x') over pairs of two real ones + the same of made ones - 2 mean of k(x, y); Gretton et al. 2012,
    equation (3). Its expectation is 0 for equal distributions, however few pictures, so it may fall below. ValueError
    for fewer than 2 rows.
    """
    real, made = np.asarray(real, np.float64), np.asarray(made, np.float64)
    n, m = len(real), len(made)
    if min(n, m) < 2:
        raise ValueError("pairs need two rows or more")
    between = sum(float(_kernel(some, made).sum()) for some in _pieces(real))
    return _pairs(real) / (n * (n - 1)) + _pairs(made) / (m * (m - 1)) - 2 * between / (n * m)


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _pairs(x: np.ndarray) -> float:
    """The kernel's sum over all pairs of different rows."""
    whole = sum(float(_kernel(some, x).sum()) for some in _pieces(x))
    return whole - float((((x * x).sum(1) / x.shape[1] + 1) ** 3).sum())


def _pieces(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]


class Manifolds(NamedTuple):
    """`scores`: precision, recall, density, coverage; `covered` (N,): which real ones have a made one near."""

    scores: dict[str, float]
    covered: np.ndarray


def manifolds(real: np.ndarray, made: np.ndarray, k: int = 5) -> Manifolds:
    """precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020), by balls around rows.

    The ball of a row reaches to its k-th nearest neighbour among its own kind, and holds what is nearer than that.
    precision: share of made rows that lie in the ball of any real one; recall: share of real rows in the ball of any
    made one; density: real balls that a made row lies in, on average, over k, which may exceed 1; coverage: share of
    real rows whose ball holds a made one, about 1 - 2^-k for equal distributions and numbers. ValueError for fewer than
    k + 1 rows.
    """
    real, made = np.asarray(real, np.float64), np.asarray(made, np.float64)
    around_real, around_made = _radii(real, k), _radii(made, k)
    hits, covered, recalled = np.zeros(len(made)), np.zeros(len(real), bool), np.zeros(len(real), bool)
    for start in range(0, len(real), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        apart = squared_distances(real[rows], made)
        within = apart < around_real[rows, None]
        hits += within.sum(0)
        covered[rows] = within.any(1)
        recalled[rows] = (apart < around_made).any(1)
    scores = {
        "precision": float((hits > 0).mean()),
        "recall": float(recalled.mean()),
        "density": float(hits.mean() / k),
        "coverage": float(covered.mean()),
    }
    return Manifolds(scores, covered)


def _radii(rows: np.ndarray, k: int) -> np.ndarray:
    """The squared distance of each row from its k-th nearest other row."""
    if len(rows) <= k:
        raise ValueError(f"{k} neighbours need {k + 1} rows or more")
    return np.concatenate([np.partition(squared_distances(some, rows), k, axis=1)[:, k] for some in _pieces(rows)])


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances of the rows of x (N, D) from those of y (M, D): (N, M)."""
    apart = (x * x).sum(1)[:, None] + (y * y).sum(1) - 2 * (x @ y.T)
    return np.maximum(apart, 0, out=apart)


def feature_scores(real: np.ndarray, made: np.ndarray, k: int = 5) -> dict[str, float]:
    """feature_distance, kernel_distance, precision, recall, density, coverage; k is less where there are fewer rows."""
    k = min(k, len(real) - 1, len(made) - 1)
    return {
        "feature_distance": frechet_distance(real, made),
        "kernel_distance": kernel_distance(real, made),
        **manifolds(real, made, k).scores,
    }


def deviations(
    score: Callable[[np.ndarray, np.ndarray], dict[str, float]],
    real: np.ndarray,
    made: np.ndarray,
    generator: np.random.Generator,
    times: int = 30,
) -> dict[str, float]:
    """The standard deviation of each score of (real, made), for other pictures of the same kinds in the same numbers.

    Half of the rows of each, at most MOST_DRAWN, are drawn without replacement again and again; with b of n rows the
    deviation of the drawn scores times sqrt(b / (n - b)) is that of the whole: the jackknife that leaves out many;
    Shao and Wu 1989. Rows drawn twice, as the bootstrap has them, would be neighbours at distance 0. nan where there
    are fewer than 4 rows.
    """
    n = min(len(real), len(made))
    b = min(n // 2, MOST_DRAWN)
    if b < 2:
        return dict.fromkeys(score(real, made), float("nan"))
    drawn: dict[str, list[float]] = {}
    for _ in range(times):
        halves = (each[generator.choice(len(each), b, replace=False)] for each in (real, made))
        for name, value in score(*halves).items():
            drawn.setdefault(name, []).append(value)
    return {name: float(np.std(values, ddof=1) * (b / (n - b)) ** 0.5) for name, values in drawn.items()}
