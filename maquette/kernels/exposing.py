"""A picture as a photograph of it was exposed, and the derivatives of that, compiled.

The plain version is `exposed` in graphics/exposing.py. A row of pixels is walked through from one column of the grid to
the next: there, matrices change by equal steps.
"""

import functools

import numpy as np
from numba import njit, prange


def expose(picture, grid):
    """picture (3, H, W) with its colours turned by matrices that are interpolated in grid (R, C, 3, 4)."""
    shown = np.empty_like(picture)
    parts, firsts = _parts(picture.shape[2], grid.shape[1])
    _expose(picture, grid, parts, firsts, shown)
    return shown


def expose_backward(picture, grid, slopes):
    """The loss's derivatives by picture (3, H, W) and by grid (R, C, 3, 4), from those by what `expose` gave."""
    by_picture, sums = np.empty_like(picture), np.zeros((picture.shape[1], *grid.shape[1:]), picture.dtype)
    parts, firsts = _parts(picture.shape[2], grid.shape[1])
    _expose_backward(picture, grid, parts, firsts, slopes, by_picture, sums)
    by_grid = np.zeros_like(grid)
    _gather(sums, by_grid)
    return by_picture, by_grid


@functools.cache
def _parts(width, columns):
    """How far each pixel is from one column of the grid to the next (W,), and each column's first pixel, and W."""
    places = (np.arange(width) + 0.5) / width * (columns - 1)
    before = np.minimum(places.astype(int), max(columns - 2, 0))
    return (places - before).astype(np.float32), np.searchsorted(before, np.arange(max(columns, 2)))


@njit(cache=True, inline="always")
def _place(y, height, rows):
    """The row of the grid above row y of pixels, that below, and how far it is from one to the other."""
    place = (y + 0.5) / height * (rows - 1)
    above = min(int(place), max(rows - 2, 0))
    return above, min(above + 1, rows - 1), np.float32(place - above)


@njit(cache=True, inline="always")
def _line(grid, y, height, matrices):
    """matrices (C, 3, 4) at row y of pixels."""
    above, below, part = _place(y, height, len(grid))
    for column in range(grid.shape[1]):
        for to in range(3):
            for of in range(4):
                upper, lower = grid[above, column, to, of], grid[below, column, to, of]
                matrices[column, to, of] = upper + part * (lower - upper)


@njit(cache=True, fastmath=True, parallel=True)
def _expose(picture, grid, parts, firsts, shown):
    _, height, _ = picture.shape
    columns = grid.shape[1]
    for y in prange(height):
        matrices = np.empty((columns, 3, 4), picture.dtype)
        _line(grid, y, height, matrices)
        for column in range(len(firsts) - 1):
            here, there = matrices[column], matrices[min(column + 1, columns - 1)]
            first, last = firsts[column], firsts[column + 1]
            red, green, blue = picture[0, y, first:last], picture[1, y, first:last], picture[2, y, first:last]
            part = parts[first:last]
            for to in range(3):
                r, g, b, more = here[to, 0], here[to, 1], here[to, 2], here[to, 3]
                r_step, g_step, b_step = there[to, 0] - r, there[to, 1] - g, there[to, 2] - b
                more_step = there[to, 3] - more
                row = shown[to, y, first:last]
                for x in range(len(row)):
                    row[x] = (
                        (r + part[x] * r_step) * red[x]
                        + (g + part[x] * g_step) * green[x]
                        + (b + part[x] * b_step) * blue[x]
                        + (more + part[x] * more_step)
                    )


@njit(cache=True, fastmath=True, parallel=True)
def _expose_backward(picture, grid, parts, firsts, slopes, by_picture, sums):
    _, height, _ = picture.shape
    columns = grid.shape[1]
    for y in prange(height):  # a row's sums are its own, so that they are added in one order by any threads
        matrices = np.empty((columns, 3, 4), picture.dtype)
        _line(grid, y, height, matrices)
        for column in range(len(firsts) - 1):
            after = min(column + 1, columns - 1)
            here, there = matrices[column], matrices[after]
            first, last = firsts[column], firsts[column + 1]
            red, green, blue = slopes[0, y, first:last], slopes[1, y, first:last], slopes[2, y, first:last]
            part = parts[first:last]
            for of in range(3):
                r, g, b = here[0, of], here[1, of], here[2, of]
                r_step, g_step, b_step = there[0, of] - r, there[1, of] - g, there[2, of] - b
                row = by_picture[of, y, first:last]
                for x in range(len(row)):
                    row[x] = (
                        (r + part[x] * r_step) * red[x]
                        + (g + part[x] * g_step) * green[x]
                        + (b + part[x] * b_step) * blue[x]
                    )
            for to in range(3):
                slope = slopes[to, y, first:last]
                for of in range(4):
                    whole, share = np.float32(0), np.float32(0)
                    if of < 3:
                        colour = picture[of, y, first:last]
                        for x in range(len(slope)):
                            product = slope[x] * colour[x]
                            whole += product
                            share += part[x] * product
                    else:
                        for x in range(len(slope)):
                            whole += slope[x]
                            share += part[x] * slope[x]
                    sums[y, column, to, of] += whole - share
                    sums[y, after, to, of] += share


@njit(cache=True)
def _gather(sums, by_grid):
    """by_grid (R, C, 3, 4), to which the sums of each row of pixels are added."""
    height = len(sums)
    for y in range(height):
        above, below, part = _place(y, height, len(by_grid))
        for column in range(by_grid.shape[1]):
            for to in range(3):
                for of in range(4):
                    value = sums[y, column, to, of]
                    by_grid[above, column, to, of] += (1 - part) * value
                    by_grid[below, column, to, of] += part * value
