"""New tables written another way than that of training: read where they can mean one thing, else counted."""

import numpy as np
import pandas as pd
import pytest

from maquette.data.tables.matching import Matching
from maquette.settings import UserError

NUMBER = {"units": [""], "marks": ".", "low": 30.0, "high": 200.0, "gaps": False}


def moment(day: str) -> float:
    return pd.Timestamp(day).value / 1000


DATE = {"shapes": ["Y-0-0"], "low": moment("2020-01-01"), "high": moment("2022-01-01")}


def matched(words, kind="number", habit=None, **known):
    frame = pd.DataFrame({"x": words})
    matching = Matching.of([frame], {"x": kind}, {"habits": {"x": habit or {}}, **known})
    return matching, matching.typed(frame)["x"].tolist()


@pytest.mark.parametrize(
    ("words", "numbers", "says"),
    [
        (["81.0 m2", "100 m2", None], [81, 100, np.nan], "'m2'"),
        (["kr 81", "kr 100"], [81, 100], "'kr'"),
        (["81,5", "100"], [81.5, 100], "decimal commas"),
        (["1.081,5", "100,25"], [1081.5, 100.25], "decimal commas"),
        (["81,250", "100,125"], [81.25, 100.125], "decimal commas"),
        (["8 100 %", "12 000 %"], [81, 120], "per cent"),
        (["€ 81", "€ 100"], [81, 100], "'€'"),
        (["81\xa0m²", "100\u202fm²"], [81, 100], "'m²'"),
        (["81,5\xa0€", "100,0\xa0€"], [81.5, 100], "decimal commas"),
    ],
)
def test_numbers_written_another_way_are_read_and_said(words, numbers, says):
    matching, found = matched(words, habit=NUMBER)
    np.testing.assert_allclose(found, numbers)
    assert says in matching.notes[0] and matching.readers["x"].unreadable == 0
    matching.refuse(0)


@pytest.mark.parametrize(
    "words",
    [
        ["see plan", "81"],
        ["81 m2", "81"],  # not every value has the unit
        ["0.081 km2", "0.1 km2"],  # another unit altogether
        ["30-40", "50-60"],
        ["(81)", "(90)"],
        ["<81", "<90"],
        ["3 to 5"],
    ],
)
def test_what_is_no_one_number_is_counted_named_and_refused(words):
    matching, found = matched(words, habit=NUMBER)
    bad = int(np.isnan(found).sum())
    assert bad == matching.readers["x"].unreadable == sum(word != "81" for word in words)
    assert any(f"'x': {bad} of {len(words)} values cannot be read" in note for note in matching.notes)
    with pytest.raises(UserError, match=r"--unreadable 0\.2 allows"):
        matching.refuse(0.2)
    matching.refuse(1)


def test_a_mark_that_can_be_both_is_decided_by_the_file_then_by_the_range_and_else_not_read():
    frame = pd.DataFrame({"mass": ["1,500", "2,345"], "length": ["12,3", "45,6"]})
    habits = {"mass": {**NUMBER, "low": 1.0, "high": 3000.0}, "length": NUMBER}
    of_file = Matching.of([frame], dict.fromkeys(frame, "number"), {"habits": habits})
    assert of_file.typed(frame)["mass"].tolist() == [1.5, 2.345]
    assert matched(["1,500", "2,345"], habit={**NUMBER, "low": 0.5, "high": 9.0})[1] == [1.5, 2.345]
    assert matched(["1,500", "2,345"], habit={**NUMBER, "low": 500.0, "high": 9000.0})[1] == [1500, 2345]
    unsure, found = matched(["1,500", "2,345"], habit=habits["mass"])
    assert np.isnan(found).all() and "one number only" in unsure.notes[0]
    as_trained, found = matched(["1,500", "2,345"], habit={**habits["mass"], "marks": ".,"})
    assert found == [1500, 2345] and not as_trained.notes
    assert matched(["1.500", "2.345"], habit=habits["mass"], formats={"x": "comma"})[1] == [1500, 2345]


