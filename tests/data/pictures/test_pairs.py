"""Pictures that belong together: by name and size, and what is left out is told."""

import pytest
from PIL import Image

from maquette.data.pictures.folders import open_images
from maquette.data.pictures.pairs import matched
from maquette.settings import UserError


def folder(path, sizes):
    path.mkdir()
    for name, size in sizes.items():
        Image.new("L", size).save(path / name)
    return open_images(path)


def test_same_names_and_sizes_whatever_the_ending(tmp_path):
    first = folder(tmp_path / "a", {"1.png": (9, 8), "2.png": (9, 8), "3.png": (9, 8), "4.png": (9, 8)})
    second = folder(tmp_path / "b", {"1.jpg": (9, 8), "3.jpg": (9, 8), "4.jpg": (8, 9), "5.jpg": (9, 8)})
    one, other, notes = matched(first, second, "b")
    assert one.names == ["1.png", "3.png"] and other.names == ["1.jpg", "3.jpg"]
    assert notes == [
        "2 pictures without a partner left out: 2, 5.",
        "1 picture of another size than the partner left out: 4.",
    ]


def test_none_that_fits_is_an_error_that_says_why(tmp_path):
    first, second = folder(tmp_path / "a", {"1.png": (9, 8)}), folder(tmp_path / "b", {"1.png": (8, 9)})
    with pytest.raises(UserError, match="b holds no picture that fits one of the clean ones; they differ in size: 1"):
        matched(first, second, "b")
    with pytest.raises(UserError, match="none has the same name: 1, 2"):
        matched(first, folder(tmp_path / "c", {"2.png": (9, 8)}), "c")
