"""The set of captioned shapes: which scenes there are, which of them training never sees, and the files of the set."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maquette.data.pictures.captions import CAPTIONS, STACK, captioned_rows
from maquette.data.sets.shape_words import (
    ACTION,
    BESIDE,
    COLOUR,
    JUMPING,
    LEANING,
    NUMBER,
    ON,
    PLACE,
    PLACES,
    ROLLING,
    SECOND_COLOUR,
    SHAPE,
    SIDED,
    STANDING,
    STYLE,
    WAYS,
    caption,
)
from maquette.data.sets.shapes import SIDE, draw

PAIRS = 3  # times as many training pictures of two things beside or on each other as of any other kind


def all_scenes() -> np.ndarray:
    """Every scene, (26880, 8): one to four standing, one leaning, jumping, rolling, one beside or on another.

    Of those with a second thing, its colour is another, and its shape and colour are no pair that is held out. All
    places are left open.
    """
    subjects = np.stack(np.meshgrid(np.arange(8), np.arange(8), np.arange(4), indexing="ij"), -1).reshape(-1, 3)
    made = []
    alone = [*((number, STANDING) for number in range(4)), (0, LEANING), (0, JUMPING), (0, ROLLING)]
    for number, action in alone:
        made.append(np.column_stack([subjects, np.tile([number, action, -1, -1, -1], (len(subjects), 1))]))
    seconds = np.stack(np.meshgrid(np.arange(8), np.arange(8), indexing="ij"), -1).reshape(-1, 2)
    seconds = seconds[~is_held_pair(seconds[:, 0], seconds[:, 1])]
    for action in (BESIDE, ON):
        left, right = np.repeat(subjects, len(seconds), 0), np.tile(seconds, (len(subjects), 1))
        pairs = np.column_stack([left, np.tile([0, action], (len(left), 1)), right, np.full(len(left), -1)])
        made.append(pairs[pairs[:, COLOUR] != pairs[:, SECOND_COLOUR]])
    return np.concatenate(made)


def is_held_pair(shape: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Eight pairs of shape and colour, of each shape and each colour one, that training never sees."""
    return colour == (3 * shape + 2) % 8


def is_held(scenes: np.ndarray) -> np.ndarray:
    """Whether a scene is kept from training: a held-out pair, or one of a tenth of shape, style and action together."""
    triple = scenes[:, SHAPE] * 40 + scenes[:, STYLE] * 10 + scenes[:, ACTION]
    return is_held_pair(scenes[:, SHAPE], scenes[:, COLOUR]) | (triple * 7919 % 101 < 10)


def balanced(scenes: np.ndarray, count: int, g: np.random.Generator, pairs: int = 1) -> np.ndarray:
    """`count` of the scenes, none twice while there are others of its number and action.

    All nine of a number or an action are there equally often, but those with a second thing `pairs` times as often.
    """
    kinds = kinds_of(scenes)
    names = np.unique(kinds)
    times = np.where(names // 4 >= BESIDE, pairs, 1)
    bounds = np.cumsum(times) * count // times.sum()
    found = []
    for kind, wanted in zip(names, np.diff(bounds, prepend=0), strict=True):
        rows = np.flatnonzero(kinds == kind)
        rounds = [g.permutation(rows) for _ in range(-(-wanted // len(rows)))]
        found.append(np.concatenate(rounds)[:wanted])
    return scenes[g.permutation(np.concatenate(found))]


def different(scenes: np.ndarray, count: int, g: np.random.Generator) -> np.ndarray:
    """`count` different ones of the scenes, of each number and action equally many while there are some."""
    mixed = g.permutation(scenes)
    kinds = kinds_of(mixed)
    ranks = np.zeros(len(mixed), int)
    for kind in np.unique(kinds):
        ranks[kinds == kind] = np.arange((kinds == kind).sum())
    return g.permutation(mixed[np.argsort(ranks, kind="stable")[:count]])


def kinds_of(scenes: np.ndarray) -> np.ndarray:
    """Numbers (N,) that stand for the number of things and what they do."""
    return scenes[:, ACTION] * 4 + scenes[:, NUMBER]


def placed(scenes: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """The scenes, each on one side by chance where its action has sides."""
    made = scenes.copy()
    made[:, PLACE] = np.where(np.isin(scenes[:, ACTION], SIDED), g.integers(len(PLACES), size=len(scenes)), -1)
    return made


@dataclass(frozen=True)
class Shapes:
    """Pictures (N, S, S, 3) uint8 of scenes (N, 8), their captions, and their part: train or test."""

    pixels: np.ndarray
    scenes: np.ndarray
    texts: list[list[str]]
    parts: list[str]


@functools.lru_cache(maxsize=1)  # a CLIP and what needs it, trained one after the other, draw the set once
def captioned_shapes(seed: int = 0, size: int = SIDE, train: int = 9_000, test: int = 540) -> Shapes:
    """`train` pictures with three captions each, and `test` with one each of combinations seen and never seen.

    Two things can be put together in fifty times as many ways as one; of the training pictures, half show two.
    The scenes of a test part are all different, also where their places are left open.
    """
    g = np.random.default_rng([seed, 8])
    scenes = all_scenes()
    held = is_held(scenes)
    seen = balanced(scenes[~held], train, g, PAIRS)
    known = different(np.unique(seen, axis=0), test, g)
    new = different(scenes[held], test, g)
    whole = placed(np.concatenate([seen, known, new]), g)
    counts = [3] * train + [1] * (2 * test)
    texts = [
        [caption(scene, int(way)) for way in g.permutation(WAYS)[:count]]
        for scene, count in zip(whole, counts, strict=True)
    ]
    parts = ["train"] * train + ["test"] * (2 * test)
    return Shapes(draw(whole, seed, size), whole, texts, parts)


def write_shapes(folder: Path, made: Shapes) -> None:
    """Pictures as one array, and a file of captions with a line for each."""
    folder.mkdir()
    np.save(folder / STACK, made.pixels)
    named = ((f"{number:05d}.png", *each) for number, each in enumerate(zip(made.texts, made.parts, strict=True)))
    (folder / CAPTIONS).write_text(captioned_rows(named), encoding="utf-8", newline="\n")
