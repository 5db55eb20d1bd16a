"""Splats blended into a picture from front to back, tile by tile, and the derivatives of that.

The plain version is `blend` in graphics/splats.py. Both passes walk through the Gaussians of a tile in the same order
and compute the same alphas: the derivatives need what comes behind a Gaussian, which is the final colour less what came
so far, so that nothing is divided by a transmittance that has gone to zero.

Work is done in three sweeps over a few Gaussians at a time: which blocks of 8 x 4 pixels each of them reaches, what it
covers there, and how that changes the pixels. Each is a straight loop without branches, whose turns the processor works
on side by side; the pixels of a block stand together in memory, a row in one register.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.polynomial import Chebyshev, Polynomial

from maquette.graphics.splats import FAINTEST
from maquette.kernels.binning import TILE
from maquette.kernels.lanes import (
    WIDTH,
    bits_of,
    chosen,
    filled,
    greater,
    greatest_of,
    lesser,
    load,
    ramp,
    store,
    sum_of,
    sums_of,
)

PIXELS = TILE * TILE
WIDE, TALL = WIDTH, 4  # pixels of a block
BLOCK = WIDE * TALL
ACROSS = TILE // WIDE  # blocks side by side in a tile
BLOCKS = PIXELS // BLOCK
EVERY_BLOCK = np.uint8(2**BLOCKS - 1)
SUMS = 9  # of v, v dx, v dy, v dx^2, v dx dy, v dy^2 and of three colours' shares, for each pair of tile and Gaussian
AT_ONCE = 32  # Gaussians a sweep
NUMBERS = 9  # of a Gaussian in a sweep: the tile's first pixel from its centre (2), form (4), colour (3)
FOUND = 3 * TILE + 3 * WIDE  # v, v dy, v dy^2 by column of the tile, three colours by column of a block
ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)
OPAQUE, STRONGEST = np.float32(1e-4), np.float32(0.99)
DECAY = np.float32(-1 / 32)  # alpha is e^u to the 16th with u = DECAY form + ln(strength) / 16
SHIFT = np.float32(0.175)  # u is between -0.35 and 0 where alphas count: the polynomial's middle
LEAST = np.float32(np.log(FAINTEST) / 16 + 0.175)  # u + SHIFT below which a Gaussian covers nothing
_FITTED = Chebyshev.interpolate(lambda u: np.exp(u - 0.175), 4, [-0.175, 0.175]).convert(kind=Polynomial).coef
F0, F1, F2, F3, F4 = (np.float32(factor) for factor in _FITTED)


class Sweep(NamedTuple):
    """Memory for AT_ONCE Gaussians of a tile: their numbers, the blocks that they reach, what they cover there."""

    numbers: np.ndarray
    hits: np.ndarray  # block + BLOCKS times Gaussian
    alphas: np.ndarray
    corners: np.ndarray  # columns, then rows of the blocks' first pixels


@njit(cache=True)
def new_sweep():
    corners = np.empty(2 * BLOCKS, np.float32)
    for block in range(BLOCKS):
        corners[block] = np.float32(block % ACROSS * WIDE)
        corners[BLOCKS + block] = np.float32(block // ACROSS * TALL)
    numbers, hits = np.empty(AT_ONCE * NUMBERS, np.float32), np.empty(AT_ONCE * BLOCKS + 1, np.uint32)
    return Sweep(numbers, hits, np.empty(AT_ONCE * PIXELS, np.float32), corners)


@njit(cache=True, fastmath=True, inline="always")
def decay(u):
    """e^(16 (u - SHIFT)) for u - SHIFT in [-0.35, 0], to 2e-6 of its value: a polynomial, four times squared."""
    square = u * u  # Estrin's order: more products at once than Horner's
    y = (F1 * u + F0) + square * ((F3 * u + F2) + square * F4)
    y = y * y
    y = y * y
    y = y * y
    return y * y


@njit(cache=True, fastmath=True)
def open_blocks(planes):
    """Which blocks of a tile let more through, as bits; transmittances of pixels that are done are not positive."""
    bits = np.int64(0)
    for block in range(BLOCKS):
        most = load(planes, block * BLOCK)
        for row in range(1, TALL):
            most = greater(most, load(planes, block * BLOCK + row * WIDE))
        bits |= np.int64(greatest_of(most) > ZERO) << block
    return bits


@njit(cache=True, fastmath=True)
def blocks_reached(x, y, a, b, c, reach, corners):
    """Which blocks the ellipse a dx^2 + 2 b dx dy + c dy^2 <= reach touches, as bits; (x, y) is the tile's first pixel.

    The form is least at the point of a block's edges that is nearest in its own measure: on the column or on the row of
    pixels that lies towards the centre.
    """
    left, top = load(corners, 0) + x, load(corners, BLOCKS) + y
    right, bottom = left + np.float32(WIDE - 1), top + np.float32(TALL - 1)
    near_x, near_y = lesser(greater(left, ZERO), right), lesser(greater(top, ZERO), bottom)
    best_y, best_x = lesser(greater(near_x * (-b / c), top), bottom), lesser(greater(near_y * (-b / a), left), right)
    b = TWO * b
    on_column = near_x * (near_x * a + best_y * b) + best_y * best_y * c
    on_row = best_x * (best_x * a + near_y * b) + near_y * near_y * c
    return bits_of(lesser(on_column, on_row) < reach)


@njit(cache=True, fastmath=True)
def find_blocks(splats, pairs, first, last, left, top, corners, blocks):
    """Fill blocks of slots first to last: which blocks of the tile each Gaussian reaches, as bits."""
    for slot in range(first, last):
        splat = splats[pairs[slot]]
        x, y = left - splat[0], top - splat[1]
        blocks[slot] = blocks_reached(x, y, splat[2], splat[3], splat[4], splat[6], corners)


@njit(cache=True, fastmath=True)
def find_hits(splats, pairs, blocks, first, last, left, top, open_bits, sweep):
    """Fill numbers and hits for the Gaussians of slots first to last; returns how many hits there are."""
    count, numbers = 0, sweep.numbers
    for slot in range(first, last):
        splat = splats[pairs[slot]]
        at = (slot - first) * NUMBERS
        numbers[at], numbers[at + 1] = left - splat[0], top - splat[1]
        numbers[at + 2], numbers[at + 3], numbers[at + 4] = DECAY * splat[2], TWO * DECAY * splat[3], DECAY * splat[4]
        numbers[at + 5] = LEAST - DECAY * splat[6]
        numbers[at + 6], numbers[at + 7], numbers[at + 8] = splat[7], splat[8], splat[9]
        bits = open_bits & np.int64(blocks[slot])
        for block in range(BLOCKS):
            sweep.hits[count] = (slot - first) * BLOCKS + block
            count += (bits >> block) & 1
    return count


@njit(cache=True, fastmath=True)
def find_alphas(count, sweep):
    """Fill alphas (count, BLOCK): what the Gaussian of each hit covers of each pixel of its block."""
    numbers, corners = sweep.numbers, sweep.corners
    for hit in range(count):
        at, block = sweep.hits[hit] // BLOCKS * NUMBERS, sweep.hits[hit] % BLOCKS
        dx, y = ramp(numbers[at] + corners[block]), numbers[at + 1] + corners[BLOCKS + block]
        start, slope, c = dx * dx * numbers[at + 2] + numbers[at + 5], dx * numbers[at + 3], numbers[at + 4]
        for row in range(TALL):
            dy = y + np.float32(row)
            u = start + (slope + c * dy) * dy
            alpha = chosen(u >= LEAST, lesser(decay(u), STRONGEST), ZERO)
            store(sweep.alphas, hit * BLOCK + row * WIDE, alpha)


@njit(cache=True, inline="always")
def place(pixel):
    """Column and row within the tile of a pixel, which are counted block by block."""
    block, inside = pixel // BLOCK, pixel % BLOCK
    return (block % ACROSS) * WIDE + inside % WIDE, (block // ACROSS) * TALL + inside // WIDE


@njit(cache=True)
def spread_out(tiles):
    """All tiles in an order in which neighbours are far apart, so that each thread's share is as much work."""
    order = np.empty(tiles, np.int32)
    count = 0
    for first in range(16):
        for tile in range(first, tiles, 16):
            order[count] = tile
            count += 1
    return order


