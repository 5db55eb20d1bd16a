"""A radiance field of a hash grid and a small network, compiled: its colours along rays, and how to learn it.

The plain version is `HashField` in models/fields.py with `composite` in graphics/radiance.py. A ray's samples are found
one after the other, until hardly any light is left; then all of some rays go through the network together, and back.

Numbers of N samples lie in rows, as kernels/products.py wants them: features E, hidden H, what is known of the density
16, harmonics of the direction 16, one or two layers of W, 4 of which three are the colour, and 2 about the light; then
the derivatives by all of them but the harmonics and the last.
"""

import math

import numpy as np
from numba import njit, prange

from maquette.kernels.grids import encode
from maquette.kernels.harmonics import harmonic_basis
from maquette.kernels.lanes import bits_of, chosen, exponential, filled, lesser, load, root, store
from maquette.kernels.marching import position, span, to_way, walk
from maquette.kernels.pairs import turn_over
from maquette.kernels.products import by_weights, cut_off, forward, of_eight

KNOWN = 16  # numbers between the two networks, the first of which is the density's logarithm; and of harmonics
LEFT = 1e-3  # of the light, below which a ray ends
THICK = -math.log(LEFT)
AHEAD = 4  # samples that are looked at together, before it is known whether any light gets to the last
MET = 0.02  # optical thickness of a step, where something is met
GROUP, LONGEST = 256, 256  # samples that go through the network together, at least, and those of one ray at most
ROOM = GROUP + LONGEST + 16
THICKEST = np.float32(12)  # logarithm of the density
BLOCK = 4096  # weights that a thread moves at a time
EIGHTS = 256  # places whose density a thread finds at a time
NEIGHBOURS = 64  # rays of a picture that one part takes at a time: they meet the same corners
PARTS = 16  # into which rays are cut: as many threads can work, and what comes out does not depend on how many do


