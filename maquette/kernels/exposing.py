"""A picture as a photograph was exposed, as `exposed` of methods/exposure.py makes it, and its derivatives."""

import numpy as np
from numba import njit, prange


def expose(picture, matrix):
    """picture (3, H, W) with its colours turned by matrix (3, 4), whose last column is added."""
    shown = np.empty_like(picture)
    _expose(picture, matrix, shown)
    return shown


def expose_backward(picture, matrix, slopes):
    """The loss's derivatives by picture (3, H, W) and by matrix (3, 4), from those by what `expose` gave."""
    by_picture, sums = np.empty_like(picture), np.empty((picture.shape[1], 3, 4), picture.dtype)
    _expose_backward(picture, matrix, slopes, by_picture, sums)
    return by_picture, sums.sum(0)


@njit(cache=True, fastmath=True, parallel=True)
def _expose(picture, matrix, shown):
    for y in prange(picture.shape[1]):
        for colour in range(3):
            r, g, b, more = matrix[colour]
            for x in range(picture.shape[2]):
                shown[colour, y, x] = r * picture[0, y, x] + g * picture[1, y, x] + b * picture[2, y, x] + more


@njit(cache=True, fastmath=True, parallel=True)
def _expose_backward(picture, matrix, slopes, by_picture, sums):
    for y in prange(picture.shape[1]):  # a row's sums are its own, so that they are added in one order by any threads
        for colour in range(3):
            r, g, b = matrix[0, colour], matrix[1, colour], matrix[2, colour]
            for x in range(picture.shape[2]):
                by_picture[colour, y, x] = r * slopes[0, y, x] + g * slopes[1, y, x] + b * slopes[2, y, x]
            by_r, by_g, by_b, by_more = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for x in range(picture.shape[2]):
                slope = slopes[colour, y, x]
                by_r += slope * picture[0, y, x]
                by_g += slope * picture[1, y, x]
                by_b += slope * picture[2, y, x]
                by_more += slope
            sums[y, colour, 0], sums[y, colour, 1], sums[y, colour, 2] = by_r, by_g, by_b
            sums[y, colour, 3] = by_more
