"""Films of a scene: of a run, of a file that somebody made, from Python; sizes, depths, and what is refused."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import maquette
from maquette.checkpoints import load_model, save_model, save_state
from maquette.cli import main
from maquette.data.pictures.files import read_picture
from maquette.data.scenes.splatfiles import PARTS, Splats, write_ply
from maquette.families.flights import (
    brought_near,
    cameras_around,
    cameras_of,
    depth_colours,
    drawer,
    known_cameras,
    pictures_of,
    size_of,
    upright,
    weighted_median,
)
from maquette.families.settings import FlyingOptions, direction_of
from maquette.files import write_json
from maquette.graphics.cameras import camera_at, described
from maquette.graphics.paths import write_path
from maquette.models import Gaussians
from maquette.recipes import RECIPES
from maquette.recipes.splat.uses import film
from maquette.trained import Trained

pytestmark = pytest.mark.slow  # what draws compiles for a minute and more

UP = np.array([0.0, 0, 1])  # of the run's world; that of foreign files is -y


def some_scene(count=60, seed=0, **settings) -> Gaussians:
    """Coloured spots within a ball of radius 1."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(0, 0.4, (count, 11 + 3 * 4)).astype(np.float32)
    rows[:, 3:6] = np.log(0.15) + 0.3 * rows[:, 3:6]
    rows[:, 10] = 3
    return Gaussians.of_rows(rows, **settings).eval()


def some_cameras(count=8, width=50, height=36, distance=4.0):
    """On a circle, a little above."""
    angles = 2 * np.pi * np.arange(count) / count
    places = distance * np.stack([np.cos(angles), np.sin(angles), np.full(count, 0.4)], 1)
    return [camera_at(place, np.zeros(3), UP, width=width, height=height, focal=40) for place in places]


def save_run(folder, model, cameras):
    """A run folder as training leaves it, with what predict and export need."""
    folder.mkdir(parents=True)
    save_model(model, folder)
    save_state({"cameras": [described(camera) for camera in cameras]}, folder, "processing")
    write_json(folder / "settings.json", {"format": 1, "recipe": "splat", "settings": {}})
    return folder


@pytest.fixture
def run(tmp_path):
    return save_run(tmp_path / "run", some_scene(background=(0.2, 0.4, 0.6)), some_cameras())


def filmed(*arguments):
    return main(["predict", *map(str, arguments)])


def pictures_of_folder(folder):
    return [read_picture(path).pixels for path in sorted(folder.iterdir())]


# -- from the command line ---------------------------------------------------------------------------------------------


def test_a_film_is_what_the_cameras_of_the_path_see(run, tmp_path, capsys):
    assert filmed(run, "--path", "orbit", "--frames", 5, "--out", tmp_path / "film") == 0
    assert f"Made {tmp_path / 'film'} with {run}." in capsys.readouterr().out
    predictor = maquette.open(run)
    cameras = cameras_of("orbit", partial(known_cameras, predictor.model, predictor.processing), 5)
    assert [camera.width for camera in cameras] == [50] * 5
    for shown, camera in zip(pictures_of_folder(tmp_path / "film"), cameras, strict=True):
        with torch.no_grad():
            plain = predictor.model(camera).clamp(0, 1).numpy()  # the reference, not the kernels
        assert np.abs(shown - plain).max() < 0.01
    assert np.std([camera.position @ UP for camera in cameras]) < 1e-9


@pytest.mark.parametrize("name", ["film.webp", "film.gif", "film.mp4"])
@pytest.mark.parametrize("path", ["orbit", "flight"])
def test_films_of_every_kind(run, tmp_path, name, path):
    if name.endswith("mp4"):
        pytest.importorskip("cv2")
    assert filmed(run, "--path", path, "--frames", 3, "--width", 40, "--rate", 10, "--out", tmp_path / name) == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([name, "run"])
    if not name.endswith("mp4"):
        film = Image.open(tmp_path / name)
        assert film.size == (40, 28) and film.n_frames == 3
        film.load()
        assert film.info["duration"] == 100


