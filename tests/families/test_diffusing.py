"""Diffusion models as recipes share them: what a network is told, guidance, levels of noise, moved pictures."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from maquette.families import diffusing
from maquette.families.diffusing import Condition, Diffuser, Drawn, chain_of, fitted, louder, told_noise
from maquette.families.generating import Noise, Pictures
from maquette.measures.noise import levels, noise_error
from maquette.methods.diffusion import Normal

ALONE = SimpleNamespace(rank=0, processes=1)
KNOWN = {
    "size": 4,
    "channels": 1,
    "prediction": "picture",
    "spread": 0.5,
    "schedule": "linear",
    "classes": ["a", "b"],
    "shares": [0.5, 0.5],
}


class Same(nn.Module):
    """Says that behind the noise there is a tenth of the number of the class, everywhere."""

    classes, vector = 2, 0

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.1))

    def forward(self, x, level, classes=None, vector=None, tokens=None):
        number = torch.full((len(x),), self.classes) if classes is None else classes
        return (self.weight * number).reshape(-1, 1, 1, 1).expand_as(x)


def test_guidance_goes_on_from_what_is_expected_without_being_told():
    diffuser, x = Diffuser(Same(), KNOWN), torch.zeros(2, 1, 4, 4)
    sigma, told = torch.ones(2), Condition(torch.tensor([0, 1]))
    assert diffuser.denoiser(told)(x, sigma)[:, 0, 0, 0].tolist() == pytest.approx([0.0, 0.1])
    assert diffuser.denoiser(told, 3.0)(x, sigma)[:, 0, 0, 0].tolist() == pytest.approx([0.2 - 0.6, 0.2 - 0.3])
    assert diffuser.denoiser(told, 0.0)(x, sigma)[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.2])
    assert diffuser.denoiser(told, 30.0)(x, sigma).min() == -1


def test_what_is_dropped_is_told_nothing():
    condition = Condition(torch.tensor([1, 2]), torch.ones(2, 3), torch.ones(2, 4, 5))
    kept = condition.without(torch.tensor([False, True]), classes=7)
    assert kept.classes.tolist() == [1, 7] and kept.vector.sum(1).tolist() == [3, 0]
    assert kept.tokens.sum((1, 2)).tolist() == [20, 0]
    assert Condition().without(torch.tensor([True]), 7) == Condition()
    x = torch.zeros(2, 1, 4, 4)
    assert fitted(Condition(), x, 5).vector.tolist() == [[0] * 5] * 2
    assert fitted(Condition(vector=torch.ones(2, 2)), x, 5).vector.tolist() == [[0, 0, 0, 1, 1]] * 2


def test_pictures_of_a_seed_are_the_same_however_many_are_made(monkeypatch):
    diffuser = Diffuser(Same(), KNOWN | {"prediction": "noise"})
    made = diffuser.made(5, 3, diffuser.of_classes(3), solver="dpm", steps=4)
    assert made.shape == (5, 1, 4, 4) and made.dtype == torch.uint8
    monkeypatch.setattr(diffusing, "AT_ONCE", 2)
    assert torch.equal(diffuser.made(5, 3, diffuser.of_classes(3), solver="dpm", steps=4), made)
    assert torch.equal(diffuser.made(3, 3, diffuser.of_classes(3), solver="dpm", steps=4), made[:3])
    with_chance = diffuser.made(5, 3, diffuser.of_classes(3), solver="ddpm", steps=4)
    assert torch.equal(diffuser.made(2, 3, diffuser.of_classes(3), solver="ddpm", steps=4), with_chance[:2])
    assert diffuser.of_classes(0, 1)(0, 3).classes.tolist() == [1, 1, 1]


def test_levels_of_noise_are_the_chain_s_or_log_normal():
    chain = chain_of("linear")
    sigmas = Drawn(0, ALONE).sigmas(20_000, chain)
    places = np.abs(chain.sigmas - sigmas.double().numpy()[:, None]).argmin(1)
    assert np.isclose(chain.sigmas[places], sigmas, rtol=1e-5).all() and places.min() == 1 and places.max() == 1000
    assert np.bincount(places // 101, minlength=10)[:9] == pytest.approx(2020, rel=0.1)
    for chosen in (diffusing.LEVELS, (0.5, 2.0)):
        logs = Drawn(0, ALONE, chosen).sigmas(20_000, None).log()
        assert float(logs.mean()) == pytest.approx(chosen[0], abs=0.04)
        assert float(logs.std()) == pytest.approx(chosen[1], abs=0.03)


def test_larger_pictures_are_hidden_by_as_much():
    """Of a picture twice as large, four pixels together tell what one tells of a small one."""
    (small, _), (large, width) = louder((-1.0, 1.2), 32), louder((-1.0, 1.2), 64)
    noise = math.exp(large) * torch.randn(1, 1, 512, 512)
    assert float(functional.avg_pool2d(noise, 2).std()) == pytest.approx(math.exp(small), rel=0.02)
    assert (small, width) == (-1.0, 1.2) == louder((-1.0, 1.2), 28)


def test_processes_draw_their_share_of_the_same_noise():
    whole = Drawn(0, ALONE).randn(5, 2)
    parts = [Drawn(0, SimpleNamespace(rank=rank, processes=2)).randn(5, 2) for rank in range(2)]
    assert torch.equal(parts[0], whole[::2]) and torch.equal(parts[1], whole[1::2])


def test_moved_pictures_are_told_how_and_the_others_stay():
    ramp = torch.linspace(-1, 1, 16).expand(200, 1, 16, 16).contiguous()
    made, numbers = Drawn(0, ALONE).moved(ramp, 200, 0.5)
    is_moved = numbers.any(1)
    assert 70 < int(is_moved.sum()) < 130 and numbers.shape == (200, diffusing.MOVES)
    assert torch.equal(made[~is_moved], ramp[~is_moved])
    rises = (made[:, 0, 8, 11] - made[:, 0, 8, 4]) > 0
    is_mirrored = numbers[:, 0] > 0
    assert (rises[is_moved & ~is_mirrored]).float().mean() > 0.95  # reflection at the edge may turn a few around
    assert (~rises[is_moved & is_mirrored]).float().mean() > 0.95
    dots = torch.zeros(200, 1, 16, 16)
    dots[:, :, 7:9, 7:9] = 1
    made, numbers = Drawn(0, ALONE).moved(dots, 200, 1.0)
    down = (made[:, 0].sum(2) * torch.arange(16)).sum(1) / made.sum((1, 2, 3))
    assert float(torch.corrcoef(torch.stack([down, numbers[:, 1]]))[0, 1]) < -0.9


def test_noise_is_told_as_exactly_as_pictures_allow():
    """Of normal pictures: the error that a network cannot go below is known."""
    generator = torch.Generator().manual_seed(0)
    deviations = torch.tensor([0.8, 0.3, 0.1, 0.1])
    rows = torch.randn(4000, 4, generator=generator) * deviations + 0.2
    normal = Normal(torch.full((4,), 0.2), torch.eye(4)[:2], deviations[:2] ** 2, 0.01)
    found = noise_error(lambda noisy, level: told_noise(normal, noisy, level), rows.reshape(-1, 1, 2, 2))
    for level in levels():
        expected = (deviations**2 / (deviations**2 + level.sigma**2)).mean()
        assert found.by_step[level.step] == pytest.approx(float(expected), rel=0.08)


def test_a_network_is_asked_with_the_class_of_each_picture():
    class Knows(Same):
        def forward(self, x, level, classes=None, vector=None, tokens=None):
            return (classes.float() / 2).reshape(-1, 1, 1, 1).expand_as(x)

    classes = torch.arange(600) % 3
    pictures = Pictures((classes * 63.75 + 127.5).to(torch.uint8).reshape(-1, 1, 1, 1).expand(600, 1, 4, 4), classes)
    error = Diffuser(Knows(), KNOWN).noise_error(pictures, Condition(classes))
    assert error.value < 0.01


def test_stages_draw_from_the_pictures_own_noise():
    diffuser = Diffuser(Same(), KNOWN)
    stages = list(diffuser.stages(Noise(2, 0), Condition(torch.tensor([0, 1])), solver="heun", steps=5))
    assert stages[-1].noisy[:, 0, 0, 0].tolist() == pytest.approx([0.0, 0.1], abs=1e-5)
