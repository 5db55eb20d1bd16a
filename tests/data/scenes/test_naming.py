"""Pictures found by names that were written on another machine, and never by a name of another picture."""

import os
from pathlib import Path

import pytest

from maquette.data.scenes.naming import find_pictures, picture_folders, shown


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("told", "file"),
    [
        ("a/1.png", "a/1.png"),
        ("a\\1.png", "a/1.png"),
        ("./a/1", "a/1.png"),
        ("A/1.PNG", "a/1.png"),
        ("a/1.jpeg", "a/1.png"),
        ("/elsewhere/scene/a/1.png", "a/1.png"),
        ("D:\\scene\\a\\1.png", "a/1.png"),
        ("../a/1.png", "a/1.png"),
        ("é.png", "e\u0301.png"),  # as macOS stores it
        ("b/1.png", None),
        ("", None),
        ("x" * 5000, None),
        ("a/1.png\0", "a/1.png"),
    ],
)
def test_a_name_leads_to_its_file(tmp_path, told, file):
    touch(tmp_path, "a/1.png", "e\u0301.png", "masks/1.png")
    found = find_pictures([told], [tmp_path])
    assert found.files.get(told) == (tmp_path / file if file else None)
    assert file or found.missing[told] == f"no such file in {tmp_path}"


def test_a_mask_is_not_the_picture_itself(tmp_path):
    touch(tmp_path, "1.png", "2.png", "masks/2.png")
    names = ["masks/1.png", "masks/2.jpg", "/gone/masks/2.png", "1.PNG"]
    assert set(find_pictures(names[::2], [tmp_path], least=2).files) == {"/gone/masks/2.png"}
    assert set(find_pictures(names[1::2], [tmp_path], least=2).files) == {"masks/2.jpg", "1.PNG"}


def test_two_names_do_not_share_a_picture(tmp_path):
    touch(tmp_path, "1.png", "2.png", "3.png", "3.jpg")
    found = find_pictures(["left/1.png", "right/1.png", "2.png", "far/2.png", "3.tif"], [tmp_path])
    assert set(found.files) == {"2.png"} and "1.png there may be another picture" in found.missing["left/1.png"]
    assert not found.note("it")
    assert "x/1.png" in find_pictures(["x/1.png"], [tmp_path]).note("it")[0]


def test_what_must_be_inside_is_inside(tmp_path):
    touch(tmp_path, "in/1.png", "2.png")
    names = ["1.png", "../2.png", str(tmp_path / "2.png")]
    assert len(find_pictures(names, [tmp_path / "in"]).files) == 3
    assert set(find_pictures(names, [tmp_path / "in"], tmp_path / "in").files) == {"1.png"}


def test_the_first_usual_folder_that_holds_something(tmp_path):
    touch(tmp_path, "images_4/1.png", "images_2/1.png")
    (tmp_path / "images").mkdir()
    assert picture_folders(tmp_path) == [tmp_path / "images_2", tmp_path]


def test_names_of_any_bytes_are_shown_as_text():
    assert shown("é.png") == "é.png" and shown(os.fsdecode("狗.png".encode("gb18030"))) == "狗.png"
    assert shown(os.fsdecode(b"\xe9.png")) == "é.png"
