"""Picture files: refused when damaged, too large or something else; read in place from zip files."""

import io
import re
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from support import write_exr

from maquette.data.pictures.files import (
    Picture,
    read_header,
    read_picture,
    write_picture,
)
from maquette.settings import UserError

H, W = 37, 53
RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (H, W, 3), dtype=np.uint8)
SMOOTH = np.add.outer(np.arange(200), np.arange(300))[..., None].repeat(3, 2).astype(np.float32) / 500 * (1, 0.8, 0.5)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, data: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


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
    tifffile.imwrite(tmp_path / "far.tif", np.float32(RGB[..., 0]) * 1e30)
    for name, reason in {"lab.tif": "CIELAB", "far.tif": "neither light nor counts"}.items():
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
