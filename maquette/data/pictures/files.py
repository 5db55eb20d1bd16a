"""One picture file: read upright with its depth, transparency, profile and EXIF, and written so that nothing is lost.

Pixels are (H, W, C) float32, row 0 the top, C 1 (grey) or 3 (red, green, blue). Files of whole numbers give 0..1, coded
for display as in the file; files of floating-point numbers give linear light without bounds, but for counts, which are
scaled to 0..1 and come back as counts. Alpha is kept apart.
"""

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import OpenImageIO as oiio
from PIL import ImageOps

from maquette.data.pictures.descriptions import (
    Layers,
    depth_in,
    depth_of,
    is_integer,
    read_layers,
    spec_of,
    upright_metadata,
)
from maquette.data.pictures.headers import Unreadable, error_of, name_of, on_disk, opened, orientation_of, others_of
from maquette.data.pictures.kinds import EXR, SCENE_LIGHT, STARTS, WRITTEN
from maquette.data.pictures.pages import count_pages
from maquette.data.pictures.ranges import SIXTEEN_BITS, Range, range_of
from maquette.files import written_whole
from maquette.settings import UserError

MOST_PIXELS = 2**29  # 23,170 x 23,170; what claims more is taken for a decompression bomb
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec. 709, from red, green, blue
BAND = 2**20  # pixels that are converted at once, so that no second copy of the picture is needed
KINDS = {kind.lower(): kind for kind in STARTS}  # by OpenImageIO's name


