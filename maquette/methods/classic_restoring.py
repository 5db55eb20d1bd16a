"""Classical ways to restore a picture, without training: (H, W, C) float32 and a strength to the same shape.

`strength` is about the standard deviation of what is to be taken away, on the 0..1 scale. From scikit-image.
"""

import numpy as np


def non_local_means(pixels: np.ndarray, strength: float) -> np.ndarray:
    """Each pixel the mean of those whose surroundings look like its own; Buades et al. 2005."""
    from skimage.restoration import denoise_nl_means

    return denoise_nl_means(
        pixels, patch_size=5, patch_distance=6, h=0.8 * strength, sigma=strength, fast_mode=True, channel_axis=-1
    ).reshape(pixels.shape)


def wavelet(pixels: np.ndarray, strength: float) -> np.ndarray:
    """Small wavelet coefficients set to zero; Chang et al. 2000 (BayesShrink)."""
    from skimage.restoration import denoise_wavelet

    return denoise_wavelet(pixels, sigma=strength, wavelet="db2", channel_axis=-1).reshape(pixels.shape)


def total_variation(pixels: np.ndarray, strength: float) -> np.ndarray:
    """The nearest picture of little total variation; Chambolle 2004."""
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(pixels, weight=strength, channel_axis=-1).reshape(pixels.shape)


def bicubic(pixels: np.ndarray, strength: float, *, factor: float) -> np.ndarray:
    """A picture that was reduced `factor` times by nearest pixels, enlarged again by cubic splines; no strength."""
    from skimage.transform import resize

    from maquette.methods.spoiling import nearest

    height, width = pixels.shape[:2]
    small = nearest(pixels, max(1, round(height / factor)), max(1, round(width / factor)))
    return resize(small, (height, width), order=3, mode="reflect", anti_aliasing=False).astype(np.float32)


def desaturate(pixels: np.ndarray, strength: float, *, factor: float) -> np.ndarray:
    """Saturation divided by `factor`: exact where no colour had reached its limit; no strength."""
    from maquette.methods.spoiling import saturate

    return saturate(pixels, 1 / factor)
