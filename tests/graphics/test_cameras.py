"""Cameras in another world, and what they show."""

import numpy as np
import pytest

from maquette.graphics.cameras import camera_at

UP = np.array([0.0, 0, 1])


@pytest.mark.parametrize("origin", [(0.0, 0, 0), (512_345.6, 4_123_456.7, 123.4), (-2.7e6, -4.3e6, 3.9e6)])
@pytest.mark.parametrize("unit", [1.0, 1e-3, 37.0])
def test_a_camera_in_another_world_shows_the_same(origin, unit):
    points = np.random.default_rng(0).normal(size=(50, 3))
    near = camera_at(np.array([3.0, 1, 2]), np.zeros(3), UP, width=60, height=40, focal=50)
    far = camera_at(unit * near.position + origin, np.array(origin), UP, width=60, height=40, focal=50)
    again = far.within(origin, unit)
    np.testing.assert_allclose(again.world_to_camera, near.world_to_camera, atol=1e-8 / unit + 1e-12)
    shown, pixels, depths = far.shows(unit * points + origin)
    np.testing.assert_allclose(pixels, near.project(points)[0], atol=1e-6 / unit + 1e-9)
    np.testing.assert_allclose(depths, unit * near.project(points)[1], rtol=1e-6 / min(1, unit))
    inside = ((pixels > 0) & (pixels < [60, 40])).all(1) & (depths > 0)
    np.testing.assert_array_equal(shown, inside)


def test_its_own_world_changes_nothing():
    camera = camera_at(np.array([3.0, 1, 2]), np.zeros(3), UP, width=60, height=40, focal=50)
    np.testing.assert_array_equal(camera.within((0.0, 0, 0), 1.0).translation, camera.translation)
