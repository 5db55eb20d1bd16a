"""Figures of recurrent networks: their gates over a text."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from maquette.figures.style import BLUE, INK, ORANGE, SMALL, figure, label, plain, tint
from maquette.figures.text import visible

SIGNED = ("new", "memory", "state")  # what lies between -1 and 1 instead of 0 and 1


def gates(values: Mapping[str, np.ndarray], tokens: Sequence[str]) -> Figure:
    """What the cell did at each token: a strip for each gate (T, units), a row a unit, a column a token."""
    count = len(values)
    units = next(iter(values.values())).shape[1]
    height = 0.11 * units + 0.1
    page, cells = figure(
        9.0, count * (height + 0.33) + 0.55, 1, count, left=0.3, right=0.2, top=0.3, bottom=0.5, down=0.33, grid="none"
    )
    for axes, (name, numbers) in zip(cells, values.items(), strict=True):
        if name in SIGNED:
            reach = max(1.0, float(np.abs(numbers).max()))
            shades = np.where(
                (numbers.T > 0)[..., None], tint(ORANGE, numbers.T / reach), tint(BLUE, -numbers.T / reach)
            )
        else:
            shades = tint(INK, numbers.T)
        axes.imshow(shades, interpolation="nearest", aspect="auto")
        axes.set_yticks([])
        axes.set_xticks(range(len(tokens)), [])
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(length=0)
        label(axes, heading=name)
    cells[-1].set_xticks(range(len(tokens)), [plain(visible(token)) for token in tokens], fontsize=SMALL)
    if max(map(len, tokens)) > 2:
        cells[-1].tick_params(axis="x", rotation=60)
    return page
