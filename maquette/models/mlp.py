"""Multi-layer perceptron: dense layers with relu between them."""

from collections.abc import Sequence

from torch import Tensor, nn


class MLP(nn.Sequential):
    """Dense layers with relu between them, none after the last: (N, inputs) to (N, outputs).

    Weights start uniform in +-sqrt(6 / (fan in + fan out)) and biases at zero, as Keras does;
    Glorot and Bengio 2010, equation (16).
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
        return super().forward(numbers)