@njit(cache=True, fastmath=True)
def _densities(features, at, ins, first, second, given, found):
    """Writes to found (8,) the densities of eight samples, whose features (N, E) begin with row `at`."""
    for e in range(0, ins, 8):
        turn_over(features, at * ins + e, ins, given, 8 * e, 8)
    store(found, 0, exponential(lesser(of_eight(first, second, ins, len(first) // ins, given), THICKEST)))


@njit(cache=True, fastmath=True)
def _gather(origin, way, phase, near, step, finer, is_endless, bits, grid, table, cells, size, first, second, room, n):
    """The samples of one ray into the room from n on: features, places, distances and lengths; how many there are.

    Where there is something, steps are `finer` times as short, until AHEAD of them have met hardly anything, or half
    as many samples are there as a ray may have.
    """
    features, places, distances, lengths, given, found = room
    start, end = span(origin, way, is_endless, near)
    t, thick, count, is_fine = start + phase * step, 0.0, 0, False
    most_fine = LONGEST // 2 if finer > 1 else 0  # through fog it must still get far
    while count < LONGEST and t < end:
        at = n + count
        now = step / finer if is_fine else step
        taken, t = walk(origin, way, t, end, now, is_endless, bits, grid, at, AHEAD, places, distances, lengths)
        if taken == 0:
            break
        encode(places, at, at + taken, table, cells, size, features)
        _densities(features, at, features.shape[1], first, second, given, found)
        kept, met = taken, 0.0
        for s in range(taken):
            here = found[s] * lengths[at + s]
            if here > MET and not is_fine and at < n + most_fine:  # what this step stands for is walked again
                t = distances[at + s] - (finer - 1) / (2 * finer) * lengths[at + s]
                is_fine, kept = True, s
                break
            met += here
            thick += here
            if thick > THICK:
                return count + s + 1
        count += kept
        if is_fine and kept == taken and (met < MET or count >= most_fine):
            is_fine = False
            t += (finer - 1) / 2 * lengths[at + taken - 1]
    return count


@njit(cache=True, fastmath=True)
def _forward(features, lengths, n, rays, ways, layers, held, basis):
    """The first n features (N, E) through both networks; n padded by 7 or more to 16s, and where rows begin.

    Sample s belongs to ray rays[s], which goes along ways[rays[s]]. Three rows of colours in 0..1 are followed by one
    of no meaning, what of the light gets through each sample, and densities.
    """
    first, second, third, fourth, last = layers
    E = features.shape[1]
    H, W = len(first) // E, len(last) // 4
    padded = -(-(n + 7) // 16) * 16
    features[n:padded] = 0
    for s in range(0, padded, 8):
        for e in range(0, E, 8):
            turn_over(features, s * E + e, E, held, e * padded + s, padded)
    h, k, c = E * padded, (E + H) * padded, (E + H + 2 * KNOWN) * padded
    forward(first, H, E, held, 0, h, padded, True)
    forward(second, KNOWN, H, held, h, k, padded, False)
    turned, s = k + KNOWN * padded, 0
    while s < n:
        ray, begin = rays[s], s
        harmonic_basis((filled(ways[ray, 0]), filled(ways[ray, 1]), filled(ways[ray, 2])), 3, basis)
        while s < n and rays[s] == ray:
            s += 1
        for number in range(KNOWN):
            row = turned + number * padded
            for at in range(begin, s, 8):  # what is beyond its end is the next ray's, or padding
                store(held, row + at, load(basis, 8 * number))
    for number in range(KNOWN):
        held[turned + number * padded + n : turned + (number + 1) * padded] = 0
    forward(third, W, 2 * KNOWN, held, k, c, padded, True)
    d = c
    if len(fourth):
        d = c + W * padded
        forward(fourth, W, W, held, c, d, padded, True)
    o = d + W * padded
    forward(last, 4, W, held, d, o, padded, False)
    one = filled(np.float32(1))
    for s in range(0, 3 * padded, 8):
        store(held, o + s, one / (one + exponential(-load(held, o + s))))
    thin = o + 4 * padded
    for s in range(0, padded, 8):
        dense = exponential(lesser(load(held, k + s), THICKEST))
        store(held, thin + s, exponential(-dense * load(lengths, s)))
        store(held, thin + padded + s, dense)
    return padded, h, k, c, d, o


@njit(cache=True, fastmath=True)
def _add(room, n, owners, ways, nets, colours, left, far):
    """What the first n samples of the room, of rays `owners`, add to colours, and to weights times distances."""
    features, _, distances, lengths, _, _ = room
    layers, held, basis = nets
    padded, _, _, _, _, o = _forward(features, lengths, n, owners, ways, layers, held, basis)
    for s in range(n):
        ray = owners[s]
        through = left[ray]
        left[ray] = through * held[o + 4 * padded + s]
        weight = through - left[ray]
        for colour in range(3):
            colours[ray, colour] += weight * held[o + colour * padded + s]
        far[ray] += weight * distances[s]


@njit(cache=True, fastmath=True, parallel=True)
def render(
    camera, width, middle, half, background, table, cells, size, layers, bits, grid, step, finer, is_endless, near,
    work, ways, colours, picture, left, depths,
):  # fmt: skip
    """A picture (3, R) of so many columns, what of the light is left (R,), and mean depths (R,), 0 where nothing is.

    camera (16,): as marching.py packs it, of the world in which the cube has the half side `half` around middle (3,);
    in its unit the depths are, along the camera's axis. work holds room for each of PARTS parts; ways and colours
    (R, 3) are room, too.
    """
    many = len(left)
    for part in prange(PARTS):  # from pixels to depths, all at once: between two kernels, threads fall asleep
        features, places, distances, lengths, given, found, held, owners, basis = work
        room = features[part], places[part], distances[part], lengths[part], given[part], found[part]
        nets = layers, held[part], basis[part]
        origin = np.empty(3, np.float32)
        for axis in range(3):
            origin[axis] = (position(camera, axis) - middle[axis]) / half
        n = 0
        for first in range(part * NEIGHBOURS, many, PARTS * NEIGHBOURS):
            for ray in range(first, min(first + NEIGHBOURS, many)):
                to_way(camera, ray % width, ray // width, ways[ray])
                count = _gather(
                    origin, ways[ray], 0.5, near, step, finer, is_endless, bits, grid, table, cells, size, layers[0],
                    layers[1], room, n,
                )  # fmt: skip
                owners[part, n : n + count] = ray
                n += count
                colours[ray], left[ray], depths[ray] = 0, 1, 0
                if n >= GROUP:
                    _add(room, n, owners[part], ways, nets, colours, left, depths)
                    n = 0
        if n:
            _add(room, n, owners[part], ways, nets, colours, left, depths)
        for first in range(part * NEIGHBOURS, many, PARTS * NEIGHBOURS):
            for ray in range(first, min(first + NEIGHBOURS, many)):
                for colour in range(3):
                    picture[colour, ray] = colours[ray, colour] + left[ray] * background[colour]
                met, along = 1 - left[ray], 0.0
                for axis in range(3):
                    along += ways[ray, axis] * camera[6 + axis]
                depths[ray] = depths[ray] / met * half * along if met > LEFT else 0


@njit(cache=True, fastmath=True, inline="always")
def measured(distance, length, is_endless):
    """A distance along a ray, and a length there, as they count: where space is contracted, less and less."""
    if not is_endless or distance <= 1:
        return distance, length
    return 2 - 1 / distance, length / (distance * distance)


@njit(cache=True, fastmath=True, parallel=True)
def learn(
    rays, targets, backgrounds, exposures, shares, spread, table, cells, size, layers, across, bits, grid, step,
    is_endless, near, work, places, slopes, counts, by_layers, losses, colours, left, by_shown, numbers,
):  # fmt: skip
    """The loss's derivatives by the layers and by the features of all samples, of rays as `render` takes them.

    The loss is the sum of shares (R,) times squared differences between targets (R, 3) and what is seen: the colour
    on backgrounds (R, 3), turned and shaded as exposures (R, 13), a matrix (3, 4) and a factor, say; and `spread` times
    how far apart along a ray what it sees lies, `spread_of` in graphics/radiance.py. across are layers turned over.
    places (PARTS, N, 3) and slopes (PARTS, N, E) get counts (PARTS,) samples each; by_layers (PARTS, all weights) is
    added to. Written are colours (R, 3), with the background, left (R,), by_shown (R, 3), derivatives by what is seen,
    and numbers (R,) of samples. A part without room leaves out its last rays: their numbers are -1.
    """
    origins, ways, phases = rays
    many = len(origins)
    first, second, third, fourth, last = layers
    first_across, second_across, third_across, fourth_across, last_across = across
    for part in prange(PARTS):
        features, at, distances, lengths, given, eight, held_all, owners, basis = work
        room = features[part], at[part], distances[part], lengths[part], given[part], eight[part]
        held, owner_of = held_all[part], owners[part]
        E = features.shape[2]
        H, W = len(first) // E, len(last) // 4
        ends = np.cumsum(np.array([len(first), len(second), len(third), len(fourth), len(last)]))
        found = by_layers[part]
        n, done, loss, most = 0, 0, 0.0, places.shape[1]
        for ray in range(part, many, PARTS):
            if done + n + ROOM > most:
                numbers[ray] = -1
                count = 0
            else:
                count = _gather(
                    origins[ray], ways[ray], phases[ray], near, step, 1, is_endless, bits, grid, table, cells, size,
                    first, second, room, n,
                )  # fmt: skip
                numbers[ray] = count
            owner_of[n : n + count] = ray
            n += count
            if count == 0:  # nothing is seen but the background
                left[ray] = 1
                for colour in range(3):
                    colours[ray, colour], by_shown[ray, colour] = backgrounds[ray, colour], 0
                    if numbers[ray] == 0:
                        off = backgrounds[ray, colour] - targets[ray, colour]
                        loss += shares[ray] * off * off
            if n == 0 or (n < GROUP and ray + PARTS < many):
                continue
            padded, h, k, c, d, o = _forward(
                features[part], lengths[part], n, owner_of, ways, layers, held, basis[part]
            )
            thin, dense = o + 4 * padded, o + 5 * padded
            b = o + 6 * padded  # derivatives by features, hidden, known, layers and colours follow each other
            by_h, by_k = b + E * padded, b + (E + H) * padded
            by_c = by_k + KNOWN * padded
            by_d = by_c + (d - c)
            by_o = by_d + W * padded
            held[by_o : by_o + 4 * padded] = 0
            begin = 0
            while begin < n:
                owner, s = owner_of[begin], begin
                red, green, blue, through, met, met_at, apart = 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0
                while s < n and owner_of[s] == owner:
                    rest = through * held[thin + s]
                    weight = through - rest
                    where, length = measured(distances[part, s], lengths[part, s], is_endless)
                    apart += weight * (2 * (where * met - met_at) + weight * length / 3)
                    met += weight
                    met_at += weight * where
                    red += weight * held[o + s]
                    green += weight * held[o + padded + s]
                    blue += weight * held[o + 2 * padded + s]
                    held[thin + s] = rest
                    through = rest
                    s += 1
                end = s
                ground = backgrounds[owner]
                red += through * ground[0]
                green += through * ground[1]
                blue += through * ground[2]
                colours[owner, 0], colours[owner, 1], colours[owner, 2], left[owner] = red, green, blue, through
                m, share = exposures[owner], shares[owner]
                by_red, by_green, by_blue = 0.0, 0.0, 0.0
                for colour in range(3):
                    r = 4 * colour
                    shown = m[12] * (m[r] * red + m[r + 1] * green + m[r + 2] * blue + m[r + 3])
                    off = shown - targets[owner, colour]
                    loss += share * off * off
                    slope = 2 * share * off
                    by_shown[owner, colour] = slope
                    by_red += slope * m[12] * m[r]
                    by_green += slope * m[12] * m[r + 1]
                    by_blue += slope * m[12] * m[r + 2]
                loss += share * spread * apart
                beyond = through * (by_red * ground[0] + by_green * ground[1] + by_blue * ground[2])
                behind, behind_at = 0.0, 0.0
                for s in range(end - 1, begin - 1, -1):
                    weight = (held[thin + s - 1] if s > begin else 1.0) - held[thin + s]
                    where, length = measured(distances[part, s], lengths[part, s], is_endless)
                    met -= weight
                    met_at -= weight * where
                    apart = where * (met - behind) - met_at + behind_at + weight * length / 3
                    behind += weight
                    behind_at += weight * where
                    r, g, e = held[o + s], held[o + padded + s], held[o + 2 * padded + s]
                    here = by_red * r + by_green * g + by_blue * e + 2 * share * spread * apart
                    held[by_o + s] = weight * by_red * r * (1 - r)
                    held[by_o + padded + s] = weight * by_green * g * (1 - g)
                    held[by_o + 2 * padded + s] = weight * by_blue * e * (1 - e)
                    thick = (held[thin + s] * here - beyond) * lengths[part, s]
                    distances[part, s] = thick * held[dense + s]
                    beyond += weight * here
                begin = end
            by_weights(held, by_o, 4, d, W, padded, found[ends[3] : ends[4]])
            forward(last_across, W, 4, held, by_o, by_d, padded, False)
            cut_off(held, d, by_d, W * padded)
            if len(fourth):
                by_weights(held, by_d, W, c, W, padded, found[ends[2] : ends[3]])
                forward(fourth_across, W, W, held, by_d, by_c, padded, False)
                cut_off(held, c, by_c, W * padded)
            by_weights(held, by_c, W, k, 2 * KNOWN, padded, found[ends[1] : ends[2]])
            forward(third_across, KNOWN, W, held, by_c, by_k, padded, False)
            for s in range(n):
                if held[k + s] < THICKEST:
                    held[by_k + s] += distances[part, s]
            by_weights(held, by_k, KNOWN, h, H, padded, found[ends[0] : ends[1]])
            forward(second_across, H, KNOWN, held, by_k, by_h, padded, False)
            cut_off(held, h, by_h, H * padded)
            by_weights(held, by_h, H, 0, E, padded, found[: ends[0]])
            forward(first_across, E, H, held, by_h, b, padded, False)
            for s in range(n):
                for axis in range(3):
                    places[part, done + s, axis] = at[part, s, axis]
            for s in range(0, padded, 8):
                for e in range(0, E, 8):
                    turn_over(held, b + e * padded + s, padded, slopes[part], (done + s) * E + e, E)
            done += n
            n = 0
        counts[part], losses[part] = done, loss


@njit(cache=True, fastmath=True, parallel=True)
def thicken(cells_of, shifts, values, decay, step, is_endless, grid, table, cells, size, first, second):
    """Refreshes values (G^3,) at cells (N,): the optical thickness of a step at a place of each, or what was, decayed.

    shifts (N, 3) in 0..1 are the places in their cells, and are overwritten.
    """
    for n in prange(len(cells_of)):
        cell = cells_of[n]
        shifts[n, 0] = (cell % grid + shifts[n, 0]) / grid
        shifts[n, 1] = (cell // grid % grid + shifts[n, 1]) / grid
        shifts[n, 2] = (cell // (grid * grid) + shifts[n, 2]) / grid
    found = np.empty(len(cells_of), np.float32)
    densities(shifts, table, cells, size, first, second, found)
    for n in prange(len(cells_of)):
        length = step
        if is_endless:
            most = max(abs(4 * shifts[n, 0] - 2), abs(4 * shifts[n, 1] - 2), abs(4 * shifts[n, 2] - 2))
            if most > 1:
                length = step / (2 - most) ** 2
        cell = cells_of[n]
        values[cell] = max(values[cell] * decay, np.float32(found[n] * length))


@njit(cache=True, fastmath=True, parallel=True)
def densities(places, table, cells, size, first, second, found):
    """The density (N,) at places (N, 3) in 0..1 of the grid."""
    ins = 4 * len(cells)
    for block in prange(-(-len(places) // EIGHTS)):
        features, given, eight = (
            np.empty((EIGHTS, ins), np.float32),
            np.empty(8 * ins, np.float32),
            np.empty(8, np.float32),
        )
        begin = block * EIGHTS
        end = min(begin + EIGHTS, len(places))
        encode(places[begin:end], 0, end - begin, table, cells, size, features)
        for n in range(begin, end, 8):
            _densities(features, n - begin, ins, first, second, given, eight)
            for s in range(min(8, end - n)):
                found[n + s] = eight[s]


@njit(cache=True, fastmath=True, parallel=True)
def step_of_adam(values, first, second, slopes, step_size, first_share, second_share, tiny, decay):
    """A step of Adam where a slope is not 0, after which it is; numbers stay as they are elsewhere.

    first_share and second_share are 1 - 0.9^steps and 1 - 0.99^steps; decay: of the values, a step. There are a
    multiple of 8 of them.
    """
    nothing, size, kept = filled(np.float32(0)), step_size / first_share, np.float32(1) - decay
    for block in prange(-(-len(values) // BLOCK)):
        for n in range(block * BLOCK, min((block + 1) * BLOCK, len(values)), 8):
            slope = load(slopes, n)
            square = slope * slope
            is_moved = square > nothing
            if not bits_of(is_moved):
                continue
            mean, spread = load(first, n), load(second, n)
            mean = chosen(is_moved, mean + np.float32(0.1) * (slope - mean), mean)
            spread = chosen(is_moved, spread + np.float32(0.01) * (square - spread), spread)
            store(first, n, mean)
            store(second, n, spread)
            value = load(values, n)
            moved = value * kept - mean * size / (root(spread / filled(second_share)) + tiny)
            store(values, n, chosen(is_moved, moved, value))
            store(slopes, n, nothing)
