"""Ways to spoil a clean picture, so that a network can learn the way back.

Each takes pixels (..., H, W, C) or (H, W, C) float32 in 0..1 and gives the same shape; chance comes from a generator.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Spoiling:
    """One of the ways with its numbers. task: noise, poisson, downres, saturate or jpeg; levels: of sigma, from and to.

    factor: of downres; saturation: of saturate; quality: of jpeg; clip: whether to 0..1 in the end.
    """

    task: str
    levels: tuple[float, float]
    factor: float
    saturation: float
    quality: int
    clip: bool

    def __call__(self, pixels: np.ndarray, sigma: float | np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Pictures (N, H, W, C) spoiled; `sigma` one for all or (N, 1, 1, 1)."""
        if self.task == "noise":
            spoiled = add_noise(pixels, sigma, generator)
        elif self.task == "poisson":
            spoiled = add_photon_noise(pixels, sigma, generator)
        elif self.task == "downres":
            spoiled = reduce_resolution(pixels, self.factor)
        elif self.task == "saturate":
            spoiled = saturate(pixels, self.saturation)
        else:
            spoiled = np.stack([compress(each, self.quality) for each in pixels])
        return np.clip(spoiled, 0, 1) if self.clip else spoiled


def add_noise(pixels: np.ndarray, sigma: float | np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Gaussian noise of standard deviation `sigma` on the 0..1 scale: one number or (N, 1, 1, 1)."""
    noise = generator.standard_normal(pixels.shape, dtype=np.float32)
    return pixels + noise * np.asarray(sigma, np.float32)


def add_photon_noise(pixels: np.ndarray, sigma: float | np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Poisson noise, as of few photons: 1 / sigma^2 of them at white, where its standard deviation is then `sigma`."""
    photons = 1 / np.square(np.asarray(sigma, np.float64))
    return (generator.poisson(np.maximum(pixels, 0) * photons) / photons).astype(np.float32)


def nearest(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture (..., H, W, C) at another size, each pixel the nearest one, with pixel centres at one half."""
    high, wide = pixels.shape[-3:-1]
    rows = ((np.arange(height) + 0.5) * high / height).astype(int)
    columns = ((np.arange(width) + 0.5) * wide / width).astype(int)
    return pixels[..., rows, :, :][..., columns, :]


def reduce_resolution(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Reduced `factor` times by taking nearest pixels, and enlarged back to its size likewise: detail is lost."""
    height, width = pixels.shape[-3:-1]
    small = nearest(pixels, max(1, round(height / factor)), max(1, round(width / factor)))
    return nearest(small, height, width)


def saturate(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Colours made `factor` times stronger: the saturation of HSV, S = (max - min) / max, times factor, at most 1.

    Hue and value stay. Grey pictures do not change.
    """
    value = pixels.max(-1, keepdims=True)
    spread = value - pixels.min(-1, keepdims=True)
    most = value / np.maximum(spread, 1e-12)  # the factor at which the weakest channel reaches 0
    return value - (value - pixels) * np.minimum(np.float32(factor), most)


def compress(pixels: np.ndarray, quality: int) -> np.ndarray:
    """One picture (H, W, C) written as JPEG of `quality` 1..100 and read again."""
    bytes_ = np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(bytes_[..., 0] if bytes_.shape[-1] == 1 else bytes_).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.float32).reshape(pixels.shape) / 255
