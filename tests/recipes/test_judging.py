"""How scenes are scored: which training photographs tell how a held-out one was exposed, and what does not count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from maquette.graphics.cameras import camera_at, differences
from maquette.kernels import of_splats
from maquette.methods.densification import rows_of_points
from maquette.methods.exposure import Exposures
from maquette.models import Gaussians
from maquette.recipes.scenes import judging
from maquette.recipes.scenes.growing import Seen


def view(name, angle, truth=None, mask=None):
    """A view of 12 x 8 pixels from a circle of radius 3 around the origin."""
    place = 3 * np.array([np.cos(angle), np.sin(angle), 0])
    camera = camera_at(place, np.zeros(3), np.array([0.0, 0, 1]), width=12, height=8, focal=10)
    truth = np.full((3, 8, 12), 0.5, np.float32) if truth is None else truth
    return Seen(name, camera, truth, mask, camera.resized(6, 4), truth[:, ::2, ::2], None)


@pytest.fixture
def model():
    points = np.random.default_rng(0).normal(size=(40, 3)) * 0.4
    return Gaussians.of_rows(rows_of_points(points, np.full((40, 3), 0.4), 0), background=(0.2, 0.2, 0.2))


@given(arrays(float, some.integers(1, 20), elements=some.floats(0, 1e6)))
def test_shares_are_weights_and_the_nearest_has_the_largest(apart):
    shares = judging.shares_of(apart)
    assert shares.sum() == pytest.approx(1, rel=1e-5) and (shares >= 0).all()
    assert shares[apart.argmin()] == shares.max()


def test_a_view_is_exposed_like_its_neighbours(model):
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    train = [view(str(number), angle) for number, angle in enumerate(angles)]
    between = (angles[7] + angles[8]) / 2
    exposures = Exposures(60)
    exposures.matrices *= (1 + 0.3 * np.sin(angles))[:, None, None].astype(np.float32)
    judges = [
        judging.Judge(of_splats("cpu"), model, train, [view("held out", between)], 3.3, each)
        for each in (None, exposures)
    ]
    plain, exposed = (judge.compared(model.rows(), judge.test[0])[1] for judge in judges)
    np.testing.assert_allclose(exposed, (plain * (1 + 0.3 * np.sin(between))).clip(0, 1), rtol=0.01)
    assert abs(exposed / plain - 1).max() > 0.1


def test_masked_pixels_count_as_right(model):
    mask = np.ones((8, 12), np.float32)
    mask[:, :5] = 0
    judge = judging.Judge(of_splats("cpu"), model, [view("a", 0)], [view("b", 0.1, mask=mask)], 3.3)
    truth, picture = judge.compared(model.rows(), judge.test[0])
    np.testing.assert_array_equal(truth[:, :5], picture[:, :5])
    assert abs(truth[:, 5:] - picture[:, 5:]).max() > 0.05
    scores = judge.scores(model.rows())["b"]
    assert scores["psnr"] == pytest.approx(judge.mean_psnr(model.rows()))
    assert judging.means_of({"b": scores}) == scores


def test_the_nearest_view_is_scored_as_it_is():
    near, far = (np.full((3, 8, 12), value, np.float32) for value in (0.6, 0.9))
    train = [view("far", 2, far), view("near", 0.2, near), view("nearest, of another size", 0.1, near[:, :4])]
    scores = judging.score_nearest(train, [view("held out", 0)], 3.3)
    assert scores["held out"]["psnr"] == pytest.approx(20, abs=1e-3)
    assert judging.score_nearest(train[2:], [view("held out", 0)], 3.3) == {}


def test_cameras_differ_by_place_and_by_direction():
    cameras = [view(str(angle), angle).camera for angle in (0, 0, np.pi / 2, np.pi)]
    found = differences(cameras[0], cameras[1:], 2)
    np.testing.assert_allclose(found, [0, 3 * np.sqrt(2) / 2 + 1, 3 + 2], atol=1e-12)
