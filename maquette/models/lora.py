"""Low-rank changes to the linear layers of a network whose own weights stay as they are; Hu et al. 2021.

y = W x + (scale / rank) B A x, where A is drawn at random and B begins at nought: the network begins as it was.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

LAYERS = ("q", "v")  # of an attention, those that are changed


class LoRA(nn.Module):
    """A linear layer with a change of so small a rank; only that learns."""

    def __init__(self, layer: nn.Linear, rank: int, scale: float):
        super().__init__()
        self.layer, self.factor = layer, scale / rank
        self.down = nn.Linear(layer.in_features, rank, bias=False)
        self.up = nn.Linear(rank, layer.out_features, bias=False)
        nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5))
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.factor * self.up(self.down(x))

    def folded(self) -> nn.Linear:
        """One linear layer that does the same."""
        with torch.no_grad():
            self.layer.weight += self.factor * self.up.weight @ self.down.weight
        return self.layer


def add_lora(model: nn.Module, rank: int, scale: float, names: tuple[str, ...] = LAYERS) -> int:
    """Change the linear layers of these names, and let nothing else learn; returns how many weights do."""
    model.requires_grad_(False)
    for parent, name, layer in list(linear_layers(model, names)):
        setattr(parent, name, LoRA(layer, rank, scale))
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def fold_lora(model: nn.Module) -> None:
    """Put the changes into the weights, and let all of them learn again."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LoRA):
                setattr(parent, name, child.folded())
    model.requires_grad_(True)


def linear_layers(model: nn.Module, names: tuple[str, ...]) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    for parent in model.modules():
        for name, child in parent.named_children():
            if name in names and isinstance(child, nn.Linear):
                yield parent, name, child
