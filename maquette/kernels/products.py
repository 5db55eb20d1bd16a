"""Products of small matrices with many samples, compiled: a layer of a small network forward and backward.

Numbers of N samples lie in rows, one row a unit: N is a multiple of 16, and rows follow each other without gaps in one
array, so that a row is named by where it begins. The plain version is a product of torch's.
"""

import numpy as np
from numba import njit

from maquette.kernels.lanes import WIDTH, chosen, filled, greater, load, store, sums_of
from maquette.kernels.pairs import spread

PIECE = 2 * WIDTH


@njit(cache=True, fastmath=True)
def forward(weights, outs, ins, held, source, target, n, is_rectified):
    """held[target:] = weights (outs, ins) times held[source:]; outs a multiple of 4. Below 0 cut off if rectified."""
    nothing = filled(np.float32(0))
    for o in range(0, outs, 4):
        for s in range(0, n, PIECE):
            a, b, c, d = nothing, nothing, nothing, nothing
            e, f, g, h = nothing, nothing, nothing, nothing
            row, at = o * ins, source + s
            for i in range(ins):
                x, y = load(held, at), load(held, at + WIDTH)
                w = spread(weights, row + i)
                a += w * x
                b += w * y
                w = spread(weights, row + ins + i)
                c += w * x
                d += w * y
                w = spread(weights, row + 2 * ins + i)
                e += w * x
                f += w * y
                w = spread(weights, row + 3 * ins + i)
                g += w * x
                h += w * y
                at += n
            if is_rectified:
                a, b, c, d = greater(a, nothing), greater(b, nothing), greater(c, nothing), greater(d, nothing)
                e, f, g, h = greater(e, nothing), greater(f, nothing), greater(g, nothing), greater(h, nothing)
            to = target + o * n + s
            store(held, to, a)
            store(held, to + WIDTH, b)
            to += n
            store(held, to, c)
            store(held, to + WIDTH, d)
            to += n
            store(held, to, e)
            store(held, to + WIDTH, f)
            to += n
            store(held, to, g)
            store(held, to + WIDTH, h)


@njit(cache=True, fastmath=True)
def cut_off(held, units, slopes, count):
    """slopes[slopes:] become 0 where the rectified units held[units:] are 0, `count` numbers."""
    nothing = filled(np.float32(0))
    for s in range(0, count, WIDTH):
        store(held, slopes + s, chosen(load(held, units + s) > nothing, load(held, slopes + s), nothing))


@njit(cache=True, fastmath=True)
def by_weights(held, slopes, outs, source, ins, n, found):
    """Adds to found (outs, ins) the sums over samples of slopes times inputs; ins a multiple of 2, outs of 4."""
    nothing = filled(np.float32(0))
    sums = np.empty(WIDTH, np.float32)
    for o in range(0, outs, 4):
        for i in range(0, ins, 2):
            a, b, c, d = nothing, nothing, nothing, nothing
            e, f, g, h = nothing, nothing, nothing, nothing
            one, two = source + i * n, source + i * n + n
            at = slopes + o * n
            for s in range(0, n, WIDTH):
                x, y = load(held, one + s), load(held, two + s)
                w = load(held, at + s)
                a += w * x
                b += w * y
                w = load(held, at + n + s)
                c += w * x
                d += w * y
                w = load(held, at + 2 * n + s)
                e += w * x
                f += w * y
                w = load(held, at + 3 * n + s)
                g += w * x
                h += w * y
            store(sums, 0, sums_of(a, b, c, d, e, f, g, h))
            for k in range(4):
                found[(o + k) * ins + i] += sums[2 * k]
                found[(o + k) * ins + i + 1] += sums[2 * k + 1]


@njit(cache=True, fastmath=True)
def of_eight(first, second, ins, hidden, given):
    """One number of eight samples, whose `ins` numbers lie eight side by side from given[0] on: two small layers.

    first (hidden, ins) is cut off at 0, hidden a multiple of 4; of second (outs, hidden) only the first row counts.
    """
    nothing = filled(np.float32(0))
    total = nothing
    for o in range(0, hidden, 4):
        a, b, c, d = nothing, nothing, nothing, nothing
        row = o * ins
        for i in range(ins):
            x = load(given, 8 * i)
            a += spread(first, row + i) * x
            b += spread(first, row + ins + i) * x
            c += spread(first, row + 2 * ins + i) * x
            d += spread(first, row + 3 * ins + i) * x
        total += spread(second, o) * greater(a, nothing) + spread(second, o + 1) * greater(b, nothing)
        total += spread(second, o + 2) * greater(c, nothing) + spread(second, o + 3) * greater(d, nothing)
    return total
