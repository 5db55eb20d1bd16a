"""Kinds of picture files: those that are read, those that are written, and those that are known and not read."""

import re
from typing import NamedTuple

READ = {  # the endings of what is read
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".apng": "PNG", ".tif": "TIFF",
    ".tiff": "TIFF", ".webp": "WebP", ".bmp": "BMP", ".dib": "BMP", ".ppm": "PNM", ".pgm": "PNM", ".pbm": "PNM",
    ".pnm": "PNM", ".pfm": "PNM", ".exr": "OpenEXR", ".hdr": "HDR", ".gif": "GIF", ".avif": "AVIF", ".avifs": "AVIF",
}  # fmt: skip
SUFFIXES = frozenset(READ)

STARTS = {  # the first bytes of the kinds that are read; a file with others is not shown to the decoders
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "WebP": rb"RIFF....WEBP",
    "BMP": rb"BM",
    "PNM": rb"P[1-6fF]\s",
    "OpenEXR": rb"v/1\x01",
    "HDR": rb"#\?R",
    "GIF": rb"GIF8",
    "AVIF": rb"....ftyp(avi[fs]|.{4,20}avif)",
}
ANIMATED = frozenset(("PNG", "WebP", "GIF", "AVIF"))  # kinds with frames; those after the first are read by Pillow
BY_PILLOW = frozenset(("AVIF",))  # kinds that OpenImageIO does not read at all
SCENE_LIGHT = frozenset(("OpenEXR", "HDR"))  # kinds whose numbers are light, however large

# -- known, but not read -----------------------------------------------------------------------------------------------

CONVERT = "convert it to JPEG or PNG first"
DEVELOP = "develop it to TIFF or JPEG first"
EXPORT = "export it as PNG first"
WAYS_OUT = {
    "HEIC": CONVERT,
    "RAW": DEVELOP,
    "SVG": EXPORT,
    "Photoshop": EXPORT,
    "JPEG XL": CONVERT,
    "JPEG 2000": CONVERT,
    "TGA": CONVERT,
    "DDS": CONVERT,
    "icon": CONVERT,
    "DICOM": "convert it to TIFF first",
    "FITS": "convert it to TIFF first",
    "PDF": "export its pages as PNG first",
}
RAW = (
    ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".orf", ".rw2", ".raf", ".pef", ".srw",
    ".x3f", ".3fr", ".fff", ".iiq", ".erf", ".kdc", ".dcr", ".mrw", ".mos", ".rwl",
)  # fmt: skip
UNREAD = dict.fromkeys(RAW, "RAW") | {
    ".heic": "HEIC", ".heif": "HEIC", ".hif": "HEIC", ".svg": "SVG", ".svgz": "SVG", ".psd": "Photoshop",
    ".psb": "Photoshop", ".jxl": "JPEG XL", ".jp2": "JPEG 2000", ".j2k": "JPEG 2000", ".jpx": "JPEG 2000",
    ".tga": "TGA", ".dds": "DDS", ".ico": "icon", ".dcm": "DICOM", ".fits": "FITS", ".fit": "FITS",
}  # fmt: skip
UNREAD_STARTS = {
    "HEIC": rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)",
    "SVG": rb"\s*(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*)?<svg|\x1f\x8b.*svg",
    "RAW": rb"FUJIFILMCCD-RAW|....ftypcrx |II\x1a\0\0\0HEAPCCDR|IIU\0|IIRO|IIRS|\0MRM|FOVb|II\*\0.{4}CR",
    "Photoshop": rb"8BPS",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "DDS": rb"DDS ",
    "FITS": rb"SIMPLE  =",
    "PDF": rb"%PDF",
}


def kind_of(start: bytes) -> str | None:
    """The kind that is read of a file with these first bytes."""
    return next((kind for kind, first in STARTS.items() if re.match(first, start, re.S)), None)


def unread_kind(suffix: str, start: bytes) -> str | None:
    """The kind of a file that is known to be a picture, and is not read: by its first bytes, else by its ending."""
    if suffix.lower() in RAW:  # many begin as a TIFF does
        return "RAW"
    if kind_of(start):
        return None
    named = next((kind for kind, first in UNREAD_STARTS.items() if re.match(first, start, re.S)), None)
    return named or UNREAD.get(suffix.lower())


# -- written -----------------------------------------------------------------------------------------------------------


class Format(NamedTuple):
    """What a kind of file can hold. `alpha`: none, straight (colours as they are), premultiplied, or both."""

    name: str
    depths: tuple[str, ...]  # the last is the deepest for floats
    alpha: str = "none"
    channels: tuple[int, ...] = (1, 3)
    compression: str = ""


JPEG = Format("jpeg", ("uint8",), compression="jpeg:95")
PNG = Format("png", ("uint8", "uint16"), "straight")
COUNTS = ("int8", "int16", "uint32", "int32", "float64")  # written by TIFF alone
TIFF = Format("tiff", ("uint8", "uint16", *COUNTS, "float16", "float32"), "both", compression="zip")
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
FALLBACK = ".png"  # of answers to pictures of a kind that cannot be written
