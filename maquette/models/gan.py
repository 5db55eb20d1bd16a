"""Generators, from random numbers to pictures, and discriminators, from pictures to one number each.

Pictures are (N, channels, size, size) in -1..1. A small residual pair without normalisation that works on pixels dealt
to channels, where a processor is quick; and the course's pair.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.models.autoencoder import start_like_keras
from maquette.models.blocks import convolution

SLOPE = 0.2  # of the activation below zero


def levels_of(size: int, patch: int) -> list[int]:
    """Sides at which the networks work, the largest first: halved down to at most 8."""
    sides = [size // patch]
    while sides[-1] > 8 and sides[-1] % 2 == 0:
        sides.append(sides[-1] // 2)
    return sides


def patch_of(size: int) -> int:
    """Pixels of a side that are dealt to channels: 2, of large pictures 4."""
    return 4 if size >= 48 and size % 8 == 0 else 2


class Leaky(nn.Module):
    """x + f(x), with f an activation, a 3x3 convolution, an activation and one that starts small; no normalisation."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = convolution(channels, channels, bias=True)
        self.second = convolution(channels, channels, bias=True)
        self.second.weight.data.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(F.leaky_relu(x, SLOPE))
        return x + self.second(F.leaky_relu(y, SLOPE))


class Generator(nn.Module):
    """Standard normal numbers (N, latents), and classes (N,) if there are any, to pictures in -1..1.

    widths: channels at each side, the largest side first; blocks: residual blocks at each. A linear layer draws the
    smallest side; on the way up pixels are dealt from channels (Shi et al. 2016). classes: 0 where there are none; a
    picture between classes takes shares of them, (N, classes), instead of (N,).
    """

    def __init__(
        self,
        *,
        size: int = 28,
        channels: int = 1,
        latents: int = 64,
        classes: int = 0,
        widths: Sequence[int] = (24, 72),
        blocks: int = 1,
    ):
        super().__init__()
        self.size, self.channels, self.latents, self.classes = size, channels, latents, classes
        self.widths, self.blocks = list(widths), blocks
        self.patch = patch_of(size)
        sides = levels_of(size, self.patch)
        assert len(widths) == len(sides) and size % self.patch == 0
        self.bottom = sides[-1]
        self.embedding = nn.Embedding(classes, latents) if classes else None
        self.start = nn.Linear(latents * (2 if classes else 1), self.widths[-1] * self.bottom**2)
        levels = list(reversed(self.widths))
        self.stages = nn.ModuleList(nn.Sequential(*(Leaky(width) for _ in range(blocks))) for width in levels)
        self.ups = nn.ModuleList(
            convolution(narrow, 4 * wide, 1, bias=True) for narrow, wide in itertools.pairwise(levels)
        )
        self.tail = convolution(self.widths[0], channels * self.patch**2, bias=True)

    def forward(self, latents: Tensor, classes: Tensor | None = None) -> Tensor:
        if self.embedding is not None:
            assert classes is not None
            known = self.embedding.weight
            kinds = classes @ known if classes.is_floating_point() else known[classes]
            latents = torch.cat([latents, kinds], 1)
        x = self.start(latents).view(-1, self.widths[-1], self.bottom, self.bottom)
        x = x.contiguous(memory_format=torch.channels_last)
        for number, stage in enumerate(self.stages):
            if number:
                x = F.pixel_shuffle(self.ups[number - 1](x), 2)
            x = stage(x)
        return F.pixel_shuffle(self.tail(F.leaky_relu(x, SLOPE)), self.patch).tanh()


