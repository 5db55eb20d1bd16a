"""Sets of pictures: found, named, left out where they are damaged, and small ones with classes."""

import gzip
import os
import pickle
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maquette.data.pictures.files import Picture, as_pixels, to_channels, write_picture
from maquette.data.pictures.folders import fit_square, open_images, small_images
from maquette.data.pictures.idx import read_idx, write_idx
from maquette.data.sets.sources import Found
from maquette.settings import UserError

SHARED = Path(os.environ.get("MAQUETTE_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")
RANDOM = np.random.default_rng(1)


def picture(height: int = 20, width: int = 30, channels: int = 3) -> np.ndarray:
    return RANDOM.integers(0, 256, (height, width, channels), dtype=np.uint8)


def save(path: Path, array: np.ndarray | None = None) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = picture() if array is None else array
    Image.fromarray(array[..., 0] if array.shape[2] == 1 else array).save(path)
    return array


def found(path: Path, name: str = "") -> Found:
    return Found(path, "path", name=name)


@pytest.fixture
def folder(tmp_path):
    """Good pictures in folders, and one file of each bad kind."""
    root = tmp_path / "some pictures"
    save(root / "b" / "2.png")
    save(root / "b" / "1.png", picture(40, 10, 1))
    save(root / "a" / "ünï.tif")
    save(root / "top.bmp")
    write_picture(root / "a" / "light.exr", Picture(np.float32(RANDOM.random((9, 9, 3)) * 5), None, "float16", True))
    save(root / ".hidden.png")
    save(root / ".thumbnails" / "1.png")
    (root / "notes.txt").write_text("not a picture, and not called one")
    (root / "empty.png").write_bytes(b"")
    (root / "text.jpg").write_text("hello")
    save(root / "tiny.png", picture(7, 30))
    content = (root / "b" / "2.png").read_bytes()
    (root / "cut.png").write_bytes(content[: len(content) // 2])
    save(root / "cut.jpg", picture(200, 200))
    (root / "cut.jpg").write_bytes((root / "cut.jpg").read_bytes()[:9_000])
    return root


NAMES = ["a/light.exr", "a/ünï.tif", "b/1.png", "b/2.png", "top.bmp"]
BAD = {
    "cut.jpg": "truncated or damaged",
    "cut.png": "truncated or damaged",
    "empty.png": "empty",
    "text.jpg": "no picture of a known kind",
    "tiny.png": "too small: 30 x 7 pixels, at least 8 x 8 needed",
}


def check(images, prefix: str = "") -> None:
    assert images.names == [prefix + name for name in NAMES] and len(images) == 5
    assert dict(images.left_out) == {prefix + name: reason for name, reason in BAD.items()}
    (note,) = images.notes()
    assert note.startswith("5 files were left out: ") and f"{prefix}cut.jpg (truncated or damaged)" in note
    for index, entry in enumerate(images.entries):
        assert images.read(index).shape == (entry.height, entry.width, entry.channels)
    assert [entry.channels for entry in images.entries] == [3, 3, 1, 3, 3]
    assert [entry.is_linear for entry in images.entries] == [True, False, False, False, False]
    assert images.picture(0).depth == images.entries[0].depth == "float16"


def test_a_folder_is_searched_and_bad_files_are_named(folder):
    images = open_images(folder)
    check(images)
    assert images.folders() == ["a", "a", "b", "b", ""]
    np.testing.assert_allclose(images.read(3), np.asarray(Image.open(folder / "b" / "2.png")) / 255, atol=1e-6)


def test_a_zip_file_is_the_folder(folder, tmp_path):
    shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    images = open_images(tmp_path / "packed.zip")
    check(images)
    assert all(entry.path == tmp_path / "packed.zip" and entry.member == entry.name for entry in images.entries)
    for index, name in enumerate(NAMES):
        np.testing.assert_array_equal(images.read(index), open_images(folder / name).read(0))
    again = pickle.loads(pickle.dumps(images))
    np.testing.assert_array_equal(again.read(2), images.read(2))


def test_a_zip_made_on_a_mac_shows_no_ghosts(tmp_path):
    save(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("a.png", "__MACOSX/._a.png", "__MACOSX/a.png", ".a.png", "b/.c/a.png"):
            archive.write(tmp_path / "a.png", name)
    images = open_images(tmp_path / "a.zip")
    assert images.names == ["a.png"] and not images.left_out


def test_members_that_would_lead_outside_are_left_out(tmp_path):
    save(tmp_path / "a.png")
    outside = ["../up.png", "a\\..\\..\\up.png", "/root.png", "C:\\drive.png", "a/../../b.png"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("a.png", *outside):
            archive.writestr(name, (tmp_path / "a.png").read_bytes())
    images = open_images(tmp_path / "a.zip")
    assert images.names == ["a.png"] and len(images.left_out) == 5
    assert {reason for _, reason in images.left_out} == {"named as if it lay outside of the zip file"}


def test_a_list_is_named_below_its_common_folder(folder, tmp_path):
    shutil.make_archive(str(tmp_path / "packed"), "zip", folder / "b")
    images = open_images([folder / "b", folder / "a" / "ünï.tif", tmp_path / "packed.zip", folder / "a" / "ünï.tif"])
    assert images.names == [
        "packed.zip/1.png", "packed.zip/2.png",
        "some pictures/a/ünï.tif", "some pictures/b/1.png", "some pictures/b/2.png",
    ]  # fmt: skip
    assert open_images(folder / "top.bmp").names == ["top.bmp"]
    assert open_images([folder / "top.bmp"]).names == ["top.bmp"]


def test_headers_alone_do_not_find_what_is_cut(folder):
    images = open_images(folder, verify=False)
    assert "cut.jpg" in images.names and "cut.png" in images.names
    with pytest.raises(UserError, match=r"cut\.jpg cannot be read: it is truncated or damaged"):
        images.read(images.names.index("cut.jpg"))
    images.verify()
    check(images)


def test_too_few_pictures_are_an_error_that_says_why(folder, tmp_path):
    with pytest.raises(
        UserError, match=r"holds only 5 pictures; at least 6 are needed \(5 files were left out: cut\.jpg"
    ):
        open_images(folder, least=6)
    (tmp_path / "bad").mkdir()
    for name in BAD:
        shutil.copy(folder / name, tmp_path / "bad" / name)
    with pytest.raises(UserError, match=r"holds no picture that can be read \(5 files"):
        open_images(tmp_path / "bad")
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match=r"holds no pictures; their endings are \.bmp"):
        open_images(tmp_path / "none")
    with pytest.raises(UserError, match="no file or folder"):
        open_images(tmp_path / "nowhere")
    (tmp_path / "a.zip").write_bytes(b"PK no")
    with pytest.raises(UserError, match="zip file"):
        open_images(tmp_path / "a.zip")


def test_the_digest_is_of_names_and_contents(folder, tmp_path):
    digest = open_images(folder).digest()
    assert digest == open_images(folder).digest() and len(digest) == 64
    copied = shutil.copytree(folder, tmp_path / "copy")
    assert open_images(copied).digest() == digest
    shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    assert open_images(tmp_path / "packed.zip").digest() == digest
    (copied / "top.bmp").rename(copied / "other.bmp")
    assert open_images(copied).digest() != digest
    shutil.copy(folder / "b" / "2.png", folder / "b" / "1.png")
    assert open_images(folder).digest() != digest


def test_numbers_that_are_not_finite_are_noted(tmp_path):
    light = np.ones((9, 9, 3), np.float32)
    write_picture(tmp_path / "good.tif", Picture(light, None, "float32", True))
    light[0, 0] = np.nan
    tifffile.imwrite(tmp_path / "nan.tif", light, photometric="rgb")
    assert open_images(tmp_path).notes() == ["Numbers that are not finite were read as 0 in nan.tif."]


def test_many_left_out_files_are_counted(tmp_path):
    save(tmp_path / "good.png")
    for number in range(30):
        (tmp_path / f"bad{number:02}.png").write_bytes(b"")
    (note,) = open_images(tmp_path).notes()
    assert note.startswith("30 files were left out: bad00.png (empty)") and note.endswith(
        "bad09.png (empty) and 20 more."
    )


@pytest.mark.parametrize(
    ("names", "classes", "tests"),
    [
        (["a/1.png", "b/x/1.png", "c.png"], ["a", "b", ""], []),
        (["set/a/1.png", "set/b/1.png"], ["a", "b"], []),
        (["set/train/a/1.png", "set/train/b/1.png", "set/test/b/1.png"], ["b", "a", "b"], [0]),
        (["train/a/1.png", "val/a/1.png", "val/b/1.png"], ["a", "a", "b"], [1, 2]),
        (["Train/a/1.png", "test/a/1.png", "valid/b/1.png"], ["a", "a", "b"], [1]),
        (["train/1.png", "cat/1.png"], ["cat", "train"], []),
        (["cats/1.png", "cats/2.png"], ["cats", "cats"], []),
    ],
)
def test_classes_are_folders(names, classes, tests, tmp_path):
    for name in names:
        save(tmp_path / name)
    images = open_images(tmp_path)
    assert images.folders() == classes and np.flatnonzero(images.tests()).tolist() == tests


# -- small pictures ----------------------------------------------------------------------------------------------------


def test_own_pictures_become_squares_with_classes(tmp_path):
    left = np.zeros((64, 128, 3), np.uint8)
    left[:, 32:96] = 200, 100, 50
    save(tmp_path / "cat" / "1.png", left)
    grey = save(tmp_path / "dog" / "1.png", picture(32, 32, 1))
    save(tmp_path / "dog" / "cut.png")
    content = (tmp_path / "dog" / "cut.png").read_bytes()
    (tmp_path / "dog" / "cut.png").write_bytes(content[:-40])
    small = small_images(found(tmp_path))
    assert small.pixels.shape == (2, 32, 32, 3) and small.pixels.dtype == np.uint8
    assert small.names == ["cat/1.png", "dog/1.png"] and small.classes == ["cat", "dog"]
    assert small.labels.tolist() == [0, 1] and small.labels.dtype == np.int64 and small.test is None
    assert (small.pixels[0] == (200, 100, 50)).all()  # the middle, and nothing of what was cut off
    np.testing.assert_array_equal(small.pixels[1], grey.repeat(3, 2))  # of the right size already: untouched
    assert "cut.png (truncated or damaged)" in small.notes[0]
    assert small_images(found(tmp_path), channels=1, size=8).pixels.shape == (2, 8, 8, 1)


def test_resizing_is_antialiased(tmp_path):
    board = (np.indices((128, 128)).sum(0) % 2 * 255).astype(np.uint8)[..., None]
    save(tmp_path / "board.png", board)
    pixels = small_images(found(tmp_path), size=16).pixels
    assert pixels.shape == (1, 16, 16, 1) and np.abs(pixels.astype(int) - 127).max() < 12
    fitted = fit_square(as_pixels(board), 16)
    assert fitted.dtype == np.float32 and fitted.shape == (16, 16, 1)
    np.testing.assert_array_equal(np.rint(fitted * 255), pixels[0])


def test_labels_are_refused_where_there_are_no_classes(tmp_path):
    save(tmp_path / "1.png")
    save(tmp_path / "2.png")
    assert small_images(found(tmp_path)).labels is None
    with pytest.raises(UserError, match=r"holds no classes; .* cat/1\.png"):
        small_images(found(tmp_path), with_labels=True)
    save(tmp_path / "a" / "1.png")
    save(tmp_path / "b" / "1.png")
    assert small_images(found(tmp_path)).labels is None
    labelled = small_images(found(tmp_path), with_labels=True)
    assert labelled.labels.tolist() == [0, 1] and "2 pictures outside" in labelled.notes[0]


def test_at_most_so_many_by_chance_and_the_same_ones(tmp_path):
    for number in range(20):
        save(tmp_path / ("train" if number < 15 else "test") / "ab"[number % 2] / f"{number}.png")
    some = small_images(found(tmp_path), most=12, seed=3)
    assert len(some.pixels) == len(some.labels) == len(some.names) == 12 and "12 of 20" in some.notes[0]
    assert [some.classes[label] for label in some.labels] == [name.split("/")[1] for name in some.names]
    assert [row for row, name in enumerate(some.names) if name.startswith("test")] == some.test.tolist()
    assert small_images(found(tmp_path), most=12, seed=3).names == some.names
    assert small_images(found(tmp_path), most=12, seed=4).names != some.names


def test_linear_light_is_coded_for_display(tmp_path):
    write_picture(tmp_path / "a.exr", Picture(np.full((32, 32, 3), 0.21404114, np.float32), None, "float32", True))
    assert set(small_images(found(tmp_path)).pixels.ravel()) == {128}


# -- idx files ---------------------------------------------------------------------------------------------------------


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
    train, test = picture(8, 6, 28).transpose(2, 0, 1)[:20], picture(8, 6, 5).transpose(2, 0, 1)
    labels = RANDOM.integers(0, 10, 25)
    labels[3] = 9
    write_mnist(tmp_path, "train", train, labels[:20], packed)
    write_mnist(tmp_path, "t10k", test, labels[20:], packed)
    small = small_images(found(tmp_path), size=8)
    assert small.test.tolist() == [20, 21, 22, 23, 24] and small.labels.tolist() == labels.tolist()
    assert small.classes == [str(number) for number in range(10)] and small.pixels.shape == (25, 8, 8, 1)
    square = picture(28, 28, 10).transpose(2, 0, 1)
    write_mnist(tmp_path / "own", "train", square, np.arange(10), packed)
    (tmp_path / "own" / "classes.txt").write_text("\n".join("abcdefghij"))
    own = small_images(found(tmp_path / "own"))
    np.testing.assert_array_equal(own.pixels[..., 0], square)
    assert own.test is None and own.classes == list("abcdefghij") and own.labels.dtype == np.int64
    assert small_images(found(tmp_path / "own"), channels=3).pixels.shape == (10, 28, 28, 3)
    assert small_images(found(tmp_path / "own", "fashion_mnist")).classes == list("abcdefghij")


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_idx_there_and_back(shape):
    import tempfile

    array = RANDOM.integers(0, 256, shape, dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        write_idx(Path(folder) / "a", array)
        np.testing.assert_array_equal(read_idx(Path(folder) / "a", array.ndim), array)


def test_damaged_idx_files_are_refused(tmp_path):
    write_mnist(tmp_path, "train", picture(8, 8, 9).transpose(2, 0, 1), np.arange(9))
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
            small_images(found(tmp_path))
    images.write_bytes(good)
    labels.write_bytes(gzip.compress(gzip.decompress(marks)[:4] + struct.pack(">I", 8) + bytes(8)))
    with pytest.raises(UserError, match=r"9 pictures, but train-labels-idx1-ubyte\.gz 8 labels"):
        small_images(found(tmp_path))
    labels.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        small_images(found(tmp_path))
    labels.write_bytes(marks)
    (tmp_path / "classes.txt").write_text("one\ntwo\n")
    with pytest.raises(UserError, match="names 2 classes"):
        small_images(found(tmp_path))


# -- real data ---------------------------------------------------------------------------------------------------------


def shared(name: str) -> Path:
    if not (SHARED / name).is_dir():
        pytest.skip(f"needs $MAQUETTE_DATA/{name}")
    return SHARED / name


def test_the_real_digits():
    small = small_images(found(shared("mnist"), "mnist"))
    assert small.pixels.shape == (70_000, 28, 28, 1) and small.test.tolist() == list(range(60_000, 70_000))
    counts = np.bincount(small.labels[:60_000])  # of the training part, as commonly printed
    assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert small.pixels[:60_000].mean() / 255 == pytest.approx(0.1307, abs=1e-4)  # the mean that tutorials subtract


def test_the_real_clothes():
    small = small_images(found(shared("fashion_mnist"), "fashion_mnist"), most=3_000)
    assert small.pixels.shape == (3_000, 28, 28, 1) and small.classes[9] == "Ankle boot"
    assert 300 < len(small.test) < 560 and small.test.max() == 2_999


def test_the_real_photographs_of_the_denoising_sets():
    images = open_images(shared("denoise"))
    assert len(images) == 485 and not images.left_out
    counts = {name: images.folders().count(name) for name in set(images.folders())}
    assert counts == {"Train400": 400, "BSD68": 68, "Set12": 12, "Set5": 5}
    sizes = {(entry.height, entry.width) for entry in images.entries if entry.name.startswith("BSD68")}
    assert sizes == {(321, 481), (481, 321)}
    grey = to_channels(images.read(0), 1)
    assert grey.shape[2] == 1


def test_the_real_flowers_in_their_zip_file():
    small = small_images(found(shared("flowers64") / "flowers64.zip"), most=300)
    assert small.classes == ["daisy", "dandelion", "roses", "sunflowers", "tulips"] and 20 < len(small.test) < 120
