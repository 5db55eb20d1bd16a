"""How scenes are scored: which training photographs tell how a held-out one was exposed, and what does not count."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from maquette.families import views
from maquette.families.views import Judge, Seen
from maquette.graphics.cameras import camera_at, differences
from maquette.kernels.choosing import of_splats
from maquette.methods.densification import rows_of_points
from maquette.methods.exposure import Exposures
from maquette.models import Gaussians

pytestmark = pytest.mark.slow  # what draws compiles for a minute and more


@dataclass(frozen=True)
class Exact(Seen):
    """A view whose truth (3, H, W) is not rounded to bytes."""

    truth: np.ndarray | None = None  # where a view has a property


def view(name, angle, truth=None, mask=None):
    """A view of 12 x 8 pixels from a circle of radius 3 around the origin."""
    place = 3 * np.array([np.cos(angle), np.sin(angle), 0])
    camera = camera_at(place, np.zeros(3), np.array([0.0, 0, 1]), width=12, height=8, focal=10)
    truth = np.full((3, 8, 12), 0.5, np.float32) if truth is None else truth
    picture = np.rint(truth.transpose(1, 2, 0).clip(0, 1) * 255).astype(np.uint8)
    return Exact(name, camera, picture, mask, truth=truth)


@pytest.fixture
def model():
    points = np.random.default_rng(0).normal(size=(40, 3)) * 0.4
    return Gaussians.of_rows(rows_of_points(points, np.full((40, 3), 0.4), 0), background=(0.2, 0.2, 0.2))


@given(
    arrays(float, some.tuples(some.integers(1, 20), some.just(3)), elements=some.floats(-1e3, 1e3)), some.integers(0)
)
def test_weights_sum_to_one_and_what_is_known_is_told(places, chosen):
    between = np.linalg.norm(places[:, None] - places, axis=2)
    chosen %= len(places)
    weights = views.kriged(between[chosen], between)
    assert weights.sum() == pytest.approx(1, rel=1e-6)
    others = np.delete(between[chosen], chosen)
    if len(others) == 0 or others.min() > 100 * views.NOISE:
        assert weights[chosen] == pytest.approx(1, abs=0.02)


def test_weights_draw_a_line_between_two_photographs():
    places = np.array([0.0, 4.0])
    weights = views.kriged(abs(places - 1), abs(places[:, None] - places))
    np.testing.assert_allclose(weights, [0.75, 0.25], atol=0.01)


def draws(model):
    return partial(of_splats("cpu").draw, model.rows(), **model.looks)


def exposed_by_angle(model, gain):
    """60 views on a circle, photographed with exposure gain(angle, mean brightness), and their exposures."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    plain = Judge([view("any", 0)], [view(str(angle), angle) for angle in angles], 3.3)
    pictures = [plain.compared(draws(model), each)[1].transpose(2, 0, 1) for each in plain.test]
    gains = [gain(angle, picture.mean()) for angle, picture in zip(angles, pictures, strict=True)]
    train = [view(str(angle), angle, by * shown) for angle, by, shown in zip(angles, gains, pictures, strict=True)]
    exposures = Exposures(len(train))
    exposures.matrices *= np.array(gains, np.float32)[:, None, None]
    return train, exposures, gains


def worst(everything, exposures, model, left_out):
    """How far off, relatively, pictures are of views of which a part is left out for that."""
    kept = [number for number in range(len(everything)) if number not in left_out]
    known = None
    if exposures is not None:
        known = Exposures(len(kept))
        known.matrices = exposures.matrices[kept]
    test = [everything[number] for number in left_out]
    judge = Judge([everything[number] for number in kept], test, 3.3, known)
    pairs = [judge.compared(draws(model), each) for each in test]
    return max(abs(picture / truth - 1).max() for truth, picture in pairs)


def test_a_view_is_exposed_like_its_neighbours(model):
    everything, exposures, gains = exposed_by_angle(model, lambda angle, mean: 1 + 0.3 * np.sin(angle))
    assert np.ptp(gains) > 0.5
    assert worst(everything, exposures, model, [7]) < 0.01 < 0.1 < worst(everything, None, model, [7])


def test_a_view_far_from_all_is_exposed_by_the_light_it_sees(model, monkeypatch):
    with torch.no_grad():
        model.harmonics[:, 0] = (model.positions[:, :1] > 0) * 1.5 - 1
        model.opacities += 4
    everything, exposures, gains = exposed_by_angle(model, lambda angle, mean: 1 - 0.4 * np.log(mean / 0.3))
    assert np.ptp(gains) > 0.3
    found = worst(everything, exposures, model, range(6, 28))
    monkeypatch.setattr(views, "LIGHT", 0)
    assert 2 * found < worst(everything, exposures, model, range(6, 28))


def test_masked_pixels_count_as_right(model):
    mask = np.ones((8, 12), np.float32)
    mask[:, :5] = 0
    judge, draw = Judge([view("a", 0)], [view("b", 0.1, mask=mask)], 3.3), draws(model)
    truth, picture = judge.compared(draw, judge.test[0])
    np.testing.assert_array_equal(truth[:, :5], picture[:, :5])
    assert abs(truth[:, 5:] - picture[:, 5:]).max() > 0.05
    scores = judge.scores(draw)["b"]
    assert scores["psnr"] == pytest.approx(judge.mean_psnr(draw))
    assert views.means_of({"b": scores}) == scores


def test_the_nearest_view_is_scored_as_it_is():
    near, far = (np.full((3, 8, 12), value, np.float32) for value in (0.6, 0.9))
    train = [view("far", 2, far), view("near", 0.2, near), view("nearest, of another size", 0.1, near[:, :4])]
    scores = views.score_nearest(train, [view("held out", 0)], 3.3)
    assert scores["held out"]["psnr"] == pytest.approx(20, abs=1e-3)
    assert views.score_nearest(train[2:], [view("held out", 0)], 3.3) == {}


def test_cameras_differ_by_place_and_by_direction():
    cameras = [view(str(angle), angle).camera for angle in (0, 0, np.pi / 2, np.pi)]
    found = differences(cameras, cameras, 2)
    np.testing.assert_allclose(found[0], [0, 0, 3 * np.sqrt(2) / 2 + 1, 3 + 2], atol=1e-12)
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    assert differences([], cameras, 2).shape == (0, 4)


def test_the_scene_is_as_large_as_its_cameras_lie_apart():
    cameras = [
        camera_at(np.array([x, -3.0, 0]), np.array([x, 0.0, 0]), np.array([0, 0, 1.0]), width=8, height=8, focal=8)
        for x in (-2.0, 0.0, 2.0)
    ]
    assert views.extent_of(cameras) == pytest.approx(2.2)
    assert views.extent_of(cameras[:1]) > 0


def test_half_size_is_the_mean_of_four():
    planes = np.arange(3 * 5 * 7, dtype=np.float32).reshape(3, 5, 7)
    half = views.halved(planes)
    assert half.shape == (3, 2, 3) and half[0, 0, 0] == planes[0, :2, :2].mean()
    assert views.halved(np.ones((3, 1, 1), np.float32)).shape == (3, 1, 1)
