"""Autoencoders: pictures through a few numbers and back; one of dense layers, one that convolves patches.

Pictures are (N, C, size, size), uint8 or float32 in 0..1; `encode` gives (N, latent), `decode` pictures in 0..1.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Slope = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def floats(pictures: Tensor) -> Tensor:
    """float32 in 0..1, of uint8 as well."""
    return pictures.float().div_(255) if pictures.dtype == torch.uint8 else pictures


def start_like_keras(model: nn.Module) -> None:
    """Weights uniform in +-sqrt(6 / (fan in + fan out)), Glorot and Bengio 2010, equation (16); biases zero."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class DenseAutoencoder(nn.Module):
    """The course's: all pixels -> `latent` numbers, relu -> all pixels, sigmoid."""

    def __init__(self, *, size: int = 28, channels: int = 1, latent: int = 32):
        super().__init__()
        self.size, self.channels, self.latent = size, channels, latent
        self.encoder = nn.Linear(channels * size**2, latent)
        self.decoder = nn.Linear(latent, channels * size**2)
        start_like_keras(self)

    def encode(self, pictures: Tensor) -> Tensor:
        return self.encoder(floats(pictures).flatten(1)).relu()

    def decode(self, latents: Tensor) -> Tensor:
        return self.decoder(latents).sigmoid().view(-1, self.channels, self.size, self.size)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.decode(self.encode(pictures))

    @torch.no_grad()
    def learn(self, pictures: Tensor, target: Tensor, slope: Slope) -> Tensor:
        """The loss of a batch, and its gradient left in the parameters' `grad`, which must be there already.

        The same as `loss(self(pictures), target).backward()` on cleared gradients, by the chain rule written out, in a
        little more than half the time. `slope(predicted, target)` gives the loss and its derivative by `predicted`.
        """
        first, last = self.encoder, self.decoder
        assert first.weight.grad is not None and first.bias.grad is not None
        assert last.weight.grad is not None and last.bias.grad is not None
        x = floats(pictures).flatten(1)
        latents = torch.addmm(first.bias, x, first.weight.t()).relu_()
        drawn = torch.addmm(last.bias, latents, last.weight.t()).sigmoid_()
        value, pull = slope(drawn, floats(target).flatten(1))
        pull = torch.ops.aten.sigmoid_backward(pull, drawn)
        torch.sum(pull, 0, out=last.bias.grad)
        torch.mm(pull.t(), latents, out=last.weight.grad)
        pull = torch.ops.aten.threshold_backward(pull.mm(last.weight), latents, 0)
        torch.sum(pull, 0, out=first.bias.grad)
        torch.mm(pull.t(), x, out=first.weight.grad)
        return value


class ConvAutoencoder(nn.Module):
    """Patches of `patch` x `patch` pixels -> `width` channels -> 3x3 convolutions -> `latent` numbers, and back.

    The picture is cut into patches that do not overlap, which is a convolution with a stride of its own size. So
    all convolutions work on few places with many channels, where a processor is quick. Behind the first of the
    `depth` 3x3 convolutions on each side, the others add to what they are given. `size` is a multiple of `patch`.
    """

    def __init__(
        self, *, size: int = 28, channels: int = 1, latent: int = 32, width: int = 32, depth: int = 1, patch: int = 4
    ):
        super().__init__()
        assert size % patch == 0
        self.size, self.channels, self.latent, self.width, self.depth = size, channels, latent, width, depth
        self.patch = patch
        self.side = size // patch
        pixels, everything = channels * patch**2, self.side**2 * width
        self.patches_in = nn.Linear(pixels, width)
        self.convolutions_in = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(depth))
        self.encoder = nn.Linear(everything, latent)
        self.decoder = nn.Linear(latent, everything)
        self.convolutions_out = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(depth))
        self.patches_out = nn.Linear(width, pixels)
        start_like_keras(self)

    @torch.no_grad()
    def start_from(self, brightness: float) -> None:
        """Before training: draw pictures of this mean brightness, 0..1, which saves the first few dozen steps."""
        nn.init.constant_(self.patches_out.bias, math.log(brightness / (1 - brightness)))

    def encode(self, pictures: Tensor) -> Tensor:
        side, patch = self.side, self.patch
        cut = floats(pictures).reshape(-1, self.channels, side, patch, side, patch).permute(0, 2, 4, 1, 3, 5)
        hidden = F.relu(self.patches_in(cut.reshape(-1, side, side, self.channels * patch**2)))
        return self.encoder(self.convolved(hidden, self.convolutions_in).reshape(-1, side**2 * self.width))

    def decode(self, latents: Tensor) -> Tensor:
        side, patch = self.side, self.patch
        hidden = F.relu(self.decoder(latents)).view(-1, side, side, self.width)
        drawn = self.patches_out(self.convolved(hidden, self.convolutions_out)).sigmoid()
        drawn = drawn.view(-1, side, side, self.channels, patch, patch).permute(0, 3, 1, 4, 2, 5)
        return drawn.reshape(-1, self.channels, self.size, self.size)

    def convolved(self, hidden: Tensor, layers: nn.ModuleList) -> Tensor:
        """(N, side, side, width) to the same shape; the channels of a place lie side by side throughout."""
        maps = hidden.permute(0, 3, 1, 2)
        for number, layer in enumerate(layers):
            maps = F.relu(layer(maps)) + (maps if number else 0)
        return maps.permute(0, 2, 3, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.decode(self.encode(pictures))
