"""Figures that only diffusion draws: the chain's posterior beside a simulation, errors by level of noise."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from maquette.figures.style import BLUE, COLOURS, GREEN, ORANGE, figure, label, legend
from maquette.figures.training import log_ticks
from maquette.methods.diffusion import Chain


def posterior(chain: Chain, simulated: Mapping[int, tuple[float, float, float]]) -> Figure:
    """What weighs how much in the mean of q(x_t-1 | x_t, x_0), and its variance; lines by formula, dots simulated.

    simulated: t -> weight of x_0, weight of x_t, variance.
    """
    page, (left, right) = figure(9.0, 3.0, 2, top=0.3, across=0.75)
    steps = np.arange(2, chain.steps + 1)
    exact = np.array([chain.posterior(int(t)) for t in steps])
    at = list(simulated)
    found = np.array([simulated[t] for t in at])
    for place, (colour, name) in enumerate(((BLUE, "of the picture x_0"), (ORANGE, "of the noisier x_t"))):
        left.plot(steps, exact[:, place], color=colour, linewidth=1.6, label=name)
        left.plot(at, found[:, place], "o", color=colour, markersize=4)
    right.plot(steps, exact[:, 2], color=GREEN, linewidth=1.6, label="of the posterior")
    right.plot(at, found[:, 2], "o", color=GREEN, markersize=4)
    right.plot(steps, chain.betas[1:], "--", color=COLOURS[-1], linewidth=1.2, label="beta, which Algorithm 2 takes")
    right.set_yscale("log")
    log_ticks(right.yaxis)
    for axes, words in ((left, "weights in the mean"), (right, "variance")):
        axes.set_xscale("log")
        label(axes, "step t", heading=words)
        legend(axes)
    return page


def by_level(errors: Mapping[str, Mapping[int, float]]) -> Figure:
    """The mean squared error of the told noise at each step of the chain, one line a denoiser."""
    page, (axes,) = figure(6.4, 3.0, top=0.3)
    for (name, each), colour in zip(errors.items(), COLOURS, strict=False):
        axes.plot(list(each), list(each.values()), "o-", color=colour, linewidth=1.6, markersize=4, label=name)
    axes.set_yscale("log")
    log_ticks(axes.yaxis)
    label(axes, "step of the chain: the first have little noise", heading="mean squared error of the told noise")
    legend(axes)
    return page
