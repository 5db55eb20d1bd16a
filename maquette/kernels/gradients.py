"""From the derivatives that blending gives to those by what makes a Gaussian, and a step of Adam along them.

The plain version is what torch makes of `project` in graphics/splats.py.
"""

import math

import numpy as np
from numba import njit, prange

from maquette.kernels.blending import SUMS
from maquette.kernels.harmonics import harmonic_basis, harmonic_slopes
from maquette.kernels.lanes import WIDTH, at, chosen, dot, exponential, greater, load, put, root, store, take
from maquette.kernels.projecting import (
    AT_ONCE,
    HALF,
    HARMONICS,
    NUMBERS,
    ONE,
    OPACITY,
    ROTATION,
    SCALE,
    SPLAT,
    TWO,
    ZERO,
    covariance,
    seen_from,
    shape_of,
    way_to,
)


@njit(cache=True, fastmath=True)
def slopes_of_eight(numbers, splats, sums, degree, camera, is_antialiased, weights, slope):
    """Fill slope (11 + 3 K,) x 8, the loss's derivatives by Gaussians, from the sums that `blend_backward` made.

    splats (SPLAT,) x 8, sums (SUMS,) x 8; weights is memory for harmonics. Returns the lengths of the derivatives by
    the centres in the picture.
    """
    x, y, _, over, u, v = seen_from(numbers, camera)
    (across, down), (p, q), sizes, columns, quaternion, over_length = shape_of(numbers, camera, over, u, v)
    xx, xy, yy, sharp, blurred = covariance(p, q)
    a, b, c = at(splats, 2), at(splats, 3), at(splats, 4)
    by_x, by_y = a * at(sums, 1) + b * at(sums, 2), b * at(sums, 1) + c * at(sums, 2)

    # by the covariance: K M K / 2 with the conic K and M of the second moments of v
    mxx, mxy, myy = at(sums, 3), at(sums, 4), at(sums, 5)
    kxx, kxy, kyx, kyy = a * mxx + b * mxy, a * mxy + b * myy, b * mxx + c * mxy, b * mxy + c * myy
    d_xx, d_xy, d_yy = (kxx * a + kxy * b) * HALF, (kxx * b + kxy * c) * HALF, (kyx * b + kyy * c) * HALF
    if is_antialiased:
        over_sharp = ONE / greater(sharp, np.float32(1e-30))
        total = chosen(sharp > np.float32(1e-6) * blurred, at(sums, 0) * HALF, ZERO)
        d_xx += total * (yy * over_sharp - a)
        d_xy -= total * (xy * over_sharp + b)
        d_yy += total * (xx * over_sharp - c)

    # by half the covariance, by the standard deviations, and by J W times the rotation
    first = (d_xx * p[0] + d_xy * q[0]) * TWO, (d_xx * p[1] + d_xy * q[1]) * TWO, (d_xx * p[2] + d_xy * q[2]) * TWO
    second = (d_xy * p[0] + d_yy * q[0]) * TWO, (d_xy * p[1] + d_yy * q[1]) * TWO, (d_xy * p[2] + d_yy * q[2]) * TWO
    put(slope, SCALE, first[0] * p[0] + second[0] * q[0])
    put(slope, SCALE + 1, first[1] * p[1] + second[1] * q[1])
    put(slope, SCALE + 2, first[2] * p[2] + second[2] * q[2])
    first = first[0] * sizes[0], first[1] * sizes[1], first[2] * sizes[2]
    second = second[0] * sizes[0], second[1] * sizes[1], second[2] * sizes[2]
    put_by_quaternion(slope, across, down, first, second, quaternion, over_length)
    put(slope, OPACITY, at(sums, 0) / (ONE + exponential(at(numbers, OPACITY))))

    # by the rows of J W, and by u, v and z that J is made of
    columns_1, columns_2, columns_3 = columns
    rows = (
        (columns_1[0], columns_2[0], columns_3[0]),
        (columns_1[1], columns_2[1], columns_3[1]),
        (columns_1[2], columns_2[2], columns_3[2]),
    )
    by_across = dot(first, rows[0]), dot(first, rows[1]), dot(first, rows[2])
    by_down = dot(second, rows[0]), dot(second, rows[1]), dot(second, rows[2])
    by_u = -(by_across[0] * camera[6] + by_across[1] * camera[7] + by_across[2] * camera[8]) * over * camera[12]
    by_v = -(by_down[0] * camera[6] + by_down[1] * camera[7] + by_down[2] * camera[8]) * over * camera[13]
    by_z = -(dot(by_across, across) + dot(by_down, down)) * over
    px, py = by_x * over * camera[12], by_y * over * camera[13]
    pz = by_z - (px * x + py * y) * over
    by_u = chosen(distance(u, x * over) < (ONE + greater(u, -u)) * np.float32(1e-5), by_u * over, ZERO)
    by_v = chosen(distance(v, y * over) < (ONE + greater(v, -v)) * np.float32(1e-5), by_v * over, ZERO)
    px, py, pz = px + by_u, py + by_v, pz - by_u * u - by_v * v  # by u and v unless cut off at the margin

    # by the harmonics, and by the direction that they depend on
    way, near = way_to(numbers, camera)
    harmonic_basis(way, degree, weights)
    red = chosen(at(splats, 7) > ZERO, at(sums, 6), ZERO)
    green = chosen(at(splats, 8) > ZERO, at(sums, 7), ZERO)
    blue = chosen(at(splats, 9) > ZERO, at(sums, 8), ZERO)
    for k in range((degree + 1) ** 2):
        value, number = at(weights, k), HARMONICS + 3 * k
        put(slope, number, value * red)
        put(slope, number + 1, value * green)
        put(slope, number + 2, value * blue)
        put(weights, k, at(numbers, number) * red + at(numbers, number + 1) * green + at(numbers, number + 2) * blue)
    turn = harmonic_slopes(way, degree, weights)
    outward = dot(turn, way)
    for axis in range(3):
        put(slope, axis, px * camera[axis] + py * camera[3 + axis] + pz * camera[6 + axis])
    put(slope, 0, at(slope, 0) + (turn[0] - way[0] * outward) * near)
    put(slope, 1, at(slope, 1) + (turn[1] - way[1] * outward) * near)
    put(slope, 2, at(slope, 2) + (turn[2] - way[2] * outward) * near)
    return root(by_x * by_x + by_y * by_y)


