"""Splats on a graphics card: everything but gsplat itself on the processor, and gsplat where there is a card."""

from functools import partial

import numpy as np
import pytest
import torch
from kernels import test_splats
from kernels.test_splats import camera

from maquette.graphics import splats as plain
from maquette.kernels import cuda, training
from maquette.kernels.choosing import of_splats
from maquette.methods.densification import WANDERS, Cloud, wandering
from maquette.methods.exposure import Exposures

HOW = {"background": (0.2, 0.6, 0.9), "degree": 2, "ssim_share": 0.2, "is_antialiased": False}
HAS_CARD = pytest.mark.skipif(not cuda.is_there(), reason="needs a graphics card and gsplat")


def scene(count, seed=0):
    """Random Gaussians, none opaque enough for gsplat's other limit of alpha."""
    rows = test_splats.scene(count, seed)
    rows[:, 10] = np.minimum(rows[:, 10], 4)
    return rows


def rasterize_plainly(rows, camera, background, degree, is_antialiased):
    """What gsplat does, by the plain version."""
    found = plain.project(*test_splats.parts_of(rows), camera, degree=degree, is_antialiased=is_antialiased)
    paper = torch.tensor(background, dtype=rows.dtype)
    picture, remainder = plain.blend(found, camera.width, camera.height, paper)
    far = found._replace(colours=found.depths[:, None].expand(-1, 3))
    depth, _ = plain.blend(far, camera.width, camera.height, torch.zeros(3, dtype=rows.dtype))
    opacity = 1 - remainder
    mean_depth = depth[..., 0] / opacity.clamp(min=1e-10)
    return cuda.Rendered(picture.permute(2, 0, 1), opacity, mean_depth, found.centres, found.is_seen)


@pytest.fixture
def without_card(monkeypatch):
    monkeypatch.setattr(cuda, "DEVICE", "cpu")
    monkeypatch.setattr(cuda, "rasterize", rasterize_plainly)


def taught(kernels, steps=6, exposures=None, mask=None, shrinking=0.0, share=0.2, left_out=None, alpha=None):
    """A cloud after some steps towards another scene."""
    wanted = training.draw(scene(150, seed=7), camera()).picture
    cloud, studio = Cloud(scene(60, seed=8)), kernels.Studio()
    rates = np.full(cloud.rows.shape[1], 1e-3, np.float32)
    how = {
        **HOW,
        "ssim_share": share,
        "shrinking": shrinking,
        "exposures": exposures,
        "left_out": left_out,
        "alpha": alpha,
    }
    for _ in range(steps):
        loss, similar = kernels.learn(cloud, camera(), wanted, mask, rates, studio, **how)
    cloud.settle()
    return cloud, float(loss), float(similar)


def assert_same(found, expected):
    """Nearly all numbers: Adam's first steps go by signs, so tiny derivatives may disagree."""
    before = scene(60, seed=8)
    moved, wanted = found.rows - before, expected.rows - before
    assert np.abs(wanted).max() > 3e-3
    assert (np.abs(moved - wanted) < 3e-4).mean() > 0.98
    assert (found.seen == expected.seen).mean() > 0.95, "only at the edge of a picture may it be told otherwise"
    both = found.seen == expected.seen
    np.testing.assert_allclose(found.pulls[both], expected.pulls[both], rtol=0.02, atol=1e-6)
    assert found.steps == expected.steps


@pytest.mark.parametrize("case", ["plain", "mask", "exposures", "shrinking", "left_out", "alpha"])
def test_learning_is_that_of_the_processor(without_card, case):
    chosen = {}
    if case == "mask":
        chosen["mask"] = (np.random.default_rng(0).random((38, 53)) < 0.7).astype(np.float32)
    if case == "shrinking":
        chosen["shrinking"] = 0.01
    if case == "left_out":
        chosen["left_out"] = np.array([3, 59, 3, 20])
    if case == "alpha":
        chosen["alpha"] = (np.random.default_rng(0).random((38, 53)) < 0.5).astype(np.float32)
    exposures = [Exposures(2) if case == "exposures" else None for _ in range(2)]
    found, loss, similar = taught(cuda, exposures=exposures[0], **chosen)
    expected, wanted, wanted_similar = taught(training, exposures=exposures[1], **chosen)
    assert_same(found, expected)
    assert loss == pytest.approx(wanted, rel=1e-3) and similar == pytest.approx(wanted_similar, rel=1e-3)
    if case == "exposures":
        for name, neutral in (("matrices", np.eye(3, 4)), ("shadings", 1)):
            found, wanted = (getattr(each, name) for each in exposures)
            np.testing.assert_allclose(found, wanted, atol=1e-4)
            assert np.abs(found - neutral).max() > 1e-3


