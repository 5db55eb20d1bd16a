"""Diffusion without a network: how pictures become noise, and every way back that asks a denoiser.

A denoiser is any function `denoise(x, sigma)` from noisy pictures x = picture + sigma noise (N, C, H, W), with sigma
(N,), to the pictures it expects behind them. The chain of Ho et al. 2020 scales x so that its variance stays 1; a step
of it asks the same denoiser: sqrt(kept) picture + sqrt(1 - kept) noise, over sqrt(kept), is of that kind. So one
network serves every sampler. Ho et al. 2020 (DDPM); Song et al. 2021 (DDIM); Karras et al. 2022 (Heun's method, levels
of noise); Lu et al. 2022 (DPM-Solver++); Song et al. 2021, "Score-based generative modeling" (ancestral sampling);
Lugmayr et al. 2022 (RePaint).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

Denoise = Callable[[Tensor, Tensor], Tensor]  # of noisy pictures (N, C, H, W) and their noise (N,)
Draw = Callable[[], Tensor]  # standard normal noise of the pictures' shape
Prediction = Literal["karras", "noise", "picture", "velocity"]
Solver = Literal["dpm", "heun", "ancestral", "ddim", "ddpm"]
LOWEST, HIGHEST = 0.002, 80.0  # standard deviations of noise, beside pictures in -1..1; Karras et al. 2022, table 1


# -- the chain of noise ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chain:
    """A chain that turns pictures into noise, x_0 to x_T: q(x_t | x_t-1) = N(sqrt(1 - beta_t) x_t-1, beta_t).

    betas (T,) float64; place t - 1 holds beta_t. `kept` (T + 1,) has the products of 1 - beta, alpha-bar_t at place t.
    """

    betas: np.ndarray

    @property
    def steps(self) -> int:
        return len(self.betas)

    @property
    def kept(self) -> np.ndarray:
        return np.concatenate([[1.0], np.cumprod(1 - self.betas)])

    @property
    def sigmas(self) -> np.ndarray:
        """The noise beside pictures that keep their contrast, (T + 1,): sqrt((1 - alpha-bar) / alpha-bar)."""
        return np.sqrt((1 - self.kept) / self.kept)

    def marginal(self, t: int) -> tuple[float, float]:
        """q(x_t | x_0) = N(a x_0, v): a = sqrt(alpha-bar_t) and v = 1 - alpha-bar_t; equation (4) of Ho et al. 2020."""
        return float(self.kept[t] ** 0.5), float(1 - self.kept[t])

    def noised(self, pictures: Tensor, t: int, noise: Tensor) -> Tensor:
        """x_t drawn from the marginal by standard normal `noise`."""
        scale, variance = self.marginal(t)
        return scale * pictures + variance**0.5 * noise

    def posterior(self, t: int) -> tuple[float, float, float]:
        """q(x_t-1 | x_t, x_0) = N(a x_0 + b x_t, v), t from 1; equations (6) and (7) of Ho et al. 2020.

        a = sqrt(alpha-bar_t-1) beta_t / (1 - alpha-bar_t), b = sqrt(alpha_t) (1 - alpha-bar_t-1) / (1 - alpha-bar_t),
        v = (1 - alpha-bar_t-1) / (1 - alpha-bar_t) beta_t.
        """
        before, now, beta = self.kept[t - 1], self.kept[t], self.betas[t - 1]
        of_picture = before**0.5 * beta / (1 - now)
        of_noisy = (1 - beta) ** 0.5 * (1 - before) / (1 - now)
        return float(of_picture), float(of_noisy), float((1 - before) / (1 - now) * beta)

    def shorter(self, steps: int) -> "Chain":
        """A chain of at most so many steps whose marginals are some of this one's, x_T's among them.

        Nichol and Dhariwal 2021, equation (19): beta' = 1 - alpha-bar_now / alpha-bar_before.
        """
        if steps >= self.steps:
            return self
        places = np.linspace(0, self.steps, steps + 1).round().astype(int)
        kept = self.kept[places]
        return Chain(1 - kept[1:] / kept[:-1])


def linear_betas(steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> np.ndarray:
    """Betas in a line, (steps,); section 4 of Ho et al. 2020."""
    return np.linspace(first, last, steps)


def cosine_betas(steps: int = 1000, offset: float = 0.008, most: float = 0.999) -> np.ndarray:
    """Betas whose alpha-bar is cos((t / T + s) / (1 + s) pi / 2)^2, (steps,); Nichol and Dhariwal 2021, (17)."""
    place = (np.arange(steps + 1) / steps + offset) / (1 + offset)
    kept = np.cos(place * np.pi / 2) ** 2
    return np.minimum(1 - kept[1:] / kept[:-1], most)


# -- what a network predicts -------------------------------------------------------------------------------------------


class Scaling(NamedTuple):
    """denoise(x, sigma) = skip x + out network(into x): each (N, 1, 1, 1)."""

    skip: Tensor
    out: Tensor
    into: Tensor

    def target(self, pictures: Tensor, noisy: Tensor) -> Tensor:
        """What the network must give: its mean squared error is the loss, whatever it predicts."""
        return (pictures - self.skip * noisy) / self.out


def scaling(prediction: Prediction, sigma: Tensor, spread: float = 0.5) -> Scaling:
    """How a network that predicts something makes a denoiser, at sigma (N,).

    noise: the network gives the noise, as in Ho et al. 2020. picture: the picture itself. velocity: sqrt(kept) noise -
    sqrt(1 - kept) picture; Salimans and Ho 2022. karras: a mixture of picture and noise whose scale is the same at
    every level, for pictures of the standard deviation `spread`; Karras et al. 2022, table 1.
    """
    sigma = sigma.reshape(-1, 1, 1, 1)
    whole = (sigma.square() + 1).sqrt()
    if prediction == "noise":
        return Scaling(torch.ones_like(sigma), -sigma, 1 / whole)
    if prediction == "picture":
        return Scaling(torch.zeros_like(sigma), torch.ones_like(sigma), 1 / whole)
    if prediction == "velocity":
        return Scaling(1 / whole.square(), -sigma / whole, 1 / whole)
    size = (sigma.square() + spread**2).sqrt()
    return Scaling(spread**2 / size.square(), sigma * spread / size, 1 / size)


@dataclass(frozen=True)
class Normal:
    """The exact denoiser of pictures that are normally distributed: what can be told of them without any network.

    mean (D,), directions (K, D) of unit length with variances (K,), and the variance `rest` along all others:
    mean + sum over directions of v / (v + sigma^2) (direction . (x - mean)) direction; Wiener 1949.
    """

    mean: Tensor
    directions: Tensor
    variances: Tensor
    rest: float

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        noise = sigma.square().reshape(-1, 1)
        centred = x.flatten(1) - self.mean
        kept = self.rest / (self.rest + noise)
        along = (centred @ self.directions.T) * (self.variances / (self.variances + noise) - kept)
        return (self.mean + kept * centred + along @ self.directions).reshape(x.shape)


# -- the way back ------------------------------------------------------------------------------------------------------


class Stage(NamedTuple):
    """Where a sampler stands after a step: pictures under the noise `sigma`, and what was expected behind them.

    noisy (N, C, H, W) keeps the pictures' contrast: picture + sigma noise. The last stage has sigma 0.
    """

    noisy: Tensor
    expected: Tensor
    sigma: float

    @property
    def shown(self) -> Tensor:
        """The noisy pictures scaled so that they can be looked at: noise does not outgrow -1..1 by much."""
        return self.noisy / (1 + self.sigma**2) ** 0.5


def sample(
    denoise: Denoise,
    noise: Tensor,
    *,
    solver: Solver,
    steps: int,
    chain: Chain,
    draw: Draw,
    highest: float = HIGHEST,
    lowest: float = LOWEST,
) -> Iterator[Stage]:
    """Pictures from standard normal noise (N, C, H, W) in `steps` steps, a stage after each; the last holds them.

    ddpm and ddim follow the chain, or a shorter one; dpm, heun and ancestral the levels of Karras et al. 2022 between
    `highest` and `lowest`.
    """
    if solver == "ddpm":
        return ddpm(denoise, noise, chain.shorter(steps), draw)
    if solver == "ddim":
        return ddim(denoise, noise, chain.shorter(steps), draw)
    levels = karras_levels(steps, lowest, highest)
    start = noise * levels[0]
    if solver == "ancestral":
        return ancestral(denoise, start, levels, draw)
    return heun(denoise, start, levels) if solver == "heun" else dpm(denoise, start, levels)


def ddpm(denoise: Denoise, noise: Tensor, chain: Chain, draw: Draw) -> Iterator[Stage]:
    """Algorithm 2 of Ho et al. 2020, with sigma_t^2 = beta_t.

    x_t-1 = (x_t - beta_t / sqrt(1 - alpha-bar_t) e(x_t, t)) / sqrt(alpha_t) + sqrt(beta_t) z, z = 0 at the last step.
    The course's page has sqrt(1 - alpha_t) in the place of sqrt(1 - alpha-bar_t), which is a misprint.
    """
    x = noise
    for t in range(chain.steps, 0, -1):
        scale, variance = chain.marginal(t)
        sigma, beta = float(chain.sigmas[t]), float(chain.betas[t - 1])
        expected = asked(denoise, x / scale, sigma)
        predicted = (x - scale * expected) / variance**0.5
        x = (x - beta / variance**0.5 * predicted) / (1 - beta) ** 0.5
        if t > 1:
            x = x + beta**0.5 * draw()
        yield Stage(x / float(chain.kept[t - 1]) ** 0.5, expected, float(chain.sigmas[t - 1]))


def ddim(denoise: Denoise, noise: Tensor, chain: Chain, draw: Draw, eta: float = 0.0) -> Iterator[Stage]:
    """Equation (12) of Song et al. 2021: without chance where `eta` is 0; 1 gives the variance of the posterior."""
    x = noise
    for t in range(chain.steps, 0, -1):
        (scale, variance), (scale_to, variance_to) = chain.marginal(t), chain.marginal(t - 1)
        expected = asked(denoise, x / scale, float(chain.sigmas[t]))
        predicted = (x - scale * expected) / variance**0.5
        fresh = eta**2 * chain.posterior(t)[2]  # equation (16)
        x = scale_to * expected + max(0.0, variance_to - fresh) ** 0.5 * predicted
        if fresh > 0:
            x = x + fresh**0.5 * draw()
        yield Stage(x / scale_to, expected, float(chain.sigmas[t - 1]))


def karras_levels(steps: int, lowest: float = LOWEST, highest: float = HIGHEST, rho: float = 7.0) -> list[float]:
    """`steps` noise levels from `highest` to `lowest`, then 0; Karras et al. 2022, equation (5)."""
    ends = highest ** (1 / rho), lowest ** (1 / rho)
    ramp = np.linspace(0, 1, steps) if steps > 1 else np.zeros(1)
    return [*((ends[0] + ramp * (ends[1] - ends[0])) ** rho).tolist(), 0.0]


def heun(denoise: Denoise, x: Tensor, levels: Sequence[float]) -> Iterator[Stage]:
    """The way dx / dsigma = (x - denoise(x, sigma)) / sigma from level to level, down or up, by Heun's method.

    Algorithm 1 of Karras et al. 2022, without chance; x (N, C, H, W) is picture + levels[0] noise. Asks twice a step,
    and once for a step to 0.
    """
    for sigma, after in pairwise(levels):
        expected = asked(denoise, x, sigma)
        slope = (x - expected) / sigma
        ahead = x + (after - sigma) * slope
        if after > 0:
            expected = asked(denoise, ahead, after)
            ahead = x + (after - sigma) * (slope + (ahead - expected) / after) / 2
        x = ahead
        yield Stage(x, expected, after)


def dpm(denoise: Denoise, x: Tensor, levels: Sequence[float]) -> Iterator[Stage]:
    """The same way by DPM-Solver++(2M), which asks once a step and goes on from the last two answers; Lu et al. 2022.

    With h = log(sigma / after): x <- after / sigma x + (1 - after / sigma) d, and d = e + (e - e_last) h / (2 h_last);
    algorithm 2 there.
    """
    last, stride = None, 0.0
    for sigma, after in pairwise(levels):
        expected = asked(denoise, x, sigma)
        ahead = expected
        if after > 0:
            now = float(np.log(sigma / after))
            if last is not None:
                ahead = expected + (expected - last) * (now / (2 * stride))
            stride = now
        x = after / sigma * x + (1 - after / sigma) * ahead
        last = expected
        yield Stage(x, expected, after)


def ancestral(denoise: Denoise, x: Tensor, levels: Sequence[float], draw: Draw) -> Iterator[Stage]:
    """As ddpm goes back, from level to level, with new noise at each but the last.

    With s = sigma and t = after: x <- e + (t / s)^2 (x - e) + t sqrt(1 - (t / s)^2) z; appendix F of Song et al. 2021.
    New noise makes up for what earlier steps have got wrong, where a network has learnt little.
    """
    for sigma, after in pairwise(levels):
        expected = asked(denoise, x, sigma)
        share = (after / sigma) ** 2
        x = expected + share * (x - expected)
        if after > 0:
            x = x + after * (1 - share) ** 0.5 * draw()
        yield Stage(x, expected, after)


def fill(
    denoise: Denoise,
    noise: Tensor,
    pictures: Tensor,
    wanted: Tensor,
    levels: Sequence[float],
    draw: Draw,
    times: int = 10,
) -> Iterator[Stage]:
    """New pixels where `wanted` (N or 1, 1, H, W) is 1, that fit the given ones elsewhere; after Lugmayr et al. 2022.

    At each level the expected picture takes the given pixels in, a step goes down by the posterior of the chain, and
    noise is put on again; that is done `times` times, so that both parts come to agree. Equations (8) and (9) there,
    with levels for the chain's steps.
    """
    x = noise * levels[0]
    for sigma, after in pairwise(levels):
        again = times if after > 0 else 1
        for round_ in range(again):
            expected = asked(denoise, x, sigma)
            expected = torch.where(wanted > 0.5, expected, pictures)
            part = (after / sigma) ** 2  # the posterior between two levels
            x = part * x + (1 - part) * expected
            if after > 0:
                x = x + after * (1 - part) ** 0.5 * draw()
            if round_ + 1 < again:
                x = x + (sigma**2 - after**2) ** 0.5 * draw()
        yield Stage(x, expected, after)


def asked(denoise: Denoise, x: Tensor, sigma: float) -> Tensor:
    """What the denoiser expects behind x, all of one level."""
    return denoise(x, torch.full((len(x),), sigma, dtype=x.dtype, device=x.device))
