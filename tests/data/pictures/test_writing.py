"""Picture files: written so that nothing is lost."""

from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms, JpegImagePlugin, TiffImagePlugin

from maquette.data.pictures.files import Picture, read_picture, to_channels, write_picture
from maquette.data.pictures.kinds import SUFFIXES, WRITTEN
from maquette.settings import UserError

H, W = 37, 53
RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (H, W, 3), dtype=np.uint8)
RGBA = RANDOM.integers(0, 256, (H, W, 4), dtype=np.uint8)
RGB16 = RANDOM.integers(0, 65_536, (H, W, 3), dtype=np.uint16)
FLOATS = RANDOM.normal(0, 2, (H, W, 3)).astype(np.float32)
SMOOTH = np.add.outer(np.arange(200), np.arange(300))[..., None].repeat(3, 2).astype(np.float32) / 500 * (1, 0.8, 0.5)
MORE = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


# -- writing -----------------------------------------------------------------------------------------------------------

LOSSLESS = {
    ".png": ("uint8", "uint16"),
    ".tif": ("uint8", "uint16", "float16", "float32"),
    ".webp": ("uint8",),
    ".bmp": ("uint8",),
    ".pnm": ("uint8", "uint16"),
    ".exr": ("float16", "float32"),
}


@MORE
@given(st.data())
def test_written_and_read_again_is_the_same(tmp_path, data):
    suffix = data.draw(st.sampled_from(sorted(LOSSLESS)))
    depth = data.draw(st.sampled_from(LOSSLESS[suffix]))
    channels = data.draw(st.sampled_from((1, 3) if suffix != ".webp" else (3,)))
    has_alpha = data.draw(st.booleans()) and suffix in (".png", ".tif")
    shape = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    elements = None
    if depth.startswith("float"):
        width, bound = int(depth[5:]), 8 if suffix == ".tif" else None  # larger ones in a TIFF are counts
        elements = st.floats(-bound if bound else None, bound, allow_nan=False, allow_infinity=False, width=width)
    array = data.draw(hnp.arrays(depth, (*shape, channels + has_alpha), elements=elements))
    numbers = array.astype(np.float32)
    if depth.startswith("uint"):
        numbers /= np.float32(np.iinfo(depth).max)
    else:
        numbers[..., channels:] = np.clip(numbers[..., channels:], 0, 1)
    alpha = numbers[..., -1] if has_alpha else None
    picture = Picture(numbers[..., :channels], alpha, depth, depth.startswith("float"))
    write_picture(tmp_path / f"x{suffix}", picture)
    again = read_picture(tmp_path / f"x{suffix}")
    np.testing.assert_array_equal(again.pixels, picture.pixels)
    assert (again.depth, again.is_linear) == (depth, picture.is_linear)
    if has_alpha:
        np.testing.assert_array_equal(again.alpha, alpha)
    write_picture(tmp_path / f"y{suffix}", again)
    np.testing.assert_array_equal(read_picture(tmp_path / f"y{suffix}").pixels, again.pixels)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", sorted(WRITTEN))
def test_every_ending_takes_every_picture(suffix, tmp_path):
    path = tmp_path / f"a b{suffix}"
    for depth in ("uint8", "uint16", "float16", "float32"):
        for channels in (1, 3):
            for alpha in (None, RGBA[..., 3] / np.float32(255)):
                pixels = RGB[..., :channels] / np.float32(255)
                write_picture(path, Picture(pixels, alpha, depth, depth.startswith("float")))
                again = read_picture(path)
                assert again.pixels.shape[:2] == (H, W) and suffix in SUFFIXES
                assert depth != "uint16" or again.depth == (
                    "uint8" if WRITTEN[suffix].depths == ("uint8",) else again.depth
                )
    assert not list(tmp_path.glob(".*"))


def test_jpeg_is_written_well(tmp_path):
    write_picture(tmp_path / "a.jpg", Picture(SMOOTH.astype(np.float32)))
    Image.fromarray(np.uint8(SMOOTH * 255)).save(tmp_path / "b.jpg", quality=95)
    ours, theirs = Image.open(tmp_path / "a.jpg"), Image.open(tmp_path / "b.jpg")
    assert JpegImagePlugin.get_sampling(ours) == 0  # 4:4:4
    assert all(np.all(np.array(ours.quantization[n]) <= theirs.quantization[n]) for n in (0, 1))
    assert np.abs(read_picture(tmp_path / "a.jpg").pixels - SMOOTH).max() < 0.02


def test_an_unknown_ending_or_folder_is_refused(tmp_path):
    for path in (tmp_path / "a.gif", tmp_path / "a", tmp_path / "a.xyz"):
        with pytest.raises(UserError, match=r"ending must be one of .*\.png"):
            write_picture(path, Picture(SMOOTH))
    with pytest.raises(UserError, match="no folder"):
        write_picture(tmp_path / "none" / "a.png", Picture(SMOOTH))


