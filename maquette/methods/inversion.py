"""Which numbers a generator makes a given picture from: found by descent, as it has no way back."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from maquette.methods.optimizers import AdamW

STRAY = 1e-3  # what it costs that a latent has another length than drawn ones have
LEVELS = 3  # at which pictures are compared: as they are, at a half, at a quarter


def differences(made: Tensor, given: Tensor) -> Tensor:
    """Mean squared difference of pictures (N, C, H, W), at full, half and quarter size, added: (N,)."""
    total = torch.zeros(len(made), device=made.device)
    for level in range(LEVELS):
        total = total + (made - given).square().mean((1, 2, 3))
        if level + 1 < LEVELS:
            made, given = F.avg_pool2d(made, 2), F.avg_pool2d(given, 2)
    return total


def descend(
    make: Callable[[Tensor], Tensor], given: Tensor, starts: Tensor, steps: int = 200, learning_rate: float = 0.1
) -> tuple[Tensor, Tensor]:
    """Latents (N, D) whose pictures are near the `given` ones (N, C, H, W), and how near they came, (N,).

    Each start (N, D) is followed downhill by Adam, its step falling to 0 in a line, and the best place on its way is
    kept. The length of a latent is held near sqrt(D), where drawn ones lie. Abdal et al. 2019, "Image2StyleGAN".
    """
    latents = torch.nn.Parameter(starts.clone())
    optimizer = AdamW([latents], learning_rate, betas=(0.9, 0.99))
    best, least = starts.clone(), torch.full((len(starts),), torch.inf, device=starts.device)
    for step in range(steps + 1):
        with torch.enable_grad():
            far = differences(make(latents), given)
            stray = (latents.square().mean(1).clamp_min(1e-12).sqrt() - 1).square()
            cost = (far + STRAY * stray).sum()
        near = far.detach()
        better = near < least
        best[better], least[better] = latents.detach()[better], near[better]
        if step == steps:
            break
        (latents.grad,) = torch.autograd.grad(cost, [latents])
        optimizer.learning_rate = learning_rate * (1 - step / steps)
        optimizer.step()
    return best, least


def truncated(latents: Tensor, bound: float) -> Tensor:
    """Standard normal numbers as numbers of the normal distribution cut off at +-`bound`, in the same order.

    By its quantiles: Phi^-1(1/2 + (Phi(z) - 1/2) (2 Phi(bound) - 1)), so that a seed's picture changes little with the
    bound; Brock et al. 2019, "Large scale GAN training", draw again what falls outside instead.
    """
    share = torch.special.erf(torch.tensor(bound / 2**0.5, dtype=torch.float64))
    within = torch.special.erf(latents.double() / 2**0.5) * share
    return (torch.special.erfinv(within) * 2**0.5).clamp(-bound, bound).to(latents.dtype)
