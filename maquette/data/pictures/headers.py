"""What a picture file says of itself before it is decoded: kind, size, channels; refused where it promises too much."""

import os
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import OpenImageIO as oiio

from maquette.data.pictures.kinds import ANIMATED, BY_PILLOW, WAYS_OUT, kind_of, unread_kind
from maquette.data.pictures.pages import Frame, page_places
from maquette.settings import UserError

DEPTHS = {  # by OpenImageIO's name: the depth that a picture is said to have, and how it is decoded
    "uint8": ("uint8", "uint8"),
    "uint16": ("uint16", "uint16"),
    "uint": ("uint32", "uint"),
    "int8": ("int8", "int8"),
    "int16": ("int16", "int16"),
    "int": ("int32", "int"),
    "half": ("float16", "half"),
    "float": ("float32", "float"),
    "double": ("float64", "float"),
}
TOO_LARGE = re.compile(r"exceed|header claims", re.I)  # OpenImageIO's own words for headers that promise too much


class Unreadable(UserError):
    """A file that gives no picture; `reason` completes `it is ...`; `kind`: known, but not read."""

    def __init__(self, name: str, reason: str, kind: str = "") -> None:
        super().__init__(f"{name} cannot be read: it is {reason}.")
        self.reason, self.kind = reason, kind


def name_of(source: Path, member: str | None) -> str:
    return str(source) if member is None else f"{member} in {source}"


