"""Which Gaussians reach which tile of the picture, from front to back.

A tile is a square of TILE x TILE pixels; tiles are counted row by row. The work is cut into CHUNKS, not into threads,
so that results do not depend on how many there are.
"""

import numpy as np
from numba import njit, prange

TILE = 16
CHUNKS = 16
BITS = 11  # of a depth that one pass of the sort looks at
BUCKETS = 1 << BITS


def sorted_by_depth(depths):
    """Indices of the Gaussians with a finite depth (N,) float32 > 0, nearest first; equal ones in order of index."""
    chosen = np.flatnonzero(np.isfinite(depths)).astype(np.int32)
    keys = depths.view(np.uint32)[chosen]  # the bits of positive floats are in the order of the floats
    return radix_sort(keys, chosen)


@njit(cache=True)
def radix_sort(keys, values):
    """values (N,) int32 in the order of keys (N,) uint32, stable."""
    for turn in range(3):
        counts = histograms(keys, turn * BITS)
        total = 0
        for bucket in range(BUCKETS):
            for chunk in range(CHUNKS):
                count = counts[chunk, bucket]
                counts[chunk, bucket] = total
                total += count
        keys, values = scattered(keys, values, turn * BITS, counts)
    return values


@njit(cache=True, parallel=True)
def histograms(keys, shift):
    counts = np.zeros((CHUNKS, BUCKETS), np.int64)
    for chunk in prange(CHUNKS):
        for i in range(chunk * len(keys) // CHUNKS, (chunk + 1) * len(keys) // CHUNKS):
            counts[chunk, (keys[i] >> np.uint32(shift)) & np.uint32(BUCKETS - 1)] += 1
    return counts


@njit(cache=True, parallel=True)
def scattered(keys, values, shift, places):
    new_keys, new_values = np.empty_like(keys), np.empty_like(values)
    for chunk in prange(CHUNKS):
        for i in range(chunk * len(keys) // CHUNKS, (chunk + 1) * len(keys) // CHUNKS):
            bucket = (keys[i] >> np.uint32(shift)) & np.uint32(BUCKETS - 1)
            place = places[chunk, bucket]
            places[chunk, bucket] = place + 1
            new_keys[place], new_values[place] = keys[i], values[i]
    return new_keys, new_values


@njit(cache=True, fastmath=True, inline="always")
def tiles_along(middle, half, tiles):
    """First and last of a line of tiles that middle - half to middle + half reaches; first > last if none."""
    first = max(0.0, np.floor((middle - half) / TILE))
    last = min(tiles - 1.0, np.floor((middle + half) / TILE))
    return np.int64(first), np.int64(last)


@njit(cache=True, fastmath=True, inline="always")
def columns_reached(splat, row, left, right):
    """First and last tile, between left and right, of a row of tiles that the ellipse of a splat reaches."""
    mx, my, a, b, c, reach, wide = splat[0], splat[1], splat[2], splat[3], splat[4], splat[6], splat[10]
    top, bottom = row * np.float32(TILE) - my, (row + 1) * np.float32(TILE) - my
    # the ellipse's rightmost point lies at dy = -b wide / c, its leftmost opposite; each as near as the row allows
    right_y = min(max(-b * wide / c, top), bottom)
    left_y = min(max(b * wide / c, top), bottom)
    right_x = (-b * right_y + np.sqrt(max(0.0, b * b * right_y * right_y - a * (c * right_y * right_y - reach)))) / a
    left_x = (-b * left_y - np.sqrt(max(0.0, b * b * left_y * left_y - a * (c * left_y * left_y - reach)))) / a
    first, last = np.floor((mx + left_x) / TILE), np.floor((mx + right_x) / TILE)
    return max(left, np.int64(first)), min(right, np.int64(last))


@njit(cache=True, parallel=True)
def bins(splats, order, tiles_x, tiles_y):
    """pairs, starts, homes, firsts, lasts: the Gaussians of each tile from front to back, and a place for their sums.

    splats (N, SPLAT) from `project`, order (M,) from front to back. Tile t has pairs[starts[t]:starts[t + 1]]. Pair p
    has its home in row homes[p], where those of the k-th Gaussian of `order` stand together, from firsts[k] until
    lasts[k]; firsts[M] is the number of rows, of which some stay empty.
    """
    count, tiles = len(order), tiles_x * tiles_y
    firsts, lasts = np.zeros(count + 1, np.int64), np.empty(count, np.int64)
    for chunk in prange(CHUNKS):
        for k in range(chunk * count // CHUNKS, (chunk + 1) * count // CHUNKS):
            splat = splats[order[k]]
            left, right = tiles_along(splat[0], splat[10], tiles_x)
            top, bottom = tiles_along(splat[1], splat[11], tiles_y)
            firsts[k + 1] = max(0, right - left + 1) * max(0, bottom - top + 1)
    for k in range(count):
        firsts[k + 1] += firsts[k]
    reached = np.empty(firsts[count], np.int32)
    places = np.zeros((CHUNKS, tiles), np.int64)
    for chunk in prange(CHUNKS):
        for k in range(chunk * count // CHUNKS, (chunk + 1) * count // CHUNKS):
            splat = splats[order[k]]
            left, right = tiles_along(splat[0], splat[10], tiles_x)
            top, bottom = tiles_along(splat[1], splat[11], tiles_y)
            home = firsts[k]
            for row in range(top, bottom + 1):
                first, last = left, right
                if top < bottom:
                    first, last = columns_reached(splat, row, left, right)
                for column in range(first, last + 1):
                    reached[home] = row * tiles_x + column
                    places[chunk, row * tiles_x + column] += 1
                    home += 1
            lasts[k] = home
    starts = np.zeros(tiles + 1, np.int64)
    total = 0
    for tile in range(tiles):
        starts[tile] = total
        for chunk in range(CHUNKS):
            found = places[chunk, tile]
            places[chunk, tile] = total
            total += found
    starts[tiles] = total
    pairs, homes = np.empty(total, np.int32), np.empty(total, np.int32)
    for chunk in prange(CHUNKS):
        for k in range(chunk * count // CHUNKS, (chunk + 1) * count // CHUNKS):
            for home in range(firsts[k], lasts[k]):
                place = places[chunk, reached[home]]
                places[chunk, reached[home]] = place + 1
                pairs[place], homes[place] = order[k], home
    return pairs, starts, homes, firsts, lasts
