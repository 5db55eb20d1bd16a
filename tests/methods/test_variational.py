"""Divergences and likelihoods against torch.distributions, bounds against a model whose log p(x) is known."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, MultivariateNormal, Normal, kl_divergence
from torch.nn import functional as F

from maquette.methods.variational import (
    bernoulli,
    bits_per_dimension,
    discretised_logistic,
    drawn_divergence,
    effective_draws,
    kl_to_standard,
    log_weights,
    logistic_steps,
    weighted_bound,
    weighted_bounds,
)
from maquette.models.variational import expected


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def log_normal(value: torch.Tensor, mean: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    return Normal(mean, deviation).log_prob(value)


def standard(value: torch.Tensor) -> torch.Tensor:
    return Normal(torch.zeros_like(value), torch.ones_like(value)).log_prob(value)


def test_the_closed_divergence_is_torch_s():
    mean, log_deviation = numbers(2, 5, 3)
    prior = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    theirs = kl_divergence(Normal(mean, log_deviation.exp()), prior)
    torch.testing.assert_close(kl_to_standard(mean, log_deviation), theirs)


def test_cross_entropy_is_minus_log_bernoulli():
    logits, coins = 3 * numbers(6, 1, 4, 4), (numbers(6, 1, 4, 4, seed=1) > 0).double()
    torch.testing.assert_close(bernoulli(logits, coins), Bernoulli(logits=logits).log_prob(coins).flatten(1).sum(1))
    grey = numbers(6, 1, 4, 4, seed=2).sigmoid()
    entropy = F.binary_cross_entropy_with_logits(logits, grey, reduction="none").flatten(1).sum(1)
    torch.testing.assert_close(bernoulli(logits, grey), -entropy)


def test_a_logistic_on_256_steps_is_a_probability():
    """Its steps sum to one wherever it lies, and are differences of the distribution function; also far out, finite."""
    steps = torch.arange(256, dtype=torch.float64) / 255
    for mean, scale in ((0.0, 0.05), (-1.2, 0.01), (0.9, 0.5), (0.3, 1e-4)):
        place, log_scale = torch.tensor(mean, dtype=torch.float64), torch.tensor(scale, dtype=torch.float64).log()
        assert float(logistic_steps(place, log_scale, steps).exp().sum()) == pytest.approx(1, abs=1e-9)
    edges = (torch.arange(255, dtype=torch.float64) + 0.5) / 255 * 2 - 1
    cumulative = torch.cat([torch.zeros(1), torch.sigmoid((edges - 0.2) / 0.3), torch.ones(1)])
    ours = logistic_steps(*torch.tensor([0.2, math.log(0.3)], dtype=torch.float64), steps)
    torch.testing.assert_close(ours.exp(), cumulative.diff(), rtol=1e-9, atol=0)
    far = logistic_steps(torch.tensor(-0.9), torch.tensor(-6.0), torch.tensor([0.0, 0.5, 1.0]))
    assert torch.isfinite(far).all() and (far <= 1e-6).all()
    pictures = steps[:12].view(2, 1, 2, 3).float()
    whole = discretised_logistic(torch.zeros(2, 2, 1, 2, 3), pictures)
    torch.testing.assert_close(whole, logistic_steps(torch.zeros(()), torch.zeros(()), pictures).sum((1, 2, 3)))


def test_colours_that_follow_each_other_are_a_probability():
    """Summed over all colours of a pixel; and what is expected follows in the same order."""
    steps = torch.arange(256) / 255
    parameters = numbers(1, 3, 3, 1, 1, seed=11)
    parameters[:, 1] = -1
    green, blue = torch.meshgrid(steps, steps, indexing="ij")
    for red in steps[::51]:
        colours = torch.stack([red.expand(256, 256), green, blue], -1).reshape(-1, 3, 1, 1).double()
        log_p = discretised_logistic(parameters.expand(len(colours), -1, -1, -1, -1), colours)
        red_alone = logistic_steps(parameters[0, 0, 0], parameters[0, 1, 0], red.double().view(1, 1))
        assert float(log_p.exp().sum()) == pytest.approx(float(red_alone.exp()), rel=1e-6)
    sharp = parameters.clone()
    sharp[:, 1], sharp[:, 0] = -20, 0.3 * sharp[:, 0].tanh()
    likely = expected("logistic", sharp)
    assert likely.shape == (1, 3, 1, 1) and float(likely.min()) >= 0 and float(likely.max()) <= 1
    at = float(discretised_logistic(sharp, (likely * 255).round() / 255))
    assert at > float(
        discretised_logistic(sharp, ((likely * 255).round() + torch.tensor([0, 9, 0]).view(3, 1, 1)) / 255)
    )


def test_drawn_divergence_is_log_q_minus_log_p():
    mean, log_deviation, noise = numbers(3, 5, 4, seed=12)
    latents = mean + log_deviation.exp() * noise
    by_hand = log_normal(latents, mean, log_deviation.exp()) - standard(latents)
    torch.testing.assert_close(drawn_divergence(latents, noise, log_deviation, torch.zeros(5, 4)), by_hand)
    stretched = drawn_divergence(3 * latents, noise, log_deviation, torch.full((5, 4), math.log(3)).double())
    torch.testing.assert_close(stretched, by_hand + standard(latents) - standard(3 * latents) - math.log(3))
    many = numbers(200_000, 4, seed=13)
    drawn = drawn_divergence(mean[0] + log_deviation[0].exp() * many, many, log_deviation[0], torch.zeros(4))
    torch.testing.assert_close(drawn.mean(0), kl_to_standard(mean[0], log_deviation[0]), rtol=0.02, atol=0.02)


class LinearGaussian:
    """x = W z + b + s e: a VAE whose p(x) is a normal distribution. q is the true posterior's diagonal, widened."""

    def __init__(self, latents: int, widened: float = 1.0):
        self.weights, self.bias, self.noise = numbers(6, latents, seed=3), numbers(6, seed=4), 0.5
        self.precision = torch.eye(latents, dtype=torch.float64) + self.weights.T @ self.weights / self.noise**2
        self.deviation = widened * torch.linalg.inv(self.precision).diagonal().sqrt()

    def look(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        moved = self.weights.T @ (x.flatten(1) - self.bias).T / self.noise**2
        return (torch.linalg.solve(self.precision, moved).T,)

    def answer(self, mean: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, ...]:
        z = mean + self.deviation * noise
        log_deviation = self.deviation.log().expand(mean.shape)
        return mean, log_deviation, z, torch.zeros_like(z), z @ self.weights.T + self.bias

    def likelihood(self, pixels: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return log_normal(x.flatten(1), pixels, torch.full_like(pixels, self.noise)).sum(1)

    def some(self, count: int) -> torch.Tensor:
        z, e = numbers(count, len(self.precision), seed=6), numbers(count, 6, seed=7)
        return (z @ self.weights.T + self.bias + self.noise * e).view(count, 1, 2, 3)

    def exact(self, x: torch.Tensor) -> torch.Tensor:
        covariance = self.weights @ self.weights.T + self.noise**2 * torch.eye(6, dtype=torch.float64)
        return MultivariateNormal(self.bias, covariance).log_prob(x.flatten(1))

    def weigh(self, x: torch.Tensor, draws: int) -> torch.Tensor:
        noise = numbers(draws, len(x), len(self.precision), seed=5)
        return log_weights(self, x, draws, lambda start, stop, _: noise[start:stop], self.likelihood, at_once=4000)


def test_the_weighted_bound_rises_to_the_exact_probability():
    model = LinearGaussian(2, widened=1.7)
    x = model.some(40)
    exact = float(model.exact(x).mean())
    found = weighted_bounds(model.weigh(x, 10_000), [1, 10, 100, 1000])
    gaps = [exact - float(found[count].mean()) for count in (1, 10, 100, 1000)]
    assert gaps[0] > gaps[1] > gaps[2] > gaps[3] > -0.002
    assert gaps[0] > 0.5 and gaps[3] < 0.005
    assert float(weighted_bound(model.weigh(x, 5000)).mean()) == pytest.approx(exact, abs=0.005)


def test_with_the_true_posterior_one_draw_is_enough():
    model = LinearGaussian(1)
    x = model.some(30)
    weights = model.weigh(x, 4)
    torch.testing.assert_close(weights, model.exact(x).expand(4, -1))
    torch.testing.assert_close(effective_draws(weights), torch.full((30,), 4.0, dtype=torch.float64))


def test_bounds_by_hand():
    logs = torch.tensor([[1.0], [3.0], [2.0], [4.0]]).double().log()
    found = weighted_bounds(logs, [1, 2, 4, 8])
    assert list(found) == [1, 2, 4]
    assert float(found[1]) == pytest.approx(math.log(24) / 4)
    assert float(found[2]) == pytest.approx((math.log(2) + math.log(3)) / 2)
    assert float(found[4]) == pytest.approx(math.log(2.5)) == pytest.approx(float(weighted_bound(logs)))
    assert float(effective_draws(logs)) == pytest.approx(100 / 30)
    assert bits_per_dimension(math.log(2) * 784 * 3, 784) == pytest.approx(3)
