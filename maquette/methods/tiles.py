"""A network over a picture of any size in bounded memory: overlapping tiles, blended where they overlap."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

OVERLAP = 64  # pixels that neighbouring tiles share
GRID = 16  # tiles begin at multiples of this, so that a network which halves its resolution sees every pixel in phase


def apply_in_tiles(
    network: nn.Module | Callable[[Tensor], Tensor],
    pixels: np.ndarray,
    tile: int,
    *,
    overlap: int = OVERLAP,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The network's picture for a picture: pixels (H, W, C) float32 to the same shape.

    `network` maps (1, C, h, w) to the same shape. Tiles are at most `tile` pixels wide and high. Within an overlap the
    weight of one tile falls in a straight line while the next one's rises, over the middle half of it: the outermost
    quarter, where a tile knows least of what lies around, counts for nothing. `progress(done, total)` counts tiles.
    """
    height, width, _ = pixels.shape
    rows, columns = spans(height, tile, overlap), spans(width, tile, overlap)
    if len(rows) == len(columns) == 1:
        return _run(network, pixels)
    answer = np.zeros(pixels.shape, np.float32)
    total = len(rows) * len(columns)
    for place, (row, column) in enumerate((row, column) for row in rows for column in columns):
        part = _run(network, pixels[row, column])
        weights = ramp(row, height, overlap)[:, None] * ramp(column, width, overlap)
        answer[row, column] += part * weights[..., None]
        if progress:
            progress(place + 1, total)
    return answer


def _run(network: nn.Module | Callable[[Tensor], Tensor], pixels: np.ndarray) -> np.ndarray:
    batch = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]
    return network(batch)[0].permute(1, 2, 0).contiguous().numpy()


def spans(size: int, tile: int, overlap: int = OVERLAP) -> list[slice]:
    """Pieces of 0..size that each hold at most `tile` and share exactly `overlap` with the next."""
    tile = max(tile // GRID * GRID, 2 * overlap + GRID)
    if size <= tile:
        return [slice(0, size)]
    stride = tile - overlap
    starts = range(0, size - overlap, stride)
    return [slice(start, min(start + tile, size)) for start in starts]


def ramp(piece: slice, size: int, overlap: int = OVERLAP) -> np.ndarray:
    """The weight of each row (or column) of a piece; over all pieces of `spans` the weights of a row add up to 1."""
    length = piece.stop - piece.start
    weights = np.ones(length, np.float32)
    quarter = overlap // 4
    rise = np.zeros(overlap, np.float32)
    rise[quarter : overlap - quarter] = (np.arange(overlap - 2 * quarter) + 0.5) / (overlap - 2 * quarter)
    rise[overlap - quarter :] = 1
    if piece.start > 0:
        weights[:overlap] *= rise[:length]
    if piece.stop < size:
        weights[length - overlap :] *= rise[::-1]
    return weights
