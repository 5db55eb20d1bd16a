"""Vectors of words by counting what stands near them: positive pointwise mutual information, brought down by SVD."""

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.utils.extmath import randomized_svd

MOST_WORDS = 20_000  # rows and columns that are counted, the commonest words
AT_ONCE = 1 << 22  # places of text counted together


def counted(words: np.ndarray, sentences: np.ndarray, vocabulary: int, window: int) -> csr_matrix:
    """How often each word stands near each other, (V, V), nearer ones counting more: (window + 1 - distance) / window.

    words (N,); sentences (N,) tells of which sentence each is.
    """
    total = csr_matrix((vocabulary, vocabulary), dtype=np.float64)
    for start in range(0, len(words), AT_ONCE):
        for distance in range(1, window + 1):
            left = words[start : start + AT_ONCE]
            right = words[start + distance : start + distance + len(left)]
            left = left[: len(right)]
            here = sentences[start : start + len(left)] == sentences[start + distance : start + distance + len(left)]
            here &= (left < vocabulary) & (right < vocabulary)
            pairs = left[here].astype(np.int64) * vocabulary + right[here]
            which, many = np.unique(pairs, return_counts=True)
            values = many * ((window + 1 - distance) / window)
            total = total + coo_matrix((values, divmod(which, vocabulary)), shape=total.shape).tocsr()
    return (total + total.T).tocsr()


def positive_information(counts: csr_matrix, power: float = 0.75) -> csr_matrix:
    """max(0, ln p(a, b) / (p(a) p(b))), of which p(b) is smoothed by a power; Levy, Goldberg and Dagan 2015."""
    pairs = counts.tocoo()
    total = counts.sum()
    left = np.asarray(counts.sum(1)).ravel() / total
    right = np.asarray(counts.sum(0)).ravel() ** power
    right /= right.sum()
    values = np.log(np.maximum(pairs.data / total, 1e-300) / (left[pairs.row] * right[pairs.col]))
    kept = values > 0
    return coo_matrix((values[kept], (pairs.row[kept], pairs.col[kept])), shape=counts.shape).tocsr()


def counted_vectors(
    words: np.ndarray, sentences: np.ndarray, vocabulary: int, *, width: int, window: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (V, width) of the commonest words and what they are multiplied with: U sqrt(S) and V sqrt(S)."""
    vocabulary = min(vocabulary, MOST_WORDS)
    information = positive_information(counted(words, sentences, vocabulary, window)).astype(np.float32)
    width = min(width, vocabulary - 1)
    left, values, right = randomized_svd(information, width, n_iter=3, random_state=seed % 2**32)
    root = np.sqrt(values)
    return (left * root).astype(np.float32), (right.T * root).astype(np.float32)