@njit(cache=True, fastmath=True, inline="always")
def distance(one, other):
    return greater(one - other, other - one)


@njit(cache=True, fastmath=True, inline="always")
def put_by_quaternion(slope, across, down, first, second, quaternion, over_length):
    """The derivatives by quaternions of any length, from those by the two rows of J W times the rotation."""
    w, x, y, z = quaternion
    g00, g01, g02 = (
        across[0] * first[0] + down[0] * second[0],
        across[0] * first[1] + down[0] * second[1],
        across[0] * first[2] + down[0] * second[2],
    )
    g10, g11, g12 = (
        across[1] * first[0] + down[1] * second[0],
        across[1] * first[1] + down[1] * second[1],
        across[1] * first[2] + down[1] * second[2],
    )
    g20, g21, g22 = (
        across[2] * first[0] + down[2] * second[0],
        across[2] * first[1] + down[2] * second[1],
        across[2] * first[2] + down[2] * second[2],
    )
    dw = (x * (g21 - g12) + y * (g02 - g20) + z * (g10 - g01)) * TWO
    dx = (y * (g01 + g10) + z * (g02 + g20) + w * (g21 - g12) - x * (g11 + g22) * TWO) * TWO
    dy = (x * (g01 + g10) + z * (g12 + g21) + w * (g02 - g20) - y * (g00 + g22) * TWO) * TWO
    dz = (x * (g02 + g20) + y * (g12 + g21) + w * (g10 - g01) - z * (g00 + g11) * TWO) * TWO
    along = w * dw + x * dx + y * dy + z * dz
    put(slope, ROTATION, (dw - w * along) * over_length)
    put(slope, ROTATION + 1, (dx - x * along) * over_length)
    put(slope, ROTATION + 2, (dy - y * along) * over_length)
    put(slope, ROTATION + 3, (dz - z * along) * over_length)


@njit(cache=True, fastmath=True, inline="always")
def take_sums(sums, firsts, lasts, indices, first, last, numbers):
    """Lay side by side the sums (R, SUMS) of Gaussians, each added up in the order of its tiles."""
    for lane in range(WIDTH):
        i = indices[min(first + lane, last - 1)]
        for number in range(SUMS):
            numbers[number * WIDTH + lane] = ZERO
        for pair in range(firsts[i], lasts[i]):
            for number in range(SUMS):
                numbers[number * WIDTH + lane] += sums[pair, number]


@njit(cache=True, inline="always")
def seen_in(firsts, first, last, indices):
    """Gaussians from first to last that are seen, having room for tiles, into indices; returns how many.

    Not by their depths: with fast mathematics the compiler takes it that nothing is infinite.
    """
    many = 0
    for i in range(first, last):
        if firsts[i + 1] > firsts[i]:
            indices[many] = i
            many += 1
    return many


@njit(cache=True, inline="always")
def room_for_eight():
    """Memory for eight Gaussians: numbers, splats, sums, harmonics, slopes; and for the indices of a piece of work."""
    return (
        np.empty(NUMBERS * WIDTH, np.float32),
        np.empty(SPLAT * WIDTH, np.float32),
        np.empty(SUMS * WIDTH, np.float32),
        np.empty(16 * WIDTH, np.float32),
        np.empty(NUMBERS * WIDTH, np.float32),
        np.empty(AT_ONCE, np.int32),
    )


