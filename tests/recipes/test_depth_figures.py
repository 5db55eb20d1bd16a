"""Figures of depth draw from awkward inputs, soundly, and the same each time."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure
from support import sound_svg

from maquette.recipes.depth.figures import by_depth, by_layer, gradients, over_depth

STEPS = np.arange(1, 41)
ODD = "a$b & <c> " * 9


def panels(kinds: int, depths: int) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    return {
        f"kind {kind}": {f"{depth} layers": (STEPS, (kind + depth + 1) / STEPS) for depth in range(depths)}
        for kind in range(kinds)
    }


CASES: dict[str, Callable[[], Figure]] = {
    "five": lambda: by_depth(panels(5, 5), "step", "error", logarithmic=True),
    "references": lambda: by_depth(panels(4, 3), "lag", "r", {"white": (STEPS, 0 * STEPS), ODD: (STEPS, STEPS)}),
    "six": lambda: by_depth(panels(6, 2), "step", "error"),
    "one": lambda: by_depth({ODD: {ODD: (STEPS, STEPS)}}, ODD, ODD),
    "noughts": lambda: by_depth({"a": {"b": (STEPS, 0 * STEPS)}}, "x", "y", logarithmic=True),
    "gaps": lambda: by_depth({"a": {"b": ([1, 2], [np.nan, 1.0])}}, "x", "y"),
    "none": lambda: by_depth({}, "x", "y"),
    "over_depth": lambda: over_depth({"plain": ([2, 10, 50], [0.03, 0.1, 0.9]), "b": ([2, 50], [0.03, 0.0])}, "error"),
    "over_one": lambda: over_depth({"plain": ([2], [0.1])}, "error"),
    "gradients": lambda: gradients({f"{n}": (STEPS, np.sin(STEPS) * 10**n) for n in range(5)}),
    "flat": lambda: gradients({ODD: (STEPS, 0 * STEPS)}),
    "layers": lambda: by_layer({"signal": {"a": [1, 2, 4], ODD: [1e-9, 0, np.inf]}, "gradient": {"a": [1, 1e30, 2]}}),
    "no_layers": lambda: by_layer({"signal": {}}),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("error")
def test_draws_sound_and_repeatable(name, tmp_path):
    assert len(sound_svg(CASES[name], tmp_path / f"{name}.svg")) < 300_000


def test_all_panels_have_the_same_axes_and_a_depth_the_same_colour():
    page = by_depth(panels(5, 3), "step", "error", logarithmic=True)
    drawn = page.axes[:5]
    assert len({axes.get_ylim() for axes in drawn}) == 1
    colours = [tuple(line.get_color() for line in axes.lines) for axes in drawn]
    assert len(set(colours)) == 1 and len(set(colours[0])) == 3


def test_there_is_a_tick_at_every_depth():
    axes = over_depth({"a": ([2, 10, 50], [0.1, 0.2, 0.3]), "b": ([2, 4], [0.1, 0.2])}, "error").axes[0]
    assert list(axes.get_xticks()) == [2, 4, 10, 50]
