"""Adversarial attacks: pictures changed by at most epsilon a pixel so that a classifier errs.

`model` is any function from pictures (N, C, H, W) in 0..1 to logits (N, classes). All attacks give pictures that stay
in 0..1 and within epsilon of the ones they began with. `classes` (N,) are the true classes, which the attack leads
away from; with `targeted`, the classes that it leads to.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Model = Callable[[Tensor], Tensor]


def slope(model: Model, pictures: Tensor, classes: Tensor) -> Tensor:
    """The gradient of each picture's cross entropy by its pixels, (N, C, H, W); also where gradients are switched off.

    The model's batch must not mix its rows: put a network with batch norm into evaluation mode first.
    """
    with torch.inference_mode(False), torch.enable_grad():
        at, known = pictures.detach().clone().requires_grad_(), classes.clone()
        loss = torch.nn.functional.cross_entropy(model(at), known, reduction="sum")
        return torch.autograd.grad(loss, at)[0]


def fgsm(model: Model, pictures: Tensor, classes: Tensor, epsilon: float, *, targeted: bool = False) -> Tensor:
    """x + epsilon sign(dJ/dx): the fast gradient sign method; Goodfellow et al. 2015, section 4.

    With `targeted`, x - epsilon sign(dJ/dx) for the loss of the wanted class; Kurakin et al. 2017, section 2.
    """
    step = -epsilon if targeted else epsilon
    return pictures.add(slope(model, pictures, classes).sign(), alpha=step).clamp(0, 1)


def pgd(
    model: Model,
    pictures: Tensor,
    classes: Tensor,
    epsilon: float,
    *,
    steps: int = 20,
    step_size: float | None = None,
    start: Tensor | None = None,
    targeted: bool = False,
) -> Tensor:
    """`steps` moves of `step_size` along the sign of the gradient, each brought back into the ball of radius epsilon.

    Projected gradient descent on the negative loss; Madry et al. 2018, equation (2.2). `start` (N, C, H, W) in 0..1
    says where in the ball it begins, uniform random numbers for a random start; without it, at the picture. `step_size`
    is 2.5 epsilon / steps if not given, as in their section 5: the moves can cross the ball.
    """
    size = 2.5 * epsilon / steps if step_size is None else step_size
    low, high = (pictures - epsilon).clamp(min=0), (pictures + epsilon).clamp(max=1)
    found = pictures
    if start is not None:
        found = torch.clamp(pictures + (2 * start.to(pictures) - 1) * epsilon, low, high)
    for _ in range(steps):
        move = slope(model, found, classes).sign()
        found = torch.clamp(found.add(move, alpha=-size if targeted else size), low, high)
    return found
