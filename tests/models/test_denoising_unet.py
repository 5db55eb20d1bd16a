"""The network of diffusion: what it takes and gives, and that what is not told changes nothing."""

import pytest
import torch

from maquette.models import DenoisingUNet
from maquette.models.denoising_unet import Attention, MixesPlaces, shuffle_for


def lively(**arguments):
    """A network whose weights that begin as 0 are not 0."""
    torch.manual_seed(0)
    network = DenoisingUNet(width=8, **arguments).eval()
    for weight in network.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.1)
    return network


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (30, 3), (32, 3), (34, 1), (64, 3)])
def test_a_picture_for_a_picture_of_any_size_that_is_dealt_evenly(size, channels):
    network = lively(size=size, channels=channels, shuffle=shuffle_for(size), classes=3)
    x, level = torch.randn(2, channels, size, size), torch.tensor([-0.5, 0.5])
    given = network(x, level, torch.tensor([0, 3]))
    assert given.shape == x.shape and torch.isfinite(given).all()
    given.square().mean().backward()
    assert all(weight.grad is not None and torch.isfinite(weight.grad).all() for weight in network.parameters())


def test_its_size_is_what_the_recipe_promises():
    count = sum(weight.numel() for weight in DenoisingUNet(classes=10).parameters())
    assert 0.6e6 < count < 0.85e6


def test_each_picture_is_told_its_own_level_and_class():
    network = lively(classes=4)
    x, level, classes = torch.randn(3, 1, 28, 28), torch.tensor([-1.0, 0.0, 1.0]), torch.tensor([0, 2, 4])
    together = network(x, level, classes)
    for place in range(3):
        alone = network(*(each[place : place + 1] for each in (x, level, classes)))
        assert torch.allclose(alone[0], together[place], atol=1e-5)
    assert not torch.allclose(network(x, level + 0.3, classes), together)
    assert not torch.allclose(network(x, level, classes.flip(0))[0], together[0])


def test_what_says_nothing_is_as_if_it_were_not_said():
    network = lively(classes=4, vector=6, tokens=5)
    x, level = torch.randn(2, 1, 28, 28), torch.zeros(2)
    untold = network(x, level)
    assert torch.equal(network(x, level, torch.full((2,), 4)), untold)
    assert torch.allclose(network(x, level, vector=torch.zeros(2, 6)), untold, atol=1e-6)
    assert not torch.allclose(network(x, level, vector=torch.ones(2, 6)), untold, atol=1e-3)
    assert not torch.allclose(network(x, level, tokens=torch.ones(2, 3, 5)), untold, atol=1e-3)


def test_a_vector_is_drawn_out_and_pixels_are_corrected():
    network = lively(channels=3, size=32, vector=6, draft=4, mixed=7, fine=5)
    x, level, vector = torch.randn(2, 3, 32, 32), torch.zeros(2), torch.randn(2, 6)
    given = network(x, level, vector=vector)
    assert given.shape == x.shape and not torch.allclose(network(x, level, vector=-vector), given, atol=1e-3)
    drawn = network.drafted(vector)
    assert drawn.shape == (2, 16, 8, 8) and drawn.std((2, 3)).min() > 1e-3  # other at each place
    given.square().mean().backward()
    assert all(weight.grad is not None and torch.isfinite(weight.grad).all() for weight in network.parameters())


def test_places_are_mixed_channel_by_channel():
    torch.manual_seed(0)
    mixes = MixesPlaces(6, 2, 5, told=3).double()
    x, told = torch.randn(2, 6, 2, 2, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    assert torch.equal(mixes(x, told), x + mixes.where)  # it begins with nothing but where a place is
    for weight in mixes.parameters():
        torch.nn.init.normal_(weight)
    scale, shift = mixes.tell(told).chunk(2, 1)
    expected = torch.empty_like(x)
    for picture in range(2):
        for channel in range(6):
            seen = mixes.norm(x)[picture, channel].flatten() * (1 + scale[picture, channel]) + shift[picture, channel]
            met = mixes.second(torch.nn.functional.silu(mixes.first(seen)))
            expected[picture, channel] = x[picture, channel] + met.reshape(2, 2) + mixes.where[channel]
    assert torch.allclose(mixes(x, told), expected)


def test_attention_is_the_softmax_of_products():
    torch.manual_seed(0)
    attention = Attention(8, tokens=3).double()
    torch.nn.init.normal_(attention.output.weight)
    x, tokens = torch.randn(2, 8, 3, 4, dtype=torch.float64), torch.randn(2, 5, 3, dtype=torch.float64)
    places = attention.norm(x).flatten(2).transpose(1, 2)
    query, key, value = attention.query_key_value(places).chunk(3, 2)
    more = attention.of_tokens(tokens).chunk(2, 2)
    key, value = torch.cat([key, more[0]], 1), torch.cat([value, more[1]], 1)
    weights = (query @ key.transpose(1, 2) / 8**0.5).softmax(2)
    expected = x + attention.output(weights @ value).transpose(1, 2).reshape(x.shape)
    assert attention.heads == 1 and torch.allclose(attention(x, tokens), expected)
