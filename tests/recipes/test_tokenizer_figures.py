"""Strips of tokens and their kin: awkward inputs, the same drawing each time, boxes that fit their page."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from matplotlib.figure import Figure
from support import sound_svg

from maquette.recipes.tokenizer.figures import HIGH, MOST, Strip, cells, merges, seen, side_by_side, strips

ODD = [" the", "\n", "\t", "", "$a$b", "<b>&amp;", "東京", "é", r"\xe2\x80", "🦦", "\x00", "w" * 90, "e\u0301"]
NUMBERS = [0, 1, 22, 333, 4444, 55555, 666666, *range(6)]

CASES: dict[str, Callable[[], Figure]] = {
    "odd": lambda: strips([Strip("characters", ODD, NUMBERS, {3, 6}), Strip("$x$ <&>", ODD)]),
    "long": lambda: strips([Strip("bpe", ["token"] * 500, range(500)), Strip("words", ["a"])]),
    "nothing": lambda: strips([Strip("bpe", [])]),
    "no_strips": lambda: strips([]),
    "merges": lambda: merges([(" t", "h", " th"), ("\n", "\n", "\n\n"), (r"\xe2", r"\x80", r"\xe2\x80")] * 14),
    "one_merge": lambda: merges([("a", "b", "ab")]),
    "no_merges": lambda: merges([]),
    "kinds": lambda: side_by_side(
        {"bytes": {"bpe": 3.21, "words": 0.0}, "speed": {"bpe": 1e-3, "words": 12345.6}}, "bpe"
    ),
    "logarithmic": lambda: side_by_side({"MB": {"bpe": 1e-3, "words": 12345.6, "none": 0.0}}, "bpe", {"MB"}),
    "one_kind": lambda: side_by_side({"bytes": {"bpe": 0.0}}, "words"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("error", "ignore:Glyph")
def test_draws_sound_and_repeatable(name, tmp_path):
    sound_svg(CASES[name], tmp_path / f"{name}.svg")


def test_white_space_is_seen():
    assert seen(" the") == "␣the" and seen("\n\n") == "⏎⏎" and seen("") == "∅" and len(seen("w" * 90)) == 30


def test_wide_letters_take_two_cells():
    assert cells("ab") == 2 and cells("東京") == 4 and cells("e\u0301") == 1 and cells(r"\$") == 1


def test_no_box_leaves_the_page_or_covers_another():
    page = strips([Strip("bpe", [f"token{number}" for number in range(MOST)], range(MOST))], width=6.0)
    (axes,) = page.axes
    boxes = [(box.get_y(), box.get_x(), box.get_x() + box.get_width()) for box in axes.patches]
    assert len(boxes) == MOST and len({top for top, _, _ in boxes}) > 5
    assert all(left >= 0 and right <= 6.0 and top + HIGH <= page.get_figheight() for top, left, right in boxes)
    assert all(this[2] < other[1] for this, other in pairwise(sorted(boxes)) if this[0] == other[0])
