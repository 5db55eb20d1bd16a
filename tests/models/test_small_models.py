import numpy as np
import pytest
import torch
from torch import nn

from maquette.methods.losses import CrossEntropy, SquaredError
from maquette.models import MLP, Polynomial


def test_the_course_s_networks_have_the_printed_number_of_weights():
    def count(**arguments):
        return sum(weight.numel() for weight in MLP(**arguments).parameters())

    assert count(inputs=9) == 1409
    assert count(inputs=8) == 1377
    assert count(inputs=4, outputs=3) == 1315
    assert count(inputs=8, hidden=(32, 32, 32)) == 2433


def test_mlp_by_hand():
    model = MLP(inputs=2, hidden=(3,), outputs=1)
    x = torch.randn(5, 2)
    first, last = model[0], model[2]
    expected = torch.relu(x @ first.weight.T + first.bias) @ last.weight.T + last.bias
    torch.testing.assert_close(model(x), expected)


def test_polynomial_is_numpys_chebyshev():
    for degree in (0, 1, 2, 20):
        model = Polynomial(degree=degree, low=10.0, span=5.0)
        model.coefficients.data = torch.randn(degree + 1, dtype=torch.float64)
        x = np.linspace(10, 15, 50)
        expected = np.polynomial.chebyshev.chebval(2 * (x - 10) / 5 - 1, model.coefficients.detach().numpy())
        assert np.allclose(model(torch.from_numpy(x)).detach().numpy(), expected)


@pytest.mark.parametrize("hidden", [(), (4,), (5, 3), (6, 5, 4)])
@pytest.mark.parametrize("loss", [SquaredError(), CrossEntropy()])
def test_the_gradient_of_the_mlp_s_own_is_autograd_s(hidden, loss):
    torch.manual_seed(0)
    model = MLP(inputs=3, hidden=hidden, outputs=2).double()
    for _, bias in model.pairs:
        nn.init.normal_(bias)  # at zero, rows could stand on relu's corner, where there is no derivative
    x = torch.randn(7, 3, dtype=torch.float64)
    target = torch.randn(7, 2, dtype=torch.float64) if isinstance(loss, SquaredError) else torch.randint(2, (7,))
    value = loss(model(x), target)
    value.backward()
    expected = [weight.grad.clone() for weight in model.parameters()]
    for weight in model.parameters():
        weight.grad.fill_(9.0)  # must be overwritten, not added to
    torch.testing.assert_close(model.learn(x, target, loss.slope), value.detach())
    for weight, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient)
        numeric = torch.zeros_like(weight)
        for index in range(weight.numel()):
            flat, step = weight.detach().view(-1), 1e-6
            flat[index] += step
            above = loss(model(x), target)
            flat[index] -= 2 * step
            numeric.view(-1)[index] = (above - loss(model(x), target)).detach() / (2 * step)
            flat[index] += step
        torch.testing.assert_close(gradient, numeric, rtol=1e-5, atol=1e-7)
