"""One sequence of tokens through a Transformer by its written-out formulas, with every number on the way kept.

T tokens, L layers, H heads, D numbers a head, W = H D numbers a token, V tokens in the vocabulary. For networks like
those of models/gpt2.py and models/gpt.py, which supply the weights; all is computed in double precision.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

Tokens = Tensor | np.ndarray | Sequence[int]  # (T,)


@dataclass
class Layer:
    """What one block computes, in the order in which it does."""

    before: Tensor  # (T, W) the residual stream that comes in
    normed: Tensor  # (T, W)
    queries: Tensor  # (H, T, D), with rotary positions normalised but not yet turned
    keys: Tensor  # (H, T, D), likewise
    values: Tensor  # (H, T, D)
    turned_queries: Tensor  # (H, T, D) as they are compared; the same as above without rotary positions
    turned_keys: Tensor  # (H, T, D)
    scores: Tensor  # (H, T, T) q k' / sqrt(D) of every pair
    masked: Tensor  # (H, T, T) the same, minus infinity for what lies ahead
    weights: Tensor  # (H, T, T) softmax of each row; what query t takes from key s
    heads: Tensor  # (H, T, D) weights times values
    mixed: Tensor  # (T, W) what attention adds to the stream
    between: Tensor  # (T, W) the stream after that
    normed_again: Tensor  # (T, W)
    wide: Tensor  # (T, 4 W)
    active: Tensor  # (T, 4 W) after GELU or squared relu
    narrow: Tensor  # (T, W) what the feed-forward layers add to the stream
    after: Tensor  # (T, W) the stream that goes out


@dataclass
class Walk:
    """Everything between the tokens and the probabilities of what follows each of them."""

    tokens: Tensor  # (T,)
    embeddings: Tensor  # (T, W)
    positions: Tensor | None  # (T, W) what is added to them; None for rotary positions
    turns: Tensor | None  # (2, T, D / 2) cosines and sines; None for learned positions
    layers: list[Layer]
    stream: Tensor  # (1 + 2 L, T, W) the residual stream at the start and after each branch
    final: Tensor  # (T, W) normalised
    logits: Tensor  # (T, V)
    probabilities: Tensor  # (T, V)


@torch.no_grad()
def walk(model: Any, tokens: Tokens, *, has_positions: bool = True, is_causal: bool = True) -> Walk:
    """Read tokens (T,), T at most `model.context`, and keep every number.

    Without positions those of the network are taken as nought: nothing is added, nothing turned. Where it is not
    causal, every token sees all others, also those ahead.
    """
    numbers = as_numbers(model, tokens)
    embeddings, positions, turns, x = beginning(model, numbers, has_positions)
    layers = list(blocks_of(model, x, turns, is_causal))
    stream = torch.stack([x, *(part for layer in layers for part in (layer.between, layer.after))])
    final = last_norm(model, stream[-1])
    logits = logits_of(model, final)
    return Walk(numbers, embeddings, positions, turns, layers, stream, final, logits, softmax(logits))


@torch.no_grad()
def attention_maps(model: Any, tokens: Tokens) -> Tensor:
    """How much each token takes from each, (L, H, T, T) float32; rows sum to 1."""
    _, _, turns, x = beginning(model, as_numbers(model, tokens))
    return torch.stack([layer.weights.float() for layer in blocks_of(model, x, turns)])


def as_numbers(model: Any, tokens: Tokens) -> Tensor:
    numbers = torch.as_tensor(tokens, device=model.embedding.weight.device).long()
    assert numbers.dim() == 1 and 0 < len(numbers) <= model.context
    return numbers


def beginning(
    model: Any, numbers: Tensor, has_positions: bool = True
) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor]:
    """Embeddings, positions and turns as in `Walk`, and the stream (T, W) that enters the first block."""
    places = len(numbers)
    embeddings = model.embedding.weight[numbers].double()
    if not is_rotary(model):
        positions = model.positions.weight[:places].double() * has_positions
        return embeddings, positions, None, embeddings + positions
    turns = model.turns[:places].double().movedim(-1, 0)
    if not has_positions:
        turns = torch.stack([torch.ones_like(turns[0]), torch.zeros_like(turns[1])])
    return embeddings, None, turns, rms_norm(embeddings)


def blocks_of(model: Any, x: Tensor, turns: Tensor | None, is_causal: bool = True) -> Iterator[Layer]:
    """What each block computes, one after the other."""
    for block in model.blocks:
        layer = through(block, x, turns, is_causal)
        x = layer.after
        yield layer


def through(block: Any, x: Tensor, turns: Tensor | None, is_causal: bool) -> Layer:
    """One block: x (T, W) + attention, then + feed-forward; Vaswani et al. 2017, equations (1) and (2)."""
    places, width = x.shape
    heads = block.heads
    normed = rms_norm(x) if turns is not None else layer_norm(x, block.norm_1)
    query, key, value = linear(normed, block.qkv).view(places, 3, heads, width // heads).permute(1, 2, 0, 3)
    turned_query, turned_key = query, key
    if turns is not None:
        query, key = rms_norm(query), rms_norm(key)
        turned_query, turned_key = rotate(query, turns), rotate(key, turns)
    scores = turned_query @ turned_key.mT / math.sqrt(width // heads)
    masked = scores
    if is_causal:
        ahead = torch.ones(places, places, dtype=torch.bool, device=x.device).triu(1)
        masked = scores.masked_fill(ahead, -math.inf)
    weights = softmax(masked)
    attended = weights @ value
    mixed = linear(attended.transpose(0, 1).reshape(places, width), block.mix)
    between = x + mixed
    normed_again = rms_norm(between) if turns is not None else layer_norm(between, block.norm_2)
    wide = linear(normed_again, block.widen)
    active = wide.clamp(min=0).square() if turns is not None else gelu(wide)
    narrow = linear(active, block.narrow)
    return Layer(
        x, normed, query, key, value, turned_query, turned_key, scores, masked, weights, attended, mixed, between,
        normed_again, wide, active, narrow, between + narrow,
    )  # fmt: skip


@torch.no_grad()
def lens(model: Any, walked: Walk) -> Tensor:
    """What each layer would say were it the last: probabilities (1 + L, T, V), those of the embeddings first.

    The "logit lens" of nostalgebraist 2020: final norm and head applied to the stream on its way.
    """
    return softmax(logits_of(model, last_norm(model, walked.stream[::2])))


def uniform(places: int, *, is_causal: bool = True) -> Tensor:
    """Weights (T, T) that take the same from every token that can be seen."""
    seen = torch.ones(places, places, dtype=torch.double)
    seen = seen.tril() if is_causal else seen
    return seen / seen.sum(-1, keepdim=True)


class Order(NamedTuple):
    """What a network makes of a sentence and of the same tokens in another order."""

    condition: str
    means: Tensor  # (2, W) final numbers, the mean over all places
    following: Tensor  # (2, V) probabilities of what follows the last token

    @property
    def difference(self) -> float:
        """The largest difference between the two means."""
        return float((self.means[0] - self.means[1]).abs().max())


CONDITIONS = {
    "with positions": {},
    "without positions": {"has_positions": False},
    "without positions, each sees all": {"has_positions": False, "is_causal": False},
}


def order_matters(model: Any, tokens: Tokens, other: Tokens) -> list[Order]:
    """A sentence and another order of its tokens, with positions, without, and without causal order as well.

    Under the last of `CONDITIONS` a sentence is a bag of words: attention sums over all tokens, and sums have no order.
    """
    assert sorted(map(int, tokens)) == sorted(map(int, other)), "the same tokens in another order"
    found = []
    for name, options in CONDITIONS.items():
        both = [walk(model, each, **options) for each in (tokens, other)]
        means = torch.stack([each.final.mean(0) for each in both])
        found.append(Order(name, means, torch.stack([each.probabilities[-1] for each in both])))
    return found


def is_rotary(model: Any) -> bool:
    """Whether positions turn queries and keys, instead of being added to the embeddings."""
    return hasattr(model, "turns")


def last_norm(model: Any, x: Tensor) -> Tensor:
    return rms_norm(x) if is_rotary(model) else layer_norm(x, model.norm)


def logits_of(model: Any, final: Tensor) -> Tensor:
    """(..., W) to logits (..., V); GPT-2 takes its embedding as the head."""
    head = model.head if hasattr(model, "head") else model.embedding
    return final @ head.weight.double().T


def linear(x: Tensor, layer: Any) -> Tensor:
    """W x + b."""
    y = x @ layer.weight.double().T
    return y if layer.bias is None else y + layer.bias.double()


def layer_norm(x: Tensor, layer: Any) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) gain + bias, over the last axis; Ba et al. 2016, equation (4)."""
    away = x - x.mean(-1, keepdim=True)
    variance = away.square().mean(-1, keepdim=True)
    return away / (variance + layer.eps).sqrt() * layer.weight.double() + layer.bias.double()


