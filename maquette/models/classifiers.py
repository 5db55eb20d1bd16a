"""Classifiers of pictures: one linear layer, a plain small CNN, a residual network; and one attacked, one defended.

All take pictures (N, C, H, W) in 0..1 and give logits (N, classes). In each, the maximum over 2 x 2 pixels stands
before the normalisation and the relu: both rise with their input, so the order changes nothing but saves three quarters
of their work.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from maquette.models.blocks import ResidualBlock


class SoftmaxClassifier(nn.Module):
    """Softmax regression: one linear layer from all pixels to the logits."""

    def __init__(self, *, height: int, width: int, channels: int = 1, classes: int = 10):
        super().__init__()
        self.height, self.width, self.channels, self.classes = height, width, channels, classes
        self.linear = nn.Linear(channels * height * width, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.linear(pictures.flatten(1))


class SmallCNN(nn.Module):
    """3 x 3 convolutions with relu, each followed by the maximum of 2 x 2 pixels, then one linear layer.

    For 28 x 28 grey pictures and the widths 32 and 64 it has 50,186 weights.
    """

    def __init__(
        self, *, height: int, width: int, channels: int = 1, classes: int = 10, widths: Sequence[int] = (32, 64)
    ):
        super().__init__()
        self.height, self.width, self.channels, self.classes = height, width, channels, classes
        self.widths = list(widths)
        layers: list[nn.Module] = []
        for before, after in zip([channels, *widths], widths, strict=False):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        shrunk = 2 ** len(self.widths)
        self.linear = nn.Linear(self.widths[-1] * (height // shrunk) * (width // shrunk), classes)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.linear(self.features(pictures).flatten(1))


class ResNet(nn.Module):
    """A small residual network for pictures of any size of at least 2^len(widths) pixels.

    Each width is a stage at half the size of the one before: convolution, maximum of 2 x 2 pixels, batch norm, relu,
    then as many residual blocks as `blocks` says for it (He et al. 2016, "Identity mappings"). At the end batch norm,
    relu, the maximum over the whole picture and one linear layer.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        classes: int = 10,
        widths: Sequence[int] = (16, 32, 64),
        blocks: Sequence[int] = (0, 1, 1),
    ):
        super().__init__()
        assert len(widths) == len(blocks)
        self.channels, self.classes, self.widths, self.blocks = channels, classes, list(widths), list(blocks)
        layers: list[nn.Module] = []
        for before, after, count in zip([channels, *widths], widths, blocks, strict=False):
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.MaxPool2d(2)]
            layers += [nn.BatchNorm2d(after), nn.ReLU(), *(ResidualBlock(after, norm="batch") for _ in range(count))]
        if blocks[-1]:
            layers += [nn.BatchNorm2d(self.widths[-1]), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.linear = nn.Linear(self.widths[-1], classes)

    def hidden(self, pictures: Tensor) -> Tensor:
        """What the last layer sees of each picture: (N, widths[-1])."""
        return self.features(pictures).amax((2, 3))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.linear(self.hidden(pictures))


Classifier = SoftmaxClassifier | SmallCNN | ResNet
CLASSIFIERS: dict[str, type[Classifier]] = {
    "SoftmaxClassifier": SoftmaxClassifier,
    "SmallCNN": SmallCNN,
    "ResNet": ResNet,
}


class AttackedClassifier(nn.Module):
    """Two classifiers of one kind: `victim`, trained as usual, and `defended`, trained on attacks; gives both logits.

    network: the class's name; arguments: its constructor's arguments. Returns (N, 2, classes), the victim's first.
    """

    def __init__(self, *, network: str, arguments: dict[str, Any]):
        super().__init__()
        self.network, self.arguments = network, dict(arguments)
        self.victim = CLASSIFIERS[network](**arguments)
        self.defended = CLASSIFIERS[network](**arguments)

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.stack([self.victim(pictures), self.defended(pictures)], dim=1)
