"""The loss of a rendered picture: absolute differences and structural similarity, with their derivatives.

The window is Wang et al.'s (2004): 11 x 11, Gaussian of standard deviation 1.5, zeros outside of the picture.
"""

import numpy as np
from numba import njit, prange

from maquette.graphics import similarity
from maquette.graphics.similarity import CLEAR, REACH

_WEIGHTS = np.exp(-0.5 * (np.arange(-REACH, 1) / 1.5) ** 2)
_WEIGHTS = _WEIGHTS / (2 * _WEIGHTS.sum() - _WEIGHTS[-1])
W0, W1, W2, W3, W4, W5 = (np.float32(weight) for weight in _WEIGHTS)  # from the border to the middle
K1, K2 = np.float32(similarity.K1), np.float32(similarity.K2)


@njit(cache=True, fastmath=True, inline="always")
def smooth_row(padded, row):
    """row (W,) from padded (W + 10,), each the weighted mean of 11."""
    for x in range(len(row)):
        row[x] = (
            W0 * (padded[x] + padded[x + 10])
            + W1 * (padded[x + 1] + padded[x + 9])
            + W2 * (padded[x + 2] + padded[x + 8])
            + W3 * (padded[x + 3] + padded[x + 7])
            + W4 * (padded[x + 4] + padded[x + 6])
            + W5 * padded[x + 5]
        )


@njit(cache=True, fastmath=True, inline="always")
def smooth_column(rows, y, row):
    """row (W,), the weighted mean of rows y to y + 10 of rows (H + 10, W)."""
    for x in range(len(row)):
        row[x] = (
            W0 * (rows[y, x] + rows[y + 10, x])
            + W1 * (rows[y + 1, x] + rows[y + 9, x])
            + W2 * (rows[y + 2, x] + rows[y + 8, x])
            + W3 * (rows[y + 3, x] + rows[y + 7, x])
            + W4 * (rows[y + 4, x] + rows[y + 6, x])
            + W5 * rows[y + 5, x]
        )


class Room:
    """Memory that the loss of pictures of one size needs again and again."""

    def __init__(self, height, width):
        self.by_remainder = np.empty((height, width), np.float32)
        self.smoothed = np.zeros((3, 3, height + 2 * REACH, width), np.float32)
        self.partials = np.zeros((3, 3, height, width), np.float32)
        self.rows = np.zeros((3, 3, height + 2 * REACH, width), np.float32)
        self.losses = np.zeros((3, height, 2), np.float64)


def smoothed_truth(truth, room):
    """truth (3, H, W) and its square, smoothed: (3, 2, H, W), all that the loss needs to know of it beside itself."""
    planes = np.stack([truth, truth * truth], axis=1)
    smooth_rows(planes, room.rows)
    means = np.empty_like(planes)
    smooth_columns(room.rows, means)
    return means


def loss_and_slopes(picture, truth, means, mask, share, room, slopes):
    """(1 - share) |picture - truth| + share (1 - SSIM), the mean over pixels and colours, and SSIM's mean.

    picture, truth and slopes (3, H, W), slopes being filled with the derivative; means of `smoothed_truth`; mask (H, W)
    weighs pixels in both terms, or has no rows.
    """
    smooth_picture(picture, truth, room.smoothed)
    compare(picture, truth, means, room.smoothed, mask, np.float32(share), room.partials, room.losses)
    smooth_rows(room.partials, room.rows)
    collect_slopes(picture, truth, mask, np.float32(share), room.rows, slopes)
    absolute, similar = room.losses.sum((0, 1)) / picture.size
    weight = float(mask.mean()) if len(mask) else 1.0
    return (1 - share) * absolute + share * (weight - similar), similar / max(weight, 1e-9)


@njit(cache=True, fastmath=True, parallel=True)
def smooth_picture(picture, truth, smoothed):
    """x, x^2 and x y of each colour, smoothed along rows."""
    colours, height, width = picture.shape
    for job in prange(colours * height):
        colour, y = job // height, job % height
        padded = np.zeros((3, width + 2 * REACH), np.float32)
        for x in range(width):
            a, b = picture[colour, y, x], truth[colour, y, x]
            padded[0, x + REACH] = a
            padded[1, x + REACH] = a * a
            padded[2, x + REACH] = a * b
        for number in range(3):
            smooth_row(padded[number], smoothed[colour, number, y + REACH])


