"""A language model made ready to write text on a processor: the same answers, sooner. Only for inference.

Large networks read with weights laid out for their matrix products, small ones in one compiled call a token.
"""

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maquette.models.attention import Cache, LanguageModel
from maquette.models.gpt import GPT
from maquette.models.gpt2 import GPT2
from maquette.models.recurrent import GATES, Memory, Recurrent

WORTH_PACKING = 10_000_000  # weights
WORTH_COMPILING = 500  # tokens: loading what was compiled takes as long as writing some hundreds
COMPILED_ROWS = 4  # sequences at once, up to which one after the other is faster


def for_writing(model: LanguageModel | Recurrent, rows: int, tokens: int) -> Any:
    """The model in the form that writes `tokens` tokens of `rows` sequences soonest; itself where none is better."""
    weight = next(model.parameters())
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return model
    if isinstance(model, Recurrent):
        return CompiledRecurrent(model) if rows <= COMPILED_ROWS and tokens >= WORTH_COMPILING else model
    is_large = sum(each.numel() for each in model.parameters()) >= WORTH_PACKING
    if is_large:
        can_pack = hasattr(torch.ops.mkldnn, "_reorder_linear_weight") and torch.backends.mkldnn.is_available()
        return packed(model, rows, rows > 1 and rows * tokens >= WORTH_COMPILING) if can_pack else model
    if isinstance(model, GPT | GPT2) and rows <= COMPILED_ROWS and tokens >= WORTH_COMPILING:
        return Compiled(model)
    return model


class PackedLinear:
    """A linear layer whose weights are laid out as oneDNN likes them for `rows` rows: half the time or less."""

    def __init__(self, layer: nn.Linear, rows: int, activation: str = "none"):
        self.bias = None if layer.bias is None else layer.bias.detach()
        self.packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), rows)
        self.activation = activation

    def __call__(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])  # other shapes are laid out anew at each call
        y = torch.ops.mkldnn._linear_pointwise(flat, self.packed, self.bias, self.activation, [], "tanh")
        return y.view(*x.shape[:-1], -1)


def packed(model: LanguageModel, rows: int, is_compiled: bool = False) -> LanguageModel:
    """The model with packed weights, for `rows` sequences at once, and GELU computed within the product before it.

    With `is_compiled`, single tokens attend through a compiled kernel. Packing takes as much memory again and about as
    long as reading two tokens.
    """
    shared = {id(each): each for each in (*model.parameters(), *model.buffers())}
    made = copy.deepcopy(model, shared)
    for module in list(made.modules()):
        has_gelu = isinstance(getattr(module, "activation", None), nn.GELU)
        for name, layer in list(module.named_children()):
            if isinstance(layer, nn.Linear):
                delattr(module, name)
                fused = "gelu" if has_gelu and name == "widen" else "none"
                object.__setattr__(module, name, PackedLinear(layer, rows, fused))
        if has_gelu:
            module.activation = nn.Identity()
    made.is_compiled = is_compiled
    if isinstance(made, GPT2):
        tied = nn.Linear(made.width, made.vocabulary, bias=False, device="meta")
        tied.weight = made.embedding.weight
        object.__setattr__(made, "unembed", PackedLinear(tied, rows))
    return made


class Compiled:
    """A small GPT or GPT2 whose reading of single tokens is compiled; prompts are read by the network itself."""

    def __init__(self, model: GPT | GPT2):
        from maquette.kernels import reading

        self.model, self.context = model, model.context
        self.step: Any
        blocks: Any = model.blocks

        def stacked(name: str) -> Any:
            return torch.stack([block.get_parameter(name) for block in blocks]).detach().numpy()

        embedding = model.embedding.weight.detach().numpy()
        if isinstance(model, GPT):
            matrices = [stacked(f"{name}.weight") for name in ("qkv", "mix", "widen", "narrow")]
            self.step = reading.read_gpt
            self.weights = [embedding, model.turns.numpy(), *matrices, model.head.weight.detach().numpy()]
            return
        norms = [norm for block in blocks for norm in (block.norm_1, block.norm_2)] + [model.norm]
        gains = torch.stack([norm.weight for norm in norms]).detach().numpy()
        shifts = torch.stack([norm.bias for norm in norms]).detach().numpy()
        layers = [
            stacked(f"{name}.{part}") for name in ("qkv", "mix", "widen", "narrow") for part in ("weight", "bias")
        ]
        self.step = reading.read_gpt2
        self.weights = [embedding, model.positions.weight.detach().numpy(), gains, shifts, model.epsilon, *layers]

    def parameters(self) -> Any:
        return self.model.parameters()

    def new_cache(self, batch: int, places: int | None = None) -> Cache:
        return self.model.new_cache(batch, places)

    def read(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Read (B, T) tokens after those in the cache; logits (B, vocabulary) of what follows the last."""
        if tokens.shape[1] > 1:
            return self.model.read(tokens, cache)
        logits = torch.empty(len(tokens), self.model.vocabulary)
        keys, values, written = cache.keys.numpy(), cache.values.numpy(), logits.numpy()
        for row, token in enumerate(tokens[:, 0].tolist()):
            self.step(token, cache.length, row, *self.weights, keys, values, written[row])
        cache.length += 1
        return logits


class CompiledRecurrent:
    """A recurrent network whose reading of single tokens is compiled; prompts are read by the network itself."""

    def __init__(self, model: Recurrent):
        from maquette.kernels.recurrent import read_tokens

        self.model, self.context, self.gates = model, model.context, len(GATES[model.cell])
        self.step: Any = read_tokens
        body: Any = model.body

        def stacked(name: str, layers: range) -> Any:
            shape = len(GATES[model.cell]) * model.width, *((model.width,) if name.startswith("weight") else ())
            kept = [body.get_parameter(f"{name}_l{layer}") for layer in layers]
            return (torch.stack(kept) if kept else torch.empty(0, *shape)).detach().numpy()

        first, above = range(model.layers), range(1, model.layers)
        fresh = model.embedding.weight @ body.weight_ih_l0.T + body.bias_ih_l0
        names = [("weight_ih", above), ("bias_ih", above), ("weight_hh", first), ("bias_hh", first)]
        self.weights = [fresh.detach().numpy(), *(stacked(*each) for each in names)]
        self.weights += [model.head.weight.detach().numpy(), model.head.bias.detach().numpy()]

    def parameters(self) -> Any:
        return self.model.parameters()

    def new_cache(self, batch: int, places: int | None = None) -> Memory:
        return self.model.new_cache(batch, places)

    def read(self, tokens: Tensor, cache: Memory) -> Tensor:
        """Read (B, T) tokens after those in the memory; logits (B, vocabulary) of what follows the last."""
        if tokens.shape[1] > 1:
            return self.model.read(tokens, cache)
        logits = np.empty((len(tokens), self.model.vocabulary), np.float32)
        states = [each.contiguous().numpy() for each in cache.state]
        self.step(tokens[:, 0].numpy(), self.gates, *self.weights, states[0], states[-1], logits)
        cache.state = tuple(map(torch.from_numpy, states))
        cache.length += 1
        return torch.from_numpy(logits)
