"""Encodings of whole files: UTF-16 without a mark, and what only looks like it."""

import pytest

from maquette.data.text.decoding import decoded, encoding_by_zeros, is_binary

JAPANESE = "吾輩は猫である。名前はまだ無い。\n一番獰悪な種族であったそうだ。\n"
CHINESE = "道可道，非常道。\r\n名可名，非常名。一生二，二生三。\r\n"


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [JAPANESE, CHINESE, "Все счастливые семьи\n", "Anna", "Anna saw\n", "été\n", "Привет", "Да", "שלום", "猫🦦\n"],
)
def test_utf16_without_a_mark_is_read(text, order):
    data = text.encode(order)
    assert decoded(data) == (text, order, 0) and not is_binary(data)


@pytest.mark.parametrize(
    "text",
    ["Größe\0 und noch mehr", "плохо\0 написано по-русски", "caf\xe9\0 au lait\nest pr\xeat\n", "ab\0cd", "a"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1251", "latin-1"])
def test_a_stray_zero_makes_no_utf16(text, encoding):
    data = text.encode(encoding, "replace")
    assert encoding_by_zeros(data) == "ascii"


def test_a_mark_is_dropped_and_what_is_no_text_is_counted():
    assert decoded(b"\xef\xbb\xbfAnna saw") == ("Anna saw", "utf-8", 0)
    assert decoded("\ufeffÄnna".encode("utf-16-be")) == ("Änna", "utf-16-be", 0)
    assert decoded("Größe".encode() * 9 + b"\xff") == ("Größe" * 9 + "\N{REPLACEMENT CHARACTER}", "utf-8", 1)
    assert decoded(b"") == ("", "ascii", 0)


def test_french_letters_of_latin_9_are_told_from_fractions():
    coeur = "Le cœur a ses raisons, sœur Œdipe; été à Noël, déjà vu.\n"
    assert decoded(coeur.encode("iso8859-15")) == (coeur, "iso8859-15", 0)
    assert decoded(coeur.encode("cp1252"))[:2] == (coeur, "cp1252")
    recipe = "Prenez ½ tasse de crème, 1¼tasse de lait et ¾ de café brûlé.\n"
    assert decoded(recipe.encode("cp1252"))[:2] == (recipe, "cp1252")
