"""PSNR and SSIM beside scikit-image's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from maquette.measures.pictures import picture_scores, psnr, ssim


def photograph(channels: int) -> np.ndarray:
    pixels = data.astronaut()[100:180, 150:260].astype(np.float32) / 255
    return pixels if channels == 3 else pixels.mean(-1, keepdims=True)


@pytest.mark.parametrize("channels", [1, 3])
@settings(max_examples=20, deadline=None)
@given(sigma=st.floats(0.001, 0.5), seed=st.integers(0, 1000))
def test_both_equal_scikit_image(channels, sigma, seed):
    true = photograph(channels)
    other = true + np.float32(sigma) * np.random.default_rng(seed).standard_normal(true.shape, dtype=np.float32)
    expected = structural_similarity(true.astype(float), other.astype(float), data_range=1, channel_axis=-1)
    assert ssim(true, other) == pytest.approx(expected, abs=1e-9)
    assert psnr(true, other) == pytest.approx(peak_signal_noise_ratio(true, other, data_range=1), abs=1e-4)


def test_equal_pictures_and_small_ones():
    true = photograph(3)
    assert ssim(true, true) == pytest.approx(1)
    assert psnr(true, true) == 100
    assert np.isnan(ssim(true[:6], true[:6]))
    assert psnr(np.zeros((2, 2, 1)), np.full((2, 2, 1), 0.1)) == pytest.approx(20)


def test_scores_are_of_the_picture_as_it_is_shown():
    true = photograph(1)
    assert picture_scores(true, true + 10 * (true == true.max()))["psnr"] == psnr(
        true, np.where(true == true.max(), 1, true)
    )