@contextmanager
def on_disk(source: Path, member: str | None, archive: zipfile.ZipFile | None, most: int) -> Iterator[Path]:
    """A path that OpenImageIO can open; a member of a zip file is a temporary file for as long as it is read.

    The decoder's Python side cannot read from memory, nor under a name that is no Unicode. The temporary name owes
    nothing to the member's.
    """
    if member is None and _is_unicode(str(source)):
        yield source
        return
    if member is None:
        with tempfile.TemporaryDirectory(prefix="maquette-") as folder:
            link = Path(folder) / f"picture{source.suffix}"
            link.symlink_to(source.absolute())
            yield link
        return
    handle, temporary = tempfile.mkstemp(Path(member).suffix.lower(), "maquette-")
    try:
        with open(handle, "wb") as file:
            _unzip(source, member, archive, most, file)
        yield Path(temporary)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _is_unicode(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


def _unzip(source: Path, member: str, archive: zipfile.ZipFile | None, most: int, target: BinaryIO) -> None:
    name = name_of(source, member)
    try:
        with nullcontext(archive) if archive else zipfile.ZipFile(source) as unzipped:
            size = unzipped.getinfo(member).file_size
            if size > 16 * most:
                raise Unreadable(name, f"too large: {size:,} bytes unpacked")
            target.write(unzipped.read(member))
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise Unreadable(name, "truncated or damaged") from None
    except (KeyError, NotImplementedError, RuntimeError) as error:  # no such member; packed oddly; encrypted
        raise Unreadable(name, f"not to be had from the zip file ({str(error).strip(chr(34))})") from None
    except OSError as error:
        raise Unreadable(name, f"not readable ({error.strerror or error})") from None


@contextmanager
def opened(
    path: Path, name: str, most_pixels: int, whole: bool = False, page: int = 0
) -> Iterator[tuple[Any, Any, list[int], int | None]]:
    """The open file, its description, the numbers of its colour channels and of alpha; nothing is decoded yet.

    `page`: which page or frame, from 0.
    """
    try:
        with open(path, "rb") as bytes_of:
            start = bytes_of.read(512)
            kind = kind_of(start)
            if kind == "PNG":
                _check_png(bytes_of, name, most_pixels, whole)
    except OSError as error:
        raise Unreadable(name, f"not readable ({error.strerror or error})") from None
    if start and (other := unread_kind(path.suffix, start)):
        raise Unreadable(name, f"{other}, which cannot be read; {WAYS_OUT[other]}", other)
    if kind is None:
        raise Unreadable(name, "no picture of a known kind" if start else "empty")
    if kind == "GIF" and len(start) >= 10:  # opening one decodes it
        width, height = struct.unpack("<HH", start[6:10])
        _check_size(name, height, width, most_pixels)
    file = (
        frame_of(path, name, kind, page) if kind in BY_PILLOW or (page and kind in ANIMATED) else opened_by(path, name)
    )
    try:
        if page and not isinstance(file, Frame):
            places = page_places(file, kind)
            if page >= len(places) or not file.seek_subimage(places[page], 0):
                raise Unreadable(name, f"without a page {page + 1}")
        spec = file.spec()
        _check_size(name, spec.height, spec.width, most_pixels)
        if spec.deep:
            raise Unreadable(name, "a deep picture; flatten it first")
        if "LAB" in text_of(spec, "tiff:ColorSpace"):
            raise Unreadable(name, "in CIELAB colours; convert it to RGB first")
        if str(spec.format) not in DEPTHS:
            raise Unreadable(name, f"made of numbers of type {spec.format}; convert them to uint16 first")
        yield file, spec, *channels_of(spec, name)
    except UnicodeDecodeError:  # names of channels that are no text
        raise Unreadable(name, "truncated or damaged") from None
    finally:
        file.close()


def frame_of(path: Path, name: str, kind: str, page: int) -> Frame:
    try:
        return Frame(path, kind, page)
    except ValueError as error:
        raise Unreadable(name, str(error)) from None


def opened_by(path: Path, name: str) -> Any:
    """The file as OpenImageIO opens it."""
    wanted = oiio.ImageSpec()
    wanted.attribute("oiio:UnassociatedAlpha", 1)  # straight colours stay as they are in the file
    try:
        file = oiio.ImageInput.open(os.fspath(path), wanted)
    except TypeError:  # a name that is no Unicode
        raise Unreadable(name, "not readable (its name is not in Unicode; rename it)") from None
    if file is None:
        if TOO_LARGE.search(error_of(oiio)):
            raise Unreadable(name, "too large, or its header is damaged")
        raise Unreadable(name, "truncated or damaged")
    return file


def _check_size(name: str, height: int, width: int, most_pixels: int) -> None:
    if height * width > most_pixels:
        raise Unreadable(name, f"too large: {width:,} x {height:,} pixels")


def _check_png(file: Any, name: str, most_pixels: int, whole: bool) -> None:
    """Refuses what libpng would report on standard error: a size beyond its limits, a cut or damaged chunk."""
    file.seek(8)
    first = True
    while True:
        head = file.read(8)
        length, kind = struct.unpack(">I4s", head) if len(head) == 8 else (0, b"")
        data = file.read(length + 4) if length < 2**31 else b""
        if len(data) != length + 4 or not kind or zlib.crc32(kind + data[:-4]) != int.from_bytes(data[-4:], "big"):
            raise Unreadable(name, "truncated or damaged")
        if first:
            if kind != b"IHDR" or length != 13:
                raise Unreadable(name, "truncated or damaged")
            width, height = struct.unpack(">II", data[:8])
            _check_size(name, height, width, min(most_pixels, most_pixels if max(width, height) <= 10**6 else 0))
            first = False
        if kind == b"IEND" or not whole:
            return


def channels_of(spec: Any, name: str) -> tuple[list[int], int | None]:
    """Where the colours are, and alpha: the nameless layer of an OpenEXR file, or the first that has colours."""
    names = list(spec.channelnames)
    layers = sorted({label.rpartition(".")[0]: None for label in names}, key=bool)  # stable: the nameless first
    for layer in layers:
        prefix = f"{layer}." if layer else ""
        for wanted in ("RGB", "rgb", "Y", "L"):
            colours = [prefix + letter for letter in wanted]
            if set(colours) <= set(names):
                alpha = next((names.index(prefix + letter) for letter in "Aa" if prefix + letter in names), None)
                return [names.index(colour) for colour in colours], alpha
    if len(names) == 1:
        return [0], None
    raise Unreadable(name, f"without red, green and blue; its channels are {', '.join(names[:8])}")


def others_of(spec: Any, colour: list[int], alpha: int | None) -> list[int]:
    """The channels that are neither colours nor their alpha: depth, further layers."""
    return [number for number in range(spec.nchannels) if number not in (*colour, alpha)]


def orientation_of(spec: Any) -> int:
    number = spec.get_int_attribute("Orientation", 1)
    return number if 1 <= number <= 8 else 1


def text_of(spec: Any, name: str) -> str:
    """An attribute that is text; "" where it is missing or in an old encoding, which Python's side cannot read."""
    try:
        return spec.get_string_attribute(name)
    except UnicodeDecodeError:
        return ""


def error_of(source: Any) -> str:
    """OpenImageIO's last error, which may quote bytes of a damaged file."""
    try:
        return source.geterror()
    except UnicodeDecodeError:
        return "damaged"
