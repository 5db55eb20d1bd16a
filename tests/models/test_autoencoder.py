"""Autoencoders: the course's number of weights, gradients written out as autograd's, shapes and ranges."""

import pytest
import torch

from maquette.methods.losses import SquaredError
from maquette.models import ConvAutoencoder, DenseAutoencoder


def pictures(count: int, channels: int = 1, size: int = 28) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, channels, size, size), generator=generator, dtype=torch.uint8)


def test_the_course_s_network_has_50_992_weights():
    model = DenseAutoencoder()
    assert sum(weight.numel() for weight in model.parameters()) == 50_992
    assert [tuple(weight.shape) for weight in model.parameters()] == [(32, 784), (32,), (784, 32), (784,)]
    assert 28 * 28 / model.latent == 24.5


def test_a_dense_network_is_two_matrices():
    torch.manual_seed(0)
    model, given = DenseAutoencoder(size=3, latent=2), pictures(4, size=3)
    x = given.double().div(255).reshape(4, 9)
    first, last = model.encoder, model.decoder
    latents = (x @ first.weight.double().T + first.bias.double()).clamp_min(0)
    drawn = 1 / (1 + torch.exp(-(latents @ last.weight.double().T + last.bias.double())))
    torch.testing.assert_close(model.encode(given).double(), latents, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(model(given).double().reshape(4, 9), drawn, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_gradient_written_out_is_that_of_autograd(channels):
    torch.manual_seed(1)
    model, loss = DenseAutoencoder(size=6, channels=channels, latent=5), SquaredError()
    given = pictures(7, channels, 6).float() / 255
    value = loss(model(given), given)
    value.backward()
    wanted = [weight.grad.clone() for weight in model.parameters()]
    for weight in model.parameters():
        weight.grad.fill_(7.0)  # what was there before does not count
    torch.testing.assert_close(model.learn(given, given, loss.slope), value.detach())
    for weight, gradient in zip(model.parameters(), wanted, strict=True):
        torch.testing.assert_close(weight.grad, gradient, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("size", "channels", "latent", "depth"), [(28, 1, 32, 1), (32, 3, 7, 3), (8, 1, 1, 2), (64, 3, 100, 1)]
)
def test_shapes_ranges_and_what_goes_in(size, channels, latent, depth):
    torch.manual_seed(2)
    model = ConvAutoencoder(size=size, channels=channels, latent=latent, width=8, depth=depth)
    given = pictures(3, channels, size)
    latents = model.encode(given)
    drawn = model.decode(latents)
    assert latents.shape == (3, latent) and drawn.shape == given.shape
    assert drawn.min() >= 0 and drawn.max() <= 1
    torch.testing.assert_close(model(given.float() / 255), drawn)
    drawn.mean().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())


def test_patches_are_cut_and_laid_where_they_were():
    """With the layers between taken away, cutting into patches and laying them gives the picture back."""
    model = ConvAutoencoder(size=8, channels=3, latent=4 * 48, width=48)
    given = pictures(2, 3, 8).float() / 255
    with torch.no_grad():
        for layer in (model.patches_in, model.patches_out, model.encoder, model.decoder):
            torch.nn.init.eye_(layer.weight)
            layer.bias.zero_()
        for layer in (*model.convolutions_in, *model.convolutions_out):
            layer.weight.zero_()
            layer.weight[:, :, 1, 1] = torch.eye(48)
            layer.bias.zero_()
        torch.testing.assert_close(model(given), given.sigmoid())


def test_it_starts_from_the_brightness_of_the_pictures():
    torch.manual_seed(3)
    model = ConvAutoencoder(width=8)
    model.start_from(0.13)
    with torch.no_grad():
        assert float(model.decode(torch.zeros(1, 32)).mean()) == pytest.approx(0.13, abs=0.02)
