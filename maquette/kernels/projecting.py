"""Gaussians seen by a camera, and the derivatives of that by what makes a Gaussian.

The plain version is `project` in graphics/splats.py. A Gaussian is a row of float32: its position (3), logarithms of
its standard deviations (3), quaternion (4), logit of its opacity (1), and harmonics, K times red, green, blue.
"""

import math

import numpy as np
from numba import njit, prange

from maquette.graphics.harmonics import C0, C1, C2, C3
from maquette.graphics.splats import BLUR, FAINTEST, MARGIN, NEAR
from maquette.kernels.lanes import WIDTH, load, root, store

POSITION, SCALE, ROTATION, OPACITY, HARMONICS = 0, 3, 6, 10, 11  # where each begins in a row
C20, C21, C22 = C2
C30, C31, C32, C33, C34 = C3
SPLAT = 12  # centre (2), conic (3), alpha, reach, colour (3), half the width and height that count
AT_ONCE = 256  # Gaussians a piece of work


def packed_camera(camera):
    """A camera as (18,) float32: rotation by rows, position, focal lengths, middle, width, height."""
    numbers = [*camera.rotation.ravel(), *camera.position, camera.fx, camera.fy, camera.cx, camera.cy]
    return np.array([*numbers, camera.width, camera.height], np.float32)


@njit(cache=True, fastmath=True, inline="always")
def harmonic_basis(x, y, z, degree, values):
    """The functions at a unit direction into values (16,)."""
    values[0] = np.float32(C0)
    if degree > 0:
        values[1], values[2], values[3] = -C1 * y, C1 * z, -C1 * x
    if degree > 1:
        values[4], values[5], values[6] = C20 * x * y, -C20 * y * z, C21 * (3 * z * z - 1)
        values[7], values[8] = -C20 * x * z, C22 * (x * x - y * y)
    if degree > 2:
        values[9], values[10], values[11] = -C30 * y * (3 * x * x - y * y), C31 * x * y * z, -C32 * y * (5 * z * z - 1)
        values[12], values[13] = C33 * z * (5 * z * z - 3), -C32 * x * (5 * z * z - 1)
        values[14], values[15] = C34 * z * (x * x - y * y), -C30 * x * (x * x - 3 * y * y)


@njit(cache=True, fastmath=True, inline="always")
def harmonic_slopes(x, y, z, degree, slopes):
    """Their derivatives by x, y and z into slopes (16, 3)."""
    slopes[:] = np.float32(0)
    if degree > 0:
        slopes[1, 1], slopes[2, 2], slopes[3, 0] = -C1, C1, -C1
    if degree > 1:
        slopes[4, 0], slopes[4, 1] = C20 * y, C20 * x
        slopes[5, 1], slopes[5, 2] = -C20 * z, -C20 * y
        slopes[6, 2] = 6 * C21 * z
        slopes[7, 0], slopes[7, 2] = -C20 * z, -C20 * x
        slopes[8, 0], slopes[8, 1] = 2 * C22 * x, -2 * C22 * y
    if degree > 2:
        slopes[9, 0], slopes[9, 1] = -6 * C30 * x * y, -3 * C30 * (x * x - y * y)
        slopes[10, 0], slopes[10, 1], slopes[10, 2] = C31 * y * z, C31 * x * z, C31 * x * y
        slopes[11, 1], slopes[11, 2] = -C32 * (5 * z * z - 1), -10 * C32 * y * z
        slopes[12, 2] = C33 * (15 * z * z - 3)
        slopes[13, 0], slopes[13, 2] = -C32 * (5 * z * z - 1), -10 * C32 * x * z
        slopes[14, 0], slopes[14, 1], slopes[14, 2] = 2 * C34 * x * z, -2 * C34 * y * z, C34 * (x * x - y * y)
        slopes[15, 0], slopes[15, 1] = -3 * C30 * (x * x - y * y), 6 * C30 * x * y


@njit(cache=True, fastmath=True, inline="always")
def turned(row, turn):
    """The rotation matrix of a Gaussian into turn (3, 3); returns the length of its quaternion."""
    w, x, y, z = row[ROTATION], row[ROTATION + 1], row[ROTATION + 2], row[ROTATION + 3]
    length = math.sqrt(max(w * w + x * x + y * y + z * z, np.float32(1e-24)))
    w, x, y, z = w / length, x / length, y / length, z / length
    turn[0, 0], turn[0, 1], turn[0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)
    turn[1, 0], turn[1, 1], turn[1, 2] = 2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)
    turn[2, 0], turn[2, 1], turn[2, 2] = 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)
    return length


