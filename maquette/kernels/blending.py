"""Splats blended into a picture from front to back, tile by tile, and the derivatives of that.

The plain version is `blend` in graphics/splats.py. Both passes walk through the Gaussians of a tile in the same order
and compute the same alphas: the derivatives need what comes behind a Gaussian, which is the final colour less what came
so far, so that nothing is divided by a transmittance that has gone to zero.

Rows of 8 pixels are the unit of work: a loop of 8 over contiguous float32 becomes one vector instruction.
"""

import numpy as np
from numba import njit, prange

from maquette.kernels.binning import TILE

LANES = 8
PIXELS = TILE * TILE
SUMS = 9  # of v, v dx, v dy, v dx^2, v dx dy, v dy^2 and of three colours' shares, for each pair of tile and Gaussian
BLOCK = 32  # pixels of a tile that are drawn or passed over together
CHECKED = 16  # Gaussians after which it is looked whether a tile is done
OPAQUE, STRONGEST = np.float32(1e-4), np.float32(0.99)


@njit(cache=True, fastmath=True, inline="always")
def decay(x):
    """e^x for x in [-5.6, 0], to 1e-6 of its value, no less below: a polynomial for e^(x / 16), four times squared."""
    u = max(x, np.float32(-5.6)) * np.float32(1 / 16) + np.float32(0.175)
    y = np.float32(1 / 120)
    y = y * u + np.float32(1 / 24)
    y = y * u + np.float32(1 / 6)
    y = y * u + np.float32(0.5)
    y = y * u + np.float32(1)
    y = (y * u + np.float32(1)) * np.float32(0.83945702)  # e^-0.175
    y = y * y
    y = y * y
    y = y * y
    return y * y


@njit(cache=True, fastmath=True, inline="always")
def is_done(planes):
    """Whether no pixel of a tile lets more through; those that are done have a negative transmittance."""
    most = np.float32(-1)
    for pixel in range(PIXELS):
        most = max(most, planes[pixel])
    return most < np.float32(0)


