"""The plainest language model: each token by itself, as often as training saw it."""

import torch
from torch import Tensor, nn


class Unigram(nn.Module):
    """log p of tokens of any shape, in nats: p = (count + 1) / (sum of counts + vocabulary), Laplace's rule."""

    def __init__(self, *, vocabulary: int):
        super().__init__()
        self.vocabulary = vocabulary
        even = torch.full((vocabulary,), 1 / vocabulary, dtype=torch.float64).log()
        self.log_probabilities = nn.Parameter(even, requires_grad=False)

    def count(self, counts: Tensor) -> None:
        """Take over how often each token was seen, (vocabulary,)."""
        seen = counts.double() + 1
        self.log_probabilities.data = (seen / seen.sum()).log()

    def forward(self, tokens: Tensor) -> Tensor:
        return self.log_probabilities[tokens]
