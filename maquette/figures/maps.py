"""Figures of latent spaces: maps in two dimensions, with the pictures where they lie."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from maquette.figures.style import BLUE, COLOURS, SMALL, figure, label, plain, tint, write

MORE_COLOURS = [*COLOURS[:7], "#3aa6c0", "#7f9a2c", "#8c6244"]  # for ten classes
SIDE = 4.35  # inches of a map
THUMBNAIL = 0.25  # inches
PIXELS = 150 * 2  # an inch of thumbnails, twice as fine as the figure


def maps(
    points: Mapping[str, np.ndarray],
    pictures: Sequence[np.ndarray],
    labels: np.ndarray | None = None,
    classes: Sequence[str] = (),
) -> Figure:
    """Points (N, 2) side by side, one map for each entry, coloured by class, with thumbnails wherever there is room.

    pictures: N arrays (H, W, C) in 0..1. Grey ones on black are drawn as strokes in the colour of their class; others
    are shown as they are, in a frame of that colour. labels (N,): places in `classes`, at most ten of which are named.
    """
    coloured = labels is not None and 1 < len(classes) <= len(MORE_COLOURS)
    colours = [MORE_COLOURS[label] for label in labels] if coloured and labels is not None else [BLUE] * len(pictures)
    head = 0.62 if coloured else 0.34
    page, axes = figure(
        SIDE * len(points) + 0.15 * (len(points) - 1),
        SIDE + head,
        len(points),
        left=0.02,
        right=0.02,
        top=head,
        bottom=0.02,
        across=0.15,
        grid="none",
    )
    for each, (name, places) in zip(axes, points.items(), strict=True):
        _map(each, _spread(places), pictures, colours)
        label(each, heading=name)
    if coloured:
        _name_classes(page, classes)
    return page


def _spread(places: np.ndarray) -> np.ndarray:
    """Points (N, 2) shifted and stretched alike in both directions, so that nearly all lie in 0..1."""
    places = np.asarray(places, np.float64)
    low, high = np.quantile(places, 0.004, axis=0), np.quantile(places, 0.996, axis=0)
    extent = max(float((high - low).max()), 1e-12)
    return np.clip((places - (low + high) / 2) / extent + 0.5, 0, 1)


def _map(axes: Axes, places: np.ndarray, pictures: Sequence[np.ndarray], colours: Sequence[str]) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    half = THUMBNAIL / SIDE / 2
    axes.set(xlim=(-half, 1 + half), ylim=(-half, 1 + half), aspect="equal")
    shown = _apart(places, half * 2)
    hidden = np.setdiff1d(np.arange(len(places)), shown)
    if len(hidden):
        axes.scatter(
            places[hidden, 0], places[hidden, 1], s=7, c=[colours[row] for row in hidden], alpha=0.45, linewidths=0
        )
    total = 1 + 2 * half
    side = round(SIDE * PIXELS / 2)
    canvas = np.zeros((side, side, 4), np.float32)
    edge = round(side * 2 * half / total)
    for row in shown:
        tile = _thumbnail(pictures[row], colours[row], edge)
        x, y = np.clip(np.rint(places[row] / total * side).astype(int), 0, side - edge)
        canvas[side - edge - y : side - y, x : x + edge] = tile
    axes.imshow(canvas, extent=(-half, 1 + half, -half, 1 + half), interpolation="antialiased", zorder=3)


def _apart(places: np.ndarray, distance: float) -> np.ndarray:
    """Rows, taken in order, whose squares of the side `distance` do not touch those of any taken before."""
    taken: list[int] = []
    for row, place in enumerate(places):
        if not taken or (np.abs(places[taken] - place).max(axis=1) >= distance).all():
            taken.append(row)
    return np.array(taken, int)


def _thumbnail(picture: np.ndarray, colour: str, edge: int) -> np.ndarray:
    """(edge, edge, 4): strokes in a colour on nothing, or the picture in a frame of that colour."""
    coded = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    coded = coded[..., 0] if coded.ndim == 3 and coded.shape[2] == 1 else coded
    image = Image.fromarray(coded).resize((edge, edge), Image.Resampling.LANCZOS)
    values = np.asarray(image) / np.float32(255)
    if values.ndim == 2 and np.median(picture) < 0.1:
        return tint(colour, values)
    tile = tint(colour, np.ones((edge, edge)))
    rim = max(2, edge // 14)
    inner = values[rim:-rim, rim:-rim]
    tile[rim:-rim, rim:-rim, :3] = inner[..., None] if inner.ndim == 2 else inner
    return tile


def _name_classes(page: Figure, classes: Sequence[str]) -> None:
    """The names of the classes in their colours, in a line at the top."""
    width, height = page.get_size_inches()
    line = page.add_axes((0, 1 - 0.26 / height, 1, 0.26 / height), facecolor="none")
    line.set_axis_off()
    line.set(xlim=(0, width), ylim=(0, 1))
    words = [plain(name, 16) for name in classes]
    sizes = np.array([0.16 + len(word) * SMALL * 0.62 / 72 for word in words])
    gap = min(0.35, max(0.08, (width - sizes.sum()) / len(words)))
    x = 0.02
    for word, size, colour in zip(words, sizes, MORE_COLOURS, strict=False):
        line.plot([x + 0.06], [0.5], "o", color=colour, markersize=5.5)
        write(line, x + 0.16, 0.5, word, va="center")
        x += size + gap
