"""Gaussians seen by a camera.

The plain version is `project` in graphics/splats.py. A Gaussian is a row of float32: its position (3), logarithms of
its standard deviations (3), quaternion (4), logit of its opacity (1), and harmonics, K times red, green, blue.

Eight Gaussians are worked on at once: their rows are laid side by side first, so that `at(numbers, n)` is the n-th
number of all eight.
"""

import numpy as np
from numba import njit, prange

from maquette.graphics.splats import BLUR, FAINTEST, MARGIN, NEAR
from maquette.kernels.harmonics import harmonic_basis
from maquette.kernels.lanes import (
    WIDTH,
    at,
    bits_of,
    both,
    dot,
    exponential,
    filled,
    greater,
    lesser,
    logarithm,
    put,
    root,
    take,
)

SCALE, ROTATION, OPACITY, HARMONICS = 3, 6, 10, 11  # where each begins in a row, the position being first
NUMBERS = HARMONICS + 3 * 16  # of a row, at most
SPLAT = 12  # centre (2), conic (3), alpha, reach, colour (3), half the width and height that count
AT_ONCE = 256  # Gaussians a piece of work
ZERO, HALF, ONE, TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)


def packed_camera(camera):
    """A camera as (18,) float32: rotation by rows, position, focal lengths, middle, width, height."""
    numbers = [*camera.rotation.ravel(), *camera.position, camera.fx, camera.fy, camera.cx, camera.cy]
    return np.array([*numbers, camera.width, camera.height], np.float32)


@njit(cache=True, fastmath=True, inline="always")
def turned(numbers):
    """The columns of rotation matrices, the quaternions of length 1 that they are of, and one over the given length."""
    w, x, y, z = at(numbers, ROTATION), at(numbers, ROTATION + 1), at(numbers, ROTATION + 2), at(numbers, ROTATION + 3)
    over = ONE / root(greater(w * w + x * x + y * y + z * z, np.float32(1e-24)))
    w, x, y, z = w * over, x * over, y * over, z * over
    first = ONE - (y * y + z * z) * TWO, (x * y + w * z) * TWO, (x * z - w * y) * TWO
    second = (x * y - w * z) * TWO, ONE - (x * x + z * z) * TWO, (y * z + w * x) * TWO
    third = (x * z + w * y) * TWO, (y * z - w * x) * TWO, ONE - (x * x + y * y) * TWO
    return (first, second, third), (w, x, y, z), over


@njit(cache=True, fastmath=True, inline="always")
def seen_from(numbers, camera):
    """Where Gaussians are for the camera: x, y, z, 1 / z in front of it, slopes x / z and y / z within the margin."""
    away = at(numbers, 0) - camera[9], at(numbers, 1) - camera[10], at(numbers, 2) - camera[11]
    x = away[0] * camera[0] + away[1] * camera[1] + away[2] * camera[2]
    y = away[0] * camera[3] + away[1] * camera[4] + away[2] * camera[5]
    z = away[0] * camera[6] + away[1] * camera[7] + away[2] * camera[8]
    over = ONE / greater(z, np.float32(NEAR))
    wide, tall = np.float32(MARGIN) * camera[16], np.float32(MARGIN) * camera[17]
    left, right = (-wide - camera[14]) / camera[12], (camera[16] + wide - camera[14]) / camera[12]
    top, bottom = (-tall - camera[15]) / camera[13], (camera[17] + tall - camera[15]) / camera[13]
    return x, y, z, over, lesser(greater(x * over, left), right), lesser(greater(y * over, top), bottom)


@njit(cache=True, fastmath=True, inline="always")
def way_to(numbers, camera):
    """The unit directions from the camera to Gaussians, and one over their distances."""
    x, y, z = at(numbers, 0) - camera[9], at(numbers, 1) - camera[10], at(numbers, 2) - camera[11]
    near = ONE / root(greater(x * x + y * y + z * z, np.float32(1e-24)))
    return (x * near, y * near, z * near), near


@njit(cache=True, fastmath=True, inline="always")
def flattened(camera, over, u, v):
    """The two rows of J W, by which the picture changes with a move in the world; over is 1 / z."""
    over_x, over_y = over * camera[12], over * camera[13]
    across = (
        over_x * (camera[0] - u * camera[6]),
        over_x * (camera[1] - u * camera[7]),
        over_x * (camera[2] - u * camera[8]),
    )
    down = (
        over_y * (camera[3] - v * camera[6]),
        over_y * (camera[4] - v * camera[7]),
        over_y * (camera[5] - v * camera[8]),
    )
    return across, down


