"""Films written frame by frame in bounded memory: VP9 in `.mp4`, animated WebP and GIF, or a folder of PNG.

VP9 is what OpenCV's own FFmpeg can write of the codecs that browsers play; it has no H.264 encoder.
"""

import io
import os
import shutil
import struct
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import GifImagePlugin, Image

from maquette.data.pictures.files import Picture, to_channels, write_picture
from maquette.files import cannot_write, written_whole
from maquette.settings import UserError

CODEC = "vp09"
ENDINGS = (".mp4", ".webp", ".gif", "")
FASTEST_GIF = 50  # frames a second; browsers slow down what is faster
WEBP_QUALITY = 85
REPEAT = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"  # a GIF that begins again at its end


def write_film(path: Path, frames: Iterable[np.ndarray], rate: float = 25) -> int:
    """Writes frames (H, W, 1 or 3), uint8 or 0..1, all of one size, at `rate` a second; returns their number.

    By the ending: `.mp4`, `.webp`, `.gif`, or a folder of `00001.png` and so on where there is none. An `.mp4` has even
    sides: the last row or column is repeated where needed.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"{path} cannot be written: films are .mp4, .webp, .gif, or a folder's name for PNG files.")
    if ending == ".gif" and rate > FASTEST_GIF:
        raise UserError(f"A GIF shows at most {FASTEST_GIF} frames a second, not {rate:g}; choose .mp4 or .webp.")
    if ending == ".mp4":
        _import_opencv(path)
    checked = _checked(path, frames)
    if ending == "":
        return _write_folder(path, checked)
    with written_whole(path) as temporary:
        if ending == ".mp4":
            return _write_video(path, temporary, checked, rate)
        with open(temporary, "wb") as file:
            return (_write_webp if ending == ".webp" else _write_gif)(file, checked, rate)


def _checked(path: Path, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames as (H, W, 3) uint8."""
    size = None
    for frame in frames:
        assert frame.ndim == 3 and frame.shape[2] in (1, 3), f"a frame is (H, W, 1 or 3), not {frame.shape}"
        assert frame.dtype == np.uint8 or frame.dtype.kind == "f", f"a frame is uint8 or 0..1, not {frame.dtype}"
        size = size or frame.shape[:2]
        assert frame.shape[:2] == size, f"a frame of {frame.shape[:2]} among those of {size}"
        if frame.dtype != np.uint8:
            frame = np.rint(np.clip(np.nan_to_num(frame), 0, 1) * 255).astype(np.uint8)
        yield np.ascontiguousarray(np.broadcast_to(frame, (*size, 3)))
    if size is None:
        raise UserError(f"{path} would have no frames; ask for one or more.")


def _stays(number: int, rate: float, parts: int) -> int:
    """How long frame `number` stays, from 1, in `parts` of a second; rounded so that the whole keeps its length."""
    return round(parts * number / rate) - round(parts * (number - 1) / rate)


# -- video -------------------------------------------------------------------------------------------------------------


def _import_opencv(path: Path) -> Any:
    try:
        import cv2
    except ImportError:
        raise UserError(
            f'To write {path} install OpenCV, pip install "maquette[scenes]", or choose an ending of .webp or .gif.'
        ) from None
    return cv2


def _write_video(path: Path, temporary: Path, frames: Iterator[np.ndarray], rate: float) -> int:
    cv2 = _import_opencv(path)
    first = next(frames)
    height, width = first.shape[:2]
    margin = ((0, height % 2), (0, width % 2), (0, 0))
    beside = temporary.with_suffix(".mp4")  # OpenCV takes the container from the ending
    count = 0
    try:
        size = (width + width % 2, height + height % 2)
        writer = cv2.VideoWriter(str(beside), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*CODEC), float(rate), size)
        try:
            if not writer.isOpened():
                raise UserError(f"{path} cannot be written: this OpenCV has no VP9; choose an ending of .webp or .gif.")
            for frame in chain([first], frames):
                writer.write(np.pad(frame, margin, "edge")[..., ::-1])
                count += 1
        finally:
            writer.release()
        written = cv2.VideoCapture(str(beside), cv2.CAP_FFMPEG)  # a full disk is not told otherwise
        whole = written.isOpened() and round(written.get(cv2.CAP_PROP_FRAME_COUNT)) == count
        written.release()
        if not whole:
            raise UserError(f"{path} could not be written whole; make room on the disk and try again.")
        os.replace(beside, temporary)
    finally:
        beside.unlink(missing_ok=True)
    return count


# -- pictures that move ------------------------------------------------------------------------------------------------


def _write_webp(file: BinaryIO, frames: Iterator[np.ndarray], rate: float) -> int:
    """One picture after the other in a RIFF file; RFC 9649, section 2.7. Pillow would hold all of them at once."""
    count = 0
    for count, frame in enumerate(frames, 1):
        height, width = frame.shape[:2]
        size = _three_bytes(width - 1) + _three_bytes(height - 1)
        if count == 1:
            is_animated, for_ever = b"\x02\0\0\0", struct.pack("<IH", 0, 0)
            file.write(b"RIFF\0\0\0\0WEBP" + _chunk(b"VP8X", is_animated + size) + _chunk(b"ANIM", for_ever))
        still = io.BytesIO()
        try:
            Image.fromarray(frame).save(still, "webp", quality=WEBP_QUALITY, method=2)
        except (ValueError, OSError) as error:
            raise UserError(f"A WebP is at most 16,383 pixels wide and high ({error}); choose .mp4.") from None
        no_blending = b"\x02"
        file.write(
            _chunk(
                b"ANMF", bytes(6) + size + _three_bytes(_stays(count, rate, 1000)) + no_blending + still.getvalue()[12:]
            )
        )
    length = file.tell()
    file.seek(4)
    file.write(struct.pack("<I", length - 8))
    return count


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _three_bytes(number: int) -> bytes:
    return struct.pack("<I", number)[:3]


def _write_gif(file: BinaryIO, frames: Iterator[np.ndarray], rate: float) -> int:
    """One picture after the other, each with 256 colours of its own."""
    count = 0
    for count, frame in enumerate(frames, 1):
        if count == 1:
            height, width = frame.shape[:2]
            no_colours = b"\0\0\0"
            file.write(b"GIF89a" + struct.pack("<HH", width, height) + no_colours + REPEAT)
        few = Image.fromarray(frame).quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        milliseconds = 10 * _stays(count, rate, 100)
        for part in GifImagePlugin.getdata(few, duration=milliseconds, include_color_table=True):
            file.write(part)
    file.write(b";")
    return count


def _write_folder(path: Path, frames: Iterator[np.ndarray]) -> int:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UserError(f"{path} is not an empty folder; write the frames elsewhere.")
    if not path.parent.is_dir():
        raise UserError(f"There is no folder {path.parent}; make it first, or write elsewhere.")
    temporary = path.with_name(f".{path.name}.part")
    count = 0
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        for count, frame in enumerate(frames, 1):
            write_picture(temporary / f"{count:05}.png", Picture(to_channels(frame, 3) / np.float32(255)))
        if path.exists():
            path.rmdir()
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return count
