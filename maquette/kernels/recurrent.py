"""One more token read by a recurrent network in one compiled call, where torch would start a dozen operations a layer.

The plain version is models/recurrent.py. B texts, G gates (1 of a plain RNN, 3 of a GRU, 4 of an LSTM), W numbers of
state, L layers, V tokens. `fresh` holds what the first layer makes of each token, worked out once; of the other layers
it is `into` times the state below.
"""

import numpy as np
from numba import njit

from maquette.kernels.lanes import WIDTH, exponential, load, store
from maquette.kernels.reading import linear


@njit(cache=True, fastmath=True)
def read_tokens(tokens, gates, fresh, into, into_shifts, again, again_shifts, head, head_shifts, h, c, logits):
    """Reads a token of each text, (B,): changes h and c (L, B, W) in place; writes the logits (B, V).

    fresh (V, G W) with its shifts; into (L - 1, G W, W) and again (L, G W, W) with shifts; gates: G.
    """
    layers, texts, width = h.shape
    room = -(-width // WIDTH) * WIDTH
    new, old = np.zeros((gates, room), np.float32), np.zeros((gates, room), np.float32)
    for text in range(texts):
        for layer in range(layers):
            for gate in range(gates):
                rows = slice(gate * width, (gate + 1) * width)
                if layer == 0:
                    new[gate, :width] = fresh[tokens[text], rows]
                else:
                    below = h[layer - 1, text]
                    linear(below, into[layer - 1, rows], into_shifts[layer - 1, rows], new[gate, :width])
                linear(h[layer, text], again[layer, rows], again_shifts[layer, rows], old[gate, :width])
            change(new, old, h[layer, text], c[layer, text])
        linear(h[layers - 1, text], head, head_shifts, logits[text])


@njit(cache=True, fastmath=True)
def change(new, old, h, c):
    """The state h (W,), and an LSTM's memory c (W,), after what the token and the state before say, (G, >= W) each.

    tanh(x) is taken as 2 sigmoid(2 x) - 1, so that one function does for all gates. It works in `new` and `old`.
    """
    gates, width, one, two = len(new), len(h), np.float32(1), np.float32(2)
    if gates == 1:
        for unit in range(width):
            new[0, unit] = two * (new[0, unit] + old[0, unit])
        squash(new[0])
        for unit in range(width):
            h[unit] = two * new[0, unit] - one
    elif gates == 3:
        for unit in range(width):
            new[0, unit] += old[0, unit]
            new[1, unit] += old[1, unit]
        squash(new[0])
        squash(new[1])
        for unit in range(width):
            new[2, unit] = two * (new[2, unit] + new[0, unit] * old[2, unit])
        squash(new[2])
        for unit in range(width):
            keep = new[1, unit]
            h[unit] = (one - keep) * (two * new[2, unit] - one) + keep * h[unit]
    else:
        for gate in range(4):
            scale = two if gate == 2 else one
            for unit in range(width):
                new[gate, unit] = scale * (new[gate, unit] + old[gate, unit])
            squash(new[gate])
        for unit in range(width):
            c[unit] = new[1, unit] * c[unit] + new[0, unit] * (two * new[2, unit] - one)
            old[0, unit] = two * c[unit]
        squash(old[0])
        for unit in range(width):
            h[unit] = new[3, unit] * (two * old[0, unit] - one)


@njit(cache=True, fastmath=True)
def squash(x):
    """The sigmoid of each of x, in place; as many as whole lanes hold."""
    one = np.float32(1)
    for start in range(0, len(x), WIDTH):
        store(x, start, one / (one + exponential(-load(x, start))))
