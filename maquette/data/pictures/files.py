"""One picture file: read upright with its depth, transparency, profile and EXIF, and written so that nothing is lost.

Pixels are (H, W, C) float32, row 0 the top, C 1 (grey) or 3 (red, green, blue). Files of whole numbers give 0..1, coded
for display as in the file; files of floating-point numbers give linear light without bounds. Alpha is kept apart.
"""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import OpenImageIO as oiio

from maquette.data.pictures.headers import (
    DEPTHS,
    Unreadable,
    channels_of,
    error_of,
    name_of,
    on_disk,
    opened,
    orientation_of,
    text_of,
)
from maquette.files import written_whole
from maquette.settings import UserError

MOST_PIXELS = 2**29  # 23,170 x 23,170; what claims more is taken for a decompression bomb
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec. 709, from red, green, blue
BAND = 2**20  # pixels that are converted at once, so that no second copy of the picture is needed

SUFFIXES = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp", ".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm",
    ".pfm", ".exr", ".hdr", ".gif",
))  # fmt: skip
PRIVATE = re.compile(  # what speaks of the file that was read, not of the picture
    r"(oiio|tiff|jpeg|png|pnm|gif|bmp|webp|openexr):.*|planarconfig|compression|thumbnail.*|Exif:Pixel.Dimension", re.I
)


@dataclass(frozen=True)
class Picture:
    """A picture in memory.

    pixels (H, W, C) float32; alpha (H, W) in 0..1, or None; depth: what the numbers of the file were, uint8, uint16,
    float16 or float32; is_linear: light, not display code; metadata: profile, EXIF, resolution, for `write_picture`;
    not_finite: how many numbers were NaN or infinite and were set to 0.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    depth: str = "uint8"
    is_linear: bool = False
    metadata: Any = None
    not_finite: int = 0


class Header(NamedTuple):
    """What is known of a picture before it is decoded; the size is that of the upright picture."""

    height: int
    width: int
    channels: int
    depth: str
    is_linear: bool


def read_picture(
    source: Path, *, member: str | None = None, most_pixels: int = MOST_PIXELS, archive: zipfile.ZipFile | None = None
) -> Picture:
    """The picture of a file, or of `member` in the zip file `source`, turned as its EXIF orientation says.

    Of several pages or parts the first is read; of an OpenEXR's layers the one without a name, or the first. Palettes
    are expanded, CMYK is converted. `archive`: `source` already open. `Unreadable`, a UserError, where there is none.
    """
    name = name_of(source, member)
    with (
        on_disk(source, member, archive, most_pixels) as path,
        opened(path, name, most_pixels, whole=True) as (file, spec, colour, alpha),
    ):
        used = [*colour, *([alpha] if alpha is not None else [])]
        depth, decoded = DEPTHS[str(spec.format)]
        numbers = file.read_image(0, 0, min(used), max(used) + 1, decoded)
        error = error_of(file)
        if numbers is None or (error and "extraneous" not in error):  # a warning: bytes between the parts of a JPEG
            raise Unreadable(name, "truncated or damaged")
        metadata, kind = _upright_metadata(spec), file.format_name()
        numbers = upright(numbers, orientation_of(spec))
    start = min(used)
    first, last = colour[0] - start, colour[-1] - start
    is_run = colour == list(range(colour[0], colour[-1] + 1))  # a slice needs no copy
    pixels, bad = _decoded(numbers[..., first : last + 1] if is_run else numbers[..., [c - start for c in colour]])
    transparency, more = (None, 0) if alpha is None else _decoded(numbers[..., alpha - start])
    if kind == "gif" and transparency is not None and transparency.min() == 1:  # every GIF is opened with alpha
        transparency = None
    return Picture(pixels, transparency, depth, depth.startswith("float"), metadata, bad + more)


def read_header(
    source: Path, *, member: str | None = None, most_pixels: int = MOST_PIXELS, archive: zipfile.ZipFile | None = None
) -> Header:
    """Size and depth from the file's first bytes; `Unreadable` as in `read_picture`, except for what decoding finds."""
    name = name_of(source, member)
    with (
        on_disk(source, member, archive, most_pixels) as path,
        opened(path, name, most_pixels) as (_, spec, colour, _),
    ):
        size = (spec.height, spec.width) if orientation_of(spec) < 5 else (spec.width, spec.height)
        depth = DEPTHS[str(spec.format)][0]
        return Header(*size, len(colour), depth, depth.startswith("float"))