def test_a_single_frame_is_a_picture(run, tmp_path):
    for name in ("a.png", "a.jpg", "a.webp"):
        assert filmed(run, "--frames", 1, "--out", tmp_path / name) == 0
        assert read_picture(tmp_path / name).pixels.shape == (36, 50, 3)
    assert filmed(run, "--frames", 1, "--out", tmp_path / "folder") == 0
    np.testing.assert_array_equal(pictures_of_folder(tmp_path / "folder")[0], read_picture(tmp_path / "a.png").pixels)


def test_a_file_says_where_the_camera_goes(run, tmp_path):
    cameras = some_cameras(3, 24, 16)
    write_path(tmp_path / "path.json", cameras)
    assert filmed(run, "--path", tmp_path / "path.json", "--frames", 3, "--out", tmp_path / "film") == 0
    seen = maquette.open(run).predict(cameras)
    for shown, truth in zip(pictures_of_folder(tmp_path / "film"), seen, strict=True):
        assert np.abs(shown - truth).max() < 0.01
    flags = ["--frames", 2, "--width", 30, "--height", 31]
    assert filmed(run, "--path", tmp_path / "path.json", *flags, "--out", tmp_path / "other") == 0
    assert pictures_of_folder(tmp_path / "other")[0].shape == (31, 30, 3)


def test_without_a_name_the_film_lies_here_and_nothing_is_replaced(run, tmp_path, monkeypatch, capsys):
    from maquette.media import film as films

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(films, "find_spec", lambda name: None)
    assert filmed(run, "--frames", 2) == 0
    assert Image.open(tmp_path / "film.webp").n_frames == 2
    assert filmed(run, "--frames", 3) == 2
    assert "is there already" in capsys.readouterr().err and Image.open("film.webp").n_frames == 2
    assert filmed(run, "--frames", 3, "--out", "film.webp") == 0
    assert Image.open("film.webp").n_frames == 3


def test_help_shows_the_options(run, tmp_path, capsys):
    for place in (run, tmp_path / "scene.ply"):
        with pytest.raises(SystemExit) as left:
            filmed(place, "--help")
        said = capsys.readouterr().out
        assert left.value.code == 0 and all(use.example in said for use in RECIPES["splat"].uses.values())
        assert "--show picture|depth|alpha" in said and "--frames" in said and "default 120" in said


# -- somebody's file ---------------------------------------------------------------------------------------------------


def test_an_exported_scene_looks_the_same(tmp_path, capsys):
    run = save_run(tmp_path / "run", some_scene(), some_cameras())
    assert main(["export", str(run), "--format", "ply"]) == 0
    scene = run / "scene.ply"
    assert "60 Gaussians" in capsys.readouterr().out and scene.stat().st_size > 60 * 4 * 26
    ours, theirs = maquette.open(run), maquette.open(scene)
    for camera in some_cameras(3):
        np.testing.assert_array_equal(ours.predict(camera), theirs.predict(camera))
    write_path(tmp_path / "path.json", some_cameras(2))
    for name, place in (("a", run), ("b", scene)):
        path = ["--path", tmp_path / "path.json", "--frames", 2]
        assert filmed(place, *path, "--out", tmp_path / name) == 0
    assert [f.read_bytes() for f in sorted((tmp_path / "a").iterdir())] == [
        f.read_bytes() for f in sorted((tmp_path / "b").iterdir())
    ]


