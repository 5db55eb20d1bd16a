"""A hash grid of four features a corner, compiled: features of a place, and the table's derivatives.

The plain version is `hash_encode` in graphics/encodings.py. The table is one row of L x T x 4 numbers.
"""

import numpy as np
from numba import njit, prange

from maquette.kernels.pairs import add_pair, fours, pair, put_sum

FEATURES = 4
BLOCK = 256  # places that a thread takes at a time
SECOND, THIRD = 2654435761, 805459861  # the primes of the plain version; the first is 1


@njit(cache=True, fastmath=True, inline="always")
def _cell(x, cells):
    scaled = min(max(x, 0.0), 1.0) * cells
    first = min(int(scaled), cells - 1)
    return first, scaled - first


@njit(cache=True, fastmath=True, inline="always")
def _edges(x, y, z, cells, size):
    """Rows of the corners on the four edges along x of a cell: those at y z, y+1 z, y z+1, y+1 z+1, each with x+1's."""
    if (cells + 1) ** 3 <= size:
        side = cells + 1
        a = x + side * (y + side * z)
        b, c, d = a + side, a + side * side, a + side + side * side
        return a, a + 1, b, b + 1, c, c + 1, d, d + 1
    most = size - 1
    low, high, near, far = y * SECOND, (y + 1) * SECOND, z * THIRD, (z + 1) * THIRD
    e, f, g, h = low ^ near, high ^ near, low ^ far, high ^ far
    return (
        (x ^ e) & most,
        ((x + 1) ^ e) & most,
        (x ^ f) & most,
        ((x + 1) ^ f) & most,
        (x ^ g) & most,
        ((x + 1) ^ g) & most,
        (x ^ h) & most,
        ((x + 1) ^ h) & most,
    )


@njit(cache=True, fastmath=True)
def encode(places, first, last, table, cells, size, features):
    """Writes rows first .. last of the features (N, L 4) of places (N, 3) in 0..1."""
    width = 4 * len(cells)
    for level in range(len(cells)):
        many, base = cells[level], level * size
        for n in range(first, last):
            (i, r), (j, s), (k, t) = _cell(places[n, 0], many), _cell(places[n, 1], many), _cell(places[n, 2], many)
            a, b, c, d, e, f, g, h = _edges(i, j, k, many, size)
            near, far = 1 - t, t
            v = (1 - s) * near
            found = pair(table, 4 * (base + a), 4 * (base + b)) * fours(v * (1 - r), v * r)
            v = s * near
            found += pair(table, 4 * (base + c), 4 * (base + d)) * fours(v * (1 - r), v * r)
            v = (1 - s) * far
            found += pair(table, 4 * (base + e), 4 * (base + f)) * fours(v * (1 - r), v * r)
            v = s * far
            found += pair(table, 4 * (base + g), 4 * (base + h)) * fours(v * (1 - r), v * r)
            put_sum(features, n * width + 4 * level, found)


@njit(cache=True, fastmath=True, parallel=True)
def encode_backward(places, slopes, counts, cells, size, order, by_table):
    """Adds to by_table (L T 4,) what slopes (B, N, L 4), by the features of places (B, N, 3), make of it.

    Of each of B blocks the first counts (B,) count. Each level is one thread's, so that sums have one order; `order`
    are the levels, so that threads have about as much to do.
    """
    for turn in prange(len(order)):
        level = order[turn]
        first = level * size
        for block in range(len(counts)):
            rows = slopes[block]
            for n in range(counts[block]):
                (i, r), (j, s) = _cell(places[block, n, 0], cells[level]), _cell(places[block, n, 1], cells[level])
                k, t = _cell(places[block, n, 2], cells[level])
                a, b, c, d, e, f, g, h = _edges(i, j, k, cells[level], size)
                at = 4 * (n * len(cells) + level)
                slope = pair(rows, at, at)
                v = (1 - s) * (1 - t)
                add_pair(by_table, 4 * (first + a), 4 * (first + b), slope * fours(v * (1 - r), v * r))
                v = s * (1 - t)
                add_pair(by_table, 4 * (first + c), 4 * (first + d), slope * fours(v * (1 - r), v * r))
                v = (1 - s) * t
                add_pair(by_table, 4 * (first + e), 4 * (first + f), slope * fours(v * (1 - r), v * r))
                v = s * t
                add_pair(by_table, 4 * (first + g), 4 * (first + h), slope * fours(v * (1 - r), v * r))


@njit(cache=True, fastmath=True, parallel=True)
def encode_many(places, table, cells, size, features):
    """Features (N, L 4) of places (N, 3)."""
    for block in prange(-(-len(places) // BLOCK)):
        encode(places, block * BLOCK, min((block + 1) * BLOCK, len(places)), table, cells, size, features)


def balanced(levels):
    """Levels in an order in which halves, and quarters, of them take about as long: fine ones beside coarse ones."""
    order = list(range(levels))
    paired = [place for pair in zip(order[: levels // 2], order[::-1], strict=False) for place in pair]
    return np.array(paired + order[levels // 2 : (levels + 1) // 2], np.int64)