@njit(cache=True, fastmath=True, parallel=True)
def compare(picture, truth, means, smoothed, mask, share, partials, losses):
    """SSIM summed up by rows with the absolute difference, and its derivatives by the smoothed x, x^2 and x y."""
    colours, height, width = picture.shape
    for job in prange(colours * height):
        colour, y = job // height, job % height
        seen = np.empty((3, width), np.float32)
        for number in range(3):
            smooth_column(smoothed[colour, number], y, seen[number])
        absolute, similar = np.float32(0), np.float32(0)
        for x in range(width):
            weight = mask[y, x] if len(mask) else np.float32(1)
            a, b = seen[0, x], means[colour, 0, y, x]
            top_1, top_2 = 2 * a * b + K1, 2 * (seen[2, x] - a * b) + K2
            low_1 = a * a + b * b + K1
            low_2 = seen[1, x] - a * a + means[colour, 1, y, x] - b * b + K2
            over_1, over_2 = np.float32(1) / low_1, np.float32(1) / low_2
            value = top_1 * top_2 * over_1 * over_2
            similar += weight * value
            absolute += weight * abs(picture[colour, y, x] - truth[colour, y, x])
            by_top = np.float32(2) * b * (top_2 - top_1) * over_1 * over_2
            partials[colour, 0, y, x] = weight * (by_top - 2 * a * value * (over_1 - over_2))
            partials[colour, 1, y, x] = -weight * value * over_2
            partials[colour, 2, y, x] = weight * 2 * top_1 * over_1 * over_2
        losses[colour, y, 0] = absolute
        losses[colour, y, 1] = similar


@njit(cache=True, fastmath=True, parallel=True)
def smooth_rows(planes, rows):
    """rows (C, N, H + 10, W) from planes (C, N, H, W)."""
    colours, numbers, height, width = planes.shape
    for job in prange(colours * height):
        colour, y = job // height, job % height
        padded = np.zeros(width + 2 * REACH, np.float32)
        for number in range(numbers):
            for x in range(width):
                padded[x + REACH] = planes[colour, number, y, x]
            smooth_row(padded, rows[colour, number, y + REACH])


@njit(cache=True, fastmath=True, parallel=True)
def smooth_columns(rows, means):
    """means (C, N, H, W) from rows that `smooth_rows` made."""
    colours, numbers, height, _ = means.shape
    for job in prange(colours * height):
        colour, y = job // height, job % height
        for number in range(numbers):
            smooth_column(rows[colour, number], y, means[colour, number, y])


@njit(cache=True, fastmath=True, parallel=True)
def collect_slopes(picture, truth, mask, share, rows, slopes):
    colours, height, width = picture.shape
    scale = np.float32(1) / np.float32(colours * height * width)
    for job in prange(colours * height):
        colour, y = job // height, job % height
        means = np.empty((3, width), np.float32)
        for number in range(3):
            smooth_column(rows[colour, number], y, means[number])
        for x in range(width):
            weight = mask[y, x] if len(mask) else np.float32(1)
            a, b = picture[colour, y, x], truth[colour, y, x]
            sign = np.float32(1) if a > b else np.float32(-1)
            sign = np.float32(0) if a == b else sign
            similar = means[0, x] + 2 * a * means[1, x] + b * means[2, x]
            slopes[colour, y, x] = scale * ((np.float32(1) - share) * weight * sign - share * similar)


@njit(cache=True, fastmath=True, parallel=True)
def opacity_loss(remainder, alpha, mask, by_remainder, losses):
    """`opacity_loss` of graphics/similarity.py from what shines through (H, W); its sum by rows goes to losses (H,).

    by_remainder (H, W) is filled with the derivative.
    """
    height, width = remainder.shape
    scale = np.float32(CLEAR) / np.float32(height * width)
    for y in prange(height):
        total = np.float32(0)
        for x in range(width):
            weight = scale * (mask[y, x] if len(mask) else np.float32(1))
            apart = np.float32(1) - alpha[y, x] - remainder[y, x]  # opacity - alpha
            total += weight * abs(apart)
            sign = np.float32(-1) if apart > 0 else np.float32(1)
            by_remainder[y, x] = np.float32(0) if apart == 0 else weight * sign
        losses[y] = total
