"""Many numbers a row brought down to few: principal components, and t-SNE for looking at."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from sklearn.manifold import TSNE

AT_ONCE = 4096  # rows turned to floating point together
MOST_COLUMNS = 4096  # beyond, the covariance of rows replaces that of columns
MOST_ROWS = 3000  # rows that are then taken


@dataclass(frozen=True)
class Components:
    """Principal components: mean (D,), directions (K, D) of unit length, variances (K,) along them, largest first."""

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """(N, D) to (N, K)."""
        return (rows - self.mean) @ self.directions.T

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        """(N, K) to (N, D)."""
        return numbers @ self.directions + self.mean


def principal_components(rows: np.ndarray, count: int, seed: int = 0) -> Components:
    """The `count` directions in which rows (N, D) vary most; fewer if there are fewer rows or columns. Pearson 1901.

    The largest singular vectors of the centred rows, as eigenvectors of the smaller of the two matrices of their
    products. uint8 counts from 0 to 1. Of more than 4,096 columns, at most 3,000 rows are taken, by chance.
    """
    if rows.shape[1] > MOST_COLUMNS and len(rows) > MOST_ROWS:
        rows = rows[np.sort(np.random.default_rng(seed).choice(len(rows), MOST_ROWS, replace=False))]
    total, columns = rows.shape
    count = min(count, total, columns)
    mean = sum((_floats(piece).sum(0, dtype=np.float64) for piece in _pieces(rows)), np.zeros(columns)) / total
    if columns <= total:
        products = np.zeros((columns, columns))
        for piece in _pieces(rows):
            centred = (_floats(piece) - mean).astype(np.float32)
            products += centred.T @ centred
        values, vectors = scipy.linalg.eigh(products, subset_by_index=[columns - count, columns - 1])
        directions = vectors.T
    else:
        centred = (_floats(rows) - mean).astype(np.float32)
        values, vectors = scipy.linalg.eigh(
            (centred @ centred.T).astype(np.float64), subset_by_index=[total - count, total - 1]
        )
        directions = vectors.T @ centred
        directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
    variances = np.maximum(values[::-1], 0) / max(total - 1, 1)
    return Components(mean.astype(np.float32), directions[::-1].astype(np.float32), variances)


def _pieces(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]


def _floats(rows: np.ndarray) -> np.ndarray:
    return rows / np.float32(255) if rows.dtype == np.uint8 else rows


def neighbours_kept(rows: np.ndarray, seed: int = 0) -> np.ndarray:
    """t-SNE: rows (N, D), at least five, as points (N, 2) whose nearest are nearest there too.

    van der Maaten and Hinton 2008; distances between far points mean nothing.
    """
    perplexity = min(30.0, (len(rows) - 1) / 3)
    method = "exact" if len(rows) <= 300 else "barnes_hut"  # the tree pays for itself only where points are many
    made = TSNE(perplexity=perplexity, init="pca", random_state=seed % 2**32, method=method)
    return made.fit_transform(rows.astype(np.float32))
