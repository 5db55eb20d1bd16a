"""Figures made of pictures: labelled rows, grids, details and error maps.

Pictures are arrays (H, W), (H, W, 1) or (H, W, 3), 0..1 unless `low` and `high` say otherwise. They keep all their
colours in the saved file.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maquette.figures.style import INK, ORANGE, SMALL, bare, keep_colours, plain, width_of

DIFFERENCE = LinearSegmentedColormap.from_list("difference", ["#2f7fc4", "#ffffff", "#d9652a"])
HEAT = LinearSegmentedColormap.from_list("heat", ["#14161a", "#5b3d8f", "#cf5480", "#f0a040", "#fff3c8"])
WIDTH = 9.0  # inches that a full-width figure takes in a report


def rows(
    pictures: Mapping[str, Sequence[np.ndarray]],
    titles: Sequence[str] = (),
    *,
    low: float = 0.0,
    high: float = 1.0,
    signed: Collection[str] = (),
    signed_high: float = 1.0,
    width: float = WIDTH,
    most_height: float = 1.7,
    captions: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """One row of pictures for each entry, its name at the left, columns aligned; `titles` stand above the columns.

    A picture wider or higher than another keeps its shape. Rows in `signed` run from -signed_high to signed_high, from
    blue over white to orange. `captions` puts a line of small words under the pictures of a row.
    """
    columns = max(len(row) for row in pictures.values())
    left = 0.15 + min(width_of(pictures), 1.6)
    gap, top = 0.06, 0.28 if titles else 0.06
    ratios = {name: max(np.shape(each)[0] / np.shape(each)[1] for each in row) for name, row in pictures.items()}
    side = min((width - left) / columns - gap, most_height / max(ratios.values()))
    words = {name: 0.2 if captions and name in captions else 0.0 for name in pictures}
    height = top + sum(side * ratios[name] + gap + words[name] for name in pictures)
    page = Figure(figsize=(left + columns * (side + gap), height), facecolor="none")
    keep_colours(page)
    y = height - top
    for name, row in pictures.items():
        high_each = side * ratios[name]
        y -= high_each
        for place, picture in enumerate(row):
            x = left + place * (side + gap)
            axes = placed(page, x, y, side, high_each)
            limit = (-signed_high, signed_high) if name in signed else (low, high)
            draw(axes, picture, *limit, signed=name in signed)
            if name == next(iter(pictures)) and place < len(titles):
                axes.set_title(plain(titles[place], 40), fontsize=SMALL, color=INK, pad=4)
            if captions and place < len(captions.get(name, ())):
                _under(axes, captions[name][place])
        page.text(
            (left - 0.1) / page.get_figwidth(),
            (y + high_each / 2) / height,
            plain(name, 30),
            ha="right",
            va="center",
            fontsize=SMALL,
            color=INK,
        )
        y -= gap + words[name]
    return page


def grid(
    pictures: Sequence[np.ndarray],
    columns: int = 8,
    captions: Sequence[str] = (),
    *,
    low: float = 0.0,
    high: float = 1.0,
    signed: bool = False,
    width: float = WIDTH,
    most_height: float = 1.4,
) -> Figure:
    """Pictures in rows of `columns`, with a line of small words under each if given."""
    columns = max(1, min(columns, len(pictures)))
    lines = -(-len(pictures) // columns)
    ratio = max(np.shape(picture)[0] / np.shape(picture)[1] for picture in pictures)
    gap, words = 0.06, 0.22 if captions else 0.0
    side = min(width / columns - gap, most_height / ratio)
    high_each = side * ratio
    page = Figure(figsize=(columns * (side + gap), lines * (high_each + gap + words)), facecolor="none")
    keep_colours(page)
    for place, picture in enumerate(pictures):
        line, column = divmod(place, columns)
        y = page.get_figheight() - (line + 1) * (high_each + gap + words) + words + gap
        axes = placed(page, column * (side + gap), y, side, high_each)
        draw(axes, picture, -high if signed else low, high, signed=signed)
        if place < len(captions):
            _under(axes, captions[place], int(side / (SMALL * 0.5 / 72)))
    return page


def details(
    pictures: Mapping[str, np.ndarray],
    box: tuple[int, int, int],
    captions: Sequence[str] = (),
    *,
    error: str = "",
    width: float = WIDTH,
) -> Figure:
    """Pictures side by side, whole above and a detail below; `box` is (top, left, side) of the detail in pixels.

    The one named `error` is drawn as heat from 0 to its 99.5th percentile, which its caption should say.
    """
    top, left, side = box
    count, gap, head, words = len(pictures), 0.08, 0.26, 0.22 if captions else 0.04
    ratio = max(np.shape(picture)[0] / np.shape(picture)[1] for picture in pictures.values())
    wide = width / count - gap
    height = head + wide * ratio + words + wide + gap
    page = Figure(figsize=(width, height), facecolor="none")
    keep_colours(page)
    for place, (name, picture) in enumerate(pictures.items()):
        x = place * (wide + gap)
        limit = float(np.quantile(picture, 0.995)) or 1.0 if name == error else 1.0
        above = placed(page, x, height - head - wide * ratio, wide, wide * ratio)
        below = placed(page, x, gap, wide, wide)
        draw(above, picture, 0, limit, heat=name == error)
        draw(below, picture[top : top + side, left : left + side], 0, limit, heat=name == error)
        frame = Rectangle((left - 0.5, top - 0.5), side, side, fill=False, edgecolor=ORANGE, linewidth=1.1)
        above.add_patch(frame)
        above.set_title(plain(name, 40), fontsize=SMALL, color=INK, pad=4)
        if place < len(captions):
            _under(above, captions[place], 60)
    return page


def draw(
    axes: Axes, picture: np.ndarray, low: float = 0.0, high: float = 1.0, *, signed: bool = False, heat: bool = False
) -> None:
    """A picture in axes, every pixel a square; grey as grey, colours clipped to low..high."""
    values = np.asarray(picture, dtype=np.float32)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim == 3:
        values = np.clip((values - low) / (high - low), 0, 1)
        axes.imshow(values, interpolation="none")
    else:
        colours: Any = DIFFERENCE if signed else HEAT if heat else "gray"
        axes.imshow(values, cmap=colours, vmin=low, vmax=high, interpolation="none")
    bare(axes)


def placed(page: Figure, x: float, y: float, wide: float, high: float) -> Axes:
    """Axes at a place in inches from the lower left corner."""
    width, height = page.get_size_inches()
    return page.add_axes((x / width, y / height, wide / width, high / height), facecolor="none")


def _under(axes: Axes, text: str, length: int = 40) -> None:
    axes.text(
        0.5, -0.03, plain(text, length), transform=axes.transAxes, ha="center", va="top", fontsize=SMALL - 1, color=INK
    )
