"""Canonical correlations against scikit-learn, and on numbers that share one cause."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

from maquette.methods.canonical import canonical_correlations

G = np.random.default_rng(0)


def test_they_are_those_of_scikit_learn():
    cause = G.normal(size=(400, 2))
    x = cause @ G.normal(size=(2, 4)) + 0.5 * G.normal(size=(400, 4))
    y = cause @ G.normal(size=(2, 3)) + 0.5 * G.normal(size=(400, 3))
    ours = canonical_correlations(x, y, 2, ridge=0.0)
    theirs = CCA(2, max_iter=5000, tol=1e-10).fit(x, y)
    a, b = theirs.transform(x, y)
    assert ours.correlations == pytest.approx([np.corrcoef(a[:, k], b[:, k])[0, 1] for k in range(2)], abs=1e-4)
    seen, said = (x - ours.means[0]) @ ours.directions[0], (y - ours.means[1]) @ ours.directions[1]
    assert seen.T @ said / len(x) == pytest.approx(np.diag(ours.correlations), abs=1e-8)


def test_rows_find_their_partners():
    cause = G.normal(size=(300, 3))
    x, y = cause @ G.normal(size=(3, 6)), cause @ G.normal(size=(3, 8))
    both = canonical_correlations(x[:200], y[:200], 3)
    cosines = both.first(x[200:]) @ both.second(y[200:]).T
    assert (cosines.argmax(1) == np.arange(100)).mean() > 0.95
    assert np.linalg.norm(both.first(x), axis=1) == pytest.approx(1)
