"""Picture files: read like Pillow and tifffile read them, written so that nothing is lost, refused when damaged."""

import io
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin, TiffImagePlugin

from maquette.data.pictures.files import (
    SUFFIXES,
    WRITTEN,
    Picture,
    as_pixels,
    display_code,
    is_premultiplied,
    linear_light,
    read_header,
    read_picture,
    to_channels,
    write_picture,
)
from maquette.settings import UserError

H, W = 37, 53
RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (H, W, 3), dtype=np.uint8)
RGBA = RANDOM.integers(0, 256, (H, W, 4), dtype=np.uint8)
RGB16 = RANDOM.integers(0, 65_536, (H, W, 3), dtype=np.uint16)
FLOATS = RANDOM.normal(0, 2, (H, W, 3)).astype(np.float32)
SMOOTH = np.add.outer(np.arange(200), np.arange(300))[..., None].repeat(3, 2).astype(np.float32) / 500 * (1, 0.8, 0.5)
MORE = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, data: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def write_exr(path: Path, channels: dict[str, np.ndarray], kind: str = "half", **attributes) -> None:
    first = next(iter(channels.values()))
    spec = oiio.ImageSpec(first.shape[1], first.shape[0], len(channels), kind)
    spec.channelnames = tuple(channels)
    for name, value in attributes.items():
        if hasattr(spec, name):
            setattr(spec, name, value)
        else:
            spec.attribute(name, value)
    file = oiio.ImageOutput.create("openexr")
    assert file.open(str(path), spec), file.geterror()
    assert file.write_image(np.stack(list(channels.values()), 2).astype(np.float32)), file.geterror()
    file.close()


# -- reading, beside Pillow and tifffile -------------------------------------------------------------------------------

SAVED = {
    "rgb.png": (RGB, "RGB", {}),
    "rgb.jpg": (RGB, "RGB", {}),
    "progressive.jpg": (RGB, "RGB", {"progressive": True}),
    "rgb.webp": (RGB, "RGB", {"lossless": True}),
    "rgb.bmp": (RGB, "RGB", {}),
    "rgb.ppm": (RGB, "RGB", {}),
    "rgb.tif": (RGB, "RGB", {}),
    "lzw.tiff": (RGB, "RGB", {"compression": "tiff_lzw"}),
    "jpeg in.tif": (RGB, "RGB", {"compression": "jpeg"}),
    "grey.png": (RGB[..., 0], "L", {}),
    "grey.jpg": (RGB[..., 0], "L", {}),
    "grey.bmp": (RGB[..., 0], "L", {}),
    "grey.pgm": (RGB[..., 0], "L", {}),
    "rgba.png": (RGBA, "RGBA", {}),
    "rgba.tif": (RGBA, "RGBA", {}),
    "rgba.webp": (RGBA, "RGBA", {"lossless": True, "exact": True}),
}


@pytest.mark.parametrize("name", SAVED)
def test_files_are_read_as_pillow_reads_them(name, tmp_path):
    array, mode, options = SAVED[name]
    Image.fromarray(array, mode).save(tmp_path / name, **options)
    picture = read_picture(tmp_path / name)
    truth = np.asarray(Image.open(tmp_path / name)).reshape(H, W, -1)
    channels = 1 if mode == "L" else 3
    np.testing.assert_array_equal(picture.pixels, truth[..., :channels].astype(np.float32) / np.float32(255))
    assert picture.pixels.dtype == np.float32 and picture.depth == "uint8" and not picture.is_linear
    if mode == "RGBA":
        np.testing.assert_array_equal(picture.alpha, truth[..., 3].astype(np.float32) / np.float32(255))
        assert not is_premultiplied(picture)
    else:
        assert picture.alpha is None
    header = read_header(tmp_path / name)
    assert header == (H, W, channels, "uint8", False)


@pytest.mark.parametrize(
    "name", ["p.png", "p.gif", "p.bmp", "p.tif", "p2.png", "one.png", "one.tif", "one.pbm", "one.bmp"]
)
def test_palettes_and_single_bits_are_expanded(name, tmp_path):
    image = Image.fromarray(RGB).quantize(17 if name != "p2.png" else 4)
    if name.startswith("one"):
        image = Image.fromarray(RGB[..., 0]).convert("1")
    image.save(tmp_path / name)
    picture = read_picture(tmp_path / name)
    truth = np.asarray(Image.open(tmp_path / name).convert("RGB"))
    assert np.abs(to_channels(picture.pixels, 3) - truth / 255).max() < 1.01 / 255  # TIFF's palette has 16 bits
    assert picture.alpha is None and picture.depth == "uint8"


