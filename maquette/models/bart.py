"""BART and Marian, exactly; Lewis et al. 2020 and Junczys-Dowmunt et al. 2018, named as Hugging Face names weights."""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from maquette.models.encoder_decoder import DecoderCache, Seq2Seq, dropped
from maquette.models.seq2seq import ACTIVATIONS, Attention, hiding, later_hidden

SKIPPED = 2  # rows of BART's table of positions that stand for none


class Bart(Seq2Seq):
    """An encoder-decoder with biases and a layer norm after each branch is added; context tokens at most on each side.

    BART learns its positions, whose table begins with two rows that nothing uses, and normalises embeddings. Marian
    (`positions="sinusoids"`) does neither: the sines of a place come first, then its cosines.
    """

    def __init__(
        self,
        *,
        vocabulary: int = 50265,
        context: int = 1024,
        width: int = 768,
        encoder_depth: int = 6,
        decoder_depth: int = 6,
        encoder_heads: int = 12,
        decoder_heads: int = 12,
        encoder_wide: int = 3072,
        decoder_wide: int = 3072,
        positions: Literal["learned", "sinusoids"] = "learned",
        activation: str = "gelu",
        is_scaled: bool = False,
        is_tied: bool = True,
        is_shared: bool = True,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        start: int = 2,
        pad: int = 1,
        end: int = 2,
        first: int | None = None,
    ):
        super().__init__()
        self.vocabulary, self.context, self.width, self.positions = vocabulary, context, width, positions
        self.encoder_depth, self.decoder_depth = encoder_depth, decoder_depth
        self.encoder_heads, self.decoder_heads = encoder_heads, decoder_heads
        self.encoder_wide, self.decoder_wide = encoder_wide, decoder_wide
        self.activation, self.is_scaled, self.is_tied, self.is_shared = activation, is_scaled, is_tied, is_shared
        self.dropout, self.attention_dropout = dropout, attention_dropout
        self.start, self.pad, self.end, self.first = start, pad, end, first
        self.embedding = nn.Embedding(vocabulary, width)
        self.written = None if is_shared else nn.Embedding(vocabulary, width)
        self.encoder = Half(self, encoder_depth, encoder_heads, encoder_wide, is_decoder=False)
        self.decoder = Half(self, decoder_depth, decoder_heads, decoder_wide, is_decoder=True)
        self.head = None if is_tied else nn.Linear(width, vocabulary, bias=False)
        self.register_buffer("shift", torch.zeros(1, vocabulary))
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def encode(self, source: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.embedded(self.embedding, source)
        return self.encoder(x, hiding(mask, x))

    def decode(
        self, target: Tensor, memory: Tensor | None, mask: Tensor | None = None, cache: DecoderCache | None = None
    ) -> Tensor:
        x = self.embedded(self.table, target)
        return self.decoder(x, hiding(cache.mask if cache else mask, x), memory, cache)

    def new_cache(self, memory: Tensor, mask: Tensor | None, copies: int, places: int) -> DecoderCache:
        blocks: Any = self.decoder.blocks
        sources = [block.across.source(memory) for block in blocks]
        return DecoderCache(sources, mask, copies, min(places, self.context))

    @property
    def table(self) -> nn.Embedding:
        """The embedding of what is written."""
        return self.embedding if self.written is None else self.written

    def embedded(self, table: nn.Embedding, tokens: Tensor) -> Tensor:
        x = table(tokens)
        return x * self.width**0.5 if self.is_scaled else x

    def logits(self, states: Tensor) -> Tensor:
        weight = self.table.weight if self.head is None else self.head.weight
        return functional.linear(states, weight, self.get_buffer("shift")[0])


class Half(nn.Module):
    """Encoder or decoder: positions, blocks."""

    def __init__(self, model: Bart, depth: int, heads: int, wide: int, is_decoder: bool):
        super().__init__()
        self.dropout, width = model.dropout, model.width
        self.is_learned = model.positions == "learned"
        if self.is_learned:
            self.places = nn.Embedding(model.context + SKIPPED, width)
            self.norm = nn.LayerNorm(width)
        else:
            self.register_buffer("waves", sinusoids(model.context, width), persistent=False)
        self.blocks = nn.ModuleList([Block(model, heads, wide, is_decoder) for _ in range(depth)])

    def forward(
        self, x: Tensor, hidden: Tensor | None, memory: Tensor | None = None, cache: DecoderCache | None = None
    ) -> Tensor:
        start = cache.length if cache else 0
        places = torch.arange(start, start + x.shape[1], device=x.device)
        x = self.norm(x + self.places(places + SKIPPED)) if self.is_learned else x + self.get_buffer("waves")[places]
        if self.training and self.dropout:
            x = dropped(x, self.dropout)
        for layer, block in enumerate(self.blocks):
            x = block(x, hidden, memory, cache, layer)
        if cache:
            cache.length += x.shape[1]
        return x


def sinusoids(places: int, width: int) -> Tensor:
    """sin(place / 10000^(2i / width)) for each i < width / 2, then the cosines: (places, width)."""
    frequencies = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = torch.outer(torch.arange(places, dtype=torch.float64), frequencies)
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()


class Block(nn.Module):
    """Attention to itself, in a decoder attention across, then a feed-forward layer; norm(x + branch(x)) each."""

    def __init__(self, model: Bart, heads: int, wide: int, is_decoder: bool):
        super().__init__()
        width = model.width
        self.dropout, self.activation, self.is_decoder = model.dropout, model.activation, is_decoder

        def attention() -> Attention:
            size = width // heads
            return Attention(width, heads, size, size**-0.5, True, model.attention_dropout)

        self.itself, self.norm = attention(), nn.LayerNorm(width)
        if is_decoder:
            self.across, self.across_norm = attention(), nn.LayerNorm(width)
        self.widen, self.narrow = nn.Linear(width, wide), nn.Linear(wide, width)
        self.wide_norm = nn.LayerNorm(width)

    def forward(
        self,
        x: Tensor,
        hidden: Tensor | None,
        memory: Tensor | None = None,
        cache: DecoderCache | None = None,
        layer: int = 0,
    ) -> Tensor:
        """x (B, T, width); `hidden` (B, 1, 1, S) is for what the sources have not."""
        source = self.itself.source(x)
        if cache:
            source = cache.extend(layer, *source)
        bias, is_causal = (None, True) if self.is_decoder else (hidden, False)
        if self.is_decoder and 1 < x.shape[1] < source[0].shape[2]:
            bias, is_causal = later_hidden(x.shape[1], source[0].shape[2], x), False
        x = self.norm(x + self.drop(self.itself(x, source, bias, is_causal)))
        if self.is_decoder:
            source = self.across.source(memory) if memory is not None else cache.sources[layer]
            x = self.across_norm(x + self.drop(self.across(x, source, hidden)))
        wide = ACTIVATIONS[self.activation](self.widen(x))
        return self.wide_norm(x + self.drop(self.narrow(wide)))

    def drop(self, x: Tensor) -> Tensor:
        return dropped(x, self.dropout) if self.training and self.dropout else x


LAYERS = {  # our name of a block's layer -> Hugging Face's
    "itself.q": "self_attn.q_proj",
    "itself.k": "self_attn.k_proj",
    "itself.v": "self_attn.v_proj",
    "itself.mix": "self_attn.out_proj",
    "norm": "self_attn_layer_norm",
    "widen": "fc1",
    "narrow": "fc2",
    "wide_norm": "final_layer_norm",
}
ACROSS = {
    ours.replace("itself", "across").replace("norm", "across_norm"): theirs.replace("self_attn", "encoder_attn")
    for ours, theirs in LAYERS.items()
    if "self_attn" in theirs
}


def names_in_hugging_face(model: Bart) -> dict[str, str]:
    """Our name of each weight -> its name in Hugging Face's folder."""
    names = {"shift": "final_logits_bias"}
    if model.is_shared:
        names["embedding.weight"] = "model.shared.weight"
    else:
        names["embedding.weight"] = "model.encoder.embed_tokens.weight"
        names["written.weight"] = "model.decoder.embed_tokens.weight"
    if not model.is_tied:
        names["head.weight"] = "lm_head.weight"
    for half, depth in (("encoder", model.encoder_depth), ("decoder", model.decoder_depth)):
        if model.positions == "learned":
            names[f"{half}.places.weight"] = f"model.{half}.embed_positions.weight"
            for part in ("weight", "bias"):
                names[f"{half}.norm.{part}"] = f"model.{half}.layernorm_embedding.{part}"
        for layer in range(depth):
            for ours, theirs in (LAYERS | (ACROSS if half == "decoder" else {})).items():
                for part in ("weight", "bias"):
                    names[f"{half}.blocks.{layer}.{ours}.{part}"] = f"model.{half}.layers.{layer}.{theirs}.{part}"
    return names
