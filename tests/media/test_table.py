"""Tables in and out: frames, files, pieces, and what is left as it was."""

import numpy as np
import pandas as pd
import pytest

from maquette.data.pictures.files import Picture
from maquette.data.tables import reading
from maquette.media import Asked, table
from maquette.settings import UserError

FRAME = pd.DataFrame({"a": range(10), "b": list("abcdefghij")})


def quiet(note: str) -> None:
    raise AssertionError(note)


@pytest.mark.parametrize("name", ["new.csv", "NEW.TSV", "new.csv.gz", "new.parquet", "new.xlsx", "new.txt"])
def test_files_frames_and_columns_are_tables(name):
    assert table.accepts(name) and table.is_one(name)
    assert table.accepts(FRAME) and table.accepts({"a": [1]})
    assert not any(map(table.accepts, ("a sentence", "picture.png", np.zeros((2, 2)), [FRAME])))


def test_a_file_comes_in_pieces_and_goes_out_whole(tmp_path, monkeypatch):
    FRAME.to_csv(tmp_path / "new.csv", index=False)
    monkeypatch.setattr(table, "read_chunks", lambda path, **more: reading.read_chunks(path, rows=3, **more))
    pieces = [piece.assign(c=1) for piece in table.read([tmp_path / "new.csv"], quiet)]
    assert [len(piece) for piece in pieces] == [3, 3, 3, 1]
    out = table.write(iter(pieces), tmp_path / "out.csv", Asked(tmp_path, tmp_path / "new.csv"), quiet)
    expected = FRAME.assign(c=1)
    pd.testing.assert_frame_equal(pd.read_csv(out), expected)
    pd.testing.assert_frame_equal(table.plain(iter(pieces), True).astype({"a": "int64"}), expected, check_dtype=False)


def test_frames_and_columns_come_as_one_piece():
    for given in (FRAME, dict(FRAME.items())):
        (piece,) = table.read([given], quiet)
        pd.testing.assert_frame_equal(piece, FRAME)
    with pytest.raises(UserError, match="one table at a time, not 2"):
        next(table.read(["a.csv", "b.csv"], quiet))


def test_without_out_the_answer_stands_here_under_the_name_of_the_input(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    FRAME.to_csv("new.csv", index=False)
    asked = Asked(tmp_path, tmp_path / "new.csv")
    assert table.write(iter([FRAME]), None, asked, quiet).name == "new-predicted.csv"
    with pytest.raises(UserError, match="there already"):
        table.write(iter([FRAME]), None, asked, quiet)
    with pytest.raises(UserError, match="the input itself"):
        table.write(iter([FRAME]), tmp_path / "new.csv", asked, quiet)
    pd.testing.assert_frame_equal(pd.read_csv("new.csv"), FRAME)
    assert table.write(iter([FRAME]), None, Asked(tmp_path), quiet) is None
    assert capsys.readouterr().out.split() == FRAME.to_string(index=False).split()


def test_pictures_that_come_from_files_are_named_in_the_answer():
    answers = pd.DataFrame({"class": ["a", "b"]})
    pixels = np.zeros((1, 1, 3), np.float32)
    assert list(table.with_names(answers.copy(), [Picture(pixels), Picture(pixels)])) == ["class"]
    named = table.with_names(answers.copy(), [Picture(pixels, name="x/1.png"), Picture(pixels, name="x/2.png")])
    assert list(named) == ["file", "class"] and list(named["file"]) == ["x/1.png", "x/2.png"]


def test_the_same_frame_is_kept_as_the_same_file():
    kept = table.keep(FRAME)
    assert table.keep(FRAME.copy()) == kept != table.keep(FRAME.assign(a=0))
    pd.testing.assert_frame_equal(pd.read_parquet(kept), FRAME)
