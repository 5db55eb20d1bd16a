"""Figures of the walk through a Transformer: awkward inputs, equal drawings each time, colours that mean numbers."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from support import sound_svg

from maquette.figures.style import BLUE, GREEN, ORANGE
from maquette.recipes.attention import figures as attention

AWKWARD = ["␣a", "$b$", "<&>", "⏎", "w" * 40]
NUMBERS = np.random.default_rng(0).normal(size=(5, 8))
CAUSAL = np.tril(np.ones((5, 5))) / np.arange(1, 6)[:, None]


def scored(count: int) -> Figure:
    scores = np.random.default_rng(1).normal(size=(count, count))
    ahead = np.triu(np.ones((count, count), bool), 1)
    masked = np.where(ahead, -np.inf, scores)
    powers = np.exp(masked)
    return attention.chain(scores, masked, powers / powers.sum(1, keepdims=True), [f"t{n}" for n in range(count)])


CASES: dict[str, Callable[[], Figure]] = {
    "heat": lambda: attention.heat({"x": NUMBERS, "norm(x)": NUMBERS * 100}, AWKWARD),
    "one_scale": lambda: attention.heat({"x": NUMBERS, "y": NUMBERS * 100}, AWKWARD, one_scale=True),
    "zeros": lambda: attention.heat({"x": np.zeros((1, 1))}, ["a"]),
    "positions": lambda: attention.positions({"P": NUMBERS, "Q": NUMBERS}, NUMBERS @ NUMBERS.T / 20, 3),
    "orders": lambda: attention.orders({"a": (NUMBERS[0], NUMBERS[1]), "$b$": (NUMBERS[0],) * 2}, ("one", "other")),
    "no_spread": lambda: attention.orders({"a": (np.zeros(3), np.zeros(3))}, ("one", "other")),
    "chain": lambda: scored(5),
    "chain_of_one": lambda: scored(1),
    "chain_of_many": lambda: scored(24),
    "uniform": lambda: attention.uniform_and_scaled(CAUSAL, np.eye(5), NUMBERS, AWKWARD),
    "stream": lambda: attention.stream(np.abs(NUMBERS.T[:3]), ["start", "1 attention", "$"], AWKWARD),
    "still_stream": lambda: attention.stream(np.zeros((2, 30)), ["start", "end"], ["a"] * 30),
    "lens": lambda: attention.lens([AWKWARD, AWKWARD[::-1]], CAUSAL[:2], AWKWARD, ["layer 1", "layer 2"]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("error")
def test_draws_sound_and_repeatable(name, tmp_path):
    assert len(sound_svg(CASES[name], tmp_path / f"{name}.svg")) < 200_000


def test_above_zero_is_blue_and_below_orange_and_zero_clear():
    shades = attention.signed(np.array([2.0, -1.0, 0.0]), 2.0)
    np.testing.assert_allclose(shades[0], (*to_rgb(BLUE), 1))
    np.testing.assert_allclose(shades[1], (*to_rgb(ORANGE), 0.5))
    assert shades[2, 3] == 0


def test_panels_have_their_own_scale_or_one_together():
    for one_scale, strongest in ((False, 1.0), (True, 0.01)):
        page = attention.heat({"x": NUMBERS, "y": NUMBERS * 100}, AWKWARD, one_scale=one_scale)
        drawn = page.axes[0].images[0].get_array()
        assert drawn[..., 3].max() == pytest.approx(strongest)


def test_the_chain_writes_its_numbers_and_hides_what_lies_ahead():
    first, hidden, weights = scored(3).axes
    assert len(first.texts) == 9 and len(hidden.texts) == len(weights.texts) == 6
    assert weights.texts[0].get_text() == "1"


def test_equal_orders_are_called_the_same():
    different, same = CASES["orders"]().axes
    assert different.texts[0].get_text().startswith("differ by up to") and same.texts[0].get_text() == "the same"
    assert same.texts[0].get_color() == GREEN


def test_right_guesses_have_a_frame():
    page = attention.lens([["b", "x", "y"]], np.full((1, 3), 0.5), ["a", "b", "c"], ["layer 1"])
    framed = [patch.get_edgecolor()[:3] == to_rgb(GREEN) for patch in page.axes[0].patches]
    assert framed == [True, False, False]
