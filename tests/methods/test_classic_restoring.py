"""Classical methods: each takes noise away, and the strength that is chosen is the best of those tried."""

import numpy as np
import pytest
from skimage import data

from maquette.measures.pictures import psnr
from maquette.methods import classic_restoring as classic
from maquette.methods.spoiling import reduce_resolution, saturate

CLEAN = data.astronaut()[100:164, 200:280].astype(np.float32) / 255


@pytest.mark.parametrize("method", [classic.non_local_means, classic.wavelet, classic.total_variation])
@pytest.mark.parametrize("channels", [1, 3])
def test_each_takes_noise_away(method, channels):
    clean = CLEAN[..., :channels]
    noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape).astype(np.float32)
    restored = method(noisy, 0.1)
    assert restored.shape == clean.shape and psnr(clean, restored) > psnr(clean, noisy) + 1


def test_what_was_reduced_is_enlarged_and_what_was_saturated_pales():
    reduced = reduce_resolution(CLEAN, 2)
    assert psnr(CLEAN, classic.bicubic(reduced, 0, factor=2)) > psnr(CLEAN, reduced)
    grey = CLEAN * 0.2 + 0.4
    assert classic.desaturate(saturate(grey, 1.5), 0, factor=1.5) == pytest.approx(grey, abs=1e-6)


def test_the_strength_that_is_chosen_is_the_best_of_multiples_of_the_error():
    clean, tried = np.zeros((8, 8, 1), np.float32), []

    def method(spoiled: np.ndarray, strength: float) -> np.ndarray:
        tried.append(strength)
        return clean + abs(strength - 0.18)

    restored = classic.tuned(method, [(clean, clean + 0.2), (clean, clean - 0.2)], psnr)(clean)
    assert sorted(set(tried)) == pytest.approx([0.06, 0.1, 0.14, 0.18, 0.24, 0.32], rel=1e-5)
    assert restored == pytest.approx(0, abs=1e-6)
