"""Camera paths: closed forms for rings and domes of cameras, no jumps, and the same in a world turned and enlarged."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from maquette.graphics.cameras import Camera, camera_at
from maquette.graphics.paths import common_up, flight, looked_at, orbit, read_path, write_path
from maquette.settings import UserError

MIDDLE, UP = np.array([1.0, -2.0, 0.5]), np.array([0.0, 0.0, 1.0])


def around(azimuths_deg, elevation_deg=30.0, distance=4.0, target=MIDDLE) -> list[Camera]:
    """Cameras above a plane z = 0.5 that look at MIDDLE, or at `target`."""
    tilt, cameras = math.radians(elevation_deg), []
    for azimuth in np.radians(azimuths_deg):
        way = [math.cos(tilt) * math.cos(azimuth), math.cos(tilt) * math.sin(azimuth), math.sin(tilt)]
        cameras.append(camera_at(MIDDLE + distance * np.array(way), target, UP, width=400, height=300, focal=500))
    return cameras


def dome(count=60, seed=0) -> list[Camera]:
    random = np.random.default_rng(seed)
    return [
        around(
            [random.uniform(0, 360)], random.uniform(5, 70), random.uniform(3, 5), MIDDLE + random.normal(0, 0.2, 3)
        )[0]
        for _ in range(count)
    ]


def moved(cameras, turn: Rotation, scale: float, shift: np.ndarray) -> list[Camera]:
    """The cameras in a world whose points x became scale * turn x + shift."""
    matrix = turn.as_matrix()
    rotations = [camera.rotation @ matrix.T for camera in cameras]
    positions = [scale * matrix @ camera.position + shift for camera in cameras]
    return [
        Camera(c.width, c.height, c.fx, c.fy, c.cx, c.cy, r, -r @ p)
        for c, r, p in zip(cameras, rotations, positions, strict=True)
    ]


def assert_same(left, right, tolerance=1e-6):
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        np.testing.assert_allclose(a.camera_to_world, b.camera_to_world, atol=tolerance)
        assert (a.width, a.height) == (b.width, b.height)
        np.testing.assert_allclose([a.fx, a.fy, a.cx, a.cy], [b.fx, b.fy, b.cx, b.cy], rtol=1e-6)


def steps_of(path, is_closed=True) -> tuple[np.ndarray, np.ndarray]:
    """Lengths and angles in degrees between one frame and the next."""
    after = [*path[1:], path[0]] if is_closed else path[1:]
    pairs = list(zip(path, after, strict=False))
    lengths = [np.linalg.norm(a.position - b.position) for a, b in pairs]
    angles = [np.degrees(Rotation.from_matrix(a.rotation @ b.rotation.T).magnitude()) for a, b in pairs]
    return np.array(lengths), np.array(angles)


def test_what_cameras_look_at_and_their_up():
    cameras = around(range(0, 360, 10))
    np.testing.assert_allclose(looked_at(cameras), MIDDLE, atol=1e-9)
    np.testing.assert_allclose(common_up(cameras), UP, atol=1e-9)
    side = around(range(0, 60, 5), 50)
    np.testing.assert_allclose(looked_at(side), MIDDLE, atol=1e-9)
    assert np.degrees(np.arccos(common_up(side) @ UP)) < 2
    mean = np.mean([camera.up for camera in side], axis=0)
    assert np.degrees(np.arccos(mean @ UP / np.linalg.norm(mean))) > 40  # what the plain mean would say


def test_a_few_strange_cameras_do_not_count():
    cameras = around(range(0, 360, 10))
    turned = Rotation.from_rotvec([0, 0, np.pi / 2]).as_matrix()
    for i in (3, 14, 22):
        c = cameras[i]
        cameras[i] = Camera(c.width, c.height, c.fx, c.fy, c.cx, c.cy, turned @ c.rotation, turned @ c.translation)
    cameras[7] = around([70], target=MIDDLE + np.array([50, 80, 3]))[0]
    assert np.linalg.norm(looked_at(cameras) - MIDDLE) < 0.05
    assert np.degrees(np.arccos(common_up(cameras) @ UP)) < 2


def test_nothing_is_looked_at_by_parallel_outward_or_turning_cameras():
    row = [camera_at(np.array([x, 0, 0.0]), np.array([x, 9, 0.0]), UP, width=4, height=3, focal=5) for x in range(5)]
    outward = [
        camera_at(c.position, 2 * c.position - MIDDLE, UP, width=4, height=3, focal=5)
        for c in around(range(0, 360, 30))
    ]
    spot = [
        camera_at(MIDDLE, MIDDLE + np.array([math.cos(a), math.sin(a), 0.1]), UP, width=4, height=3, focal=5)
        for a in range(6)
    ]
    for cameras in (row, outward, spot, row[:1]):
        assert looked_at(cameras) is None
        with pytest.raises(UserError, match="fly through them"):
            orbit(cameras, 8, 64, 48)
        assert max(steps_of(flight(cameras, 90, 64, 48))[1]) < 12


def test_an_orbit_of_a_ring_is_the_ring():
    path = orbit(around(range(0, 360, 30), elevation_deg=25), 12, 400, 300)
    assert_same(path, around(range(0, 360, 30), elevation_deg=25))


@pytest.mark.parametrize("size", [(480, 270), (270, 480), (64, 64)])
def test_an_orbit_looks_at_the_middle_from_the_usual_height(size):
    path = orbit(dome(), 90, *size)
    positions = np.array([camera.position for camera in path])
    away = np.linalg.norm(positions - MIDDLE, axis=1)
    assert np.all((away > 3) & (away < 5))
    elevations = np.degrees(np.arcsin((positions - MIDDLE)[:, 2] / away))
    assert np.all((elevations > 25) & (elevations < 50))
    for camera in path:
        (pixel,), (depth,) = camera.project(MIDDLE[None])
        assert np.abs(pixel - np.array(size) / 2).max() < 0.08 * min(size) and depth > 0 and camera.up @ UP > 0.5
        assert camera.fx == camera.fy == pytest.approx(500 * math.sqrt(size[0] * size[1] / 120_000))
    lengths, angles = steps_of(path)
    np.testing.assert_allclose(lengths, lengths[0])
    assert angles.max() < 4.1


def test_an_orbit_swings_where_cameras_stand_on_one_side():
    path = orbit(around(range(20, 141, 10)), 80, 64, 48)
    offsets = np.array([camera.position for camera in path]) - MIDDLE
    azimuths = np.degrees(np.arctan2(offsets[:, 1], offsets[:, 0]))
    assert azimuths.min() == pytest.approx(20, abs=2) and azimuths.max() == pytest.approx(140, abs=2)
    assert steps_of(path)[1].max() < 6


def test_cameras_straight_above_give_an_orbit_that_can_be_seen():
    above = [camera_at(MIDDLE + h * UP, MIDDLE, [0, 1, 0], width=64, height=48, focal=50) for h in (3, 4, 5)]
    mixed = above * 3 + around([0, 90, 180, 270], 60)
    path = orbit(mixed, 12, 64, 48)
    assert all(np.isfinite(camera.camera_to_world).all() for camera in path)
    assert steps_of(path)[1].max() < 31 and all(camera.direction @ UP < -0.9 for camera in path)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_paths_follow_a_turned_moved_and_enlarged_world(seed, scale):
    random = np.random.default_rng(seed)
    turn, shift = Rotation.random(random_state=seed % 2**31), random.normal(size=3) * 3 * scale
    cameras = dome(20, seed % 7)
    for make in (orbit, flight):
        first = moved(make(cameras, 10, 64, 48), turn, scale, shift)
        assert_same(first, make(moved(cameras, turn, scale, shift), 10, 64, 48), 1e-5 * scale + 1e-5)


@pytest.mark.parametrize(
    "cameras", [dome(), dome(7), dome(200), around(range(0, 360, 5)), around([0, 170]), around([5])]
)
def test_a_flight_is_closed_even_and_without_jumps(cameras):
    path = flight(cameras, 240, 64, 48)
    assert len(path) == 240
    lengths, angles = steps_of(path)
    combined = lengths / np.median(np.linalg.norm([c.position - MIDDLE for c in cameras], axis=1)) + np.radians(angles)
    assert lengths.max() < 0.5 and angles.max() < 10 and combined.max() <= 3 * combined.mean() + 1e-9
    positions = np.array([camera.position for camera in cameras])
    low, high = positions.min(axis=0), positions.max(axis=0)
    for camera in path:  # within the cameras' own hull, so never far from what they saw
        assert np.all(camera.position > low - 1e-9) and np.all(camera.position < high + 1e-9)
        np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(camera.rotation) > 0


def test_a_flight_along_a_ring_stays_near_the_ring():
    ring = around(range(0, 360, 10))
    order = np.random.default_rng(0).permutation(len(ring))
    path = flight([ring[i] for i in order], 120, 64, 48)
    away = np.linalg.norm([camera.position - MIDDLE for camera in path], axis=1)
    assert np.all((away > 3.8) & (away <= 4 + 1e-9))
    assert steps_of(path)[0].sum() == pytest.approx(2 * math.pi * 4 * math.cos(math.radians(30)), rel=0.05)


# -- files -------------------------------------------------------------------------------------------------------------


def write(tmp_path, content) -> Path:
    path = tmp_path / "path.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_written_path_is_read_again(tmp_path):
    path = orbit(dome(), 20, 64, 48)
    write_path(tmp_path / "a.json", path)
    assert_same(read_path(tmp_path / "a.json"), path)
    wide = read_path(tmp_path / "a.json", width=128, height=96)
    assert wide[0].fx == pytest.approx(2 * path[0].fx) and (wide[0].width, wide[0].height) == (128, 96)


def test_positions_and_targets_mean_what_they_say(tmp_path):
    cameras = around([0, 20, 50])
    frames = [{"position": c.position.tolist(), "target": MIDDLE.tolist(), "up": [0, 0, 2]} for c in cameras]
    for frame in frames:
        frame["fov"] = math.degrees(2 * math.atan(150 / 500))
    file = write(tmp_path, {"width": 400, "height": 300, "frames": frames})
    assert_same(read_path(file), cameras)
    del frames[0]["fov"]
    file = write(tmp_path, {"width": 400, "height": 300, "frames": frames})
    assert read_path(file)[0].fy == pytest.approx(150 / math.tan(math.radians(25)))


def test_key_frames_are_gone_through_smoothly(tmp_path):
    cameras = around([0, 25, 60, 100, 130])
    write_path(tmp_path / "a.json", cameras)
    path = read_path(tmp_path / "a.json", 121)
    assert_same(path[::30], cameras)
    lengths, angles = steps_of(path, is_closed=False)
    assert lengths.max() < 0.12 and angles.max() < 2
    assert np.abs(np.diff(lengths)).max() < 0.02 and np.abs(np.diff(angles)).max() < 0.2


def test_a_closed_path_comes_back(tmp_path):
    write_path(tmp_path / "a.json", around(range(0, 360, 45)))
    content = json.loads((tmp_path / "a.json").read_text()) | {"closed": True}
    path = read_path(write(tmp_path, content), 160)
    assert_same(path[::20], around(range(0, 360, 45)))
    lengths, angles = steps_of(path)
    assert lengths.max() < 1.2 * lengths.mean() and angles.max() < 1.2 * angles.mean()


def test_times_say_when(tmp_path):
    write_path(tmp_path / "a.json", around([0, 10, 40]))
    content = json.loads((tmp_path / "a.json").read_text())
    for frame, time in zip(content["frames"], [0, 1, 4], strict=True):
        frame["time"] = time
    path = read_path(write(tmp_path, content), 5)
    assert_same([path[0], path[1], path[4]], around([0, 10, 40]))
    for times, words in (([0, 0, 4], "frame 2 .*is not later"), ([0, 1, None], "no time in frame 3")):
        for frame, time in zip(content["frames"], times, strict=True):
            frame["time"] = time
        with pytest.raises(UserError, match=words):
            read_path(write(tmp_path, content), 5)


def test_one_key_frame_stands_still(tmp_path):
    write_path(tmp_path / "a.json", around([30]))
    assert_same(read_path(tmp_path / "a.json", 3), around([30]) * 3)


def test_nerfstudio_paths(tmp_path):
    cameras = around([0, 20, 50])
    flipped = [(c.camera_to_world @ np.diag([1, -1, -1, 1])).ravel().tolist() for c in cameras]
    fov = math.degrees(2 * math.atan(150 / 500))
    keys = [{"camera_to_world": matrix, "fov": fov, "aspect": 4 / 3} for matrix in flipped]
    content = {
        "camera_type": "perspective",
        "render_width": 400,
        "render_height": 300.0,
        "fps": 24,
        "camera_path": keys,
    }
    assert_same(read_path(write(tmp_path, content)), cameras)
    with pytest.raises(UserError, match="camera type fisheye"):
        read_path(write(tmp_path, content | {"camera_type": "fisheye"}))


GOOD = {"camera_to_world": np.eye(4).tolist()}
AIMED = {"position": [0, 0, 0], "target": [0, 0, 1], "up": [0, 1, 0]}


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (7, "frame 2 .*is no object"),
        ({}, "no position in frame 2"),
        ({"position": [0, 0, 0], "up": [0, 1, 0]}, "no target in frame 2"),
        ({"camera_to_world": np.zeros((4, 4)).tolist()}, "camera_to_world of frame 2 .*singular"),
        ({"camera_to_world": np.diag([1, 1, -1, 1]).tolist()}, "mirrored"),
        ({"camera_to_world": np.diag([1, 1, 2, 1]).tolist()}, "skewed"),
        ({"camera_to_world": np.eye(3).tolist()}, "not 16 finite numbers"),
        ({"camera_to_world": [[1, 2], [3]]}, "not 16 finite numbers"),
        ({"camera_to_world": "identity"}, "not 16 finite numbers"),
        ({"camera_to_world": [math.nan] * 16}, "not 16 finite numbers"),
        ({"camera_to_world": [10**400] * 16}, "not 16 finite numbers"),
        (AIMED | {"up": [0, 0, -3]}, "up of frame 2"),
        (AIMED | {"target": [0, 0, 0]}, "up of frame 2"),
        (GOOD | {"fov": 180}, "fov of frame 2"),
        (GOOD | {"fov": "wide"}, "fov of frame 2"),
    ],
)
def test_bad_frames_are_named(tmp_path, frame, words):
    with pytest.raises(UserError, match=words) as error:
        read_path(write(tmp_path, {"width": 64, "height": 48, "frames": [GOOD, frame]}), 10)
    assert str(error.value).endswith(".") and "path.json" in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "does not hold JSON"),
        ("[]", "no camera key frames"),
        ({"width": 64, "height": 48}, "no camera key frames"),
        ({"width": 64, "height": 48, "frames": []}, "no camera key frames"),
        ({"width": 64, "frames": [GOOD]}, "how large"),
        ({"width": 64, "height": "tall", "frames": [GOOD]}, "how large"),
        ({"width": 64, "height": -48, "frames": [GOOD]}, "how large"),
    ],
)
def test_bad_files_are_refused(tmp_path, content, words):
    with pytest.raises(UserError, match=words):
        read_path(write(tmp_path, content))
    with pytest.raises(UserError, match="There is no file"):
        read_path(tmp_path / "nowhere.json")
