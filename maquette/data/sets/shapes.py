"""Pictures of scenes of shapes, drawn by signed distances.

Every picture follows from its scene (shape_words.py) and a little chance: where things stand, how large they are, how
they are turned. Distances in the manner of Quilez, "2D distance functions".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maquette.data.sets.shape_words import (
    ACTION,
    BESIDE,
    COLOUR,
    JUMPING,
    LEANING,
    NUMBER,
    ON,
    PLACE,
    ROLLING,
    SECOND_COLOUR,
    SECOND_SHAPE,
    SHAPE,
    SHAPES,
    STANDING,
    STYLE,
    STYLES,
)

PALETTE = np.array([
    [0.84, 0.12, 0.14], [0.97, 0.53, 0.05], [0.95, 0.84, 0.08], [0.10, 0.60, 0.22],
    [0.10, 0.76, 0.84], [0.13, 0.28, 0.84], [0.50, 0.18, 0.68], [0.97, 0.50, 0.76],
], np.float32)  # fmt: skip
DARK = np.array([0.25, 0.25, 0.25], np.float32)  # of lines
LINE = 0.02  # half the thickness of lines, in parts of the picture's side
STROKE, EDGE = 0.20, 0.09  # of an outlined shape, and of one with a pattern; in parts of its radius
STRIPES, DOTS, DOT = 0.52, 0.64, 0.20  # distances between stripes and dots, radius of a dot
SIDE = 32  # pixels
AT_ONCE = 500  # pictures drawn together


# -- shapes of radius 1 about the origin, y down -----------------------------------------------------------------------


def polygon(corners: Sequence[tuple[float, float]], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The signed distance to a polygon, negative inside."""
    least = np.full(x.shape, np.inf, np.float32)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        ex, ey = bx - ax, by - ay
        px, py = x - ax, y - ay
        along = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
        least = np.minimum(least, (px - along * ex) ** 2 + (py - along * ey) ** 2)
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * ((bx - ax) / (by - ay)))
    return np.sqrt(least) * np.where(inside, -1, 1).astype(np.float32)


def star_corners() -> list[tuple[float, float]]:
    angles = -np.pi / 2 + np.pi / 5 * np.arange(10)
    radii = np.where(np.arange(10) % 2, 0.46, 1.08)
    return [(float(r * np.cos(a)), float(r * np.sin(a)) + 0.08) for r, a in zip(radii, angles, strict=True)]


TRIANGLE = [(0.0, -0.98), (1.0, 0.78), (-1.0, 0.78)]
CROSS = [
    (-0.33, -0.98), (0.33, -0.98), (0.33, -0.33), (0.98, -0.33), (0.98, 0.33), (0.33, 0.33),
    (0.33, 0.98), (-0.33, 0.98), (-0.33, 0.33), (-0.98, 0.33), (-0.98, -0.33), (-0.33, -0.33),
]  # fmt: skip
ARROW = [(-1.0, -0.3), (0.1, -0.3), (0.1, -0.85), (1.0, 0.0), (0.1, 0.85), (0.1, 0.3), (-1.0, 0.3)]
STAR = star_corners()