@njit(cache=True, fastmath=True, inline="always")
def seen_from(row, camera):
    """Where a Gaussian is for the camera: x, y, z, and its slopes x / z and y / z within the margin."""
    dx, dy, dz = row[0] - camera[9], row[1] - camera[10], row[2] - camera[11]
    x = camera[0] * dx + camera[1] * dy + camera[2] * dz
    y = camera[3] * dx + camera[4] * dy + camera[5] * dz
    z = camera[6] * dx + camera[7] * dy + camera[8] * dz
    over = np.float32(1) / max(z, np.float32(NEAR))
    wide, tall = np.float32(MARGIN) * camera[16], np.float32(MARGIN) * camera[17]
    u = min(max(x * over, (-wide - camera[14]) / camera[12]), (camera[16] + wide - camera[14]) / camera[12])
    v = min(max(y * over, (-tall - camera[15]) / camera[13]), (camera[17] + tall - camera[15]) / camera[13])
    return x, y, z, u, v


@njit(cache=True, fastmath=True, inline="always")
def half_covariance(row, camera, z, u, v, flat, turn, base, half):
    """half (2, 3) whose product with itself is the covariance in the picture; also flat = J W and base = flat turn."""
    over_x, over_y = camera[12] / z, camera[13] / z
    for k in range(3):
        flat[0, k] = over_x * (camera[k] - u * camera[6 + k])
        flat[1, k] = over_y * (camera[3 + k] - v * camera[6 + k])
    length = turned(row, turn)
    for k in range(3):
        size = math.exp(row[SCALE + k])
        for j in range(2):
            base[j, k] = flat[j, 0] * turn[0, k] + flat[j, 1] * turn[1, k] + flat[j, 2] * turn[2, k]
            half[j, k] = base[j, k] * size
    return length


@njit(cache=True, fastmath=True, inline="always")
def covariance(half):
    """Variances xx and yy, covariance xy, all before the blur, and the determinants before and after it.

    The determinant as a sum of squares (Cauchy and Binet), which loses nothing where a Gaussian is a needle.
    """
    xx = half[0, 0] ** 2 + half[0, 1] ** 2 + half[0, 2] ** 2
    yy = half[1, 0] ** 2 + half[1, 1] ** 2 + half[1, 2] ** 2
    xy = half[0, 0] * half[1, 0] + half[0, 1] * half[1, 1] + half[0, 2] * half[1, 2]
    sharp = (half[0, 0] * half[1, 1] - half[0, 1] * half[1, 0]) ** 2
    sharp += (half[0, 1] * half[1, 2] - half[0, 2] * half[1, 1]) ** 2
    sharp += (half[0, 2] * half[1, 0] - half[0, 0] * half[1, 2]) ** 2
    blurred = sharp + np.float32(BLUR) * (xx + yy) + np.float32(BLUR * BLUR)
    return xx, xy, yy, sharp, blurred


