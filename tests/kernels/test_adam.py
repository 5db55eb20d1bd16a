"""Adam's step is that of PyTorch, for tensors and for arrays."""

import numpy as np
import torch

from maquette.kernels.adam import adam


def test_steps_are_those_of_pytorch():
    generator = np.random.default_rng(0)
    begun, step_sizes = generator.normal(size=20), np.full(20, 0.05)
    slopes = generator.normal(size=(9, 20))
    weights = torch.nn.Parameter(torch.tensor(begun))
    optimizer = torch.optim.Adam([weights], 0.05, eps=1e-15)
    array = begun, np.zeros(20), np.zeros(20)
    tensor = tuple(torch.tensor(each) for each in array)
    for number, slope in enumerate(slopes, 1):
        weights.grad = torch.tensor(slope)
        optimizer.step()
        array = adam(*array, slope, slope**2, step_sizes, number, 1e-15)
        tensor = adam(*tensor, weights.grad, weights.grad**2, torch.tensor(step_sizes), number, 1e-15)
        np.testing.assert_allclose(array[0], weights.detach().numpy(), rtol=1e-9)
        np.testing.assert_allclose(tensor[0].numpy(), array[0], rtol=1e-12)
