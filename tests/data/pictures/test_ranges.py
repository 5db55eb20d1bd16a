"""Counts in files: told from light, scaled by one range for a set, and given back in their own numbers."""

import numpy as np
import OpenImageIO as oiio
import pytest
import tifffile
from support import write_exr

from maquette.data.pictures import folders
from maquette.data.pictures.files import as_pixels, read_picture, write_picture
from maquette.data.pictures.folders import open_images
from maquette.data.pictures.ranges import Range, range_of
from maquette.data.pictures.small import small_images
from maquette.settings import UserError

RANDOM = np.random.default_rng(0)
LIGHT = RANDOM.gamma(1, 0.3, (40, 50, 1)).astype(np.float32)  # some of it beyond 1


@pytest.mark.parametrize(
    ("numbers", "is_whole", "found"),
    [
        (LIGHT, False, None),
        (LIGHT * 4, False, None),  # overexposed
        (np.where(LIGHT > 2, 5000, LIGHT), False, None),  # a lamp
        (LIGHT - 0.3, False, None),
        (np.round(np.clip(LIGHT, 0, 1)), False, None),  # black and white
        (LIGHT * 0, False, None),
        (np.clip(LIGHT, 0, 1) * 65_000, False, Range(0, 65_535)),
        (np.clip(LIGHT, 0, 1) * 65_000 - 900, False, Range(0, 65_535)),  # noise below 0
        (np.round(np.clip(LIGHT, 0, 1) * 200), False, Range(0, 255)),
        (np.clip(LIGHT, 0, 1) * 100, False, Range(0, 127)),
        (np.where(LIGHT > 0.6, 4000.5, 0.25), False, Range(0, 4095)),  # spots on black
        (np.round(LIGHT), True, Range(0, 255)),
        (np.clip(LIGHT, 0, 1) * 3000 - 1000, True, Range(-1024, 2047)),  # tomograms
    ],
)
def test_counts_are_told_from_light(numbers, is_whole, found):
    assert range_of(np.asarray(numbers, np.float32), is_whole=is_whole) == found


def test_a_hot_pixel_does_not_darken_the_picture():
    numbers = np.full((100, 100, 1), 3000, np.float32)
    numbers[0, 0] = 1e9
    assert range_of(numbers) == Range(0, 16_383)


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "int16", "int32", "uint32", "int8"])
def test_an_answer_has_the_numbers_and_the_type_of_its_file(kind, tmp_path):
    most = 100 if kind == "int8" else 30_000
    numbers = RANDOM.integers(0, most, (20, 30)).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", numbers)
    picture = read_picture(tmp_path / "a.tif")
    assert picture.depth == kind and not picture.is_linear and 0.3 < picture.pixels.max() <= 1
    for name in ("b.tif", "c.exr", "d.png"):
        write_picture(tmp_path / name, picture.answered(picture.pixels.copy()))
    file = oiio.ImageInput.open(str(tmp_path / "b.tif"))
    back = file.read_image("unknown")[..., 0]
    assert back.dtype == kind
    np.testing.assert_allclose(back, numbers, rtol=1e-3 if kind == "float16" else 1e-6, atol=0.01)
    np.testing.assert_allclose(read_picture(tmp_path / "c.exr").pixels[..., 0], numbers, rtol=1e-3, atol=0.01)
    whole = read_picture(tmp_path / "d.png").pixels[..., 0] * 65_535
    np.testing.assert_allclose(whole, numbers, rtol=1e-3, atol=1)  # counts that a PNG can hold stay counts
    write_picture(tmp_path / "e.jpg", picture)
    assert read_picture(tmp_path / "e.jpg").pixels.mean() == pytest.approx(picture.pixels.mean(), abs=0.05)


