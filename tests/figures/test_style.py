"""Numbers for people, text safe for figures, and colours that can be told apart on light and on dark."""

import numpy as np
import pytest

from maquette.figures.numbers import duration, number
from maquette.figures.style import COLOURS, INK, People, plain


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (44237.19, "44,237"),
        (0.1 + 0.2, "0.3"),
        (1.2e-05, "1.2e−05"),
        (1e-5, "1e−05"),
        (-122.23, "−122.23"),
        (3.14159265, "3.142"),
        (20640, "20,640"),
        (np.int64(1409), "1,409"),
        (np.float32(0.5), "0.5"),
        (0.0, "0"),
        (float("nan"), "–"),
        (None, "–"),
        (True, "yes"),
        (float("-inf"), "−∞"),
        (1e22, "1.000e+22"),
        ("text-with-dash", "text-with-dash"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_number_with_unit():
    assert number(44237.19, "USD") == "44,237 USD"
    assert number(None, "USD") == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "under 1 ms"),
        (0.0042, "4.2 ms"),
        (0.351, "0.35 s"),
        (4.21, "4.2 s"),
        (42.4, "42 s"),
        (59.7, "1 min"),
        (72.4, "1 min 12 s"),
        (3600, "1 h"),
        (7502, "2 h 5 min"),
        (97200, "1 d 3 h"),
        (float("nan"), "–"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_ticks_agree_with_each_other():
    assert People().format_ticks([0, 0.25, 0.5]) == ["0", "0.25", "0.50"]
    assert People().format_ticks([0, 200_000, 400_000]) == ["0", "200k", "400k"]
    assert People().format_ticks([-1000, 0, 1500]) == ["−1,000", "0", "1,500"]
    assert People(alone=True).format_ticks([1e-3, 1.0, 1e6]) == ["0.001", "1", "1M"]
    assert People().format_ticks([]) == []


def test_plain_text_is_safe():
    assert plain("a$b") == r"a\$b"
    assert plain("two\nlines\x00") == "two lines"
    assert len(plain("x" * 99)) == 28


def luminance(colour: str) -> float:
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("colour", COLOURS)
def test_colours_read_on_white_and_on_near_black(colour):
    # contrast of WCAG 2.2; 3 is asked of graphics
    assert 1.05 / (luminance(colour) + 0.05) >= 3
    assert (luminance(colour) + 0.05) / (luminance("#15171a") + 0.05) >= 3


def test_ink_is_no_other_colour_and_the_report_knows_it():
    from maquette.pages import pictures

    assert INK not in COLOURS
    assert pictures.INK.fullmatch(INK)
