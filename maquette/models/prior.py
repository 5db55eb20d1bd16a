"""EmbeddingPrior: which picture a text may stand for, as the numbers that CLIP would give the picture.

The diffusion prior of Ramesh et al. 2022, section 2.2: a Transformer reads the text, the level of noise and a noisy
picture embedding, and tells the embedding without noise.
"""

import math

import torch
from torch import Tensor, nn

from maquette.models.gpt import Block, heads_for, rms_norm, rotations

FASTEST = 32.0  # of the waves that tell the level of noise, in radians


class EmbeddingPrior(nn.Module):
    """Picture embeddings (N, D) for noisy ones, told the text's embedding (N, D) and its tokens (N, T, W).

    One sequence, each place of which sees those before it: tokens, text embedding, level of noise, noisy embedding, and
    a last place from which the answer is read. What is 0 of the text says nothing. Embeddings have a mean square of 1.
    """

    waves: Tensor
    turns: Tensor

    def __init__(self, *, numbers: int, tokens: int, context: int, width: int = 64, depth: int = 2):
        super().__init__()
        self.numbers, self.tokens, self.context, self.width, self.depth = numbers, tokens, context, width, depth
        heads = heads_for(width, 16)
        self.register_buffer("waves", torch.logspace(0, math.log10(FASTEST), width // 2), persistent=False)
        self.register_buffer("turns", rotations(context + 4, width // heads), persistent=False)
        self.of_tokens = nn.Linear(tokens, width, bias=False)
        self.of_text = nn.Linear(numbers, width, bias=False)
        self.of_level = nn.Linear(2 * (width // 2), width)
        self.of_noisy = nn.Linear(numbers, width)
        self.asks = nn.Parameter(torch.randn(width) * 0.5)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(depth)])
        self.answer = nn.Linear(width, numbers)

    def forward(self, noisy: Tensor, level: Tensor, embedding: Tensor, tokens: Tensor) -> Tensor:
        """noisy (N, D), scaled to a mean square of 1; level (N,), about -2 to 2."""
        angle = level[:, None] * self.waves
        places = [
            self.of_text(embedding),
            self.of_level(torch.cat([angle.cos(), angle.sin()], 1)),
            self.of_noisy(noisy),
            self.asks.expand(len(noisy), -1),
        ]
        x = torch.cat([self.of_tokens(tokens), torch.stack(places, 1)], 1)
        turns = self.turns[: x.shape[1]]
        for block in self.blocks:
            x = block(x, turns)
        return self.answer(rms_norm(x[:, -1]))
