"""How well noise is told from pictures: one number for every way of making pictures from noise, without making any."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

STEPS = 1000
LEVELS = tuple(range(50, STEPS, 100))


class Level(NamedTuple):
    """A level of noise of the linear schedule of DDPM (Ho et al. 2020): x = sqrt(kept) picture + sqrt(1 - kept) noise.

    `step` t is 1 to 1000; `kept` is the product of 1 - beta_s over s = 1 .. t, beta from 0.0001 to 0.02 in a line.
    """

    step: int
    kept: float

    @property
    def sigma(self) -> float:
        """Deviation of the noise beside a picture that keeps its contrast: x / sqrt(kept) = picture + sigma noise."""
        return ((1 - self.kept) / self.kept) ** 0.5


def levels() -> list[Level]:
    """The ten levels at which `noise_error` asks: steps 50, 150, ... 950, the middles of ten equal parts."""
    kept = np.cumprod(1 - np.linspace(1e-4, 0.02, STEPS))
    return [Level(step, float(kept[step - 1])) for step in LEVELS]


class NoiseError(NamedTuple):
    """The mean over pictures and levels, the ends of its 95 % interval over pictures, and the mean by step."""

    value: float
    low: float
    high: float
    by_step: dict[int, float]


@torch.no_grad()
def noise_error(
    predict: Callable[[Tensor, Level], Tensor], pictures: Tensor, *, seed: int = 0, at_once: int = 250
) -> NoiseError:
    """Mean squared error of the noise that `predict` tells from noisy pictures, at ten levels; 1 for always saying 0.

    pictures (N, C, H, W): held-out ones in the range that the network learnt, as -1..1, on the device where `predict`
    wants them. predict(noisy (n, C, H, W), level) gives the noise (n, C, H, W); a network that predicts the picture
    gives (noisy - sqrt(kept) picture) / sqrt(1 - kept). Noise is drawn on the processor, by seed and level: the same
    for all. About the loss of Ho et al. 2020, equation (14), but at ten steps instead of at random ones.
    """
    errors = []
    for level in levels():
        generator = torch.Generator().manual_seed(1000 * seed + level.step)
        squared = []
        for start in range(0, len(pictures), at_once):
            some = pictures[start : start + at_once]
            noise = torch.randn(some.shape, generator=generator).to(some.device)
            noisy = level.kept**0.5 * some + (1 - level.kept) ** 0.5 * noise
            difference = predict(noisy, level).float() - noise
            squared.append(difference.square().mean((1, 2, 3)).double().cpu())
        errors.append(torch.cat(squared).numpy())
    each = np.stack(errors)
    value, count = float(each.mean()), each.shape[1]
    reach = 1.96 * float(each.mean(0).std(ddof=1)) / count**0.5 if count > 1 else float("nan")
    by_step = {step: float(error) for step, error in zip(LEVELS, each.mean(1), strict=True)}
    return NoiseError(value, value - reach, value + reach, by_step)
