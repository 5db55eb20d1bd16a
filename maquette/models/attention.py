"""What every Transformer here shares: causal attention, and a cache of keys and values sized in advance.

B sequences, T tokens, H heads, D numbers a head, L places in the cache.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Cache:
    """Keys and values of what has been read, (layers, B, H, L, D) each; `length` places are filled.

    With `is_compiled`, single tokens attend through kernels/reading.py: float32 on a processor, for inference.
    """

    is_compiled = False

    def __init__(self, layers: int, batch: int, heads: int, places: int, size: int, like: Tensor):
        shape = layers, batch, heads, places, size
        self.keys = torch.empty(shape, dtype=like.dtype, device=like.device)
        self.values = torch.empty_like(self.keys)
        self.places, self.length = places, 0

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Put key and value after what is there and let the query attend to all; each (B, H, T, D), returns so."""
        keys, values = self.extend(layer, key, value)
        if not self.is_compiled or query.shape[2] > 1:
            return attend(query, keys, values)
        from maquette.kernels.reading import attend_rows

        flat = query.flatten(1).contiguous()
        attended = torch.empty_like(flat)
        attend_rows(flat.numpy(), self.keys.numpy(), self.values.numpy(), layer, keys.shape[2], attended.numpy())
        return attended.view_as(query)

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Put (B, H, T, D) after what is there; returns all keys and values of the layer, (B, H, length + T, D)."""
        end = self.length + key.shape[2]
        assert end <= self.places, "the cache is full"
        self.keys[layer, :, :, self.length : end] = key
        self.values[layer, :, :, self.length : end] = value
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def copied(self, copies: int) -> "Cache":
        """The cache of one sequence as that of several that begin alike."""
        if copies == 1:
            return self
        layers, _, heads, places, size = self.keys.shape
        made = Cache(layers, copies, heads, places, size, self.keys)
        made.length, made.is_compiled = self.length, self.is_compiled
        made.keys[:, :, :, : self.length] = self.keys[:, :, :, : self.length]
        made.values[:, :, :, : self.length] = self.values[:, :, :, : self.length]
        return made

    def reorder(self, rows: Tensor) -> None:
        """Let sequence b go on from what was sequence rows[b]; beams change places so."""
        filled = slice(0, self.length)
        self.keys[:, :, :, filled] = self.keys[:, rows, :, filled]
        self.values[:, :, :, filled] = self.values[:, rows, :, filled]


def attend(query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.0) -> Tensor:
    """softmax(q k' / sqrt(D)) v, each query seeing no key after its own place; Vaswani et al. 2017, equation (1).

    query (B, H, T, D) are the last T of the places of key and value, (B, H, S, D) with S >= T; returns (B, H, T, D).
    """
    queries, places = query.shape[2], key.shape[2]
    if queries == 1:
        return functional.scaled_dot_product_attention(query, key, value)
    if queries == places:
        return functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=True)
    seen = torch.ones(queries, places, dtype=torch.bool, device=query.device).tril(places - queries)
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)


def heads_of(numbers: Tensor, heads: int) -> Tensor:
    """(B, T, H D) as (B, H, T, D)."""
    return numbers.view(*numbers.shape[:2], heads, -1).transpose(1, 2)


def joined(numbers: Tensor) -> Tensor:
    """(B, H, T, D) as (B, T, H D)."""
    return numbers.transpose(1, 2).reshape(numbers.shape[0], numbers.shape[2], -1)


class LanguageModel(nn.Module):
    """What the sampling of text needs of a network: `read` with a cache, and how many tokens it can look back on."""

    vocabulary: int
    context: int
    depth: int
    heads: int
    width: int
    is_compiled = False  # whether single tokens attend through a compiled kernel

    def forward(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits (B, T, vocabulary) of the token that follows each place; tokens (B, T), T at most `context`."""
        return self.logits(self.states(tokens, cache))

    def states(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        raise NotImplementedError

    def logits(self, states: Tensor) -> Tensor:
        raise NotImplementedError

    def new_cache(self, batch: int, places: int | None = None) -> Cache:
        """An empty cache for `batch` sequences of at most `places` tokens, `context` if not given."""
        like = next(self.parameters())
        places = min(places or self.context, self.context)
        cache = Cache(self.depth, batch, self.heads, places, self.width // self.heads, like)
        cache.is_compiled = self.is_compiled
        return cache

    def read(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Read (B, T) tokens after those in the cache; logits (B, vocabulary) of what follows the last."""
        return self.logits(self.states(tokens, cache)[:, -1])
