"""Losses against the papers' formulas, gradients against each player's own, penalties against closed forms."""

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from maquette.methods.adversarial import (
    LOSSES,
    best_discriminator,
    both_backward,
    cross_entropy,
    relativistic,
    squared_slopes,
    value,
)
from maquette.methods.optimizers import AdamW
from maquette.models import Discriminator, Generator


def densities() -> tuple[torch.Tensor, torch.Tensor]:
    """Of eight outcomes, one of which each side never has."""
    real = torch.tensor([0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0], dtype=torch.float64)
    made = torch.tensor([0.05, 0.1, 0.25, 0.1, 0.1, 0.2, 0.0, 0.2], dtype=torch.float64)
    return real, made


def divergence(p: torch.Tensor, q: torch.Tensor) -> float:
    return float((torch.xlogy(p, p) - torch.xlogy(p, q)).sum())


def test_losses_are_the_papers():
    real, made = torch.tensor([-1.3, 0.0, 2.0]).double(), torch.tensor([0.4, 0.0, -1.0]).double()
    sigmoid = torch.sigmoid
    found = cross_entropy(real, made)
    assert_close(found.discriminator, -torch.log(sigmoid(real)) - torch.log(1 - sigmoid(made)))
    assert_close(found.generator, -torch.log(sigmoid(made)))
    found = relativistic(real, made)
    assert_close(found.discriminator, -torch.log(sigmoid(real - made)))
    assert_close(found.generator, -torch.log(sigmoid(made - real)))
    assert_close(relativistic(real, real).generator, torch.full((3,), math.log(2)).double())
    assert_close(relativistic(real, made), relativistic(real + 7, made + 7))  # only differences count


def test_the_best_discriminator_is_p_over_p_plus_q():
    """A table of logits, one for each outcome, trained on the expected loss, and the value of the game at its best."""
    real, made = densities()
    logits = nn.Parameter(torch.zeros(8, dtype=torch.float64))
    optimizer = AdamW([logits], 0.2)
    for _ in range(1000):
        optimizer.clear()
        losses = cross_entropy(logits, logits)
        first, second = -nn.functional.logsigmoid(logits), losses.discriminator + nn.functional.logsigmoid(logits)
        ((real * first).sum() + (made * second).sum()).backward()
        optimizer.step()
    best = best_discriminator(real, made)
    assert_close(torch.sigmoid(logits.detach()), best, rtol=0, atol=1e-3)
    assert 0 < best[0] < 1 and best[6] == 1 and best[7] == 0
    middle = (real + made) / 2
    shannon = (divergence(real, middle) + divergence(made, middle)) / 2
    assert float(value(real, made, best)) == pytest.approx(-math.log(4) + 2 * shannon, rel=1e-12)
    others = torch.rand(100, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert all(value(real, made, each) < value(real, made, best) for each in others)
    assert float(value(real, real, best_discriminator(real, real).nan_to_num(0.5))) == pytest.approx(-math.log(4))


@pytest.mark.parametrize("name", LOSSES)
def test_one_pass_gives_both_gradients(name):
    """They are those that each player's own loss has by itself."""
    torch.manual_seed(0)
    generator, judge = Generator(size=8, widths=[6], latents=5), Discriminator(size=8, widths=[6])
    latents, real = torch.randn(7, 5), torch.rand(7, 1, 8, 8) * 2 - 1
    loss = LOSSES[name]
    expected = {}
    for player, network in enumerate((judge, generator)):
        weights = list(network.parameters())
        losses = loss(judge(real), judge(generator(latents)))
        expected[player] = torch.autograd.grad(0.7 * losses[player].mean(), weights)
    for network in (judge, generator):
        network.zero_grad()
    found = both_backward(loss, judge, real, generator(latents), weight=0.7)
    for player, network in enumerate((judge, generator)):
        for weight, gradient in zip(network.parameters(), expected[player], strict=True):
            assert_close(weight.grad, gradient, rtol=1e-4, atol=1e-6)
    assert_close(found.losses, loss(found.real, found.made))


def test_gradients_stay_finite_where_the_discriminator_is_certain():
    """Far beyond what a sigmoid in float32 can tell from 0."""
    scale = nn.Parameter(torch.tensor(1.0))
    made = torch.full((2, 1, 1, 1), -200.0, requires_grad=True)
    both_backward(relativistic, lambda x: scale * x.flatten(1).sum(1), torch.full((2, 1, 1, 1), 200.0), made)
    assert scale.grad is not None and bool(torch.isfinite(scale.grad))
    assert made.grad is not None and bool(torch.isfinite(made.grad).all())


def quadratic() -> tuple[torch.Tensor, torch.Tensor]:
    """A symmetric matrix A and a vector b of the discriminator x' A x / 2 + b' x, whose slope is A x + b."""
    generator = torch.Generator().manual_seed(1)
    matrix = torch.randn(12, 12, generator=generator, dtype=torch.float64)
    return (matrix + matrix.T) / 8, torch.randn(12, generator=generator, dtype=torch.float64)


def test_penalties_are_those_of_a_discriminator_with_known_slopes():
    matrix, vector = quadratic()
    matrix.requires_grad_()
    x = torch.randn(5, 3, 2, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def judge(pictures: torch.Tensor) -> torch.Tensor:
        flat = pictures.flatten(1)
        return ((flat @ matrix) * flat).sum(1) / 2 + flat @ vector

    found = squared_slopes(judge, x)
    slopes = x.flatten(1) @ (matrix + matrix.T) / 2 + vector
    assert_close(found, slopes.square().sum(1))
    (by_weights,) = torch.autograd.grad(found.sum(), matrix)
    step = 1e-6
    for row, column in ((0, 0), (3, 7), (11, 2)):  # its derivative by the weights, by finite differences
        moved = [matrix.detach().clone() for _ in range(2)]
        moved[0][row, column] += step
        moved[1][row, column] -= step
        totals = [float((x.flatten(1) @ (m + m.T) / 2 + vector).square().sum()) for m in moved]
        assert float(by_weights[row, column]) == pytest.approx((totals[0] - totals[1]) / (2 * step), rel=1e-6, abs=1e-6)


def test_the_discriminator_s_second_derivatives_are_right():
    """Those of the network itself, which the penalty's step takes, by finite differences."""
    torch.manual_seed(0)
    judge = Discriminator(size=8, widths=[4], classes=3).double()
    pictures, classes = torch.rand(2, 1, 8, 8).double() * 2 - 1, torch.tensor([0, 2])
    weight = judge.stages[0][0].first.weight

    def penalty() -> torch.Tensor:
        return squared_slopes(lambda x: judge(x, classes), pictures).sum()

    (gradient,) = torch.autograd.grad(penalty(), weight)
    for place in ((0, 0, 1, 1), (2, 3, 0, 2)):
        totals = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                weight[place] += step
            totals.append(penalty().item())
            with torch.no_grad():
                weight[place] -= step
        assert float(gradient[place]) == pytest.approx((totals[0] - totals[1]) / 2e-6, rel=1e-4, abs=1e-8)
