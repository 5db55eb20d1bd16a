"""Does a picture of shapes show what words say? Told from the pixels alone, each attribute apart.

Every pixel is mixed from white and the colour of the palette that explains it best. What one colour covers is cut out,
brought to one size and laid over cut-outs of some thousand rendered scenes; the nearest tells shape, style and number.
Where the grey line lies tells the action and its side, where two colours lie, what is beside or on what.
"""

from functools import cache

import numpy as np

from maquette.data.sets.shape_set import all_scenes, balanced
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
)
from maquette.data.sets.shapes import DARK, PALETTE, SIDE, covered, layout

ATTRIBUTES = {
    "shape": (SHAPE,),
    "colour": (COLOUR,),
    "style": (STYLE,),
    "number": (NUMBER,),
    "action": (ACTION,),
    "second": (SECOND_SHAPE, SECOND_COLOUR),
    "place": (PLACE,),
}
CUT = 20  # side of a cut-out
LEAST = 0.012  # of the picture's area that a colour covers to count
TEMPLATES, TURNED = 9_000, 6_000
THIN = 0.15  # of the picture's side
VOTES = 3  # nearest templates that are asked
AT_ONCE = 500  # pictures looked at together


def cover_of(pictures: np.ndarray) -> np.ndarray:
    """How much of a colour every pixel has, the one that explains it best: (N, 9, S, S), the ninth the grey of lines.

    pictures (N, S, S, 3) in 0..1.
    """
    pictures = pictures.astype(np.float32, copy=False)
    bright = np.quantile(pictures.reshape(len(pictures), -1, 3)[:, ::3], 0.9, axis=1)
    ground = np.clip(bright, 0.8, 1).astype(np.float32)[:, None, None]
    away = ground - pictures
    hues = np.concatenate([PALETTE, DARK[None]])
    best, least = np.zeros(pictures.shape[:3], int), np.full(pictures.shape[:3], np.inf, np.float32)
    share = np.zeros(pictures.shape[:3], np.float32)
    for number, hue in enumerate(hues):
        toward = ground - hue
        along = np.clip((away * toward).sum(-1) / (toward**2).sum(-1), 0, 1.05)
        rest = ((away - along[..., None] * toward) ** 2).sum(-1)
        nearer = rest < least
        best, least = np.where(nearer, number, best), np.where(nearer, rest, least)
        share = np.where(nearer, along, share)
    share = np.where((away**2).sum(-1) > 0.01, np.minimum(share, 1), 0)
    return np.stack([np.where(best == number, share, 0) for number in range(len(hues))], 1).astype(np.float32)


def cut_out(masks: np.ndarray) -> np.ndarray:
    """Masks (N, S, S) cut to what they cover and brought to one size, with its shape: (N, CUT CUT + 2)."""
    total, size = masks.shape[:2]
    made = np.zeros((total, CUT * CUT + 2), np.float32)
    filled = masks > 0.35
    columns, lines = np.any(filled, axis=1), np.any(filled, axis=2)
    rows = np.flatnonzero(np.any(columns, axis=1))
    if not len(rows):
        return made
    ends = []
    for taken, across in ((columns[rows], masks[rows].max(1)), (lines[rows], masks[rows].max(2))):
        first, last = taken.argmax(1), size - 1 - taken[:, ::-1].argmax(1)
        # the edge lies within a pixel, by how much of it is covered
        one = np.arange(len(rows))
        ends.append((first + 1 - np.clip(across[one, first], 0.35, 1), last + np.clip(across[one, last], 0.35, 1)))
    (left, right), (top, bottom) = ends
    steps = (np.arange(CUT) + 0.5) / CUT
    x = left[:, None] + steps * (right - left)[:, None] - 0.5
    y = top[:, None] + steps * (bottom - top)[:, None] - 0.5
    cut = bilinear(masks[rows], x, y)
    wide, high = np.maximum(right - left, 0.5), np.maximum(bottom - top, 0.5)
    ratio, extent = np.log(wide / high), np.sqrt(wide * high) / size
    made[rows] = np.column_stack([cut.reshape(len(rows), -1), 6 * ratio, 8 * extent])
    return made


