"""Figures of variational autoencoders: what is paid for each latent, where pictures lie, the plane of two latents."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from maquette.data.pictures.mosaics import mosaic
from maquette.data.rows import evenly
from maquette.figures.images import draw
from maquette.figures.maps import MORE_COLOURS
from maquette.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SMALL,
    figure,
    keep_colours,
    label,
    plain,
    title,
    write,
)

MOST_BARS = 128


def prices(levels: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Divergence of each latent in nats, the dearest first, a panel for each level; of unused ones grey."""
    page, panels = figure(6.6, 2.7, len(levels), left=0.65, bottom=0.5, top=0.35, across=0.55, grid="y")
    for axes, (name, (values, is_idle)) in zip(panels, levels.items(), strict=True):
        order = np.argsort(-values, kind="stable")[:MOST_BARS]
        colours = [GREY if is_idle[place] else BLUE for place in order]
        axes.bar(np.arange(1, len(order) + 1), values[order], width=0.85, color=colours, linewidth=0)
        axes.set_xlim(0.4, max(len(order), 4) + 0.6)
        axes.locator_params(axis="x", integer=True)
        title(axes, f"{plain(name, 30)}: {values.sum():.1f} nats, {is_idle.sum()} of {len(values)} unused")
        label(axes, "latent, the dearest first", "nats")
    return page


def beside_prior(draws: np.ndarray, names: Sequence[str]) -> Figure:
    """Draws (N, latents) of the posteriors of all pictures together as histograms, the prior's curve over each."""
    across = min(4, len(names))
    lines = -(-len(names) // across)
    page, panels = figure(
        1.75 * across + 0.6, 1.5 * lines + 0.5, across, lines,
        left=0.3, right=0.15, bottom=0.35, top=0.25, across=0.2, down=0.4, grid="x",
    )  # fmt: skip
    edges = np.linspace(-4, 4, 49).tolist()
    x = np.linspace(-4, 4, 161)
    for axes, name, values in zip(panels, names, draws.T, strict=False):
        axes.hist(np.clip(values, -4, 4), edges, density=True, color=BLUE, alpha=0.75, linewidth=0)
        axes.plot(x, np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi), color=ORANGE, linewidth=1.4)
        axes.set_yticks([])
        axes.set_xticks([-3, 0, 3])
        title(axes, f"{name}: {values.mean():+.2f} ± {values.std():.2f}")
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    return page


def means_and_deviations(
    mean: np.ndarray, deviation: np.ndarray, name: str, labels: np.ndarray | None, classes: Sequence[str]
) -> Figure:
    """One latent of all pictures as the course draws it, x the mean and y the deviation; beside it some as curves."""
    page, (left, right) = figure(7.4, 3.1, 2, left=0.65, bottom=0.5, top=0.3, across=0.6)
    coloured = labels is not None and 1 < len(classes) <= len(MORE_COLOURS)
    colours = [MORE_COLOURS[each] for each in labels] if coloured and labels is not None else [BLUE] * len(mean)
    left.scatter(mean, deviation, s=7, c=colours, alpha=0.6, linewidths=0)
    left.plot([0], [1], marker="+", color=INK, markersize=11, markeredgewidth=1.6)
    write(left, 0.12, 1, "the prior", va="center")
    left.set_ylim(0, max(1.1, float(deviation.max()) * 1.1))
    left.set_xlim(min(-1.0, float(mean.min()) * 1.1), max(1.0, float(mean.max()) * 1.1))
    label(left, f"mean of {name}", f"deviation of {name}")
    x = np.linspace(-4, 4, 321)
    right.fill_between(x, np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi), color=INK, alpha=0.15, linewidth=0)
    picked = np.argsort(mean)[evenly(len(mean), 7)]
    for row in picked:
        curve = np.exp(-0.5 * ((x - mean[row]) / deviation[row]) ** 2) / (deviation[row] * np.sqrt(2 * np.pi))
        right.plot(x, curve, color=colours[row], linewidth=1.3)
    right.set_ylim(0, None)
    right.set_xlim(-4, 4)
    label(right, name, "density")
    title(right, f"{len(picked)} pictures; grey: the prior")
    return page


def plane(pictures: Sequence[np.ndarray], x: Sequence[float], y: Sequence[float], names: tuple[str, str]) -> Figure:
    """Pictures (H, W, C), row by row from the top, at values `x` of one latent and `y`, from the top, of another."""
    page, (axes,) = figure(6.0, 6.0, left=0.65, bottom=0.5, top=0.1, right=0.1, grid="none")
    keep_colours(page)
    sheet = mosaic(list(pictures), columns=len(x), gap=0)
    draw(axes, sheet)
    axes.set_axis_on()
    high, wide = sheet.shape[0] / len(y), sheet.shape[1] / len(x)
    every = max(1, len(x) // 7)
    axes.set_xticks([(place + 0.5) * wide - 0.5 for place in range(0, len(x), every)])
    axes.set_xticklabels([f"{value:.1f}" for value in x[::every]])
    axes.set_yticks([(place + 0.5) * high - 0.5 for place in range(0, len(y), every)])
    axes.set_yticklabels([f"{value:.1f}" for value in y[::every]])
    label(axes, names[0], names[1])
    return page


def bounds(found: Mapping[int, float], unit: str) -> Figure:
    """-log p by the bound over the number of draws, on a logarithmic axis."""
    page, (axes,) = figure(5.2, 2.8, top=0.3)
    counts, values = np.array(list(found)), np.array(list(found.values()))
    axes.plot(counts, values, "-o", color=BLUE, markersize=4, linewidth=1.5)
    axes.set_xscale("log")
    axes.set_xticks(counts)
    axes.set_xticklabels([f"{count:,}" for count in counts])
    axes.minorticks_off()
    for count, value in found.items():
        axes.annotate(
            f"{value:.2f}", (count, value), (0, 6), textcoords="offset points", ha="center", fontsize=SMALL, color=INK
        )
    axes.set_ylim(values.min() - 0.12 * np.ptp(values) - 1e-6, values.max() + 0.25 * np.ptp(values) + 1e-6)
    label(axes, "draws of the latents a picture", f"bound on −log p ({unit})")
    return page
