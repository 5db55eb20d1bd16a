"""Variational networks: shapes, latents that are standard normal by the prior, one draw by hand, a start that helps."""

import pytest
import torch

from maquette.methods.variational import LIKELIHOODS, drawn_divergence, log_weights
from maquette.models.variational import ConvVAE, Couplings, DenseVAE, expected

KINDS = [
    lambda **more: DenseVAE(size=12, latent=3, hidden=20, **more),
    lambda **more: ConvVAE(size=12, latent=3, details=2, width=8, depth=1, **more),
]


def pictures(count: int, channels: int = 1) -> torch.Tensor:
    return torch.rand(count, channels, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(
    ("likelihood", "channels", "parameters"), [("bernoulli", 1, 1), ("logistic", 1, 2), ("logistic", 3, 3)]
)
def test_what_goes_in_and_comes_out(make, likelihood, channels, parameters):
    model = make(channels=channels, likelihood=likelihood)
    given, noise = pictures(4, channels), torch.randn(4, model.latents)
    passed = model(given, noise)
    assert passed.mean.shape == passed.log_deviation.shape == passed.drawn.shape == (4, sum(model.levels))
    assert passed.pixels.shape == (4, parameters, channels, 12, 12)
    rest = slice(model.learned, None)  # of latents without a learned prior
    torch.testing.assert_close(passed.drawn[:, rest], (passed.mean + passed.log_deviation.exp() * noise)[:, rest])
    torch.testing.assert_close(model.decode(passed.drawn), passed.pixels)
    again = model.answer(*model.look(given), noise)
    torch.testing.assert_close(again.pixels, passed.pixels)
    torch.testing.assert_close(model.encode(given), model(given, torch.zeros_like(noise)).drawn)
    assert model.encode(given).shape == (4, model.latents)
    picture = expected(likelihood, passed.pixels)
    assert picture.shape == given.shape and picture.min() >= 0 and picture.max() <= 1
    assert LIKELIHOODS[likelihood](passed.pixels, given).shape == (4,)


@pytest.mark.parametrize("make", KINDS)
def test_every_weight_learns_and_each_picture_stands_alone(make):
    model = make()
    given, noise = (pictures(6) > 0.5).float(), torch.randn(6, model.latents)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    passed = model(given, noise)
    paid = drawn_divergence(passed.drawn, noise, passed.log_deviation, passed.log_stretch).sum(1)
    (paid - LIKELIHOODS["bernoulli"](passed.pixels, given)).mean().backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0, name
    alone = model(given[2:3], noise[2:3])
    torch.testing.assert_close(alone.pixels[0], passed.pixels[2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", KINDS)
def test_it_starts_with_the_mean_picture(make):
    mean = torch.rand(1, 12, 12, generator=torch.Generator().manual_seed(1)) * 0.8 + 0.1
    for likelihood in ("bernoulli", "logistic"):
        model = make(likelihood=likelihood)
        model.start_from(mean, mean / 4)
        torch.testing.assert_close(expected(likelihood, model.bias[None])[0], mean, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", KINDS)
def test_weights_of_draws_come_in_the_same_order_whatever_is_done_at_once(make):
    model, given = make(), (pictures(5) > 0.5).float()
    noise = torch.randn(7, 1, model.latents, generator=torch.Generator().manual_seed(2))

    def shared(start: int, stop: int, count: int) -> torch.Tensor:
        return noise[start:stop].expand(-1, count, -1)

    some = [log_weights(model, given, 7, shared, LIKELIHOODS["bernoulli"], at_once) for at_once in (1, 2, 5, 12, 100)]
    assert some[0].shape == (7, 5)
    for each in some[1:]:
        torch.testing.assert_close(each, some[0], rtol=1e-4, atol=1e-3)


def test_a_learned_prior_is_a_density_and_goes_back():
    """Its stretches are the derivative's logarithm, there and back is the same, and it begins by changing nothing."""
    torch.manual_seed(0)
    prior, numbers = Couplings(count=5, layers=3, hidden=8), torch.randn(4, 5)
    torch.testing.assert_close(prior(numbers)[0], numbers)
    for weight in prior.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    normal, log_stretch = prior(numbers)
    torch.testing.assert_close(prior.back(normal), numbers)
    for row in range(4):
        slopes = torch.autograd.functional.jacobian(lambda one: prior(one[None])[0][0], numbers[row])
        torch.testing.assert_close(torch.linalg.slogdet(slopes).logabsdet, log_stretch[row].sum())


def test_the_second_level_s_prior_is_the_first_s():
    """The latent of a detail is its distance from the prior's mean in the prior's deviations: what is added to the
    maps is mean + deviation * latent."""
    model = KINDS[1]()
    latents = torch.randn(3, model.latents)
    down = model.downward(model.latent_prior.back(latents[:, :3]))
    mean, log_deviation = model.prior(down.relu()).chunk(2, 1)
    details = latents[:, 3:].view(mean.shape)
    moved = model.draw(down + model.add(mean + log_deviation.exp() * details))
    flat = model.patches_out(moved.relu())
    by_hand = torch.nn.functional.pixel_shuffle(flat, 4)[:, None] + model.bias
    torch.testing.assert_close(model.decode(latents), by_hand)
