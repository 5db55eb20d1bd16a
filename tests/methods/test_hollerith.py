"""The machine's characters and its hash, against words of the literature and the plain arithmetic of 70 bits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maquette.methods.hollerith import CODES, folded, hashed, last_cell, middle_bits


@pytest.mark.parametrize(
    ("word", "bits", "expected"), [("HERE", 2, 3), ("ALWAYS", 7, 14), ("KIDS", 2, 1), ("TIME", 2, 0)]
)
def test_hash_is_that_of_the_conversations_of_1965_and_1966(word, bits, expected):
    assert hashed(word, bits) == expected


@pytest.mark.parametrize(
    ("word", "octal"),
    [
        ("", "606060606060"),
        ("X", "676060606060"),
        ("HERE", "302551256060"),
        ("ALWAYS", "214366217062"),
        ("INVENTED", "252460606060"),
        ("123456ABCDEF", "212223242526"),
    ],
)
def test_a_word_s_last_cell_is_padded_on_the_right(word, octal):
    assert f"{last_cell(word):012o}" == octal


@pytest.mark.parametrize(
    ("datum", "bits", "expected"),
    [(0o777777777777, 7, 0x70), (0o777777777777, 15, 0x7F00), (0x555555555, 15, 0x46E3), (0, 7, 0)],
)
def test_middle_bits_by_hand(datum, bits, expected):
    assert middle_bits(datum, bits) == expected


@given(st.integers(0, 2**36 - 1), st.integers(0, 15))
def test_middle_bits_are_the_middle_of_seventy(datum, bits):
    """As the registers do it: 70 digits of the square, moved left by half the bits, then the lower half is dropped."""
    digits = format((datum % 2**35) ** 2, "070b") + "0" * (bits // 2)
    upper = digits[: len(digits) - 35]
    assert middle_bits(datum, bits) == int("0" + upper[len(upper) - bits :], 2)
    assert middle_bits(datum ^ 2**35, bits) == middle_bits(datum, bits)  # the sign is no part of it


def test_the_machine_has_48_characters_of_six_bits():
    assert len(CODES) == 48 == len(set(CODES.values())) and set(CODES.values()) <= set(range(64))
    assert [CODES[sign] for sign in "0=' ,A-/Z"] == [0, 0o13, 0o14, 0o60, 0o73, 0o21, 0o40, 0o61, 0o71]


@pytest.mark.parametrize(
    ("text", "expected", "lost"),
    [
        ("Hello! How are you?", "HELLO. HOW ARE YOU.", []),
        ("I\u2019m \u201csad\u201d", "I'M  SAD ", []),
        ("caf\u00e9, Stra\u00dfe", "CAFE, STRASSE", []),
        ("a\tb\nc", "A B C", []),
        ("\u00c6sop & co", "-SOP - CO", ["\u00c6", "&"]),
        ("\u041c\u0438\u0440", "---", ["\u041c", "\u0438", "\u0440"]),
    ],
)
def test_folding(text, expected, lost):
    assert folded(text) == (expected, lost)


@given(st.text())
def test_folded_text_is_the_machine_s_and_stays_as_it_is(text):
    made, _ = folded(text)
    assert set(made) <= set(CODES)
    assert folded(made) == (made, [])
