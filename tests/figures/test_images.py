"""Figures made of pictures: where each lies, that its pixels stay as they are, and what is written beside it."""

import base64
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from maquette.figures.captions import found_pictures, pictures_and_words
from maquette.figures.images import DIFFERENCE, details, fitted, grid, rows
from maquette.figures.style import svg_text

SIDES = st.integers(1, 900)
INCHES = st.floats(0.05, 20)


def pictures_in(figure) -> list[np.ndarray]:
    text = svg_text(figure, "figure.svg")
    found = re.findall(r"data:image/png;base64,([^\"']*)", text)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")) for data in found]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


@given(height=SIDES, width=SIDES, wide=INCHES, high=INCHES)
def test_a_picture_fills_its_box_one_way_and_lies_in_the_middle_of_the_other(height, width, wide, high):
    box = fitted(np.zeros((height, width)), 3, 5, wide, high)
    assert box.width / box.height == pytest.approx(width / height)
    assert box.width == pytest.approx(wide) or box.height == pytest.approx(high)
    assert box.width <= wide * 1.000001 and box.height <= high * 1.000001
    assert box.left + box.width / 2 == pytest.approx(3 + wide / 2)
    assert box.bottom + box.height / 2 == pytest.approx(5 + high / 2)


def test_every_pixel_of_every_picture_is_in_the_file():
    made = [noise(12, 8, 3), noise(5, 9, 3), noise(7, 7, 3), noise(6, 6, 3)]
    given_ = [each / 255 for each in made]
    figures = [
        (grid(given_, 3, ["one", "two $", "three"]), made),
        (rows({"above": given_[:2], "below": given_[2:]}, ["first", "second"]), made),
        (found_pictures([("what", given_)], [["a", "b", "c", "d"]], [[True, False, True, False]]), made),
        (pictures_and_words([(each, ["words"]) for each in given_]), made),
        (details({"one": given_[2], "other": given_[3]}, (1, 2, 4)), [made[2], made[2][1:5, 2:6], made[3], None]),
    ]
    for figure, expected in figures:
        found = pictures_in(figure)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert other is None or np.array_equal(one, other)


def test_grey_is_grey_and_signed_rows_run_from_blue_over_white_to_orange():
    grey = np.array([[0.0, 0.5], [1.0, 2.0]])
    signed = np.array([[-2.0, 0.0], [2.0, 1.0]])
    plain, coloured = pictures_in(rows({"grey": [grey], "signed": [signed]}, signed=["signed"], signed_high=2.0))
    assert plain[..., 0].tolist() == [[0, 128], [255, 255]] and (plain == plain[..., :1]).all()
    expected = (255 * np.array([DIFFERENCE(value)[:3] for value in (0.0, 0.5, 1.0, 0.75)])).round()
    assert np.abs(coloured.reshape(4, 3) - expected).max() <= 1


def test_pictures_lie_where_they_are_said_to():
    """Drawn in dots: a column of three squares of other shades, none over another."""
    page = grid([np.full((4, 4, 3), shade) for shade in (0.2, 0.5, 0.8)], 1, most_height=1.0)
    out = io.BytesIO()
    page.savefig(out, format="png", dpi=50, facecolor="white")
    dots = np.asarray(Image.open(out).convert("L"), dtype=float)
    middle = [dots[int((number + 0.5) * dots.shape[0] / 3), dots.shape[1] // 2] for number in range(3)]
    assert middle == pytest.approx([51, 127.5, 204], abs=2)
    assert (dots > 250).sum() < 0.2 * dots.size


def test_dollars_stay_dollars():
    text = svg_text(grid([np.zeros((2, 2, 3))], 1, ["costs $5, not $6"], width=4, most_height=3), "figure.svg")
    assert "costs $5, not $6" in text
