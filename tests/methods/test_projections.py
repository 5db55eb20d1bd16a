"""Principal components against scikit-learn's, and neighbours that stay neighbours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from maquette.methods import projections
from maquette.methods.projections import neighbours_kept, principal_components


def rows_of(count: int, columns: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    mixed = generator.normal(size=(count, columns)) * np.linspace(3, 0.1, columns)
    return (mixed @ generator.normal(size=(columns, columns)) + 5).astype(np.float32)


@pytest.mark.parametrize("shape", [(200, 12), (12, 200), (30, 30)])
def test_components_are_those_of_scikit_learn(shape):
    rows = rows_of(*shape)
    ours, theirs = principal_components(rows, 5), PCA(5, svd_solver="full").fit(rows.astype(np.float64))
    np.testing.assert_allclose(ours.variances, theirs.explained_variance_, rtol=1e-3)
    np.testing.assert_allclose(np.abs(ours.directions @ theirs.components_.T), np.eye(5), atol=2e-3)
    again = theirs.inverse_transform(theirs.transform(rows))
    np.testing.assert_allclose(ours.decode(ours.encode(rows)), again, rtol=1e-3, atol=2e-2)


def test_bytes_count_from_nought_to_one(monkeypatch):
    rows = np.random.default_rng(0).integers(0, 256, (50, 9), dtype=np.uint8)
    whole = principal_components(rows, 3)
    monkeypatch.setattr(projections, "AT_ONCE", 7)
    pieces = principal_components(rows, 3)
    floats = principal_components(rows / np.float32(255), 3)
    for other in (pieces, floats):
        np.testing.assert_allclose(other.variances, whole.variances, rtol=1e-4)
        np.testing.assert_allclose(other.mean, whole.mean, rtol=1e-5)


@given(count=st.integers(1, 12), columns=st.integers(1, 12), wanted=st.integers(1, 12), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_no_more_components_than_rows_or_columns(count, columns, wanted, seed):
    rows = rows_of(count, columns, seed)
    found = principal_components(rows, wanted)
    assert found.directions.shape == (min(wanted, count, columns), columns)
    assert np.isfinite(found.directions).all() and (found.variances >= 0).all()
    assert (np.diff(found.variances) <= 1e-6 * max(found.variances[0], 1)).all()


def test_all_components_give_everything_back():
    rows = rows_of(40, 6)
    found = principal_components(rows, 6)
    np.testing.assert_allclose(found.decode(found.encode(rows)), rows, atol=1e-3)


def test_neighbours_stay_neighbours():
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(3, 10)) * 20
    rows = np.concatenate([centre + generator.normal(size=(15, 10)) for centre in centres])
    points = neighbours_kept(rows, seed=1)
    assert points.shape == (45, 2)
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1) + np.eye(45) * 1e9
    assert (distances.argmin(1) // 15 == np.arange(45) // 15).all()
    np.testing.assert_array_equal(points, neighbours_kept(rows, seed=1))
    assert neighbours_kept(rows[:5]).shape == (5, 2)
