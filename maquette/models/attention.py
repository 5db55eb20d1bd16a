"""What every Transformer here shares: causal attention, and a cache of keys and values sized in advance.

B sequences, T tokens, H heads, D numbers a head, L places in the cache.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

WORTH_PACKING = 10_000_000  # weights


class Cache:
    """Keys and values of what has been read, (layers, B, H, L, D) each; `length` places are filled."""

    def __init__(self, layers: int, batch: int, heads: int, places: int, size: int, like: Tensor):
        shape = layers, batch, heads, places, size
        self.keys = torch.empty(shape, dtype=like.dtype, device=like.device)
        self.values = torch.empty_like(self.keys)
        self.places, self.length = places, 0

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Put (B, H, T, D) after what is there; returns all keys and values of the layer, (B, H, length + T, D)."""
        end = self.length + key.shape[2]
        assert end <= self.places, "the cache is full"
        self.keys[layer, :, :, self.length : end] = key
        self.values[layer, :, :, self.length : end] = value
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

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


class PackedLinear:
    """A linear layer for reading, its weights laid out as oneDNN likes them for `rows` rows: half the time or less."""

    def __init__(self, weight: Tensor, bias: Tensor | None, rows: int):
        self.bias = bias
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), rows)

    def __call__(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])  # other shapes are laid out anew at each call
        y = torch.ops.mkldnn._linear_pointwise(flat, self.packed, self.bias, "none", [], "")
        return y.view(*x.shape[:-1], -1)


def packed_for_reading(model: "LanguageModel", rows: int) -> "LanguageModel":
    """The model with packed weights, for `rows` sequences at once; itself where it is small, or torch cannot pack.

    Packing takes as much memory again and about as long as reading two tokens. Only for inference.
    """
    weight = next(model.parameters())
    is_large = sum(each.numel() for each in model.parameters()) >= WORTH_PACKING
    can_pack = hasattr(torch.ops.mkldnn, "_reorder_linear_weight") and torch.backends.mkldnn.is_available()
    if not (is_large and can_pack and weight.device.type == "cpu" and weight.dtype == torch.float32):
        return model
    shared = {id(each): each for each in (*model.parameters(), *model.buffers())}
    made = copy.deepcopy(model, shared)
    for module in list(made.modules()):
        for name, layer in list(module.named_children()):
            if isinstance(layer, nn.Linear):
                bias = None if layer.bias is None else layer.bias.detach()
                delattr(module, name)
                object.__setattr__(module, name, PackedLinear(layer.weight, bias, rows))
    if not hasattr(made, "head"):
        object.__setattr__(made, "unembed", PackedLinear(made.get_parameter("embedding.weight"), None, rows))
    return made


class LanguageModel(nn.Module):
    """What the sampling of text needs of a network: `read` with a cache, and how many tokens it can look back on."""

    vocabulary: int
    context: int
    depth: int
    heads: int
    width: int

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
        return Cache(self.depth, batch, self.heads, places, self.width // self.heads, like)

    def read(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Read (B, T) tokens after those in the cache; logits (B, vocabulary) of what follows the last."""
        return self.logits(self.states(tokens, cache)[:, -1])
