"""Sets of pictures: found, named, left out where they are damaged."""

import os
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from support import save_picture, some_picture

from maquette.data.pictures.files import Picture, to_channels, write_picture
from maquette.data.pictures.folders import open_images
from maquette.settings import UserError

SHARED = Path(os.environ.get("MAQUETTE_DATA") or Path(__file__).parents[3] / ".." / "shared" / "data")


@pytest.fixture
def folder(tmp_path):
    """Good pictures in folders, and one file of each bad kind."""
    root = tmp_path / "some pictures"
    save_picture(root / "b" / "2.png")
    save_picture(root / "b" / "1.png", some_picture(40, 10, 1))
    save_picture(root / "a" / "ünï.tif")
    save_picture(root / "top.bmp")
    light = np.float32(np.random.default_rng(1).random((9, 9, 3)) * 5)
    write_picture(root / "a" / "light.exr", Picture(light, None, "float16", True))
    save_picture(root / ".hidden.png")
    save_picture(root / ".thumbnails" / "1.png")
    (root / "notes.txt").write_text("not a picture, and not called one")
    (root / "empty.png").write_bytes(b"")
    (root / "text.jpg").write_text("hello")
    save_picture(root / "tiny.png", some_picture(7, 30))
    content = (root / "b" / "2.png").read_bytes()
    (root / "cut.png").write_bytes(content[: len(content) // 2])
    save_picture(root / "cut.jpg", some_picture(200, 200))
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
    save_picture(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("a.png", "__MACOSX/._a.png", "__MACOSX/a.png", ".a.png", "b/.c/a.png"):
            archive.write(tmp_path / "a.png", name)
    images = open_images(tmp_path / "a.zip")
    assert images.names == ["a.png"] and not images.left_out


def test_members_that_would_lead_outside_are_left_out(tmp_path):
    save_picture(tmp_path / "a.png")
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
    with pytest.raises(UserError, match=r"holds no pictures; their endings are \.apng, \.avif, "):
        open_images(tmp_path / "none")
    for name in ("one.zip", "two.zip"):
        shutil.make_archive(str(tmp_path / "none" / name[:-4]), "zip", folder)
    with pytest.raises(UserError, match=r"holds no pictures; give one of one\.zip, two\.zip\.$"):
        open_images(tmp_path / "none")
    with pytest.raises(UserError, match="no file or folder"):
        open_images(tmp_path / "nowhere")
    (tmp_path / "a.zip").write_bytes(b"PK no")
    with pytest.raises(UserError, match="zip file"):
        open_images(tmp_path / "a.zip")


def test_a_folder_of_one_zip_stands_for_it(folder, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "README.md").write_text("a set")
    shutil.make_archive(str(tmp_path / "set" / "pictures"), "zip", folder)
    packed, plain = open_images(tmp_path / "set"), open_images(folder)
    assert packed.names == plain.names and packed.digest() == plain.digest()


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
    save_picture(tmp_path / "good.png")
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
        save_picture(tmp_path / name)
    images = open_images(tmp_path)
    assert images.folders() == classes and np.flatnonzero(images.tests()).tolist() == tests


def shared(name: str) -> Path:
    if not (SHARED / name).is_dir():
        pytest.skip(f"needs $MAQUETTE_DATA/{name}")
    return SHARED / name


def test_the_real_photographs_of_the_denoising_sets():
    images = open_images(shared("denoise"))
    assert len(images) == 485 and not images.left_out
    counts = {name: images.folders().count(name) for name in set(images.folders())}
    assert counts == {"Train400": 400, "BSD68": 68, "Set12": 12, "Set5": 5}
    sizes = {(entry.height, entry.width) for entry in images.entries if entry.name.startswith("BSD68")}
    assert sizes == {(321, 481), (481, 321)}
    grey = to_channels(images.read(0), 1)
    assert grey.shape[2] == 1