@cache  # it holds the time
def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif() -> Image.Exif:
    made = Image.Exif()
    made[0x010F], made[0x0110], made[0x0132], made[0x8298] = "Maker", "Model 7", "2024:01:02 03:04:05", "nobody"
    inner = made.get_ifd(0x8769)
    inner[0x9003], inner[0x829A], inner[0x829D] = (
        "2024:01:02 03:04:05",
        TiffImagePlugin.IFDRational(1, 250),
        TiffImagePlugin.IFDRational(28, 10),
    )
    inner[0x8827], inner[0x920A] = 400, TiffImagePlugin.IFDRational(50)
    where = made.get_ifd(0x8825)
    where[1], where[2], where[3], where[4] = "N", (48.0, 8.0, 15.5), "E", (11.0, 34.0, 1.0)
    return made


@pytest.mark.parametrize(("source", "target"), [(".jpg", ".jpg"), (".jpg", ".png"), (".png", ".png"), (".png", ".jpg")])
def test_profile_exif_and_resolution_are_kept(source, target, tmp_path):
    Image.fromarray(RGB).save(tmp_path / f"a{source}", exif=exif(), icc_profile=profile(), dpi=(300, 200), quality=95)
    write_picture(tmp_path / f"b{target}", read_picture(tmp_path / f"a{source}"))
    image = Image.open(tmp_path / f"b{target}")
    assert image.info["icc_profile"] == profile()
    assert image.info["dpi"] == pytest.approx((300, 200), abs=0.5)
    before, after = exif(), image.getexif()
    for tag in (0x010F, 0x0110, 0x0132, 0x8298):
        assert after[tag] == before[tag]
    for folder, tags in ((0x8769, (0x9003, 0x829A, 0x829D, 0x8827, 0x920A)), (0x8825, (1, 2, 3, 4))):
        for tag in tags:
            old, new = before.get_ifd(folder)[tag], after.get_ifd(folder)[tag]
            assert new == (old if isinstance(old, str) else pytest.approx(old, rel=1e-5)), hex(tag)


def test_a_description_in_latin_1_does_no_harm(tmp_path):
    made = Image.Exif()
    made[0x010E], made[0x0110] = "XXXX", "Model 7"
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=made)
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes().replace(b"XXXX", b"Tr\xe4X"))
    write_picture(tmp_path / "b.jpg", read_picture(tmp_path / "a.jpg"))
    assert Image.open(tmp_path / "b.jpg").getexif()[0x0110] == "Model 7"


def test_tiff_keeps_profile_camera_and_resolution(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.tif", exif=exif(), icc_profile=profile(), dpi=(300, 200))
    write_picture(tmp_path / "b.tif", read_picture(tmp_path / "a.tif"))
    image = Image.open(tmp_path / "b.tif")
    assert image.info["icc_profile"] == profile() and image.info["dpi"] == pytest.approx((300, 200))
    assert image.getexif()[0x0110] == "Model 7" and image.getexif()[0x0132] == "2024:01:02 03:04:05"


def test_a_turned_picture_turns_its_resolution_and_forgets_its_old_size(tmp_path):
    made = exif()
    made[0x0112] = 6
    made.get_ifd(0x8769)[0xA002], made.get_ifd(0x8769)[0xA003] = W, H
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=made, dpi=(300, 200))
    write_picture(tmp_path / "b.jpg", read_picture(tmp_path / "a.jpg"))
    image = Image.open(tmp_path / "b.jpg")
    assert image.size == (H, W) and image.info["dpi"] == pytest.approx((200, 300), abs=0.5)
    assert image.getexif().get_ifd(0x8769).get(0xA002, H) == H


def test_another_size_or_colour_takes_the_metadata_along_but_no_wrong_profile(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=exif(), icc_profile=profile())
    picture = read_picture(tmp_path / "a.jpg")
    double = picture.pixels.repeat(2, 0).repeat(2, 1)
    write_picture(tmp_path / "b.jpg", Picture(double, None, "uint8", False, picture.metadata))
    assert (
        Image.open(tmp_path / "b.jpg").size == (2 * W, 2 * H) and "icc_profile" in Image.open(tmp_path / "b.jpg").info
    )
    grey = Picture(to_channels(picture.pixels, 1), None, "uint8", False, picture.metadata)
    write_picture(tmp_path / "c.jpg", grey)
    image = Image.open(tmp_path / "c.jpg")
    assert image.mode == "L" and "icc_profile" not in image.info and image.getexif()[0x0110] == "Model 7"