@njit(cache=True, fastmath=True, inline="always")
def covariance(p, q):
    """Variances xx and yy, covariance xy, all before the blur, and the determinants before and after it.

    p and q are the two rows of half a covariance. The determinant as a sum of squares (Cauchy and Binet), which loses
    nothing where a Gaussian is a needle.
    """
    xx, xy, yy = dot(p, p), dot(p, q), dot(q, q)
    one, two, three = p[0] * q[1] - p[1] * q[0], p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2]
    sharp = one * one + two * two + three * three
    return xx, xy, yy, sharp, sharp + (xx + yy) * np.float32(BLUR) + np.float32(BLUR * BLUR)


@njit(cache=True, fastmath=True, inline="always")
def shape_of(numbers, camera, over, u, v):
    """J W, the two rows of half the covariance in the picture, the standard deviations, and what `turned` gives."""
    across, down = flattened(camera, over, u, v)
    columns, quaternion, over_length = turned(numbers)
    first, second, third = columns
    sizes = (
        exponential(at(numbers, SCALE)),
        exponential(at(numbers, SCALE + 1)),
        exponential(at(numbers, SCALE + 2)),
    )
    p = dot(across, first) * sizes[0], dot(across, second) * sizes[1], dot(across, third) * sizes[2]
    q = dot(down, first) * sizes[0], dot(down, second) * sizes[1], dot(down, third) * sizes[2]
    return (across, down), (p, q), sizes, columns, quaternion, over_length


@njit(cache=True, fastmath=True, parallel=True)
def project(gaussians, degree, camera, is_antialiased, splats, depths):
    """Fill splats (N, SPLAT) and depths (N,), infinite for those that are not seen, from gaussians (N, 11 + 3 K)."""
    count = len(gaussians)
    for piece in prange((count + AT_ONCE - 1) // AT_ONCE):
        numbers, values = np.empty(NUMBERS * WIDTH, np.float32), np.empty(16 * WIDTH, np.float32)
        out, indices = np.empty((SPLAT + 1) * WIDTH, np.float32), np.empty(AT_ONCE, np.int32)
        last = min(count, (piece + 1) * AT_ONCE)
        for i in range(piece * AT_ONCE, last):
            depths[i] = np.float32(np.inf)
            indices[i - piece * AT_ONCE] = i
        many = last - piece * AT_ONCE
        for first in range(0, many, WIDTH):
            take(gaussians, indices, first, many, HARMONICS + 3 * (degree + 1) ** 2, numbers)
            bits = project_eight(numbers, degree, camera, is_antialiased, values, out)
            for lane in range(min(WIDTH, many - first)):
                if (bits >> lane) & 1:
                    i = indices[first + lane]
                    depths[i] = out[SPLAT * WIDTH + lane]
                    for number in range(SPLAT):
                        splats[i, number] = out[number * WIDTH + lane]


@njit(cache=True, fastmath=True)
def project_eight(numbers, degree, camera, is_antialiased, values, out):
    """Fill out ((SPLAT + 1) * 8,), splats and depths; returns which Gaussians are seen, as bits."""
    x, y, z, over, u, v = seen_from(numbers, camera)
    alpha = ONE / (ONE + exponential(-at(numbers, OPACITY)))
    is_seen = both(z > np.float32(NEAR), alpha > np.float32(FAINTEST))
    if bits_of(is_seen) == 0:
        return 0
    _, half, _, _, _, _ = shape_of(numbers, camera, over, u, v)
    xx, xy, yy, sharp, blurred = covariance(half[0], half[1])
    if is_antialiased:
        alpha *= root(greater(sharp / blurred, np.float32(1e-6)))
        is_seen = both(is_seen, alpha > np.float32(FAINTEST))
    reach = logarithm(greater(alpha, np.float32(FAINTEST)) * np.float32(1 / FAINTEST)) * TWO
    xx, yy, over_determinant = xx + np.float32(BLUR), yy + np.float32(BLUR), ONE / blurred
    mx, my = x * over * camera[12] + camera[14], y * over * camera[13] + camera[15]
    wide, tall = root(greater(reach * xx, ZERO)), root(greater(reach * yy, ZERO))
    is_seen = both(is_seen, both(mx + wide > ZERO, mx - wide < camera[16]))
    is_seen = both(is_seen, both(my + tall > ZERO, my - tall < camera[17]))
    put(out, 0, mx)
    put(out, 1, my)
    put(out, 2, yy * over_determinant)
    put(out, 3, -xy * over_determinant)
    put(out, 4, xx * over_determinant)
    put(out, 5, alpha)
    put(out, 6, reach)
    way, _ = way_to(numbers, camera)
    harmonic_basis(way, degree, values)
    for colour in range(3):
        total = filled(HALF)
        for k in range((degree + 1) ** 2):
            total += at(values, k) * at(numbers, HARMONICS + 3 * k + colour)
        put(out, 7 + colour, greater(total, ZERO))
    put(out, 10, wide)
    put(out, 11, tall)
    put(out, SPLAT, z)
    return bits_of(is_seen)
