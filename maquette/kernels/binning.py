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
        count_up(counts)
        keys, values = scattered(keys, values, turn * BITS, counts)
    return values


@njit(cache=True)
def count_up(counts):
    """Turn counts (CHUNKS, B) into where each chunk's part of each bucket begins; returns where buckets do (B + 1,).

    Row by row: memory along a column lies so far apart that the cache would hold little of it.
    """
    chunks, buckets = counts.shape
    totals, starts = np.zeros(buckets, np.int64), np.zeros(buckets + 1, np.int64)
    for chunk in range(chunks):
        for bucket in range(buckets):
            totals[bucket] += counts[chunk, bucket]
    for bucket in range(buckets):
        starts[bucket + 1] = starts[bucket] + totals[bucket]
        totals[bucket] = starts[bucket]
    for chunk in range(chunks):
        for bucket in range(buckets):
            found = counts[chunk, bucket]
            counts[chunk, bucket] = totals[bucket]
            totals[bucket] += found
    return starts


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


@njit(cache=True, fastmath=True, inline="always")
def tiles_around(splat, tiles_x, tiles_y):
    """The tiles of the rectangle around an ellipse: first and last column, first and last row."""
    left, right = tiles_along(splat[0], splat[10], tiles_x)
    top, bottom = tiles_along(splat[1], splat[11], tiles_y)
    return left, right, top, bottom


@njit(cache=True, parallel=True)
def tiles_reached(splats, depths, tiles_x, tiles_y):
    """reached, firsts, lasts: the tiles of Gaussian i are reached[firsts[i]:lasts[i]], none if its depth is infinite.

    There is room for firsts[N] tiles, of which some stay empty.
    """
    count = len(splats)
    firsts, lasts = np.zeros(count + 1, np.int64), np.empty(count, np.int64)
    for chunk in prange(CHUNKS):
        for i in range(chunk * count // CHUNKS, (chunk + 1) * count // CHUNKS):
            if depths[i] < np.inf:
                left, right, top, bottom = tiles_around(splats[i], tiles_x, tiles_y)
                firsts[i + 1] = max(0, right - left + 1) * max(0, bottom - top + 1)
    for i in range(count):
        firsts[i + 1] += firsts[i]
    reached = np.empty(firsts[count], np.int32)
    for chunk in prange(CHUNKS):
        for i in range(chunk * count // CHUNKS, (chunk + 1) * count // CHUNKS):
            home = firsts[i]
            if firsts[i + 1] > home:
                left, right, top, bottom = tiles_around(splats[i], tiles_x, tiles_y)
                for row in range(top, bottom + 1):
                    first, last = left, right
                    if top < bottom:
                        first, last = columns_reached(splats[i], row, left, right)
                    for column in range(first, last + 1):
                        reached[home] = row * tiles_x + column
                        home += 1
            lasts[i] = home
    return reached, firsts, lasts


@njit(cache=True, parallel=True)
def bins(splats, depths, order, tiles_x, tiles_y):
    """pairs, starts, homes, firsts, lasts: the Gaussians of each tile from front to back, and a place for their sums.

    splats (N, SPLAT) and depths (N,) from `project`, order (M,) from front to back. Tile t has
    pairs[starts[t]:starts[t + 1]]. Pair p has its home in row homes[p], where those of Gaussian i stand together, from
    firsts[i] until lasts[i]; firsts[N] is the number of rows, of which some stay empty.
    """
    reached, firsts, lasts = tiles_reached(splats, depths, tiles_x, tiles_y)
    count, tiles = len(order), tiles_x * tiles_y
    places = np.zeros((CHUNKS, tiles), np.int32)
    for chunk in prange(CHUNKS):
        for k in range(chunk * count // CHUNKS, (chunk + 1) * count // CHUNKS):
            for home in range(firsts[order[k]], lasts[order[k]]):
                places[chunk, reached[home]] += 1
    starts = count_up(places)
    pairs, homes = np.empty(starts[tiles], np.int32), np.empty(starts[tiles], np.int32)
    for chunk in prange(CHUNKS):
        for k in range(chunk * count // CHUNKS, (chunk + 1) * count // CHUNKS):
            for home in range(firsts[order[k]], lasts[order[k]]):
                place = places[chunk, reached[home]]
                places[chunk, reached[home]] = place + 1
                pairs[place], homes[place] = order[k], home
    return pairs, starts, homes, firsts, lasts
