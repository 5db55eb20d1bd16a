"""Compiled splats against the plain version in float64, finite differences, and each other."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maquette.graphics import similarity
from maquette.graphics.cameras import camera_at
from maquette.graphics.splats import blend, project, render
from maquette.kernels.binning import sorted_by_depth
from maquette.kernels.similarity import Room, loss_and_slopes, opacity_loss, smoothed_truth
from maquette.kernels.splats import draw, draw_backward
from maquette.measures.pictures import psnr

pytestmark = pytest.mark.slow  # these compile for a minute and more

WIDTH, HEIGHT = 53, 38
BACKGROUND = np.array([0.2, 0.6, 0.9], np.float32)


def camera():
    return camera_at(
        np.array([0.4, -4.0, 0.8]), np.zeros(3), np.array([0.0, 0, 1]), width=WIDTH, height=HEIGHT, focal=45
    )


def scene(count, seed=0, degree=3, size=-2.5):
    """Random Gaussians as rows, the first coefficient bright enough that few colours are cut off at 0."""
    chance = np.random.default_rng(seed)
    rows = np.zeros((count, 11 + 3 * (degree + 1) ** 2), np.float32)
    rows[:, :3] = chance.uniform(-1.5, 1.5, (count, 3))
    rows[:, 3:6] = chance.normal(size, 0.6, (count, 3))
    rows[:, 6:10] = chance.normal(size=(count, 4))
    rows[:, 10] = chance.normal(0, 1.5, count)
    rows[:, 11:] = chance.normal(0, 0.2, (count, rows.shape[1] - 11))
    rows[:, 11:14] += 0.5
    return rows


def parts_of(rows):
    functions = (rows.shape[1] - 11) // 3
    return rows[:, :3], rows[:, 3:6], rows[:, 6:10], rows[:, 10], rows[:, 11:].reshape(len(rows), functions, 3)


def compared(rows, degree, is_antialiased=False, seen_by=None):
    """Pictures and derivatives of a random linear loss: compiled, and the plain ones in float64."""
    seen_by = seen_by or camera()
    weights = np.random.default_rng(9).normal(size=(seen_by.height, seen_by.width, 3))
    drawn = draw(rows, seen_by, background=BACKGROUND, degree=degree, is_antialiased=is_antialiased)
    slopes = draw_backward(rows, drawn, np.ascontiguousarray(weights.transpose(2, 0, 1), np.float32))
    exact = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    plain = render(
        *parts_of(exact),
        seen_by,
        background=torch.tensor(BACKGROUND).double(),
        degree=degree,
        is_antialiased=is_antialiased,
    )
    (plain * torch.tensor(weights)).sum().backward()
    return drawn.picture.transpose(1, 2, 0), plain.detach().numpy(), slopes, exact.grad.numpy()


def assert_close(found, expected, share=1e-4):
    """Within a share of the largest value of each group of numbers that belong together."""
    for columns in (slice(0, 3), slice(3, 6), slice(6, 10), slice(10, 11), slice(11, 14), slice(14, None)):
        a, b = found[:, columns], expected[:, columns]
        if b.size:
            np.testing.assert_allclose(a, b, atol=share * max(1e-3, np.abs(b).max()), rtol=0)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("is_antialiased", [False, True])
def test_pictures_and_derivatives_agree_with_the_plain_version(degree, is_antialiased):
    picture, plain, slopes, exact = compared(scene(200, degree=3), degree, is_antialiased)
    np.testing.assert_allclose(picture, plain, atol=1e-4)
    assert_close(slopes, exact)
    assert np.abs(exact[:, : 11 + 3 * (degree + 1) ** 2]).max(0).min() > 0, "every number should matter here"


def degenerate(name):
    rows = scene(60, seed=2)
    if name == "behind the camera":
        rows[:30, 1] = -6
    elif name == "on the edge":
        rows[:, 0] = np.linspace(-3.5, 3.5, 60)
    elif name == "needles":
        rows[:, 3:6] = [-0.5, -6, -6]
    elif name == "flat":
        rows[:, 3:6] = [-1.0, -1.0, -9]
    elif name == "opaque":
        rows[:, 10] = 8
    elif name == "faint":
        rows[:, 10] = -4.5
    elif name == "empty":
        rows = rows[:0]
    elif name == "one":
        rows = rows[:1]
    elif name == "all faint":
        rows[:, 10] = -9
    elif name == "thousands on one pixel":
        rows = scene(3000, seed=3, size=-4)
        rows[:, :3] *= 0.03
        rows[:, 10] = -3
    elif name == "huge":
        rows[:3, 3:6] = 2.0
    elif name == "dark":
        rows[:, 11:14] = -2.5
    elif name == "long quaternions":
        rows[:, 6:10] *= 50
    return rows


@pytest.mark.parametrize(
    "name",
    [
        *("behind the camera", "on the edge", "needles", "flat", "opaque", "faint", "empty", "one", "all faint"),
        *("thousands on one pixel", "huge", "dark", "long quaternions"),
    ],
)
def test_degenerate_scenes(name):
    rows = degenerate(name)
    picture, plain, slopes, exact = compared(rows, 3)
    np.testing.assert_allclose(picture, plain, atol=1e-4)
    assert np.isfinite(slopes).all()
    if len(rows):
        # where thousands lie upon each other, rounding decides at which of them a pixel is done
        assert_close(slopes, exact, 3e-3 if name == "thousands on one pixel" else 3e-4)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (16, 16), (17, 15), (100, 3)])
def test_pictures_of_any_size(width, height):
    seen_by = camera_at(
        np.array([0.0, -4, 0]), np.zeros(3), np.array([0.0, 0, 1]), width=width, height=height, focal=30
    )
    picture, plain, slopes, exact = compared(scene(80), 2, seen_by=seen_by)
    np.testing.assert_allclose(picture, plain, atol=1e-4)
    assert_close(slopes, exact)


def test_derivatives_agree_with_finite_differences_in_float64():
    """Of the plain version, with large faint Gaussians, so that no pixel crosses the faintest alpha meanwhile."""
    rows = scene(6, seed=4)
    rows[:, 3:6] = np.random.default_rng(1).normal(1.2, 0.2, (6, 3))
    rows[:, 10] = 1.0
    rows[:, 1] = np.linspace(-1, 1, 6)
    exact = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    weights = torch.tensor(np.random.default_rng(9).normal(size=(HEIGHT, WIDTH, 3)))

    def loss(numbers):
        return (render(*parts_of(numbers), camera()) * weights).sum()

    loss(exact).backward()
    chance = np.random.default_rng(0)
    for _ in range(12):
        way = torch.tensor(chance.normal(size=rows.shape))
        step = 1e-6
        with torch.no_grad():
            difference = (loss(exact + step * way) - loss(exact - step * way)) / (2 * step)
        assert float(difference) == pytest.approx(float((exact.grad * way).sum()), rel=1e-5, abs=1e-6)


def test_a_lone_gaussian_is_its_formula():
    rows = np.zeros((1, 14), np.float32)
    rows[0, 3:6], rows[0, 6], rows[0, 10], rows[0, 11:14] = math.log(0.3), 1, 0.5, [1.0, 0.2, -0.3]
    seen_by = camera_at(np.array([0.0, -5, 0]), np.zeros(3), np.array([0.0, 0, 1]), width=41, height=31, focal=60)
    drawn = draw(rows, seen_by, degree=0)
    variance = (60 / 5 * 0.3) ** 2 + 0.3
    y, x = np.mgrid[0.5:31, 0.5:41]
    square = ((x - 20.5) ** 2 + (y - 15.5) ** 2) / variance
    alpha = 1 / (1 + math.exp(-0.5)) * np.exp(-square / 2)
    alpha[alpha < 1 / 255] = 0
    colour = 0.5 + np.array([1.0, 0.2, -0.3]) * math.sqrt(1 / (4 * math.pi))
    np.testing.assert_allclose(drawn.picture, colour[:, None, None] * alpha, atol=2e-5)
    np.testing.assert_allclose(drawn.remainder, 1 - alpha, atol=2e-5)
    depth = drawn.depth
    np.testing.assert_allclose(depth[alpha > 0.01], 5, rtol=1e-4)
    assert (depth[alpha == 0] == 0).all()


def test_nearer_gaussians_hide_farther_ones():
    rows = np.zeros((2, 14), np.float32)
    rows[:, 3:6], rows[:, 6], rows[:, 10] = 0.5, 1, 12
    rows[0, 11:14], rows[1, 11:14] = [1.7, -1.7, -1.7], [-1.7, 1.7, -1.7]
    rows[:, 1] = [-1, 1]
    for swap in (False, True):
        drawn = draw(rows[::-1].copy() if swap else rows, camera(), degree=0)
        red, green = drawn.picture[:2, HEIGHT // 2, WIDTH // 2]
        assert red > 0.9 and green < 0.05


@given(st.integers(0, 2**32 - 1), st.integers(0, 3000))
@settings(max_examples=30, deadline=None)
def test_depths_are_sorted_and_stable(seed, count):
    chance = np.random.default_rng(seed)
    depths = np.exp(chance.normal(0, 4, count)).astype(np.float32)
    depths[chance.random(count) < 0.2] = np.inf
    depths[chance.random(count) < 0.3] = 1.5
    order = sorted_by_depth(depths)
    expected = np.argsort(depths, kind="stable")
    np.testing.assert_array_equal(order, expected[np.isfinite(depths[expected])])


def test_results_do_not_depend_on_the_number_of_threads():
    code = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from test_splats import camera, scene
from maquette.kernels.splats import draw, draw_backward
rows = scene(3000)
drawn = draw(rows, camera())
slopes = draw_backward(rows, drawn, np.ones_like(drawn.picture))
print(hashlib.sha256(drawn.picture.tobytes() + slopes.tobytes()).hexdigest())
"""
    import os
    from pathlib import Path

    def digest(threads):
        environment = {**os.environ, "NUMBA_NUM_THREADS": str(threads)}
        done = subprocess.run(
            [sys.executable, "-c", code, str(Path(__file__).parent)], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert digest(1) == digest(2) == digest(3)


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("size", [(31, 45), (3, 4), (11, 11)], ids=str)
def test_the_loss_and_its_derivative(share, size):
    chance = np.random.default_rng(0)
    picture, truth = (chance.random((3, *size)).astype(np.float32) for _ in range(2))
    slopes = np.empty_like(picture)
    room = Room(*size)
    no_mask = np.empty((0, 0), np.float32)
    loss, similar = loss_and_slopes(picture, truth, smoothed_truth(truth, room), no_mask, share, room, slopes)
    exact = torch.tensor(picture, dtype=torch.float64, requires_grad=True)
    expected, plain_similar = similarity.loss(exact, torch.tensor(truth).double(), share)
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    assert similar == pytest.approx(plain_similar.item(), rel=1e-4, abs=1e-6)
    np.testing.assert_allclose(slopes, exact.grad.numpy(), atol=1e-4 * np.abs(exact.grad.numpy()).max())


def test_masked_pixels_do_not_count():
    chance = np.random.default_rng(0)
    picture, truth = (chance.random((3, 20, 30)).astype(np.float32) for _ in range(2))
    slopes = np.empty_like(picture)
    mask = np.zeros((20, 30), np.float32)
    room = Room(20, 30)
    means = smoothed_truth(truth, room)
    loss, _ = loss_and_slopes(picture, truth, means, mask, 0.2, room, slopes)
    assert loss == 0 and not slopes.any()
    everything = np.ones((20, 30), np.float32)
    whole, again = np.empty_like(picture), np.empty_like(picture)
    with_ones = loss_and_slopes(picture, truth, means, everything, 0.2, room, whole)
    without = loss_and_slopes(picture, truth, means, np.empty((0, 0), np.float32), 0.2, room, again)
    assert with_ones == pytest.approx(without, rel=1e-6)
    np.testing.assert_allclose(whole, again, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("is_masked", [False, True])
def test_opacity_has_a_loss_and_a_derivative(is_masked):
    """That by each Gaussian's numbers is autograd's through the plain version, with a loss of the picture beside it."""
    chance = np.random.default_rng(1)
    rows, seen_by = scene(150, degree=1), camera()
    alpha = (chance.random((HEIGHT, WIDTH)) < 0.5).astype(np.float32)
    mask = chance.random((HEIGHT, WIDTH)).astype(np.float32) if is_masked else np.empty((0, 0), np.float32)
    weights = chance.normal(0, 1e-3, (3, HEIGHT, WIDTH)).astype(np.float32)
    drawn = draw(rows, seen_by, background=BACKGROUND, degree=1)
    by_remainder, losses = np.empty_like(alpha), np.empty(HEIGHT, np.float32)
    opacity_loss(drawn.remainder, alpha, mask, by_remainder, losses)
    slopes = draw_backward(rows, drawn, weights, by_remainder)

    exact = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    found = project(*parts_of(exact), seen_by, degree=1)
    picture, remainder = blend(found, WIDTH, HEIGHT, torch.tensor(BACKGROUND).double())
    plain_mask = torch.tensor(mask).double() if is_masked else None
    expected = similarity.opacity_loss(1 - remainder, torch.tensor(alpha).double(), plain_mask)
    (expected + (picture.permute(2, 0, 1) * torch.tensor(weights)).sum()).backward()
    assert losses.sum() == pytest.approx(expected.item(), rel=1e-5)
    assert_close(slopes, exact.grad.numpy())
    without = draw_backward(rows, drawn, weights)
    assert np.abs(slopes - without)[:, 10].max() > 0.1 * np.abs(slopes[:, 10]).max()


def test_training_steps_bring_the_picture_nearer():
    from maquette.kernels.training import Studio, learn
    from maquette.methods.densification import Cloud

    wanted = draw(scene(150, seed=7), camera()).picture
    cloud, studio = Cloud(scene(150, seed=8)), Studio()
    rates = np.full(cloud.rows.shape[1], 0.01, np.float32)
    before = psnr(wanted, draw(cloud.rows, camera()).picture)
    for _ in range(150):
        learn(
            cloud,
            camera(),
            wanted,
            None,
            rates,
            studio,
            background=(0, 0, 0),
            degree=3,
            ssim_share=0.2,
            is_antialiased=False,
        )
    assert psnr(wanted, draw(cloud.rows, camera()).picture) > before + 6
    assert cloud.steps == 150 and (cloud.seen > 0).any() and (cloud.pulls[cloud.seen > 0] >= 0).all()


def test_a_step_is_adams():
    """Beside torch's Adam, on the derivatives of the plain version."""
    from maquette.kernels.training import Studio, learn
    from maquette.methods.densification import Cloud

    wanted = draw(scene(30, seed=7), camera()).picture
    rows = scene(30, seed=8)
    rows[:, 3:6] = [-1.0, -1.5, -0.6]  # of round ones rounding alone would turn
    cloud = Cloud(rows.copy())
    exact = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([exact], 0.003, eps=1e-15)
    for _ in range(3):
        rates = np.full(rows.shape[1], 0.003, np.float32)
        learn(
            cloud,
            camera(),
            wanted,
            None,
            rates,
            Studio(),
            background=(0, 0, 0),
            degree=3,
            ssim_share=0.0,
            is_antialiased=False,
        )
        adam.zero_grad()
        (render(*parts_of(exact), camera()) - torch.tensor(wanted.transpose(1, 2, 0)).double()).abs().mean().backward()
        adam.step()
    moved, expected = cloud.rows - rows, exact.detach().numpy() - rows
    agreeing = np.abs(moved - expected) < 3e-4
    assert agreeing.mean() > 0.98, "Adam's first steps go by signs: few tiny derivatives may disagree"


def test_what_a_step_does_without_is_not_there_and_stays_as_it_is():
    """The others move as if it had never been."""
    from maquette.kernels.training import Studio, learn
    from maquette.methods.densification import Cloud

    wanted, rows, left_out = draw(scene(30, seed=7), camera()).picture, scene(40, seed=8), np.array([5, 17, 5, 39])
    others = np.delete(np.arange(40), left_out)
    cloud, fewer = Cloud(rows.copy()), Cloud(rows[others])
    rates = np.full(rows.shape[1], 0.003, np.float32)
    how = {"background": (0, 0, 0), "degree": 3, "ssim_share": 0.2, "is_antialiased": False}
    for _ in range(3):
        losses = [
            float(learn(each, camera(), wanted, None, rates, Studio(), **how, left_out=out)[0])
            for each, out in ((cloud, left_out), (fewer, None))
        ]
        assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    np.testing.assert_array_equal(cloud.rows[left_out], rows[left_out])
    for name in Cloud.ARRAYS:
        np.testing.assert_allclose(getattr(cloud, name)[others], getattr(fewer, name), rtol=1e-5, atol=1e-7)
    assert not cloud.seen[left_out].any() and not cloud.first[left_out].any()
