"""Sliced Wasserstein distance of pictures, by patches of their Laplacian pyramids; Karras et al. 2018, section 5."""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import correlate1d

SMALLEST = 14  # pixels: the side below which there is no further level; 16 in the paper, which has no side of 28
SIDE = 7  # pixels of a patch
BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / 16


def patch_distance(
    real: np.ndarray, made: np.ndarray, *, seed: int = 0, patches: int = 16, directions: int = 128
) -> dict[int, float]:
    """The distance at each level of the pyramid, by its side in pixels, times 1000 as in the paper.

    real, made: pictures (N, H, W, C) of one size, in any unit. Of each level, `patches` places a picture are drawn, and
    the patches of 7 x 7 pixels there are brought to mean 0 and deviation 1 of each channel, of real and made ones each
    by themselves. The paper takes 128 patches and 512 directions, which costs 32 times as much.
    """
    generator = np.random.default_rng(seed)
    found = {}
    for first, second in zip(pyramid(real), pyramid(made), strict=True):
        side = min(first.shape[1:3])
        points = [_descriptors(level, patches, generator) for level in (first, second)]
        along = generator.standard_normal((points[0].shape[1], directions), np.float32)
        found[side] = 1000 * sliced_wasserstein(*points, along)
    return found


def sliced_wasserstein(real: np.ndarray, made: np.ndarray, directions: np.ndarray) -> float:
    """The mean over directions (D, K) of the distance |x - y| of points (N, D) put in order along each.

    Directions are brought to length 1. Rabin et al. 2011; of as many points on both sides, as Karras et al. have it.
    """
    rows = min(len(real), len(made))
    along = directions / np.linalg.norm(directions, axis=0)
    first, second = (np.sort((points[:rows] @ along).T, axis=1) for points in (real, made))
    return float(np.abs(first - second).mean(dtype=np.float64))


def pyramid(pictures: np.ndarray) -> Iterator[np.ndarray]:
    """Levels of the Laplacian pyramid of pictures (N, H, W, C), the finest first, the last one the small picture.

    Each level is what a picture loses when it is halved and brought back to its size; Burt and Adelson 1983.
    """
    level = np.asarray(pictures, np.float32)
    while min(level.shape[1:3]) >= 2 * SMALLEST:
        smaller = _blurred(level)[:, ::2, ::2]
        yield level - _enlarged(smaller, level.shape)
        level = smaller
    yield level


def _blurred(pictures: np.ndarray) -> np.ndarray:
    return correlate1d(correlate1d(pictures, BINOMIAL, 1, mode="mirror"), BINOMIAL, 2, mode="mirror")


def _enlarged(pictures: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    spread = np.zeros(shape, np.float32)
    spread[:, ::2, ::2] = 4 * pictures
    return _blurred(spread)


def _descriptors(level: np.ndarray, patches: int, generator: np.random.Generator) -> np.ndarray:
    """As many patches of each picture, at places drawn anew, as points (N patches, D)."""
    count, height, width, channels = level.shape
    side = min(SIDE, height, width)
    down = generator.integers(height - side + 1, size=(count, patches, 1, 1))
    across = generator.integers(width - side + 1, size=(count, patches, 1, 1))
    one, reach = np.arange(count)[:, None, None, None], np.arange(side)
    drawn = level[one, down + reach[:, None], across + reach]
    drawn = drawn - drawn.mean((0, 1, 2, 3), dtype=np.float64).astype(np.float32)
    spread = drawn.std((0, 1, 2, 3), dtype=np.float64).astype(np.float32)
    return (drawn / np.where(spread > 0, spread, 1)).reshape(count * patches, side * side * channels)