def test_a_scene_of_unknown_photographs_is_seen_whole(tmp_path):
    """A ball far from the origin, and some specks that lie a hundred times as far: all of the ball, in the middle."""
    model = some_scene(400)
    with torch.no_grad():
        model.positions.add_(torch.tensor([30.0, -20, 10]))
        model.positions[:20] *= 100
        model.opacities[:40] = -3
    cameras = cameras_around(model)
    ball = model.positions[40:].detach().numpy()
    for camera in cameras:
        pixels, depths = camera.project(ball)
        assert (depths > 0).all()
        assert np.abs(pixels.mean(axis=0) - [480, 270]).max() < 50
        inside = ((pixels > 0) & (pixels < [camera.width, camera.height])).all(axis=1)
        assert inside.mean() > 0.9 and np.ptp(pixels[:, 1]) > 0.4 * camera.height
        assert camera.up @ [0, -1, 0] > 0.9 and camera.direction @ [0, 1, 0] > 0.2  # from above, where -y is up
    film = cameras_of("orbit", partial(known_cameras, model, {}), 7, height=270)
    assert [(camera.width, camera.height) for camera in film] == [(480, 270)] * 7


@pytest.mark.parametrize("up", ["z", "-y", "y", "1,0,0"])
def test_a_thing_is_seen_whole_and_upright(up):
    """A body with most of its Gaussians near the feet, and a head of few, higher up."""
    generator = np.random.default_rng(1)
    upwards = np.array(direction_of(up))
    across = np.linalg.svd(upwards[None])[2][1:]
    heights = np.concatenate([generator.uniform(0, 1, 2000), generator.uniform(1.6, 1.9, 20)])
    rows = np.zeros((2020, 14), np.float32)
    rows[:, :3] = heights[:, None] * upwards + 0.2 * generator.normal(size=(2020, 2)) @ across
    rows[:, 3:6], rows[:, 6], rows[:, 10] = np.log(0.01), 1, 4
    rows[0, :3] = 500  # a speck
    for camera in cameras_around(Gaussians.of_rows(rows).eval(), tuple(upwards)):
        pixels, depths = camera.project(rows[1:, :3].astype(float))
        assert (depths > 0).all() and (pixels >= 0).all() and (pixels <= [camera.width, camera.height]).all()
        assert pixels[-20:, 1].max() < pixels[:1000, 1].min() and np.ptp(pixels[:, 1]) > 0.4 * camera.height
        assert camera.up @ upwards > 0.9


def test_a_file_that_says_what_is_up_is_filmed_upright(tmp_path):
    model = some_scene()
    write_ply(
        tmp_path / "a.ply", Splats(*(getattr(model, name).detach().numpy() for name in PARTS), up=(0.0, 0.0, 1.0))
    )
    opened = maquette.open(tmp_path / "a.ply")
    for camera in known_cameras(opened.model, opened.processing):
        assert camera.up @ UP > 0.9 and abs(camera.rotation[0] @ UP) < 1e-9


def test_the_film_of_an_export_is_the_film_of_the_run(tmp_path):
    run = save_run(tmp_path / "run", some_scene(background=(0.2, 0.4, 0.6)), some_cameras(40))
    assert main(["export", str(run), "--format", "ply"]) == 0
    ours, theirs = maquette.open(run), maquette.open(run / "scene.ply")
    films = [
        cameras_of("orbit", partial(known_cameras, each.model, each.processing), 9, 48, 36) for each in (ours, theirs)
    ]
    for left, right in zip(*films, strict=True):
        np.testing.assert_allclose(left.position, right.position, atol=1e-3)
        np.testing.assert_allclose(left.rotation, right.rotation, atol=1e-3)
        assert left.fx == pytest.approx(right.fx, rel=1e-4)
    assert theirs.model.background == pytest.approx((0.2, 0.4, 0.6))


