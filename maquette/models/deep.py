"""Deep dense networks to be compared: plain or residual, with or without normalisation."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["plain", "plain_batch", "residual", "residual_batch", "residual_layer"]
KINDS: dict[Kind, str] = {
    "plain": "plain",
    "plain_batch": "plain, batch norm",
    "residual": "residual",
    "residual_batch": "residual, batch norm",
    "residual_layer": "residual, layer norm",
}


def dense(inputs: int, outputs: int, gain: float) -> nn.Linear:
    """A dense layer whose weights start normal with the variance gain / inputs and whose biases start at zero."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=(gain / inputs) ** 0.5)
    nn.init.zeros_(layer.bias)
    return layer


def normalisation(kind: Kind, width: int) -> nn.Module:
    """Over the rows of a batch (Ioffe and Szegedy 2015), over a row's numbers (Ba et al. 2016), or nothing.

    y = (x - mean) / sqrt(variance + epsilon) gamma + beta, with a gamma and a beta for each of the `width` numbers.
    """
    if kind.endswith("_batch"):
        return nn.BatchNorm1d(width)
    return nn.LayerNorm(width) if kind.endswith("_layer") else nn.Identity()


class Block(nn.Module):
    """A layer f(h) = weights relu(norm(h)) + biases, (N, width) to (N, width); a residual one is h + scale f(h).

    Normalisation, relu and weights stand in the order of He et al. 2016, "Identity mappings". The weights start with
    the variance 2 / width of He et al. 2015, with which plain layers keep the size of the signal.
    """

    def __init__(self, *, width: int, kind: Kind, scale: float = 1.0):
        super().__init__()
        self.width, self.kind, self.scale = width, kind, scale
        self.norm = normalisation(kind, width)
        self.dense = dense(width, width, gain=2.0)

    def change(self, h: Tensor) -> Tensor:
        """f(h)."""
        return self.dense(self.norm(h).relu())

    def forward(self, h: Tensor) -> Tensor:
        made = self.change(h)
        return torch.add(h, made, alpha=self.scale) if self.kind.startswith("residual") else made


class DeepNetwork(nn.Module):
    """A dense network of `depth` layers: one from the inputs, depth - 2 blocks, one to the logits (N, classes).

    scale: what a residual block without normalisation multiplies its change by; 1 / sqrt(blocks) if not given. With 1,
    each block doubles the variance of the signal at the start (Balduzzi et al. 2017, section 3.2).
    """

    def __init__(
        self,
        *,
        inputs: int,
        width: int = 64,
        depth: int = 50,
        classes: int = 10,
        kind: Kind = "residual_batch",
        scale: float | None = None,
    ):
        super().__init__()
        assert depth >= 2
        self.inputs, self.width, self.depth, self.classes = inputs, width, depth, classes
        self.kind, self.scale = kind, scale
        blocks = depth - 2
        factor = 1.0
        if kind == "residual":
            factor = scale if scale is not None else max(blocks, 1) ** -0.5
        self.first = dense(inputs, width, gain=1.0)
        self.blocks = nn.ModuleList(Block(width=width, kind=kind, scale=factor) for _ in range(blocks))
        self.norm = normalisation(kind, width)
        self.last = dense(width, classes, gain=1.0)

    def signals(self, inputs: Tensor) -> list[Tensor]:
        """The signal after the first layer and after each block, depth - 1 tensors (N, width)."""
        made = [self.first(inputs.flatten(1))]
        for block in self.blocks:
            made.append(block(made[-1]))
        return made

    def answer(self, signal: Tensor) -> Tensor:
        """The logits that follow from the last signal."""
        return self.last(self.norm(signal).relu())

    def forward(self, inputs: Tensor) -> Tensor:
        return self.answer(self.signals(inputs)[-1])


class DeepNetworks(nn.Module):
    """A network of each kind and depth, `networks["plain_50"]` and so on; the one called `answering` gives the logits.

    All networks of one depth start from the same weights, so that only what is added to a plain network tells them
    apart.
    """

    def __init__(
        self,
        *,
        inputs: int,
        width: int = 64,
        depths: Sequence[int] = (2, 4, 10, 22, 50),
        classes: int = 10,
        kinds: Sequence[Kind] = tuple(KINDS),
        scale: float | None = None,
        answering: str | None = None,
    ):
        super().__init__()
        self.inputs, self.width, self.depths, self.classes = inputs, width, list(depths), classes
        self.kinds, self.scale, self.answering = list(kinds), scale, answering or f"{kinds[-1]}_{depths[-1]}"
        self.networks = nn.ModuleDict()
        for depth in depths:
            same = None
            for kind in kinds:
                network = DeepNetwork(inputs=inputs, width=width, depth=depth, classes=classes, kind=kind, scale=scale)
                same = same or network
                network.load_state_dict({**network.state_dict(), **weights_of(same)})
                self.networks[f"{kind}_{depth}"] = network
        assert self.answering in self.networks

    def named(self) -> dict[str, DeepNetwork]:
        """All networks by name."""
        return {name: network for name, network in self.networks.items() if isinstance(network, DeepNetwork)}

    def forward(self, pictures: Tensor) -> Tensor:
        return self.networks[self.answering](pictures)


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """The weights and biases of the dense layers, by their names in `state_dict`."""
    layers = {name: layer for name, layer in network.named_modules() if isinstance(layer, nn.Linear)}
    return {f"{name}.{which}": tensor for name, layer in layers.items() for which, tensor in layer.named_parameters()}


@torch.no_grad()
def settle(network: nn.Module, inputs: Tensor) -> nn.Module:
    """Evaluation mode, batch norm by mean and variance of these inputs, (N, ...), which get the answers of training."""
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d)]
    before = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 1.0
    network.train()(inputs)
    for layer, momentum in zip(norms, before, strict=True):
        layer.momentum = momentum
        assert layer.running_var is not None
        layer.running_var *= (len(inputs) - 1) / len(inputs)  # torch remembers the unbiased variance
    return network.eval()
