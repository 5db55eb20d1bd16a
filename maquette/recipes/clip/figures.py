"""Figures of one space for pictures and words: their similarities as a matrix, and both in one map."""

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from maquette.figures.captions import LETTER
from maquette.figures.images import canvas, draw, fitted
from maquette.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SMALL,
    bare,
    figure,
    keep_colours,
    legend,
    plain,
    squares,
    tint,
    write,
)

NAMED = 14  # captions written on the map
THUMBNAILS = 26


def similarity_matrix(cosines: np.ndarray, pictures: Sequence[np.ndarray], captions: Sequence[str]) -> Figure:
    """Cosines (N, N) of pictures, above the columns, and captions, at the left of the rows."""
    count, cell = len(pictures), 0.42
    words = [plain(text, 52) for text in captions]
    left, top = max(map(len, words)) * LETTER + 0.15, cell + 0.08
    wide = left + count * cell + 0.05
    page, (axes,) = figure(wide, top + count * cell + 0.05, left=left, right=0.05, top=top, bottom=0.05, grid="none")
    keep_colours(page)
    low, high = float(cosines.min()), float(cosines.max())
    squares(axes, tint(BLUE, (cosines.T - low) / max(high - low, 1e-9)))
    axes.set(xticks=[], yticks=[])
    for row, text in enumerate(words):
        write(axes, -0.7, row, text, ha="right", va="center")
        for column in range(count):
            value = cosines[column, row]
            bold = "bold" if row == column else "normal"
            write(
                axes,
                column,
                row,
                f"{value:.2f}".replace("0.", "."),
                ha="center",
                va="center",
                fontsize=SMALL - 2,
                fontweight=bold,
            )
    above = canvas(page)
    for column, picture in enumerate(pictures):
        x, y = left + column * cell + 0.03, page.get_figheight() - cell - 0.02
        draw(above, picture, within=fitted(picture, x, y, cell - 0.06, cell - 0.06))
    return page


def one_map(
    pictures: np.ndarray, words: np.ndarray, thumbnails: Sequence[np.ndarray], captions: Sequence[str]
) -> Figure:
    """Points (N, 2) of pictures and (N, 2) of their captions; some are shown, some are written."""
    page, (axes,) = figure(9.0, 6.4, left=0.05, right=0.05, top=0.05, bottom=0.05, grid="none")
    keep_colours(page)
    bare(axes)
    pairs = LineCollection(list(np.stack([pictures, words], 1)), colors=GREY, linewidths=0.5, alpha=0.5)
    axes.add_collection(pairs)
    axes.plot(*pictures.T, "o", color=BLUE, markersize=3, label="pictures", alpha=0.8, markeredgewidth=0)
    axes.plot(*words.T, "o", color=ORANGE, markersize=3, label="captions", alpha=0.8, markeredgewidth=0)
    axes.autoscale_view()
    axes.margins(0.04)
    both = np.concatenate([pictures, words])
    low, span = both.min(0), np.maximum(np.ptp(both, 0), 1e-9)
    taken: list[np.ndarray] = []
    for row in np.random.default_rng(0).permutation(len(pictures)):
        place = (pictures[row] - low) / span
        if len(taken) < THUMBNAILS and all(np.abs(place - other).max() > 0.085 for other in taken):
            taken.append(place)
            inset = axes.inset_axes((*(0.045 + 0.91 * place - 0.022), 0.044, 0.06))
            draw(inset, thumbnails[row])
    written: list[np.ndarray] = []
    for row in np.random.default_rng(1).permutation(len(words)):
        place = (words[row] - low) / span
        near = [np.abs(place - other) for other in [*written, *taken]]
        if len(written) < NAMED and place[0] < 0.72 and all(apart[1] > 0.045 or apart[0] > 0.26 for apart in near):
            written.append(place)
            x, y = words[row]
            write(axes, x, y, "  " + plain(captions[row], 34), fontsize=SMALL - 1.5, va="center", color=INK)
    legend(axes, loc="lower right")
    return page
