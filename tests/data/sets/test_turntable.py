"""The clay figure: rays against its distance function, depth against points, pictures against each other."""

import numpy as np
import pytest

from maquette.data.scenes.pointclouds import read_points
from maquette.data.scenes.reading import read_scene
from maquette.data.sets.fetching import find
from maquette.data.sets.turntable import (
    DISC,
    TARGET,
    distance,
    distances,
    rays,
    render,
    trace,
    turntable_cameras,
    write_turntable,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("scenes") / "turntable"
    write_turntable(made, size=64, count=12, points=900)
    return made


def test_rays_end_where_a_march_in_tiny_steps_does():
    camera = turntable_cameras(40, 8)[1]
    grid = np.stack(np.meshgrid(np.arange(0, 40, 3) + 0.5, np.arange(0, 40, 3) + 0.5), -1).reshape(-1, 2)
    origins, directions = rays(camera, grid)
    length = trace(origins, directions)
    steps = np.arange(2.2, 5.6, 0.002)
    points = origins[:, None] + steps[:, None] * directions[:, None]
    inside = (distances(points.reshape(-1, 3).astype(np.float32)).min(0) < 0).reshape(len(grid), -1)
    slow = np.where(inside.any(1), steps[inside.argmax(1)], np.inf)
    assert 0.3 < np.isfinite(slow).mean() < 0.9
    assert (np.isfinite(slow) == np.isfinite(length)).mean() > 0.97  # but for rays that graze
    both = np.isfinite(slow) & np.isfinite(length)
    away = np.abs(slow[both] - length[both])
    assert np.median(away) < 0.008 and (away < 0.02).mean() > 0.97


def test_distances_never_reach_beyond_a_surface():
    """A distance function grows no faster than one goes: its slope is at most about 1."""
    g = np.random.default_rng(0)
    points = g.uniform([-1.3, -1.3, -0.3], [1.3, 1.3, 1.8], (20_000, 3)).astype(np.float32)
    moved = points + g.normal(0, 0.02, points.shape).astype(np.float32)
    change = np.abs(distances(moved).min(0) - distances(points).min(0))
    assert (change <= np.linalg.norm(moved - points, axis=1) + 1e-4).all()
    true = distances(points).min(0)
    assert (distance(points) <= true + 1e-5).all()
    near = true < 0.1
    np.testing.assert_allclose(distance(points)[near], true[near], atol=1e-5)


def test_the_disc_is_a_disc():
    at = np.array([[0, DISC + 1, -0.05], [0, 0.9, 0.3], [0, -0.9, -0.4]], np.float32)
    np.testing.assert_allclose(distances(at)[-1], [1, 0.3, 0.3], atol=1e-6)


def test_cameras_go_around_and_look_at_the_figure():
    cameras = turntable_cameras(100, 40)
    pixels = np.array([camera.project(TARGET[None])[0][0] for camera in cameras])
    np.testing.assert_allclose(pixels, 50, atol=1e-9)
    turns = np.unwrap([np.arctan2(camera.position[1], camera.position[0]) for camera in cameras])
    assert turns[-1] - turns[0] == pytest.approx(2 * np.pi * 39 / 40)


def test_depth_alpha_and_points_agree(folder):
    """What one camera sees, another finds at the same depth unless something stands before it."""
    first, second = turntable_cameras(64, 12)[:2]
    one, other = render(first), render(second)
    assert one.alpha.min() == 0 and one.alpha.max() == 1 and 0.2 < one.alpha.mean() < 0.7
    assert ((one.alpha > 0.99) <= np.isfinite(one.depth)).all()
    points, _ = read_points(folder / "points.ply")
    assert len(points) == 900 and np.abs(distance(points.astype(np.float32))).max() < 5e-3
    pixels, depth = second.project(points)
    columns, rows = np.floor(pixels).astype(int).T
    seen = other.depth[rows, columns]
    assert (np.abs(seen - depth) < 0.06).mean() > 0.4 and (depth > seen - 0.15).mean() > 0.93


def test_the_folder_reads_as_a_scene(folder):
    scene = read_scene(folder)
    assert scene.kind == "turntable" and not scene.is_random and scene.background.tolist() == [1, 1, 1]
    assert [len(scene.part(part)) for part in ("train", "test")] == [10, 2]
    for view, camera in zip(scene.views, turntable_cameras(64, 12), strict=True):
        np.testing.assert_allclose(view.camera.world_to_camera, camera.world_to_camera, atol=1e-12)
        assert (view.camera.fx, view.camera.cx) == pytest.approx((camera.fx, camera.cx))
        assert view.picture.shape == (64, 64, 3) and (view.picture[0, 0] == 255).all()
        assert view.picture[35:40, 30:34].std() > 3  # the figure, and its pattern


def test_the_same_every_time_and_in_place_of_what_cannot_be_had(folder, tmp_path, monkeypatch):
    again = tmp_path / "again"
    write_turntable(again, size=64, count=12, points=900)
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }
    monkeypatch.setenv("MAQUETTE_CACHE", str(tmp_path))
    monkeypatch.delenv("MAQUETTE_DATA", raising=False)
    monkeypatch.setattr("maquette.data.sets.standins.write_turntable", lambda folder: again.rename(folder))
    found = find("nerf_fox")
    assert found.origin == "embedded" and "turntable" in found.note and read_scene(found.path).kind == "turntable"
