"""Optimizers, written out: the formula, its constants, and nothing else.

They hold `parameters` and `learning_rate`, and offer `step`, `clear`, `state_dict` and `load_state_dict`. torch's own
optimizers wrap each step in profiling and compiler guards, which for a network of a thousand weights takes longer than
the arithmetic, and load torch's compiler on first use.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from maquette.methods.spread import spread_like, whole


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


class Adamax(Optimizer):
    """Adam by the largest gradient; Kingma and Ba 2015, algorithm 2, with Keras's epsilon.

    mean <- b1 mean + (1 - b1) g;  largest <- max(b2 largest, |g|);
    weight <- weight - learning_rate / (1 - b1^t) mean / (largest + epsilon).
    torch.optim.Adamax takes max(b2 largest, |g| + epsilon) instead.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-7,
    ):
        super().__init__(parameters, learning_rate, ("mean", "largest"))
        self.betas, self.epsilon = betas, epsilon

    def move(self, index: int, weight: Tensor, gradient: Tensor, mean: Tensor, largest: Tensor) -> None:  # type: ignore[override]
        first, second = self.betas
        mean.lerp_(gradient, 1 - first)
        torch.maximum(largest.mul_(second), gradient.abs(), out=largest)
        weight.addcdiv_(mean, largest + self.epsilon, value=-self.learning_rate / (1 - first**self.steps))


class Muon(Optimizer):
    """Momentum made orthogonal, for matrices and convolutions; Jordan et al. 2024, "Muon".

    momentum <- m momentum + g;  direction = orthogonal(g + m momentum), each weight (out, ...) taken as a matrix
    (out, rest);  weight <- (1 - learning_rate weight_decay) weight - learning_rate sqrt(max(1, out / rest)) direction.
    Weights with fewer than two dimensions take AdamW's step at a tenth of the learning rate.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        learning_rate: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, learning_rate, ("momentum",))
        self.momentum, self.weight_decay = momentum, weight_decay
        self.matrices = [index for index, weight in enumerate(self.parameters) if weight.dim() > 1]
        small = [weight for weight in self.parameters if weight.dim() < 2]
        self.rest = AdamW(small, learning_rate, betas=(0.9, 0.99)) if small else None

    @torch.no_grad()
    def step(self) -> None:
        self.steps += 1
        groups: dict[int, list[tuple[nn.Parameter, Tensor]]] = {}
        for index in self.matrices:
            weight, memory = self.parameters[index], self.memory["momentum"][index]
            if weight.grad is None:
                continue
            memory.mul_(self.momentum).add_(weight.grad)
            direction = whole(weight.grad.add(memory, alpha=self.momentum)).reshape(len(weight), -1)
            groups.setdefault(min(direction.shape), []).append((weight, direction))
        for pairs in groups.values():  # equal smaller sides together: one product instead of many
            for (weight, _), turned in zip(pairs, orthogonal([direction for _, direction in pairs]), strict=True):
                rows, columns = turned.shape
                if self.weight_decay:
                    weight.mul_(1 - self.learning_rate * self.weight_decay)
                step = spread_like(weight, turned.view(weight.shape))
                weight.add_(step, alpha=-self.learning_rate * max(1, rows / columns) ** 0.5)
        if self.rest:
            self.rest.learning_rate = 0.1 * self.learning_rate
            self.rest.step()

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "rest": self.rest.state_dict() if self.rest else None}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        if self.rest:
            self.rest.load_state_dict(state["rest"])


class Together:
    """Several optimizers as one, each with a learning rate of its own, all of them scaled by one schedule."""

    def __init__(self, *optimizers: Optimizer):
        self.optimizers = optimizers
        self.rates = [each.learning_rate for each in optimizers]
        self.parameters = [weight for each in optimizers for weight in each.parameters]

    def scale(self, factor: float) -> None:
        for each, rate in zip(self.optimizers, self.rates, strict=True):
            each.learning_rate = rate * factor

    def clear(self) -> None:
        for each in self.optimizers:
            each.clear()

    def step(self) -> None:
        for each in self.optimizers:
            each.step()

    def state_dict(self) -> dict[str, Any]:
        return {"optimizers": [each.state_dict() for each in self.optimizers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for each, saved in zip(self.optimizers, state["optimizers"], strict=True):
            each.load_state_dict(saved)


def orthogonal(matrices: Sequence[Tensor], iterations: int = 5) -> list[Tensor]:
    """About the nearest matrices with orthonormal rows or columns: of equal smaller sides; singular values to 0.7..1.2.

    A quintic Newton-Schulz iteration, X <- P X with P = a I + b X X' + c (X X')^2 and the coefficients of Jordan et al.
    2024. All P commute, so they are multiplied first, by way of the small matrices X X' alone, and meet X once.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = [each.mT if each.shape[0] > each.shape[1] else each for each in matrices]
    square = torch.stack([each @ each.mT for each in wide])
    size = torch.diagonal(square, dim1=-2, dim2=-1).sum(-1)[:, None, None].sqrt() + 1e-7  # of X, by Frobenius
    square = square / size**2
    unit = torch.eye(square.shape[-1], dtype=square.dtype, device=square.device)
    product = unit / size
    for number in range(iterations):
        factor = torch.baddbmm(square, square, square, beta=b, alpha=c).add_(unit, alpha=a)
        product = factor @ product if number else factor / size
        if number + 1 < iterations:
            square = factor @ square @ factor
    turned = [p @ each for p, each in zip(product, wide, strict=True)]
    return [each.mT if old.shape[0] > old.shape[1] else each for old, each in zip(matrices, turned, strict=True)]


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
