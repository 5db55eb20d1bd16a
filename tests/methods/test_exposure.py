"""Exposures of photographs: that they are found, and that together they change nothing."""

import numpy as np
import pytest

from maquette.kernels.exposing import expose, expose_backward
from maquette.methods.exposure import POINTS, Exposures


@pytest.fixture
def made():
    found, chance = Exposures(3), np.random.default_rng(0)
    found.matrices += chance.normal(size=found.matrices.shape).astype(np.float32) * 0.2
    found.shadings += chance.normal(size=found.shadings.shape).astype(np.float32) * 0.2
    return found


def learned(photographs, scene):
    """Exposures (V) found by descent for photographs of one scene."""
    made = Exposures(len(photographs))
    for turn in range(1000 * len(photographs)):
        view = turn % len(photographs)
        difference = expose(scene, *made.of(view)) - photographs[view]
        made.step(view, *expose_backward(scene, *made.of(view), 2 * difference / difference.size)[1:])
    return made


def test_exposures_are_found_up_to_what_all_have_in_common():
    scene, gains = np.random.default_rng(0).random((3, 20, 30)).astype(np.float32), [0.8, 1.0, 1.2]
    made = learned([gain * scene for gain in np.array(gains, np.float32)], scene)
    for matrix, shading, gain in zip(made.matrices, made.shadings, gains, strict=True):
        np.testing.assert_allclose(matrix * shading.mean(), gain * np.eye(3, 4), atol=0.03)
    np.testing.assert_allclose(made.matrices.mean(0), np.eye(3, 4), atol=1e-6)
    assert made.shadings.mean() == pytest.approx(1, abs=1e-6)
    assert made.spread() == pytest.approx(np.std(gains), abs=0.01)


def test_light_that_is_there_in_one_photograph_is_found_where_it_is():
    """One photograph is brighter above and darker below, the other the other way round."""
    scene = np.random.default_rng(0).random((3, 40, 40)).astype(np.float32)
    light = np.where(np.arange(40) < 20, np.float32(1.3), np.float32(0.7))[:, None]
    made = learned([light * scene, light[::-1] * scene], scene)
    grey = np.full((3, 40, 40), 0.5, np.float32)
    ratio = expose(grey, *made.of(0)) / expose(grey, *made.of(1))
    np.testing.assert_allclose(ratio[:, :14].mean(), 1.3 / 0.7, rtol=0.1)
    np.testing.assert_allclose(ratio[:, 26:].mean(), 0.7 / 1.3, rtol=0.1)


def test_states_come_back(made):
    made.step(1, np.ones((3, 4), np.float32), np.ones((POINTS, POINTS), np.float32))
    other = Exposures(3)
    other.load_state_dict(made.state_dict())
    for name in made.state_dict():
        np.testing.assert_array_equal(getattr(other, name), getattr(made, name))


def test_the_first_step_is_as_large_as_was_said_and_where_nothing_pulls_nothing_moves(made):
    matrices, shadings = made.matrices.copy(), made.shadings.copy()
    made.step_size = 0.01
    by_shading = np.full((POINTS, POINTS), -7, np.float32)
    by_shading[0] = 0
    made.step(2, np.full((3, 4), -7, np.float32), by_shading)
    moved = made.matrices - matrices
    np.testing.assert_allclose(moved[2] - moved[0], 0.01, rtol=1e-3)
    moved = made.shadings - shadings
    np.testing.assert_allclose(moved[2, 1:] - moved[0, 1:], 0.01 * np.sqrt(POINTS / (POINTS - 1)), rtol=1e-3)
    np.testing.assert_allclose(moved[2, 0] - moved[0, 0], 0, atol=1e-6)
