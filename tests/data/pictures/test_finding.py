"""What is found in a folder: linked folders once, and kinds that cannot be read by their names."""

import pytest
from support import save_picture

from maquette.data.pictures.folders import open_images
from maquette.data.pictures.kinds import SUFFIXES, UNREAD, WAYS_OUT, WRITTEN, unread_kind
from maquette.settings import UserError


def link(path, target):
    try:
        path.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("this system lets nobody make links")


def test_linked_folders_are_followed_once_and_loops_end(tmp_path):
    data, other = tmp_path / "data", tmp_path / "other"
    save_picture(data / "a.png"), save_picture(data / "z" / "b.png")
    save_picture(other / "c.png"), save_picture(other / "deep" / "d.png")
    link(data / "far", other)
    link(data / "again", other / "deep")
    link(other / "deep" / "up", data)
    link(data / "e.png", other / "c.png")
    images = open_images(data)
    assert images.names == ["a.png", "again/d.png", "e.png", "far/c.png", "z/b.png"]
    assert images.notes() == ["1 link leads to a folder that is read already: again/up."]


def test_a_link_as_the_folder_itself(tmp_path):
    save_picture(tmp_path / "data" / "a.png")
    link(tmp_path / "link", tmp_path / "data")
    assert open_images(tmp_path / "link").names == ["a.png"]


def test_kinds_that_cannot_be_read_are_counted_and_named_with_a_way_out(tmp_path):
    save_picture(tmp_path / "a.png")
    (tmp_path / "b.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    (tmp_path / "c.jpg").write_bytes(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(99))
    (tmp_path / "d.nef").write_bytes(b"MM\0*" + bytes(99))
    (tmp_path / "e.svg").write_text("<?xml version='1.0'?>\n<svg/>")
    assert open_images(tmp_path).notes() == [
        "2 HEIC files were left out, which cannot be read: b.HEIC, c.jpg; convert them to JPEG or PNG first.",
        "1 RAW file was left out, which cannot be read: d.nef; develop it to TIFF or JPEG first.",
        "1 SVG file was left out, which cannot be read: e.svg; export it as PNG first.",
    ]
    (tmp_path / "a.png").unlink()
    with pytest.raises(UserError, match=r"holds no picture that can be read \(2 HEIC files were left out"):
        open_images(tmp_path)
    with pytest.raises(UserError, match=r"e\.svg is SVG, which cannot be read; export it as PNG first"):
        open_images(tmp_path / "e.svg")


def test_the_lists_of_kinds_agree():
    assert set(WRITTEN) <= SUFFIXES and not SUFFIXES & set(UNREAD) and set(UNREAD.values()) <= set(WAYS_OUT)
    assert unread_kind(".png", b"\x89PNG\r\n\x1a\n") is None and unread_kind(".png", b"8BPS") == "Photoshop"
