"""Optimizers, written out: the formula, its constants, and nothing else.

They hold `parameters` and `learning_rate`, and offer `step`, `clear`, `state_dict` and `load_state_dict`. torch's own
optimizers wrap each step in profiling and compiler guards, which for a network of a thousand weights takes longer than
the arithmetic, and load torch's compiler on first use.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Optimizer:
    """Weights with gradients, and one tensor or more of memory for each weight."""

    def __init__(self, parameters: Iterable[nn.Parameter], learning_rate: float, memory: tuple[str, ...]):
        self.parameters = list(parameters)
        self.learning_rate = learning_rate
        self.steps = 0
        self.memory = {name: [torch.zeros_like(weight) for weight in self.parameters] for name in memory}

    def clear(self) -> None:
        """Set every gradient to zero, in place."""
        for weight in self.parameters:
            if weight.grad is not None:
                weight.grad.zero_()

    @torch.no_grad()
    def step(self) -> None:
        """Move every weight that has a gradient."""
        self.steps += 1
        for index, weight in enumerate(self.parameters):
            if weight.grad is not None:
                self.move(index, weight, weight.grad, *(tensors[index] for tensors in self.memory.values()))

    def move(self, index: int, weight: Tensor, gradient: Tensor, *memory: Tensor) -> None:
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        return {"learning_rate": self.learning_rate, "steps": self.steps, "memory": self.memory}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.learning_rate, self.steps = state["learning_rate"], state["steps"]
        for name, tensors in self.memory.items():
            for tensor, saved in zip(tensors, state["memory"][name], strict=True):
                tensor.copy_(saved)


class RMSprop(Optimizer):
    """Divides each gradient by a running root mean square of itself, with Keras's constants.

    v <- decay v + (1 - decay) g^2;  weight <- weight - learning_rate g / sqrt(v + epsilon); Hinton 2012, lecture 6e.
    torch.optim.RMSprop adds epsilon outside the root and decays by 0.99.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], learning_rate: float = 1e-3, decay: float = 0.9, epsilon: float = 1e-7
    ):
        super().__init__(parameters, learning_rate, ("mean_square",))
        self.decay, self.epsilon = decay, epsilon

    def move(self, index: int, weight: Tensor, gradient: Tensor, mean_square: Tensor) -> None:  # type: ignore[override]
        mean_square.mul_(self.decay).addcmul_(gradient, gradient, value=1 - self.decay)
        weight.addcdiv_(gradient, (mean_square + self.epsilon).sqrt_(), value=-self.learning_rate)


class AdamW(Optimizer):
    """Adam with decoupled weight decay; Loshchilov and Hutter 2019, algorithm 2 (Kingma and Ba 2015, algorithm 1).

    Equal to torch.optim.AdamW with the same constants; `weight_decay` may be a sequence, one for each parameter.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float | Sequence[float] = 0.0,
    ):
        super().__init__(parameters, learning_rate, ("mean", "mean_square"))
        self.betas, self.epsilon = betas, epsilon
        self.weight_decay = [weight_decay] * len(self.parameters) if isinstance(weight_decay, float) else weight_decay

    def move(self, index: int, weight: Tensor, gradient: Tensor, mean: Tensor, mean_square: Tensor) -> None:  # type: ignore[override]
        first, second = self.betas
        mean.lerp_(gradient, 1 - first)
        mean_square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        scale = (1 - second**self.steps) ** 0.5
        weight.mul_(1 - self.learning_rate * self.weight_decay[index])
        weight.addcdiv_(
            mean,
            mean_square.sqrt().add_(self.epsilon * scale),
            value=-self.learning_rate * scale / (1 - first**self.steps),
        )


def flat_parameter(parameters: Iterable[nn.Parameter]) -> nn.Parameter:
    """One parameter that holds all the given ones end to end; they become views of it, and so do their gradients.

    An optimizer over it does the same arithmetic in a few large operations instead of a few for each tensor, which
    for small networks is most of the time of a step. Move the model to its device first.
    """
    parts = [weight for weight in parameters if weight.requires_grad]
    flat = nn.Parameter(torch.cat([weight.detach().reshape(-1) for weight in parts]))
    flat.grad = torch.zeros_like(flat)
    start = 0
    for weight in parts:
        end = start + weight.numel()
        weight.data = flat.data[start:end].view_as(weight)
        weight.grad = flat.grad[start:end].view_as(weight)
        start = end
    return flat
