"""Classical ways to restore a picture, without training: (H, W, C) float32 and a strength to the same shape.

`strength` is about the standard deviation of what is to be taken away, on the 0..1 scale. From scikit-image.
"""

from collections.abc import Callable, Sequence

import numpy as np
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, denoise_wavelet
from skimage.transform import resize

from maquette.methods.spoiling import nearest, saturate

Method = Callable[[np.ndarray, float], np.ndarray]


def tuned(
    method: Method, pairs: Sequence[tuple[np.ndarray, np.ndarray]], score: Callable[[np.ndarray, np.ndarray], float]
) -> Callable[[np.ndarray], np.ndarray]:
    """The method with the strength that does best on pairs of clean and spoiled pictures, by multiples of their error.

    `score` of a clean picture and an answer in 0..1 is higher for better ones.
    """
    error = float(np.sqrt(np.mean([np.mean((spoiled - clean) ** 2) for clean, spoiled in pairs]))) or 0.01

    def reached(strength: float) -> float:
        return float(np.mean([score(clean, np.clip(method(spoiled, strength), 0, 1)) for clean, spoiled in pairs]))

    strength = max((error * factor for factor in (0.3, 0.5, 0.7, 0.9, 1.2, 1.6)), key=reached)
    return lambda spoiled: method(spoiled, strength)


def non_local_means(pixels: np.ndarray, strength: float) -> np.ndarray:
    """Each pixel the mean of those whose surroundings look like its own; Buades et al. 2005."""
    return denoise_nl_means(
        pixels, patch_size=5, patch_distance=6, h=0.8 * strength, sigma=strength, fast_mode=True, channel_axis=-1
    ).reshape(pixels.shape)


def wavelet(pixels: np.ndarray, strength: float) -> np.ndarray:
    """Small wavelet coefficients set to zero; Chang et al. 2000 (BayesShrink)."""
    return denoise_wavelet(pixels, sigma=strength, wavelet="db2", channel_axis=-1).reshape(pixels.shape)


def total_variation(pixels: np.ndarray, strength: float) -> np.ndarray:
    """The nearest picture of little total variation; Chambolle 2004."""
    return denoise_tv_chambolle(pixels, weight=strength, channel_axis=-1).reshape(pixels.shape)


def bicubic(pixels: np.ndarray, strength: float, *, factor: float) -> np.ndarray:
    """A picture that was reduced `factor` times by nearest pixels, enlarged again by cubic splines; no strength."""
    height, width = pixels.shape[:2]
    small = nearest(pixels, max(1, round(height / factor)), max(1, round(width / factor)))
    return resize(small, (height, width), order=3, mode="reflect", anti_aliasing=False).astype(np.float32)


def desaturate(pixels: np.ndarray, strength: float, *, factor: float) -> np.ndarray:
    """Saturation divided by `factor`: exact where no colour had reached its limit; no strength."""
    return saturate(pixels, 1 / factor)