def bilinear(masks: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Masks (N, S, S) at columns x (N, C) and rows y (N, C): (N, C, C)."""
    size = masks.shape[1]
    one = np.arange(len(masks))[:, None, None]
    x, y = np.clip(x, 0, size - 1), np.clip(y, 0, size - 1)
    x0, y0 = np.minimum(x.astype(int), size - 2), np.minimum(y.astype(int), size - 2)
    fx, fy = (x - x0)[:, None, :], (y - y0)[:, :, None]
    corner = [masks[one, (y0 + dy)[:, :, None], (x0 + dx)[:, None, :]] for dy in (0, 1) for dx in (0, 1)]
    return (corner[0] * (1 - fx) + corner[1] * fx) * (1 - fy) + (corner[2] * (1 - fx) + corner[3] * fx) * fy


@cache
def templates(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut-outs (T, D) of subjects, and their shape, style and number (T, 3); those that roll in every turn."""
    g = np.random.default_rng(99)
    scenes = all_scenes()
    rolling = scenes[scenes[:, ACTION] == ROLLING]
    scenes = np.concatenate([balanced(scenes, TEMPLATES, g), balanced(rolling, TURNED, g)])
    where = layout(scenes, g)
    cuts = [
        cut_out(subjects(scenes[start : start + AT_ONCE], where.things[start : start + AT_ONCE], size))
        for start in range(0, len(scenes), AT_ONCE)
    ]
    return np.concatenate(cuts), scenes[:, [SHAPE, STYLE, NUMBER]]


def subjects(scenes: np.ndarray, things: np.ndarray, size: int) -> np.ndarray:
    """What the subjects of scenes cover, (N, S, S); things as in `Layout`."""
    middles = (np.arange(size, dtype=np.float32) + 0.5) / size
    made = np.zeros((len(scenes), size, size), np.float32)
    for slot in range(1, things.shape[1]):
        for shape in range(len(SHAPES)):
            rows = np.flatnonzero((things[:, slot, 2] > 0) & (scenes[:, SHAPE] == shape))
            if len(rows):
                cover = covered(shape, scenes[rows, STYLE], things[rows, slot].astype(np.float32), middles)
                made[rows] = np.maximum(made[rows], cover)
    return made


def told(cuts: np.ndarray, size: int) -> np.ndarray:
    """Shape, style and number (N, 3) of cut-outs (N, D): what most of the nearest templates are, each apart."""
    known, names = templates(size)
    far = (known**2).sum(1)[None] - 2 * cuts @ known.T
    nearest = np.argpartition(far, VOTES, axis=1)[:, :VOTES]
    nearest = np.take_along_axis(nearest, np.take_along_axis(far, nearest, 1).argsort(1), 1)
    votes = names[nearest]
    second_and_third_agree = votes[:, 1] == votes[:, 2]
    return np.where(second_and_third_agree, votes[:, 1], votes[:, 0])


def line_action(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two (N,): the action that the line (N, S, S) speaks of, and whether the wall or the slope's foot is at the right.

    Ground, wall, short line or slope; -2 where there is none.
    """
    size = grey.shape[1]
    middles = (np.arange(size) + 0.5) / size
    mass = grey.sum((1, 2))
    safe = np.maximum(mass, 1e-6)[:, None]
    across, down = grey.sum(1), grey.sum(2)
    x, y = (across @ middles) / safe[:, 0], (down @ middles) / safe[:, 0]
    dx, dy = middles[None] - x[:, None], middles[None] - y[:, None]
    xx, yy = (across * dx**2).sum(1) / safe[:, 0], (down * dy**2).sum(1) / safe[:, 0]
    xy = np.einsum("nij,nj,ni->n", grey, dx, dy) / safe[:, 0]
    angle = np.degrees(0.5 * np.arctan2(2 * xy, xx - yy))
    length = np.sqrt(12 * (0.5 * (xx + yy) + np.sqrt(0.25 * (xx - yy) ** 2 + xy**2)))
    flat = np.abs(angle) < 11
    action = np.select(
        [np.abs(angle) > 60, flat & (length > 0.68), flat, (np.abs(angle) < 45)],
        [LEANING, STANDING, JUMPING, ROLLING],
        -2,
    )
    is_right = np.where(action == LEANING, x > 0.5, angle > 0)
    return np.where(mass > 0.006 * size * size, action, -2), is_right.astype(int)


def check(pictures: np.ndarray, scenes: np.ndarray) -> dict[str, np.ndarray]:
    """Which attributes of scenes (N, 8) pictures (N, S, S, 3) show, uint8 or 0..1: (N,) bool each, and `all`.

    What a scene leaves open (-1) is right; a second thing that none was asked for is wrong.
    """
    pieces = [
        shown(pictures[start : start + AT_ONCE], scenes[start : start + AT_ONCE])
        for start in range(0, len(pictures), AT_ONCE)
    ]
    right = {}
    seen = np.concatenate(pieces) if pieces else np.zeros((0, 8), int)
    for name, places in ATTRIBUTES.items():
        right[name] = np.all([(seen[:, at] == scenes[:, at]) | (scenes[:, at] == -1) for at in places], axis=0)
    asked = scenes[:, ACTION]
    right["second"] &= (seen[:, SECOND_COLOUR] < 0) | ~np.isin(asked, (STANDING, LEANING, JUMPING, ROLLING))
    right["all"] = np.all(list(right.values()), axis=0)
    return right


def is_thing(parts: np.ndarray) -> np.ndarray:
    """Whether parts (N, C, S, S) are more than the thin seam where a colour meets the grey of a line: (N, C)."""
    filled, size = parts > 0.35, parts.shape[2]
    sides = filled.any(2).sum(2), filled.any(3).sum(2)
    return np.minimum(*sides) > THIN * size


def shown(pictures: np.ndarray, scenes: np.ndarray) -> np.ndarray:
    """The scenes (N, 8) that pictures show, -2 for what they do not; of two things beside each other the subject is

    the one that is more like what was asked.
    """
    pictures = pictures / np.float32(255) if pictures.dtype == np.uint8 else np.clip(pictures, 0, 1)
    if (fold := pictures.shape[1] // SIDE) > 1 and pictures.shape[1] % SIDE == 0:
        pictures = pictures.reshape(len(pictures), SIDE, fold, SIDE, fold, 3).mean((2, 4))
    cover, size, one = cover_of(pictures), pictures.shape[1], np.arange(len(pictures))
    area = np.where(is_thing(cover[:, :8]), cover[:, :8].mean((2, 3)), 0)
    order = (-area).argsort(1, kind="stable")[:, :2]
    has = np.take_along_axis(area, order, 1) > LEAST
    parts = [told(cut_out(cover[one, order[:, place]]), size) for place in (0, 1)]
    middles = (np.arange(size) + 0.5) / size
    centres = []
    for place in (0, 1):
        mask = cover[one, order[:, place]]
        mass = np.maximum(mask.sum((1, 2)), 1e-6)
        centres.append(np.stack([mask.sum(1) @ middles / mass, mask.sum(2) @ middles / mass], 1))
    apart = centres[0] - centres[1]
    is_on = np.abs(apart[:, 1]) > np.abs(apart[:, 0])
    both = has.all(1)
    alone, side = line_action(cover[:, 8])

    def as_scene(mine: int) -> np.ndarray:
        other = 1 - mine
        seen = np.full((len(pictures), 8), -2)
        mine_is_right = (apart[:, 0] > 0) == (mine == 0)
        seen[:, SHAPE], seen[:, STYLE], seen[:, NUMBER] = parts[mine].T
        seen[:, COLOUR] = order[:, mine]
        seen[:, ACTION] = np.where(both, np.where(is_on, ON, BESIDE), alone)
        seen[:, PLACE] = np.where(both, mine_is_right, side)
        seen[:, SECOND_SHAPE] = np.where(both, parts[other][:, 0], -1)
        seen[:, SECOND_COLOUR] = np.where(both, order[:, other], -1)
        seen[~has[:, mine]] = -2
        return seen

    first, second = as_scene(0), as_scene(1)
    second_is_upper = apart[:, 1] > 0
    likeness = [((each == scenes) & (scenes >= 0)).sum(1) for each in (first, second)]
    wants_second = np.where(is_on, second_is_upper, likeness[1] > likeness[0])
    return np.where((both & wants_second)[:, None], second, first)
