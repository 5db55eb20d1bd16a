"""Splats blended into a picture from front to back, tile by tile, and the derivatives of that.

The plain version is `blend` in graphics/splats.py. Both passes walk through the Gaussians of a tile in the same order
and compute the same alphas: the derivatives need what comes behind a Gaussian, which is the final colour less what came
so far, so that nothing is divided by a transmittance that has gone to zero.

A block of 8 x 4 pixels is the unit of work: its pixels stand together in memory, and a loop of 32 over contiguous
float32 becomes four vector instructions of 8.
"""

import numpy as np
from numba import njit, prange

from maquette.kernels.binning import TILE

PIXELS = TILE * TILE
WIDE, TALL = 8, 4  # pixels of a block
BLOCK = WIDE * TALL
ACROSS = TILE // WIDE  # blocks side by side in a tile
BLOCKS = PIXELS // BLOCK
SUMS = 9  # of v, v dx, v dy, v dx^2, v dx dy, v dy^2 and of three colours' shares, for each pair of tile and Gaussian
CHECKED = 32  # Gaussians after which it is looked which blocks are done
OPAQUE, STRONGEST = np.float32(1e-4), np.float32(0.99)
DECAY = np.float32(-1 / 32)  # e^(-form / 2) is e^u to the 16th with u = DECAY form
SHIFT = np.float32(0.175)  # u is between -0.35 and 0 where alphas count: the polynomial's middle
FACTORS = np.exp(-0.175) / np.array([120, 24, 6, 2, 1, 1])
F5, F4, F3, F2, F1, F0 = (np.float32(factor) for factor in FACTORS)


@njit(cache=True, fastmath=True, inline="always")
def decay(u):
    """e^(16 (u - SHIFT)) for u - SHIFT in [-0.35, 0], to 1e-6 of its value: a polynomial, four times squared."""
    square = u * u  # Estrin's order: more products at once than Horner's
    y = (F1 * u + F0) + square * ((F3 * u + F2) + square * (F5 * u + F4))
    y = y * y
    y = y * y
    y = y * y
    return y * y


@njit(cache=True, fastmath=True, inline="always")
def alpha_at(dx, dy, a, b, c, strength, least):
    """What a splat covers (dx, dy) from its centre: a, b, c are its conic times DECAY, below `least` it is nothing."""
    u = dx * (a * dx + b * dy) + (c * dy * dy + SHIFT)
    alpha = min(strength * decay(u), STRONGEST)
    return alpha if u >= least else np.float32(0)


@njit(cache=True, fastmath=True, inline="always")
def is_beside(splat, start, up):
    """Whether a splat does not reach a block, whose first pixel is at (start, up) from its centre."""
    is_left_or_right = start > splat[10] or start < np.float32(1 - WIDE) - splat[10]
    return is_left_or_right or up > splat[11] or up < np.float32(1 - TALL) - splat[11]