def test_transparent_palette_grey_alpha_and_transparent_colour(tmp_path):
    Image.fromarray(RGB).quantize(17).save(tmp_path / "p.png", transparency=3)
    Image.fromarray(RGBA[..., :2], "LA").save(tmp_path / "la.png")
    Image.fromarray(RGB).save(tmp_path / "key.png", transparency=tuple(int(value) for value in RGB[0, 0]))
    for name in ("p.png", "la.png", "key.png"):
        picture = read_picture(tmp_path / name)
        truth = np.asarray(Image.open(tmp_path / name).convert("RGBA"))
        np.testing.assert_allclose(picture.alpha, truth[..., 3] / 255, atol=1e-6)
        np.testing.assert_allclose(to_channels(picture.pixels, 3), truth[..., :3] / 255, atol=1e-6)
    assert read_picture(tmp_path / "la.png").pixels.shape == (H, W, 1)


@pytest.mark.parametrize("name", ["inks.jpg", "inks.tif"])
def test_cmyk_becomes_rgb_and_loses_its_profile(name, tmp_path):
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / name, icc_profile=b"four inks" * 30)
    picture = read_picture(tmp_path / name)
    truth = np.asarray(Image.open(tmp_path / name).convert("RGB"))
    np.testing.assert_allclose(picture.pixels, truth / 255, atol=1.01 / 255)
    write_picture(tmp_path / "out.png", picture)
    assert "icc_profile" not in Image.open(tmp_path / "out.png").info


SIXTEEN = {
    "rgb16.tif": (RGB16, {"photometric": "rgb"}),
    "planar.tif": (np.moveaxis(RGB16, 2, 0), {"photometric": "rgb", "planarconfig": "separate"}),
    "tiles.tif": (RGB16, {"photometric": "rgb", "compression": "zlib", "tile": (16, 16)}),
    "grey16.tif": (RGB16[..., 0], {}),
    "half.tif": (FLOATS.astype(np.float16), {"photometric": "rgb"}),
    "float.tif": (FLOATS, {"photometric": "rgb", "compression": "zlib"}),
    "double.tif": (FLOATS[..., 0].astype(np.float64), {}),
    "white is zero.tif": (RGB[..., 0], {"photometric": "miniswhite"}),
}


@pytest.mark.parametrize("name", SIXTEEN)
def test_tiff_of_every_depth_is_read_as_tifffile_reads_it(name, tmp_path):
    array, options = SIXTEEN[name]
    tifffile.imwrite(tmp_path / name, array, **options)
    truth = tifffile.imread(tmp_path / name)
    truth = np.moveaxis(truth, 0, 2) if name == "planar.tif" else truth
    picture = read_picture(tmp_path / name)
    depth = truth.dtype.name.replace("float64", "float32")
    if truth.dtype.kind == "u":
        truth = truth.astype(np.float32) / np.float32(np.iinfo(truth.dtype).max)
    truth = 1 - truth if name.startswith("white") else truth
    np.testing.assert_allclose(picture.pixels, truth.reshape(picture.pixels.shape), rtol=1e-6, atol=1e-7)
    assert picture.depth == depth and picture.is_linear == depth.startswith("float")


def test_the_first_page_of_several(tmp_path):
    tifffile.imwrite(tmp_path / "pages.tif", RGB[None].repeat(3, 0) * np.uint8(1), photometric="rgb")
    np.testing.assert_allclose(read_picture(tmp_path / "pages.tif").pixels, RGB / 255, atol=1e-6)


def test_sixteen_bit_png(tmp_path):
    Image.fromarray(RGB16[..., 0]).save(tmp_path / "16.png")
    picture = read_picture(tmp_path / "16.png")
    np.testing.assert_array_equal(picture.pixels[..., 0], RGB16[..., 0].astype(np.float32) / np.float32(65_535))
    assert picture.depth == "uint16"


