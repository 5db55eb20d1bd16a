"""A Transformer that reads one text and writes another; Vaswani et al. 2017.

B pairs, S tokens of the source, T of the target, K ways to go on with each source, R = B K rows, H heads, D numbers a
head, W = H D numbers a token. One embedding serves the source, the target and the head (section 3.4).
"""

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from maquette.models.attention import Cache, attend, heads_of, joined

Norm = Literal["before", "after"]


class DecoderCache(Cache):
    """What the decoder has read of R = B K targets, and the keys and values of the B sources that they look at.

    `sources` holds (keys, values), (B, H, S, D) each, of every layer; `mask` (B, S) is true where a source has tokens.
    """

    def __init__(self, sources: list[tuple[Tensor, Tensor]], mask: Tensor | None, copies: int, places: int):
        batch, heads, _, size = sources[0][0].shape
        super().__init__(len(sources), batch * copies, heads, places, size, sources[0][0])
        self.sources, self.mask = sources, mask

    def choose(self, rows: Tensor, batch: Tensor | None = None) -> None:
        """Let row r go on from what was row rows[r]; with `batch`, only these sources stay, in this order."""
        if batch is not None:
            self.sources = [(keys[batch], values[batch]) for keys, values in self.sources]
            self.mask = None if self.mask is None else self.mask[batch]
        keys, values = self.keys, self.values
        if len(rows) != keys.shape[1]:
            shape = (keys.shape[0], len(rows), *keys.shape[2:])
            self.keys, self.values = keys.new_empty(shape), values.new_empty(shape)
        filled = slice(0, self.length)
        self.keys[:, :, :, filled] = keys[:, rows, :, filled]
        self.values[:, :, :, filled] = values[:, rows, :, filled]


