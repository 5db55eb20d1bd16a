"""Two vectors for each word: one as what stands around another, one as what is to be told by it."""

import torch
from torch import Tensor, nn


class WordVectors(nn.Module):
    """Mikolov et al. 2013. `inputs` (vocabulary + buckets, width): the vectors one uses; a word's is the mean of its
    rows, its own and, with buckets, those of its pieces. `outputs` (vocabulary, width): what they are multiplied with.
    """

    def __init__(self, *, vocabulary: int, width: int, buckets: int = 0):
        super().__init__()
        self.vocabulary, self.width, self.buckets = vocabulary, width, buckets
        start = (torch.rand(vocabulary + buckets, width) - 0.5) / width
        self.inputs = nn.Parameter(start, requires_grad=False)
        self.outputs = nn.Parameter(torch.zeros(vocabulary, width), requires_grad=False)

    def forward(self, words: Tensor) -> Tensor:
        """The first rows of words of any shape, (..., width)."""
        return self.inputs[words]
