"""Cross entropy against smoothed labels, from the states before a head, with its gradient written out.

N places, W numbers a place, V tokens in the vocabulary.
"""

from typing import Any

import torch
from torch import Tensor


def smoothed_cross_entropy(states: Tensor, head: Tensor, targets: Tensor, smoothing: float = 0.1) -> Tensor:
    """The sum of -sum_v q_v log softmax(states head')_v with q = (1 - smoothing) on the target, the rest on all tokens.

    states (N, W), head (V, W), targets (N,) int64; a scalar. Szegedy et al. 2016, section 7. The logits (N, V) are gone
    over three times in all, where autograd would make four arrays of their size.
    """
    if not torch.is_grad_enabled():
        return Smoothed.forward(NoContext(), states, head, targets, smoothing)
    return Smoothed.apply(states, head, targets, smoothing)


class NoContext:
    """Takes what `Smoothed` would keep, where nothing goes backward."""

    def save_for_backward(self, *kept: Tensor) -> None: ...


class Smoothed(torch.autograd.Function):
    """With p = softmax(logits), the slope by the logits is p - q: by parts, so that no array (N, V) but p is made."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, head: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        logits = states @ head.T
        summed = head.sum(0)
        said = (states * head[targets]).sum(-1)
        largest = logits.amax(-1, keepdim=True)
        powers = logits.sub_(largest).exp_()
        total = powers.sum(-1, keepdim=True)
        loss = (total.log() + largest).sum() - (1 - smoothing) * said.sum()
        loss = loss - smoothing / len(head) * (states @ summed).sum()
        ctx.save_for_backward(states, head, targets, powers, total, summed)
        ctx.smoothing = smoothing
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        states, head, targets, powers, total, summed = ctx.saved_tensors
        spread, kept, gradient = ctx.smoothing / len(head), 1 - ctx.smoothing, gradients[0]
        by_states = (powers @ head).div_(total).sub_(spread * summed).sub_(head[targets], alpha=kept)
        by_head = powers.T @ (states / total)
        by_head.sub_(spread * states.sum(0)).index_add_(0, targets, states, alpha=-kept)
        return by_states.mul_(gradient), by_head.mul_(gradient), None, None
