"""What a picture file says of its picture, and what of it goes into the file of the answer."""

import re
from typing import Any, NamedTuple

import numpy as np
import OpenImageIO as oiio

from maquette.data.pictures.headers import DEPTHS, channels_of, error_of, orientation_of, text_of
from maquette.data.pictures.kinds import EXR, JPEG, TIFF, Format

TYPES = {"float16": "half", "float32": "float", "float64": "double", "uint32": "uint", "int32": "int"}  # its own names
PRIVATE = re.compile(  # what speaks of the file that was read, not of the picture
    r"(oiio|tiff|jpeg|png|pnm|gif|bmp|webp|openexr):.*|S(Min|Max)SampleValue|planarconfig|compression|thumbnail.*"
    r"|Exif:Pixel.Dimension",
    re.I,
)


class Layers(NamedTuple):
    """What an OpenEXR file holds besides colours and alpha: names, their types, numbers (H, W, len(names)) float32."""

    names: tuple[str, ...]
    types: tuple[Any, ...]
    numbers: np.ndarray


def is_integer(depth: str) -> bool:
    """Whether numbers of this kind are counts in any case: all whole ones but those of 8 or 16 bits from 0."""
    return depth in ("int8", "int16", "int32", "uint32")


def depth_of(spec: Any, colour: list[int]) -> tuple[str, str]:
    """The depth of the colours, and how they are decoded: OpenEXR's channels may differ."""
    types = {str(kind) for kind in (spec.channelformat(number) for number in colour)}
    return DEPTHS[types.pop() if len(types) == 1 and types <= set(DEPTHS) else str(spec.format)]


def read_layers(file: Any, spec: Any, others: list[int]) -> Layers | None:
    """The channels `others` of an open file, nothing where there are none."""
    if not others:
        return None
    numbers = file.read_image(0, 0, min(others), max(others) + 1, "float")
    if numbers is None or error_of(file):
        return None
    names = tuple(spec.channelnames[number] for number in others)
    types = tuple(spec.channelformat(number) for number in others)
    return Layers(names, types, numbers[..., [number - min(others) for number in others]])


def upright_metadata(spec: Any) -> Any:
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


def depth_in(format: Format, depth: str) -> str:
    """The depth that a file of this kind has for a picture of another."""
    if depth in format.depths:
        return depth
    if depth.startswith("float"):
        return format.depths[-1]  # the deepest that there is
    return "float16" if depth == "uint8" and "float16" in format.depths else format.depths[-1]


def spec_of(
    metadata: Any,
    format: Format,
    shape: tuple[int, int, int],
    depth: str,
    *,
    alpha: str | None,
    keeps_colours: bool,
    layers: Layers | None,
) -> Any:
    """OpenImageIO's description of the file to be written, with what `metadata` has of the one that was read.

    alpha: straight or premultiplied, None: there is none; keeps_colours: they mean what they meant, so does their
    profile.
    """
    (height, width, channels), has_alpha = shape, alpha is not None
    name = TYPES.get(depth, depth)
    spec = oiio.ImageSpec(width, height, channels + has_alpha, name)
    if metadata is not None:
        old, spec = metadata, oiio.ImageSpec(metadata)
        of_colours = len(channels_of(old, "")[0])
        is_same = keeps_colours and of_colours == channels
        for attribute in old.extra_attribs:
            profile = attribute.name.startswith("ICCProfile")  # CMYK's speaks of inks, but the pixels are RGB by now
            if PRIVATE.fullmatch(attribute.name) or (profile and (not is_same or _is_cmyk(old))):
                spec.erase_attribute(attribute.name)
        if format is not EXR:  # the resolutions say it already, and the writers disagree on what it means
            spec.erase_attribute("PixelAspectRatio")
            across, down = spec.getattribute("XResolution"), spec.getattribute("YResolution")
            if format is TIFF and across and down:
                spec.attribute("PixelAspectRatio", down / across)
        if text_of(spec, "ImageDescription").startswith(('{"shape"', "ImageJ=")):  # of all pages, and of their sizes
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
    if layers:
        colours = (spec.format,) * spec.nchannels
        spec.nchannels += len(layers.names)
        spec.channelnames, spec.channelformats = (*spec.channelnames, *layers.names), (*colours, *layers.types)
    if format.compression:
        spec.attribute("compression", format.compression)
    if format is TIFF:
        spec.attribute("tiff:half", 1)
    if format is JPEG:
        spec.attribute("jpeg:subsampling", "4:4:4")
    return spec