class Seq2Seq(nn.Module):
    """What training, beam search and evaluation need of a network that reads a source and writes a target.

    `start` is the token before the first of a target, `end` the one after its last; `context` is the longest that both
    may be. Masks (B, S) are true where a source has tokens; None where all places are filled.
    """

    vocabulary: int
    context: int
    start: int
    end: int

    def forward(self, source: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits (B, T, vocabulary) of the token after each place of target (B, T), for source (B, S)."""
        return self.logits(self.decode(target, self.encode(source, mask), mask))

    def encode(self, source: Tensor, mask: Tensor | None = None) -> Tensor:
        """What is remembered of a source (B, S): (B, S, W)."""
        raise NotImplementedError

    def decode(self, target: Tensor, memory: Tensor | None, mask: Tensor | None = None, cache: Any = None) -> Tensor:
        """States (B, T, W) of target (B, T). With a cache, (R, T) after what is in it, which knows the memory."""
        raise NotImplementedError

    def logits(self, states: Tensor) -> Tensor:
        raise NotImplementedError

    def new_cache(self, memory: Tensor, mask: Tensor | None, copies: int, places: int) -> Any:
        """An empty cache for `copies` targets of each source, of at most `places` tokens; see `DecoderCache`."""
        raise NotImplementedError

    def read(self, tokens: Tensor, cache: Any) -> Tensor:
        """Read (R,) tokens after those in the cache; logits (R, vocabulary) of what follows."""
        return self.logits(self.decode(tokens[:, None], None, cache=cache)[:, -1])


class EncoderDecoder(Seq2Seq):
    """Vaswani et al. 2017 with the norm before each branch (or `after` it, as printed) and one embedding for all.

    Tokens (B, S) and (B, T) to logits (B, T, vocabulary). Token `start` begins every target and ends it.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        context: int = 512,
        depth: int = 3,
        width: int = 128,
        heads: int = 4,
        wide: int | None = None,
        norm: Norm = "before",
        dropout: float = 0.0,
        start: int = 0,
    ):
        super().__init__()
        self.vocabulary, self.context, self.depth, self.width, self.heads = vocabulary, context, depth, width, heads
        self.wide, self.norm, self.dropout, self.start, self.end = wide or 4 * width, norm, dropout, start, start
        self.embedding = nn.Embedding(vocabulary, width)
        sizes: dict[str, Any] = {"width": width, "heads": heads, "wide": self.wide, "norm": norm, "dropout": dropout}
        self.encoder = nn.ModuleList([Block(**sizes, is_causal=False) for _ in range(depth)])
        self.decoder = nn.ModuleList([Block(**sizes, is_causal=True) for _ in range(depth)])
        last = nn.LayerNorm if norm == "before" else nn.Identity
        self.encoder_norm, self.decoder_norm = last(width), last(width)
        self.register_buffer("positions", sinusoids(context, width), persistent=False)
        self.positions: Tensor
        nn.init.normal_(self.embedding.weight, std=width**-0.5)

    def encode(self, source: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.placed(source, 0)
        seen = None if mask is None else mask[:, None, None]
        for block in self.encoder:
            x = block(x, seen=seen)
        return self.encoder_norm(x)

    def decode(
        self, target: Tensor, memory: Tensor | None, mask: Tensor | None = None, cache: DecoderCache | None = None
    ) -> Tensor:
        x = self.placed(target, cache.length if cache else 0)
        seen = None if mask is None else mask[:, None, None]
        for layer, block in enumerate(self.decoder):
            x = block(x, memory=memory, seen=seen, cache=cache, layer=layer)
        if cache:
            cache.length += target.shape[1]
        return self.decoder_norm(x)

    def logits(self, states: Tensor) -> Tensor:
        return functional.linear(states, self.embedding.weight)

    def placed(self, tokens: Tensor, start: int) -> Tensor:
        """Embeddings times the root of W, and positions (section 3.4 and 3.5); from place `start` on."""
        x = self.embedding(tokens) * self.width**0.5 + self.positions[start : start + tokens.shape[1]]
        return dropped(x, self.dropout) if self.training and self.dropout else x

    def new_cache(self, memory: Tensor, mask: Tensor | None, copies: int, places: int) -> DecoderCache:
        sources = [block.remembered(memory) for block in self.writers()]
        return DecoderCache(sources, mask, copies, min(places, self.context))

    def writers(self) -> list["Block"]:
        """The blocks of the decoder."""
        return [block for block in self.decoder if isinstance(block, Block)]

    @torch.no_grad()
    def looks(self, source: Tensor, target: Tensor) -> Tensor:
        """What each place of target (T,) takes from each of source (S,): (depth, H, T, S), rows add up to 1."""
        memory = self.encode(source[None])
        x, found = self.placed(target[None], 0), []
        for block in self.writers():
            x = block.attend_to_itself(x)
            asked = heads_of(block.ask(block.norm_cross(x) if self.norm == "before" else x), self.heads)
            keys, _ = block.remembered(memory)
            found.append((asked @ keys.mT / math.sqrt(asked.shape[-1])).softmax(-1)[0])
            x = block.look_back(x, memory=memory)
            x = block.think(x)
        return torch.stack(found)


class Block(nn.Module):
    """Attention to itself, in a decoder attention to the memory, and a feed-forward network, each with a residual."""

    def __init__(self, *, width: int, heads: int, wide: int, norm: Norm, dropout: float, is_causal: bool):
        super().__init__()
        self.heads, self.is_before, self.dropout, self.is_causal = heads, norm == "before", dropout, is_causal
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, wide), nn.Linear(wide, width)
        if is_causal:
            self.norm_cross = nn.LayerNorm(width)
            self.ask, self.recall = nn.Linear(width, width), nn.Linear(width, 2 * width)
            self.take = nn.Linear(width, width)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.xavier_uniform_(weight)
        for name, weight in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(weight)
        if self.is_before:  # each block begins by changing nothing
            for layer in (self.mix, self.narrow, *([self.take] if is_causal else [])):
                nn.init.zeros_(layer.weight)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        seen: Tensor | None = None,
        cache: DecoderCache | None = None,
        layer: int = 0,
    ) -> Tensor:
        """x (B, T, W); `seen` (B, 1, 1, S) says which places of the source are filled."""
        x = self.attend_to_itself(x, None if self.is_causal else seen, cache, layer)
        if self.is_causal:
            x = self.look_back(x, memory, seen, cache, layer)
        return self.think(x)

    def attend_to_itself(
        self, x: Tensor, seen: Tensor | None = None, cache: DecoderCache | None = None, layer: int = 0
    ) -> Tensor:
        y = self.norm_1(x) if self.is_before else x
        query, key, value = heads_of(self.qkv(y), 3 * self.heads).chunk(3, dim=1)
        if cache is not None:
            attended = cache.attend(layer, query, key, value)
        elif self.is_causal:
            attended = attend(query, key, value)
        else:
            attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        return self.added(x, self.mix(joined(attended)), self.norm_1)

    def look_back(
        self,
        x: Tensor,
        memory: Tensor | None,
        seen: Tensor | None = None,
        cache: DecoderCache | None = None,
        layer: int = 0,
    ) -> Tensor:
        """Attention of the target to the source."""
        query = heads_of(self.ask(self.norm_cross(x) if self.is_before else x), self.heads)
        if cache is None:
            assert memory is not None
            key, value = self.remembered(memory)
        else:  # the K rows of a source are queries side by side
            key, value = cache.sources[layer]
            seen = None if cache.mask is None else cache.mask[:, None, None]
        rows, batch = query.shape[0], key.shape[0]
        if rows != batch:
            query = query.view(batch, rows // batch, *query.shape[1:]).transpose(1, 2).flatten(2, 3)
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        if rows != batch:
            attended = attended.unflatten(2, (rows // batch, -1)).transpose(1, 2).flatten(0, 1)
        return self.added(x, self.take(joined(attended)), self.norm_cross)

    def think(self, x: Tensor) -> Tensor:
        y = self.norm_2(x) if self.is_before else x
        return self.added(x, self.narrow(functional.relu(self.widen(y))), self.norm_2)

    def remembered(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the memory, (B, H, S, D) each."""
        key, value = heads_of(self.recall(memory), 2 * self.heads).chunk(2, dim=1)
        return key, value

    def added(self, x: Tensor, branch: Tensor, norm: nn.Module) -> Tensor:
        if self.training and self.dropout:
            branch = dropped(branch, self.dropout)
        return x + branch if self.is_before else norm(x + branch)


def dropped(x: Tensor, share: float) -> Tensor:
    """x with about this share of its numbers set to nought and the others enlarged; Srivastava et al. 2014.

    The share is rounded to 256ths, so that a byte of chance does for a number, where torch takes eight. It is drawn on
    the processor, the same for every device.
    """
    kept = 256 - max(1, min(255, round(256 * share)))
    words = torch.empty(-(-x.numel() // 8), dtype=torch.long).random_(-(2**63), None)
    chance = words.view(torch.uint8)[: x.numel()].view(x.shape)
    return x * ((chance < kept).to(x.device, x.dtype) * (256 / kept))


def sinusoids(places: int, width: int) -> Tensor:
    """Sines in the even, cosines in the odd numbers of each place, (places, width); section 3.5."""
    angles = torch.outer(torch.arange(places), 10_000.0 ** (-torch.arange(0, width, 2) / width))
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]