def test_up_zoom_and_background_are_obeyed(run, tmp_path, capsys):
    cameras = [upright(camera, (1.0, 2, 0)) for camera in some_cameras()]
    for camera, before in zip(cameras, some_cameras(), strict=True):
        np.testing.assert_allclose(camera.position, before.position, atol=1e-9)
        np.testing.assert_allclose(camera.direction, before.direction, atol=1e-9)
        assert abs(camera.rotation[0] @ [1, 2, 0]) < 1e-9 and camera.up @ [1, 2, 0] > 0
    known = partial(known_cameras, some_scene(), {})
    plain, near = (cameras_of("orbit", known, 3, zoom=zoom) for zoom in (1.0, 2.0))
    assert [camera.fx for camera in near] == [2 * camera.fx for camera in plain]
    flags = ["--frames", 1, "--width", 20, "--height", 20, "--zoom", 0.1, "--out", tmp_path / "a.png"]
    for words, colour in (["--background", "#ff8000"], (1, 0.5, 0)), (["--background", "0", "1", "0"], (0, 1, 0)):
        for up in (["--up", "-y"], ["--up", "0", "-1", "0.5"], ["--up=z"]):
            assert filmed(run, *flags, *words, *up) == 0
        np.testing.assert_allclose(read_picture(tmp_path / "a.png").pixels[0, 0], colour, atol=0.01)
    capsys.readouterr()
    for words, said in ((["--up", "w"], "--up must be x, y, z"), (["--background", "red"], "must be white, black")):
        assert filmed(run, *flags, *words) == 2 and said in capsys.readouterr().err


@pytest.mark.parametrize("origin", [(0.0, 0, 0), (512_345.0, 4_123_456.0, 123.0)])
@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e5])
def test_a_scene_of_any_size_and_place_is_drawn_alike(origin, unit, tmp_path):
    """In a world of its own, and as a file, which is brought into one."""
    model, camera = some_scene(), some_cameras(1)[0]
    placed = Gaussians.of_rows(model.rows(), origin=origin, unit=unit).eval()
    far = replace(camera, translation=unit * camera.translation - camera.rotation @ origin)
    picture, depth, opacity = model.draw(camera)
    for each in (placed, load_model(save_run(tmp_path / "run", placed, [far]))):
        found, found_depth, found_opacity = each.draw(far)
        np.testing.assert_allclose(found, picture, atol=1e-5)
        np.testing.assert_allclose(found_depth, unit * depth, rtol=1e-3)
        np.testing.assert_allclose(found_opacity, opacity, atol=1e-5)
        np.testing.assert_allclose(each(far).detach(), picture, atol=2e-4)
    np.testing.assert_allclose(drawer(placed)(far).picture.transpose(1, 2, 0), picture, atol=1e-5)
    for around, plain in zip(cameras_around(placed), cameras_around(model), strict=True):
        np.testing.assert_allclose((around.position - origin) / unit, plain.position, atol=1e-4)

    assert main(["export", str(tmp_path / "run"), "--format", "ply"]) == 0
    opened = maquette.open(tmp_path / "run" / "scene.ply")
    np.testing.assert_allclose(opened.predict(far), picture.clip(0, 1), atol=2e-3)
    places = opened.model.positions.detach().numpy() * opened.model.unit + opened.model.origin
    np.testing.assert_allclose(places, model.positions.detach().numpy() * unit + origin, atol=1e-5 * unit)
    (known,) = known_cameras(opened.model, opened.processing)
    np.testing.assert_allclose(known.position, far.position, rtol=1e-5, atol=1e-5 * unit)


def test_a_scene_of_a_file_that_is_good_as_it_is_stays_so():
    model = some_scene()
    assert brought_near(model) is model
    small = Gaussians.of_rows(model.rows_within((0, 0, 0), 1e4))
    assert brought_near(small).unit < 1e-3
    np.testing.assert_allclose(brought_near(small).rows_within(), small.rows(), rtol=1e-4, atol=1e-8)


def test_one_point_is_seen_too():
    assert all(camera.project(np.zeros((1, 3)))[1] > 0 for camera in cameras_around(Gaussians(count=1, degree=0)))