@njit(cache=True, fastmath=True, parallel=True)
def project_backward(gaussians, degree, camera, is_antialiased, splats, firsts, lasts, sums, slopes):
    """Fill slopes (N, 11 + 3 K), the loss's derivative by each number of each Gaussian; 0 for those not seen."""
    count, used = len(gaussians), HARMONICS + 3 * (degree + 1) ** 2
    for piece in prange((count + AT_ONCE - 1) // AT_ONCE):
        numbers, seen, total, weights, slope, indices = room_for_eight()
        slopes[piece * AT_ONCE : (piece + 1) * AT_ONCE] = ZERO
        many = seen_in(firsts, piece * AT_ONCE, min(count, (piece + 1) * AT_ONCE), indices)
        for first in range(0, many, WIDTH):
            take(gaussians, indices, first, many, used, numbers)
            take(splats, indices, first, many, SPLAT, seen)
            take_sums(sums, firsts, lasts, indices, first, many, total)
            slopes_of_eight(numbers, seen, total, degree, camera, is_antialiased, weights, slope)
            for lane in range(min(WIDTH, many - first)):
                for number in range(used):
                    slopes[indices[first + lane], number] = slope[number * WIDTH + lane]


@njit(cache=True, fastmath=True)
def step(rows, first_moments, second_moments, i, slope, step_sizes, used, correction_1, correction_2):
    """A step of Adam for the first `used` numbers of the i-th row, eight at a time as long as there are eight."""
    over, tiny = np.float32(1) / math.sqrt(correction_2), np.float32(1e-15)
    start, whole = i * rows.shape[1], used // WIDTH * WIDTH
    for j in range(0, whole, WIDTH):
        at, g = start + j, load(slope, j)
        m = load(first_moments, at) * np.float32(0.9) + g * np.float32(0.1)
        w = load(second_moments, at) * np.float32(0.999) + g * g * np.float32(0.001)
        store(first_moments, at, m)
        store(second_moments, at, w)
        store(rows, at, load(rows, at) - load(step_sizes, j) * m / ((root(w) * over + tiny) * correction_1))
    for j in range(whole, used):
        g = slope[j]
        m = np.float32(0.9) * first_moments[i, j] + np.float32(0.1) * g
        w = np.float32(0.999) * second_moments[i, j] + np.float32(0.001) * g * g
        first_moments[i, j], second_moments[i, j] = m, w
        rows[i, j] -= step_sizes[j] * m / ((math.sqrt(w) * over + tiny) * correction_1)


@njit(cache=True, fastmath=True, parallel=True)
def project_backward_and_step(
    gaussians,
    first_moments,
    second_moments,
    step_sizes,
    correction_1,
    correction_2,
    degree,
    camera,
    is_antialiased,
    splats,
    firsts,
    lasts,
    sums,
    pulls,
    seen,
    shrinking,
):
    """The same, followed at once by a step of Adam, of sizes (11 + 3 K,), for those that are seen.

    correction_1 and correction_2 are 1 - 0.9^t and 1 - 0.999^t. pulls (N,) gains the length of the derivative by the
    centre in the picture, in halves of the picture's size as in Kerbl et al., and seen (N,) counts.
    shrinking is added to the derivative by each opacity, a third of it to that by each standard deviation.
    """
    count, used = len(gaussians), HARMONICS + 3 * (degree + 1) ** 2
    scale = HALF * max(camera[16], camera[17])
    for piece in prange((count + AT_ONCE - 1) // AT_ONCE):
        numbers, splat, total, weights, slope, indices = room_for_eight()
        single, pull = np.empty(NUMBERS, np.float32), np.empty(WIDTH, np.float32)
        many = seen_in(firsts, piece * AT_ONCE, min(count, (piece + 1) * AT_ONCE), indices)
        for first in range(0, many, WIDTH):
            take(gaussians, indices, first, many, used, numbers)
            take(splats, indices, first, many, SPLAT, splat)
            take_sums(sums, firsts, lasts, indices, first, many, total)
            store(pull, 0, slopes_of_eight(numbers, splat, total, degree, camera, is_antialiased, weights, slope))
            if shrinking > 0:
                alpha = ONE / (ONE + exponential(-at(numbers, OPACITY)))
                put(slope, OPACITY, at(slope, OPACITY) + alpha * (ONE - alpha) * shrinking)
                for axis in range(SCALE, SCALE + 3):
                    put(slope, axis, at(slope, axis) + exponential(at(numbers, axis)) * (shrinking / 3))
            for lane in range(min(WIDTH, many - first)):
                i = indices[first + lane]
                pulls[i] += pull[lane] * scale
                seen[i] += 1
                for number in range(used):
                    single[number] = slope[number * WIDTH + lane]
                step(gaussians, first_moments, second_moments, i, single, step_sizes, used, correction_1, correction_2)
