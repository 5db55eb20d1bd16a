"""Kernels alone: each goes over a picture of its own, and nothing else is learnt."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Kernels(nn.Module):
    """As many square kernels of `size` x `size` weights as there are `names`, without biases.

    Takes (N, K, H, W), a picture for each kernel, or (N, 1, H, W), one for all; gives (N, K, H - size + 1,
    W - size + 1): only where a kernel lies inside of the picture. Kernels begin as small noise.
    """

    def __init__(self, *, names: Sequence[str], size: int = 3):
        super().__init__()
        self.names, self.size = list(names), size
        self.weight = nn.Parameter(torch.randn(len(self.names), 1, size, size) / (4 * size))

    def forward(self, pictures: Tensor) -> Tensor:
        count = len(self.names)
        return nn.functional.conv2d(pictures.expand(-1, count, -1, -1), self.weight, groups=count)
