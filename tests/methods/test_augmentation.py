"""Changes of pictures: the same for real and made ones, undone in part of the cases, and gradients go through them."""

import pytest
import torch
from torch.testing import assert_close

from maquette.methods.augmentation import DONE, NUMBERS, Changes, changed, changes


def numbers(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, NUMBERS, generator=torch.Generator().manual_seed(seed))


def test_the_same_numbers_change_real_and_made_pictures_alike():
    """What is done depends on the numbers alone: a change of a picture is the same map, whichever it is given."""
    real, made = torch.rand(6, 3, 16, 16) * 2 - 1, torch.rand(6, 3, 16, 16) * 2 - 1
    both = changes(numbers(6), 16)
    one, other = changed(real, both), changed(made, both)
    assert torch.equal(one, changed(real, both)) and torch.equal(other, changed(made, both))
    half = changed((real + made) / 2, Changes(*both[:5], *(torch.zeros(6), *both[6:])))
    parts = [changed(each, Changes(*both[:5], *(torch.zeros(6), *both[6:]))) for each in (real, made)]
    assert_close(half, (parts[0] + parts[1]) / 2)  # without offset it is linear
    swapped = changes(numbers(6).flip(0), 16)
    assert torch.equal(changed(real.flip(0), swapped).flip(0), one)  # each picture has its own change


def test_as_many_pictures_as_said_are_left_as_they_are():
    """So that what is made looks like pictures that nobody changed."""
    pictures = torch.rand(8000, 1, 16, 16) * 2 - 1
    after = changed(pictures, changes(numbers(8000), 16))
    same = (after - pictures).abs().flatten(1).amax(1) < 1e-6
    share = (1 - DONE) ** 3 + (1 - DONE) ** 2 * DONE / 25  # a move by nothing is one, too
    assert float(same.float().mean()) == pytest.approx(share, abs=4 * (share / 8000) ** 0.5)


def plain(count: int, **values: float) -> Changes:
    nothing = {"down": 0, "across": 0, "top": 0, "left": 0, "side": 0, "brightness": 0.0}
    all_values = nothing | {"saturation": 1.0, "contrast": 1.0} | values
    return Changes(*(torch.full((count,), all_values[name]) for name in Changes._fields))


def test_each_change_is_what_it_is_called():
    pictures = torch.rand(2, 3, 8, 8) * 2 - 1
    assert torch.allclose(changed(pictures, plain(2)), pictures, atol=1e-6)
    moved = changed(pictures, plain(2, down=2, across=-1))
    assert torch.allclose(moved[:, :, 2:, :-1], pictures[:, :, :-2, 1:], atol=1e-6)
    assert not moved[:, :, :2].any() and not moved[..., -1].any()
    covered = changed(pictures, plain(2, top=-2, left=5, side=4))
    assert not covered[:, :, :2, 5:].any()
    assert torch.allclose(covered[:, :, 2:], pictures[:, :, 2:], atol=1e-6)
    assert torch.allclose(changed(pictures, plain(2, brightness=0.25)), pictures + 0.25, atol=1e-6)
    grey = changed(pictures, plain(2, saturation=0.0))
    assert torch.allclose(grey, pictures.mean(1, keepdim=True).expand_as(pictures), atol=1e-6)
    flat = changed(pictures, plain(2, contrast=0.0))
    assert torch.allclose(flat, pictures.mean((1, 2, 3), keepdim=True).expand_as(pictures), atol=1e-6)


def test_gradients_go_through():
    pictures = (torch.rand(3, 3, 8, 8, dtype=torch.float64) * 2 - 1).requires_grad_()
    drawn = Changes(*(each.double() if each.is_floating_point() else each for each in changes(numbers(3, 5), 8)))
    assert torch.autograd.gradcheck(lambda x: changed(x, drawn), pictures)