@njit(cache=True, inline="always")
def place(pixel):
    """Column and row within the tile of a pixel, which are counted block by block."""
    block, inside = pixel // BLOCK, pixel % BLOCK
    return (block % ACROSS) * WIDE + inside % WIDE, (block // ACROSS) * TALL + inside // WIDE


@njit(cache=True, fastmath=True, inline="always")
def find_open(planes, is_open):
    """Which blocks of a tile let more through, into is_open (BLOCKS,); whether any does.

    Pixels that are done have a negative transmittance.
    """
    is_any = False
    for block in range(BLOCKS):
        most = np.float32(-1)
        for inside in range(BLOCK):
            most = max(most, planes[block * BLOCK + inside])
        is_open[block] = most > np.float32(0)
        is_any |= is_open[block]
    return is_any


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


@njit(cache=True, fastmath=True, parallel=True)
def blend(splats, pairs, starts, tiles_x, picture, remainder, background):
    """Fill picture (3, H, W) and remainder (H, W), what shines through.

    splats (N, SPLAT) from `project`; pairs: Gaussians of all tiles, those of tile t, from front to back, from starts[t]
    to starts[t + 1]; background (3,).
    """
    _, height, width = picture.shape
    order = spread_out(len(starts) - 1)
    for job in prange(len(order)):
        tile = order[job]
        column, row = (tile % tiles_x) * TILE, (tile // tiles_x) * TILE
        left, top = np.float32(column) + np.float32(0.5), np.float32(row) + np.float32(0.5)
        planes = np.zeros(6 * PIXELS, np.float32)  # transmittance, three colours, x and y in the block
        for pixel in range(PIXELS):
            planes[pixel] = np.float32(1)
            planes[4 * PIXELS + pixel] = np.float32(pixel % WIDE)
            planes[5 * PIXELS + pixel] = np.float32(pixel % BLOCK // WIDE)
        is_open = np.ones(BLOCKS, np.bool_)
        for slot in range(starts[tile], starts[tile + 1]):
            if (slot - starts[tile]) % CHECKED == CHECKED - 1 and not find_open(planes, is_open):
                break
            splat = splats[pairs[slot]]
            a, b, c = DECAY * splat[2], np.float32(2) * DECAY * splat[3], DECAY * splat[4]
            strength, least = splat[5], DECAY * splat[6] + SHIFT
            red, green, blue = splat[7], splat[8], splat[9]
            for block in range(BLOCKS):
                start = left + np.float32((block % ACROSS) * WIDE) - splat[0]
                up = top + np.float32((block // ACROSS) * TALL) - splat[1]
                if not is_open[block] or is_beside(splat, start, up):
                    continue
                for inside in range(BLOCK):
                    pixel = block * BLOCK + inside
                    dx, dy = start + planes[4 * PIXELS + pixel], up + planes[5 * PIXELS + pixel]
                    alpha = alpha_at(dx, dy, a, b, c, strength, least)
                    through = planes[pixel]
                    left_over = through - through * alpha
                    is_added = left_over >= OPAQUE
                    share = alpha * through if is_added else np.float32(0)
                    planes[pixel] = left_over if is_added else -abs(through)
                    planes[PIXELS + pixel] += share * red
                    planes[2 * PIXELS + pixel] += share * green
                    planes[3 * PIXELS + pixel] += share * blue
        for pixel in range(PIXELS):
            x, y = place(pixel)
            x, y = column + x, row + y
            if x < width and y < height:
                through = abs(planes[pixel])
                remainder[y, x] = through
                for colour in range(3):
                    picture[colour, y, x] = planes[(1 + colour) * PIXELS + pixel] + through * background[colour]


@njit(cache=True, fastmath=True, parallel=True)
def blend_backward(splats, pairs, starts, homes, tiles_x, picture, slopes, sums):
    """Fill sums (P, SUMS) of each pair from slopes (3, H, W), the loss's derivative by the picture that `blend` made.

    With v = alpha dL/dalpha, which is the derivative by ln alpha: the sums over the pair's pixels of v, v dx, v dy,
    v dx^2, v dx dy, v dy^2 and of alpha T dL/dcolour for three colours. Those of pair p go to row homes[p].
    """
    _, height, width = picture.shape
    zero = np.float32(0)
    order = spread_out(len(starts) - 1)
    for job in prange(len(order)):
        tile = order[job]
        column, row = (tile % tiles_x) * TILE, (tile // tiles_x) * TILE
        left, top = np.float32(column) + np.float32(0.5), np.float32(row) + np.float32(0.5)
        # transmittance, slopes by three colours, what comes behind, v, x and y in the block
        planes = np.zeros(8 * PIXELS, np.float32)
        for pixel in range(PIXELS):
            planes[6 * PIXELS + pixel] = np.float32(pixel % WIDE)
            planes[7 * PIXELS + pixel] = np.float32(pixel % BLOCK // WIDE)
            x, y = place(pixel)
            x, y = column + x, row + y
            planes[pixel] = np.float32(-1)
            if x < width and y < height:
                planes[pixel] = np.float32(1)
                for colour in range(3):
                    slope = slopes[colour, y, x]
                    planes[(1 + colour) * PIXELS + pixel] = slope
                    planes[4 * PIXELS + pixel] += slope * picture[colour, y, x]
        is_over = False
        is_open = np.ones(BLOCKS, np.bool_)
        for slot in range(starts[tile], starts[tile + 1]):
            if (slot - starts[tile]) % CHECKED == CHECKED - 1 and not is_over:
                is_over = not find_open(planes, is_open)
            total = sums[homes[slot]]
            if is_over:
                for number in range(SUMS):
                    total[number] = zero
                continue
            splat = splats[pairs[slot]]
            a, b, c = DECAY * splat[2], np.float32(2) * DECAY * splat[3], DECAY * splat[4]
            strength, least = splat[5], DECAY * splat[6] + SHIFT
            red, green, blue = splat[7], splat[8], splat[9]
            v_sum, vx_sum, vy_sum, vxx_sum, vxy_sum, vyy_sum = zero, zero, zero, zero, zero, zero
            red_sum, green_sum, blue_sum = zero, zero, zero
            for block in range(BLOCKS):
                start = left + np.float32((block % ACROSS) * WIDE) - splat[0]
                up = top + np.float32((block // ACROSS) * TALL) - splat[1]
                if not is_open[block] or is_beside(splat, start, up):
                    continue
                for inside in range(BLOCK):
                    pixel = block * BLOCK + inside
                    dx, dy = start + planes[6 * PIXELS + pixel], up + planes[7 * PIXELS + pixel]
                    alpha = alpha_at(dx, dy, a, b, c, strength, least)
                    through = planes[pixel]
                    left_over = through - through * alpha
                    is_added = left_over >= OPAQUE
                    share = alpha * through if is_added else zero
                    planes[pixel] = left_over if is_added else -abs(through)
                    r, g, bl = planes[PIXELS + pixel], planes[2 * PIXELS + pixel], planes[3 * PIXELS + pixel]
                    mine = share * (r * red + g * green + bl * blue)
                    behind = planes[4 * PIXELS + pixel] - mine
                    planes[4 * PIXELS + pixel] = behind
                    v = mine - alpha * behind / (np.float32(1) - alpha)
                    planes[5 * PIXELS + pixel] = v if is_added and alpha < STRONGEST else zero
                    red_sum += share * r
                    green_sum += share * g
                    blue_sum += share * bl
                for inside in range(BLOCK):
                    pixel = block * BLOCK + inside
                    v = planes[5 * PIXELS + pixel]
                    dx, dy = start + planes[6 * PIXELS + pixel], up + planes[7 * PIXELS + pixel]
                    vx, vy = v * dx, v * dy
                    v_sum += v
                    vx_sum += vx
                    vy_sum += vy
                    vxx_sum += vx * dx
                    vxy_sum += vx * dy
                    vyy_sum += vy * dy
            total[0], total[1], total[2] = v_sum, vx_sum, vy_sum
            total[3], total[4], total[5] = vxx_sum, vxy_sum, vyy_sum
            total[6], total[7], total[8] = red_sum, green_sum, blue_sum