@njit(cache=True, fastmath=True)
def blend_tile(splats, pairs, blocks, first_slot, last_slot, left, top, sweep, planes):
    """Blend the Gaussians of a tile into planes (4, PIXELS): transmittance, negative where done, and three colours."""
    for first in range(first_slot, last_slot, AT_ONCE):
        last = min(first + AT_ONCE, last_slot)
        open_bits = open_blocks(planes)
        if open_bits == 0:
            blocks[first:last_slot] = EVERY_BLOCK  # if the way back sees it otherwise, by rounding, it may look
            break
        find_blocks(splats, pairs, first, last, left, top, sweep.corners, blocks)
        count = find_hits(splats, pairs, blocks, first, last, left, top, open_bits, sweep)
        find_alphas(count, sweep)
        for hit in range(count):
            at, block = sweep.hits[hit] // BLOCKS * NUMBERS, sweep.hits[hit] % BLOCKS
            red, green, blue = sweep.numbers[at + 6], sweep.numbers[at + 7], sweep.numbers[at + 8]
            for row in range(TALL):
                pixel = block * BLOCK + row * WIDE
                through = load(planes, pixel)
                share = through * load(sweep.alphas, hit * BLOCK + row * WIDE)
                left_over = through - share
                is_added = left_over >= OPAQUE
                share = chosen(is_added, share, ZERO)
                store(planes, pixel, chosen(is_added, left_over, lesser(through, ZERO - through)))
                store(planes, pixel + PIXELS, load(planes, pixel + PIXELS) + share * red)
                store(planes, pixel + 2 * PIXELS, load(planes, pixel + 2 * PIXELS) + share * green)
                store(planes, pixel + 3 * PIXELS, load(planes, pixel + 3 * PIXELS) + share * blue)


