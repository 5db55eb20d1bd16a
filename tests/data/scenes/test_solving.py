"""Cameras found from pictures alone, compared with the known ones; what cannot be solved says why."""

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from maquette.data.pictures.folders import open_images
from maquette.data.scenes import pairing, solving, videos
from maquette.data.scenes.colmap import Model, Pose
from maquette.data.scenes.lenses import Lens
from maquette.data.scenes.pairing import COMPARING
from maquette.data.scenes.reading import Scene, read_scene
from maquette.data.scenes.solving import Solved, blurred_names, sharpness_of, solve, some
from maquette.data.scenes.transforms import read_transforms
from maquette.data.scenes.videos import frames_of_video
from maquette.data.sets.turntable import render, turntable_cameras
from maquette.graphics.cameras import Camera
from maquette.settings import UserError

SHARED = Path(os.environ.get("MAQUETTE_DATA") or Path(__file__).parents[3] / ".." / "shared" / "data")


def noise(folder: Path, count: int, size: tuple[int, int] = (200, 150), blur: float = 0) -> Path:
    """Pictures that have nothing in common."""
    folder.mkdir(parents=True, exist_ok=True)
    g = np.random.default_rng(1)
    for number in range(count):
        image = Image.fromarray(g.integers(0, 256, (size[1] // 4, size[0] // 4, 3), np.uint8)).resize(size)
        image.filter(ImageFilter.GaussianBlur(blur)).save(folder / f"{number:02d}.jpg", quality=95)
    return folder


def errors(found: list[Camera], true: list[Camera]) -> tuple[np.ndarray, np.ndarray]:
    """Rotation in degrees and position as part of the scene's radius, after the best similarity (Umeyama 1991)."""
    a = np.array([camera.position for camera in found])
    b = np.array([camera.position for camera in true])
    a_centred, b_centred = a - a.mean(0), b - b.mean(0)
    u, s, vt = np.linalg.svd(b_centred.T @ a_centred)
    flip = np.diag([1, 1, np.linalg.det(u @ vt)])
    turn = u @ flip @ vt
    scale = (s * np.diag(flip)).sum() / (a_centred**2).sum()
    away = np.linalg.norm(scale * a_centred @ turn.T - b_centred, axis=1) / np.linalg.norm(b_centred, axis=1).max()
    traces = [np.trace(x.rotation.T @ y.rotation @ turn) for x, y in zip(found, true, strict=True)]
    return np.degrees(np.arccos(np.clip((np.array(traces) - 1) / 2, -1, 1))), away


def test_sharpness_is_the_laplacian_s_variance():
    g = np.random.default_rng(0)
    grey = g.random((40, 50)).astype(np.float32)
    slow = [
        grey[y - 1, x] + grey[y + 1, x] + grey[y, x - 1] + grey[y, x + 1] - 4 * grey[y, x]
        for y in range(1, 39)
        for x in range(1, 49)
    ]
    assert sharpness_of(grey) == pytest.approx(1e4 * np.var(slow), rel=1e-4)
    assert sharpness_of(np.zeros((2, 2))) == 0
    assert blurred_names({"a": 10, "b": 1, "c": 9, "d": 11}) == ["b"]
    assert some([str(n) for n in range(12)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"


def test_what_cannot_be_solved_says_why(tmp_path):
    pytest.importorskip("pycolmap")
    with pytest.raises(UserError, match=r"2 photographs are too few .* 20 or more"):
        read_scene(noise(tmp_path / "two", 2))
    with pytest.raises(UserError, match=r"of 4 pictures only 0 pairs show the same thing"):
        read_scene(noise(tmp_path / "strangers", 4))
    with pytest.raises(UserError, match=r"5 of 5 pictures are blurred or show too little texture \(00\.jpg, 01\.jpg"):
        read_scene(noise(tmp_path / "blurred", 5, blur=12))
    with pytest.raises(UserError, match=r"taken from nearly one place|only \d+ pairs"):
        folder = noise(tmp_path / "same", 1)
        for number in range(1, 4):
            (folder / f"{number:02d}.jpg").write_bytes((folder / "00.jpg").read_bytes())
        read_scene(folder)


def test_photographs_are_compared_as_it_is_said(tmp_path, monkeypatch):
    pytest.importorskip("pycolmap")
    folder = noise(tmp_path / "mixed", 4)
    Image.open(folder / "00.jpg").crop((0, 0, 180, 150)).resize((200, 150)).save(folder / "02.jpg", quality=95)
    pictures = open_images(folder, verify=False)
    monkeypatch.setattr(solving, "ALIKE", 1)
    monkeypatch.setattr(solving, "OVERLAP", 1)
    lines: list[str] = []
    retrieved = solving._retrieved

    def listening(colmap, database) -> str:
        lines.extend(retrieved(colmap, database).splitlines())
        return "\n".join(lines)

    monkeypatch.setattr(solving, "_retrieved", listening)
    told: list[str] = []
    with pytest.raises(UserError, match=r"No cameras could be found: .* --cameras exhaustive compares all"):
        solve(pictures, matching="retrieval", features=256, say=told.append)
    assert f"{COMPARING['retrieval']} ..." in told
    assert "200x150/000000.jpg 200x150/000002.jpg" in lines, "alike"
    assert {f"200x150/00000{n}.jpg 200x150/00000{n + 1}.jpg" for n in range(3)} <= set(lines), "beside by name"


def test_cameras_that_were_found_by_names_alone_are_kept_where_nearly_all_were(tmp_path, monkeypatch):
    """As those of a run that is resumed: many photographs in order need not be solved anew by looks."""
    pytest.importorskip("pycolmap")
    monkeypatch.setattr(pairing, "MOST_EXHAUSTIVE", 3)
    monkeypatch.setattr(solving, "MOST_EXHAUSTIVE", 3)
    pictures = open_images(noise(tmp_path / "p", 10), verify=False)
    lens = Lens(200, 150, 100, 100, 100, 75)
    ways: list[str] = []

    def found(colmap, pictures, work, matching, *others) -> Solved:
        ways.append(matching)
        names = pictures.names[:9] if len(ways) == 1 else pictures.names[: 8 if len(ways) == 2 else 10]
        poses = [Pose(name, 1, np.eye(3), np.zeros(3)) for name in names]
        return Solved(Model({1: lens}, poses, np.zeros((1, 3)), np.zeros((1, 3), np.uint8)), {"registered": names})

    monkeypatch.setattr(solving, "_solve", found)
    solve(pictures, cache=tmp_path / "well", matching="sequential")
    assert len(solve(pictures, cache=tmp_path / "well").model.poses) == 9
    solve(pictures, cache=tmp_path / "badly", matching="sequential")
    assert len(solve(pictures, cache=tmp_path / "badly").model.poses) == 10
    assert len(solve(pictures, cache=tmp_path / "badly").model.poses) == 10
    assert ways == ["sequential", "sequential", "retrieval"]


def test_photographs_of_kinds_that_are_not_read_are_said(tmp_path, monkeypatch):
    pytest.importorskip("pycolmap")
    folder = noise(tmp_path / "p", 6)
    for number in range(2):
        (folder / f"IMG_{number}.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (folder / "empty.jpg").write_bytes(b"")

    def found(colmap, pictures, *others) -> Solved:
        poses = [Pose(name, 1, np.eye(3), np.array([0.0, 0, 3])) for name in pictures.names]
        lens = Lens(200, 150, 100, 100, 100, 75)
        seconds = {"registered": pictures.names, "not_registered": [], "unreadable": {}, "sharpness": {}, "points": 1}
        facts = seconds | {"seconds": {}, "error_pixels": 0.5}
        return Solved(Model({1: lens}, poses, np.zeros((1, 3)), np.zeros((1, 3), np.uint8)), facts)

    monkeypatch.setattr(solving, "_solve", found)
    notes = read_scene(folder).notes
    assert "2 HEIC files were left out, which cannot be read: IMG_0.HEIC, IMG_1.HEIC; convert them" in " ".join(notes)
    assert "1 picture was left out: empty.jpg (empty)." in notes


def test_without_pycolmap_the_way_out_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    with pytest.raises(UserError, match=r'needs pycolmap: pip install "maquette\[scenes\]"'):
        read_scene(noise(tmp_path / "three", 3))


def test_without_opencv_videos_are_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    (tmp_path / "a.mp4").write_bytes(b"x")
    with pytest.raises(UserError, match="needs opencv-python-headless"):
        read_scene(tmp_path / "a.mp4")


def test_the_sharpest_frames_of_a_video(tmp_path):
    cv2 = pytest.importorskip("cv2")
    (tmp_path / "frames").mkdir()
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (160, 120))
    g = np.random.default_rng(0)
    for number in range(40):  # every fifth frame is sharp, and says which it is by its brightness
        grain = g.integers(-40, 40, (120, 160, 1)) * (number % 5 == 2)
        writer.write(np.clip(60 + 4 * number + grain, 0, 255).astype(np.uint8).repeat(3, 2))
    writer.release()
    frames_of_video(tmp_path / "a.avi", tmp_path / "frames", count=8)
    kept = sorted((tmp_path / "frames").iterdir())
    levels = [round((np.asarray(Image.open(path)).mean() - 60) / 4) for path in kept]
    assert len(kept) == 8 and np.abs(np.array(levels) - np.arange(2, 40, 5)).max() <= 1
    (tmp_path / "b.mp4").write_bytes(b"no video at all")
    with pytest.raises(UserError, match="cannot be read as a video"):
        read_scene(tmp_path / "b.mp4")


@pytest.mark.parametrize("claimed", [None, 0, 400, 9])
def test_a_video_that_says_nothing_true_of_its_length_is_counted(tmp_path, monkeypatch, claimed):
    pytest.importorskip("cv2")
    frames = []
    for number in range(40):  # a stream of JPEG pictures without any header says nothing
        file = io.BytesIO()
        grain = np.random.default_rng(number).integers(-40, 40, (120, 160, 1))
        Image.fromarray(np.clip(60 + 4 * number + grain, 0, 255).astype(np.uint8).repeat(3, 2)).save(file, "JPEG")
        frames.append(file.getvalue())
    (tmp_path / "a.avi").write_bytes(b"".join(frames))
    if claimed is not None:
        monkeypatch.setattr(videos, "_claimed", lambda cv2, path: claimed)
    (tmp_path / "frames").mkdir()
    frames_of_video(tmp_path / "a.avi", tmp_path / "frames", count=8)
    kept = sorted((tmp_path / "frames").iterdir())
    levels = np.array([round((np.asarray(Image.open(path)).mean() - 60) / 4) for path in kept])
    assert len(kept) == 8 and (levels // 5 == np.arange(8)).all()


def test_a_video_of_two_frames_is_read_and_said_to_be_too_short(tmp_path):
    cv2 = pytest.importorskip("cv2")
    pytest.importorskip("pycolmap")
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (160, 120))
    for level in (90, 160):
        writer.write(np.full((120, 160, 3), level, np.uint8))
    writer.release()
    with pytest.raises(UserError, match="2 frames are too few to find cameras"):
        read_scene(tmp_path / "a.avi")


@pytest.mark.slow
def test_the_turntable_is_solved_as_it_was_rendered(tmp_path, monkeypatch):
    """Photographs of a third of the turn before a backdrop, and one of something else."""
    pytest.importorskip("pycolmap")
    cameras = turntable_cameras(280, 40)[:12]
    folder = tmp_path / "photographs"
    folder.mkdir()
    g = np.random.default_rng(0)
    backdrop = Image.fromarray(g.integers(120, 200, (4, 4, 3), np.uint8)).resize((280, 280), Image.Resampling.BICUBIC)
    for number, camera in enumerate(cameras):
        seen = render(camera)
        pixels = seen.colour * seen.alpha[..., None] + (1 - seen.alpha[..., None]) * np.asarray(backdrop) / 255
        Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(folder / f"{number:02d}.jpg", quality=95)
    noise(tmp_path / "other", 1, (280, 280))
    (tmp_path / "other" / "00.jpg").rename(folder / "zz.jpg")
    told: list[str] = []
    scene = read_scene(folder, cache=tmp_path / "cache", say=told.append)
    assert scene.kind == "photographs" and not scene.is_random and len(scene.points) > 150
    assert len(scene.views) >= 10 and "No camera was found for" in " ".join(scene.notes) and "zz.jpg" in scene.notes[1]
    turn, away = errors([view.camera for view in scene.views], [cameras[int(v.name[:2])] for v in scene.views])
    assert np.median(turn) < 2 and np.median(away) < 0.02
    monkeypatch.setattr(solving, "_solve", None)  # from the cache from now on
    again = read_scene(folder, cache=tmp_path / "cache", say=told.append)
    assert_same_views(scene, again)
    assert any("solved before" in line for line in told)


def assert_same_views(one: Scene, other: Scene) -> None:
    assert one.digest == other.digest
    for a, b in zip(one.views, other.views, strict=True):
        np.testing.assert_array_equal(a.picture, b.picture)
        np.testing.assert_allclose(a.camera.world_to_camera, b.camera.world_to_camera, atol=1e-9)
    np.testing.assert_array_equal(one.points, other.points)


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "nerf_fox").is_dir(), reason="needs the data set nerf_fox")
def test_the_fox_is_solved_as_its_publishers_did(tmp_path):
    pytest.importorskip("pycolmap")
    photographs = open_images(SHARED / "nerf_fox" / "images", verify=False)
    photographs.entries = photographs.entries[:16]
    solved = solve(photographs, cache=tmp_path)
    assert len(solved.facts["registered"]) >= 15 and solved.facts["error_pixels"] < 1
    assert solved.facts["matching"] == "exhaustive"
    true = {Path(frame.name).name: frame for frame in read_transforms(SHARED / "nerf_fox" / "transforms.json").frames}

    def camera(pose) -> Camera:
        return Camera(1, 1, 1, 1, 0, 0, pose.rotation, pose.translation)

    poses = solved.model.poses
    turn, away = errors([camera(pose) for pose in poses], [camera(true[pose.name]) for pose in poses])
    assert np.median(turn) < 2 and np.median(away) < 0.02
    (lens,) = solved.model.lenses.values()
    assert (lens.width, lens.height) == (1080, 1920) and abs(lens.fx / 1375.5 - 1) < 0.02
