"""Writing tables: whole or not at all."""

import errno

import pandas as pd
import pytest

from maquette import files
from maquette.data.tables.reading import read_table
from maquette.data.tables.writing import write_chunks
from maquette.settings import UserError


def test_columns_of_several_kinds_are_written_as_words(tmp_path):
    mixed = pd.DataFrame({"a": [1, "x", None], "n": [None] * 3, "d": pd.to_datetime(["2020-01-01"] * 3)})
    for name in ("o.csv", "o.parquet", "o.xlsx"):
        write_chunks(tmp_path / name, [mixed, mixed])
        table = read_table(tmp_path / name)
        assert table.frame["a"].fillna("").tolist() == ["1", "x", ""] * 2, name
        assert table.kinds["d"] == "date" and table.frame["n"].isna().all()
    numbers, words = pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": ["x", "y"]})
    with pytest.raises(UserError, match="change their kind"):
        write_chunks(tmp_path / "p.parquet", [numbers, words])


def test_nothing_half_written_stays(tmp_path):
    def broken():
        yield pd.DataFrame({"a": [1]})
        raise RuntimeError("in the middle")

    for name in ("o.csv", "o.parquet", "o.xlsx"):
        with pytest.raises(RuntimeError):
            write_chunks(tmp_path / name, broken())
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written(tmp_path, monkeypatch):
    frames = [pd.DataFrame({"a": [1]})]
    for path, says in ((tmp_path, "folder"), (tmp_path / "no" / "x.csv", "no folder"), (tmp_path / "x.doc", ".doc")):
        with pytest.raises(UserError, match=says):
            write_chunks(path, frames)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(UserError, match="disk is full"):
        write_chunks(tmp_path / "x.csv", frames)
    assert not list(tmp_path.iterdir())
