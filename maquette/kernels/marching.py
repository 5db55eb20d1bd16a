"""Rays on their way through a grid that knows where there may be something, compiled.

Places are numbers of a cube: of the scene's box, -1 to 1, or, where space has no end, of what `contract` in
graphics/rays.py makes of it, -2 to 2; in both cases a grid of G x G x G cells covers it, one bit a cell, x fastest;
behind these follow the bits of blocks of 4 x 4 x 4 cells, which are passed over at once.
"""

import math

import numpy as np
from numba import njit, prange

FARTHEST = 64.0  # times the box's half side, beyond which nothing is looked for
SKIPPED = 2.0  # steps over a cell without anything, where space is contracted: less than half a cell


@njit(cache=True, fastmath=True, inline="always")
def place(x, y, z, is_endless):
    """The place in 0..1 of the grid, and what a step is to be multiplied by there."""
    if not is_endless:
        return 0.5 * x + 0.5, 0.5 * y + 0.5, 0.5 * z + 0.5, 1.0
    most = max(abs(x), abs(y), abs(z))
    if most <= 1:
        return 0.25 * x + 0.5, 0.25 * y + 0.5, 0.25 * z + 0.5, 1.0
    share = 0.25 * (2 - 1 / most) / most
    return share * x + 0.5, share * y + 0.5, share * z + 0.5, most * most


@njit(cache=True, fastmath=True, inline="always")
def _way_out(u, cell, across):
    """How far the next cell begins, by a coordinate u of the grid, in its cell; `across` is the way through one."""
    return (cell + 1 - u) * across if across > 0 else (cell - u) * across


@njit(cache=True, fastmath=True, inline="always")
def _through(side, way):
    return side / way if abs(way) > 1e-9 else 1e9


@njit(cache=True, fastmath=True)
def walk(origin, way, t, end, step, is_endless, bits, grid, at, most, places, distances, lengths):
    """The next steps of a ray, `most` at most, in cells with something, from row `at` on of three arrays.

    places (N, 3) in 0..1 of the grid, distances and lengths (N,). Gives how many there were, and where to go on: at
    `end` or beyond if the ray is through.
    """
    ox, oy, oz = float(origin[0]), float(origin[1]), float(origin[2])
    dx, dy, dz = float(way[0]), float(way[1]), float(way[2])
    side = (4.0 if is_endless else 2.0) / grid
    across, down, along = _through(side, dx), _through(side, dy), _through(side, dz)
    rate, last, wide, base = 1 / step, grid - 1, grid >> 2, grid * grid * grid >> 3
    taken = 0
    while t < end and taken < most:
        u, v, w, stretch = place(ox + t * dx, oy + t * dy, oz + t * dz, is_endless)
        length = step * stretch
        i, j, k = min(max(int(u * grid), 0), last), min(max(int(v * grid), 0), last), min(max(int(w * grid), 0), last)
        cell = i + grid * (j + grid * k)
        if (bits[cell >> 3] >> (cell & 7)) & 1:
            row = at + taken
            places[row, 0], places[row, 1], places[row, 2] = u, v, w
            distances[row], lengths[row] = t, length
            taken += 1
            t += length
        elif stretch == 1.0:
            block = (i >> 2) + wide * ((j >> 2) + wide * (k >> 2))
            if (bits[base + (block >> 3)] >> (block & 7)) & 1:
                out = min(_way_out(u * grid, i, across), _way_out(v * grid, j, down), _way_out(w * grid, k, along))
            else:
                x, y = _way_out(u * wide, i >> 2, 4 * across), _way_out(v * wide, j >> 2, 4 * down)
                out = min(x, y, _way_out(w * wide, k >> 2, 4 * along))
            t += max(1.0, math.ceil(out * rate)) * step
        else:
            t += SKIPPED * length
    return taken, t


@njit(cache=True, fastmath=True)
def span(origin, way, is_endless, near):
    """Where a ray enters and leaves what is looked at; nothing if it ends before it begins."""
    if is_endless:
        return near, FARTHEST
    first, last = near, 1e9
    for axis in range(3):
        way_there = way[axis] if abs(way[axis]) > 1e-9 else 1e-9
        one, other = (-1 - origin[axis]) / way_there, (1 - origin[axis]) / way_there
        first, last = max(first, min(one, other)), min(last, max(one, other))
    return first, last