@pytest.mark.parametrize(
    ("words", "dates", "says"),
    [
        (["31.12.2023", "1.2.2024"], ["2023-12-31", "2024-02-01"], "day first"),
        (["12/31/21", "1/2/21"], ["2021-12-31", "2021-01-02"], "month first"),
        (["31/12/19", "1/2/20"], ["2019-12-31", "2020-02-01"], "day first"),
        (["31-Jan-21"], ["2021-01-31"], "31-Jan-21"),
        (["20210131"], ["2021-01-31"], "20210131"),
        (["21-01-31", "21-02-03"], ["2021-01-31", "2021-02-03"], "year of two digits"),
        (["44197", "44198.5"], ["2021-01-01", "2021-01-02 12:00"], "Excel"),
        ([44197, 44198.5], ["2021-01-01", "2021-01-02 12:00"], "Excel"),
        (["1.2.2021", "3.4.2021"], ["2021-02-01", "2021-04-03"], "day first"),
    ],
)
def test_dates_written_another_way_are_read_and_said(words, dates, says):
    matching, found = matched(words, "date", DATE)
    assert found == [pd.Timestamp(date) for date in dates]
    assert len(matching.notes) == 1 and says in matching.notes[0]


@pytest.mark.parametrize("words", [["3/4/2021", "5/6/2021"], ["soon"], ["1"], [9.5], ["2021-02-30"]])
def test_dates_that_cannot_be_read_or_two_ways_are_counted(words):
    matching, found = matched(words, "date", DATE)
    assert pd.isna(found).all() and matching.readers["x"].unreadable == len(words)


def test_categories_are_found_in_other_case_blanks_accents_and_as_numbers():
    levels = ["01067", "10115", "Oslo", "New York", "\u00c5lesund", "a", "A"]
    words = ["1067", "10115.0", "'10115", "OSLO", "new  york ", "A\u030alesund", "A", "99999", None]
    matching, found = matched(words, "category", {"gaps": False}, levels={"x": levels})
    assert found[:-2] == ["01067", "10115", "10115", "Oslo", "New York", "\u00c5lesund", "A"]
    assert found[-2] == "99999" and pd.isna(found[-1])
    assert (
        "3 values differ in capitals" in matching.notes[0] and "3 values differ in leading zeros" in matching.notes[1]
    )
    assert "1 of 8 value was not there in training" in matching.notes[2] and "'99999'" in matching.notes[2]
    assert "missing in 1 of 9 rows, and never was in training" in matching.notes[3]
    assert matched([1067, 10115.0], "category", levels={"x": levels})[1] == ["01067", "10115"]
    assert matched(["5"], "category", levels={"x": ["05", "005"]})[1] == ["5"]  # either could be meant


def test_words_that_are_missing_are_those_of_training():
    assert matched(["NA", "x"], "category", levels={"x": ["NA", "x"]}, missing=["-"])[1] == ["NA", "x"]
    assert pd.isna(matched(["NA", "x"], "category", levels={"x": ["NA", "x"]})[1][0])


def test_a_column_is_read_alike_in_every_piece():
    generator = np.random.default_rng(0)
    values = generator.uniform(1, 3000, 400).round(3)
    words = [f"{value:.3f}".replace(".", ",") for value in values]
    words[-1] = "12,5"  # only the last row says that these are decimal commas
    values[-1] = 12.5
    pieces = [pd.DataFrame({"x": words[start : start + 7]}) for start in range(0, 400, 7)]
    matching = Matching.of(pieces, {"x": "number"}, {"habits": {"x": {**NUMBER, "low": 1, "high": 3000}}})
    assert np.array_equal(np.concatenate([matching.typed(piece)["x"] for piece in pieces]), values)


def test_yes_and_no_infinities_other_columns_and_no_rows():
    matching, found = matched(["yes", "ja", "0", None], "boolean")
    assert found[0] == 1 and found[2] == 0 and matching.readers["x"].unreadable == 1 and "'ja'" in matching.notes[0]
    matching, found = matched([1.0, np.inf], habit=NUMBER)
    assert "infinite" in matching.notes[0] and np.isnan(found[1])
    extra = Matching.of([pd.DataFrame({"x": [1], "y": [1], "z": [2]})], {"x": "number"}, {"names": ["x", "y"]})
    assert extra.notes == ["z is a column that training did not have; not looked at."]
    with pytest.raises(UserError, match="'x'"):
        Matching.of([pd.DataFrame({"y": [1]})], {"x": "number"}, {})
    for kind in ("number", "date", "category", "boolean"):
        assert matched([], kind)[1] == []


def test_what_is_written_as_in_training_is_read_without_a_word():
    for words, kind, habit in (
        (["81.5", "1e2", " 99 "], "number", NUMBER),
        (["2021-01-31", "2023-05-01"], "date", DATE),
        ([81.5, 100], "number", NUMBER),
        (["$81", "$ 100.50"], "number", {**NUMBER, "units": ["$"], "marks": ".$"}),
    ):
        assert not matched(words, kind, habit)[0].notes
