"""Letters drawn from matplotlib's own fonts, jittered: small pictures with classes that need no download."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D
from scipy.ndimage import distance_transform_edt

from maquette.data.pictures.small import SmallImages

FONTS = (  # files that matplotlib ships in mpl-data/fonts/ttf
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "STIXGeneralBolIta",
    "cmr10",
    "cmb10",
    "cmss10",
    "cmtt10",
    "cmti10",
    "cmmi10",
)
FINE = 64  # side of the field from which a letter is drawn
INNER = 44  # the letter's longer side in that field
SHARE = 20 / 28  # the letter's longer side in the picture, as MNIST's digits have it
AT_ONCE = 1_000

TURN_DEG, SHEAR, SHIFT = 8.0, 0.12, 1.5  # standard deviations; the shift in pixels of 28
SCALE = (0.82, 1.08)
WEIGHT = (-0.45, 0.55)  # how far the outline moves, in pixels of 28
SOFTNESS = (0.7, 1.3)  # width of the edge, in pixels


def letters(seed: int, per_class: int, classes: Sequence[str] = "ABCDEFGHIJ", size: int = 28) -> SmallImages:
    """`per_class` pictures of each letter in random order, (N, size, size, 1) uint8, white on black as MNIST.

    Each is drawn from one of 21 fonts, then turned, slanted, scaled, shifted, made bolder or lighter and softer. The
    same seed gives the same letters. The edge is a smooth step of the distance to the outline (Green 2007, Improved
    alpha-tested magnification for vector textures and special effects).
    """
    g = np.random.default_rng(seed)
    fields = np.stack([_fields(letter) for letter in classes])  # (K, F, FINE, FINE)
    labels = g.permutation(np.repeat(np.arange(len(classes)), per_class))
    pixels = np.empty((len(labels), size, size, 1), np.uint8)
    for start in range(0, len(labels), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        pixels[rows, ..., 0] = _drawn(fields, labels[rows], size, g)
    return SmallImages(pixels, labels.astype(np.int64), list(classes))


def _drawn(fields: np.ndarray, labels: np.ndarray, size: int, g: np.random.Generator) -> np.ndarray:
    """(N, size, size) uint8, one letter for each label."""
    count = len(labels)
    fonts = g.integers(0, fields.shape[1], count)
    angle, shear = np.radians(g.normal(0, TURN_DEG, count)), g.normal(0, SHEAR, count)
    grown = g.uniform(*SCALE, (2, count))
    shift = np.clip(g.normal(0, SHIFT, (2, count)), -3, 3) * size / 28
    weight, softness = g.uniform(*WEIGHT, count) * size / 28, g.uniform(*SOFTNESS, count)

    at = np.arange(size) - (size - 1) / 2
    x, y = at[None, None, :] - shift[0, :, None, None], at[None, :, None] - shift[1, :, None, None]
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    across, down = cos * x + sin * y, cos * y - sin * x
    across = across + shear[:, None, None] * down
    middle = (FINE - 1) / 2
    points = INNER / (SHARE * size) / grown[..., None, None]  # of the field, for a pixel
    column, row = middle + across * points[0], middle + down * points[1]
    distance = _looked_up(fields, labels, fonts, row, column) / points.mean(0)  # in pixels
    edge = (distance + weight[:, None, None]) / softness[:, None, None]
    return np.rint(255 * np.clip(0.5 + edge, 0, 1)).astype(np.uint8)


def _looked_up(
    fields: np.ndarray, labels: np.ndarray, fonts: np.ndarray, row: np.ndarray, column: np.ndarray
) -> np.ndarray:
    """The fields between their points, bilinear; beyond their rim as at the rim, which is outside of every letter."""
    row, column = np.clip(row, 0, FINE - 1.001), np.clip(column, 0, FINE - 1.001)
    top, left = row.astype(np.intp), column.astype(np.intp)
    down, right = (row - top).astype(np.float32), (column - left).astype(np.float32)
    flat = fields.reshape(-1)
    start = ((labels * fields.shape[1] + fonts) * FINE * FINE)[:, None, None] + top * FINE + left
    above = flat[start] * (1 - right) + flat[start + 1] * right
    below = flat[start + FINE] * (1 - right) + flat[start + FINE + 1] * right
    return above * (1 - down) + below * down


@cache
def _fields(letter: str) -> np.ndarray:
    """(F, FINE, FINE) float32: the distance to the letter's outline in each font, in points of the field, + inside."""
    finer = 3  # the outline is found on a grid three times as fine
    side = FINE * finer
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    figure = Figure(figsize=(len(FONTS), 1), dpi=side)
    canvas = FigureCanvasAgg(figure)
    for number, font in enumerate(FONTS):
        path = TextPath((0, 0), letter, size=100, prop=FontProperties(fname=str(folder / f"{font}.ttf")))
        box = path.get_extents()
        scale = INNER * finer / max(box.width, box.height)
        place = Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2).scale(scale)
        place.translate((number + 0.5) * side, side / 2)
        figure.add_artist(PathPatch(path, transform=place, facecolor="black", linewidth=0))
    canvas.draw()
    inside = np.asarray(canvas.buffer_rgba())[..., 0] < 128
    distance = [
        distance_transform_edt(part) - distance_transform_edt(~part) for part in np.split(inside, len(FONTS), 1)
    ]
    return np.array(distance, np.float32).reshape(-1, FINE, finer, FINE, finer).mean((2, 4)) / np.float32(finer)
