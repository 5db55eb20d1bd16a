"""Exposures of photographs: what they change, their derivatives, and that together they change nothing."""

import numpy as np
import pytest

from maquette.methods.exposure import Exposures


@pytest.fixture
def made():
    found = Exposures(3)
    found.matrices += np.random.default_rng(0).normal(size=(3, 3, 4)).astype(np.float32) * 0.2
    return found


def test_derivatives_are_those_of_finite_differences(made):
    chance = np.random.default_rng(1)
    picture, slopes = chance.random((3, 5, 4)), chance.normal(size=(3, 5, 4))
    made.matrices = made.matrices.astype(np.float64)
    by_picture, by_matrix = made.back(1, picture, slopes)
    for by, values in ((by_picture, picture), (by_matrix, made.matrices[1])):
        for at in [(0, *[0] * (by.ndim - 1)), (2, *[3] * (by.ndim - 1))]:
            before = values[at]
            found = []
            for change in (1e-6, -1e-6):
                values[at] = before + change
                found.append((made.apply(1, picture) * slopes).sum())
            values[at] = before
            assert by[at] == pytest.approx((found[0] - found[1]) / 2e-6, rel=1e-6)


def test_exposures_are_found_up_to_what_all_have_in_common():
    chance = np.random.default_rng(0)
    scene, gains = chance.random((3, 20, 30)).astype(np.float32), [0.8, 1.0, 1.2]
    made = Exposures(3)
    for turn in range(3000):
        view = turn % 3
        difference = made.apply(view, scene) - gains[view] * scene
        made.step(view, made.back(view, scene, 2 * difference / difference.size)[1])
    for matrix, gain in zip(made.matrices, gains, strict=True):
        np.testing.assert_allclose(matrix, gain * np.eye(3, 4), atol=0.03)
    np.testing.assert_allclose(made.matrices.mean(0), np.eye(3, 4), atol=1e-6)


def test_states_come_back(made):
    made.step(1, np.ones((3, 4), np.float32))
    other = Exposures(3)
    other.load_state_dict(made.state_dict())
    for name in made.state_dict():
        np.testing.assert_array_equal(getattr(other, name), getattr(made, name))


def test_the_first_step_is_as_large_as_the_rate(made):
    before = made.matrices.copy()
    made.rate = 0.01
    made.step(2, np.full((3, 4), -7, np.float32))
    moved = made.matrices - before
    np.testing.assert_allclose(moved[2] - moved[0], 0.01, rtol=1e-3)