@dataclass(frozen=True)
class Picture:
    """A picture in memory.

    pixels (H, W, C) float32; alpha (H, W) in 0..1, or None; depth: what the numbers of the file were, uint8, uint16,
    float16, float32 ...; is_linear: light, not display code; metadata: profile, EXIF, resolution, for `write_picture`;
    not_finite: how many numbers were NaN or infinite and were set to 0; name: its path below the folder it was read
    from, "" in memory; file: where it was read from; counts: the range that is 0..1 here, None where there is
    none; layers: what goes along into an OpenEXR file of the same size; notes: what is to be said of how it was made.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    depth: str = "uint8"
    is_linear: bool = False
    metadata: Any = None
    not_finite: int = 0
    name: str = ""
    file: Path | None = None
    counts: Range | None = None
    layers: Layers | None = None
    notes: tuple[str, ...] = ()

    def answered(self, pixels: np.ndarray) -> "Picture":
        """Other pixels in its place: of the same name, depth and metadata, its alpha fitted to their size."""
        alpha, layers = self.alpha, self.layers if pixels.shape[:2] == self.pixels.shape[:2] else None
        if alpha is not None and alpha.shape != pixels.shape[:2]:
            sizes = zip(pixels.shape, alpha.shape, strict=False)
            places = [((np.arange(new) + 0.5) * old / new).astype(int) for new, old in sizes]
            alpha = alpha[np.ix_(*places)]
        return replace(self, pixels=pixels, alpha=alpha, layers=layers)

    def in_range(self, wanted: Range | None) -> "Picture":
        """Counts by another range, that of a run, 16 bits being counts there too; other pictures as they are."""
        counts = self.counts or (SIXTEEN_BITS if self.depth == "uint16" else None)
        if counts is None or wanted in (None, self.counts):
            return self
        return replace(self, pixels=wanted.inward(counts.outward(self.pixels)), counts=wanted)

    def numbers(self) -> np.ndarray:
        """The pixels, or the counts that they stand for."""
        return self.pixels if self.counts is None else self.counts.outward(self.pixels)


class Header(NamedTuple):
    """What is known of a picture before it is decoded; the size is that of the upright picture.

    pages: of a file with several pages, frames or parts; others: channels that are neither colours nor alpha.
    """

    height: int
    width: int
    channels: int
    depth: str
    is_linear: bool
    kind: str = ""
    pages: int = 1
    others: tuple[str, ...] = ()


def read_picture(
    source: Path,
    *,
    member: str | None = None,
    most_pixels: int = MOST_PIXELS,
    archive: zipfile.ZipFile | None = None,
    page: int = 0,
    counts: Range | None = None,
    with_layers: bool = False,
) -> Picture:
    """The picture of a file, or of `member` in the zip file `source`, turned as its EXIF orientation says.

    Of several pages, frames or parts that with the number `page` is read; of an OpenEXR's layers the one without a
    name, or the first, the others too for `with_layers`. Palettes are expanded, CMYK is converted. Counts are scaled to
    0..1 by `counts`, or by their own range; 16 bits are counts only where `counts` says so. `archive`: `source` already
    open. `Unreadable`, a UserError, where there is none.
    """
    name = name_of(source, member)
    with (
        on_disk(source, member, archive, most_pixels) as path,
        opened(path, name, most_pixels, whole=True, page=page) as (file, spec, colour, alpha),
    ):
        used = [*colour, *([alpha] if alpha is not None else [])]
        depth, decoded = depth_of(spec, colour)
        numbers = file.read_image(file.current_subimage(), 0, min(used), max(used) + 1, decoded)
        error = error_of(file)
        if numbers is None or (error and "extraneous" not in error):  # a warning: bytes between the parts of a JPEG
            raise Unreadable(name, "truncated or damaged")
        metadata, kind = upright_metadata(spec), KINDS[file.format_name()]
        layers = read_layers(file, spec, others_of(spec, colour, alpha)) if with_layers and kind == "OpenEXR" else None
        numbers = upright(numbers, orientation_of(spec))
    start = min(used)
    first, last = colour[0] - start, colour[-1] - start
    is_run = colour == list(range(colour[0], colour[-1] + 1))  # a slice needs no copy
    pixels, bad = _decoded(numbers[..., first : last + 1] if is_run else numbers[..., [c - start for c in colour]])
    transparency, more = (None, 0) if alpha is None else _decoded(numbers[..., alpha - start])
    if transparency is not None and is_integer(depth):
        transparency /= np.float32(np.iinfo(depth).max)
    is_moving = page or kind == "GIF" or metadata.get_int_attribute("oiio:Movie")  # these have alpha in any case
    if is_moving and transparency is not None and transparency.min() == 1:
        transparency = None
    if not is_open(depth, kind):
        counts = counts if depth == "uint16" else None
        pixels = pixels if counts is None else counts.inward(SIXTEEN_BITS.outward(pixels))
    else:
        try:
            counts = counts or range_of(pixels, is_whole=is_integer(depth))
        except ValueError as error:
            raise Unreadable(name, str(error)) from None
        pixels = pixels if counts is None else counts.inward(pixels)
    is_linear = depth.startswith("float") and counts is None
    return Picture(pixels, transparency, depth, is_linear, metadata, bad + more, counts=counts, layers=layers)


def read_header(
    source: Path, *, member: str | None = None, most_pixels: int = MOST_PIXELS, archive: zipfile.ZipFile | None = None
) -> Header:
    """Size and depth from the file's first bytes; `Unreadable` as in `read_picture`, except for what decoding finds."""
    name = name_of(source, member)
    with (
        on_disk(source, member, archive, most_pixels) as path,
        opened(path, name, most_pixels) as (file, spec, colour, alpha),
    ):
        size = (spec.height, spec.width) if orientation_of(spec) < 5 else (spec.width, spec.height)
        depth, kind = depth_of(spec, colour)[0], KINDS[file.format_name()]
        others = others_of(spec, colour, alpha) if kind == "OpenEXR" else []
        names = tuple(spec.channelnames[number] for number in others)
        pages = count_pages(file, path, kind)
        return Header(*size, len(colour), depth, depth.startswith("float"), kind, pages, names)


def is_open(depth: str, kind: str) -> bool:
    """Whether a file's numbers may be counts, which have no scale of their own."""
    return is_integer(depth) or (depth.startswith("float") and kind not in SCENE_LIGHT)


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