class Discriminator(nn.Module):
    """Pictures in -1..1, and their classes if there are any, to logits (N,): how real each looks.

    The generator's mirror image. At the end each channel is weighed over all places to one feature, and the logit is
    linear in the features; with classes, each has its own direction besides (Miyato and Koyama 2018, equation (3)).
    """

    def __init__(
        self,
        *,
        size: int = 28,
        channels: int = 1,
        classes: int = 0,
        widths: Sequence[int] = (24, 72),
        blocks: int = 1,
    ):
        super().__init__()
        self.size, self.channels, self.classes = size, channels, classes
        self.widths, self.blocks = list(widths), blocks
        self.patch = patch_of(size)
        sides = levels_of(size, self.patch)
        assert len(widths) == len(sides) and size % self.patch == 0
        self.head = convolution(channels * self.patch**2, self.widths[0], bias=True)
        self.stages = nn.ModuleList(nn.Sequential(*(Leaky(width) for _ in range(blocks))) for width in self.widths)
        self.downs = nn.ModuleList(
            convolution(4 * wide, narrow, 1, bias=True) for wide, narrow in itertools.pairwise(self.widths)
        )
        self.places = nn.Parameter(torch.randn(self.widths[-1], sides[-1] ** 2) / sides[-1])
        self.last = nn.Linear(self.widths[-1], 1)
        self.embedding = nn.Embedding(classes, self.widths[-1]) if classes else None
        for layer in (self.last, self.embedding):
            if layer is not None:
                nn.init.normal_(layer.weight, std=1 / math.sqrt(self.widths[-1]))

    def features(self, pictures: Tensor) -> Tensor:
        """(N, widths[-1]): what the logit is linear in."""
        x = F.pixel_unshuffle(pictures, self.patch).contiguous(memory_format=torch.channels_last)
        x = self.head(x)
        for number, stage in enumerate(self.stages):
            if number:
                x = self.downs[number - 1](F.pixel_unshuffle(x, 2))
            x = stage(x)
        return (F.leaky_relu(x, SLOPE).flatten(2) * self.places).sum(2)

    def forward(self, pictures: Tensor, classes: Tensor | None = None) -> Tensor:
        features = self.features(pictures)
        logits = self.last(features)[:, 0]
        return logits if self.embedding is None else logits + (features * self.embedding(classes)).sum(1)


class CourseGenerator(nn.Module):
    """The course's DCGAN: a dense layer, three transposed 5x5 convolutions with batch normalisation between, tanh.

    Layers as Keras's, with its constants: no biases, "same" padding, slope 0.3, momentum 0.99, epsilon 0.001.
    """

    def __init__(self, *, size: int = 28, channels: int = 1, latents: int = 100):
        super().__init__()
        assert size % 4 == 0
        self.size, self.channels, self.latents = size, channels, latents
        self.side = size // 4
        self.dense = nn.Linear(latents, 256 * self.side**2, bias=False)
        self.norms = nn.ModuleList(
            [nn.BatchNorm1d(256 * self.side**2, eps=1e-3, momentum=0.01)]
            + [nn.BatchNorm2d(width, eps=1e-3, momentum=0.01) for width in (128, 64)]
        )
        self.convolutions = nn.ModuleList(
            [
                nn.ConvTranspose2d(256, 128, 5, 1, padding=2, bias=False),
                nn.ConvTranspose2d(128, 64, 5, 2, padding=1, bias=False),
                nn.ConvTranspose2d(64, channels, 5, 2, padding=1, bias=False),
            ]
        )
        start_like_keras(self)

    def forward(self, latents: Tensor, classes: Tensor | None = None) -> Tensor:
        x = F.leaky_relu(self.norms[0](self.dense(latents)), 0.3).view(-1, 256, self.side, self.side)
        x = F.leaky_relu(self.norms[1](self.convolutions[0](x)), 0.3)
        x = F.leaky_relu(self.norms[2](self.convolutions[1](x)[..., :-1, :-1]), 0.3)
        return self.convolutions[2](x)[..., :-1, :-1].tanh()


class CourseDiscriminator(nn.Module):
    """The course's: two 5x5 convolutions with stride 2, each with dropout behind it, and a dense layer to one logit."""

    def __init__(self, *, size: int = 28, channels: int = 1):
        super().__init__()
        assert size % 4 == 0
        self.size, self.channels = size, channels
        self.convolutions = nn.ModuleList([nn.Conv2d(channels, 64, 5, 2), nn.Conv2d(64, 128, 5, 2)])
        self.dropout = nn.Dropout(0.3)
        self.last = nn.Linear(128 * (size // 4) ** 2, 1)
        start_like_keras(self)

    def forward(self, pictures: Tensor, classes: Tensor | None = None) -> Tensor:
        x = pictures
        for layer in self.convolutions:
            x = self.dropout(F.leaky_relu(layer(F.pad(x, (1, 2, 1, 2))), 0.3))  # "same": the odd pixel comes last
        return self.last(x.flatten(1))[:, 0]
