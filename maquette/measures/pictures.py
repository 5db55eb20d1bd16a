"""Scores of pictures against the truth: PSNR and SSIM. Arrays (H, W, C) in 0..1, compared as float64."""

import numpy as np
from scipy.ndimage import uniform_filter

WINDOW = 7  # pixels, the side of SSIM's window


def psnr(true: np.ndarray, picture: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB for a peak of 1: -10 log10(mean((true - picture)^2)), at most 100."""
    error = float(np.mean((np.asarray(true, np.float64) - picture) ** 2))
    return -10 * float(np.log10(max(error, 1e-10)))


def ssim(true: np.ndarray, picture: np.ndarray) -> float:
    """Structural similarity, at most 1: the mean over pixels and channels; Wang et al. 2004, equation (13).

    Means, variances and covariance (divided by n - 1) are over 7 x 7 windows that lie inside the picture, for a peak of
    1 with K1 = 0.01 and K2 = 0.03, as scikit-image computes it. nan where a side is below 7 pixels.
    """
    x, y = (np.asarray(each, np.float64) for each in (true, picture))
    if min(x.shape[:2]) < WINDOW:
        return float("nan")
    size = (WINDOW, WINDOW) + (1,) * (x.ndim - 2)
    edge = WINDOW // 2
    inside = (slice(edge, x.shape[0] - edge), slice(edge, x.shape[1] - edge))

    def mean(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, size)[inside]

    count = WINDOW**2
    mean_x, mean_y = mean(x), mean(y)
    scale = count / (count - 1)
    var_x, var_y = (mean(x * x) - mean_x**2) * scale, (mean(y * y) - mean_y**2) * scale
    both = (mean(x * y) - mean_x * mean_y) * scale
    c1, c2 = 0.01**2, 0.03**2
    similar = (2 * mean_x * mean_y + c1) * (2 * both + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    return float(similar.mean())


def picture_scores(true: np.ndarray, picture: np.ndarray) -> dict[str, float]:
    """psnr (dB) and ssim of a picture that is first clipped to 0..1."""
    shown = np.clip(picture, 0, 1)
    return {"psnr": psnr(true, shown), "ssim": ssim(true, shown)}
