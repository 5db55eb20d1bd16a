"""Gradients over inputs by finite differences, correlations by closed forms, paths by matrices and by autograd."""

import numpy as np
import pytest
import torch

from maquette.methods.gradients import (
    autocorrelation,
    brown_noise,
    input_gradients,
    residual_output,
    residual_terms,
    white_noise,
)
from maquette.models.deep import DeepNetwork, settle


def curved(width: int, seed: int):
    """f(h) = B tanh(A h + c), (D,) to (D,), in float64."""
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randn(width, width, generator=generator, dtype=torch.float64) for _ in range(2))
    shift = torch.randn(width, generator=generator, dtype=torch.float64)
    return lambda h: second @ torch.tanh(first @ h + shift)


@pytest.mark.parametrize("kind", ["plain", "residual_batch", "residual_layer"])
def test_the_gradient_over_the_input_is_a_finite_difference(kind):
    torch.manual_seed(0)
    points = torch.linspace(-2, 2, 16, dtype=torch.float64)  # not 0, where without biases all relus have their kink
    network = settle(DeepNetwork(inputs=1, width=20, depth=5, classes=1, kind=kind).double(), points[:, None])
    found = input_gradients(network, points)
    with torch.no_grad():
        above, below = (network((points + move)[:, None])[:, 0] for move in (1e-7, -1e-7))
    torch.testing.assert_close(found, (above - below) / 2e-7, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(input_gradients(network, points[3:5]), found[3:5])


def test_autocorrelation_is_numpy_s():
    series = np.random.default_rng(0).normal(size=50).cumsum()
    centred = series - series.mean()
    full = np.correlate(centred, centred, "full")[49:]
    np.testing.assert_allclose(autocorrelation(series[None], 12), full[:13] / full[0], atol=1e-12)
    np.testing.assert_allclose(autocorrelation(-7 * series[None, ::-1] + 3, 12), full[:13] / full[0], atol=1e-12)


def test_white_noise_has_no_memory():
    """Of P independent numbers less their mean, r(k) is -(P - k) / (P (P - 1)) on average."""
    length, lags = 20, np.arange(1, 8)
    found = autocorrelation(white_noise(40_000, length, np.random.default_rng(0)), 7)
    np.testing.assert_allclose(found[1:], -(length - lags) / (length * (length - 1)), atol=0.004)
    assert found[0] == pytest.approx(1)


def test_a_first_order_memory_fades_as_powers():
    """g_i+1 = a g_i + noise has r(k) = a^k; Box and Jenkins 1976, section 3.2."""
    noise = np.random.default_rng(1).normal(size=(60, 5000))
    series = np.zeros_like(noise)
    for place in range(1, 5000):
        series[:, place] = 0.8 * series[:, place - 1] + noise[:, place]
    np.testing.assert_allclose(autocorrelation(series, 6), 0.8 ** np.arange(7), atol=0.01)


def test_brown_noise_is_the_running_sum_of_white_noise():
    walks = brown_noise(5, 100, np.random.default_rng(2))
    np.testing.assert_allclose(np.diff(walks), white_noise(5, 100, np.random.default_rng(2))[:, 1:], atol=1e-12)
    variance = brown_noise(20_000, 30, np.random.default_rng(3)).var(0)
    np.testing.assert_allclose(variance, np.arange(1, 31), rtol=0.05)


def test_series_that_never_change_do_not_count():
    series = np.stack([np.arange(6.0), np.full(6, 3.0)])
    np.testing.assert_allclose(autocorrelation(series, 3), autocorrelation(series[:1], 3))
    assert np.isnan(autocorrelation(series[1:], 3)).all()


def test_eight_terms_add_up_to_autograd_s_slope():
    f1, f2, f3, f4 = (curved(5, seed) for seed in range(4))
    x = torch.randn(5, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    terms = residual_terms([f2, f3, f4], x + f1(x))
    assert list(terms) == ["I", "f2", "f3", "f3 f2", "f4", "f4 f2", "f4 f3", "f4 f3 f2"]

    def unrolled(first: torch.Tensor) -> torch.Tensor:
        """The course's equation for four blocks, with f1(x) replaced by `first`."""
        third = f3(x + first + f2(x + first))
        return x + first + f2(x + first) + third + f4(x + first + f2(x + first) + third)

    whole = torch.autograd.functional.jacobian(unrolled, f1(x))
    torch.testing.assert_close(sum(terms.values()), whole, rtol=0, atol=1e-10)
    torch.testing.assert_close(residual_output([f1, f2, f3, f4], x), unrolled(f1(x)))


def test_of_linear_blocks_each_term_is_a_product_of_matrices():
    generator = torch.Generator().manual_seed(0)
    matrices = {n: torch.randn(3, 3, generator=generator, dtype=torch.float64) for n in (2, 3, 4)}
    terms = residual_terms([lambda h, m=m: m @ h for m in matrices.values()], torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(terms["f4 f2"], matrices[4] @ matrices[2])
    torch.testing.assert_close(terms["f4 f3 f2"], matrices[4] @ matrices[3] @ matrices[2])
    unit = torch.eye(3, dtype=torch.float64)
    whole = (unit + matrices[4]) @ (unit + matrices[3]) @ (unit + matrices[2])
    torch.testing.assert_close(sum(terms.values()), whole)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_there_is_a_term_for_every_set_of_blocks(count):
    terms = residual_terms([curved(2, seed) for seed in range(count)], torch.ones(2, dtype=torch.float64))
    assert len(terms) == 2**count
