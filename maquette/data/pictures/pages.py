"""Files of several pages or frames: how many there are, and frames that only Pillow reads."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from PIL import Image, UnidentifiedImageError, features

from maquette.data.pictures.kinds import ANIMATED

MOST = 100_000  # pages that are counted


def count_pages(file: Any, path: Path, kind: str) -> int:
    """How many pages or frames a file has; reduced copies of a page do not count."""
    if kind in ("TIFF", "OpenEXR"):
        return max(1, len(page_places(file, kind)))
    if kind not in ANIMATED or not _may_move(path, kind):
        return 1
    try:
        with Image.open(path) as image:
            return int(getattr(image, "n_frames", 1))
    except Exception:  # Pillow knows many ways to find a file damaged; reading it will tell
        return 1


def page_places(file: Any, kind: str) -> list[int]:
    """Where OpenImageIO finds the pages."""
    places, place = [], 0
    while place < MOST and file.seek_subimage(place, 0):
        if kind != "TIFF" or not place or not file.spec().get_int_attribute("tiff:subfiletype") & 5:
            places.append(place)
        place += 1
    file.geterror()  # that there are no more
    file.seek_subimage(0, 0)
    return places


def _may_move(path: Path, kind: str) -> bool:
    with open(path, "rb") as file:
        start = file.read(64)
    if kind == "WebP":
        return start[12:16] == b"VP8X" and bool(start[20] & 2)
    if kind == "AVIF":
        return b"avis" in start
    if kind == "GIF":
        return True
    with open(path, "rb") as file:  # PNG: says so before the pixels
        file.seek(8)
        for _ in range(100):
            head = file.read(8)
            length, name = struct.unpack(">I4s", head) if len(head) == 8 else (0, b"IDAT")
            if name in (b"IDAT", b"acTL") or length >= 2**31:
                return name == b"acTL"
            file.seek(length + 4, 1)
    return False


class Frame:
    """A frame that Pillow decodes, with what is asked of a file of OpenImageIO's."""

    def __init__(self, path: Path, kind: str, page: int) -> None:
        self.kind = kind
        if kind == "AVIF" and not features.check("avif"):
            raise ValueError("AVIF, which the installed Pillow does not read; convert it to JPEG or PNG first")
        try:
            self.image = Image.open(path)
            self.image.seek(page)
            turned = self.image.getexif().get(0x0112, 1)
        except Image.DecompressionBombError:
            raise ValueError("too large") from None
        except (UnidentifiedImageError, OSError, EOFError, ValueError, RuntimeError, SyntaxError):
            raise ValueError("truncated or damaged") from None
        bands = self.image.getbands()
        has_alpha = "A" in bands or "transparency" in self.image.info
        self.mode = "L" if bands == ("L",) and not has_alpha else "RGBA" if has_alpha else "RGB"
        made = oiio.ImageSpec(*self.image.size, len(self.mode), "uint8")
        made.channelnames = ("Y",) if self.mode == "L" else tuple(self.mode)
        if has_alpha:
            made.alpha_channel = 3
            made.attribute("oiio:UnassociatedAlpha", 1)
        if turned != 1:
            made.attribute("Orientation", turned)
        if profile := self.image.info.get("icc_profile"):
            made.attribute("ICCProfile", f"uint8[{len(profile)}]", np.frombuffer(profile, np.uint8))
        self.made = made

    def spec(self) -> Any:
        return self.made

    def format_name(self) -> str:
        return self.kind.lower()

    def read_image(self, page: int, level: int, first: int, end: int, kind: str) -> np.ndarray | None:
        """(H, W, channels from `first` to before `end`) uint8; nothing where the file is damaged."""
        try:
            pixels = np.asarray(self.image.convert(self.mode))
        except Exception:
            return None
        return pixels.reshape(*pixels.shape[:2], -1)[..., first:end]

    def current_subimage(self) -> int:
        return 0

    def geterror(self) -> str:
        return ""

    def close(self) -> None:
        self.image.close()
