"""Multi-layer perceptron: dense layers with relu between them."""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

Slope = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class MLP(nn.Sequential):
    """Dense layers with relu between them, none after the last: (N, inputs) to (N, outputs).

    Weights start uniform in +-sqrt(6 / (fan in + fan out)) and biases at zero, as Keras does;
    Glorot and Bengio 2010, equation (16).
    """

    def __init__(self, *, inputs: int, hidden: Sequence[int] = (32, 32), outputs: int = 1):
        layers: list[nn.Module] = []
        for size, following in itertools.pairwise([inputs, *hidden, outputs]):
            layers += [nn.Linear(size, following), nn.ReLU()]
        super().__init__(*layers[:-1])
        self.inputs, self.hidden, self.outputs = inputs, list(hidden), outputs
        self.pairs = [(layer.weight, layer.bias) for layer in self if isinstance(layer, nn.Linear)]
        for weight, bias in self.pairs:
            nn.init.xavier_uniform_(weight)
            nn.init.zeros_(bias)

    @torch.no_grad()
    def learn(self, numbers: Tensor, target: Tensor, slope: Slope) -> Tensor:
        """The loss of a batch, and its gradient left in the parameters' `grad`, which must be there already.

        The same as `loss(self(numbers), target).backward()` on cleared gradients, by the chain rule written out
        (Rumelhart, Hinton and Williams 1986): for a thousand weights, recording a graph costs more than the sums.
        `slope(predicted, target)` gives the loss and its derivative by `predicted`.
        """
        hidden = [numbers]
        for weight, bias in self.pairs:
            hidden.append(torch.addmm(bias, hidden[-1], weight.t()))
            if len(hidden) <= len(self.pairs):
                hidden[-1].relu_()
        value, pull = slope(hidden.pop(), target)
        for index in reversed(range(len(hidden))):
            weight, bias = self.pairs[index]
            torch.sum(pull, 0, out=bias.grad)
            torch.mm(pull.t(), hidden[index], out=weight.grad)
            if index > 0:
                pull = torch.ops.aten.threshold_backward(pull.mm(weight), hidden[index], 0)
        return value
