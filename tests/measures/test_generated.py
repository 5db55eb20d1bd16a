"""Scores of made pictures beside prdc, scipy, plain sums over pairs, and normal distributions that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from maquette.measures.generated import (
    deviations,
    feature_scores,
    frechet_distance,
    kernel_distance,
    manifolds,
)

seeds = st.integers(0, 2**32 - 1)


def clouds(seed: int, first: int = 60, second: int = 45, features: int = 5) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    mixed = generator.normal(size=(features, features))
    return generator.normal(size=(first, features)), generator.normal(0.3, 1, (second, features)) @ mixed


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_frechet_distance_is_that_of_the_matrix_square_root(seed):
    real, made = clouds(seed)
    first, second = np.cov(real, rowvar=False), np.cov(made, rowvar=False)
    root = sqrtm(first @ second).real
    expected = ((real.mean(0) - made.mean(0)) ** 2).sum() + np.trace(first + second - 2 * root)
    assert frechet_distance(real, made) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_known_normal_distributions():
    """Uncorrelated ones have it in closed form, each feature for itself: (m - m')^2 + (s - s')^2."""
    generator = np.random.default_rng(0)
    means, spreads = np.array([[0.0, 1.0, -2.0], [0.5, 1.0, 1.0]]), np.array([[1.0, 2.0, 0.5], [1.5, 2.0, 0.1]])
    real, made = (generator.normal(m, s, (200_000, 3)) for m, s in zip(means, spreads, strict=True))
    expected = ((means[0] - means[1]) ** 2).sum() + ((spreads[0] - spreads[1]) ** 2).sum()
    assert frechet_distance(real, made) == pytest.approx(expected, rel=0.01)


def test_frechet_distance_of_fewer_rows_than_features_and_of_a_feature_that_never_changes():
    generator = np.random.default_rng(0)
    real, made = generator.normal(size=(4, 20)), generator.normal(size=(6, 20))
    real[:, 0] = made[:, 0] = 3
    expected = np.trace(np.cov(real, rowvar=False)) + np.trace(np.cov(made, rowvar=False))
    assert 0 < frechet_distance(real, made) <= expected + ((real.mean(0) - made.mean(0)) ** 2).sum()
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(real[:, :1], made[:, 1:2]) > 0
    with pytest.raises(ValueError, match="two rows"):
        frechet_distance(real[:1], made)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_kernel_distance_is_the_sum_over_pairs(seed):
    real, made = clouds(seed, 9, 7)

    def k(x, y):
        return (float(x @ y) / 5 + 1) ** 3

    pairs = [
        np.mean([k(x, y) for i, x in enumerate(each) for j, y in enumerate(each) if i != j]) for each in (real, made)
    ]
    expected = sum(pairs) - 2 * np.mean([k(x, y) for x in real for y in made])
    assert kernel_distance(real, made) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_kernel_distance_has_no_bias():
    """Of two points each from one distribution it is 0 on average; the biased one is far above."""
    generator = np.random.default_rng(1)
    found = [kernel_distance(*generator.normal(size=(2, 4, 3))) for _ in range(4000)]
    assert abs(np.mean(found)) < 3 * np.std(found) / len(found) ** 0.5
    assert np.std(found) / len(found) ** 0.5 < 0.1
    with pytest.raises(ValueError, match="two rows"):
        kernel_distance(np.zeros((1, 2)), np.zeros((3, 2)))


def test_kernel_distance_is_that_of_whole_matrices_where_rows_come_in_pieces(monkeypatch):
    real, made = clouds(3)
    whole = kernel_distance(real, made)
    monkeypatch.setattr("maquette.measures.generated.AT_ONCE", 7)
    assert kernel_distance(real, made) == pytest.approx(whole, rel=1e-12)


@given(seeds, st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_manifolds_are_prdcs(seed, k):
    from prdc import compute_prdc

    real, made = clouds(seed)
    expected = compute_prdc(real, made, nearest_k=k)
    assert manifolds(real, made, k).scores == pytest.approx(expected)


def test_manifolds_of_a_few_points_on_a_line(monkeypatch):
    monkeypatch.setattr("maquette.measures.generated.AT_ONCE", 2)
    real, made = np.array([[0.0], [1.0], [10.0], [12.0]]), np.array([[0.5], [0.6], [30.0], [31.0]])
    found = manifolds(real, made, k=1)  # real balls (-1, 1), (0, 2), (8, 12), (10, 14); made ones 0.1, 0.1, 1, 1 wide
    assert found.scores == {"precision": 0.5, "recall": 0.0, "density": 1.0, "coverage": 0.5}
    assert found.covered.tolist() == [True, True, False, False]
    with pytest.raises(ValueError, match="5 rows"):
        manifolds(real, made, k=4)


def test_coverage_of_equal_distributions():
    """1 - 2^-k, about: of 2k neighbours, k of them made, the chance that the k nearest are all real."""
    real, made = np.random.default_rng(0).normal(size=(2, 1500, 4))
    assert manifolds(real, made, 5).scores["coverage"] == pytest.approx(1 - 2**-5, abs=0.015)
    assert manifolds(real, made, 5).scores["density"] == pytest.approx(1, abs=0.05)


def test_deviations_are_those_of_other_draws():
    generator = np.random.default_rng(0)

    def draw():
        return generator.normal(size=(120, 3)), generator.normal(0.9, 0.8, (120, 3))

    found = [feature_scores(*draw()) for _ in range(100)]
    told = [deviations(feature_scores, *draw(), generator, 60) for _ in range(8)]
    for name in ("feature_distance", "kernel_distance", "precision", "recall", "density", "coverage"):
        actual = np.std([each[name] for each in found])
        assert np.mean([each[name] for each in told]) == pytest.approx(actual, rel=0.45), name


def test_deviations_of_too_few_rows_are_unknown():
    found = deviations(feature_scores, *np.random.default_rng(0).normal(size=(2, 3, 2)), np.random.default_rng(0))
    assert np.isnan(list(found.values())).all()
