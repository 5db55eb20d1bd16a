"""Kinds, targets, coordinates, descriptions and warnings."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from maquette.data.tables.columns import (
    check_columns,
    check_target,
    convert,
    coordinates,
    describe,
    kind_of,
    labels_of,
    leaks_of,
    warnings_of,
)
from maquette.data.tables.reading import from_frame
from maquette.settings import UserError


@pytest.fixture
def iris():
    frame = load_iris(as_frame=True).frame
    frame["species"] = np.array(["setosa", "versicolor", "virginica"])[frame.pop("target")]
    return frame


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3], "number"),
        (["1", " 2", "NA"], "number"),
        (["0", "1", "0"], "number"),
        (["True", "FALSE", ""], "boolean"),
        (["y", "N"], "boolean"),
        (["yes", None], "boolean"),
        (["T", "T"], "category"),
        ([True, False], "boolean"),
        (["a", "b", "a"], "category"),
        (["01067", "99084"], "category"),
        (["2020-01-01", "2020-01-02"], "date"),
        ([f"item {i}" for i in range(30)], "text"),
        (
            ["a long sentence, which goes on and on until it is no category any more " + str(i % 9) for i in range(20)],
            "text",
        ),
        ([None, None], "number"),
    ],
)
def test_kinds(values, kind):
    assert kind_of(pd.Series(values)) == kind


def test_what_cannot_be_read_is_counted_and_missing():
    frame = pd.DataFrame({"n": ["1", "two", ""], "b": ["yes", "perhaps", "0"], "d": ["2020-01-01", "no day", None]})
    typed = convert(frame, {"d": "date", "n": "number", "b": "boolean"}, {})
    assert list(typed) == ["d", "n", "b"]
    assert typed.attrs["unreadable"] == {"d": 1, "n": 1, "b": 1}
    np.testing.assert_equal(typed["n"].to_numpy(), [1, np.nan, np.nan])
    np.testing.assert_equal(typed["b"].to_numpy(), [1, np.nan, 0])
    assert typed["d"].isna().tolist() == [False, True, True]


def test_columns_without_names_of_words():
    frame = pd.DataFrame([[1, "a"], [2, "b"]])
    table = from_frame(frame)
    assert table.kinds == {"0": "number", "1": "category"}
    assert convert(frame, table.kinds, table.formats).equals(table.frame)


@given(st.lists(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**63)), min_size=1))
def test_a_number_written_and_read_is_the_same_number(numbers):
    written = pd.DataFrame({"x": [repr(number) for number in numbers]})
    assert convert(written, {"x": "number"}, {})["x"].tolist() == [float(number) for number in numbers]


@given(st.lists(st.datetimes(), min_size=1))
def test_a_date_written_and_read_is_the_same_date(dates):
    written = pd.DataFrame({"x": [date.isoformat() for date in dates]})
    assert convert(written, {"x": "date"}, {})["x"].tolist() == [pd.Timestamp(date).as_unit("us") for date in dates]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(), min_size=2, max_size=8))
def test_any_words_can_be_typed_and_alone_give_the_same(words):
    frame = pd.DataFrame({"x": words, "y": range(len(words))})
    table = from_frame(frame)
    for row in range(len(words)):
        alone = convert(frame.iloc[row : row + 1], table.kinds, table.formats)
        pd.testing.assert_frame_equal(alone, table.frame.iloc[row : row + 1].reset_index(drop=True))


def test_missing_columns_are_named_with_the_nearest():
    check_columns(["a", "b"], ["b"])
    with pytest.raises(
        UserError, match=r"2 needed columns are missing: 'longitude' \(did you mean Longitud\?\), 'age'"
    ):
        check_columns(["Longitud", "x"], ["longitude", "age"])


def test_targets_that_cannot_be_learnt():
    frame = pd.DataFrame(
        {"price": [1.0, 2, 3, 4], "one": [5] * 4, "gone": [np.nan] * 4, "word": list("aabb"), "many": list("abcd")}
    )
    table = from_frame(frame)
    check_target(table, "price", "regression")
    check_target(table, "word", "classification")
    for target, task, says in [
        (None, "regression", "there are price, one, gone, word and many"),
        ("pric", "regression", "did you mean price"),
        ("zzz", "regression", "there are price"),
        ("one", "regression", r"one value only \(5"),
        ("gone", "regression", "missing"),
        ("word", "regression", "'a' and the like"),
        ("many", "classification", "hardly any twice"),
    ]:
        with pytest.raises(UserError, match=says):
            check_target(table, target, task)


def test_labels_keep_their_words():
    table = from_frame(pd.DataFrame({"n": ["1", "2", None], "b": ["Yes", "No", "Yes"], "c": ["x", "y", None]}))
    assert labels_of(table, "n").tolist()[:2] == ["1", "2"] and labels_of(table, "n").isna().tolist()[2]
    assert labels_of(table, "b").tolist() == ["Yes", "No", "Yes"]
    assert labels_of(table, "c").tolist()[:2] == ["x", "y"]


def test_coordinates_by_name_and_range():
    degrees = pd.DataFrame({"Lat": [10.0, 20, 30], "lon": [100.0, 110, 120], "y": [1, 2, 3]})
    assert coordinates(from_frame(degrees)) == ("lon", "Lat")
    assert coordinates(from_frame(degrees * 10)) is None
    assert coordinates(from_frame(degrees.drop(columns="Lat"))) is None


def test_description_agrees_with_pandas(iris):
    table = describe(from_frame(iris), "species")
    assert table.index[0] == "species" and table.loc["species", "unique"] == 3
    expected = iris.describe().T
    for ours, theirs in (("mean", "mean"), ("25%", "25%"), ("max", "max"), ("count", "count")):
        np.testing.assert_allclose(table.loc[expected.index, ours].astype(float), expected[theirs])


def test_iris_raises_no_alarm(iris):
    table = from_frame(iris)
    assert leaks_of(table, "species", "classification") == warnings_of(table, "species", "classification") == []


@pytest.mark.parametrize("leak", ["code", "row", "word"])
def test_columns_that_write_the_classes_another_way(iris, leak):
    codes = pd.factorize(iris["species"])[0]
    iris[leak] = {"code": codes, "row": np.arange(150) / 2, "word": np.array(["I", "II", "III"])[codes]}[leak]
    found = leaks_of(from_frame(iris), "species", "classification")
    assert len(found) == 1 and repr(leak) in found[0] and "away" in found[0]


def test_columns_that_give_numbers_away():
    generator = np.random.default_rng(0)
    y = generator.normal(size=500)
    frame = pd.DataFrame(
        {"y": y, "cube": y**3, "fair": y + generator.normal(size=500), "group": np.round(y).astype(int).astype(str)}
    )
    found = leaks_of(from_frame(frame), "y", "regression")
    assert [("'cube'" in warning, "away" in warning) for warning in found] == [(True, True)]
    frame["y"] = np.round(y)
    assert any("'group' gives the target 'y' away" in told for told in leaks_of(from_frame(frame), "y", "regression"))


def test_other_warnings():
    generator = np.random.default_rng(0)
    rows = 1000
    frame = pd.DataFrame(
        {
            "y": np.r_[[None] * 10, generator.normal(size=rows - 10)],
            "skewed": np.exp(2 * generator.normal(size=rows)),
            "constant": 7,
            "empty": [None] * rows,
            "holes": np.where(generator.random(rows) < 0.8, np.nan, generator.normal(size=rows)),
            "many": [f"w{i % 300}" for i in range(rows)],
        }
    )
    found = " ".join(warnings_of(from_frame(frame), "y", "regression"))
    for says in (
        "missing in 10 of 1,000 rows",
        "'skewed' is heavily skewed",
        "'constant' has the same value",
        "'many' has 300",
    ):
        assert says in found
    assert "'empty' is missing in every row" in found and "'holes' is missing in 8" in found
    classes = pd.DataFrame({"x": generator.normal(size=rows), "y": ["a"] * 998 + ["b", "c"]})
    found = warnings_of(from_frame(classes), "y", "classification")
    assert any("far from even" in warning for warning in found) and any("b and c" in warning for warning in found)
