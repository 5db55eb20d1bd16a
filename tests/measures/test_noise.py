"""The noise error of predictions that are known in closed form."""

import numpy as np
import pytest
import torch

from maquette.measures.noise import Level, levels, noise_error


def test_levels_are_those_of_the_linear_schedule():
    kept = 1.0
    betas = np.linspace(1e-4, 0.02, 1000)
    for beta in betas[:150]:
        kept *= 1 - beta
    assert len(levels()) == 10
    assert levels()[1] == Level(150, pytest.approx(kept))
    assert levels()[1].sigma == pytest.approx(((1 - kept) / kept) ** 0.5)


def test_always_saying_nothing_has_the_error_1_and_the_truth_none():
    pictures = torch.rand(400, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = noise_error(lambda noisy, level: torch.zeros_like(noisy), pictures, seed=1)
    assert found.value == pytest.approx(1, abs=0.01)
    assert found.low < 1 < found.high
    assert list(found.by_step) == [50, 150, 250, 350, 450, 550, 650, 750, 850, 950]

    def truth(noisy: torch.Tensor, level: Level) -> torch.Tensor:
        return (noisy - level.kept**0.5 * pictures[: len(noisy)]) / (1 - level.kept) ** 0.5

    assert noise_error(truth, pictures, at_once=400).value == pytest.approx(0, abs=1e-9)


def test_of_normal_pictures_the_best_prediction_has_the_error_in_closed_form():
    """For pictures N(0, s^2), E(noise | x) = sqrt(1 - kept) x / v with v = kept s^2 + 1 - kept, error kept s^2 / v."""
    s = 0.5
    pictures = s * torch.randn(3000, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    found = noise_error(lambda x, at: (1 - at.kept) ** 0.5 * x / (at.kept * s**2 + 1 - at.kept), pictures)
    for level in levels():
        expected = level.kept * s**2 / (level.kept * s**2 + 1 - level.kept)
        assert found.by_step[level.step] == pytest.approx(expected, rel=0.03)


def test_noise_is_the_same_each_time_and_however_many_go_at_once():
    pictures = torch.rand(40, 3, 8, 8)
    seen = []
    for at_once in (7, 40):
        seen.append(noise_error(lambda noisy, level: noisy * 0.5, pictures, at_once=at_once).value)
    assert seen[0] == pytest.approx(seen[1], rel=1e-6)
    assert noise_error(lambda noisy, level: noisy * 0.5, pictures, seed=1).value != seen[0]
