"""Canonical correlations: directions of two sets of numbers along which they go together; Hotelling 1936."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Canonical:
    """Means (P,), (Q,), directions (P, K), (Q, K) and correlations (K,), the largest first."""

    means: tuple[np.ndarray, np.ndarray]
    directions: tuple[np.ndarray, np.ndarray]
    correlations: np.ndarray

    def first(self, x: np.ndarray) -> np.ndarray:
        """Rows (N, P) along the directions, each as strong as its correlation, of length 1: (N, K)."""
        return unit((x - self.means[0]) @ self.directions[0] * self.correlations)

    def second(self, y: np.ndarray) -> np.ndarray:
        """The same of rows (N, Q)."""
        return unit((y - self.means[1]) @ self.directions[1] * self.correlations)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def canonical_correlations(x: np.ndarray, y: np.ndarray, count: int, ridge: float = 1e-3) -> Canonical:
    """The `count` pairs of directions of x (N, P) and y (N, Q) that correlate most; rows belong together.

    Singular vectors of Cxx^-1/2 Cxy Cyy^-1/2; `ridge`, in parts of the mean variance, is added to both diagonals.
    """
    means = x.mean(0), y.mean(0)
    x, y = x - means[0], y - means[1]
    roots = [whitening(each, ridge) for each in (x, y)]
    left, values, right = np.linalg.svd(roots[0] @ (x.T @ y / len(x)) @ roots[1], full_matrices=False)
    directions = roots[0] @ left[:, :count], roots[1] @ right[:count].T
    return Canonical(means, directions, values[:count])


def whitening(rows: np.ndarray, ridge: float) -> np.ndarray:
    """The inverse root of the covariance of centred rows (N, P): (P, P)."""
    covariance = rows.T @ rows / len(rows)
    values, vectors = np.linalg.eigh(
        covariance + ridge * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    )
    return vectors / np.sqrt(np.maximum(values, 1e-12)) @ vectors.T
