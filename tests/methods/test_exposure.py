"""Exposures of photographs: that they are found, and that together they change nothing."""

import numpy as np
import pytest

from maquette.kernels.exposing import expose, expose_backward
from maquette.methods.exposure import Exposures


@pytest.fixture
def made():
    found = Exposures(3)
    found.matrices += np.random.default_rng(0).normal(size=(3, 3, 4)).astype(np.float32) * 0.2
    return found


def test_exposures_are_found_up_to_what_all_have_in_common():
    chance = np.random.default_rng(0)
    scene, gains = chance.random((3, 20, 30)).astype(np.float32), [0.8, 1.0, 1.2]
    made = Exposures(3)
    for turn in range(3000):
        view = turn % 3
        difference = expose(scene, made.matrices[view]) - gains[view] * scene
        made.step(view, expose_backward(scene, made.matrices[view], 2 * difference / difference.size)[1])
    for matrix, gain in zip(made.matrices, gains, strict=True):
        np.testing.assert_allclose(matrix, gain * np.eye(3, 4), atol=0.03)
    np.testing.assert_allclose(made.matrices.mean(0), np.eye(3, 4), atol=1e-6)
    assert made.spread() == pytest.approx(np.std(gains), abs=0.01)


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