def distance(shape: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The signed distance to a shape of radius 1 at the origin."""
    if SHAPES[shape] == "circle":
        return np.hypot(x, y) - np.float32(0.95)
    if SHAPES[shape] == "square":
        across, down = np.abs(x) - np.float32(0.84), np.abs(y) - np.float32(0.84)
        return np.hypot(np.maximum(across, 0), np.maximum(down, 0)) + np.minimum(np.maximum(across, down), 0)
    if SHAPES[shape] == "heart":
        u, v = (x + y + np.float32(0.04)) * np.float32(0.7071), (y - x + np.float32(0.04)) * np.float32(0.7071)
        across, down = np.abs(u) - np.float32(0.62), np.abs(v) - np.float32(0.62)
        middle = np.hypot(np.maximum(across, 0), np.maximum(down, 0)) + np.minimum(np.maximum(across, down), 0)
        lobes = np.hypot(np.abs(x) - np.float32(0.43), y + np.float32(0.36)) - np.float32(0.56)
        return np.minimum(middle, lobes)
    if SHAPES[shape] == "moon":
        return np.maximum(
            np.hypot(x + np.float32(0.1), y) - np.float32(0.98), np.float32(0.78) - np.hypot(x - np.float32(0.42), y)
        )
    corners = {"triangle": TRIANGLE, "star": STAR, "cross": CROSS, "arrow": ARROW}[SHAPES[shape]]
    return polygon(corners, x, y)


def rims() -> np.ndarray:
    """Points on the edge of each shape, (8, P, 2)."""
    grid = np.linspace(-1.15, 1.15, 93, dtype=np.float32)
    x, y = (each.ravel() for each in np.meshgrid(grid, grid))
    found = []
    for shape in range(len(SHAPES)):
        near = distance(shape, x, y)
        rows = np.argsort(np.abs(near))[:300]
        found.append(np.stack([x[rows], y[rows]], 1))
    return np.stack(found)


RIMS = rims()


def reach(shapes: np.ndarray, turns: np.ndarray, toward: np.ndarray) -> np.ndarray:
    """How far shapes, turned by an angle, reach in the direction of another, in parts of their radius; (N,) each."""
    along = np.stack([np.cos(toward - turns), np.sin(toward - turns)], -1)
    return np.einsum("npd,nd->np", RIMS[shapes], along).max(1)


# -- pictures ----------------------------------------------------------------------------------------------------------


@dataclass
class Layout:
    """Where everything of N scenes is, in parts of the side, y down.

    things (N, 5, 4): x, y, radius and turn of the second thing and of up to four copies, radius 0 where there is none;
    lines (N, 4): the ends x, y, x, y of the line, NaN where there is none.
    """

    things: np.ndarray
    lines: np.ndarray


def layout(scenes: np.ndarray, g: np.random.Generator) -> Layout:
    """A place for everything, with a little chance, as is the side where a scene (N, 8) leaves it open."""
    total = len(scenes)
    shape, number, action = scenes[:, SHAPE], scenes[:, NUMBER], scenes[:, ACTION]
    things, lines = np.zeros((total, 5, 4)), np.full((total, 4), np.nan)
    dx, dy, grow = g.uniform(-0.03, 0.03, total), g.uniform(-0.03, 0.03, total), g.uniform(0.93, 1.07, total)
    side, rolled = np.where(g.random(total) < 0.5, -1.0, 1.0), g.uniform(-0.1, 0.1, total)
    side = np.where(scenes[:, PLACE] < 0, side, 2.0 * scenes[:, PLACE] - 1)
    down, flat = np.full(total, np.pi / 2), np.zeros(total)

    one = (action < BESIDE) & (number == 0)
    radius = 0.31 * grow
    turn = np.select([action == LEANING, action == ROLLING], [side * 0.35, side * (0.8 + rolled / radius)], 0.0)
    x, y = 0.5 + dx, 0.5 + dy
    # standing: on the ground
    ground = 0.88 + 0.5 * dy
    y = np.where(action == STANDING, ground - radius * reach(shape, turn, down) - LINE, y)
    # leaning: against a wall
    toward = np.where(side > 0, 0.0, np.pi)
    wall = 0.5 + side * (0.40 + 0.5 * dx)
    x = np.where(action == LEANING, wall - side * (radius * reach(shape, turn, toward) + LINE), x)
    # jumping: high above a short line
    y = np.where(action == JUMPING, 0.36 + dy, y)
    radius = np.where(action == JUMPING, 0.28 * grow, radius)
    # rolling: down a slope, turned as far as it has come
    slope = side * 0.42
    x = np.where(action == ROLLING, x + side * rolled * np.cos(slope), x)
    y = np.where(action == ROLLING, y + rolled * np.abs(np.sin(slope)), y)
    normal = np.pi / 2 + slope
    gap = radius * reach(shape, turn, normal) + LINE
    foot_x, foot_y = x + gap * np.cos(normal), y - 0.07 + gap * np.sin(normal)
    y = np.where(action == ROLLING, y - 0.07, y)
    things[:, 1] = np.where(one[:, None], np.stack([x, y, radius, turn], 1), 0)
    left, right = foot_x - 0.04, 0.96 - foot_x
    ends = {
        STANDING: (np.full(total, 0.06), ground, np.full(total, 0.94), ground),
        LEANING: (wall, np.full(total, 0.08), wall, np.full(total, 0.92)),
        JUMPING: (x - 0.24, 0.91 + 0.3 * dy, x + 0.24, 0.91 + 0.3 * dy),
        ROLLING: (foot_x - left, foot_y - left * np.tan(slope), foot_x + right, foot_y + right * np.tan(slope)),
    }
    for which, line in ends.items():
        lines = np.where((one & (action == which))[:, None], np.stack(line, 1), lines)

    # several, standing: two in a row, three as a pyramid, four in a square
    several = (action == STANDING) & (number > 0)
    small = np.where(number == 1, 0.215, 0.195) * grow
    ground = np.where(number == 1, 0.78, 0.93) + 0.5 * dy
    low = ground - small * reach(shape, flat, down) - LINE
    high = low - 2.12 * small
    spread = np.where(number == 1, 0.235, 0.215) * grow
    places = {
        1: ((-1, low), (1, low)),
        2: ((-1, low), (1, low), (0, high)),
        3: ((-1, low), (1, low), (-1, high), (1, high)),
    }
    for count, spots in places.items():
        chosen = several & (number == count)
        for copy, (across, y_of) in enumerate(spots, 1):
            placed = np.stack([0.5 + 0.5 * dx + across * spread, y_of, small, flat], 1)
            things[:, copy] = np.where(chosen[:, None], placed, things[:, copy])
    base_line = np.stack([np.full(total, 0.06), ground, np.full(total, 0.94), ground], 1)
    lines = np.where(several[:, None], base_line, lines)

    # beside or on top of a second thing
    small, second = 0.215 * grow, np.maximum(scenes[:, SECOND_SHAPE], 0)
    beside, on = action == BESIDE, action == ON
    apart = 0.235 + 0.5 * np.abs(dx)
    mine = np.stack([0.5 + side * apart, 0.5 + 2 * dy, small, flat], 1)
    its = np.stack([0.5 - side * apart, 0.5 + 2 * dx, small, flat], 1)
    base = 0.95 + 0.5 * dy - small * reach(second, flat, down)
    top = base - small * reach(second, flat, -down)
    above = np.stack([0.5 + dx, top - small * reach(shape, flat, down), small, flat], 1)
    below = np.stack([0.5 + 0.5 * dx, base, small, flat], 1)
    things[:, 1] = np.where(beside[:, None], mine, np.where(on[:, None], above, things[:, 1]))
    things[:, 0] = np.where(beside[:, None], its, np.where(on[:, None], below, 0))
    return Layout(things, lines)


def draw(scenes: np.ndarray, seed: int, size: int = SIDE) -> np.ndarray:
    """Pictures (N, size, size, 3) uint8 of scenes (N, 8), on nearly white ground; the same seed gives the same."""
    g = np.random.default_rng(seed)
    where = layout(scenes, g)
    ground = g.uniform(0.95, 1.0, (len(scenes), 1)).astype(np.float32)
    tint = g.uniform(-0.03, 0.03, (len(scenes), 2, 3)).astype(np.float32)
    made = np.empty((len(scenes), size, size, 3), np.uint8)
    for start in range(0, len(scenes), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        some = Layout(where.things[rows], where.lines[rows])
        made[rows] = drawn(scenes[rows], some, ground[rows], tint[rows], size)
    return made


def drawn(scenes: np.ndarray, where: Layout, ground: np.ndarray, tint: np.ndarray, size: int) -> np.ndarray:
    total = len(scenes)
    middles = ((np.arange(size, dtype=np.float32) + 0.5) / size).astype(np.float32)
    canvas = np.broadcast_to(ground[:, None, None], (total, size, size, 3)).astype(np.float32)
    has_line = np.flatnonzero(np.isfinite(where.lines[:, 0]))
    if len(has_line):
        lined = segment(where.lines[has_line].astype(np.float32), middles)
        paint(canvas, has_line, np.clip(0.5 - (lined - LINE) * size, 0, 1), np.broadcast_to(DARK, (len(has_line), 3)))
    colours = {0: SECOND_COLOUR, 1: COLOUR}
    for slot in range(where.things.shape[1]):
        mine = min(slot, 1)
        its = scenes[:, SECOND_SHAPE] if slot == 0 else scenes[:, SHAPE]
        for shape in range(len(SHAPES)):
            rows = np.flatnonzero((where.things[:, slot, 2] > 0) & (its == shape))
            if not len(rows):
                continue
            styles = np.zeros(len(rows), int) if slot == 0 else scenes[rows, STYLE]
            cover = covered(shape, styles, where.things[rows, slot].astype(np.float32), middles)
            hue = np.clip(PALETTE[scenes[rows, colours[mine]]] + tint[rows, mine], 0, 1)
            paint(canvas, rows, cover, hue)
    return np.rint(np.clip(canvas, 0, 1) * 255).astype(np.uint8)


def paint(canvas: np.ndarray, rows: np.ndarray, cover: np.ndarray, colour: np.ndarray) -> None:
    """Colours (R, 3) over some pictures, where they cover (R, S, S) them."""
    cover = cover[..., None]
    canvas[rows] = canvas[rows] * (1 - cover) + colour[:, None, None] * cover


def segment(lines: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """The distance of every pixel to a line from (x, y) to (x, y): (N, S, S)."""
    ax, ay, bx, by = (lines[:, place, None, None] for place in range(4))
    px, py = middles[None, None] - ax, middles[None, :, None] - ay
    ex, ey = bx - ax, by - ay
    along = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
    return np.hypot(px - along * ex, py - along * ey)


def covered(shape: int, styles: np.ndarray, things: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """How much of every pixel things (N, 4) of one shape cover, (N, S, S) in 0..1, each in its style."""
    cx, cy, radius, turn = (things[:, place, None, None] for place in range(4))
    px, py = (middles[None, None] - cx) / radius, (middles[None, :, None] - cy) / radius
    cos, sin = np.cos(turn), np.sin(turn)
    x, y = px * cos + py * sin, py * cos - px * sin
    d = distance(shape, x, y)
    pixels = radius * len(middles)  # of one radius
    inside = sharp(d, pixels)
    cover = inside.copy()
    for style, name in enumerate(STYLES):
        rows = np.flatnonzero(styles == style)
        if name == "filled" or not len(rows):
            continue
        p, its = pixels[rows], d[rows]
        if name == "outlined":
            cover[rows] *= 1 - sharp(its + STROKE, p)
            continue
        if name == "striped":
            wave = np.abs((y[rows] / STRIPES + 0.25) % 1 - 0.5) * STRIPES - STRIPES / 4
        else:
            across, down = ((each[rows] / DOTS + 0.5) % 1 - 0.5 for each in (x, y))
            wave = np.hypot(across, down) * DOTS - DOT
        edge = 1 - sharp(its + EDGE, p)
        cover[rows] *= np.maximum(edge, 1 - sharp(wave, p))
    return cover


def sharp(d: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The part of a pixel that lies where d is negative, by the distance to its edge in pixels."""
    return np.clip(np.float32(0.5) - d * pixels, 0, 1)
