"""Pictures from a video: the sharpest frames, evenly spread."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from maquette.data.pictures.files import Picture, as_pixels, to_channels, write_picture
from maquette.data.scenes.solving import INSTALL, sharpness_of
from maquette.settings import UserError

WRONG = 0.1  # of the frames that are there: by how much what a file says of them may be off
MOST_FRAMES = 10**9  # what claims more knows nothing of its length


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
    claimed = _claimed(cv2, path)
    there = _choose(cv2, path, folder, count, claimed) if claimed > 0 else _choose(cv2, path, None, 1, 1)
    if abs(there - claimed) > WRONG * there:  # the file says nothing of its length, or nothing true
        for frame in folder.iterdir():
            frame.unlink()
        _choose(cv2, path, folder, count, there)
    if not any(folder.iterdir()):
        raise UserError(f"{path} cannot be read as a video; convert it to MP4 (H.264) first.")


def _claimed(cv2: Any, path: Path) -> int:
    """How many frames the file says that it has; 0 where it does not, or nothing that can be."""
    video = cv2.VideoCapture(str(path))
    try:
        number = video.get(cv2.CAP_PROP_FRAME_COUNT)
    finally:
        video.release()
    return int(number) if 1 <= number < MOST_FRAMES else 0


def _choose(cv2: Any, path: Path, folder: Path | None, count: int, total: int) -> int:
    """The sharpest frame of each of `count` equal pieces of `total` frames, into the folder; how many there are."""
    count = min(count, total)
    step = max(1, total // count // 8)  # at most about eight frames of each piece are looked at
    best: tuple[float, Any] = (-1.0, None)
    piece, number = 0, 0
    video = cv2.VideoCapture(str(path))
    try:
        while video.grab():
            if folder is not None and number < total:
                if number * count // total != piece:
                    _save_frame(folder, piece, best)
                    piece, best = number * count // total, (-1.0, None)
                if number % step == 0:
                    best = _sharper(video, best)
            number += 1
    finally:
        video.release()
    if folder is not None:
        _save_frame(folder, piece, best)
    return number


def _sharper(video: Any, best: tuple[float, Any]) -> tuple[float, Any]:
    """The frame that was grabbed, with its sharpness, if it is sharper than the best."""
    got, frame = video.retrieve()
    if not got:
        return best
    rows, columns = (math.ceil(side / 640) for side in frame.shape[:2])
    part = frame[:: max(rows, columns), :: max(rows, columns)]
    sharp = sharpness_of(to_channels(as_pixels(part[..., ::-1]), 1)[..., 0])
    return max(best, (sharp, frame), key=lambda pair: pair[0])


def _save_frame(folder: Path, piece: int, best: tuple[float, Any]) -> None:
    if best[1] is not None:
        write_picture(folder / f"{piece:04d}.jpg", Picture(as_pixels(best[1][..., ::-1])))