def test_another_range_changes_the_pixels_and_not_the_numbers(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", RANDOM.integers(0, 1000, (20, 30)).astype(np.int16))
    picture = read_picture(tmp_path / "a.tif")
    other = picture.in_range(Range(-1024, 4095))
    assert picture.counts == Range(0, 1023) and other.pixels.min() >= 0.19
    np.testing.assert_allclose(other.numbers(), picture.numbers(), atol=0.01)


def test_a_set_has_one_range_and_says_so(tmp_path):
    for number, most in enumerate((3000, 50_000, 9000)):
        tifffile.imwrite(tmp_path / f"{number}.tif", (LIGHT[..., 0].clip(0, 1) * most).astype(np.float32))
    images = open_images(tmp_path)
    assert images.counts == Range(0, 65_535)
    assert [images.read(number).max() * 65_535 for number in range(3)] == pytest.approx([3000, 50_000, 9000])
    (note,) = images.notes()
    assert note.startswith("The numbers of 3 files are counts") and "65,535 as 1" in note
    assert open_images(tmp_path, counts=Range(0, 131_071)).counts == Range(0, 131_071)
    small = small_images(tmp_path, size=8)
    assert small.known == {"counts": [0, 65_535]} and small.pixels[1].max() > 5 * small.pixels[0].max()


def test_counts_among_light_are_scaled_by_themselves(tmp_path):
    for number in range(3):
        tifffile.imwrite(tmp_path / f"{number}.tif", LIGHT[..., 0])
    tifffile.imwrite(tmp_path / "counts.tif", LIGHT[..., 0] * 9000)
    images = open_images(tmp_path)
    assert images.counts is None
    np.testing.assert_array_equal(images.read(0), LIGHT)
    assert images.notes() == ["Counts, not light from 0 to 1, were scaled by themselves in each of counts.tif."]


def test_light_of_openexr_is_never_scaled(tmp_path):
    write_exr(tmp_path / "a.exr", dict.fromkeys("RGB", LIGHT[..., 0] * 500), "float")
    picture = read_picture(tmp_path / "a.exr")
    assert picture.counts is None and picture.is_linear
    np.testing.assert_array_equal(picture.pixels[..., :1], LIGHT * 500)


def test_numbers_that_fit_nothing_are_refused(tmp_path):
    numbers = LIGHT[..., 0] * 300
    numbers[3, 4] = -3.4e38  # a missing value of a map
    tifffile.imwrite(tmp_path / "map.tif", numbers)
    with pytest.raises(UserError, match=r"map\.tif cannot be read: it is made of numbers from -3\.4e\+38"):
        read_picture(tmp_path / "map.tif")
    assert as_pixels(LIGHT).max() > 1


def test_counts_of_12_bits_in_files_of_16_are_told_by_the_set(tmp_path):
    """A camera's numbers up to 4,095 would be all but black as a sixteenth of white."""
    for number, most in enumerate((900, 4000, 2100)):
        tifffile.imwrite(tmp_path / f"{number}.tif", (LIGHT[..., 0].clip(0, 1) * most).astype(np.uint16))
    images = open_images(tmp_path)
    assert images.counts == Range(0, 4095)
    assert [images.read(number).max() * 4095 for number in range(3)] == pytest.approx([900, 4000, 2100])
    (note,) = images.notes()
    assert note.startswith("The numbers of 3 files are counts") and "4,095 as 1" in note
    small = small_images(tmp_path, size=8)
    assert small.known == {"counts": [0, 4095]}
    alone = read_picture(tmp_path / "1.tif")
    assert alone.counts is None and alone.pixels.max() == pytest.approx(4000 / 65_535)
    as_trained = alone.in_range(Range(0, 4095))
    assert as_trained.pixels.max() == pytest.approx(4000 / 4095)
    write_picture(tmp_path / "out.tif", as_trained.answered(as_trained.pixels.copy()))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), tifffile.imread(tmp_path / "1.tif"))
    tifffile.imwrite(tmp_path / "3.tif", (LIGHT[..., 0].clip(0, 1) * 60_000).astype(np.uint16))
    assert open_images(tmp_path).counts is None, "16 bits after all"


def test_numbers_that_are_not_finite_are_told_once_they_are_met(tmp_path, monkeypatch):
    for number in range(3):
        light = LIGHT.copy()
        light[number, 0] = np.nan if number else 0
        write_exr(tmp_path / f"{number}.exr", dict.fromkeys("RGB", light[..., 0]), "float")
    monkeypatch.setattr(folders, "VERIFIED_BYTES", 0)  # as if it were a large set
    images = open_images(tmp_path)
    assert images.notes() == []
    for number in (2, 1, 1, 0):
        images.only([0, 1, 2]).read(number)
    assert images.news() == ["Numbers that are not finite were read as 0 in 1.exr, 2.exr."]
    assert images.news() == images.notes() == []