def test_the_name_does_not_decide_what_a_file_is(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    (tmp_path / "ein Bild é 図.jpg").write_bytes((tmp_path / "a.png").read_bytes())
    np.testing.assert_allclose(read_picture(tmp_path / "ein Bild é 図.jpg").pixels, RGB / 255, atol=1e-6)


# -- orientation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_applied_as_pillow_applies_it(orientation, suffix, tmp_path):
    path, exif = tmp_path / f"turned{suffix}", Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(path, exif=exif, **({"lossless": True} if suffix == ".webp" else {}))
    truth = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    picture, header = read_picture(path), read_header(path)
    np.testing.assert_allclose(picture.pixels, truth / 255, atol=1e-6)
    assert (header.height, header.width) == truth.shape[:2]
    for ending in (".jpg", ".png", ".tif", ".webp"):
        write_picture(tmp_path / f"out{ending}", picture)
        written = Image.open(tmp_path / f"out{ending}")
        assert written.size == truth.shape[1::-1] and written.getexif().get(0x0112, 1) == 1
        assert np.abs(read_picture(tmp_path / f"out{ending}").pixels - picture.pixels).max() < 0.1


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
        elements = st.floats(allow_nan=False, allow_infinity=False, width=int(depth[5:]))
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


# -- linear light, alpha, OpenEXR --------------------------------------------------------------------------------------


def test_srgb_is_iec_61966():
    assert display_code(np.float32([0, 0.0031308, 0.21404114, 1, 5, -1])) == pytest.approx(
        [0, 0.04045, 0.5, 1, 1, 0], abs=1e-5
    )
    code = np.linspace(0, 1, 1001, dtype=np.float32)
    np.testing.assert_allclose(display_code(linear_light(code)), code, atol=1e-6)


def test_exr_to_png_and_back(tmp_path):
    light = np.float32([[[0, 0.21404114, 1], [3, -1, 0.5]]])
    write_picture(tmp_path / "a.exr", Picture(light, None, "float32", True))
    picture = read_picture(tmp_path / "a.exr")
    np.testing.assert_array_equal(picture.pixels, light)
    assert picture.is_linear and picture.depth == "float32"
    write_picture(tmp_path / "a.png", picture)
    png = read_picture(tmp_path / "a.png")
    assert png.depth == "uint16"
    np.testing.assert_allclose(png.pixels, display_code(light), atol=1e-5)
    write_picture(tmp_path / "b.exr", png)
    np.testing.assert_allclose(read_picture(tmp_path / "b.exr").pixels, np.clip(light, 0, 1), atol=5e-5)


def test_exr_alpha_is_premultiplied_and_png_straight(tmp_path):
    straight, alpha = np.float32([[[0.8, 0.4, 0.2], [0.5, 0.5, 0.5]]]), np.float32([[0.5, 0]])
    channels = {name: straight[..., n] * alpha for n, name in enumerate("RGB")} | {"A": alpha}
    write_exr(tmp_path / "a.exr", channels, "float")
    picture = read_picture(tmp_path / "a.exr")
    assert is_premultiplied(picture)
    np.testing.assert_allclose(picture.pixels, straight * alpha[..., None])
    write_picture(tmp_path / "a.png", picture)
    png = read_picture(tmp_path / "a.png")
    assert not is_premultiplied(png)
    np.testing.assert_allclose(png.pixels[0, 0], display_code(straight[0, 0]), atol=1e-4)
    np.testing.assert_allclose(png.alpha, alpha, atol=1e-5)
    write_picture(tmp_path / "b.exr", png)
    again = read_picture(tmp_path / "b.exr")
    np.testing.assert_allclose(again.pixels, picture.pixels, atol=1e-4)
    write_picture(tmp_path / "b.tif", picture)
    kept = read_picture(tmp_path / "b.tif")
    assert is_premultiplied(kept)
    np.testing.assert_array_equal(kept.pixels, picture.pixels)


def test_exr_layers_and_grey(tmp_path):
    planes = RANDOM.random((6, 5, 4)).astype(np.float32)
    write_exr(tmp_path / "z.exr", dict(zip(("Z", "B", "G", "R", "A", "N.X"), planes, strict=True)), "float")
    picture = read_picture(tmp_path / "z.exr")
    np.testing.assert_array_equal(picture.pixels, planes[[3, 2, 1]].transpose(1, 2, 0))
    np.testing.assert_array_equal(picture.alpha, planes[4])
    write_exr(tmp_path / "layer.exr", dict(zip(("one.R", "one.G", "one.B", "two.R"), planes[:4], strict=True)), "float")
    np.testing.assert_array_equal(read_picture(tmp_path / "layer.exr").pixels, planes[:3].transpose(1, 2, 0))
    write_exr(tmp_path / "y.exr", {"Y": planes[0]}, "half")
    grey = read_picture(tmp_path / "y.exr")
    assert grey.pixels.shape == (5, 4, 1) and grey.depth == "float16"
    write_exr(tmp_path / "depth.exr", {"Z": planes[0]}, "float")
    assert read_header(tmp_path / "depth.exr").channels == 1
    write_exr(tmp_path / "odd.exr", {"N.X": planes[0], "N.Y": planes[1], "N.Z": planes[2]}, "float")
    assert read_header(tmp_path / "odd.exr").channels == 1  # N.Y reads as the luminance of layer N
    write_exr(tmp_path / "none.exr", {"u": planes[0], "v": planes[1]}, "float")
    with pytest.raises(UserError, match="its channels are u, v"):
        read_picture(tmp_path / "none.exr")


def test_exr_keeps_its_window(tmp_path):
    planes = {name: RANDOM.random((5, 4)) for name in "RGB"}
    write_exr(tmp_path / "a.exr", planes, x=3, y=2, full_width=20, full_height=10)
    picture = read_picture(tmp_path / "a.exr")
    assert picture.pixels.shape == (5, 4, 3)
    write_picture(tmp_path / "b.exr", picture)
    file = oiio.ImageInput.open(str(tmp_path / "b.exr"))
    spec = file.spec()
    assert (spec.x, spec.y, spec.full_width, spec.full_height) == (3, 2, 20, 10)


def test_what_is_not_finite_becomes_zero_and_is_counted(tmp_path):
    plane = np.float32([[1, np.nan, np.inf], [-np.inf, 2, 3]])
    write_exr(tmp_path / "a.exr", dict.fromkeys("RGB", plane))
    picture = read_picture(tmp_path / "a.exr")
    assert picture.not_finite == 9
    np.testing.assert_array_equal(picture.pixels[..., 0], [[1, 0, 0], [0, 2, 3]])


# -- damaged files -----------------------------------------------------------------------------------------------------


def whole_files(folder: Path) -> dict[str, bytes]:
    pixels = np.uint8(np.clip(SMOOTH * 255 + RANDOM.normal(0, 5, SMOOTH.shape), 0, 255))
    image = Image.fromarray(pixels)
    for name, options in {
        "a.jpg": {}, "p.jpg": {"progressive": True}, "a.png": {}, "a.webp": {}, "l.webp": {"lossless": True},
        "a.bmp": {}, "a.ppm": {}, "a.gif": {}, "raw.tif": {}, "lzw.tif": {"compression": "tiff_lzw"},
    }.items():  # fmt: skip
        image.save(folder / name, **options)
    tifffile.imwrite(folder / "tiles.tif", pixels, photometric="rgb", compression="zlib", tile=(64, 64))
    for compression in ("zip", "piz", "dwaa", "none"):
        planes = {name: pixels[..., n] / 255 for n, name in enumerate("RGB")}
        write_exr(folder / f"{compression}.exr", planes, compression=compression)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


WHOLE = "a.jpg p.jpg a.png a.webp l.webp a.bmp a.ppm a.gif raw.tif lzw.tif tiles.tif zip.exr piz.exr dwaa.exr none.exr"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return whole_files(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("name", WHOLE.split())
def test_a_file_that_is_cut_anywhere_is_refused(name, whole, tmp_path, capfd):
    content, path = whole[name], tmp_path / f"cut {name}"
    path.write_bytes(content)
    assert read_picture(path).pixels.shape == (200, 300, 3)
    for share in (0, 0.003, 0.02, 0.3, 0.5, 0.9, 0.999):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(UserError, match=r"empty|truncated or damaged|no picture of a known kind"):
            read_picture(path)
    assert capfd.readouterr().err == ""


def test_a_jpeg_or_png_without_its_last_bytes_is_refused(whole, tmp_path):
    for name in ("a.jpg", "p.jpg", "a.png"):
        (tmp_path / name).write_bytes(whole[name][:-1])
        with pytest.raises(UserError, match="truncated or damaged"):
            read_picture(tmp_path / name)


def test_a_flipped_byte_in_a_png_is_found_and_nothing_is_printed(whole, tmp_path, capfd):
    content = bytearray(whole["a.png"])
    for place in (20, len(content) // 2, len(content) - 20):
        damaged = content.copy()
        damaged[place] ^= 0x55
        (tmp_path / "a.png").write_bytes(damaged)
        with pytest.raises(UserError, match="truncated or damaged"):
            read_picture(tmp_path / "a.png")
    assert capfd.readouterr().err == ""


def test_files_with_wrong_bytes_anywhere_are_refused_or_read_but_never_crash(whole, tmp_path):
    for name, content in whole.items():
        for number in range(12):
            damaged = bytearray(content)
            for place in RANDOM.integers(0, min(len(content), 400) if number % 2 else len(content), 3):
                damaged[place] ^= int(RANDOM.integers(1, 256))
            (tmp_path / name).write_bytes(damaged)
            try:
                read_picture(tmp_path / name, most_pixels=2**24)
            except UserError as error:
                assert name in str(error)


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("hello " * 100)
    (tmp_path / "nothing.jpg").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    reasons = {
        "text.png": "no picture of a known kind",
        "nothing.jpg": "empty",
        "folder.png": "not readable",
        "missing.png": "not readable",
    }
    for name, reason in reasons.items():
        for read in (read_picture, read_header):
            with pytest.raises(UserError, match=reason) as caught:
                read(tmp_path / name)
            assert name in str(caught.value) and "\n" not in str(caught.value)


def bombs() -> dict[str, bytes]:
    jpeg, bmp, gif = io.BytesIO(), io.BytesIO(), io.BytesIO()
    for file, kind in ((jpeg, "JPEG"), (bmp, "BMP"), (gif, "GIF")):
        Image.fromarray(RGB).save(file, kind)
    one = bytearray(jpeg.getvalue())
    at = one.index(b"\xff\xc0")
    one[at + 5 : at + 9] = struct.pack(">HH", 65_500, 65_500)
    two, three = bytearray(bmp.getvalue()), bytearray(gif.getvalue())
    two[18:26] = struct.pack("<ii", 100_000, 100_000)
    three[6:10] = struct.pack("<HH", 65_000, 65_000)
    tags = [(256, 100_000), (257, 100_000), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 100_000), (279, 9)]
    tiff = (
        b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in tags)
    )
    return {
        "a.png": png_of(100_000, 100_000),
        "b.png": png_of(2_000_000, 10),
        "c.png": png_of(30_000, 30_000),
        "a.jpg": bytes(one),
        "a.bmp": bytes(two),
        "a.gif": bytes(three),
        "a.tif": tiff + b"\0" * 4,
        "a.ppm": b"P6\n100000 100000\n255\n" + b"\0" * 99,
    }


@pytest.mark.parametrize("name", sorted(bombs()))
def test_a_header_that_claims_too_much_is_refused_before_decoding(name, tmp_path, capfd):
    (tmp_path / name).write_bytes(bombs()[name])
    for read in (read_header, read_picture):
        with pytest.raises(UserError, match="too large"):
            read(tmp_path / name)
    assert capfd.readouterr().err == ""


def test_the_limit_of_pixels_counts(tmp_path):
    for suffix in (".png", ".jpg", ".tif", ".webp", ".exr"):
        write_picture(tmp_path / f"a{suffix}", Picture(SMOOTH.astype(np.float32)))
        assert read_picture(tmp_path / f"a{suffix}", most_pixels=60_000).pixels.shape == (200, 300, 3)
        with pytest.raises(UserError, match="too large: 300 x 200 pixels"):
            read_picture(tmp_path / f"a{suffix}", most_pixels=59_999)


def test_colours_and_numbers_that_mean_something_else_are_refused(tmp_path):
    Image.fromarray(RGB).convert("LAB").save(tmp_path / "lab.tif")
    tifffile.imwrite(tmp_path / "signed.tif", np.int16(RGB16[..., 0] // 2))
    for name, reason in {"lab.tif": "CIELAB", "signed.tif": "int16"}.items():
        with pytest.raises(UserError, match=reason):
            read_picture(tmp_path / name)


# -- zip files ---------------------------------------------------------------------------------------------------------


def test_members_of_a_zip_file_are_read_in_place(whole, tmp_path):
    with zipfile.ZipFile(tmp_path / "a b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.jpg", "a.png", "zip.exr", "raw.tif"):
            archive.writestr(f"../../{name}", whole[name])
    before = sorted(tmp_path.parent.rglob("*"))
    for name in ("a.jpg", "a.png", "zip.exr", "raw.tif"):
        (tmp_path / name).write_bytes(whole[name])
        member = read_picture(tmp_path / "a b.zip", member=f"../../{name}")
        np.testing.assert_array_equal(member.pixels, read_picture(tmp_path / name).pixels)
        (tmp_path / name).unlink()
    assert sorted(tmp_path.parent.rglob("*")) == before
    with pytest.raises(UserError, match="not to be had"):
        read_picture(tmp_path / "a b.zip", member="none.png")


def test_damaged_encrypted_and_huge_members_are_refused(whole, tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", whole["a.png"])
        archive.writestr("b.bmp", b"BM" + bytes(3_000_000))
    with pytest.raises(UserError, match="too large: 3,000,002 bytes unpacked"):
        read_picture(path, member="b.bmp", most_pixels=100_000)
    content = bytearray(path.read_bytes())
    content[200] ^= 0x55
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(UserError, match="truncated or damaged"):
        read_picture(tmp_path / "b.zip", member="a.png")
    content = bytearray(path.read_bytes())
    for place in [match.start() for match in re.finditer(rb"PK\x01\x02", content)]:
        content[place + 8] |= 1
    content[6] |= 1
    (tmp_path / "c.zip").write_bytes(content)
    with pytest.raises(UserError, match="encrypted"):
        read_picture(tmp_path / "c.zip", member="a.png")


# -- memory ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="measures with resource")
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_photograph_of_24_megapixels_needs_less_than_twice_its_floats(suffix, tmp_path):
    tile = np.uint8(np.clip(SMOOTH * 255, 0, 255))
    Image.fromarray(np.tile(tile, (20, 20, 1))).save(
        tmp_path / f"a{suffix}", **({"compress_level": 1} if suffix == ".png" else {})
    )
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from maquette.data.pictures.files import read_picture, write_picture\n"
        "def peak():\n"  # Linux counts what the parent had in getrusage
        "    status = Path('/proc/self/status')\n"
        "    if status.exists(): return 1024 * int(status.read_text().split('VmHWM:')[1].split()[0])\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "picture = read_picture(Path(sys.argv[1]))\n"
        "write_picture(Path(sys.argv[2]), picture)\n"
        "print(picture.pixels.size * 4, peak())"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / f"a{suffix}"), str(tmp_path / "b.tif")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    floats, peak = map(int, done.stdout.split())
    assert floats == 4000 * 6000 * 12 and peak < 2 * floats  # with the interpreter and the libraries


# -- arrays ------------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    hnp.arrays(st.sampled_from([np.uint8, np.uint16, np.bool_]), hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
)
def test_as_pixels_scales_by_the_largest_number(array):
    most = 1 if array.dtype == bool else np.iinfo(array.dtype).max
    np.testing.assert_allclose(as_pixels(array)[..., 0], array / most, atol=1e-7)


def test_as_pixels_takes_what_people_have(tmp_path):
    assert as_pixels(RGBA).shape == (H, W, 3) and as_pixels(RGBA[..., :2]).shape == (H, W, 1)
    np.testing.assert_array_equal(as_pixels(FLOATS.astype(np.float64)), FLOATS)
    assert as_pixels(FLOATS) is not FLOATS
    np.testing.assert_array_equal(as_pixels((RGB / 255).tolist()), as_pixels(RGB / 255))
    image = Image.fromarray(RGB)
    for mode in ("RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "HSV"):
        converted = image.convert(mode)
        truth = np.asarray(converted.convert("RGB")) / 255
        assert np.abs(to_channels(as_pixels(converted), 3) - truth).max() < 1e-6
    np.testing.assert_array_equal(as_pixels(Image.fromarray(RGB16[..., 0])), as_pixels(RGB16[..., 0]))
    turned = Image.Exif()
    turned[0x0112] = 6
    image.save(tmp_path / "a.png", exif=turned)
    assert as_pixels(Image.open(tmp_path / "a.png")).shape == (W, H, 3)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((2, 2, 5)), r"not \(2, 2, 5\)"),
        (np.zeros(3), "not"),
        (np.zeros((0, 3, 3)), "not"),
        (np.zeros((2, 2), np.int64), "int64"),
        (np.full((2, 2), np.nan), "not finite"),
        (np.full((2, 2), "a"), "numbers"),
    ],
)
def test_as_pixels_refuses_the_rest(values, words):
    with pytest.raises(UserError, match=words):
        as_pixels(values)


def test_grey_is_rec_709_and_colour_is_grey_three_times():
    pixels = np.eye(3, dtype=np.float32)[None]
    np.testing.assert_allclose(to_channels(pixels, 1)[0, :, 0], [0.2126, 0.7152, 0.0722])
    grey = FLOATS[..., :1]
    np.testing.assert_allclose(to_channels(to_channels(grey, 3), 1), grey, rtol=1e-5, atol=1e-6)
    assert to_channels(grey, 1) is grey
