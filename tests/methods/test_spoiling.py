"""Spoiled pictures: moments of the noise, the course's sizes, colours by the formula, JPEG by Pillow."""

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from maquette.methods import spoiling

GENERATOR = np.random.default_rng(0)


def test_gaussian_noise_has_the_deviation_that_was_asked_for_each_picture():
    clean = np.full((2, 200, 200, 3), 0.5, np.float32)
    spoiled = spoiling.add_noise(clean, np.array([0.1, 0.3]).reshape(2, 1, 1, 1), GENERATOR)
    assert spoiled.dtype == np.float32
    assert spoiled.std((1, 2, 3)) == pytest.approx([0.1, 0.3], rel=0.02)
    assert spoiled.mean((1, 2, 3)) == pytest.approx([0.5, 0.5], abs=0.005)


def test_photon_noise_grows_with_the_root_of_the_light():
    clean = np.stack([np.full((200, 200, 1), level, np.float32) for level in (1.0, 0.25, 0.0)])
    spoiled = spoiling.add_photon_noise(clean, 0.1, GENERATOR)
    assert spoiled.std((1, 2, 3)) == pytest.approx([0.1, 0.05, 0], rel=0.03)
    assert spoiled.mean((1, 2, 3)) == pytest.approx([1, 0.25, 0], abs=0.005)


def test_the_course_s_patch_of_128_goes_to_100_and_back_by_nearest_pixels():
    clean = np.arange(128, dtype=np.float32).reshape(1, 128, 1) * np.ones((128, 1, 1), np.float32)
    spoiled = spoiling.reduce_resolution(clean, 1.28)
    small = [int((place + 0.5) * 128 / 100) for place in range(100)]
    assert spoiled.shape == clean.shape
    assert spoiled[0, :, 0].tolist() == [small[int((place + 0.5) * 100 / 128)] for place in range(128)]
    assert len(np.unique(spoiled)) == 100


@given(st.integers(1, 40), st.integers(1, 40), st.floats(1.01, 16))
def test_any_size_and_factor_keep_the_size(height, width, factor):
    clean = np.random.default_rng(1).random((height, width, 3), dtype=np.float32)
    spoiled = spoiling.reduce_resolution(clean, factor)
    assert spoiled.shape == clean.shape
    assert np.isin(spoiled, clean).all()


@given(st.tuples(*[st.floats(0, 1)] * 3), st.floats(0.1, 4))
def test_saturation_is_that_of_hsv(colour, factor):
    h, s, v = colorsys.rgb_to_hsv(*colour)
    expected = colorsys.hsv_to_rgb(h, min(1, s * factor), v)
    assert spoiling.saturate(np.array([[colour]], np.float64), factor)[0, 0] == pytest.approx(expected, abs=1e-6)


def test_saturation_can_be_undone_where_nothing_reached_its_limit():
    clean = np.random.default_rng(2).uniform(0.4, 0.6, (20, 20, 3)).astype(np.float32)
    assert spoiling.saturate(spoiling.saturate(clean, 1.5), 1 / 1.5) == pytest.approx(clean, abs=1e-6)


def test_jpeg_is_worse_at_lower_quality_and_keeps_grey_grey():
    clean = data.astronaut()[:64, :80].astype(np.float32) / 255
    errors = [np.abs(spoiling.compress(clean, quality) - clean).mean() for quality in (5, 30, 95)]
    assert errors[0] > errors[1] > errors[2] > 0
    assert spoiling.compress(clean[..., :1], 30).shape == (64, 80, 1)


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("task", ["noise", "poisson", "downres", "saturate", "jpeg"])
def test_a_spoiling_is_the_way_that_its_task_names(task, clip):
    clean = np.random.default_rng(3).random((2, 24, 30, 3), dtype=np.float32)
    way = spoiling.Spoiling(task, (0.1, 0.3), factor=1.7, saturation=1.4, quality=30, clip=clip)
    wanted = {
        "noise": lambda: spoiling.add_noise(clean, 0.4, np.random.default_rng(7)),
        "poisson": lambda: spoiling.add_photon_noise(clean, 0.4, np.random.default_rng(7)),
        "downres": lambda: spoiling.reduce_resolution(clean, 1.7),
        "saturate": lambda: spoiling.saturate(clean, 1.4),
        "jpeg": lambda: np.stack([spoiling.compress(each, 30) for each in clean]),
    }[task]()
    assert clip or task not in ("noise", "poisson") or (wanted.max() > 1 and wanted.shape == clean.shape)
    assert np.array_equal(way(clean, 0.4, np.random.default_rng(7)), wanted.clip(0, 1) if clip else wanted)
