"""GPT-2, exactly; Radford et al. 2019, with the weights' names and shapes that Hugging Face gives them."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from maquette.models.attention import Cache, LanguageModel, attend, heads_of, joined


class GPT2(LanguageModel):
    """A Transformer that predicts the next token: tokens (B, T), T <= context, to logits (B, T, vocabulary).

    Learned positions, layer norm before each branch and at the end, GELU, and the embedding used again as the head.
    The defaults are the smallest of the four published sizes, 124 million weights.
    """

    def __init__(
        self,
        *,
        vocabulary: int = 50257,
        context: int = 1024,
        depth: int = 12,
        width: int = 768,
        heads: int = 12,
        epsilon: float = 1e-5,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.vocabulary, self.context, self.depth, self.width, self.heads = vocabulary, context, depth, width, heads
        self.epsilon, self.dropout = epsilon, dropout
        self.embedding = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList([Block(width, heads, epsilon, dropout) for _ in range(depth)])
        self.norm = nn.LayerNorm(width, epsilon)
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                shrink = (2 * depth) ** -0.5 if name.endswith(("mix.weight", "narrow.weight")) else 1.0
                nn.init.normal_(weight, std=0.02 * shrink)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def states(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """The last layer's numbers, normalised, (B, T, width)."""
        start = cache.length if cache else 0
        places = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        x = self.embedding(tokens) + self.positions(places)
        if self.training:
            x = functional.dropout(x, self.dropout)
        for layer, block in enumerate(self.blocks):
            x = block(x, cache, layer)
        if cache:
            cache.length += tokens.shape[1]
        return self.norm(x)

    def logits(self, states: Tensor) -> Tensor:
        return self.unembed(states)

    def unembed(self, states: Tensor) -> Tensor:
        return functional.linear(states, self.embedding.weight)


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x))."""

    def __init__(self, width: int, heads: int, epsilon: float, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm_1 = nn.LayerNorm(width, epsilon)
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.norm_2 = nn.LayerNorm(width, epsilon)
        self.widen = nn.Linear(width, 4 * width)
        self.activation = nn.GELU(approximate="tanh")
        self.narrow = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, cache: Cache | None = None, layer: int = 0) -> Tensor:
        query, key, value = heads_of(self.qkv(self.norm_1(x)), 3 * self.heads).chunk(3, dim=1)
        if cache:
            attended = cache.attend(layer, query, key, value)
        else:
            attended = attend(query, key, value, self.dropout if self.training else 0.0)
        x = x + self.drop(self.mix(joined(attended)))
        wide = self.activation(self.widen(self.norm_2(x)))
        return x + self.drop(self.narrow(wide))

    def drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout) if self.training else x


# Hugging Face's name of a block's layer -> ours; its matrices there are (in, out), ours (out, in)
LAYERS = {
    "ln_1": "norm_1",
    "attn.c_attn": "qkv",
    "attn.c_proj": "mix",
    "ln_2": "norm_2",
    "mlp.c_fc": "widen",
    "mlp.c_proj": "narrow",
}
OUTSIDE = {"wte.weight": "embedding.weight", "wpe.weight": "positions.weight"} | {
    f"ln_f.{part}": f"norm.{part}" for part in ("weight", "bias")
}


def names_in_hugging_face(depth: int) -> dict[str, tuple[str, bool]]:
    """Our name of each weight -> its name in Hugging Face's folder, and whether it lies transposed there."""
    names = {ours: (f"transformer.{theirs}", False) for theirs, ours in OUTSIDE.items()}
    for layer in range(depth):
        for theirs, ours in LAYERS.items():
            for part in ("weight", "bias"):
                is_matrix = part == "weight" and not theirs.startswith("ln")
                names[f"blocks.{layer}.{ours}.{part}"] = (f"transformer.h.{layer}.{theirs}.{part}", is_matrix)
    return names
