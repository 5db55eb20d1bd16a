"""DenoisingUNet: what a diffusion model learns, told how noisy its picture is and, if wanted, what it shows."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.models.blocks import Down, Up, convolution

SMALLEST = 8  # places along a side, above which a resolution is halved once more
HEAD = 32  # numbers of an attention head, about
FASTEST = 32.0  # of the waves that tell the level of noise, in radians


class DenoisingUNet(nn.Module):
    """A picture for a noisy one, (N, channels, size, size) to the same; after Ho et al. 2020, with additions.

    Pixels are dealt `shuffle` x `shuffle` to channels, which makes a processor fast, and halved in size until about 8
    places are left; there each place looks at all others. Channels: `width`, below it twice as many. Each of the
    `blocks` at a resolution is told the level of noise, and the sum of what else is known: the class out of `classes`
    (the number `classes` stands for none), a `vector` of so many numbers, of which 0 says nothing. With `tokens`, the
    numbers of a token, the places at the bottom also look at tokens, of which those that are 0 say nothing. With
    `draft` the vector is also drawn out to so many channels over the places at the bottom, as a generator begins: where
    all is noise, a network of convolutions told the same everywhere hardly knows what belongs where. With `mixed` each
    channel at the bottom meets all places at once, by way of so many numbers: what may be at the left or at the right
    is else drawn at both. With `fine` the answer is corrected by so many channels at the full resolution, where the
    noisy pixels themselves come in again.
    """

    waves: Tensor

    def __init__(
        self,
        *,
        channels: int = 1,
        size: int = 28,
        width: int = 56,
        blocks: int = 1,
        shuffle: int = 2,
        classes: int = 0,
        vector: int = 0,
        tokens: int = 0,
        draft: int = 0,
        mixed: int = 0,
        fine: int = 0,
    ):
        super().__init__()
        self.channels, self.size, self.width, self.blocks = channels, size, width, blocks
        self.shuffle, self.classes, self.vector, self.tokens = shuffle, classes, vector, tokens
        self.draft, self.mixed, self.fine = draft, mixed, fine
        places, widths = size // shuffle, [width]
        while places > SMALLEST and places % 2 == 0:
            places //= 2
            widths.append(2 * width)
        told = 2 * width
        self.register_buffer("waves", torch.logspace(0, math.log10(FASTEST), width), persistent=False)
        self.of_level = nn.Linear(2 * width, told)
        self.of_class = nn.Embedding(classes + 1, told) if classes else None
        self.of_vector = nn.Linear(vector, told, bias=False) if vector else None
        self.together = nn.Linear(told, told)
        self.head = convolution(channels * shuffle**2, width)

        def stack(wide: int, count: int) -> Stack:
            return Stack(ToldBlock(wide, told) for _ in range(count))

        pairs = list(pairwise(widths))
        self.encoders = nn.ModuleList(stack(wide, blocks) for wide in widths[:-1])
        self.downs = nn.ModuleList(Down(wide, narrow) for wide, narrow in pairs)
        self.drafted = Draft(vector, draft, places, widths[-1]) if draft else None
        self.before = stack(widths[-1], blocks)
        self.mixes = MixesPlaces(widths[-1], places, mixed, told) if mixed else None
        self.attention = Attention(widths[-1], tokens)
        self.after = stack(widths[-1], blocks)
        self.ups = nn.ModuleList(Up(narrow, wide) for wide, narrow in pairs)
        self.decoders = nn.ModuleList(stack(wide, blocks) for wide in widths[:-1])
        self.last = nn.GroupNorm(groups_of(width), width)
        self.tail = convolution(width, (channels + fine) * shuffle**2)
        self.tail.weight.data[: channels * shuffle**2].mul_(0.1)
        self.corrects = Corrects(channels, fine) if fine else None
        nn.init.normal_(self.together.weight, std=told**-0.5)

    def forward(
        self,
        x: Tensor,
        level: Tensor,
        classes: Tensor | None = None,
        vector: Tensor | None = None,
        tokens: Tensor | None = None,
    ) -> Tensor:
        """x (N, C, H, W); level (N,), about -2 to 2; classes (N,) int64; vector (N, V); tokens (N, L, T)."""
        angle = level[:, None] * self.waves
        told = self.of_level(torch.cat([angle.cos(), angle.sin()], 1))
        if self.of_class is not None:
            told = told + self.of_class(classes if classes is not None else self.nothing(x))
        if self.of_vector is not None and vector is not None:
            told = told + self.of_vector(vector)
        told = F.silu(self.together(F.silu(told)))
        y = F.pixel_unshuffle(x, self.shuffle).contiguous(memory_format=torch.channels_last)
        y = self.head(y)
        kept = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            y = encoder(y, told)
            kept.append(y)
            y = down(y)
        if self.drafted is not None and vector is not None:
            y = y + self.drafted(vector)
        y = self.before(y, told)
        if self.mixes is not None:
            y = self.mixes(y, told)
        y = self.attention(y, tokens)
        y = self.after(y, told)
        for up, decoder in zip(reversed(self.ups), reversed(self.decoders), strict=True):
            y = decoder(up(y) + kept.pop(), told)
        y = F.pixel_shuffle(self.tail(F.silu(self.last(y))), self.shuffle)
        return y if self.corrects is None else self.corrects(y, x)

    def nothing(self, x: Tensor) -> Tensor:
        """The number that stands for no class, for each picture."""
        return torch.full((len(x),), self.classes, dtype=torch.long, device=x.device)


class Stack(nn.ModuleList):
    """Blocks one behind the other, all told the same."""

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        for block in self:
            x = block(x, told)
        return x


class ToldBlock(nn.Module):
    """x + f(x), with f two 3x3 convolutions, the second of what is scaled and shifted by what the block is told."""

    def __init__(self, width: int, told: int):
        super().__init__()
        self.first = nn.GroupNorm(groups_of(width), width)
        self.expand = convolution(width, width)
        self.second = nn.GroupNorm(groups_of(width), width)
        self.merge = convolution(width, width)
        self.merge.weight.data.mul_(0.1)
        self.tell = nn.Linear(told, 2 * width)
        nn.init.zeros_(self.tell.weight)
        nn.init.zeros_(self.tell.bias)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        y = self.expand(F.silu(self.first(x)))
        scale, shift = self.tell(told)[:, :, None, None].chunk(2, 1)
        return x + self.merge(F.silu(self.second(y) * (1 + scale) + shift))


class Draft(nn.Module):
    """A vector (N, V) drawn out to `channels` over places x places, mixed to the width of a network there."""

    def __init__(self, vector: int, channels: int, places: int, width: int, hidden: int = 192):
        super().__init__()
        self.channels, self.places = channels, places
        self.first = nn.Linear(vector, hidden)
        self.second = nn.Linear(hidden, channels * places**2)
        self.mix = convolution(channels, width, 1)

    def forward(self, vector: Tensor) -> Tensor:
        drawn = self.second(F.silu(self.first(vector)))
        return self.mix(drawn.reshape(-1, self.channels, self.places, self.places))


class MixesPlaces(nn.Module):
    """x + f(x) + p, with f two layers over the places of each channel, as in Tolstikhin et al. 2021, "MLP-Mixer".

    p tells each place where it is, which attention does not see.
    """

    def __init__(self, width: int, places: int, hidden: int, told: int):
        super().__init__()
        self.norm = nn.GroupNorm(groups_of(width), width)
        self.tell = nn.Linear(told, 2 * width)
        self.first = nn.Linear(places**2, hidden)
        self.second = nn.Linear(hidden, places**2)
        self.where = nn.Parameter(0.1 * torch.randn(width, places, places))
        for layer in (self.tell, self.second):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        scale, shift = self.tell(told)[:, :, None].chunk(2, 1)
        y = self.norm(x).flatten(2) * (1 + scale) + shift
        return x + self.second(F.silu(self.first(y))).reshape(x.shape) + self.where


class Corrects(nn.Module):
    """An answer (N, C + fine, H, W), whose last channels meet the noisy picture (N, C, H, W) and correct the first."""

    def __init__(self, channels: int, fine: int):
        super().__init__()
        self.channels = channels
        self.noisy = convolution(channels, fine)
        self.answer = convolution(fine, channels)
        self.answer.weight.data.mul_(0.1)

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        return y[:, : self.channels] + self.answer(F.silu(y[:, self.channels :] + self.noisy(x)))


class Attention(nn.Module):
    """x + what each place gathers from all others, and from tokens if there are any; Vaswani et al. 2017.

    Tokens stand beside the places, with keys and values of their own, without biases: one that is 0 adds nothing but
    its share of the attention.
    """

    def __init__(self, width: int, tokens: int = 0):
        super().__init__()
        self.heads = max(1, round(width / HEAD))
        while width % self.heads:
            self.heads -= 1
        self.norm = nn.GroupNorm(groups_of(width), width)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.of_tokens = nn.Linear(tokens, 2 * width, bias=False) if tokens else None
        self.output = nn.Linear(width, width)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor, tokens: Tensor | None = None) -> Tensor:
        count, width, height, wide = x.shape
        places = self.norm(x).permute(0, 2, 3, 1).reshape(count, height * wide, width)
        query, key, value = self.query_key_value(places).chunk(3, 2)
        if self.of_tokens is not None and tokens is not None:
            more_keys, more_values = self.of_tokens(tokens).chunk(2, 2)
            key, value = torch.cat([key, more_keys], 1), torch.cat([value, more_values], 1)

        def split(rows: Tensor) -> Tensor:
            return rows.reshape(count, rows.shape[1], self.heads, width // self.heads).transpose(1, 2)

        gathered = F.scaled_dot_product_attention(split(query), split(key), split(value))
        gathered = self.output(gathered.transpose(1, 2).reshape(count, height * wide, width))
        return x + gathered.reshape(count, height, wide, width).permute(0, 3, 1, 2)


def shuffle_for(size: int) -> int:
    """How pixels are best dealt for pictures of such a side, so that a processor makes some in a second."""
    return 2 if size < 48 else 4 if size < 128 else 8


def groups_of(width: int) -> int:
    """Groups of about 16 channels."""
    groups = max(1, width // 16)
    while width % groups:
        groups -= 1
    return groups
