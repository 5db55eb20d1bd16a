"""Sliced Wasserstein distance beside shifts that are known, scipy's distance on a line, and pyramids put together."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from maquette.measures.patches import _enlarged, patch_distance, pyramid, sliced_wasserstein

RANDOM = np.random.default_rng(0)


def test_along_each_direction_it_is_the_distance_on_a_line():
    first, second = RANDOM.normal(size=(2, 40, 3))
    along = RANDOM.normal(size=(3, 7))
    unit = along / np.linalg.norm(along, axis=0)
    expected = np.mean([wasserstein_distance(first @ each, second @ each) for each in unit.T])
    assert sliced_wasserstein(first, second, along) == pytest.approx(expected)


def test_of_a_shift_it_is_the_shift_along_each_direction():
    points, shift, along = RANDOM.normal(size=(50, 4)), np.array([1.0, 0, -2, 0.5]), RANDOM.normal(size=(4, 9))
    expected = np.abs(shift @ (along / np.linalg.norm(along, axis=0))).mean()
    assert sliced_wasserstein(points, points[::-1] + shift, along) == pytest.approx(expected)


@pytest.mark.parametrize("size", [(64, 64), (45, 61)])
def test_a_pyramid_put_together_is_the_picture(size):
    pictures = RANDOM.random((2, *size, 3)).astype(np.float32)
    levels = list(pyramid(pictures))
    assert len(levels) == 3 if size == (64, 64) else 2
    whole = levels.pop()
    while levels:
        detail = levels.pop()
        whole = detail + _enlarged(whole, detail.shape)
    assert np.allclose(whole, pictures, atol=1e-5)


def test_a_level_of_a_plain_picture_is_nothing():
    detail, small = pyramid(np.full((1, 28, 28, 1), 0.5, np.float32))
    assert abs(detail).max() < 1e-6
    assert np.allclose(small, 0.5)


def test_pictures_that_have_lost_their_detail_are_further_away():
    from scipy.ndimage import gaussian_filter

    pictures = gaussian_filter(RANDOM.random((300, 28, 28, 1)), (0, 1, 1, 0))
    other = gaussian_filter(RANDOM.random((300, 28, 28, 1)), (0, 1, 1, 0))
    alike = patch_distance(pictures[:150], pictures[150:])
    spoiled = patch_distance(pictures, gaussian_filter(other, (0, 2, 2, 0)))
    assert list(alike) == [28, 14]
    assert spoiled[28] > 3 * alike[28]
    assert patch_distance(pictures, pictures * 0.5 + 3)[28] < 1.5 * alike[28]  # contrast and brightness are taken out
    assert np.isfinite(list(patch_distance(pictures, np.zeros_like(pictures)).values())).all()


def test_small_pictures_have_smaller_patches():
    assert list(patch_distance(*RANDOM.random((2, 20, 5, 5, 3)))) == [5]