@njit(cache=True, fastmath=True, parallel=True)
def project(gaussians, degree, camera, is_antialiased, splats, depths):
    """Fill splats (N, SPLAT) and depths (N,), infinite for those that are not seen, from gaussians (N, 11 + 3 K)."""
    count = len(gaussians)
    functions = (degree + 1) ** 2
    for piece in prange((count + AT_ONCE - 1) // AT_ONCE):
        flat, base, half = np.empty((2, 3), np.float32), np.empty((2, 3), np.float32), np.empty((2, 3), np.float32)
        turn, values = np.empty((3, 3), np.float32), np.empty(16, np.float32)
        for i in range(piece * AT_ONCE, min(count, (piece + 1) * AT_ONCE)):
            row, splat = gaussians[i], splats[i]
            depths[i] = np.float32(np.inf)
            x, y, z, u, v = seen_from(row, camera)
            alpha = np.float32(1) / (np.float32(1) + math.exp(-row[OPACITY]))
            if z <= NEAR or alpha <= FAINTEST:
                continue
            half_covariance(row, camera, z, u, v, flat, turn, base, half)
            xx, xy, yy, sharp, blurred = covariance(half)
            if is_antialiased:
                alpha *= math.sqrt(max(sharp / blurred, np.float32(1e-6)))
                if alpha <= FAINTEST:
                    continue
            reach = np.float32(2) * math.log(alpha / np.float32(FAINTEST))
            xx, yy = xx + np.float32(BLUR), yy + np.float32(BLUR)
            mx, my = camera[12] * x / z + camera[14], camera[13] * y / z + camera[15]
            wide, tall = math.sqrt(reach * xx), math.sqrt(reach * yy)
            if mx + wide <= 0 or mx - wide >= camera[16] or my + tall <= 0 or my - tall >= camera[17]:
                continue
            depths[i] = z
            splat[0], splat[1] = mx, my
            splat[2], splat[3], splat[4] = yy / blurred, -xy / blurred, xx / blurred
            splat[5], splat[6] = alpha, reach
            splat[10], splat[11] = wide, tall
            dx, dy, dz = row[0] - camera[9], row[1] - camera[10], row[2] - camera[11]
            over = np.float32(1) / math.sqrt(dx * dx + dy * dy + dz * dz)
            harmonic_basis(dx * over, dy * over, dz * over, degree, values)
            for colour in range(3):
                total = np.float32(0.5)
                for k in range(functions):
                    total += values[k] * row[HARMONICS + 3 * k + colour]
                splat[7 + colour] = max(total, np.float32(0))


@njit(cache=True, inline="always")
def room_for_slopes():
    """Memory that `slopes_of` needs for one Gaussian after the other."""
    flat, base, half = np.empty((2, 3), np.float32), np.empty((2, 3), np.float32), np.empty((2, 3), np.float32)
    turn, by_turn = np.empty((3, 3), np.float32), np.empty((3, 3), np.float32)
    return flat, base, half, turn, by_turn, np.empty(16, np.float32), np.empty((16, 3), np.float32)


@njit(cache=True, fastmath=True, inline="always")
def slopes_of(row, splat, sums, degree, camera, is_antialiased, room, slope):
    """Fill slope (11 + 3 K,), the loss's derivative by a Gaussian, from its sums (9,) that `blend_backward` made.

    Returns the length of the derivative by its centre in the picture; room is `room_for_slopes`.
    """
    flat, base, half, turn, by_turn, values, steep = room
    x, y, z, u, v = seen_from(row, camera)
    length = half_covariance(row, camera, z, u, v, flat, turn, base, half)
    xx, xy, yy, sharp, blurred = covariance(half)
    a, b, c = splat[2], splat[3], splat[4]
    by_x, by_y = a * sums[1] + b * sums[2], b * sums[1] + c * sums[2]

    # by the covariance: K M K / 2 with the conic K and M of the second moments of v
    p, q = a * sums[3] + b * sums[4], a * sums[4] + b * sums[5]
    r, s = b * sums[3] + c * sums[4], b * sums[4] + c * sums[5]
    d_xx, d_xy, d_yy = (
        np.float32(0.5) * (p * a + q * b),
        np.float32(0.5) * (p * b + q * c),
        np.float32(0.5) * (r * b + s * c),
    )
    if is_antialiased and sharp > np.float32(1e-6) * blurred:
        half_sum = np.float32(0.5) * sums[0]
        d_xx += half_sum * (yy / sharp - a)
        d_xy += half_sum * (-xy / sharp - b)
        d_yy += half_sum * (xx / sharp - c)

    for k in range(3):
        size = math.exp(row[SCALE + k])
        first = np.float32(2) * (d_xx * half[0, k] + d_xy * half[1, k])
        second = np.float32(2) * (d_xy * half[0, k] + d_yy * half[1, k])
        slope[SCALE + k] = first * half[0, k] + second * half[1, k]
        base[0, k], base[1, k] = first * size, second * size  # from here on the derivative by base
    for j in range(3):
        for k in range(3):
            by_turn[j, k] = flat[0, j] * base[0, k] + flat[1, j] * base[1, k]
    qw, qx, qy, qz = (
        row[ROTATION] / length,
        row[ROTATION + 1] / length,
        row[ROTATION + 2] / length,
        row[ROTATION + 3] / length,
    )
    g = by_turn
    dw = 2 * (qx * (g[2, 1] - g[1, 2]) + qy * (g[0, 2] - g[2, 0]) + qz * (g[1, 0] - g[0, 1]))
    dx = 2 * (
        -2 * qx * (g[1, 1] + g[2, 2]) + qy * (g[0, 1] + g[1, 0]) + qz * (g[0, 2] + g[2, 0]) + qw * (g[2, 1] - g[1, 2])
    )
    dy = 2 * (
        qx * (g[0, 1] + g[1, 0]) - 2 * qy * (g[0, 0] + g[2, 2]) + qz * (g[1, 2] + g[2, 1]) + qw * (g[0, 2] - g[2, 0])
    )
    dz = 2 * (
        qx * (g[0, 2] + g[2, 0]) + qy * (g[1, 2] + g[2, 1]) - 2 * qz * (g[0, 0] + g[1, 1]) + qw * (g[1, 0] - g[0, 1])
    )
    along = qw * dw + qx * dx + qy * dy + qz * dz
    slope[ROTATION], slope[ROTATION + 1] = (dw - qw * along) / length, (dx - qx * along) / length
    slope[ROTATION + 2], slope[ROTATION + 3] = (dy - qy * along) / length, (dz - qz * along) / length
    slope[OPACITY] = sums[0] / (np.float32(1) + math.exp(row[OPACITY]))

    # by the rows of flat = J W, and by u, v and z that J is made of
    over = np.float32(1) / z
    by_u, by_v, by_z = np.float32(0), np.float32(0), np.float32(0)
    for k in range(3):
        first = base[0, 0] * turn[k, 0] + base[0, 1] * turn[k, 1] + base[0, 2] * turn[k, 2]
        second = base[1, 0] * turn[k, 0] + base[1, 1] * turn[k, 1] + base[1, 2] * turn[k, 2]
        by_u -= first * camera[12] * over * camera[6 + k]
        by_v -= second * camera[13] * over * camera[6 + k]
        by_z -= (first * flat[0, k] + second * flat[1, k]) * over
    px, py = camera[12] * over * by_x, camera[13] * over * by_y
    pz = by_z - (px * x + py * y) * over
    if abs(u - x * over) < np.float32(1e-5) * (1 + abs(u)):  # not cut off at the margin
        px += by_u * over
        pz -= by_u * u * over
    if abs(v - y * over) < np.float32(1e-5) * (1 + abs(v)):
        py += by_v * over
        pz -= by_v * v * over

    # by the direction that the colour depends on
    ex, ey, ez = row[0] - camera[9], row[1] - camera[10], row[2] - camera[11]
    near = np.float32(1) / math.sqrt(ex * ex + ey * ey + ez * ez)
    ex, ey, ez = ex * near, ey * near, ez * near
    harmonic_basis(ex, ey, ez, degree, values)
    functions = (degree + 1) ** 2
    red = sums[6] if splat[7] > 0 else np.float32(0)
    green = sums[7] if splat[8] > 0 else np.float32(0)
    blue = sums[8] if splat[9] > 0 else np.float32(0)
    for k in range(functions):
        slope[HARMONICS + 3 * k] = values[k] * red
        slope[HARMONICS + 3 * k + 1] = values[k] * green
        slope[HARMONICS + 3 * k + 2] = values[k] * blue
    vx, vy, vz = np.float32(0), np.float32(0), np.float32(0)
    if degree > 0:
        harmonic_slopes(ex, ey, ez, degree, steep)
        for k in range(1, functions):
            at = HARMONICS + 3 * k
            weight = row[at] * red + row[at + 1] * green + row[at + 2] * blue
            vx, vy, vz = vx + weight * steep[k, 0], vy + weight * steep[k, 1], vz + weight * steep[k, 2]
    outward = vx * ex + vy * ey + vz * ez
    slope[0] = camera[0] * px + camera[3] * py + camera[6] * pz + (vx - ex * outward) * near
    slope[1] = camera[1] * px + camera[4] * py + camera[7] * pz + (vy - ey * outward) * near
    slope[2] = camera[2] * px + camera[5] * py + camera[8] * pz + (vz - ez * outward) * near
    return math.sqrt(by_x * by_x + by_y * by_y)


@njit(cache=True, fastmath=True, inline="always")
def summed(sums, first, last, total):
    """The sums (R, 9) of a Gaussian's pairs, added up in the order of its tiles."""
    for number in range(9):
        total[number] = np.float32(0)
    for k in range(first, last):
        for number in range(9):
            total[number] += sums[k, number]


@njit(cache=True, parallel=True)
def places_in(order, count):
    """Where each of `count` Gaussians stands in `order` (M,), -1 if it does not."""
    places = np.full(count, -1, np.int32)
    for k in prange(len(order)):
        places[order[k]] = k
    return places


@njit(cache=True, fastmath=True, parallel=True)
def project_backward(gaussians, degree, camera, is_antialiased, splats, places, firsts, lasts, sums, slopes):
    """Fill slopes (N, 11 + 3 K), the loss's derivative by each number of each Gaussian; 0 for those not seen."""
    count = len(gaussians)
    for piece in prange((count + AT_ONCE - 1) // AT_ONCE):
        room, total = room_for_slopes(), np.empty(9, np.float32)
        for i in range(piece * AT_ONCE, min(count, (piece + 1) * AT_ONCE)):
            slopes[i] = np.float32(0)
            k = places[i]
            if k < 0:
                continue
            summed(sums, firsts[k], lasts[k], total)
            slopes_of(gaussians[i], splats[i], total, degree, camera, is_antialiased, room, slopes[i])


@njit(cache=True, fastmath=True)
def step(rows, first_moments, second_moments, i, slope, rates, used, correction_1, correction_2):
    """A step of Adam for the first `used` numbers of the i-th row, eight at a time as long as there are eight."""
    over, tiny = np.float32(1) / math.sqrt(correction_2), np.float32(1e-15)
    start, whole = i * rows.shape[1], used // WIDTH * WIDTH
    for j in range(0, whole, WIDTH):
        at, g = start + j, load(slope, j)
        m = load(first_moments, at) * np.float32(0.9) + g * np.float32(0.1)
        w = load(second_moments, at) * np.float32(0.999) + g * g * np.float32(0.001)
        store(first_moments, at, m)
        store(second_moments, at, w)
        store(rows, at, load(rows, at) - load(rates, j) * m / ((root(w) * over + tiny) * correction_1))
    for j in range(whole, used):
        g = slope[j]
        m = np.float32(0.9) * first_moments[i, j] + np.float32(0.1) * g
        w = np.float32(0.999) * second_moments[i, j] + np.float32(0.001) * g * g
        first_moments[i, j], second_moments[i, j] = m, w
        rows[i, j] -= rates[j] * m / ((math.sqrt(w) * over + tiny) * correction_1)


@njit(cache=True, fastmath=True, parallel=True)
def project_backward_and_step(
    gaussians,
    first_moments,
    second_moments,
    rates,
    correction_1,
    correction_2,
    degree,
    camera,
    is_antialiased,
    splats,
    places,
    firsts,
    lasts,
    sums,
    pulls,
    seen,
    shrinking,
):
    """The same, followed at once by a step of Adam for those that are seen; rates (11 + 3 K,) is the size of each step.

    correction_1 and correction_2 are 1 - 0.9^t and 1 - 0.999^t. pulls (N,) gains the length of the derivative by the
    centre in the picture, in halves of the picture's size as in Kerbl et al., and seen (N,) counts.
    shrinking is added to the derivative by each opacity, a third of it to that by each standard deviation.
    """
    count = len(gaussians)
    used = HARMONICS + 3 * (degree + 1) ** 2
    scale = np.float32(0.5) * max(camera[16], camera[17])
    for piece in prange((count + AT_ONCE - 1) // AT_ONCE):
        room, total = room_for_slopes(), np.empty(9, np.float32)
        slope = np.empty(59, np.float32)
        for i in range(piece * AT_ONCE, min(count, (piece + 1) * AT_ONCE)):
            k = places[i]
            if k < 0:
                continue
            summed(sums, firsts[k], lasts[k], total)
            pull = slopes_of(gaussians[i], splats[i], total, degree, camera, is_antialiased, room, slope)
            pulls[i] += pull * scale
            seen[i] += 1
            if shrinking > 0:
                alpha = np.float32(1) / (np.float32(1) + math.exp(-gaussians[i, OPACITY]))
                slope[OPACITY] += shrinking * alpha * (1 - alpha)
                for axis in range(SCALE, SCALE + 3):
                    slope[axis] += shrinking * math.exp(gaussians[i, axis]) / 3
            step(gaussians, first_moments, second_moments, i, slope, rates, used, correction_1, correction_2)
