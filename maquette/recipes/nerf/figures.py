"""Figures of a radiance field: what rays meet, slices of density, and places told by frequencies or by a hash grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from maquette.figures.images import HEAT, WIDTH, placed, rows
from maquette.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SMALL,
    bare,
    dress,
    figure,
    finite,
    label,
    legend,
    title,
)


@dataclass(frozen=True)
class Ray:
    """One ray: the pixel it goes through, column and row, and its samples (S,), colours (S, 3).

    distances in the scene's unit; density per such unit; weights: how much each sample counts; through: what of the
    light gets to it.
    """

    pixel: tuple[int, int]
    distances: np.ndarray
    density: np.ndarray
    colours: np.ndarray
    weights: np.ndarray
    through: np.ndarray


def rays_and_samples(picture: np.ndarray, rays: Sequence[Ray]) -> Figure:
    """A picture (H, W, 3) with some pixels marked, and what the ray of each meets: density, light left, and weights."""
    high, gap, head, foot = 1.15, 0.42, 0.3, 0.72
    height = head + len(rays) * high + (len(rays) - 1) * gap + foot
    side = min(2.9, (height - head) * picture.shape[1] / picture.shape[0])
    tall = side * picture.shape[0] / picture.shape[1]
    page = Figure(figsize=(WIDTH, height), facecolor="none")
    left = placed(page, 0.02, height - head - tall, side, tall)
    left.imshow(picture.clip(0, 1), interpolation="none")
    bare(left)
    title(left, "the view, and its rays")
    x, wide = side + 0.85, WIDTH - side - 1.7
    for number, ray in enumerate(rays):
        left.plot(*ray.pixel, "o", color=ORANGE, markersize=5, markeredgecolor="white")
        left.annotate(str(number + 1), ray.pixel, (4, 4), textcoords="offset points", color=INK, fontsize=SMALL + 1,
                      bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1})  # fmt: skip
        axes = placed(page, x, height - head - (number + 1) * high - number * gap, wide, high)
        dress(axes, "x")
        gaps = np.diff(ray.distances).min() if len(ray.distances) > 1 else 1.0
        axes.bar(ray.distances, ray.density, width=gaps, color=ray.colours.clip(0, 1), linewidth=0)
        axes.plot(ray.distances, ray.density, color=GREY, linewidth=0.8, label="density, in the sample's colour")
        axes.set_ylim(0, 1.1 * max(float(ray.density.max(initial=0)), 1e-6))
        share = axes.twinx()
        share.plot(ray.distances, ray.through, color=BLUE, linewidth=1.4, label="light that is left")
        share.plot(ray.distances, ray.weights, ".-", color=ORANGE, linewidth=1.2, markersize=4, label="weight")
        share.set_ylim(0, 1.05)
        share.tick_params(labelsize=SMALL, colors=INK, length=2)
        for spine in share.spines.values():
            spine.set_visible(False)
        title(axes, f"ray {number + 1}: {len(ray.distances)} samples")
        is_last = number == len(rays) - 1
        label(axes, "distance (scene's unit)" if is_last else "", "density")
        share.set_ylabel("part of the light", fontsize=SMALL, color=INK)
        if is_last:
            handles = [*axes.get_legend_handles_labels()[0], *share.get_legend_handles_labels()[0]]
            legend(axes, handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.34), ncols=3, borderaxespad=0)
    return page


def density_slices(slices: Sequence[np.ndarray], names: Sequence[str]) -> Figure:
    """Slices (A, B) of how opaque a step is, 0..1, each with its name."""
    shades = [HEAT(np.clip(each, 0, 1))[..., :3] for each in slices]
    return rows({"": shades}, list(names), most_height=2.9)


def over_time(
    seconds: Sequence[float], psnrs: Sequence[float], occupied: Sequence[float], rays: Sequence[float]
) -> Figure:
    """The held-out PSNR over the seconds of training; the part of space that is looked at, and rays a step."""
    page, (left, right) = figure(WIDTH, 3.0, 2, left=0.75, right=0.75, top=0.35, across=0.85)
    times, values = finite(seconds, psnrs)
    left.plot(times, values, "-o", color=ORANGE, linewidth=1.8, markersize=3.5)
    label(left, "seconds of training", "PSNR of held-out views (dB)")
    if len(values):
        title(left, f"{values[-1]:.2f} dB after {times[-1]:.0f} s, at pixels evenly chosen")
    times, parts, many = finite(seconds, occupied, rays)
    if len(times):
        right.plot(times, 100 * parts, "-o", color=BLUE, linewidth=1.8, markersize=3.5)
        right.set_ylim(0, None)
        label(right, "seconds of training", "cells looked at (%)")
        other = right.twinx()
        other.plot(times, many, "-", color=GREY, linewidth=1.4)
        other.set_ylim(0, None)
        other.set_ylabel("rays a step (grey)", fontsize=SMALL, color=INK)
        other.tick_params(labelsize=SMALL, colors=INK, length=2)
        for spine in other.spines.values():
            spine.set_visible(False)
        title(right, "where there is nothing, nothing is looked for")
    else:
        bare(right)
        title(right, "this encoding looks everywhere")
    return page


def told_apart(truth: np.ndarray, pictures: Sequence[np.ndarray], names: Sequence[str], words: Sequence[str]) -> Figure:
    """A picture beside what networks made of it that were told its places in several ways; words stand below each."""
    return rows({"": [truth, *pictures]}, ["the picture", *names], captions={"": ["", *words]}, most_height=2.4)