@njit(cache=True, fastmath=True, parallel=True)
def blend(splats, pairs, starts, tiles_x, picture, remainder, background):
    """Fill picture (3, H, W) and remainder (H, W), what shines through.

    splats (N, 10) from `project`; pairs: Gaussians of all tiles, those of tile t, from front to back, from starts[t] to
    starts[t + 1]; background (3,).
    """
    _, height, width = picture.shape
    for tile in prange(len(starts) - 1):
        column, row = (tile % tiles_x) * TILE, (tile // tiles_x) * TILE
        across, down = np.empty(PIXELS, np.float32), np.empty(PIXELS, np.float32)
        for pixel in range(PIXELS):
            across[pixel], down[pixel] = np.float32(pixel % TILE), np.float32(pixel // TILE)
        left, top = np.float32(column) + np.float32(0.5), np.float32(row) + np.float32(0.5)
        planes = np.zeros(4 * PIXELS, np.float32)  # transmittance, then three colours
        for pixel in range(PIXELS):
            planes[pixel] = np.float32(1)
        for slot in range(starts[tile], starts[tile + 1]):
            splat = splats[pairs[slot]]
            if (slot - starts[tile]) % CHECKED == CHECKED - 1 and is_done(planes):
                break
            a, b, c, strength, reach = splat[2], splat[3], splat[4], splat[5], splat[6]
            red, green, blue = splat[7], splat[8], splat[9]
            start, up = left - splat[0], top - splat[1]
            for first in range(0, PIXELS, BLOCK):
                down_here = up + np.float32(first // TILE)
                if down_here > splat[11] or down_here + np.float32(BLOCK // TILE - 1) < -splat[11]:
                    continue
                for here in range(BLOCK):
                    pixel = first + here
                    dx, dy = start + across[pixel], up + down[pixel]
                    form = dx * (a * dx + np.float32(2) * b * dy) + c * dy * dy
                    alpha = min(strength * decay(np.float32(-0.5) * form), STRONGEST)
                    alpha = alpha if form <= reach else np.float32(0)
                    through = planes[pixel]
                    left_over = through * (np.float32(1) - alpha)
                    is_added = left_over >= OPAQUE
                    share = alpha * through if is_added else np.float32(0)
                    planes[pixel] = left_over if is_added else -abs(through)
                    planes[PIXELS + pixel] += share * red
                    planes[2 * PIXELS + pixel] += share * green
                    planes[3 * PIXELS + pixel] += share * blue
        for y in range(min(TILE, height - row)):
            for x in range(min(TILE, width - column)):
                through = abs(planes[y * TILE + x])
                remainder[row + y, column + x] = through
                for colour in range(3):
                    value = planes[(1 + colour) * PIXELS + y * TILE + x] + through * background[colour]
                    picture[colour, row + y, column + x] = value


@njit(cache=True, fastmath=True, parallel=True)
def blend_backward(splats, pairs, starts, homes, tiles_x, picture, slopes, sums):
    """Fill sums (P, SUMS) of each pair from slopes (3, H, W), the loss's derivative by the picture that `blend` made.

    With v = alpha dL/dalpha, which is the derivative by ln alpha: the sums over the pair's pixels of v, v dx, v dy,
    v dx^2, v dx dy, v dy^2 and of alpha T dL/dcolour for three colours. Those of pair p go to row homes[p].
    """
    _, height, width = picture.shape
    zero = np.float32(0)
    for tile in prange(len(starts) - 1):
        column, row = (tile % tiles_x) * TILE, (tile // tiles_x) * TILE
        across, down = np.empty(PIXELS, np.float32), np.empty(PIXELS, np.float32)
        for pixel in range(PIXELS):
            across[pixel], down[pixel] = np.float32(pixel % TILE), np.float32(pixel // TILE)
        left, top = np.float32(column) + np.float32(0.5), np.float32(row) + np.float32(0.5)
        planes = np.zeros(6 * PIXELS, np.float32)  # transmittance, slopes by three colours, what comes behind
        for y in range(min(TILE, height - row)):
            for x in range(min(TILE, width - column)):
                pixel = y * TILE + x
                planes[pixel] = np.float32(1)
                for colour in range(3):
                    slope = slopes[colour, row + y, column + x]
                    planes[(1 + colour) * PIXELS + pixel] = slope
                    planes[4 * PIXELS + pixel] += slope * picture[colour, row + y, column + x]
        is_over = False
        for slot in range(starts[tile], starts[tile + 1]):
            if (slot - starts[tile]) % CHECKED == CHECKED - 1 and not is_over:
                is_over = is_done(planes)
            if is_over:
                for number in range(SUMS):
                    sums[homes[slot], number] = np.float32(0)
                continue
            splat = splats[pairs[slot]]
            a, b, c, strength, reach = splat[2], splat[3], splat[4], splat[5], splat[6]
            red, green, blue = splat[7], splat[8], splat[9]
            v_sum, vx_sum, vy_sum, vxx_sum, vxy_sum, vyy_sum = zero, zero, zero, zero, zero, zero
            red_sum, green_sum, blue_sum = zero, zero, zero
            start, up = left - splat[0], top - splat[1]
            for first in range(0, PIXELS, BLOCK):
                down_here = up + np.float32(first // TILE)
                if down_here > splat[11] or down_here + np.float32(BLOCK // TILE - 1) < -splat[11]:
                    continue
                for here in range(BLOCK):
                    pixel = first + here
                    dx, dy = start + across[pixel], up + down[pixel]
                    form = dx * (a * dx + np.float32(2) * b * dy) + c * dy * dy
                    alpha = min(strength * decay(np.float32(-0.5) * form), STRONGEST)
                    alpha = alpha if form <= reach else np.float32(0)
                    through = planes[pixel]
                    left_over = through * (np.float32(1) - alpha)
                    is_added = left_over >= OPAQUE
                    share = alpha * through if is_added else np.float32(0)
                    planes[pixel] = left_over if is_added else -abs(through)
                    r, g, bl = planes[PIXELS + pixel], planes[2 * PIXELS + pixel], planes[3 * PIXELS + pixel]
                    mine = r * red + g * green + bl * blue
                    behind = planes[4 * PIXELS + pixel] - share * mine
                    planes[4 * PIXELS + pixel] = behind
                    v = share * mine - alpha * behind / (np.float32(1) - alpha)
                    planes[5 * PIXELS + pixel] = v if is_added and alpha < STRONGEST else np.float32(0)
                    red_sum += share * r
                    green_sum += share * g
                    blue_sum += share * bl
                for here in range(BLOCK):
                    pixel = first + here
                    v = planes[5 * PIXELS + pixel]
                    dx, dy = start + across[pixel], up + down[pixel]
                    vx, vy = v * dx, v * dy
                    v_sum += v
                    vx_sum += vx
                    vy_sum += vy
                    vxx_sum += vx * dx
                    vxy_sum += vx * dy
                    vyy_sum += vy * dy
            total = sums[homes[slot]]
            total[0], total[1], total[2] = v_sum, vx_sum, vy_sum
            total[3], total[4], total[5] = vxx_sum, vxy_sum, vyy_sum
            total[6], total[7], total[8] = red_sum, green_sum, blue_sum
