"""Convolution arithmetic beside torch: sizes over the paper's grid, values, plans, and fields by gradients."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from maquette.methods.convolution import KERNELS, Window, convolved, read_plan, stages


def layer_of(window: Window, before: int = 1, after: int = 1) -> nn.Module:
    sizes = {"stride": window.stride, "padding": window.padding, "dilation": window.dilation}
    if window.is_transposed:
        return nn.ConvTranspose2d(before, after, window.kernel, output_padding=window.extra, **sizes)
    return nn.Conv2d(before, after, window.kernel, **sizes)


@pytest.mark.parametrize("is_transposed", [False, True])
def test_every_size_is_torchs(is_transposed):
    """Sides 1 to 12, kernels 1 to 5, strides 1 to 3, paddings 0 to 4, dilations 1 to 3, and extra rows."""
    tried = 0
    for kernel, stride, padding, dilation in itertools.product(range(1, 6), range(1, 4), range(5), range(1, 4)):
        for extra in range(max(stride, dilation) if is_transposed else 1):
            window = Window(kernel, stride, padding, dilation, is_transposed, extra)
            layer = layer_of(window).to("meta")
            for size in range(1, 13):
                expected = window.output(size)
                if expected < 1:
                    with pytest.raises(RuntimeError):
                        layer(torch.empty(1, 1, size, size, device="meta"))
                    continue
                assert layer(torch.empty(1, 1, size, size, device="meta")).shape[2:] == (expected, expected), window
                tried += 1
    assert tried > 2000


@pytest.mark.parametrize("is_transposed", [False, True])
@pytest.mark.parametrize("window", [(3, 1, 0, 1), (3, 2, 1, 1), (4, 2, 1, 1), (2, 3, 0, 1), (3, 1, 2, 2), (3, 2, 3, 3)])
def test_the_pixels_that_meet_give_torchs_values(window, is_transposed):
    generator = np.random.default_rng(0)
    window = Window(*window, is_transposed)
    picture, weights = generator.normal(size=(8, 7)), generator.normal(size=(window.kernel, window.kernel))
    layer = layer_of(window).double()
    layer.weight.data[0, 0] = torch.from_numpy(weights)
    layer.bias.data.zero_()
    expected = layer(torch.from_numpy(picture)[None, None])[0, 0].detach().numpy()
    assert np.allclose(convolved(picture, weights, window), expected)


def test_hand_made_kernels_do_what_they_are_called():
    plain = np.ones((5, 5))
    step = np.repeat([[0.0, 0, 0, 1, 1]], 5, axis=0)
    for name, weights in KERNELS.items():
        expected = 1 if name in ("blur", "sharpen") else 0
        assert np.allclose(convolved(plain, weights, Window(3)), expected), name
    assert np.allclose(convolved(step, KERNELS["edge-across"], Window(3))[1], [0, 1, 1])
    assert np.allclose(convolved(step, KERNELS["edge-down"], Window(3)), 0)
    assert convolved(step, KERNELS["sharpen"], Window(3))[1].tolist() == [0, -1, 2]


PLANS = [
    "conv 3x3 s2 p1, conv 3x3, up 2",
    "conv 5x5 c8, pool 2, conv 3x3 p1 c16, pool 2, conv 3x3 d2 c4",
    "conv 3 s2 p1 c4, conv 3 s2 p1, transposed 4x4 s2 p1 c2, transposed 3 s2 p1 e1",
    "conv 2x2 s2, up 3, conv 3x3 p1, transposed 3 d2",
]


def network_of(plan: str, channels: int) -> nn.Sequential:
    made, now = [], channels
    for layer in read_plan(plan):
        if layer.kind == "pool":
            made.append(nn.AvgPool2d(layer.window.kernel))  # as far as the largest sees, and with a slope everywhere
        elif layer.kind == "up":
            made.append(nn.Upsample(scale_factor=layer.window.stride))
        else:
            made.append(layer_of(layer.window, now, layer.channels or now))
            now = layer.channels or now
    return nn.Sequential(*made)


@pytest.mark.parametrize("plan", PLANS)
def test_plans_have_torchs_sizes_weights_and_fields(plan):
    found = stages(read_plan(plan), 40, 3)
    network, picture = network_of(plan, 3), torch.rand(1, 3, 40, 40)
    for layer, stage in zip(network, found[1:], strict=True):
        picture = layer(picture)
        assert picture.shape[1:] == (stage.channels, stage.size, stage.size)
        assert sum(weight.numel() for weight in layer.parameters()) == stage.weights
    for count in range(1, len(network) + 1):
        assert found[count].field == field_of(network[:count], 40)


def field_of(network: nn.Sequential, size: int) -> int:
    """The most columns of the input that a pixel of the middle depends on, by the slope of positive weights."""
    for weight in network.parameters():
        weight.data.fill_(1.0)
    picture = torch.rand(1, 3, size, size, requires_grad=True)
    out = network(picture)
    middle = out.shape[-1] // 2
    spans = []
    for place in range(middle - 3, middle + 3):
        (slope,) = torch.autograd.grad(out[0, 0, middle, place], picture, retain_graph=True)
        columns = slope[0].abs().sum((0, 1)).nonzero()[:, 0]
        spans.append(int(columns.max() - columns.min()) + 1)
    return max(spans)


def test_multiplications_are_counted():
    conv, transposed = stages(read_plan("conv 3x3 s2 p1 c4"), 8, 3)[1], stages(read_plan("transposed 2 s2 c4"), 8, 3)[1]
    assert conv.multiplications == 4 * 4 * 9 * 3 * 4
    assert transposed.multiplications == 8 * 8 * 4 * 3 * 4


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("", "empty"),
        ("dense 3", "'dense 3' is no layer"),
        ("conv", "is no layer"),
        ("conv 3 p9999", "padding up to that"),
        ("conv 3 c99999999999", "from 1 to 65,536 channels"),
        ("conv 3x5", "squares"),
        ("conv 3x3 q2", "'q2' is not understood"),
        ("conv 3x3 s2 s3", "'s3' is not understood"),
        ("conv 3x3 s0", "from 1 to"),
        ("conv 3x3 c0", "from 1 to 65,536 channels"),
        ("conv 3x3 e1", "'e1' is not understood"),
        ("transposed 3x3 s2 e2", "extra rows"),
        ("pool 2 s2", "its size only"),
        ("conv 99999x99999", "from 1 to"),
    ],
)
def test_plans_that_are_none_are_told(plan, said):
    with pytest.raises(ValueError, match=said):
        read_plan(plan)


def test_a_plan_that_leaves_nothing_is_told():
    with pytest.raises(ValueError, match=r"Layer 2 \(conv 5 x 5.*leaves nothing of 4 x 4"):
        stages(read_plan("pool 2, conv 5x5"), 8, 1)
