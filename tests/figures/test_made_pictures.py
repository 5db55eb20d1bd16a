"""Figures of made pictures draw from awkward numbers, and are the same each time."""

import numpy as np
import pytest
from support import sound_svg

from maquette.figures.made_pictures import class_coverage, ladder


@pytest.mark.parametrize(
    "values",
    [
        {"this model": 3.0, "training pictures": 0.2, "blurred": 14.0},
        {"this model": 0.0, "training pictures": 0.0},
        {"this model": 1e-9, "a$b": 1e9},
        {"this model": -0.1, "x": 2.0},
    ],
)
def test_a_ladder_of_distances(values, tmp_path):
    text = sound_svg(lambda: ladder(values, "this model", (-1.0, 4.0)), tmp_path / "a.svg")
    assert "this model" in text


@pytest.mark.parametrize("count", [1, 2, 10, 90])
def test_coverage_of_classes(count, tmp_path):
    numbers = np.random.default_rng(0).random((4, count))
    names = [f"class {number}" for number in range(count)]
    text = sound_svg(lambda: class_coverage(names, *numbers), tmp_path / "a.svg")
    assert ("class 0" in text) == (count < 41 or 0 in np.argsort(numbers[0])[:40])
