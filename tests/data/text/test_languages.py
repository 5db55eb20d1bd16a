"""Which language a text is in, what names name, and sides that seem to be exchanged."""

import pytest

from maquette.data.text.languages import (
    COMMONEST,
    NAMES,
    common_words,
    language_of,
    named_language,
    reads_like_the_other,
)

ENGLISH = ["A man in a red shirt is standing on the street.", "Two children play with a ball in the park."]
GERMAN = ["Ein Mann in einem roten Hemd steht auf der Straße.", "Zwei Kinder spielen im Park mit einem Ball."]


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (ENGLISH, "en"),
        (GERMAN, "de"),
        (["Un homme avec une chemise rouge est dans la rue, et les enfants jouent."], "fr"),
        (["El hombre de la camisa roja está en la calle con los niños."], "es"),
        (["Мужчина и женщина стоят на улице, и он смотрит на неё."], "ru"),
        (["x y z", "12 13"], None),
        ([], None),
    ],
)
def test_language_by_its_commonest_words(texts, code):
    assert language_of(texts) == code


@pytest.mark.parametrize(
    ("name", "code"),
    [("en", "en"), ("train.de.gz", "de"), ("German", "de"), ("deutsch_text", "de"), ("source", None), ("x", None)],
)
def test_language_by_name(name, code):
    assert named_language(name) == code


def test_the_tables_fit_together():
    assert set(COMMONEST) == set(NAMES)


def test_sides_that_seem_exchanged():
    own, other = common_words(ENGLISH), common_words(GERMAN)
    assert own[0] == "a" and reads_like_the_other(GERMAN, own, other)
    assert not reads_like_the_other(ENGLISH, own, other) and not reads_like_the_other(["Ein."], own, other)
