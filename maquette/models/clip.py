"""CLIP: a tower for pictures and a tower for words that meet in one space; Radford et al. 2021.

B pictures or texts, T tokens, W numbers a token, D numbers of an embedding.
"""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from maquette.models.blocks import convolution
from maquette.models.gpt import Block, rms_norm, rotations

SHARPEST = 100.0  # the largest factor before the softmax; Radford et al. 2021, section 2.5
GRID = 4  # places each way that the last layer looks at


class PictureTower(nn.Module):
    """Pictures (B, 3, S, S) in 0..1 to (B, D): convolutions that halve the side, then one layer over what is left.

    The last layer sees 4 x 4 places apart, so that it can tell left from right and count.
    """

    def __init__(self, *, size: int = 32, width: int = 32, numbers: int = 64):
        super().__init__()
        self.size, self.width, self.numbers = size, width, numbers
        stages = max(1, round(math.log2(size / GRID)))
        widths = [3, *(width * 2 ** min(stage, 2) for stage in range(stages))]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [convolution(before, after, stride=2, bias=True), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*layers)
        self.pool = nn.Identity() if size == GRID * 2**stages else nn.AdaptiveAvgPool2d(GRID)
        self.linear = nn.Linear(GRID * GRID * widths[-1], numbers)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.linear(self.pool(self.features(2 * pictures - 1)).flatten(1))


class TextTower(nn.Module):
    """Tokens (B, T) to (B, D): a Transformer whose token at the end of the text, number 0, has seen all before it.

    A text ends with token 0, and is filled up with it. `states` gives what cross attention wants: (B, T, W), and
    `pooled` the row at the end, (B, W).
    """

    def __init__(
        self, *, vocabulary: int, context: int = 32, width: int = 64, depth: int = 2, heads: int = 4, numbers: int = 64
    ):
        super().__init__()
        self.vocabulary, self.context, self.width, self.depth = vocabulary, context, width, depth
        self.heads, self.numbers = heads, numbers
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(depth)])
        self.linear = nn.Linear(width, numbers, bias=False)
        self.register_buffer("turns", rotations(context, width // heads), persistent=False)
        self.turns: Tensor
        nn.init.normal_(self.embedding.weight)

    def states(self, tokens: Tensor) -> Tensor:
        """The last layer's numbers, normalised, (B, T, W)."""
        turns = self.turns[: tokens.shape[1]]
        x = rms_norm(self.embedding(tokens))
        for block in self.blocks:
            x = block(x, turns)
        return rms_norm(x)

    def pooled(self, tokens: Tensor, states: Tensor) -> Tensor:
        """The states (B, T, W) where each text ends, (B, W)."""
        ends = (tokens == 0).int().argmax(1)
        return states.gather(1, ends[:, None, None].expand(-1, 1, states.shape[2]))[:, 0]

    def forward(self, tokens: Tensor) -> Tensor:
        return self.linear(self.pooled(tokens, self.states(tokens)))


class CLIP(nn.Module):
    """Both towers, and the factor before the softmax, learnt as its logarithm and never above 100.

    Embeddings have length 1, so that their products are cosines.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        context: int = 32,
        size: int = 32,
        width: int = 32,
        text_width: int = 64,
        depth: int = 2,
        heads: int = 4,
        numbers: int = 64,
        temperature: float = 0.07,
    ):
        super().__init__()
        self.vocabulary, self.context, self.size, self.width = vocabulary, context, size, width
        self.text_width, self.depth, self.heads, self.numbers = text_width, depth, heads, numbers
        self.temperature = temperature
        self.pictures = PictureTower(size=size, width=width, numbers=numbers)
        self.texts = TextTower(
            vocabulary=vocabulary, context=context, width=text_width, depth=depth, heads=heads, numbers=numbers
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / temperature)))

    @property
    def scale(self) -> Tensor:
        """One over the temperature."""
        return self.log_scale.exp()

    @torch.no_grad()
    def clamp(self) -> None:
        """Keep the factor between 1 and 100, after each step of training."""
        self.log_scale.clamp_(0, math.log(SHARPEST))

    def encode_pictures(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, S, S) in 0..1 to (B, D) of length 1."""
        return functional.normalize(self.pictures(pictures), dim=1)

    def encode_texts(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to (B, D) of length 1."""
        return functional.normalize(self.texts(tokens), dim=1)

    def forward(self, pictures: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings of pictures and of texts."""
        return self.encode_pictures(pictures), self.encode_texts(tokens)
