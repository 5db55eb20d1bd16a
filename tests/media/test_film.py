"""Films: files, folders of frames, and a still where one frame is asked for."""

from importlib.util import find_spec

import numpy as np
import pytest

from maquette.data.pictures.files import read_picture
from maquette.media import Asked, film
from maquette.media.film import Film
from maquette.settings import UserError


def quiet(note: str) -> None:
    raise AssertionError(note)


def made(count: int) -> Film:
    return Film((np.full((8, 12, 3), number / 10, np.float32) for number in range(count)), count, 10.0)


def test_a_film_goes_where_its_ending_says(tmp_path):
    out = film.write(iter([made(3)]), tmp_path / "film.webp", Asked(tmp_path), quiet)
    assert out.read_bytes()[8:12] == b"WEBP"
    folder = film.write(iter([made(3)]), tmp_path / "frames", Asked(tmp_path), quiet)
    frames = [read_picture(path).pixels for path in sorted(folder.iterdir())]
    assert [round(float(frame.mean()), 2) for frame in frames] == [0.0, 0.1, 0.2]


def test_a_picture_holds_one_frame_or_some_in_a_row(tmp_path):
    out = film.write(iter([made(1)]), tmp_path / "still.png", Asked(tmp_path), quiet)
    assert read_picture(out).pixels.shape == (8, 12, 3)
    out = film.write(iter([made(2)]), tmp_path / "two.png", Asked(tmp_path), quiet)
    row = read_picture(out).pixels
    assert row.shape == (8, 2 * 12 + 2, 3)
    assert (
        row[:, :12] == pytest.approx(0.0) and row[:, 12:14].min() == 1 and row[:, 14:] == pytest.approx(0.1, abs=0.01)
    )
    said: list[str] = []
    out = film.write(iter([made(11)]), tmp_path / "some.png", Asked(tmp_path), said.append)
    assert read_picture(out).pixels.shape == (8, 10 * 14 - 2, 3) and "10 of the 11 frames" in said[0]
    assert read_picture(out).pixels[0, [0, -1], 0] == pytest.approx([0.0, 1.0])


def test_a_file_that_nobody_named_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "film.mp4" if find_spec("cv2") else "film.webp"
    (tmp_path / name).write_text("dear")
    with pytest.raises(UserError, match="there already"):
        film.write(iter([made(1)]), None, Asked(tmp_path), quiet)
    assert (tmp_path / name).read_text() == "dear"


def test_python_has_the_frames():
    assert [frame.shape for frame in film.plain(iter([made(2)]), True)] == [(8, 12, 3)] * 2
