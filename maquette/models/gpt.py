"""GPT as it is built today: rotary positions, RMS norm, squared relu, normalised queries and keys, no biases.

The plain network of 2019 is in gpt2.py. Sources: Su et al. 2021 (rotary positions), Zhang and Sennrich 2019 (RMS norm),
So et al. 2021 (squared relu), Dehghani et al. 2023 (normalised queries and keys).
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maquette.models.attention import Cache, LanguageModel, attend, joined


class GPT(LanguageModel):
    """A Transformer that predicts the next token: tokens (B, T), T <= context, to logits (B, T, vocabulary)."""

    def __init__(self, *, vocabulary: int, context: int = 256, depth: int = 4, width: int = 128, heads: int = 4):
        super().__init__()
        self.vocabulary, self.context, self.depth, self.width, self.heads = vocabulary, context, depth, width, heads
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(depth)])
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.register_buffer("turns", rotations(context, width // heads), persistent=False)
        self.turns: Tensor
        nn.init.normal_(self.embedding.weight)
        nn.init.zeros_(self.head.weight)

    def states(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """The last layer's numbers, normalised, (B, T, width)."""
        start = cache.length if cache else 0
        turns = self.turns[start : start + tokens.shape[1]]
        x = rms_norm(self.embedding(tokens))
        for layer, block in enumerate(self.blocks):
            x = block(x, turns, cache, layer)
        if cache:
            cache.length += tokens.shape[1]
        return rms_norm(x)

    def logits(self, states: Tensor) -> Tensor:
        return self.head(states)


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)); both branches end in zeros before training."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.widen = nn.Linear(width, 4 * width, bias=False)
        self.narrow = nn.Linear(4 * width, width, bias=False)
        for layer in (self.qkv, self.widen):
            nn.init.uniform_(layer.weight, -((3 / width) ** 0.5), (3 / width) ** 0.5)
        for layer in (self.mix, self.narrow):
            nn.init.zeros_(layer.weight)

    def forward(self, x: Tensor, turns: Tensor, cache: Cache | None = None, layer: int = 0) -> Tensor:
        """x (B, T, width); turns: rows of `rotations` for these T places."""
        numbers = self.qkv(rms_norm(x)).view(*x.shape[:2], 3 * self.heads, -1)
        looking, value = numbers[:, :, : -self.heads], numbers[:, :, -self.heads :]
        query, key = rotate(rms_norm(looking), turns).chunk(2, dim=2)
        query, key, value = query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
        attended = cache.attend(layer, query, key, value) if cache else attend(query, key, value)
        x = x + self.mix(joined(attended))
        return x + self.narrow(SquaredRelu.apply(self.widen(rms_norm(x))))


def rms_norm(x: Tensor) -> Tensor:
    """x / sqrt(mean(x^2)) over the last axis; Zhang and Sennrich 2019, equation (4), without gains."""
    return RmsNorm.apply(x) if torch.is_grad_enabled() else functional.rms_norm(x, (x.shape[-1],))


class RmsNorm(torch.autograd.Function):
    """The same with its derivative (g - y mean(g y)) / sqrt(mean(x^2)) written out, in fewer passes over memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        square = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square() / x.shape[-1]
        scale = (square + torch.finfo(x.dtype).eps).rsqrt()
        y = x * scale
        ctx.save_for_backward(y, scale)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        y, scale = ctx.saved_tensors
        along = (gradients[0] * y).mean(-1, keepdim=True)
        return torch.addcmul(gradients[0], y, along, value=-1).mul_(scale)


def rotations(places: int, size: int, base: float = 10_000.0) -> Tensor:
    """cos and sin of place / base^(2i / size) for the i-th pair of numbers: (places, size / 2, 2)."""
    angles = torch.outer(torch.arange(places), base ** (-torch.arange(0, size, 2) / size))
    return torch.stack([angles.cos(), angles.sin()], dim=-1)


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Each pair of numbers of x (B, T, H, D) turned by the angle of its place; Su et al. 2021, equation (34).

    A pair is a complex number, and turning it a product with e^(i angle): one pass where four products would be many.
    """
    if torch.compiler.is_exporting():  # other programs know no complex numbers
        (a, b), (cos, sin) = x.unflatten(-1, (-1, 2)).unbind(-1), turns[:, None].unbind(-1)
        return torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)
    pairs = torch.view_as_complex(x.view(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * torch.view_as_complex(turns)[:, None]).flatten(-2)


class SquaredRelu(torch.autograd.Function):
    """max(x, 0)^2, whose derivative is 2 max(x, 0): half the passes over memory that autograd would take."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        positive = x.clamp(min=0)
        ctx.save_for_backward(positive)
        return positive.square()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return torch.mul(gradients[0], ctx.saved_tensors[0]).mul_(2)


def heads_for(width: int, size: int = 32) -> int:
    """How many heads of about `size` numbers divide the width into equal, even parts."""
    fitting = [n for n in range(1, width + 1) if width % n == 0 and (width // n) % 2 == 0]
    return min(fitting, key=lambda n: abs(math.log(width / n / size)))
