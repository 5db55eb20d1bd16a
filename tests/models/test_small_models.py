import numpy as np
import pytest
import torch
from torch import nn

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
def test_mlp_has_the_values_and_gradients_of_the_plain_layers(hidden):
    model = MLP(inputs=3, hidden=hidden, outputs=2).double()
    x = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    found, expected = model(x), nn.Sequential.forward(model, x)
    torch.testing.assert_close(found, expected)
    pull = torch.randn_like(found)
    ours = torch.autograd.grad(found, [x, *model.parameters()], pull)
    theirs = torch.autograd.grad(expected, [x, *model.parameters()], pull)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)
    assert torch.autograd.gradcheck(model, (x,))