@njit(cache=True, fastmath=True, parallel=True)
def blend(splats, pairs, starts, tiles_x, picture, remainder, blocks, background):
    """Fill picture (3, H, W), remainder (H, W), what shines through, and blocks (P,) for the way back.

    splats (N, SPLAT) from `project`; pairs: Gaussians of all tiles, those of tile t, from front to back, from starts[t]
    to starts[t + 1]; background (3,).
    """
    _, height, width = picture.shape
    order = spread_out(len(starts) - 1)
    for job in prange(len(order)):
        tile = order[job]
        column, row = (tile % tiles_x) * TILE, (tile // tiles_x) * TILE
        left, top = np.float32(column) + np.float32(0.5), np.float32(row) + np.float32(0.5)
        planes = np.zeros(4 * PIXELS, np.float32)
        planes[:PIXELS] = ONE
        blend_tile(splats, pairs, blocks, starts[tile], starts[tile + 1], left, top, new_sweep(), planes)
        for pixel in range(PIXELS):
            x, y = place(pixel)
            x, y = column + x, row + y
            if x < width and y < height:
                through = abs(planes[pixel])
                remainder[y, x] = through
                for colour in range(3):
                    picture[colour, y, x] = planes[(1 + colour) * PIXELS + pixel] + through * background[colour]


@njit(cache=True, fastmath=True)
def blend_tile_backward(splats, pairs, blocks, homes, first_slot, last_slot, left, top, sweep, found, planes, sums):
    """Fill sums of a tile's pairs; planes (5, PIXELS): transmittance, slopes by three colours, and what comes behind.

    found (AT_ONCE, FOUND) is memory for sums over the pixels of each column.
    """
    nothing = filled(ZERO)
    for first in range(first_slot, last_slot, AT_ONCE):
        last = min(first + AT_ONCE, last_slot)
        open_bits = open_blocks(planes)
        if open_bits == 0:
            for slot in range(first, last_slot):
                sums[homes[slot]] = ZERO
            break
        count = find_hits(splats, pairs, blocks, first, last, left, top, open_bits, sweep)
        find_alphas(count, sweep)
        found[:] = ZERO
        for hit in range(count):
            slot, block = sweep.hits[hit] // BLOCKS, sweep.hits[hit] % BLOCKS
            at = slot * NUMBERS
            y = sweep.numbers[at + 1] + sweep.corners[BLOCKS + block]
            red, green, blue = sweep.numbers[at + 6], sweep.numbers[at + 7], sweep.numbers[at + 8]
            v_at, colour_at = slot * FOUND + block % ACROSS * WIDE, slot * FOUND + 3 * TILE
            v_sum, first_moment, second_moment = nothing, nothing, nothing  # by the rows of the block
            red_sum, green_sum = load(found, colour_at), load(found, colour_at + WIDE)
            blue_sum = load(found, colour_at + 2 * WIDE)
            for row in range(TALL):
                pixel = block * BLOCK + row * WIDE
                through, alpha = load(planes, pixel), load(sweep.alphas, hit * BLOCK + row * WIDE)
                left_over = through - through * alpha
                is_added = left_over >= OPAQUE
                store(planes, pixel, chosen(is_added, left_over, ZERO))
                alpha = chosen(is_added, alpha, ZERO)
                share = through * alpha
                by_red, by_green = load(planes, pixel + PIXELS), load(planes, pixel + 2 * PIXELS)
                by_blue = load(planes, pixel + 3 * PIXELS)
                mine = share * (by_red * red + by_green * green + by_blue * blue)
                behind = load(planes, pixel + 4 * PIXELS) - mine
                store(planes, pixel + 4 * PIXELS, behind)
                v = chosen(alpha < STRONGEST, mine - alpha * behind / (ONE - alpha), ZERO)
                v_sum += v
                first_moment += v * np.float32(row)
                second_moment += v * np.float32(row * row)
                red_sum, green_sum = red_sum + share * by_red, green_sum + share * by_green
                blue_sum = blue_sum + share * by_blue
            vy_sum = v_sum * y + first_moment
            store(found, v_at, load(found, v_at) + v_sum)
            store(found, v_at + TILE, load(found, v_at + TILE) + vy_sum)
            vyy_sum = (vy_sum + first_moment) * y + second_moment
            store(found, v_at + 2 * TILE, load(found, v_at + 2 * TILE) + vyy_sum)
            store(found, colour_at, red_sum)
            store(found, colour_at + WIDE, green_sum)
            store(found, colour_at + 2 * WIDE, blue_sum)
        for slot in range(last - first):
            add_up(found, slot * FOUND, sweep.numbers[slot * NUMBERS], sums, homes[first + slot])


@njit(cache=True, fastmath=True)
def add_up(found, at, x, sums, home):
    """A pair's sums from those of the columns, the first of which is at x from the centre."""
    dx, far_dx = ramp(x), ramp(x + np.float32(WIDE))
    v, far_v = load(found, at), load(found, at + WIDE)
    vy, far_vy = load(found, at + TILE), load(found, at + TILE + WIDE)
    vyy, far_vyy = load(found, at + 2 * TILE), load(found, at + 2 * TILE + WIDE)
    vx, far_vx = v * dx, far_v * far_dx
    red, green = load(found, at + 3 * TILE), load(found, at + 3 * TILE + WIDE)
    vxx, vxy = vx * dx + far_vx * far_dx, vy * dx + far_vy * far_dx
    store(sums, home * SUMS, sums_of(v + far_v, vx + far_vx, vy + far_vy, vxx, vxy, vyy + far_vyy, red, green))
    sums[home, 8] = sum_of(load(found, at + 3 * TILE + 2 * WIDE))


@njit(cache=True, fastmath=True, parallel=True)
def blend_backward(splats, pairs, starts, blocks, homes, tiles_x, picture, remainder, slopes, by_remainder, sums):
    """Fill sums (P, SUMS) of each pair from slopes (3, H, W), the loss's derivative by the picture that `blend` made.

    by_remainder (H, W) is that by what shines through, or has no rows.

    With v = alpha dL/dalpha, which is the derivative by ln alpha: the sums over the pair's pixels of v, v dx, v dy,
    v dx^2, v dx dy, v dy^2 and of alpha T dL/dcolour for three colours. Those of pair p go to row homes[p].
    """
    _, height, width = picture.shape
    order = spread_out(len(starts) - 1)
    for job in prange(len(order)):
        tile = order[job]
        column, row = (tile % tiles_x) * TILE, (tile // tiles_x) * TILE
        left, top = np.float32(column) + np.float32(0.5), np.float32(row) + np.float32(0.5)
        planes = np.zeros(5 * PIXELS, np.float32)
        for pixel in range(PIXELS):
            x, y = place(pixel)
            x, y = column + x, row + y
            if x < width and y < height:
                planes[pixel] = ONE
                for colour in range(3):
                    slope = slopes[colour, y, x]
                    planes[(1 + colour) * PIXELS + pixel] = slope
                    planes[4 * PIXELS + pixel] += slope * picture[colour, y, x]
                if len(by_remainder):  # as if it were a colour of what is behind everything
                    planes[4 * PIXELS + pixel] += by_remainder[y, x] * remainder[y, x]
        found = np.empty(AT_ONCE * FOUND, np.float32)
        slots = starts[tile], starts[tile + 1]
        blend_tile_backward(splats, pairs, blocks, homes, *slots, left, top, new_sweep(), found, planes, sums)
