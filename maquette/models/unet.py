"""UNet: a residual network at several resolutions that gives a picture for a picture."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.models.blocks import Down, Norm, ResidualBlock, Up, convolution


class UNet(nn.Module):
    """A picture for a picture of any size: (N, channels, H, W) to the same; Ronneberger et al. 2015, with additions.

    widths: channels at each resolution, the first at 1 / `shuffle` of the picture's: pixels are first dealt to channels
    (Shi et al. 2016), which makes a processor fast. blocks: residual blocks at each resolution on the way down, the
    lowest included; ups: on the way up, without the lowest. Skips are added, not concatenated. Without `norm` and
    `bias` the network is homogeneous, so it generalises over noise levels (Mohan et al. 2020). With `residual` the last
    layer's output is subtracted from the input: the network learns what is to be taken away.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        widths: Sequence[int] = (32, 64, 128),
        blocks: Sequence[int] = (1, 1, 2),
        ups: Sequence[int] = (1, 1),
        shuffle: int = 2,
        norm: Norm = "none",
        bias: bool = False,
        residual: bool = True,
    ):
        super().__init__()
        self.channels, self.widths, self.blocks, self.ups = channels, list(widths), list(blocks), list(ups)
        self.shuffle, self.norm, self.bias, self.residual = shuffle, norm, bias, residual
        self.multiple = shuffle * 2 ** (len(widths) - 1)  # sides are padded to a multiple of this

        def stack(width: int, count: int) -> nn.Sequential:
            return nn.Sequential(*(ResidualBlock(width, norm=norm, bias=bias) for _ in range(count)))

        pairs = list(itertools.pairwise(widths))
        self.head = convolution(channels * shuffle**2, widths[0], bias=bias)
        self.encoders = nn.ModuleList(stack(width, count) for width, count in zip(widths, blocks, strict=True))
        self.downs = nn.ModuleList(Down(wide, narrow, bias=bias) for wide, narrow in pairs)
        self.ups_ = nn.ModuleList(Up(narrow, wide, bias=bias) for wide, narrow in pairs)
        self.decoders = nn.ModuleList(stack(width, count) for width, count in zip(widths, ups, strict=False))
        self.tail = convolution(widths[0], channels * shuffle**2, bias=bias)
        self.tail.weight.data.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        padded = pad_to_multiple(x, self.multiple)
        y = self.head(F.pixel_unshuffle(padded, self.shuffle).contiguous(memory_format=torch.channels_last))
        kept = []
        for encoder, down in zip(self.encoders, self.downs, strict=False):
            y = encoder(y)
            kept.append(y)
            y = down(y)
        y = self.encoders[-1](y)
        for up, decoder in zip(reversed(self.ups_), reversed(self.decoders), strict=True):
            y = decoder(up(y) + kept.pop())
        y = F.pixel_shuffle(self.tail(y), self.shuffle)
        y = padded - y if self.residual else y
        return y[..., :height, :width]


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Pictures (N, C, H, W) grown at the bottom and the right by mirroring, also where they are smaller than that."""
    height, width = x.shape[-2:]
    if not torch.compiler.is_compiling() and height % multiple == 0 and width % multiple == 0:
        return x  # in a traced network the size is not known, so rows and columns are always picked
    rows, columns = mirrored(height, multiple).to(x.device), mirrored(width, multiple).to(x.device)
    return x[..., rows, :][..., columns]


def mirrored(size: int, multiple: int) -> Tensor:
    """0, 1 ... size - 1, size - 1, size - 2 ...: indices up to the next multiple, mirrored once, then 0."""
    place = torch.arange((size + multiple - 1) // multiple * multiple)
    return torch.minimum(place, (2 * size - 1 - place).clamp_min(0))
