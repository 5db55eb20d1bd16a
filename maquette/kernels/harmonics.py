"""Spherical harmonics at eight directions at once; the plain version is graphics/harmonics.py."""

import numpy as np
from numba import njit

from maquette.graphics.harmonics import C0, C1, C2, C3
from maquette.kernels.lanes import at, filled, put

C20, C21, C22 = C2
C30, C31, C32, C33, C34 = C3
ONE = np.float32(1)


@njit(cache=True, fastmath=True, inline="always")
def harmonic_basis(way, degree, values):
    """The functions at unit directions into values (16 * 8,)."""
    x, y, z = way
    put(values, 0, filled(C0))
    if degree > 0:
        put(values, 1, y * -C1)
        put(values, 2, z * C1)
        put(values, 3, x * -C1)
    if degree > 1:
        put(values, 4, x * y * C20)
        put(values, 5, y * z * -C20)
        put(values, 6, (z * z * 3 - ONE) * C21)
        put(values, 7, x * z * -C20)
        put(values, 8, (x * x - y * y) * C22)
    if degree > 2:
        put(values, 9, y * (x * x * 3 - y * y) * -C30)
        put(values, 10, x * y * z * C31)
        put(values, 11, y * (z * z * 5 - ONE) * -C32)
        put(values, 12, z * (z * z * 5 - 3) * C33)
        put(values, 13, x * (z * z * 5 - ONE) * -C32)
        put(values, 14, z * (x * x - y * y) * C34)
        put(values, 15, x * (x * x - y * y * 3) * -C30)


@njit(cache=True, fastmath=True, inline="always")
def harmonic_slopes(way, degree, w):
    """The derivatives by x, y and z of the functions' sum, each times its weight w (16 * 8,)."""
    x, y, z = way
    by_x, by_y, by_z = filled(0), filled(0), filled(0)
    if degree > 0:
        by_x, by_y, by_z = at(w, 3) * -C1, at(w, 1) * -C1, at(w, 2) * C1
    if degree > 1:
        by_x += (at(w, 4) * y - at(w, 7) * z) * C20 + at(w, 8) * x * (2 * C22)
        by_y += (at(w, 4) * x - at(w, 5) * z) * C20 - at(w, 8) * y * (2 * C22)
        by_z += at(w, 6) * z * (6 * C21) - (at(w, 5) * y + at(w, 7) * x) * C20
    if degree > 2:
        square, steep = x * x - y * y, z * z * 5 - ONE
        by_x += at(w, 10) * y * z * C31 - at(w, 13) * steep * C32 + at(w, 14) * x * z * (2 * C34)
        by_x -= (at(w, 9) * x * y * 6 + at(w, 15) * square * 3) * C30
        by_y += at(w, 10) * x * z * C31 - at(w, 11) * steep * C32 - at(w, 14) * y * z * (2 * C34)
        by_y += (at(w, 15) * x * y * 6 - at(w, 9) * square * 3) * C30
        by_z += at(w, 10) * x * y * C31 - (at(w, 11) * y + at(w, 13) * x) * z * (10 * C32)
        by_z += at(w, 12) * (z * z * 15 - 3) * C33 + at(w, 14) * square * C34
    return by_x, by_y, by_z
