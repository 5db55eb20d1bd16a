"""Small pictures of one size, with classes: from folders and from idx files."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import save_picture, some_picture

from maquette.data.pictures.files import Picture, as_pixels, write_picture
from maquette.data.pictures.idx import read_idx, write_idx
from maquette.data.pictures.small import fit_square, small_images
from maquette.settings import UserError

SHARED = Path(os.environ.get("MAQUETTE_DATA") or Path(__file__).parents[3] / ".." / "shared" / "data")


def test_own_pictures_become_squares_with_classes(tmp_path):
    left = np.zeros((64, 128, 3), np.uint8)
    left[:, 32:96] = 200, 100, 50
    save_picture(tmp_path / "cat" / "1.png", left)
    grey = save_picture(tmp_path / "dog" / "1.png", some_picture(32, 32, 1))
    save_picture(tmp_path / "dog" / "cut.png")
    content = (tmp_path / "dog" / "cut.png").read_bytes()
    (tmp_path / "dog" / "cut.png").write_bytes(content[:-40])
    small = small_images(tmp_path)
    assert small.pixels.shape == (2, 32, 32, 3) and small.pixels.dtype == np.uint8
    assert small.names == ["cat/1.png", "dog/1.png"] and small.classes == ["cat", "dog"]
    assert small.labels.tolist() == [0, 1] and small.labels.dtype == np.int64 and small.test is None
    assert (small.pixels[0] == (200, 100, 50)).all()  # the middle, and nothing of what was cut off
    np.testing.assert_array_equal(small.pixels[1], grey.repeat(3, 2))  # of the right size already: untouched
    assert "cut.png (truncated or damaged)" in small.notes[0]
    assert small_images(tmp_path, channels=1, size=8).pixels.shape == (2, 8, 8, 1)


def test_resizing_is_antialiased(tmp_path):
    board = (np.indices((128, 128)).sum(0) % 2 * 255).astype(np.uint8)[..., None]
    save_picture(tmp_path / "board.png", board)
    pixels = small_images(tmp_path, size=16).pixels
    assert pixels.shape == (1, 16, 16, 1) and np.abs(pixels.astype(int) - 127).max() < 12
    fitted = fit_square(as_pixels(board), 16)
    assert fitted.dtype == np.float32 and fitted.shape == (16, 16, 1)
    np.testing.assert_array_equal(np.rint(fitted * 255), pixels[0])


def test_labels_are_refused_where_there_are_no_classes(tmp_path):
    save_picture(tmp_path / "1.png")
    save_picture(tmp_path / "2.png")
    assert small_images(tmp_path).labels is None
    with pytest.raises(UserError, match=r"holds no classes; .* cat/1\.png"):
        small_images(tmp_path, with_labels=True)
    save_picture(tmp_path / "a" / "1.png")
    save_picture(tmp_path / "b" / "1.png")
    assert small_images(tmp_path).labels is None
    labelled = small_images(tmp_path, with_labels=True)
    assert labelled.labels.tolist() == [0, 1] and "2 pictures were left out that lie outside" in labelled.notes[0]


def test_at_most_so_many_by_chance_and_the_same_ones(tmp_path):
    for number in range(20):
        save_picture(tmp_path / ("train" if number < 15 else "test") / "ab"[number % 2] / f"{number}.png")
    some = small_images(tmp_path, most=12, seed=3)
    assert len(some.pixels) == len(some.labels) == len(some.names) == 12 and "12 of 20" in some.notes[0]
    assert [some.classes[label] for label in some.labels] == [name.split("/")[1] for name in some.names]
    assert [row for row, name in enumerate(some.names) if name.startswith("test")] == some.test.tolist()
    assert small_images(tmp_path, most=12, seed=3).names == some.names
    assert small_images(tmp_path, most=12, seed=4).names != some.names


def test_linear_light_is_coded_for_display(tmp_path):
    write_picture(tmp_path / "a.exr", Picture(np.full((32, 32, 3), 0.21404114, np.float32), None, "float32", True))
    assert set(small_images(tmp_path).pixels.ravel()) == {128}


def write_mnist(folder: Path, part: str, pixels: np.ndarray, labels: np.ndarray, packed: bool = True) -> None:
    """Written with struct alone, from the description of the format."""
    count, height, width = pixels.shape
    for name, content in {
        f"{part}-images-idx3-ubyte": struct.pack(">IIII", 2051, count, height, width) + pixels.tobytes(),
        f"{part}-labels-idx1-ubyte": struct.pack(">II", 2049, len(labels)) + labels.astype(np.uint8).tobytes(),
    }.items():
        folder.mkdir(exist_ok=True)
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_read_with_their_test_part(packed, tmp_path):
    train, test = some_picture(8, 6, 28).transpose(2, 0, 1)[:20], some_picture(8, 6, 5).transpose(2, 0, 1)
    labels = np.random.default_rng(1).integers(0, 10, 25)
    labels[3] = 9
    write_mnist(tmp_path, "train", train, labels[:20], packed)
    write_mnist(tmp_path, "t10k", test, labels[20:], packed)
    small = small_images(tmp_path, size=8)
    assert small.test.tolist() == [20, 21, 22, 23, 24] and small.labels.tolist() == labels.tolist()
    assert small.classes == [str(number) for number in range(10)] and small.pixels.shape == (25, 8, 8, 1)
    square = some_picture(28, 28, 10).transpose(2, 0, 1)
    write_mnist(tmp_path / "own", "train", square, np.arange(10), packed)
    (tmp_path / "own" / "classes.txt").write_text("\n".join("abcdefghij"))
    own = small_images(tmp_path / "own")
    np.testing.assert_array_equal(own.pixels[..., 0], square)
    assert own.test is None and own.classes == list("abcdefghij") and own.labels.dtype == np.int64
    assert small_images(tmp_path / "own", channels=3).pixels.shape == (10, 28, 28, 3)
    assert small_images(tmp_path / "own", name="fashion_mnist").classes == list("abcdefghij")


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_idx_there_and_back(shape):
    import tempfile

    array = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        write_idx(Path(folder) / "a", array)
        np.testing.assert_array_equal(read_idx(Path(folder) / "a", array.ndim), array)


def test_damaged_idx_files_are_refused(tmp_path):
    write_mnist(tmp_path, "train", some_picture(8, 8, 9).transpose(2, 0, 1), np.arange(9))
    images, labels = tmp_path / "train-images-idx3-ubyte.gz", tmp_path / "train-labels-idx1-ubyte.gz"
    good, marks = images.read_bytes(), labels.read_bytes()
    content = gzip.decompress(good)
    for bad, words in (
        (good[:-20], "cannot be unpacked"),
        (b"hello", "cannot be unpacked"),
        (gzip.compress(content[:-1], mtime=0), "claims 576 bytes, but there are 575"),
        (gzip.compress(content + b"x", mtime=0), "but there are more"),
        (gzip.compress(b"\0\0\x0d\x03" + content[4:], mtime=0), "no idx file"),
        (gzip.compress(content[:9], mtime=0), "no idx file"),
        (gzip.compress(struct.pack(">IIII", 2051, 2**31, 2**16, 2**16), mtime=0), "header claims"),
    ):
        images.write_bytes(bad)
        with pytest.raises(UserError, match=words):
            small_images(tmp_path)
    images.write_bytes(good)
    labels.write_bytes(gzip.compress(gzip.decompress(marks)[:4] + struct.pack(">I", 8) + bytes(8)))
    with pytest.raises(UserError, match=r"9 pictures, but train-labels-idx1-ubyte\.gz 8 labels"):
        small_images(tmp_path)
    labels.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        small_images(tmp_path)
    labels.write_bytes(marks)
    (tmp_path / "classes.txt").write_text("one\ntwo\n")
    with pytest.raises(UserError, match="names 2 classes"):
        small_images(tmp_path)


def shared(name: str) -> Path:
    if not (SHARED / name).is_dir():
        pytest.skip(f"needs $MAQUETTE_DATA/{name}")
    return SHARED / name


def test_the_real_digits():
    small = small_images(shared("mnist"), name="mnist")
    assert small.pixels.shape == (70_000, 28, 28, 1) and small.test.tolist() == list(range(60_000, 70_000))
    counts = np.bincount(small.labels[:60_000])  # of the training part, as commonly printed
    assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert small.pixels[:60_000].mean() / 255 == pytest.approx(0.1307, abs=1e-4)  # the mean that tutorials subtract


def test_the_real_clothes():
    small = small_images(shared("fashion_mnist"), name="fashion_mnist", most=3_000)
    assert small.pixels.shape == (3_000, 28, 28, 1) and small.classes[9] == "Ankle boot"
    assert 300 < len(small.test) < 560 and small.test.max() == 2_999


def test_the_real_flowers_in_their_zip_file():
    small = small_images(shared("flowers64") / "flowers64.zip", most=300)
    assert small.classes == ["daisy", "dandelion", "roses", "sunflowers", "tulips"] and 20 < len(small.test) < 120
