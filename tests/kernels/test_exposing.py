"""Pictures exposed by compiled kernels, against the plain version, its derivatives and finite differences."""

import numpy as np
import pytest
import torch

from maquette.graphics.exposing import exposed, hats
from maquette.kernels.exposing import expose, expose_backward


def made(shape, points):
    chance = np.random.default_rng(1)
    return chance.normal(size=(3, *shape)), chance.normal(size=(3, 4)), chance.normal(size=points)


@pytest.mark.parametrize("points", [(1, 1), (2, 3), (6, 6), (9, 1)])
@pytest.mark.parametrize("shape", [(5, 4), (1, 1), (33, 70)])
def test_it_is_the_plain_version_with_its_derivatives(shape, points):
    inputs = [each.astype(np.float32) for each in made(shape, points)]
    slopes = np.random.default_rng(2).normal(size=(3, *shape)).astype(np.float32)
    exact = [torch.from_numpy(each).double().requires_grad_() for each in inputs]
    wanted = exposed(*exact)
    np.testing.assert_allclose(expose(*inputs), wanted.detach(), rtol=1e-5, atol=1e-5)
    expected = torch.autograd.grad((wanted * torch.from_numpy(slopes)).sum(), exact)
    for found, by in zip(expose_backward(*inputs, slopes), expected, strict=True):
        np.testing.assert_allclose(found, by, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_derivatives_agree_with_finite_differences():
    inputs = made((7, 9), (3, 4))
    slopes = np.random.default_rng(2).normal(size=(3, 7, 9))
    for place, by in enumerate(expose_backward(*inputs, slopes)):
        for at in [(0,) * by.ndim, tuple(np.array(by.shape) - 1), tuple(np.array(by.shape) // 2)]:
            found = []
            for change in (1e-6, -1e-6):
                moved = [each.copy() for each in inputs]
                moved[place][at] += change
                found.append((expose(*moved) * slopes).sum())
            assert by[at] == pytest.approx((found[0] - found[1]) / 2e-6, rel=1e-6, abs=1e-6)


def test_between_points_the_shading_changes_linearly_at_any_size():
    """A ramp of brightness from the left border, 1, to the right, 3, is where it is at twice the size too."""
    for width in (10, 20):
        shown = expose(np.ones((3, 4, width)), np.eye(3, 4), np.array([[1.0, 2, 3]] * 2))
        np.testing.assert_allclose(shown, np.broadcast_to(1 + 2 * (np.arange(width) + 0.5) / width, shown.shape))
    np.testing.assert_allclose(hats(11, 4).sum(1), 1)
