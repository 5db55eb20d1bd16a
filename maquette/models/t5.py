"""T5 and its version 1.1, exactly; Raffel et al. 2020, with the weights' names that Hugging Face gives them."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maquette.models.encoder_decoder import DecoderCache, Seq2Seq, dropped
from maquette.models.seq2seq import ACTIVATIONS, Attention, hiding, later_hidden

LONGEST = 1 << 16  # tokens; distances set no bound
NEAR, SHARP, TOLD, SAID = 8.0, 0.7, 1.5, 3.0  # of `start_copying`: how much heads that copy weigh


class T5(Seq2Seq):
    """An encoder-decoder whose attention knows how far tokens are apart; no biases, and RMS norm before each branch.

    The distance is learnt in the first block of each half, used by all its blocks, and not across. Attention does not
    divide by the root of `size`. Version 1.1 has a gated feed-forward layer, and published ones a head of their own; a
    tied head reads states divided by the root of the width, where `is_scaled`.
    """

    first: int | None  # a token that has to come first: none

    def __init__(
        self,
        *,
        vocabulary: int = 32128,
        width: int = 512,
        size: int = 64,
        wide: int = 2048,
        encoder_depth: int = 6,
        decoder_depth: int = 6,
        heads: int = 8,
        buckets: int = 32,
        furthest: int = 128,
        activation: str = "relu",
        is_gated: bool = False,
        is_tied: bool = True,
        is_scaled: bool = True,
        epsilon: float = 1e-6,
        dropout: float = 0.0,
        start: int = 0,
        pad: int = 0,
        end: int = 1,
    ):
        super().__init__()
        self.vocabulary, self.width, self.size, self.wide = vocabulary, width, size, wide
        self.encoder_depth, self.decoder_depth, self.heads = encoder_depth, decoder_depth, heads
        self.buckets, self.furthest, self.activation, self.is_gated = buckets, furthest, activation, is_gated
        self.is_tied, self.is_scaled, self.epsilon, self.dropout = is_tied, is_scaled, epsilon, dropout
        self.start, self.pad, self.end, self.context = start, pad, end, LONGEST
        self.first = None
        self.embedding = nn.Embedding(vocabulary, width)
        self.encoder, self.decoder = (
            nn.ModuleList([Block(self, is_decoder) for _ in range(depth)])
            for is_decoder, depth in ((False, encoder_depth), (True, decoder_depth))
        )
        self.encoder_norm, self.decoder_norm = (nn.RMSNorm(width, epsilon) for _ in range(2))
        self.encoder_distances, self.decoder_distances = (nn.Embedding(buckets, heads) for _ in range(2))
        self.head = None if is_tied else nn.Linear(width, vocabulary, bias=False)
        self.start_weights()

    def start_weights(self) -> None:
        """Normal numbers, as T5 was trained from."""
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                spread = 1.0 if name == "embedding.weight" else weight.shape[1] ** -0.5
                if name.endswith(".q.weight"):
                    spread *= self.size**-0.5
                elif name.endswith("distances.weight"):
                    spread = self.width**-0.5
                nn.init.normal_(weight, std=spread)

    @torch.no_grad()
    def start_copying(self) -> None:
        """Let some heads copy from the source before anything is learnt: what follows there on the token just written.

        One head of the first block tells each place of the source the token before it, by way of numbers of their own;
        heads of the decoder's first block look for the place that was told what they have just read, and say what is
        there. Such heads come about in training by themselves (Olsson et al. 2022, "In-context learning and induction
        heads"), but late, and from few pairs hardly at all.
        """
        turned = torch.linalg.qr(torch.randn(self.width, self.width))[0].T
        known, told, *others = turned[: self.width // self.size * self.size].view(-1, self.size, self.width)
        reader, writer = self.encoder[0], self.decoder[0]
        assert isinstance(reader, Block) and isinstance(writer, Block)
        first, across = reader.itself, writer.across
        self.encoder_distances.weight[1, 0] = NEAR  # the bucket of the place before
        first.q.weight[: self.size] = 0
        first.v.weight[: self.size] = known
        first.mix.weight[:, : self.size] = TOLD * told.T
        for head, part in enumerate([known, *others][: self.heads - 1]):
            rows = slice(head * self.size, (head + 1) * self.size)
            across.q.weight[rows] = SHARP * known
            across.k.weight[rows] = SHARP * told
            across.v.weight[rows] = part
            across.mix.weight[:, rows] = SAID * part.T

    def encode(self, source: Tensor, mask: Tensor | None = None) -> Tensor:
        places = torch.arange(source.shape[1], device=source.device)
        bias = self.distances(self.encoder_distances, places, places, is_both=True)
        hidden = hiding(mask, bias)
        bias = bias if hidden is None else bias + hidden
        x = self.drop(self.embedding(source))
        for block in self.encoder:
            x = block(x, bias)
        return self.drop(self.encoder_norm(x))

    def decode(
        self, target: Tensor, memory: Tensor | None, mask: Tensor | None = None, cache: DecoderCache | None = None
    ) -> Tensor:
        before = cache.length if cache else 0
        places = torch.arange(before + target.shape[1], device=target.device)
        bias = self.distances(self.decoder_distances, places[before:], places, is_both=False)
        if target.shape[1] > 1:
            bias = bias + later_hidden(target.shape[1], len(places), bias)
        x = self.drop(self.embedding(target))
        hidden = hiding(cache.mask if cache else mask, x)
        for layer, block in enumerate(self.decoder):
            x = block(x, bias, memory, hidden, cache, layer)
        if cache:
            cache.length += target.shape[1]
        return self.drop(self.decoder_norm(x))

    def new_cache(self, memory: Tensor, mask: Tensor | None, copies: int, places: int) -> DecoderCache:
        blocks: Any = self.decoder
        return DecoderCache([block.across.source(memory) for block in blocks], mask, copies, places)

    def logits(self, states: Tensor) -> Tensor:
        weight = self.embedding.weight if self.head is None else self.head.weight
        return functional.linear(states * self.width**-0.5 if self.is_scaled else states, weight)

    def distances(self, table: nn.Embedding, queries: Tensor, keys: Tensor, is_both: bool) -> Tensor:
        """What is added to the weights for distances, (1, H, T, S)."""
        buckets = bucket_of(keys[None] - queries[:, None], self.buckets, self.furthest, is_both)
        return table(buckets).permute(2, 0, 1)[None]

    def drop(self, x: Tensor) -> Tensor:
        return dropped(x, self.dropout) if self.training and self.dropout else x


def bucket_of(distance: Tensor, buckets: int, furthest: int, is_both: bool) -> Tensor:
    """The bucket of each distance, key's place minus query's: half of them for one distance each, then ever wider.

    With `is_both`, half of all are for keys that come later; else those count as distance 0.
    """
    first = torch.zeros_like(distance)
    if is_both:
        buckets //= 2
        first = (distance > 0).long() * buckets
        distance = distance.abs()
    else:
        distance = (-distance).clamp(min=0)
    exact = buckets // 2
    growth = (distance.float() / exact).log() / math.log(furthest / exact) * (buckets - exact)
    wide = (exact + growth.clamp(min=0).long()).clamp(max=buckets - 1)
    return first + torch.where(distance < exact, distance, wide)


class Block(nn.Module):
    """Attention to itself, in a decoder attention across, then a feed-forward layer; each of norm(x) and added to x."""

    def __init__(self, model: T5, is_decoder: bool):
        super().__init__()
        width, wide, epsilon = model.width, model.wide, model.epsilon
        self.dropout, self.activation = model.dropout, model.activation

        def attention() -> Attention:
            return Attention(width, model.heads, model.size, 1.0, False, model.dropout)

        self.norm, self.itself = nn.RMSNorm(width, epsilon), attention()
        if is_decoder:
            self.across_norm, self.across = nn.RMSNorm(width, epsilon), attention()
        self.wide_norm = nn.RMSNorm(width, epsilon)
        self.widen = nn.Linear(width, wide, bias=False)
        if model.is_gated:
            self.gate = nn.Linear(width, wide, bias=False)
        self.is_gated = model.is_gated
        self.narrow = nn.Linear(wide, width, bias=False)

    def forward(
        self,
        x: Tensor,
        bias: Tensor,
        memory: Any = None,
        hidden: Tensor | None = None,
        cache: DecoderCache | None = None,
        layer: int = 0,
    ) -> Tensor:
        """x (B, T, width); `bias` is for distances, `hidden` (B, 1, 1, S) for what the memory has not."""
        normed = self.norm(x)
        source = self.itself.source(normed)
        if cache:
            source = cache.extend(layer, *source)
        x = x + self.drop(self.itself(normed, source, bias))
        if memory is not None or cache:
            source = cache.sources[layer] if cache else self.across.source(memory)
            x = x + self.drop(self.across(self.across_norm(x), source, hidden))
        normed = self.wide_norm(x)
        wide = ACTIVATIONS[self.activation](self.widen(normed))
        if self.is_gated:
            wide = wide * self.gate(normed)
        return x + self.drop(self.narrow(self.drop(wide)))

    def drop(self, x: Tensor) -> Tensor:
        return dropped(x, self.dropout) if self.training and self.dropout else x


def names_in_hugging_face(model: T5) -> dict[str, str]:
    """Our name of each weight -> its name in Hugging Face's folder."""
    names = {"embedding.weight": "shared.weight"}
    if not model.is_tied:
        names["head.weight"] = "lm_head.weight"
    for half, depth in (("encoder", model.encoder_depth), ("decoder", model.decoder_depth)):
        names[f"{half}_norm.weight"] = f"{half}.final_layer_norm.weight"
        first = f"{half}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        names[f"{half}_distances.weight"] = first
        branches = [("norm", "itself", "SelfAttention"), ("across_norm", "across", "EncDecAttention")]
        for layer in range(depth):
            ours, theirs = f"{half}.{layer}", f"{half}.block.{layer}.layer"
            for place, (norm, ours_name, theirs_name) in enumerate(branches[: 1 + (half == "decoder")]):
                names[f"{ours}.{norm}.weight"] = f"{theirs}.{place}.layer_norm.weight"
                for part, letter in (("q", "q"), ("k", "k"), ("v", "v"), ("mix", "o")):
                    names[f"{ours}.{ours_name}.{part}.weight"] = f"{theirs}.{place}.{theirs_name}.{letter}.weight"
            last = f"{theirs}.{1 + (half == 'decoder')}"
            names[f"{ours}.wide_norm.weight"] = f"{last}.layer_norm.weight"
            feed = {"widen": "wi_0", "gate": "wi_1"} if model.is_gated else {"widen": "wi"}
            for ours_name, theirs_name in {**feed, "narrow": "wo"}.items():
                names[f"{ours}.{ours_name}.weight"] = f"{last}.DenseReluDense.{theirs_name}.weight"
    return names
