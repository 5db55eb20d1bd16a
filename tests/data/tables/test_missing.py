"""Words that are a missing value or a class of that name, and labels that keep the words of the file."""

import pandas as pd
import pytest

from maquette.data.tables.columns import alike_labels, check_target, labels_of
from maquette.data.tables.missing import missing_words
from maquette.data.tables.reading import from_frame, read_table
from maquette.settings import UserError


@pytest.fixture
def labels(tmp_path):
    """Labels of a file, as words, and what is told of it."""

    def read(words, missing=None):
        path = tmp_path / "t.csv"
        path.write_text("x,y\n" + "".join(f"{place},{word}\n" for place, word in enumerate(words)))
        table = read_table(path, target="y", labels=True, missing=missing_words(missing))
        return labels_of(table, "y").tolist(), table.told

    return read


@pytest.mark.parametrize(
    "words", [["1E3", "10E2", "1000"], ["0E8", "0E7"], ["1.0", "2.0"], ["1", "01"], ["2020-01-02", "02.01.2020"]]
)
def test_labels_are_the_words_of_the_file(labels, words):
    assert labels(words * 3)[0] == words * 3


def test_a_word_for_missing_is_a_class_unless_it_is_seldom_or_named(labels):
    words = ["None"] * 30 + ["Minor"] * 30
    found, told = labels(words)
    assert found == words and len(told) == 1 and "'None' in 30 of 60 rows" in told[0] and "--missing=None" in told[0]
    found, told = labels(words, missing="None,-")
    assert pd.isna(found[:30]).all() and not told
    found, told = labels([*words, "NA"])
    assert pd.isna(found[-1]) and found[:-1] == words and len(told) == 2 and "'NA' in 1 of 61 rows" in told[1]
    found, told = labels([*words, "NA"], missing="")
    assert found == [*words, "NA"] and not told
    assert pd.isna(labels([*words, "", "#N/A", "nan"] * 9)[0][-3:]).all()


def test_labels_that_are_alike_are_said():
    assert alike_labels(pd.Series(["1", "1.0", "2", "yes", "Yes"])) == [
        "'1' and '1.0' are different classes, as they are different words.",
        "'yes' and 'Yes' are different classes, as they are different words.",
    ]
    assert not alike_labels(pd.Series(["a", "b", "3", "4", None]))


def test_a_common_word_for_missing_in_an_input_is_said(tmp_path):
    (tmp_path / "t.csv").write_text("country,y\n" + "NA,1\nZA,2\nBW,3\n" * 5)
    table = read_table(tmp_path / "t.csv", target="y")
    assert table.told == [
        "'country' is 'NA' in 5 of 15 rows, which is taken for a missing value; --missing says which words are."
    ]
    kept = read_table(tmp_path / "t.csv", target="y", missing=["-"])
    assert not kept.told and kept.frame["country"].tolist()[:2] == ["NA", "ZA"]


def test_too_many_classes_and_too_large_numbers_are_refused():
    many = from_frame(pd.DataFrame({"y": [f"k{number % 90}" for number in range(200)], "x": range(200)}))
    with pytest.raises(UserError, match="90 classes in 200 rows, too few rows for each"):
        check_target(many, "y", "classification")
    large = from_frame(pd.DataFrame({"y": [1e200, 2.0, 3.0], "x": [1, 2, 3]}))
    with pytest.raises(UserError, match="goes up to 1e\\+200"):
        check_target(large, "y", "regression")
    small = from_frame(pd.DataFrame({"y": [1e-200, 2e-200, 3e-200], "x": [1, 2, 3]}))
    with pytest.raises(UserError, match="lie within 2e-200"):
        check_target(small, "y", "regression")
