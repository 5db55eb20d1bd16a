"""Figures made of pictures: labelled rows, grids, details and error maps.

Pictures are arrays (H, W), (H, W, 1) or (H, W, 3), 0..1 unless `low` and `high` say otherwise. They keep all their
colours in the saved file.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maquette.figures.style import ORANGE, SMALL, bare, keep_colours, width_of, write

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
    axes = canvas(page)
    y = height - top
    for name, row in pictures.items():
        high_each = side * ratios[name]
        y -= high_each
        for place, picture in enumerate(row):
            box = fitted(picture, left + place * (side + gap), y, side, high_each)
            limit = (-signed_high, signed_high) if name in signed else (low, high)
            draw(axes, picture, *limit, signed=name in signed, within=box)
            if name == next(iter(pictures)) and place < len(titles):
                heading(axes, box, titles[place])
            if captions and place < len(captions.get(name, ())):
                caption(axes, box, captions[name][place])
        write(axes, left - 0.1, y + high_each / 2, name, 30, ha="right", va="center")
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
    axes = canvas(page)
    for place, picture in enumerate(pictures):
        line, column = divmod(place, columns)
        y = page.get_figheight() - (line + 1) * (high_each + gap + words) + words + gap
        box = fitted(picture, column * (side + gap), y, side, high_each)
        draw(axes, picture, -high if signed else low, high, signed=signed, within=box)
        if place < len(captions):
            caption(axes, box, captions[place], int(side / (SMALL * 0.5 / 72)))
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
    axes = canvas(page)
    for place, (name, picture) in enumerate(pictures.items()):
        x = place * (wide + gap)
        limit = float(np.quantile(picture, 0.995)) or 1.0 if name == error else 1.0
        above = fitted(picture, x, height - head - wide * ratio, wide, wide * ratio)
        detail = picture[top : top + side, left : left + side]
        draw(axes, picture, 0, limit, heat=name == error, within=above)
        draw(axes, detail, 0, limit, heat=name == error, within=fitted(detail, x, gap, wide, wide))
        pixel = above.width / np.shape(picture)[1]
        corner = above.left + left * pixel, above.bottom + above.height - (top + side) * pixel
        axes.add_patch(Rectangle(corner, side * pixel, side * pixel, fill=False, edgecolor=ORANGE, linewidth=1.1))
        heading(axes, above, name)
        if place < len(captions):
            caption(axes, above, captions[place], 60)
    return page


class Box(NamedTuple):
    """A place on a page, in inches from its lower left corner."""

    left: float
    bottom: float
    width: float
    height: float


def canvas(page: Figure) -> Axes:
    """Axes over a whole page of photographs, in inches from its lower left corner.

    Pictures that share them are drawn many times faster than each in axes of its own.
    """
    keep_colours(page)
    width, height = page.get_size_inches()
    axes = page.add_axes((0, 0, 1, 1), facecolor="none", xlim=(0, width or 1), ylim=(0, height or 1))
    bare(axes)
    return axes


def fitted(picture: np.ndarray, x: float, y: float, wide: float, high: float) -> Box:
    """The place of a picture in the middle of a box, as large as its shape allows."""
    height, width = np.shape(picture)[:2]
    scale = min(wide / width, high / height)
    return Box(x + (wide - scale * width) / 2, y + (high - scale * height) / 2, scale * width, scale * height)


def draw(
    axes: Axes,
    picture: np.ndarray,
    low: float = 0.0,
    high: float = 1.0,
    *,
    signed: bool = False,
    heat: bool = False,
    within: Box | None = None,
) -> None:
    """A picture in axes of its own, or `within` a box of a canvas; grey as grey, colours clipped to low..high."""
    values = np.asarray(picture, dtype=np.float32)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    looks: dict[str, Any] = {"interpolation": "none"}
    if values.ndim == 3:
        values = np.clip((values - low) / (high - low), 0, 1)
    else:
        looks |= {"cmap": DIFFERENCE if signed else HEAT if heat else "gray", "vmin": low, "vmax": high}
    if within is None:
        axes.imshow(values, **looks)
        bare(axes)
    else:
        left, bottom, width, height = within
        axes.imshow(values, extent=(left, left + width, bottom, bottom + height), aspect="auto", **looks)


def placed(page: Figure, x: float, y: float, wide: float, high: float) -> Axes:
    """Axes at a place in inches from the lower left corner."""
    width, height = page.get_size_inches()
    return page.add_axes((x / width, y / height, wide / width, high / height), facecolor="none")


def heading(axes: Axes, box: Box, text: str) -> None:
    """A few words above a picture of a canvas."""
    write(axes, box.left + box.width / 2, box.bottom + box.height + 4 / 72, text, 40, ha="center")


def caption(axes: Axes, box: Box, text: str, length: int = 40, **options: Any) -> None:
    """A line of small words under a picture of a canvas; options go to matplotlib."""
    looks: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": SMALL - 1, **options}
    write(axes, box.left + box.width / 2, box.bottom - 0.03 * box.height, text, length, **looks)
