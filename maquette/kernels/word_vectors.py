"""Vectors of words learnt from windows of text, compiled: skip-gram and CBOW with negative sampling.

Mikolov et al. 2013 ("Distributed Representations of Words and Phrases and their Compositionality", equation 4). The
negatives of a window are shared by its words (Ji et al. 2016), so that a window is three small products of matrices,
done in tiles of two words by three targets that stay in registers. The plain version is methods/word_vectors.py.
"""

import numpy as np
from numba import njit

CLAMP = 10.0  # beyond, the logistic function is 0 or 1
STEPS = 64  # entries of its table for each 1 of its argument
MEASURED = 8  # of so many windows one adds to the loss that is told
TILE = 3  # targets that are multiplied at once; their number is filled up with none to a multiple of it


def logistic_table() -> np.ndarray:
    """1 / (1 + e^-x) from -10 to 10, for interpolation to 3e-6."""
    x = np.arange(-CLAMP * STEPS, CLAMP * STEPS + 2) / STEPS
    return (1 / (1 + np.exp(-x))).astype(np.float32)


@njit(cache=True, fastmath=True, nogil=True)
def train_sentences(
    words, starts, order, keeping, chances, aliases, bag_starts, bags, inputs, outputs, window, negatives, rate, state,
    is_cbow, table,
):  # fmt: skip
    """Train on the sentences `order` of a stretch, in place; gives the loss of a part of the windows, and how many.

    words (N,) int32, of which sentence s is starts[s] .. starts[s + 1]; keeping (V,): the chance that a word is kept;
    chances, aliases (V,): from which negatives are drawn (Walker 1977); bags[bag_starts[w] .. bag_starts[w + 1]]: the
    rows of inputs (R, D) whose mean is the vector of a word; outputs (V, D). state (1,) uint64: chance, changed.
    """
    width = inputs.shape[1]
    most = 2 * window + 2
    targets = (negatives + 1 + TILE - 1) // TILE * TILE
    x, dx = np.zeros((most, width), np.float32), np.zeros((most, width), np.float32)
    y = np.zeros((targets, width), np.float32)
    slopes = np.zeros((most, targets), np.float32)
    mean = np.zeros((2, width), np.float32)
    contexts, drawn = np.zeros(most, np.int32), np.zeros(targets, np.int32)
    longest = 0
    for place in range(len(order)):
        longest = max(longest, starts[order[place] + 1] - starts[order[place]])
    kept = np.empty(longest, np.int32)
    chance = state[0]
    loss, losses, centres = 0.0, 0, 0
    vocabulary = np.uint64(len(keeping))
    low = np.uint64(0xFFFFFFFF)
    scale = np.float32(1.0 / 4294967296.0)
    for place in range(len(order)):
        length = 0
        for at in range(starts[order[place]], starts[order[place] + 1]):
            chance ^= chance << np.uint64(13)
            chance ^= chance >> np.uint64(7)
            chance ^= chance << np.uint64(17)
            if np.float32((chance >> np.uint64(32)) & low) * scale < keeping[words[at]]:
                kept[length] = words[at]
                length += 1
        for centre in range(length):
            chance ^= chance << np.uint64(13)
            chance ^= chance >> np.uint64(7)
            chance ^= chance << np.uint64(17)
            reach = 1 + int((chance >> np.uint64(33)) % np.uint64(window))
            many = 0
            for at in range(max(0, centre - reach), min(length, centre + reach + 1)):
                if at != centre:
                    contexts[many] = kept[at]
                    many += 1
            if many == 0:
                continue
            is_measured = centres % MEASURED == 0
            centres += 1
            drawn[0] = kept[centre]
            for t in range(1, negatives + 1):
                chance ^= chance << np.uint64(13)
                chance ^= chance >> np.uint64(7)
                chance ^= chance << np.uint64(17)
                word = np.int32((chance >> np.uint64(33)) % vocabulary)
                if np.float32(chance & low) * scale >= chances[word]:
                    word = aliases[word]
                drawn[t] = word
            # what goes in
            for c in range(many):
                first, last = bag_starts[contexts[c]], bag_starts[contexts[c] + 1]
                row = inputs[bags[first]]
                for d in range(width):
                    x[c, d] = row[d]
                if last - first > 1:
                    for b in range(first + 1, last):
                        row = inputs[bags[b]]
                        for d in range(width):
                            x[c, d] += row[d]
                    part = np.float32(1.0 / (last - first))
                    for d in range(width):
                        x[c, d] *= part
            rows, source = many, x
            if is_cbow:
                part = np.float32(1.0 / many)
                for d in range(width):
                    total = np.float32(0)
                    for c in range(many):
                        total += x[c, d]
                    mean[0, d] = total * part
                rows, source = 1, mean
            elif rows % 2:
                for d in range(width):
                    x[rows, d] = 0
            for t in range(negatives + 1):
                row = outputs[drawn[t]]
                for d in range(width):
                    y[t, d] = row[d]
            # products
            for c in range(0, rows, 2):
                a, b = source[c], source[c + 1]
                for t in range(0, negatives + 1, TILE):
                    u, v, w = y[t], y[t + 1], y[t + 2]
                    au = av = aw = bu = bv = bw = np.float32(0)
                    for d in range(width):
                        au += a[d] * u[d]
                        av += a[d] * v[d]
                        aw += a[d] * w[d]
                        bu += b[d] * u[d]
                        bv += b[d] * v[d]
                        bw += b[d] * w[d]
                    slopes[c, t], slopes[c, t + 1], slopes[c, t + 2] = au, av, aw
                    slopes[c + 1, t], slopes[c + 1, t + 1], slopes[c + 1, t + 2] = bu, bv, bw
            # slopes: rate times (whether it is the word - probability)
            for c in range(rows):
                for t in range(negatives + 1):
                    value = min(max(slopes[c, t], -CLAMP), CLAMP)
                    at_table = (value + CLAMP) * STEPS
                    entry = min(max(int(at_table), 0), len(table) - 2)  # also where it is no number any more
                    p = table[entry] + np.float32(at_table - entry) * (table[entry + 1] - table[entry])
                    is_drawn_again = t > 0 and drawn[t] == drawn[0]
                    slopes[c, t] = np.float32(0) if is_drawn_again else rate * (np.float32(t == 0) - p)
                    if is_measured and not is_drawn_again:
                        loss -= np.log(max(p if t == 0 else 1 - p, np.float32(1e-7)))
                if is_measured:
                    losses += 1
                for t in range(negatives + 1, targets):
                    slopes[c, t] = 0
            if rows % 2:
                for t in range(targets):
                    slopes[rows, t] = 0
            # what changes by them
            for c in range(rows):
                into = dx[c]
                for t in range(0, targets, TILE):
                    p, q, r = slopes[c, t], slopes[c, t + 1], slopes[c, t + 2]
                    u, v, w = y[t], y[t + 1], y[t + 2]
                    if t == 0:
                        for d in range(width):
                            into[d] = p * u[d] + q * v[d] + r * w[d]
                    else:
                        for d in range(width):
                            into[d] += p * u[d] + q * v[d] + r * w[d]
            for t in range(negatives + 1):
                into = outputs[drawn[t]]
                for c in range(0, rows, 2):
                    p, q = slopes[c, t], slopes[c + 1, t]
                    a, b = source[c], source[c + 1]
                    for d in range(width):
                        into[d] += p * a[d] + q * b[d]
            for c in range(many):
                step = dx[0] if is_cbow else dx[c]
                for b in range(bag_starts[contexts[c]], bag_starts[contexts[c] + 1]):
                    row = inputs[bags[b]]
                    for d in range(width):
                        row[d] += step[d]
    state[0] = chance
    return loss, losses


