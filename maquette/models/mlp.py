"""Multi-layer perceptron: dense layers with relu between them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class MLP(nn.Sequential):
    """Dense layers with relu between them, none after the last: (N, inputs) to (N, outputs).

    Weights start uniform in +-sqrt(6 / (fan in + fan out)) and biases at zero, as Keras does;
    Glorot and Bengio 2010, equation (16). Called as a plain `nn.Sequential` it gives the same values and gradients;
    here the whole network is one node of the graph, because for a thousand weights the graph costs more than the sums.
    """

    def __init__(self, *, inputs: int, hidden: Sequence[int] = (32, 32), outputs: int = 1):
        sizes = [inputs, *hidden, outputs]
        layers: list[nn.Module] = []
        for size, following in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [nn.Linear(size, following), nn.ReLU()]
        super().__init__(*layers[:-1])
        self.inputs, self.hidden, self.outputs = inputs, list(hidden), outputs
        for layer in self:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, numbers: Tensor) -> Tensor:
        return DenseLayers.apply(numbers, *self.parameters())


class DenseLayers(torch.autograd.Function):
    """h_k = relu(h_(k-1) W_k^T + b_k), the last without relu, and its gradient by the chain rule.

    Rumelhart, Hinton and Williams 1986. Arguments: h_0 (N, inputs), then W_1 (outputs, inputs), b_1 (outputs,), W_2 ...
    """

    @staticmethod
    def forward(ctx: Any, numbers: Tensor, *weights: Tensor) -> Tensor:
        hidden = [numbers]
        last = len(weights) - 2
        for index in range(0, len(weights), 2):
            sums = torch.addmm(weights[index + 1], hidden[-1], weights[index].t())
            hidden.append(sums if index == last else sums.relu_())
        ctx.save_for_backward(*hidden[:-1], *weights[::2])
        return hidden[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        layers = len(ctx.saved_tensors) // 2
        hidden, matrices = ctx.saved_tensors[:layers], ctx.saved_tensors[layers:]
        found: list[Tensor | None] = []
        for index in reversed(range(layers)):
            found += [gradient.sum(0), gradient.t().mm(hidden[index])]
            if index > 0:
                gradient = torch.ops.aten.threshold_backward(gradient.mm(matrices[index]), hidden[index], 0)
        found.append(gradient.mm(matrices[0]) if ctx.needs_input_grad[0] else None)
        return tuple(found[::-1])
