"""Blocks of convolutional networks: residual, down and up, with and without normalisation.

Pictures are (N, C, H, W). A block without biases and normalisation is homogeneous: twice the input, twice the output.
"""

from typing import Literal

from torch import Tensor, nn

Norm = Literal["none", "batch", "group"]


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, bias: bool = False) -> nn.Conv2d:
    """A convolution that keeps height and width (divides them by `stride`); weights after He et al. 2015."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=bias)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def normalisation(kind: Norm, channels: int) -> nn.Module:
    """Over the batch (Ioffe and Szegedy 2015), over groups of 8 channels (Wu and He 2018), or nothing."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    return nn.GroupNorm(max(1, channels // 8), channels) if kind == "group" else nn.Identity()


class ResidualBlock(nn.Module):
    """x + f(x), with f two 3x3 convolutions, each after a normalisation and a relu.

    He et al. 2016, "Identity mappings"; where `norm` is none, without its normalisations and its first relu, and the
    second convolution starts small, so that a deep stack begins near the identity. Where width or stride change, x goes
    through a 1x1 convolution.
    """

    def __init__(
        self, channels: int, outputs: int | None = None, *, stride: int = 1, norm: Norm = "none", bias: bool = False
    ):
        super().__init__()
        outputs = outputs or channels
        self.first = nn.Sequential(normalisation(norm, channels), *([nn.ReLU()] if norm != "none" else []))
        self.expand = convolution(channels, outputs, stride=stride, bias=bias)
        self.second = nn.Sequential(normalisation(norm, outputs), nn.ReLU(inplace=True))
        self.merge = convolution(outputs, outputs, bias=bias)
        with_shortcut = outputs != channels or stride != 1
        self.shortcut = convolution(channels, outputs, 1, stride) if with_shortcut else nn.Identity()
        if norm == "none":
            self.merge.weight.data.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        y = self.merge(self.second(self.expand(y)))
        return self.shortcut(x) + y


class Down(nn.Conv2d):
    """Half the height and width: a 2x2 convolution with stride 2."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = False):
        super().__init__(inputs, outputs, 2, stride=2, bias=bias)


class Up(nn.ConvTranspose2d):
    """Twice the height and width: a 2x2 transposed convolution, whose patches do not overlap."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = False):
        super().__init__(inputs, outputs, 2, stride=2, bias=bias)