@njit(cache=True, nogil=True)
def add_changes(base, copies, parts, first, last):
    """base += parts[row] x the changes of all copies since they were equal to base, rows first .. last.

    Copies then equal base again.
    """
    shards, width = copies.shape[0], base.shape[1]
    for row in range(first, last):
        for d in range(width):
            before = base[row, d]
            change = np.float32(0)
            for shard in range(shards):
                change += copies[shard, row, d] - before
            total = before + parts[row] * change
            base[row, d] = total
            for shard in range(shards):
                copies[shard, row, d] = total


def compile_all() -> None:
    """Have every kernel compiled for what it is given: text mapped from files is read-only."""
    words, starts = np.zeros(2, np.int32), np.array([0, 2], np.int64)
    words.flags.writeable = starts.flags.writeable = False
    rows, even = np.zeros((1, 2, 8), np.float32), np.ones(2, np.float32)
    for is_cbow in (False, True):
        train_sentences(
            words, starts, np.zeros(1, np.int64), even, even, np.zeros(2, np.int32), np.arange(3),
            np.zeros(2, np.int32), rows[0], rows[0].copy(), 2, 5, np.float32(0), np.ones(1, np.uint64), is_cbow,
            logistic_table(),
        )  # fmt: skip
    add_changes(rows[0], rows, even, 0, 2)


if __name__ == "__main__":
    compile_all()