def write_picture(path: Path, picture: Picture) -> None:
    """The picture as a file of the kind that the ending names, with profile, EXIF and resolution, upright.

    Depth, alpha and colours are kept where the kind of file can hold them. Linear light is coded as sRGB for files of
    whole numbers, and the other way round. JPEG has quality 95 and full colour resolution; WebP is lossless but for
    colours that are wholly transparent.
    """
    format = WRITTEN.get(path.suffix.lower())
    if format is None:
        raise UserError(f"{path} cannot be written: its ending must be one of {', '.join(WRITTEN)}.")
    depth = depth_in(format, picture.depth)
    is_counts = picture.counts is not None and _holds(depth, picture)
    channels = picture.pixels.shape[2]
    if channels not in format.channels:
        channels = format.channels[0]
    alpha = picture.alpha if format.alpha != "none" else None
    was = "premultiplied" if is_premultiplied(picture) else "straight"
    will = was if format.alpha in ("both", "none") else format.alpha
    layers = picture.layers if format is EXR else None
    keeps_light = picture.counts is not None or picture.is_linear == depth.startswith("float")
    spec = spec_of(
        picture.metadata,
        format,
        (*picture.pixels.shape[:2], channels),
        depth,
        alpha=will if alpha is not None else None,
        keeps_colours=keeps_light and channels == picture.pixels.shape[2],
        layers=layers,
    )

    numbers = np.empty((spec.height, spec.width, spec.nchannels), "float32" if layers else depth)
    behind = channels + (alpha is not None)
    rows = max(1, BAND // spec.width)
    for top in range(0, spec.height, rows):
        band = slice(top, top + rows)
        part = to_channels(picture.pixels[band], channels)
        if alpha is not None and was == "premultiplied" and will == "straight":
            part = part / np.where(alpha[band] > 0, alpha[band], 1)[..., None]
        if picture.counts is not None and is_counts:
            part = picture.counts.outward(part)
        elif picture.counts is None and picture.is_linear != depth.startswith("float"):
            part = display_code(part) if picture.is_linear else linear_light(part)
        if alpha is not None:
            part = part * alpha[band][..., None] if was == "straight" and will == "premultiplied" else part
            numbers[band, :, channels] = _encoded(alpha[band], depth)
        numbers[band, :, :channels] = _encoded(part, depth, is_counts)
        if layers:
            numbers[band, :, behind:] = layers.numbers[band]
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
    image = ImageOps.exif_transpose(image)
    if image.mode in ("1", "L", "LA", "RGB", "RGBA", "F") or image.mode.startswith("I;16"):
        return np.asarray(image)
    if image.mode == "I":  # how Pillow once opened 16-bit PNG
        return np.clip(np.asarray(image), 0, 65_535).astype(np.uint16)
    return np.asarray(image.convert("RGB"))


def _decoded(numbers: np.ndarray) -> tuple[np.ndarray, int]:
    """The numbers of a file as a float32 array of its own, and how many were not finite and are now 0."""
    pixels = np.array(numbers, np.float32, order="C")
    if numbers.dtype.kind == "i" or numbers.dtype == np.uint32:  # counts
        return pixels, 0
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


def _encoded(pixels: np.ndarray, depth: str, is_counts: bool = False) -> np.ndarray:
    """The numbers of a file for pixels, or for the counts themselves."""
    if depth == "float64":
        return pixels.astype(depth)
    if depth.startswith("float"):
        most = float(np.finfo(depth).max)
        return np.clip(pixels, -most, most).astype(depth)
    most = np.iinfo(depth).max
    if is_counts or is_integer(depth):  # float32 does not hold them all
        wide = pixels.astype(np.float64) * (1 if is_counts else most)
        return np.clip(np.rint(wide), np.iinfo(depth).min, most).astype(depth)
    return np.rint(np.clip(pixels, 0, 1) * np.float32(most)).astype(depth)


def _holds(depth: str, picture: Picture) -> bool:
    """Whether a file of such numbers can hold the picture's counts as they are."""
    if depth == picture.depth or depth.startswith("float") or picture.counts is None:
        return True
    return np.iinfo(depth).min <= picture.counts.low and picture.counts.high <= np.iinfo(depth).max
