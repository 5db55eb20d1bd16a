"""Pictures of one size beside each other as a single one, and small ones enlarged so that they can be seen."""

from collections.abc import Sequence

import numpy as np

from maquette.settings import UserError

GAP = 2  # pixels of white between two pictures
SEEN = 256  # pixels, the side that a picture of a film has at least


def mosaic(pictures: Sequence[np.ndarray], columns: int | None = None, gap: int = GAP) -> np.ndarray:
    """Pictures (H, W, C) in rows of `columns`, about as many rows as columns if not set; what is left over is white.

    All uint8 or all floats in 0..1; `UserError` where their sizes differ.
    """
    shapes = {picture.shape for picture in pictures}
    if len(shapes) > 1:
        sizes = " and ".join(f"{width} x {height}" for height, width, *_ in sorted(shapes)[:2])
        raise UserError(f"Pictures of different sizes ({sizes}) make no grid; name a folder after --out.")
    ((height, width, channels),) = shapes
    columns = columns or columns_of(len(pictures))
    rows = -(-len(pictures) // columns)
    white = 255 if pictures[0].dtype == np.uint8 else 1
    size = rows * (height + gap) - gap, columns * (width + gap) - gap
    whole = np.full((*size, channels), white, pictures[0].dtype)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        top, left = row * (height + gap), column * (width + gap)
        whole[top : top + height, left : left + width] = picture
    return whole


def columns_of(count: int) -> int:
    """Columns of a grid that is about square, without an empty place where that is possible."""
    side = int(np.ceil(np.sqrt(count)))
    return next((columns for columns in range(side, 2 * side) if count % columns == 0), side)


def enlarged(picture: np.ndarray, side: int = SEEN) -> np.ndarray:
    """Each pixel of (H, W, C) as a square of as many as it takes for the shorter side to have `side` pixels."""
    times = max(1, -(-side // min(picture.shape[:2])))
    return picture.repeat(times, axis=0).repeat(times, axis=1)
