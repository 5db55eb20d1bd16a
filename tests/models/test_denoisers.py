"""Networks from picture to picture: weights counted, any size, homogeneous without biases, gradients by differences."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from maquette.models import CourseCNN, DnCNN, UNet
from maquette.models.blocks import ResidualBlock
from maquette.models.unet import mirrored, pad_to_multiple


def weights(model) -> int:
    return sum(weight.numel() for weight in model.parameters())


def test_the_course_s_network_has_the_course_s_weights():
    assert weights(CourseCNN()) == 21_123
    assert weights(CourseCNN(channels=1)) == 21_123 - 2 * 32 * 9 - 2 * (64 * 9 + 1)


def test_dncnn_is_the_paper_s():
    model = DnCNN()
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Conv2d", "ReLU", *["Conv2d", "BatchNorm2d", "ReLU"] * 15, "Conv2d"]
    assert weights(model) == (9 * 64 + 64) + 15 * (64 * 64 * 9 + 2 * 64) + 64 * 9
    x = torch.rand(1, 1, 9, 11)
    assert torch.equal(model.eval()(x), x - model.layers(x))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 45), st.integers(1, 45), st.sampled_from([1, 3]))
def test_the_unet_takes_any_size(height, width, channels):
    model = UNet(channels=channels, widths=(8, 16, 24), blocks=(1, 1, 1), ups=(1, 1))
    with torch.no_grad():
        assert model(torch.rand(2, channels, height, width)).shape == (2, channels, height, width)


def test_padding_mirrors_at_the_bottom_and_the_right():
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    assert torch.equal(pad_to_multiple(x, 4)[..., :3, :], x)
    assert torch.equal(pad_to_multiple(x, 4)[..., 3, :], x[..., 2, :])
    assert mirrored(3, 8).tolist() == [0, 1, 2, 2, 1, 0, 0, 0]
    assert pad_to_multiple(x, 1) is x


@pytest.mark.parametrize("residual", [True, False])
def test_without_biases_the_network_is_homogeneous(residual):
    model = UNet(residual=residual)
    x = torch.rand(1, 1, 40, 48)
    with torch.no_grad():
        assert model(3 * x) == pytest.approx(3 * model(x), abs=1e-5)


def test_shuffled_pixels_are_seen_in_their_place():
    """A network of zeros subtracts nothing; one whose skips and layers are cut off passes pixels through unchanged."""
    model = UNet(channels=3)
    torch.nn.init.zeros_(model.tail.weight)
    x = torch.rand(1, 3, 21, 34)
    assert torch.equal(model(x), x)


@pytest.mark.parametrize("norm", ["none", "batch", "group"])
@pytest.mark.parametrize("outputs,stride", [(None, 1), (16, 2)])
def test_residual_blocks_by_the_formula_and_by_differences(norm, outputs, stride):
    torch.manual_seed(0)
    block = ResidualBlock(8, outputs, norm=norm, stride=stride).double().eval()
    x = torch.rand(1, 8, 6, 6, dtype=torch.double, requires_grad=True)
    inner = block.first(x)
    y = F.conv2d(inner, block.expand.weight, stride=stride, padding=1)
    y = F.conv2d(block.second(y.clone()), block.merge.weight, padding=1)
    shortcut = x if outputs is None else F.conv2d(x, block.shortcut.weight, stride=stride)
    assert torch.allclose(block(x), shortcut + y)
    assert torch.autograd.gradcheck(block, x, eps=1e-6, atol=1e-5, nondet_tol=1e-8)


@pytest.mark.slow
def test_a_unet_can_learn_eight_pictures_by_heart():
    torch.manual_seed(0)
    model = UNet(widths=(16, 32), blocks=(1, 1), ups=(1,))
    clean = torch.rand(8, 1, 16, 16)
    noisy = clean + 0.3 * torch.randn_like(clean)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    first = None
    for _ in range(300):
        loss = (model(noisy) - clean).square().mean()
        first = first or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02 * first
