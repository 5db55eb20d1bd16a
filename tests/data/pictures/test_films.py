"""Films: read again by OpenCV, Pillow and OpenImageIO, frame by frame; nothing is left of one that failed."""

import builtins
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageSequence

from maquette.data.pictures.files import read_picture
from maquette.data.pictures.films import write_film
from maquette.settings import UserError


def some_frames(count=12, height=46, width=64):
    """A bright square that moves over a slope."""
    slope = np.add.outer(np.arange(height), np.arange(width))[..., None] / (height + width) * [0.2, 0.5, 0.8]
    for i in range(count):
        frame = slope.astype(np.float32)
        frame[10:26, 2 * i : 2 * i + 16] = [1, 0.8, 0]
        yield frame


def read_again(path):
    if path.is_dir():
        return [read_picture(each).pixels for each in sorted(path.iterdir())]
    if path.suffix != ".mp4":
        return [np.asarray(each.convert("RGB")) / 255 for each in ImageSequence.Iterator(Image.open(path))]
    cv2 = pytest.importorskip("cv2")
    film, frames = cv2.VideoCapture(str(path)), []
    while (answer := film.read())[0]:
        frames.append(answer[1][..., ::-1] / 255)
    return frames


@pytest.mark.parametrize(("name", "error"), [("a.mp4", 0.05), ("a.webp", 0.05), ("a.gif", 0.03), ("frames", 0.003)])
def test_frames_come_back_in_order_and_upright(tmp_path, name, error):
    if name.endswith("mp4"):
        pytest.importorskip("cv2")
    assert write_film(tmp_path / name, some_frames()) == 12
    read = read_again(tmp_path / name)
    assert len(read) == 12
    for frame, truth in zip(read, some_frames(), strict=True):
        assert np.sqrt(np.mean((frame - truth) ** 2)) < error
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("size", [(45, 64), (46, 63), (45, 63), (1, 1)])
def test_sides_of_odd_length(tmp_path, size):
    pytest.importorskip("cv2")
    frames = [np.full((*size, 1), 0.5)] * 3
    write_film(tmp_path / "a.mp4", frames)
    height, width = size
    assert [each.shape for each in read_again(tmp_path / "a.mp4")] == [(height + height % 2, width + width % 2, 3)] * 3
    assert np.abs(np.array(read_again(tmp_path / "a.mp4")) - 0.5).max() < 0.05
    for name in ("a.webp", "a.gif"):
        write_film(tmp_path / name, iter(frames))
        assert [each.shape for each in read_again(tmp_path / name)] == [(*size, 3)] * 3


@pytest.mark.parametrize(("name", "unit"), [("a.webp", 1), ("a.gif", 10)])
@pytest.mark.parametrize("rate", [24, 30, 12.5])
def test_a_film_lasts_as_long_as_it_should(tmp_path, name, unit, rate):
    write_film(tmp_path / name, some_frames(count=12), rate)
    film = Image.open(tmp_path / name)
    lengths = []
    for frame in ImageSequence.Iterator(film):
        frame.load()
        lengths.append(frame.info["duration"])
    assert sum(lengths) == pytest.approx(12_000 / rate, abs=unit)
    assert max(lengths) - min(lengths) <= unit and film.info["loop"] == 0


def test_bytes_and_grey_are_taken_as_they_are(tmp_path):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    write_film(tmp_path / "frames", [grey, grey / np.float32(255), np.full((16, 16, 3), np.nan)])
    first, second, third = read_again(tmp_path / "frames")
    np.testing.assert_array_equal(np.rint(first * 255), grey.repeat(3, 2))
    np.testing.assert_array_equal(first, second)
    assert not third.any()


@pytest.mark.parametrize("name", ["a.webp", "a.gif"])
def test_memory_does_not_grow_with_the_film(tmp_path, name):
    peaks = []
    for count in (3, 60):
        tracemalloc.start()
        write_film(tmp_path / name, some_frames(count, 100, 200))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100 * 200 * 3 * 5


@pytest.mark.parametrize("name", ["a.mp4", "a.webp", "a.gif", "frames"])
def test_a_film_that_fails_leaves_nothing_and_spares_what_was_there(tmp_path, name):
    if name.endswith("mp4"):
        pytest.importorskip("cv2")
    path = tmp_path / name
    if "." in name:
        path.write_bytes(b"what was there")

    def broken():
        yield from some_frames(3)
        raise RuntimeError("out of light")

    with pytest.raises(RuntimeError, match="out of light"):
        write_film(path, broken())
    with pytest.raises(UserError, match="no frames"):
        write_film(path, [])
    assert not path.exists() or path.read_bytes() == b"what was there"
    assert len(list(tmp_path.iterdir())) == path.exists()


def test_what_cannot_be_written_is_said(tmp_path):
    with pytest.raises(UserError, match=r"\.mp4, \.webp, \.gif"):
        write_film(tmp_path / "a.avi", some_frames())
    with pytest.raises(UserError, match="at most 50 frames"):
        write_film(tmp_path / "a.gif", some_frames(), 60)
    for name in ("a.webp", "frames"):
        with pytest.raises(UserError, match="There is no folder"):
            write_film(tmp_path / "nowhere" / name, some_frames())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "picture.png").touch()
    with pytest.raises(UserError, match="not an empty folder"):
        write_film(tmp_path / "full", some_frames())
    with pytest.raises(UserError, match="at most 16,383 pixels"):
        write_film(tmp_path / "a.webp", [np.zeros((2, 17_000, 3))])


def test_a_missing_opencv_is_said_before_the_first_frame(tmp_path, monkeypatch):
    original = builtins.__import__

    def without(name, *rest):
        if name == "cv2":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)

    def never():
        raise AssertionError("a frame was asked for")
        yield

    with pytest.raises(UserError, match=r'pip install "maquette\[scenes\]"'):
        write_film(tmp_path / "a.mp4", never())
