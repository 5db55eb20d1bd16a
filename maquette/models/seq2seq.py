"""What pretrained encoder-decoders are built of: attention with weights that are added to, and their activations.

B sequences, S tokens of a source, T of what is written, K ways to go on with each source, R = B K rows, H heads, D
numbers a head.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from maquette.models.attention import heads_of, joined
from maquette.models.encoder_decoder import dropped

Source = tuple[Tensor, Tensor]  # keys and values, (B, H, S, D) each


class Attention(nn.Module):
    """softmax(scale q k' + bias) v in heads of `size` numbers; Vaswani et al. 2017, equation (1)."""

    def __init__(self, width: int, heads: int, size: int, scale: float, has_bias: bool, dropout: float = 0.0):
        super().__init__()
        self.heads, self.scale, self.dropout = heads, scale, dropout
        self.q, self.k, self.v = (nn.Linear(width, heads * size, bias=has_bias) for _ in range(3))
        self.mix = nn.Linear(heads * size, width, bias=has_bias)

    def source(self, x: Tensor) -> Source:
        """Keys and values of x (B, S, width)."""
        return heads_of(self.k(x), self.heads), heads_of(self.v(x), self.heads)

    def forward(self, x: Tensor, source: Source, bias: Tensor | None = None, is_causal: bool = False) -> Tensor:
        """x (R, T, width) looks at the B sources; `bias` is added to the weights, (B or 1, H or 1, T or 1, S)."""
        query, (keys, values) = heads_of(self.q(x), self.heads), source
        rows, batch = query.shape[0], keys.shape[0]
        if rows != batch:  # the K rows of a source are queries side by side
            query = query.view(batch, rows // batch, *query.shape[1:]).transpose(1, 2).flatten(2, 3)
        dropout = self.dropout if self.training else 0.0
        if dropout or (bias is not None and bias.requires_grad):
            if is_causal:
                bias = later_hidden(query.shape[2], keys.shape[2], query)
            scores = torch.matmul(query * self.scale, keys.transpose(2, 3))
            weights = (scores if bias is None else scores + bias).softmax(-1)
            attended = torch.matmul(dropped(weights, dropout) if dropout else weights, values)
        else:
            is_causal = is_causal and query.shape[2] > 1
            attended = functional.scaled_dot_product_attention(
                query, keys, values, bias, is_causal=is_causal, scale=self.scale
            )
        if rows != batch:
            attended = attended.unflatten(2, (rows // batch, -1)).transpose(1, 2).flatten(0, 1)
        return self.mix(joined(attended))


def hiding(mask: Tensor | None, like: Tensor) -> Tensor | None:
    """(B, 1, 1, S) to add to weights: 0 where the mask (B, S) is true, so little elsewhere that nothing comes of it."""
    if mask is None:
        return None
    shown = torch.zeros(mask.shape, dtype=like.dtype, device=like.device)
    return shown.masked_fill(~mask, torch.finfo(like.dtype).min)[:, None, None]


def later_hidden(queries: int, places: int, like: Tensor) -> Tensor:
    """(T, S) to add to weights, where the queries are the last T of S places and see none after their own."""
    later = torch.ones(queries, places, dtype=torch.bool, device=like.device).triu(places - queries + 1)
    return torch.zeros(later.shape, dtype=like.dtype, device=like.device).masked_fill(
        later, torch.finfo(like.dtype).min
    )


def gelu_new(x: Tensor) -> Tensor:
    return functional.gelu(x, approximate="tanh")


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {  # by the names that Hugging Face gives them
    "relu": functional.relu,
    "gelu": functional.gelu,
    "gelu_new": gelu_new,
    "silu": functional.silu,
    "swish": functional.silu,
}