def test_a_splat_file_can_be_filmed_and_what_was_left_out_is_told(tmp_path, capsys):
    from maquette.data.scenes.splatfiles import SPLAT

    generator = np.random.default_rng(0)
    points = np.zeros(50, SPLAT)
    points["position"], points["scale"] = generator.normal(0, 1, (50, 3)), 0.1
    points["colour"], points["rotation"] = [255, 0, 0, 255], [255, 128, 128, 128]
    points["position"][7] = np.nan
    points.tofile(tmp_path / "scene.splat")
    flags = ["--frames", 1, "--width", 64, "--height", 48, "--out", tmp_path / "a.png"]
    assert filmed(tmp_path / "scene.splat", *flags) == 0
    assert "1 of 50 points was left out" in capsys.readouterr().out
    red, green, blue = read_picture(tmp_path / "a.png").pixels.max(axis=(0, 1))
    assert red > 0.9 and green == blue == 0


# -- from Python -------------------------------------------------------------------------------------------------------


def test_python_asks_for_one_camera_or_several(run):
    predictor = maquette.open(run)
    cameras = some_cameras(3, 20, 10)
    one, several = predictor.predict(cameras[1]), predictor.predict(cameras)
    assert one.shape == (10, 20, 3) and len(several) == 3
    np.testing.assert_array_equal(several[1], one)


def film_of(model, cameras, **options):
    """The film that a run with this scene and these training views gives."""
    trained = Trained(Path("nowhere"), "splat", {}, model, {"cameras": [described(camera) for camera in cameras]})
    return next(film(trained, (), FlyingOptions(**options)))


def test_frames_come_one_by_one_and_a_bad_path_is_told_at_once(run):
    made = film_of(some_scene(), some_cameras(), frames=2_000)  # they are not made before they are asked for
    assert made.count == 2_000 and next(made.frames).shape == (36, 50, 3)
    with pytest.raises(maquette.UserError, match="none of orbit, flight"):
        film_of(some_scene(), some_cameras(), path="orbits")
    with pytest.raises(maquette.UserError, match="did you mean frames"):
        maquette.open(run).use("film", frame=3)


def test_sizes_follow_the_photographs():
    cameras = [*some_cameras(5, 481, 321), some_cameras(1, 4000, 100)[0]]
    assert size_of(cameras, None, None) == (480, 320)
    assert size_of(cameras, 240, None) == (240, 160)
    assert size_of(cameras, None, 160) == (240, 160)
    assert size_of(cameras, 77, 33) == (77, 33)
    assert size_of(some_cameras(1, 1, 1), None, None) == (2, 2)


# -- depth and opacity -------------------------------------------------------------------------------------------------


def test_near_is_bright_and_the_range_is_that_of_the_film():
    depths = np.geomspace(1, 100, 64)[None]
    light = depth_colours(depths, 1, 100) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) < 0).all()
    ends = depth_colours(np.array([[0.1, 1000]]), 1, 100)
    np.testing.assert_array_equal(ends, depth_colours(depths, 1, 100)[:, [0, -1]])

    model = Gaussians(count=1, degree=0).eval()  # one opaque ball, which the camera leaves
    with torch.no_grad():
        model.scales.fill_(np.log(0.5))
        model.opacities.fill_(10)
    places = np.array([[-3.0, 0, 0], [-6, 0, 0], [-12, 0, 0]])
    cameras = [camera_at(place, np.zeros(3), UP, width=31, height=31, focal=60) for place in places]
    shown = [picture[15, 15] @ [0.2126, 0.7152, 0.0722] for picture in pictures_of(drawer(model), cameras, "depth")]
    assert shown[0] > shown[1] + 0.1 > shown[2] + 0.2
    alpha = next(film_of(model, cameras, path="flight", frames=1, show="alpha").frames)
    assert alpha[15, 15] == pytest.approx([0.99] * 3, abs=0.02) and alpha[0, 0].max() < 0.01
    assert np.ptp(alpha, axis=2).max() == 0


