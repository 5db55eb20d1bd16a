"""Maps of latent spaces: awkward inputs, the same drawing each time, thumbnails that do not cover each other."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure
from support import sound_svg

from maquette.figures.maps import _apart, maps

PLACES = np.random.default_rng(0).normal(size=(40, 2))
STROKES = [np.pad(np.ones((2, 6, 1)), ((3, 3), (1, 1), (0, 0)))] * 40
COLOUR = [np.full((5, 9, 3), 0.5)] * 40
CLASSES = np.arange(40) % 4

CASES: dict[str, Callable[[], Figure]] = {
    "two": lambda: maps({"PCA": PLACES, "t-SNE": PLACES * 100}, STROKES, CLASSES, ["a", "b", "$c$ <&>", "d" * 40]),
    "no_classes": lambda: maps({"PCA": PLACES}, COLOUR),
    "many_classes": lambda: maps({"PCA": PLACES}, COLOUR, np.arange(40), [str(n) for n in range(40)]),
    "one_place": lambda: maps({"PCA": PLACES * 0}, STROKES, CLASSES, list("abcd")),
    "one_point": lambda: maps({"PCA": PLACES[:1]}, STROKES[:1], CLASSES[:1], list("abcd")),
    "dark": lambda: maps({"PCA": PLACES}, [np.zeros((4, 4, 3))] * 40, CLASSES, list("abcd")),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("error")
def test_draws_sound_and_repeatable(name, tmp_path):
    sound_svg(CASES[name], tmp_path / f"{name}.svg")


def test_thumbnails_keep_their_distance():
    places = np.random.default_rng(1).random((300, 2))
    shown = _apart(places, 0.1)
    away = np.abs(places[shown][:, None] - places[shown][None]).max(-1) + np.eye(len(shown))
    assert shown[0] == 0 and away.min() >= 0.1
    hidden = np.setdiff1d(np.arange(300), shown)
    nearest = np.abs(places[hidden][:, None] - places[shown][None]).max(-1).min(1)
    assert (nearest < 0.1).all()
