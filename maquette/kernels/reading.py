"""One more token read by a small Transformer in one compiled call, where torch would start some 15 operations a layer.

The plain versions are models/gpt.py and models/gpt2.py. W numbers a token, H heads, L places in the cache, V tokens.
"""

import math

import numpy as np
from numba import njit, prange


@njit(cache=True, fastmath=True)
def linear(x, weight, bias, y):
    """y (O,) = weight (O, I) x (I,) + bias (O,); an empty bias adds nothing."""
    for row in range(len(y)):
        total = np.float32(0)
        for column in range(len(x)):
            total += weight[row, column] * x[column]
        y[row] = total + bias[row] if len(bias) else total


@njit(cache=True, fastmath=True)
def rms_norm(x, y):
    """y = x / sqrt(mean(x^2)); the epsilon is torch's."""
    total = np.float32(0)
    for i in range(len(x)):
        total += x[i] * x[i]
    scale = np.float32(1 / math.sqrt(total / len(x) + np.float32(1.1920929e-07)))
    for i in range(len(x)):
        y[i] = x[i] * scale


@njit(cache=True, fastmath=True)
def layer_norm(x, gain, shift, epsilon, y):
    """y = (x - mean) / sqrt(variance + epsilon) gain + shift."""
    total = np.float32(0)
    for i in range(len(x)):
        total += x[i]
    mean = np.float32(total / len(x))
    total = np.float32(0)
    for i in range(len(x)):
        total += (x[i] - mean) ** 2
    scale = np.float32(1 / math.sqrt(total / len(x) + epsilon))
    for i in range(len(x)):
        y[i] = (x[i] - mean) * scale * gain[i] + shift[i]


@njit(cache=True, fastmath=True)
def attend(query, keys, values, places, shares, y):
    """y (H D,) = softmax(q k' / sqrt(D)) v of each head; query (H D,), keys and values (H, L, D), `places` filled."""
    heads, _, size = keys.shape
    for head in range(heads):
        start = head * size
        largest = np.float32(-np.inf)
        for place in range(places):
            total = np.float32(0)
            for i in range(size):
                total += query[start + i] * keys[head, place, i]
            shares[place] = total * np.float32(1 / math.sqrt(size))
            largest = max(largest, shares[place])
        total = np.float32(0)
        for place in range(places):
            shares[place] = np.float32(math.exp(shares[place] - largest))
            total += shares[place]
        for i in range(size):
            y[start + i] = 0
        for place in range(places):
            share = shares[place] / total
            for i in range(size):
                y[start + i] += share * values[head, place, i]


@njit(cache=True, fastmath=True, parallel=True)
def attend_rows(query, keys, values, layer, places, y):
    """The same of several sequences: query and y (B, H D), keys and values (layers, B, H, L, D)."""
    _, rows, heads, _, size = keys.shape
    for job in prange(rows * heads):
        row, head = job // heads, job % heads
        columns = slice(head * size, (head + 1) * size)
        one = slice(head, head + 1)
        shares = np.empty(places, np.float32)
        attend(query[row, columns], keys[layer, row, one], values[layer, row, one], places, shares, y[row, columns])


@njit(cache=True, fastmath=True)
def keep(numbers, cache, place):
    """Put numbers (H D,) into the cache (H, L, D)."""
    heads, _, size = cache.shape
    for head in range(heads):
        for i in range(size):
            cache[head, place, i] = numbers[head * size + i]


@njit(cache=True, fastmath=True)
def rotate(numbers, turns, size):
    """Pairs of (H D,) turned by cos and sin of `turns`, (D / 2, 2), in place."""
    for start in range(0, len(numbers), size):
        for pair in range(size // 2):
            i = start + 2 * pair
            a, b = numbers[i], numbers[i + 1]
            numbers[i] = a * turns[pair, 0] - b * turns[pair, 1]
            numbers[i + 1] = a * turns[pair, 1] + b * turns[pair, 0]


@njit(cache=True, fastmath=True)
def read_gpt(token, place, row, embedding, turns, qkv, mix, widen, narrow, head, keys, values, logits):
    """Logits (V,) of what follows `token` at `place`; matrices (layers, O, I), keys and values (layers, B, H, L, D)."""
    width, size = embedding.shape[1], keys.shape[-1]
    x, normed, branch = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    looked, wide = np.empty(3 * width, np.float32), np.empty(widen.shape[1], np.float32)
    shares, nothing = np.empty(place + 1, np.float32), np.empty(0, np.float32)
    rms_norm(embedding[token], x)
    for layer in range(len(qkv)):
        rms_norm(x, normed)
        linear(normed, qkv[layer], nothing, looked)
        for start in range(0, 2 * width, size):
            rms_norm(looked[start : start + size], looked[start : start + size])
        rotate(looked[: 2 * width], turns[place], size)
        keep(looked[width : 2 * width], keys[layer, row], place)
        keep(looked[2 * width :], values[layer, row], place)
        attend(looked[:width], keys[layer, row], values[layer, row], place + 1, shares, normed)
        linear(normed, mix[layer], nothing, branch)
        for i in range(width):
            x[i] += branch[i]
        rms_norm(x, normed)
        linear(normed, widen[layer], nothing, wide)
        for i in range(len(wide)):
            wide[i] = max(wide[i], np.float32(0)) ** 2
        linear(wide, narrow[layer], nothing, branch)
        for i in range(width):
            x[i] += branch[i]
    rms_norm(x, normed)
    linear(normed, head, nothing, logits)


@njit(cache=True, fastmath=True)
def read_gpt2(
    token,
    place,
    row,
    embedding,
    positions,
    gains,
    shifts,
    epsilon,
    qkv,
    qkv_bias,
    mix,
    mix_bias,
    widen,
    widen_bias,
    narrow,
    narrow_bias,
    keys,
    values,
    logits,
):
    """The same of GPT-2; gains and shifts of the norms, (2 layers + 1, W)."""
    width = embedding.shape[1]
    x, normed, branch = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    looked, wide = np.empty(3 * width, np.float32), np.empty(widen.shape[1], np.float32)
    shares, nothing = np.empty(place + 1, np.float32), np.empty(0, np.float32)
    for i in range(width):
        x[i] = embedding[token, i] + positions[place, i]
    for layer in range(len(qkv)):
        layer_norm(x, gains[2 * layer], shifts[2 * layer], epsilon, normed)
        linear(normed, qkv[layer], qkv_bias[layer], looked)
        keep(looked[width : 2 * width], keys[layer, row], place)
        keep(looked[2 * width :], values[layer, row], place)
        attend(looked[:width], keys[layer, row], values[layer, row], place + 1, shares, normed)
        linear(normed, mix[layer], mix_bias[layer], branch)
        for i in range(width):
            x[i] += branch[i]
        layer_norm(x, gains[2 * layer + 1], shifts[2 * layer + 1], epsilon, normed)
        linear(normed, widen[layer], widen_bias[layer], wide)
        for i in range(len(wide)):
            u = np.float32(0.7978845608) * (wide[i] + np.float32(0.044715) * wide[i] ** 3)
            wide[i] = wide[i] / (np.float32(1) + np.float32(math.exp(-2 * u)))  # x (1 + tanh(u)) / 2
        linear(wide, narrow[layer], narrow_bias[layer], branch)
        for i in range(width):
            x[i] += branch[i]
    layer_norm(x, gains[-1], shifts[-1], epsilon, normed)
    linear(normed, embedding, nothing, logits)
