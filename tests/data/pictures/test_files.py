"""Picture files: read like Pillow and tifffile read them, upright, with their alpha, in linear light."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps
from support import write_exr

from maquette.data.pictures.files import (
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
    assert header[:5] == (H, W, channels, "uint8", False) and header.pages == 1


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
    depth = truth.dtype.name
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


# -- memory ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
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
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
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
