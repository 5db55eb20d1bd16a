"""Lenses against COLMAP's and OpenCV's formulas, there and back, and pictures made straight."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maquette.data.scenes.lenses import (
    MODELS,
    Lens,
    Straight,
    lens_of_model,
    model_of_lens,
    reduced,
    straight_of,
    straighten,
)
from maquette.settings import UserError

BENT = {  # parameters of a plausible lens of 640 x 480 pixels
    "SIMPLE_PINHOLE": [500, 310, 250],
    "PINHOLE": [500, 510, 310, 250],
    "SIMPLE_RADIAL": [500, 310, 250, 0.08],
    "RADIAL": [500, 310, 250, -0.2, 0.05],
    "OPENCV": [500, 510, 310, 250, -0.25, 0.08, 0.002, -0.001],
    "FULL_OPENCV": [500, 510, 310, 250, 0.3, 0.1, 0.001, 0.002, 0.02, 0.35, 0.12, 0.01],
    "SIMPLE_RADIAL_FISHEYE": [300, 310, 250, 0.02],
    "RADIAL_FISHEYE": [300, 310, 250, 0.02, -0.004],
    "OPENCV_FISHEYE": [300, 305, 310, 250, 0.02, -0.004, 0.001, -0.0002],
    "THIN_PRISM_FISHEYE": [300, 305, 310, 250, 0.02, -0.004, 0.001, 0.0005, 0.001, -0.0002, 0.0003, 0.0002],
}
assert set(BENT) == set(MODELS)
EDGE = np.stack(np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 7)), -1)
EDGE = EDGE[(EDGE == 0).any(-1) | (EDGE == 1).any(-1)]


def lens(model: str) -> Lens:
    return lens_of_model(model, 640, 480, BENT[model])


def pixels(bent: Lens, points: np.ndarray) -> np.ndarray:
    return bent.distort(points) * [bent.fx, bent.fy] + [bent.cx, bent.cy]


@pytest.mark.parametrize("model", MODELS)
def test_lenses_bend_as_colmap_says(model):
    pycolmap = pytest.importorskip("pycolmap")
    camera = pycolmap.Camera(model=model, width=640, height=480, params=BENT[model])
    assert camera.model.value == MODELS[model][0]
    points = np.random.default_rng(0).uniform(-0.6, 0.6, (200, 2))
    theirs = camera.img_from_cam(np.concatenate([points, np.ones((200, 1))], 1))
    np.testing.assert_allclose(pixels(lens(model), points), theirs, atol=1e-9)


def test_opencv_s_formula_by_hand():
    x, y, r = 0.3, -0.2, 0.3**2 + 0.2**2
    k1, k2, p1, p2 = BENT["OPENCV"][4:]
    scale = 1 + k1 * r + k2 * r**2
    hand = [x * scale + 2 * p1 * x * y + p2 * (r + 2 * x * x), y * scale + p1 * (r + 2 * y * y) + 2 * p2 * x * y]
    np.testing.assert_allclose(lens("OPENCV").distort(np.array([x, y])), hand, rtol=1e-14)


@pytest.mark.parametrize("model", MODELS)
def test_models_there_and_back(model):
    assert model_of_lens(lens(model)) == (model, BENT[model])


@given(
    st.sampled_from(sorted(MODELS)),
    st.floats(-0.55, 0.55),
    st.floats(-0.45, 0.45),
    st.floats(-1, 1),
)
def test_bent_and_found_back(model, x, y, strength):
    parameters = BENT[model][: len(BENT[model])]
    start = 3 if MODELS[model][1].startswith("f ") else 4
    parameters = parameters[:start] + [strength * value for value in parameters[start:]]
    bent = lens_of_model(model, 640, 480, parameters)
    found = bent.undistort(bent.distort(np.array([x, y])))
    np.testing.assert_allclose(found, [x, y], atol=1e-9)


def test_what_no_point_is_seen_at_is_not_found():
    folding = lens_of_model("SIMPLE_RADIAL", 640, 480, [500, 320, 240, -0.5])  # r (1 - r^2 / 2) is at most 0.544
    assert np.isnan(folding.undistort(np.array([[0.6, 0.0], [0.1, 0.0]]))).tolist() == [[True, True], [False, False]]
    assert folding.folds(np.array([[0.9, 0.0], [0.7, 0.0]])).tolist() == [True, False]  # turns back at r^2 = 2/3


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("longest", [None, 200])
def test_straight_pictures_have_no_blank_pixels_and_waste_little(model, longest):
    bent = lens(model)
    target = straight_of(bent, longest)
    assert longest is None or max(target.width, target.height) == longest
    corners = (EDGE * [target.width, target.height] - [target.cx, target.cy]) / [target.fx, target.fy]
    seen = pixels(bent, corners)
    assert (seen > -1).all() and (seen < [641, 481]).all()
    assert min(seen[:, 0].min(), 640 - seen[:, 0].max()) < 12 and min(seen[:, 1].min(), 480 - seen[:, 1].max()) < 12
    assert abs(target.fx / target.fy - bent.fx / bent.fy) < 0.02
    assert abs(target.cx / target.width - bent.cx / 640) < 0.05


@pytest.mark.parametrize("model", MODELS)
def test_a_picture_of_the_plane_becomes_straight(model):
    """A smooth picture painted on the plane, photographed by the formula, is seen again as it was painted."""

    def painted(points: np.ndarray) -> np.ndarray:
        x, y = points[..., 0], points[..., 1]
        return np.stack([0.5 + 0.4 * np.sin(6 * x + 2 * y), 0.5 + 0.3 * x - 0.2 * y, 0.5 + 0.4 * np.cos(5 * y)], -1)

    bent = lens(model)
    grid = np.stack(np.meshgrid(np.arange(640) + 0.5, np.arange(480) + 0.5), -1)
    photograph = painted(bent.undistort((grid - [bent.cx, bent.cy]) / [bent.fx, bent.fy]))
    for longest in (None, 160):
        target = straight_of(bent, longest)
        made = straighten(bent, target)(np.nan_to_num(photograph.astype(np.float32)))
        grid_there = np.stack(np.meshgrid(np.arange(target.width) + 0.5, np.arange(target.height) + 0.5), -1)
        truth = painted((grid_there - [target.cx, target.cy]) / [target.fx, target.fy])
        assert made.shape == truth.shape
        assert np.abs(made - truth)[2:-2, 2:-2].max() < 0.01


def test_straight_pictures_are_those_of_colmap():
    pycolmap = pytest.importorskip("pycolmap")
    g = np.random.default_rng(0)
    bent = lens("OPENCV")
    rough = reduced(g.random((480, 640, 3), np.float32), 40, 30)
    photograph = np.rint(np.repeat(np.repeat(rough, 16, 0), 16, 1) * 255).astype(np.uint8)
    camera = pycolmap.Camera(model="OPENCV", width=640, height=480, params=BENT["OPENCV"])
    options = pycolmap.UndistortCameraOptions()
    options.blank_pixels = 0
    theirs, pinhole = pycolmap.undistort_image(options, pycolmap.Bitmap.from_array(photograph), camera)
    target = Straight(pinhole.width, pinhole.height, *pinhole.params)
    ours = straighten(bent, target)(photograph.astype(np.float32))
    assert np.abs(ours - np.asarray(theirs.to_array(), np.float32))[2:-2, 2:-2].mean() < 0.5
    own = straight_of(bent)
    assert abs(own.width - pinhole.width) < 0.03 * 640 and abs(own.height - pinhole.height) < 0.03 * 480


def test_reducing_averages_areas():
    picture = np.random.default_rng(0).random((12, 18, 3), np.float32)
    np.testing.assert_allclose(reduced(picture, 6, 4), picture.reshape(4, 3, 6, 3, 3).mean((1, 3)), atol=1e-6)
    fine = np.repeat(np.repeat(picture, 5, 0), 7, 1)  # 5 and 7 are as many as the new pixels cover
    np.testing.assert_allclose(reduced(picture, 7, 5), fine.reshape(5, 12, 7, 18, 3).mean((1, 3)), atol=1e-5)
    np.testing.assert_array_equal(reduced(picture, 18, 12), picture)
    assert np.allclose(reduced(np.full((101, 77, 1), 0.3, np.float32), 13, 29), 0.3)


def test_a_pinhole_is_only_reduced():
    bent = lens("PINHOLE")
    target = straight_of(bent, 320)
    assert target == Straight(320, 240, 250, 255, 155, 125)
    picture = np.random.default_rng(0).random((480, 640, 3), np.float32)
    np.testing.assert_allclose(
        straighten(bent, target)(picture), picture.reshape(240, 2, 320, 2, 3).mean((1, 3)), atol=1e-6
    )


def test_a_wide_fisheye_keeps_a_usable_middle():
    wide = lens_of_model("OPENCV_FISHEYE", 1000, 1000, [320, 320, 500, 500, 0, 0, 0, 0])  # 179 degrees across
    target = straight_of(wide, 500)
    assert (target.width, target.height) == (500, 500)
    assert 90 < np.degrees(2 * np.arctan(250 / target.fx)) < 135


@pytest.mark.parametrize(
    "model, width, parameters, told",
    [
        ("FOV", 640, [500, 500, 320, 240, 0.9], "the model FOV are not known"),
        ("PINHOLE", 640, [500, 320, 240], "4 parameters"),
        ("PINHOLE", 640, [0, 500, 320, 240], "impossible parameters"),
        ("SIMPLE_RADIAL", 640, [500, 320, 240, float("nan")], "impossible parameters"),
        ("PINHOLE", 0, [500, 500, 320, 240], "impossible size"),
    ],
)
def test_impossible_lenses_are_refused(model, width, parameters, told):
    with pytest.raises(UserError, match=told):
        lens_of_model(model, width, 480, parameters)


def test_what_cannot_be_straightened_is_refused():
    with pytest.raises(UserError, match="beyond use"):
        straight_of(lens_of_model("SIMPLE_RADIAL", 640, 480, [500, 320, 5000, -0.5]))
