"""What is found to be wrong with a scene before training: axes, units, places, points and masks."""

from dataclasses import replace

import numpy as np
import pytest

from maquette.data.scenes import checking
from maquette.data.scenes.checking import FLIP, doubts_of, look_apart, why_unfit
from maquette.graphics.cameras import Camera, camera_at

UP = np.array([0.0, 0, 1])


def seen_scene(count=12, seed=0):
    """Cameras around coloured points in a room, and pictures that show each point as a square of its colour."""
    g = np.random.default_rng(seed)
    points, colours = g.normal(size=(120, 3)) * [1, 0.7, 0.4] + [0.2, 0, 0.3], g.integers(0, 256, (120, 3), np.uint8)
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    places = np.stack([5 * np.cos(angles), 5 * np.sin(angles), 1 + np.sin(3 * angles)], 1)
    cameras = [camera_at(place, points.mean(0), UP, width=90, height=60, focal=70) for place in places]
    return cameras, [picture_of(camera, points, colours) for camera in cameras], points, colours


def picture_of(camera, points, colours):
    picture = np.full((camera.height, camera.width, 3), 128, np.uint8)
    is_in, pixels, depths = camera.shows(points)
    for point in sorted(np.flatnonzero(is_in), key=lambda point: -depths[point]):
        column, row = pixels[point].astype(int)
        picture[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = colours[point]
    return picture


def doubts(cameras, pictures, points, colours, kind="transforms.json", masks=None):
    return doubts_of(cameras, pictures, masks or [None] * len(cameras), points, colours, kind)


def with_pose(camera, pose) -> Camera:
    rotation = pose[:3, :3].T
    return replace(camera, rotation=rotation, translation=-rotation @ pose[:3, 3])


@pytest.mark.parametrize("kind", ["transforms.json", "COLMAP model"])
def test_of_a_good_scene_nothing_is_said(kind):
    assert doubts(*seen_scene(), kind=kind) == []
    cameras, _, points, _ = seen_scene()
    assert why_unfit(cameras, points) == ""


@pytest.mark.parametrize("is_grey", [False, True])
@pytest.mark.parametrize(
    ("kind", "name", "wrong"),
    [  # how a camera-to-world matrix comes to be read if its file means it by that name
        ("transforms.json", checking.PINHOLE, lambda pose: pose @ FLIP),
        ("transforms.json", checking.INVERSE, lambda pose: np.linalg.inv(pose) @ FLIP),
        ("transforms.json", checking.GRAPHIC_INVERSE, lambda pose: np.linalg.inv(pose @ FLIP) @ FLIP),
        ("COLMAP model", checking.GRAPHIC_INVERSE, lambda pose: pose @ FLIP),
        ("COLMAP model", checking.PINHOLE, np.linalg.inv),
        ("COLMAP model", checking.GRAPHIC, lambda pose: np.linalg.inv(pose @ FLIP)),
    ],
)
def test_other_axes_are_named(kind, name, wrong, is_grey):
    cameras, pictures, points, colours = seen_scene()
    cameras = [with_pose(camera, wrong(camera.camera_to_world)) for camera in cameras]
    (said,) = doubts(cameras, pictures, points, np.full_like(colours, 128) if is_grey else colours, kind)
    assert name in said and "--cameras solve" in said


def test_points_of_another_world_are_named():
    cameras, pictures, points, colours = seen_scene()
    for turn, words in (
        ([[1, 0, 0], [0, 0, -1], [0, 1, 0]], "z up where the cameras have y up"),
        ([[1, 0, 0], [0, 0, 1], [0, -1, 0]], "y up where the cameras have z up"),
        (np.diag([1, -1, -1]), "y and z of the points went the other way"),
        (np.eye(3) / 1000, "1,000 times larger"),
        (np.eye(3) * 100, "100 times smaller"),
    ):
        (said,) = doubts(cameras, pictures, points @ np.array(turn, float).T, colours)
        assert words in said


def test_cameras_that_look_away_are_found():
    cameras, *_ = seen_scene()
    assert not look_apart(cameras)
    assert look_apart([with_pose(camera, camera.camera_to_world @ FLIP) for camera in cameras])


def test_points_that_training_cannot_start_from():
    cameras, _, points, _ = seen_scene()
    assert "no points" in why_unfit(cameras, points[:0])
    assert why_unfit(cameras, np.ones((50, 3))) == "All 50 points lie in one place"
    assert why_unfit(cameras, np.add(points, [0, 0, 100])) == "None of the 120 points is in any camera's picture"
    assert why_unfit(cameras, np.concatenate([points[:1], np.add(points, [0, 0, 100])])).startswith(
        "Only 0.8% of the 121"
    )


@pytest.mark.parametrize("origin", [(0.0, 0, 0), (512_345.6, 4_123_456.7, 123.4)])
def test_cameras_in_one_place_are_told(origin):
    cameras, pictures, *_ = seen_scene()
    here = np.add(origin, [0.1, 0.2, 0.3])
    still = [replace(camera, translation=-camera.rotation @ here) for camera in cameras]
    (said,) = doubts_of(still, pictures, [None] * 12, np.empty((0, 3)), np.empty((0, 3), np.uint8), "transforms.json")
    assert "stand in one place" in said
    steps = [replace(c, translation=-c.rotation @ np.add(here, [0.01 * n, 0, 0])) for n, c in enumerate(still)]
    around = here + 30 * np.random.default_rng(0).normal(size=(300, 3))
    said = doubts(steps, pictures, around, np.full((300, 3), 9, np.uint8))
    assert len(said) == 1 and "nearly in one place" in said[0]


def test_masks_that_hide_nearly_all_are_told():
    cameras, pictures, points, colours = seen_scene()
    mask = np.zeros((60, 90), np.float32)
    mask[:2] = 1
    (said,) = doubts(cameras, pictures, points, colours, masks=[mask] * 12)
    assert "hide 96.7% of all pixels" in said
    assert checking.hides_all(0 * mask) and not checking.hides_all(mask) and not checking.hides_all(None)