def upright(numbers: np.ndarray, orientation: int) -> np.ndarray:
    """An array (H, W, ...) as it is to be seen; `orientation` 1..8 as in EXIF 2.32, section 4.6.4."""
    if orientation >= 5:
        numbers = numbers.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        numbers = numbers[::-1]
    if orientation in (2, 3, 6, 7):
        numbers = numbers[:, ::-1]
    return numbers


# -- writing -----------------------------------------------------------------------------------------------------------


class Format(NamedTuple):
    """What a kind of file can hold. `alpha`: none, straight (colours as they are), premultiplied, or both."""

    name: str
    depths: tuple[str, ...]
    alpha: str = "none"
    channels: tuple[int, ...] = (1, 3)
    compression: str = ""


JPEG = Format("jpeg", ("uint8",), compression="jpeg:95")
PNG = Format("png", ("uint8", "uint16"), "straight")
TIFF = Format("tiff", ("uint8", "uint16", "float16", "float32"), "both", compression="zip")
WEBP = Format("webp", ("uint8",), "straight", (3,), "lossless:100")
BMP = Format("bmp", ("uint8",))
EXR = Format("openexr", ("float16", "float32"), "premultiplied", compression="zip")
WRITTEN = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), JPEG),
    ".png": PNG,
    **dict.fromkeys((".tif", ".tiff"), TIFF),
    ".webp": WEBP,
    **dict.fromkeys((".bmp", ".dib"), BMP),
    ".pgm": Format("pnm", ("uint8", "uint16"), channels=(1,)),
    ".ppm": Format("pnm", ("uint8", "uint16"), channels=(3,)),
    ".pnm": Format("pnm", ("uint8", "uint16")),
    ".exr": EXR,
    ".hdr": Format("hdr", ("float32",), channels=(3,)),
}


