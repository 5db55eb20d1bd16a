"""Files with several pages or frames: counted, and each one read as Pillow reads it."""

import numpy as np
import pytest
import tifffile
from PIL import Image
from support import some_picture

from maquette.data.pictures.files import read_header, read_picture
from maquette.data.pictures.folders import open_images
from maquette.settings import UserError

FRAMES = [some_picture(24, 36) // 64 * 64 for _ in range(3)]


def save_frames(path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *rest = map(Image.fromarray, FRAMES)
    first.save(path, save_all=True, append_images=rest, **options)


@pytest.mark.parametrize("name", ["a.tif", "a.gif", "a.webp", "a.png", "a.avif"])
def test_every_page_is_read(name, tmp_path):
    save_frames(tmp_path / name, **({"lossless": True} if name == "a.webp" else {}))
    assert read_header(tmp_path / name).pages == 3
    with Image.open(tmp_path / name) as image:
        for page in range(3):
            image.seek(page)
            truth = np.asarray(image.convert("RGB")) / 255
            read = read_picture(tmp_path / name, page=page)
            assert read.pixels == pytest.approx(truth, abs=1.01 / 255) and read.alpha is None
    with pytest.raises(UserError):
        read_picture(tmp_path / name, page=3)


def test_one_page_is_one_page(tmp_path):
    for name in ("a.tif", "a.gif", "a.webp", "a.png", "a.avif", "a.jpg"):
        Image.fromarray(FRAMES[0]).save(tmp_path / name)
        assert read_header(tmp_path / name).pages == 1
    with tifffile.TiffWriter(tmp_path / "pyramid.tif") as file:
        file.write(FRAMES[0], photometric="rgb")
        file.write(FRAMES[0][::2, ::2], photometric="rgb", subfiletype=1)
        file.write(FRAMES[1], photometric="rgb")
    assert read_header(tmp_path / "pyramid.tif").pages == 2
    assert read_picture(tmp_path / "pyramid.tif", page=1).pixels == pytest.approx(FRAMES[1] / 255, abs=1e-6)


def test_what_is_not_read_of_a_folder_is_said(tmp_path):
    save_frames(tmp_path / "a.tif"), save_frames(tmp_path / "b.gif")
    Image.fromarray(FRAMES[0]).save(tmp_path / "c.png")
    images = open_images(tmp_path)
    told = "Only the first picture of 2 files is read: a.tif (3 pages), b.gif (3 frames)."
    assert images.notes() == [told] and images.notes(all_pages=True) == []


def test_avif_is_read_upright_with_its_alpha(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.full((20, 30, 4), (200, 100, 50, 128), np.uint8)).save(
        tmp_path / "a.avif", exif=exif, quality=95
    )
    picture = read_picture(tmp_path / "a.avif")
    assert picture.pixels.shape == (30, 20, 3) and picture.alpha.shape == (30, 20)
    assert picture.alpha.mean() == pytest.approx(0.5, abs=0.02)
    assert picture.pixels.mean((0, 1)) * 255 == pytest.approx([200, 100, 50], abs=4)
    content = (tmp_path / "a.avif").read_bytes()
    (tmp_path / "b.avif").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="truncated or damaged"):
        read_picture(tmp_path / "b.avif")