def test_drawing_is_that_of_the_processor(without_card):
    rows = scene(200)
    found, expected = (each.draw(rows, camera(), background=(1, 0, 0), degree=3) for each in (cuda, training))
    np.testing.assert_allclose(found.picture, expected.picture, atol=1e-4)
    np.testing.assert_allclose(found.remainder, expected.remainder, atol=1e-4)
    sure = expected.remainder < 0.9
    np.testing.assert_allclose(found.depth[sure], expected.depth[sure], rtol=1e-3)
    assert not found.depth[expected.remainder == 1].any()


def test_without_gaussians_there_is_the_background(monkeypatch):
    monkeypatch.setattr(cuda, "DEVICE", "cpu")
    drawn = cuda.draw(scene(0), camera(), background=HOW["background"])
    np.testing.assert_allclose(drawn.picture, np.broadcast_to(np.array(HOW["background"])[:, None, None], (3, 38, 53)))
    assert (drawn.remainder == 1).all() and not drawn.depth.any()
    cloud, rates = Cloud(scene(0)), np.full(59, 0.01, np.float32)
    cuda.learn(cloud, camera(), np.zeros((3, 38, 53), np.float32), None, rates, cuda.Studio(), **HOW)
    cloud.settle()
    assert len(cloud) == 0


def test_numbers_come_back_when_they_are_asked_for(without_card):
    cloud, studio = Cloud(scene(60, seed=8)), cuda.Studio()
    wanted, rates = np.zeros((3, 38, 53), np.float32), np.full(59, 0.01, np.float32)
    before = cloud.rows.copy()
    cuda.learn(cloud, camera(), wanted, None, rates, studio, **HOW)
    np.testing.assert_array_equal(cloud.rows, before)
    state = cloud.state_dict()
    assert np.abs(state["rows"].numpy() - before).max() > 5e-3 and cloud.bring_back is None
    cloud.rows[:] = before
    cuda.learn(cloud, camera(), wanted, None, rates, studio, **HOW)
    cloud.settle()
    assert np.abs(cloud.rows - before).max() < 0.03, "what was changed here is what it goes on from"
    assert cloud.steps == 2


def test_faint_ones_wander_alike(without_card):
    clouds = []
    for kernels in (cuda, training):
        rows = scene(60)
        rows[:30, 10] = -6
        cloud = Cloud(rows)
        away = partial(wandering, step_size=1e-5, chance=np.random.default_rng(1))
        kernels.move(cloud, WANDERS, away, kernels.Studio())
        cloud.settle()
        clouds.append(cloud.rows)
    np.testing.assert_allclose(clouds[0], clouds[1], rtol=1e-6)
    assert np.abs(clouds[0][:30, :3] - scene(60)[:30, :3]).max() > 0
    np.testing.assert_array_equal(
        clouds[0][40:, :3][scene(60)[40:, 10] > 0], scene(60)[40:, :3][scene(60)[40:, 10] > 0]
    )


def test_the_processor_draws_where_there_is_no_card(monkeypatch):
    assert of_splats("cpu") is training
    monkeypatch.setattr(cuda, "is_there", lambda: False)
    assert of_splats("cuda") is of_splats() is training
    monkeypatch.setattr(cuda, "is_there", lambda: True)
    assert of_splats("cuda") is of_splats() is cuda


@HAS_CARD
@pytest.mark.parametrize("is_antialiased", [False, True])
@pytest.mark.parametrize("degree", [0, 3])
def test_gsplat_agrees_with_the_plain_version(degree, is_antialiased):
    rows = scene(200)
    weights = torch.tensor(np.random.default_rng(9).normal(size=(3, 38, 53)))
    exact = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    expected = rasterize_plainly(exact, camera(), HOW["background"], degree, is_antialiased)
    (expected.picture * weights).sum().backward()
    held = cuda.held(rows).requires_grad_()
    found = cuda.rasterize(held, camera(), HOW["background"], degree, is_antialiased)
    (found.picture * weights.to(held)).sum().backward()
    np.testing.assert_allclose(found.picture.detach().cpu(), expected.picture.detach(), atol=1e-4)
    test_splats.assert_close(held.grad.cpu().numpy(), exact.grad.numpy())


@HAS_CARD
@pytest.mark.parametrize("name", ["behind the camera", "needles", "opaque", "empty", "one", "all faint", "huge"])
def test_gsplat_draws_degenerate_scenes(name):
    rows = test_splats.degenerate(name)
    found, expected = (each.draw(rows, camera(), background=(1, 0, 0), degree=3) for each in (cuda, training))
    # opaque ones end at 0.999 instead of 0.99
    np.testing.assert_allclose(found.picture, expected.picture, atol=0.02 if name == "opaque" else 1e-3)


@HAS_CARD
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_a_card_learns_as_the_processor_does(share):
    found, loss, similar = taught(cuda, share=share)
    expected, wanted, wanted_similar = taught(training, share=share)
    assert_same(found, expected)
    assert loss == pytest.approx(wanted, rel=1e-3) and similar == pytest.approx(wanted_similar, rel=1e-3)
