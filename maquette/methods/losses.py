"""Losses: what training makes small, each with its slope written out beside it.

A loss is called as `loss(predicted, target)` and gives a mean over rows, and over members where a network has several;
`loss.slope` gives the same value and its derivative by `predicted`, without a graph.
"""

import torch
from torch import Tensor


class SquaredError:
    """mean((predicted - target)^2): predicted (N, outputs) or (N, members, outputs), target (N, outputs)."""

    def __call__(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted - (target if predicted.dim() == target.dim() else target[:, None])).square().mean()

    def slope(self, predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        difference = predicted - (target if predicted.dim() == target.dim() else target[:, None])
        return difference.square().mean(), difference.mul_(2 / difference.numel())


class CrossEntropy:
    """-mean(log softmax(predicted)[target]): logits (N, C) or (N, members, C), classes (N,).

    With `weights` (C,), each row counts as much as its class weighs; the mean is still over the number of rows.
    """

    def __init__(self, weights: Tensor | None = None):
        self.weights = weights

    def __call__(self, predicted: Tensor, target: Tensor) -> Tensor:
        index = target.view(-1, *[1] * (predicted.dim() - 1)).expand(*predicted.shape[:-1], 1)
        losses = -predicted.log_softmax(-1).gather(-1, index)
        if self.weights is not None:
            losses = losses * self.weights.to(target.device)[index]
        return losses.mean()

    def slope(self, predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        index = target.view(-1, *[1] * (predicted.dim() - 1)).expand(*predicted.shape[:-1], 1)
        logs = predicted.log_softmax(-1)
        losses, slope = -logs.gather(-1, index), logs.exp()
        slope.scatter_add_(-1, index, torch.full_like(losses, -1.0))
        if self.weights is not None:
            weights = self.weights.to(target.device)[index]
            losses, slope = losses * weights, slope * weights
        return losses.mean(), slope.div_(losses.numel())
