"""Plain convolutional networks that give a picture for a picture: the course's, and DnCNN."""

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from maquette.models.blocks import convolution


class CourseCNN(nn.Sequential):
    """The course's denoiser, 21,123 weights in colour: (N, channels, H, W) to the same.

    3x3 convolutions with relu between them. Weights start as in Keras: uniform in +-sqrt(6 / (fan in + fan out)),
    biases at zero.
    """

    def __init__(self, *, channels: int = 3, widths: Sequence[int] = (32, 64)):
        sizes = [channels, *widths, channels]
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(sizes):
            layer = nn.Conv2d(inputs, outputs, 3, padding=1)
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            layers += [layer, nn.ReLU()]
        super().__init__(*layers[:-1])
        self.channels, self.widths = channels, list(widths)


class DnCNN(nn.Module):
    """The noise taken from a picture: (N, channels, H, W) to the same; Zhang et al. 2017, figure 1.

    `depth` layers of `width` 3x3 filters: 17 for one noise level (DnCNN-S), 20 for many (DnCNN-B). The first has relu,
    those in between batch normalisation and relu, and the last gives what is subtracted from the input.
    """

    def __init__(self, *, channels: int = 1, depth: int = 17, width: int = 64):
        super().__init__()
        self.channels, self.depth, self.width = channels, depth, width
        layers: list[nn.Module] = [convolution(channels, width, bias=True), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += [convolution(width, width), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, convolution(width, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x - self.layers(x)