def rms_norm(x: Tensor) -> Tensor:
    """x / sqrt(mean(x^2) + epsilon), over the last axis; Zhang and Sennrich 2019, equation (4), without gains."""
    return x / (x.square().mean(-1, keepdim=True) + torch.finfo(torch.float32).eps).sqrt()


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Each pair of numbers of x (H, T, D) turned by the angle of its place; Su et al. 2021, equation (34)."""
    (cos, sin), (first, second) = turns, (x[..., 0::2], x[..., 1::2])
    return torch.stack([first * cos - second * sin, first * sin + second * cos], dim=-1).flatten(-2)


def softmax(x: Tensor) -> Tensor:
    """exp(x) / sum exp(x) over the last axis; the largest is taken off first, so that nothing overflows."""
    powers = (x - x.amax(-1, keepdim=True)).exp()
    return powers / powers.sum(-1, keepdim=True)


def gelu(x: Tensor) -> Tensor:
    """x times about the share of a normal distribution below x; Hendrycks and Gimpel 2016, section 2, by tanh."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def sinusoids(places: int, width: int) -> Tensor:
    """Fixed positions (T, W), sines in the even, cosines in the odd numbers; Vaswani et al. 2017, section 3.5."""
    angles = torch.outer(
        torch.arange(places, dtype=torch.double), 10_000.0 ** (-torch.arange(0, width, 2).double() / width)
    )
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]


def likeness(rows: Tensor) -> Tensor:
    """The cosine of the angle between every two rows, (T, T) in -1..1; 0 for rows of zeros."""
    unit = rows / rows.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    return unit @ unit.mT