def write_picture(path: Path, picture: Picture) -> None:
    """The picture as a file of the kind that the ending names, with profile, EXIF and resolution, upright.

    Depth, alpha and colours are kept where the kind of file can hold them. Linear light is coded as sRGB for files of
    whole numbers, and the other way round. JPEG has quality 95 and full colour resolution; WebP is lossless but for
    colours that are wholly transparent.
    """
    format = WRITTEN.get(path.suffix.lower())
    if format is None:
        raise UserError(f"{path} cannot be written: its ending must be one of {', '.join(WRITTEN)}.")
    depth = _depth_in(format, picture.depth)
    channels = picture.pixels.shape[2]
    if channels not in format.channels:
        channels = format.channels[0]
    alpha = picture.alpha if format.alpha != "none" else None
    was = "premultiplied" if is_premultiplied(picture) else "straight"
    will = was if format.alpha in ("both", "none") else format.alpha
    spec = _spec_of(picture, format, depth, channels, alpha is not None, will)

    numbers = np.empty((spec.height, spec.width, spec.nchannels), depth)
    rows = max(1, BAND // spec.width)
    for top in range(0, spec.height, rows):
        band = slice(top, top + rows)
        part = to_channels(picture.pixels[band], channels)
        if alpha is not None and was == "premultiplied" and will == "straight":
            part = part / np.where(alpha[band] > 0, alpha[band], 1)[..., None]
        if picture.is_linear != depth.startswith("float"):
            part = display_code(part) if picture.is_linear else linear_light(part)
        if alpha is not None:
            part = part * alpha[band][..., None] if was == "straight" and will == "premultiplied" else part
            numbers[band, :, -1] = _encoded(alpha[band], depth)
        numbers[band, :, :channels] = _encoded(part, depth)
    with written_whole(path) as temporary:
        file = oiio.ImageOutput.create(format.name)
        assert file, oiio.geterror()
        if not (file.open(str(temporary), spec) and file.write_image(numbers) and file.close()):
            error = file.geterror()
            file.close()
            raise UserError(f"{path} cannot be written: {error.splitlines()[0] if error else 'no reason is known'}.")


def is_premultiplied(picture: Picture) -> bool:
    """Whether the colours were multiplied by alpha already, as in OpenEXR; otherwise they are straight, as in PNG."""
    if picture.alpha is None or picture.metadata is None:
        return False
    return not picture.metadata.get_int_attribute("oiio:UnassociatedAlpha")


def display_code(light: np.ndarray) -> np.ndarray:
    """Linear light as sRGB code, both 0..1, what is outside cut off; IEC 61966-2-1."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


def linear_light(code: np.ndarray) -> np.ndarray:
    """sRGB code as linear light, both 0..1; IEC 61966-2-1."""
    code = np.clip(code, 0, 1)
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4).astype(np.float32)


# -- arrays ------------------------------------------------------------------------------------------------------------


def as_pixels(values: Any) -> np.ndarray:
    """(H, W, C) float32 from an array (H, W) or (H, W, 1..4), or from an image of Pillow's; alpha is dropped.

    uint8 is divided by 255, uint16 by 65535, bool becomes 0 and 1, floating-point numbers stay; otherwise a UserError.
    """
    array = _array_of_pillow(values) if hasattr(values, "getbands") else np.asarray(values)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or not 1 <= array.shape[2] <= 4 or 0 in array.shape:
        raise UserError(f"A picture is an array (height, width) or (height, width, 1 to 4), not {array.shape}.")
    array = array[..., : 1 if array.shape[2] < 3 else 3]
    if array.dtype == bool:
        return array.astype(np.float32)
    if array.dtype not in (np.uint8, np.uint16) and array.dtype.kind != "f":
        raise UserError(f"The numbers of a picture are uint8, uint16, bool or floating-point, not {array.dtype}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UserError("The picture holds numbers that are not finite; set them to 0 first.")
    return _decoded(array)[0]


def to_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """(..., C) as grey (1, by Rec. 709's weights) or colour (3, grey three times); itself where C is right already."""
    if pixels.shape[-1] == channels:
        return pixels
    if channels == 1:
        return (pixels @ LUMINANCE)[..., None]
    assert channels == 3 and pixels.shape[-1] == 1
    return np.repeat(pixels, 3, axis=-1)


def _array_of_pillow(image: Any) -> np.ndarray:
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode in ("1", "L", "LA", "RGB", "RGBA", "F") or image.mode.startswith("I;16"):
        return np.asarray(image)
    if image.mode == "I":  # how Pillow once opened 16-bit PNG
        return np.clip(np.asarray(image), 0, 65_535).astype(np.uint16)
    return np.asarray(image.convert("RGB"))


def _decoded(numbers: np.ndarray) -> tuple[np.ndarray, int]:
    """The numbers of a file as a float32 array of its own, and how many were not finite and are now 0."""
    pixels = np.array(numbers, np.float32, order="C")
    if numbers.dtype.kind == "u":
        pixels /= np.float32(np.iinfo(numbers.dtype).max)
        return pixels, 0
    bad = 0
    for top in range(0, len(pixels), max(1, BAND // pixels.shape[1])):
        band = pixels[top : top + max(1, BAND // pixels.shape[1])]
        finite = np.isfinite(band)
        bad += finite.size - int(finite.sum())
        band[~finite] = 0
    return pixels, bad


def _encoded(pixels: np.ndarray, depth: str) -> np.ndarray:
    if depth.startswith("float"):
        most = float(np.finfo(depth).max)
        return np.clip(pixels, -most, most).astype(depth)
    most = np.iinfo(depth).max
    return np.rint(np.clip(pixels, 0, 1) * np.float32(most)).astype(depth)


# -- what is kept of a file's own description --------------------------------------------------------------------------


def _upright_metadata(spec: Any) -> Any:
    """What `write_picture` needs later: the file's own description, said to be upright."""
    kept = oiio.ImageSpec(spec)
    if orientation_of(spec) >= 5:
        kept.width, kept.height, kept.x, kept.y = spec.height, spec.width, 0, 0
        kept.full_width, kept.full_height, kept.full_x, kept.full_y = kept.width, kept.height, 0, 0
        across, down = spec.getattribute("YResolution"), spec.getattribute("XResolution")
        if across and down:
            kept.attribute("XResolution", across)
            kept.attribute("YResolution", down)
    if spec.getattribute("Orientation") is not None:
        kept.attribute("Orientation", 1)
    return kept


def _is_cmyk(spec: Any) -> bool:
    return "CMYK" in (text_of(spec, "jpeg:ColorSpace"), text_of(spec, "tiff:ColorSpace"))


def _depth_in(format: Format, depth: str) -> str:
    if depth in format.depths:
        return depth
    if depth.startswith("float"):
        return format.depths[-1]  # the deepest that there is
    return "float16" if depth == "uint8" and "float16" in format.depths else format.depths[-1]


def _spec_of(picture: Picture, format: Format, depth: str, channels: int, has_alpha: bool, alpha: str) -> Any:
    """OpenImageIO's description of the file to be written."""
    height, width, given = picture.pixels.shape
    name = {"float16": "half", "float32": "float"}.get(depth, depth)
    spec = oiio.ImageSpec(width, height, channels + has_alpha, name)
    if picture.metadata is not None:
        old, spec = picture.metadata, oiio.ImageSpec(picture.metadata)
        of_colours = len(channels_of(old, "")[0])
        is_same = of_colours == channels == given and picture.is_linear == depth.startswith("float")
        for attribute in old.extra_attribs:
            profile = attribute.name.startswith("ICCProfile")  # CMYK's speaks of inks, but the pixels are RGB by now
            if PRIVATE.fullmatch(attribute.name) or (profile and (not is_same or _is_cmyk(old))):
                spec.erase_attribute(attribute.name)
        if format is not EXR:  # the resolutions say it already, and the writers disagree on what it means
            spec.erase_attribute("PixelAspectRatio")
            across, down = spec.getattribute("XResolution"), spec.getattribute("YResolution")
            if format is TIFF and across and down:
                spec.attribute("PixelAspectRatio", down / across)
        if text_of(spec, "ImageDescription").startswith('{"shape"'):  # tifffile's, wrong for another size
            spec.erase_attribute("ImageDescription")
        if text_of(spec, "ResolutionUnit") == "inch":  # PNG's word, which JPEG's writer does not know
            spec.attribute("ResolutionUnit", "in")
        if (old.width, old.height) != (width, height):
            spec.width, spec.height, spec.x, spec.y = width, height, 0, 0
            spec.full_width, spec.full_height, spec.full_x, spec.full_y = width, height, 0, 0
        spec.nchannels, spec.alpha_channel, spec.tile_width, spec.tile_height = channels + has_alpha, -1, 0, 0
        spec.channelformats = ()
        spec.set_format(name)
    spec.channelnames = ("Y", "R", "G", "B")[0 if channels == 1 else 1 : 1 if channels == 1 else 4] + ("A",) * has_alpha
    if has_alpha:
        spec.alpha_channel = channels
        if alpha == "straight":
            spec.attribute("oiio:UnassociatedAlpha", 1)
    if format.compression:
        spec.attribute("compression", format.compression)
    if format is TIFF:
        spec.attribute("tiff:half", 1)
    if format is JPEG:
        spec.attribute("jpeg:subsampling", "4:4:4")
    return spec
