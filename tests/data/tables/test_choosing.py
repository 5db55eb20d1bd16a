"""Columns named to be left out, or to be the only ones that are kept."""

import pandas as pd
import pytest

from maquette.data.tables.choosing import columns_left_out, in_words, names_in
from maquette.data.tables.columns import leaks_of
from maquette.data.tables.reading import read_table
from maquette.settings import UserError

NAMES = ["id", "area", "town, part", "price"]


def test_names_stand_between_commas_and_quotation_marks():
    assert names_in('id, area,"town, part",') == ["id", "area", "town, part"]
    assert names_in(None) == names_in("") == []
    assert [names_in(in_words(name).strip("'")) for name in NAMES] == [[name] for name in NAMES]


def test_what_is_left_out():
    assert columns_left_out(NAMES, "price", ["id", "town, part"], []) == ["id", "town, part"]
    assert columns_left_out(NAMES, "price", [], ["area"]) == ["id", "town, part"]
    assert columns_left_out(NAMES, "price", [], ["area", "price"]) == ["id", "town, part"]
    assert columns_left_out(NAMES, "price", [], []) == []


@pytest.mark.parametrize(
    ("drop", "only", "told"),
    [
        (["Area"], [], r"--drop: there is no column 'Area'; did you mean area\?"),
        ([], ["zzz"], r"--only: there is no column 'zzz'; there are id, area, town, part and price"),
        (["price"], [], r"--drop names the target 'price'"),
        (["id"], ["area"], r"not both"),
        (["id", "area", "town, part"], [], r"no column is left to learn from"),
        ([], ["price"], r"no column is left to learn from"),
    ],
)
def test_what_cannot_be_left_out_is_told(drop, only, told):
    with pytest.raises(UserError, match=told):
        columns_left_out(NAMES, "price", drop, only)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_without_columns_has_no_notes_on_them_and_a_header_of_numbers_is_found_by_them(tmp_path, kind):
    frame = pd.DataFrame({"2021": [1.5, 2, 3, 4], "2022": ["x", "y", "?", "7"], "2023": [4, 5, 6, 7]})
    path = tmp_path / f"t.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    table = read_table(path, ["2023", "2022"], "2023", drop=["2022"])
    assert list(table.kinds) == ["2021", "2023"] and table.dropped == ["2022"]
    assert not any("2022" in note for note in table.notes)


def test_a_leak_is_told_with_the_way_out(tmp_path):
    rows = range(40)
    path = tmp_path / "t.csv"
    pd.DataFrame({"x": [i % 7 for i in rows], "price, net": [i * 2 + 1 for i in rows], "price": rows}).to_csv(path)
    found = leaks_of(read_table(path, target="price"), "price", "regression")
    assert len(found) == 2 and found[1].endswith("leave it out: --drop '\"price, net\"'")
    less = read_table(path, target="price", drop=["price, net", "column_1"])
    assert leaks_of(less, "price", "regression") == []
