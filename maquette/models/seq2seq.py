"""What pretrained encoder-decoders share: attention to what is known, and the memory by which one writes on.

B sequences, S tokens of a source, T of what is written, H heads, D numbers a head. A source is padded at its end;
`known` (B, S) is true where it is not padding.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from maquette.models.attention import Cache, heads_of, joined


class Memory:
    """What a decoder looks at besides its own states: each layer's keys and values of the source.

    With a `cache` it also holds those of what has been written, and each call of the decoder goes on from there.
    """

    def __init__(self, sources: list[tuple[Tensor, Tensor]], hidden: Tensor | None, cache: Cache | None = None):
        self.sources, self.hidden, self.cache = sources, hidden, cache

    @property
    def length(self) -> int:
        """How many tokens have been written."""
        return self.cache.length if self.cache else 0

    def reorder(self, rows: Tensor) -> None:
        """Let sequence b go on from what was sequence rows[b]; there may be fewer or more of them than before."""
        self.sources = [(keys[rows], values[rows]) for keys, values in self.sources]
        self.hidden = None if self.hidden is None else self.hidden[rows]
        if self.cache:
            self.cache.keys, self.cache.values = self.cache.keys[:, rows], self.cache.values[:, rows]


class Seq2Seq(nn.Module):
    """An encoder-decoder as it is trained and written with; `start` begins and `end` ends what is written.

    `first` is a token that has to come first, if any; `context` is the most tokens of either side, if there is a most.
    """

    vocabulary: int
    width: int
    decoder_depth: int
    decoder_heads: int
    start: int
    pad: int
    end: int
    first: int | None = None
    context: int | None = None

    def forward(self, source: Tensor, written: Tensor, known: Tensor | None = None) -> Tensor:
        """Logits (B, T, vocabulary) of what follows each token written (B, T), which begin with `start`."""
        return self.logits(self.states(source, written, known))

    def states(self, source: Tensor, written: Tensor, known: Tensor | None = None) -> Tensor:
        """The decoder's last states (B, T, width), of which `logits` makes logits."""
        return self.decode(written, self.remember(source, known))

    def remember(self, source: Tensor, known: Tensor | None = None, places: int = 0) -> Memory:
        """Read sources (B, S); with `places`, what is written later is kept, at most so many tokens."""
        hidden = None if known is None or bool(known.all()) else hiding(known, next(self.parameters()).dtype)
        memory = Memory(self.sources_of(self.encode(source, hidden)), hidden)
        if places:
            keys = memory.sources[0][0]
            memory.cache = Cache(self.decoder_depth, len(keys), keys.shape[1], places, keys.shape[3], keys)
        return memory

    def read(self, tokens: Tensor, memory: Memory) -> Tensor:
        """Write (B, T) tokens after those in the memory; logits (B, vocabulary) of what follows the last."""
        return self.logits(self.decode(tokens, memory)[:, -1])

    def encode(self, source: Tensor, hidden: Tensor | None) -> Tensor:
        raise NotImplementedError

    def sources_of(self, encoded: Tensor) -> list[tuple[Tensor, Tensor]]:
        raise NotImplementedError

    def decode(self, written: Tensor, memory: Memory) -> Tensor:
        raise NotImplementedError

    def logits(self, states: Tensor) -> Tensor:
        raise NotImplementedError


def hiding(known: Tensor, dtype: torch.dtype) -> Tensor:
    """(B, 1, 1, S) to add to weights: 0 where a token is known, so little elsewhere that it gets no attention."""
    return torch.zeros(known.shape, dtype=dtype, device=known.device).masked_fill(~known, torch.finfo(dtype).min)[
        :, None, None
    ]


class Attention(nn.Module):
    """softmax(scale q k' + bias) v in heads of `size` numbers; Vaswani et al. 2017, equation (1)."""

    def __init__(self, width: int, heads: int, size: int, scale: float, has_bias: bool, dropout: float = 0.0):
        super().__init__()
        self.heads, self.scale, self.dropout = heads, scale, dropout
        self.q, self.k, self.v = (nn.Linear(width, heads * size, bias=has_bias) for _ in range(3))
        self.mix = nn.Linear(heads * size, width, bias=has_bias)

    def source(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of x (B, S, width), (B, H, S, D) each."""
        return heads_of(self.k(x), self.heads), heads_of(self.v(x), self.heads)

    def forward(
        self, x: Tensor, source: tuple[Tensor, Tensor], bias: Tensor | None = None, is_causal: bool = False
    ) -> Tensor:
        """x (B, T, width) looks at a source; `bias` is added to the weights, (B or 1, H or 1, T or 1, S)."""
        query, (keys, values) = heads_of(self.q(x), self.heads), source
        dropout = self.dropout if self.training else 0.0
        if bias is not None and bias.requires_grad:
            weights = (torch.matmul(query * self.scale, keys.transpose(2, 3)) + bias).softmax(-1)
            attended = torch.matmul(functional.dropout(weights, dropout) if dropout else weights, values)
        else:
            is_causal = is_causal and query.shape[2] > 1
            attended = functional.scaled_dot_product_attention(
                query, keys, values, bias, dropout, is_causal, scale=self.scale
            )
        return self.mix(joined(attended))


def together(*biases: Tensor | None) -> Tensor | None:
    """The sum of those that are there."""
    found = [bias for bias in biases if bias is not None]
    return sum(found[1:], found[0]) if found else None


def gelu_new(x: Tensor) -> Tensor:
    return functional.gelu(x, approximate="tanh")


ACTIVATIONS = {  # by the names that Hugging Face gives them
    "relu": functional.relu,
    "gelu": functional.gelu,
    "gelu_new": gelu_new,
    "silu": functional.silu,
    "swish": functional.silu,
}
