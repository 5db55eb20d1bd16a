"""Figures of attacks draw from awkward inputs, soundly, and the same each time."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure
from support import sound_svg

from maquette.recipes.attack.figures import robustness, triptychs

GREY = np.linspace(0, 1, 64).reshape(8, 8, 1)
COLOUR = np.stack([np.linspace(0, 1, 60).reshape(6, 10)] * 3, axis=-1)


def some(picture: np.ndarray, count: int, **options: int) -> Figure:
    fooled = [np.clip(picture + 0.1, 0, 1)] * count
    words = ["a$b & <c> " * 9] * count
    return triptychs(
        [picture] * count, fooled, words, words, [place % 2 == 0 for place in range(count)], 10.0, **options
    )


CASES: dict[str, Callable[[], Figure]] = {
    "grey": lambda: some(GREY, 5),
    "colour": lambda: some(COLOUR, 1),
    "flat": lambda: some(GREY[..., 0], 2, columns=1),
    "none": lambda: some(GREY, 0),
    "two_panels": lambda: robustness(
        [0, 0.1, 0.2], {"undefended": {"FGSM": [1, 0.5, 0], "PGD": [1, 0, 0]}, "$x$": {"PGD": [1, 1, 1]}}, 0.1, 0.1
    ),
    "one_point": lambda: robustness([0.0], {"a": {"FGSM": [1.0]}}, 0.0, 0.5),
    "three_panels": lambda: robustness(
        [0, 1], {name: {f"attack {n}": [1, n / 9] for n in range(9)} for name in "abc"}, 1, 0.1
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("error")
def test_draws_sound_and_repeatable(name, tmp_path):
    assert len(sound_svg(CASES[name], tmp_path / f"{name}.svg")) < 300_000


def test_the_perturbation_is_magnified_around_nought():
    page = some(GREY, 1)
    drawn = [image for axes in page.axes for image in axes.images]
    low, high = drawn[1].get_clim()
    assert (low, high) == (-1, 1)
    np.testing.assert_allclose(drawn[1].get_array()[0, :3], [1, 1, 1], atol=1e-6)  # a change of 0.1, ten times


def test_what_was_fooled_is_orange():
    page = some(GREY, 2)
    colours = [text.get_color() for axes in page.axes for text in axes.texts]
    assert colours[1] != colours[0] and colours[3] == colours[2] == colours[0]
