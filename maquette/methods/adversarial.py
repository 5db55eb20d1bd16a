"""Two networks against each other: their losses, their gradients from one pass, penalties, and what is best possible.

The discriminator says of each picture one number, its logit: large for real, small for made. Goodfellow et al. 2014;
the relativistic loss with both penalties is that of Huang et al. 2024, "The GAN is dead; long live the GAN!".
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

Judge = Callable[[Tensor], Tensor]  # pictures (N, C, H, W) to logits (N,)


class Losses(NamedTuple):
    """What each of the two wants small: (N,) each, one number a pair of a real and a made picture."""

    discriminator: Tensor
    generator: Tensor


Loss = Callable[[Tensor, Tensor], Losses]


def cross_entropy(real: Tensor, made: Tensor) -> Losses:
    """Of logits (N,): -log D(x) - log(1 - D(G(z))) and, which does not saturate, -log D(G(z)); D = sigmoid(logit).

    Goodfellow et al. 2014, algorithm 1. Where real and made cannot be told apart the first is 2 log 2, at best.
    """
    return Losses(F.softplus(-real) + F.softplus(made), F.softplus(-made))


def relativistic(real: Tensor, made: Tensor) -> Losses:
    """Of logits (N,) in pairs: -log sigmoid(real - made), and for the generator -log sigmoid(made - real).

    Only that a real picture is more real than a made one counts, so each made one is pulled towards a real one, and no
    kind of picture can be dropped for nothing; Jolicoeur-Martineau 2018, Huang et al. 2024, equation (2). Where they
    cannot be told apart both are log 2.
    """
    return Losses(F.softplus(made - real), F.softplus(real - made))


LOSSES: dict[str, Loss] = {"cross entropy": cross_entropy, "relativistic": relativistic}


class Pass(NamedTuple):
    """What a pass found: the logits (N,) of both, and the losses (N,)."""

    real: Tensor
    made: Tensor
    losses: Losses


def both_backward(loss: Loss, judge: Judge, real: Tensor, made: Tensor, weight: float = 1.0) -> Pass:
    """Add the gradients of both players' mean losses, times `weight`, from one pass through the discriminator.

    The discriminator's gradients reach its weights, the generator's go through `made` to its own; each is the one that
    `backward` of its loss alone would give. As no picture's logit depends on another picture, the gradient of a loss by
    a made picture is a number, the loss's derivative by the logit, times the logit's own gradient: one walk back gives
    both losses', up to that number. This takes two thirds of the time of a pass for each.
    """
    leaf = made.detach().requires_grad_()
    logits = judge(torch.cat([real, leaf]))
    first, second = logits.detach().requires_grad_().chunk(2)  # stand for the logits: derivatives of the losses alone
    losses = loss(first, second)
    by_real, by_made = torch.autograd.grad(losses.discriminator.sum(), [first, second], retain_graph=True)
    (wanted,) = torch.autograd.grad(losses.generator.sum(), [second])
    share = weight / len(made)
    logits.backward(torch.cat([by_real, by_made]) * share)
    assert leaf.grad is not None
    turned = wanted / torch.where(by_made == 0, 1, by_made)
    made.backward(leaf.grad * turned.view(-1, *[1] * (made.dim() - 1)))
    return Pass(first.detach(), second.detach(), Losses(*(each.detach() for each in losses)))


def squared_slopes(judge: Judge, pictures: Tensor) -> Tensor:
    """|d logit / d picture|^2 of each picture (N, ...), differentiable by the discriminator's weights: (N,).

    Half of it, times a strength, is the zero-centred penalty: on real pictures R1, on made ones R2; Mescheder et al.
    2018, equation (9). Both together make training converge, also where distributions do not overlap.
    """
    at = pictures.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(judge(at).sum(), at, create_graph=True)
    return slopes.square().flatten(1).sum(1)


def best_discriminator(real: Tensor, made: Tensor) -> Tensor:
    """What the best possible D says where the densities are p = `real` and q = `made`: p / (p + q).

    Goodfellow et al. 2014, proposition 1.
    """
    return real / (real + made)


def value(real: Tensor, made: Tensor, judged: Tensor) -> Tensor:
    """E_p log D + E_q log(1 - D) over outcomes of probabilities p = `real` and q = `made`, where D = `judged`.

    For the best D it is -log 4 + 2 JSD(p, q), so -log 4 where both are the same; Goodfellow et al. 2014, theorem 1.
    """
    return (torch.xlogy(real, judged) + torch.xlogy(made, 1 - judged)).sum()