def test_a_film_of_nothing_is_black(tmp_path):
    model = Gaussians(count=3, degree=0).eval()
    with torch.no_grad():
        model.opacities.fill_(-20)
    for show in ("depth", "alpha", "picture"):
        assert not next(film_of(model, some_cameras(), show=show).frames).any()


def test_the_weighted_median_is_that_of_repeated_numbers():
    generator = np.random.default_rng(0)
    for _ in range(20):
        values, times = generator.normal(size=9), 2 * generator.integers(0, 4, 9) + (np.arange(9) == 0)
        assert weighted_median(values, times.astype(float)) == np.median(np.repeat(values, times))


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--path", "nothing.json"], "no file nothing.json"),
        (["--path", "orbits"], "did you mean orbit?"),
        (["--frames", "0"], "--frames should be greater than or equal to 1"),
        (["--rate", "0"], "--rate"),
        (["--width", "-4"], "--width"),
        (["--show", "sound"], "'picture', 'depth' or 'alpha'"),
        (["--frame", "3"], "did you mean --frames?"),
        (["--out", "film.xyz"], "film.xyz cannot be written"),
        (["--out", "taken"], "not an empty folder"),
        (["--out", "nowhere/film.webp"], "no folder nowhere"),
        (["photo.png"], "no INPUT"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(run, tmp_path, monkeypatch, capsys, flags, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    assert filmed("run", *flags) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and "Traceback" not in said
    assert sorted(tmp_path.rglob("*")) == before


def test_damaged_scenes_and_paths(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_run(tmp_path / "run", some_scene(), some_cameras())
    assert main(["export", "run", "--format", "ply", "--out", "scene.ply"]) == 0
    whole = (tmp_path / "scene.ply").read_bytes()
    (tmp_path / "short.ply").write_bytes(whole[:-7])
    (tmp_path / "mesh.ply").write_text("ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n")
    (tmp_path / "words.ply").write_text("no scene")
    (tmp_path / "odd.splat").write_bytes(bytes(33))
    (tmp_path / "path.json").write_text(json.dumps({"frames": [], "width": 9, "height": 9}))
    capsys.readouterr()
    for place, words in {
        "nowhere.ply": "cannot be read",
        "short.ply": "truncated",
        "mesh.ply": "lack",
        "words.ply": "not a PLY file",
        "odd.splat": "truncated",
    }.items():
        assert filmed(place, "--out", "film.webp") == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1
    assert filmed("scene.ply", "--path", "path.json", "--out", "film.webp") == 2
    assert "no camera key frames" in capsys.readouterr().err
    assert not list(tmp_path.glob("*film*"))


def test_cameras_that_look_at_nothing_together(tmp_path, capsys):
    ahead = [camera_at(np.array([0.0, i, 0]), np.array([9.0, i, 0]), UP, width=8, height=8, focal=9) for i in range(4)]
    run = save_run(tmp_path / "run", some_scene(), ahead)
    assert filmed(run, "--frames", 2, "--out", tmp_path / "film") == 2
    assert "--path flight" in capsys.readouterr().err
    assert filmed(run, "--path", "flight", "--frames", 2, "--out", tmp_path / "film") == 0


def test_a_film_that_breaks_off_leaves_nothing(run, tmp_path, monkeypatch):
    from maquette.kernels.choosing import of_splats

    kernels, count = of_splats(), 0
    drawn = kernels.draw

    def breaking(*arguments, **options):
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return drawn(*arguments, **options)

    monkeypatch.setattr(kernels, "draw", breaking)
    for name in ("film.webp", "film.gif", "film", "film.mp4"):
        if name.endswith("mp4"):
            pytest.importorskip("cv2")
        count = 0
        assert filmed(run, "--frames", 5, "--out", tmp_path / name) == 130
        assert [path.name for path in tmp_path.iterdir()] == ["run"]
