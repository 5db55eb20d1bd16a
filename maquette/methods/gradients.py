"""Gradients looked at: over the input of a network, beside noise, along the paths of a residual network.

Balduzzi et al. 2017, "The Shattered Gradients Problem": with depth, the gradient of a plain network changes between
neighbouring inputs like white noise, that of a shallow or residual one like brown noise.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]


def input_gradients(network: Function, points: Tensor) -> Tensor:
    """df/dx at each of the points (P,) of a network from (P, 1) to (P, 1): (P,).

    The network's batch must not mix its rows: put one with batch norm into evaluation mode first.
    """
    at = points.detach()[:, None].clone().requires_grad_()
    return torch.autograd.grad(network(at).sum(), at)[0][:, 0]


def autocorrelation(series: np.ndarray, lags: int) -> np.ndarray:
    """How like itself a series is, moved by 0 to `lags` places: (R, P) to (lags + 1,), the mean over the R series.

    r(k) = sum_i (g_i - m) (g_i+k - m) / sum_i (g_i - m)^2; Box and Jenkins 1976, section 2.1. It is 1 at 0, about 0
    elsewhere for white noise, and falls slowly for brown noise. Series that never change have none and do not count.
    """
    centred = np.asarray(series, np.float64)
    centred = centred - centred.mean(1, keepdims=True)
    centred = centred[np.abs(centred).max(1) > 0]
    if not len(centred):
        return np.full(lags + 1, np.nan)
    centred = centred / np.sqrt((centred**2).sum(1, keepdims=True))
    length = centred.shape[1]
    return np.array([(centred[:, : length - lag] * centred[:, lag:]).sum(1).mean() for lag in range(lags + 1)])


def white_noise(count: int, length: int, generator: np.random.Generator) -> np.ndarray:
    """Independent normal numbers, (count, length)."""
    return generator.normal(size=(count, length))


def brown_noise(count: int, length: int, generator: np.random.Generator) -> np.ndarray:
    """Random walks, the running sums of white noise, (count, length)."""
    return white_noise(count, length, generator).cumsum(1)


def residual_output(blocks: Sequence[Function], signal: Tensor) -> Tensor:
    """y of a residual network from h1 = x + f1(x) on: h2 = h1 + f2(h1), h3 = h2 + f3(h2), and so on; (D,) to (D,)."""
    for block in blocks:
        signal = signal + block(signal)
    return signal


def residual_terms(blocks: Sequence[Function], signal: Tensor) -> dict[str, Tensor]:
    """The terms of dy/df1 of a residual network, (D, D) each, by the blocks that they lead through.

    blocks: f2, f3 ...; signal: h1 = x + f1(x), (D,). Past f1 each block is gone through or passed by: with four blocks
    there are eight paths. The slope of a path is the product of its blocks' Jacobians, `f4 f2` that of f4 times that
    of f2, and `I` passes all by. Their sum is (I + J4) (I + J3) (I + J2), the whole slope.
    """
    terms = {"I": torch.eye(len(signal), dtype=signal.dtype)}
    for number, block in enumerate(blocks, 2):
        slope = torch.autograd.functional.jacobian(block, signal, vectorize=True)
        terms |= {f"f{number} {name}".removesuffix(" I"): slope @ term for name, term in terms.items()}
        signal = signal + block(signal).detach()
    return terms
