"""Smoothed cross entropy against torch's, value and gradient."""

import pytest
import torch
from torch.nn import functional

from maquette.methods.smoothing import smoothed_cross_entropy


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_as_torch_has_it(smoothing):
    g = torch.Generator().manual_seed(1)
    states = torch.randn(9, 5, generator=g, dtype=torch.double, requires_grad=True)
    head = torch.randn(12, 5, generator=g, dtype=torch.double, requires_grad=True)
    targets = torch.tensor([3, 3, 0, 11, 5, 3, 0, 1, 2])
    plain = functional.cross_entropy(states @ head.T, targets, label_smoothing=smoothing, reduction="sum")
    ours = smoothed_cross_entropy(states, head, targets, smoothing)
    assert float(ours.detach()) == pytest.approx(float(plain.detach()))
    expected = torch.autograd.grad(3 * plain, (states, head))
    for mine, theirs in zip(torch.autograd.grad(3 * ours, (states, head)), expected, strict=True):
        assert torch.allclose(mine, theirs)
    assert torch.autograd.gradcheck(lambda a, b: smoothed_cross_entropy(a, b, targets, smoothing), (states, head))
    with torch.no_grad():
        assert float(smoothed_cross_entropy(states, head, targets, smoothing)) == pytest.approx(float(plain.detach()))


def test_large_logits_stay_finite():
    states, head = torch.full((2, 3), 100.0, requires_grad=True), torch.full((4, 3), 50.0)
    loss = smoothed_cross_entropy(states, head, torch.tensor([0, 1]))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(states.grad).all()
