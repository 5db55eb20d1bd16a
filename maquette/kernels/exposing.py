"""A picture as a photograph of it was exposed, and the derivatives of that, compiled.

The plain version is `exposed` in graphics/exposing.py.
"""

import functools

import numpy as np
from numba import njit, prange


def expose(picture, matrix, shading):
    """picture (3, H, W) with its colours turned by matrix (3, 4), times what shading (R, C) is at each pixel."""
    parts, firsts = _parts(picture.shape[2], shading.shape[1])
    shown = np.empty_like(picture)
    _expose(picture, matrix, shading, parts, firsts, shown)
    return shown


def expose_backward(picture, matrix, shading, slopes):
    """The loss's derivatives by picture, matrix (3, 4) and shading (R, C), from those by what `expose` gave."""
    height, columns = picture.shape[1], shading.shape[1]
    parts, firsts = _parts(picture.shape[2], columns)
    by_picture, by_shading = np.empty_like(picture), np.zeros_like(shading)
    sums, shares = np.empty((height, 3, 4), picture.dtype), np.zeros((height, columns), picture.dtype)
    _expose_backward(picture, matrix, shading, parts, firsts, slopes, by_picture, sums, shares)
    _gather(shares, by_shading)
    return by_picture, sums.sum(0), by_shading


@functools.cache
def _parts(width, columns):
    """How far each pixel is from one column of the shading to the next (W,), and each column's first pixel, and W."""
    places = (np.arange(width) + 0.5) / width * (columns - 1)
    before = np.minimum(places.astype(int), max(columns - 2, 0))
    return (places - before).astype(np.float32), np.searchsorted(before, np.arange(max(columns, 2)))


@njit(cache=True)
def _place(y, height, rows):
    """The row of the shading above row y of pixels, that below, and how far it is from one to the other."""
    place = (y + 0.5) / height * (rows - 1)
    above = min(int(place), max(rows - 2, 0))
    return above, min(above + 1, rows - 1), np.float32(place - above)


@njit(cache=True, fastmath=True)
def _interpolate(shading, y, height, parts, firsts, factors):
    """factors (W,) of the shading at row y of pixels."""
    above, below, down = _place(y, height, len(shading))
    for column in range(len(firsts) - 1):
        after = min(column + 1, shading.shape[1] - 1)
        left = shading[above, column] + down * (shading[below, column] - shading[above, column])
        right = shading[above, after] + down * (shading[below, after] - shading[above, after])
        part, row = parts[firsts[column] : firsts[column + 1]], factors[firsts[column] : firsts[column + 1]]
        for x in range(len(row)):
            row[x] = left + part[x] * (right - left)


@njit(cache=True, fastmath=True, parallel=True)
def _expose(picture, matrix, shading, parts, firsts, shown):
    _, height, width = picture.shape
    for y in prange(height):
        factors = np.empty(width, picture.dtype)
        _interpolate(shading, y, height, parts, firsts, factors)
        for colour in range(3):
            r, g, b, more = matrix[colour]
            for x in range(width):
                turned = r * picture[0, y, x] + g * picture[1, y, x] + b * picture[2, y, x] + more
                shown[colour, y, x] = factors[x] * turned


@njit(cache=True, fastmath=True, parallel=True)
def _expose_backward(picture, matrix, shading, parts, firsts, slopes, by_picture, sums, shares):
    _, height, width = picture.shape
    for y in prange(height):  # a row's sums are its own, so that they are added in one order by any threads
        factors, by_factors = np.empty(width, picture.dtype), np.zeros(width, picture.dtype)
        _interpolate(shading, y, height, parts, firsts, factors)
        for colour in range(3):
            r, g, b = matrix[0, colour], matrix[1, colour], matrix[2, colour]
            for x in range(width):
                by_turned = r * slopes[0, y, x] + g * slopes[1, y, x] + b * slopes[2, y, x]
                by_picture[colour, y, x] = factors[x] * by_turned
            r, g, b, more = matrix[colour]
            by_r, by_g, by_b, by_more = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for x in range(width):
                red, green, blue = picture[0, y, x], picture[1, y, x], picture[2, y, x]
                by_factors[x] += slopes[colour, y, x] * (r * red + g * green + b * blue + more)
                slope = slopes[colour, y, x] * factors[x]
                by_r += slope * red
                by_g += slope * green
                by_b += slope * blue
                by_more += slope
            sums[y, colour, 0], sums[y, colour, 1], sums[y, colour, 2] = by_r, by_g, by_b
            sums[y, colour, 3] = by_more
        for column in range(len(firsts) - 1):
            part, row = parts[firsts[column] : firsts[column + 1]], by_factors[firsts[column] : firsts[column + 1]]
            whole, share = np.float32(0), np.float32(0)
            for x in range(len(row)):
                whole += row[x]
                share += part[x] * row[x]
            shares[y, column] += whole - share
            shares[y, min(column + 1, shading.shape[1] - 1)] += share


@njit(cache=True)
def _gather(shares, by_shading):
    """by_shading (R, C), to which the shares (H, C) of each row of pixels are added."""
    for y in range(len(shares)):
        above, below, part = _place(y, len(shares), len(by_shading))
        for column in range(by_shading.shape[1]):
            by_shading[above, column] += (1 - part) * shares[y, column]
            by_shading[below, column] += part * shares[y, column]


# -- of rays -----------------------------------------------------------------------------------------------------------


@njit(cache=True, inline="always")
def _corner(place, points):
    """The point of a shading before a place in 0..1, and how far it is from there to the next one."""
    at = place * (points - 1)
    before = min(max(int(at), 0), points - 2)
    return before, at - before


@njit(cache=True, fastmath=True)
def expose_rays(matrices, shadings, views, places, found):
    """found (R, 13): the matrix (3, 4) of the view of each ray, and its shading at places (R, 2), across and down."""
    for ray in range(len(views)):
        view = views[ray]
        for row in range(3):
            for column in range(4):
                found[ray, 4 * row + column] = matrices[view, row, column]
        j, x = _corner(places[ray, 0], shadings.shape[2])
        i, y = _corner(places[ray, 1], shadings.shape[1])
        above = (1 - x) * shadings[view, i, j] + x * shadings[view, i, j + 1]
        below = (1 - x) * shadings[view, i + 1, j] + x * shadings[view, i + 1, j + 1]
        found[ray, 12] = (1 - y) * above + y * below


@njit(cache=True, fastmath=True)
def expose_rays_backward(exposures, views, places, colours, by_shown, by_matrices, by_shadings):
    """Adds to by_matrices and by_shadings, float64, what by_shown (R, 3), by what exposures make of colours, gives.

    In one thread, so that sums have one order.
    """
    for ray in range(len(views)):
        view, factor, by_factor = views[ray], exposures[ray, 12], 0.0
        for row in range(3):
            slope, turned = by_shown[ray, row], exposures[ray, 4 * row + 3]
            for column in range(3):
                by_matrices[view, row, column] += factor * slope * colours[ray, column]
                turned += exposures[ray, 4 * row + column] * colours[ray, column]
            by_matrices[view, row, 3] += factor * slope
            by_factor += slope * turned
        j, x = _corner(places[ray, 0], by_shadings.shape[2])
        i, y = _corner(places[ray, 1], by_shadings.shape[1])
        by_shadings[view, i, j] += (1 - y) * (1 - x) * by_factor
        by_shadings[view, i, j + 1] += (1 - y) * x * by_factor
        by_shadings[view, i + 1, j] += y * (1 - x) * by_factor
        by_shadings[view, i + 1, j + 1] += y * x * by_factor
