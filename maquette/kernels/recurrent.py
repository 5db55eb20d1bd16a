"""One more token read by a recurrent network in one compiled call, where torch would start a dozen operations a layer.

The plain version is models/recurrent.py. G gates (1 of a plain RNN, 3 of a GRU, 4 of an LSTM), W numbers of state, L
layers, V tokens. `fresh` holds what the first layer makes of each token, worked out once; of the other layers it is
`into` times the state below.
"""

import math

import numpy as np
from numba import njit

from maquette.kernels.reading import linear


@njit(cache=True, fastmath=True)
def sigmoid(x):
    return np.float32(1) / (np.float32(1) + np.float32(math.exp(-x)))


@njit(cache=True, fastmath=True)
def read_token(token, gates, fresh, into, into_shifts, again, again_shifts, head, head_shifts, h, c, logits):
    """Changes h and c (L, W) in place; writes the logits (V,).

    fresh (V, G W) with its shifts; into (L - 1, G W, W) and again (L, G W, W) with shifts; gates: G.
    """
    layers, width = h.shape
    new, old = np.empty(gates * width, np.float32), np.empty(gates * width, np.float32)
    for layer in range(layers):
        if layer == 0:
            new[:] = fresh[token]
        else:
            linear(h[layer - 1], into[layer - 1], into_shifts[layer - 1], new)
        linear(h[layer], again[layer], again_shifts[layer], old)
        for unit in range(width):
            if gates == 1:
                h[layer, unit] = math.tanh(new[unit] + old[unit])
            elif gates == 3:
                reset = sigmoid(new[unit] + old[unit])
                keep = sigmoid(new[width + unit] + old[width + unit])
                made = np.float32(math.tanh(new[2 * width + unit] + reset * old[2 * width + unit]))
                h[layer, unit] = (1 - keep) * made + keep * h[layer, unit]
            else:
                take = sigmoid(new[unit] + old[unit])
                keep = sigmoid(new[width + unit] + old[width + unit])
                made = np.float32(math.tanh(new[2 * width + unit] + old[2 * width + unit]))
                say = sigmoid(new[3 * width + unit] + old[3 * width + unit])
                c[layer, unit] = keep * c[layer, unit] + take * made
                h[layer, unit] = say * np.float32(math.tanh(c[layer, unit]))
    linear(h[layers - 1], head, head_shifts, logits)