def bytes_of(grid):
    """How many bytes the bits of a grid take, those of its blocks with them."""
    return grid**3 // 8 + (grid // 4) ** 3 // 8


@njit(cache=True, parallel=True)
def to_bits(values, least, possible, grid, bits):
    """bits of cells whose value is above `least`, of those that are possible at all, and of their blocks."""
    base, wide = grid**3 // 8, grid // 4
    for byte in prange(base):
        found = 0
        for bit in range(8):
            cell = 8 * byte + bit
            if possible[cell] and values[cell] > least:
                found |= 1 << bit
        bits[byte] = found
    for byte in prange(wide**3 // 8):
        found = 0
        for bit in range(8):
            block = 8 * byte + bit
            first = 4 * (block % wide + grid * (block // wide % wide + grid * (block // wide**2)))
            for row in range(16):
                cell = first + grid * (row % 4 + grid * (row // 4))  # four cells, half a byte
                if (bits[cell >> 3] >> (cell & 7)) & 15:
                    found |= 1 << bit
                    break
        bits[base + byte] = found


@njit(cache=True, fastmath=True, parallel=True)
def carve(places, cameras, sizes, starts, apart, reach, least, near, found):
    """Which places (N, 3) of the cameras' world may hold something: seen by `least` cameras, and clear in none.

    cameras (C, 16): rotation, translation, focal lengths and principal point; sizes (C, 2) of pictures, which follow
    each other in `apart` from starts (C,) on: how many pixels the nearest one is away that is not transparent, or empty
    if none are known to be. A place counts as seen from depth `near` on. reach: how far a place reaches around itself.
    """
    for n in prange(len(places)):
        x, y, z = places[n]
        seen, is_clear = 0, False
        for number in range(len(cameras)):
            r = cameras[number]
            depth = r[6] * x + r[7] * y + r[8] * z + r[11]
            if depth < near:
                continue
            column = (r[0] * x + r[1] * y + r[2] * z + r[9]) / depth * r[12] + r[14]
            row = (r[3] * x + r[4] * y + r[5] * z + r[10]) / depth * r[13] + r[15]
            width, height = sizes[number]
            margin = reach / depth * r[12]
            around = 0.0 if len(apart) else margin  # what is beside a picture may be opaque
            if not (-around <= column < width + around and -around <= row < height + around):
                continue
            seen += 1
            if len(apart):
                if apart[starts[number] + int(row) * width + int(column)] > margin + 1:
                    is_clear = True
                    break
            elif seen >= least:
                break
        found[n] = seen >= least and not is_clear


@njit(cache=True, fastmath=True, inline="always")
def position(camera, axis):
    """Where a camera stands, as one number of three."""
    return -(camera[axis] * camera[9] + camera[3 + axis] * camera[10] + camera[6 + axis] * camera[11])


@njit(cache=True, fastmath=True, inline="always")
def to_way(camera, column, row, way):
    """Writes to way (3,) the unit direction through a pixel's middle."""
    x, y = (column + 0.5 - camera[14]) / camera[12], (row + 0.5 - camera[15]) / camera[13]
    length = math.sqrt(x * x + y * y + 1)
    for axis in range(3):
        way[axis] = (camera[axis] * x + camera[3 + axis] * y + camera[6 + axis]) / length


@njit(cache=True, fastmath=True, parallel=True)
def rays_of_pixels(pixels, starts, sizes, cameras, views, origins, ways):
    """Views (R,), origins and unit directions (R, 3) of pixels (R,), numbered through all pictures from starts on."""
    for n in prange(len(pixels)):
        view = np.searchsorted(starts, pixels[n], side="right") - 1
        camera, left = cameras[view], pixels[n] - starts[view]
        width = sizes[view, 0]
        views[n] = view
        to_way(camera, left % width, left // width, ways[n])
        for axis in range(3):
            origins[n, axis] = position(camera, axis)


def packed(camera):
    """A camera as the numbers (16,) that these kernels take."""
    inner = [camera.fx, camera.fy, camera.cx, camera.cy]
    return np.concatenate([camera.rotation.ravel(), camera.translation, inner])
