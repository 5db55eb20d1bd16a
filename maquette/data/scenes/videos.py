"""Pictures from a video: the sharpest frames, evenly spread."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from maquette.data.pictures.files import Picture, as_pixels, to_channels, write_picture
from maquette.data.scenes.solving import INSTALL, sharpness_of
from maquette.settings import UserError


def frames_of_video(
    path: Path, folder: Path, *, count: int = 80, say: Callable[[str], None] = lambda line: None
) -> None:
    """The sharpest frame of each of `count` equal pieces of a video, as JPEG files in a folder that is there."""
    try:
        import cv2
    except ImportError:
        raise UserError(
            f"Reading {path} needs opencv-python-headless: {INSTALL}. Or save its frames as pictures in a folder."
        ) from None
    say(f"Choosing sharp frames of {path} ...")
    video = cv2.VideoCapture(str(path))
    try:
        total = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        if not video.isOpened() or total < 3:
            raise UserError(f"{path} cannot be read as a video; convert it to MP4 (H.264) first.")
        count = min(count, total)
        step = max(1, total // count // 8)  # at most about eight frames of each piece are looked at
        best: tuple[float, Any] = (-1.0, None)
        piece, number = 0, 0
        while video.grab():
            if number * count // total != piece:
                _save_frame(folder, piece, best)
                piece, best = number * count // total, (-1.0, None)
            if number % step == 0:
                got, frame = video.retrieve()
                if got:
                    rows, columns = (math.ceil(side / 640) for side in frame.shape[:2])
                    part = frame[:: max(rows, columns), :: max(rows, columns)]
                    sharp = sharpness_of(to_channels(as_pixels(part[..., ::-1]), 1)[..., 0])
                    best = max(best, (sharp, frame), key=lambda pair: pair[0])
            number += 1
        _save_frame(folder, piece, best)
    finally:
        video.release()
    if len(list(folder.iterdir())) < 3:
        raise UserError(f"{path} holds fewer than 3 frames that can be read; convert it to MP4 (H.264) first.")


def _save_frame(folder: Path, piece: int, best: tuple[float, Any]) -> None:
    if best[1] is not None:
        write_picture(folder / f"{piece:04d}.jpg", Picture(as_pixels(best[1][..., ::-1])))
