"""The recipe splat: from views to a scene, its scores, its report, and what it makes of bad input."""

import json
import shutil

import numpy as np
import pytest
import torch

import maquette
from maquette.checkpoints import load_model
from maquette.cli import main
from maquette.data.scenes.pointclouds import read_points
from maquette.data.scenes.reading import read_scene
from maquette.data.sets.turntable import write_turntable
from maquette.graphics.cameras import camera_from
from maquette.graphics.exposing import exposed
from maquette.measures.pictures import picture_scores
from maquette.recipes import saved_settings
from maquette.recipes.splat.recipe import WAYS, most_of
from maquette.recipes.splat.settings import Settings

SMALL = ["--preset", "small", "--seed", "3"]
QUICK = [*SMALL, "--steps", "40", "--longest", "32", "--gaussians", "700"]


@pytest.fixture(scope="module")
def clay(tmp_path_factory):
    """A folder of 12 views of the clay hare, 48 x 48, with its points."""
    folder = tmp_path_factory.mktemp("clay") / "turntable"
    write_turntable(folder, size=48, count=12, points=500)
    return folder


@pytest.fixture(scope="module")
def trained(clay, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["run", "splat", "--data", str(clay), *SMALL, "--steps", "300", "--out", str(folder)]) == 0
    return folder


def read(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_it_learns_more_than_the_nearest_view_shows(trained):
    scores = read(trained, "scores.json")
    assert scores["scores"]["psnr"] > scores["baselines"]["nearest training view"]["psnr"] + 3
    assert scores["scores"]["gaussians"] > 500, "it should have grown"
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["valid_psnr"] == pytest.approx(scores["scores"]["psnr"], abs=1e-6)
    assert lines[-1]["loss"] < lines[0]["loss"] / 2


def test_the_scores_are_those_of_the_saved_scene_on_held_out_views(trained, clay):
    """Each drawn as a photograph from there would be exposed: kriged from the exposures of the training photographs."""
    model, processing = load_model(trained), maquette.open(trained).processing
    scene = read_scene(clay, longest=80)
    views, train = scene.part("test"), scene.part("train")
    assert [view.name for view in views] == sorted(view.name for view in scene.views)[::8]
    lights = []
    matrices, shadings = (processing["exposures"][name] for name in ("matrices", "shadings"))
    for view, matrix, shading in zip(train, matrices, shadings, strict=True):
        mean = view.picture.reshape(-1, 3).mean(0) / 255 / shading.mean()
        lights.append(np.log(np.linalg.solve(matrix[:, :3], mean - matrix[:, 3]).mean()))

    def unlike(camera, light):
        apart = [
            np.linalg.norm(view.camera.position - camera.position) / processing["extent"]
            + 1
            - view.camera.direction @ camera.direction
            for view in train
        ]
        return np.append(apart + 6 * (np.array(lights) - light) ** 2, 1)

    rows = [unlike(view.camera, light) for view, light in zip(train, lights, strict=True)]
    system = np.array([*rows, np.ones(len(train) + 1)]) - np.diag([*[0.01] * len(train), 1])
    found = []
    for view in views:
        picture, _, _ = model.draw(view.camera)
        light = np.clip(np.log(picture.mean()), min(lights), max(lights))
        shares = np.linalg.solve(system, unlike(view.camera, light))[:-1]
        exposure = [torch.from_numpy(np.tensordot(shares, each, 1)).double() for each in (matrices, shadings)]
        picture = exposed(torch.from_numpy(picture.transpose(2, 0, 1)).double(), *exposure).numpy()
        picture = picture.transpose(1, 2, 0).clip(0, 1).astype(np.float32)
        found.append(picture_scores(view.picture / np.float32(255), picture))
    scores = read(trained, "scores.json")["scores"]
    for name in ("psnr", "ssim"):
        assert scores[name] == pytest.approx(np.mean([score[name] for score in found]), rel=1e-5)


def test_the_compiled_scene_is_the_plain_one(trained, monkeypatch):
    model = load_model(trained)
    camera = camera_from(maquette.open(trained).processing["cameras"][2]).resized(40, 40)
    picture, depth, opacity = model.draw(camera)
    apart = []
    for faintest in (1 / 255 - 1e-6, 1 / 255, 1 / 255 + 1e-6):  # up to rounding, what is so faint is drawn or left out
        monkeypatch.setattr("maquette.graphics.splats.FAINTEST", faintest)
        apart.append(np.abs(picture - model(camera).detach().numpy()).max(2))
    assert np.min(apart, axis=0).max() < 2e-4
    assert picture.shape == (40, 40, 3) and depth.shape == opacity.shape == (40, 40)
    assert opacity.min() >= 0 and opacity.max() <= 1 and (depth[opacity > 0.5] > 0).all()


def test_the_report_shows_what_was_promised(trained):
    page = (trained / "report.html").read_text(encoding="utf-8")
    for words in ("Where the cameras stand", "How the scene grew", "Each held-out view", "How far away things are"):
        assert words in page
    for words in (
        "Views that training never saw",
        "What the scene is made of",
        "Around the scene",
        "Memory for training",
        "How photographs were exposed",
        "exposed as a photograph from there would be",
    ):
        assert words in page
    assert (trained / "pictures" / "film.webp").stat().st_size > 1000


@pytest.mark.parametrize("ending", ["run", "scene.ply"])
def test_training_goes_on_from_a_scene(trained, clay, tmp_path, ending):
    init = trained
    if ending == "scene.ply":
        init = tmp_path / ending
        assert main(["export", str(trained), "--format", "ply", "--out", str(init)]) == 0
    flags = ["--data", str(clay), *SMALL, "--steps", "10", "--init", str(init), "--coarse", "0"]
    assert main(["run", "splat", *flags, "--out", str(tmp_path / "run")]) == 0
    before, after = (read(folder, "scores.json")["scores"] for folder in (trained, tmp_path / "run"))
    assert after["psnr"] > before["psnr"] - 1.5
    assert after["gaussians"] == pytest.approx(before["gaussians"], rel=0.1)


def put_elsewhere(clay, folder, shift, scale, turn=None):
    """The same views and points in another place and unit, cameras' matrices turned on their right."""
    shutil.copytree(clay, folder)
    values = read(folder, "transforms.json")
    for frame in values["frames"]:
        matrix = np.array(frame["transform_matrix"])
        matrix[:3, 3] = scale * matrix[:3, 3] + shift
        frame["transform_matrix"] = (matrix if turn is None else matrix @ turn).tolist()
    (folder / "transforms.json").write_text(json.dumps(values))
    points, colours = read_points(folder / "points.ply")
    names = [
        *(f"property double {axis}" for axis in "xyz"),
        *(f"property uchar {name}" for name in ("red", "green", "blue")),
    ]
    rows = [
        " ".join(map(repr, [*place, *colour]))
        for place, colour in zip((scale * points + shift).tolist(), colours.tolist(), strict=True)
    ]
    head = ["ply", "format ascii 1.0", f"element vertex {len(rows)}", *names, "end_header"]
    (folder / "points.ply").write_text("\n".join([*head, *rows, ""]))
    return folder


@pytest.fixture(scope="module")
def quick(clay, tmp_path_factory):
    """A run of next to no time."""
    folder = tmp_path_factory.mktemp("runs") / "quick"
    assert main(["run", "splat", "--data", str(clay), *QUICK, "--out", str(folder)]) == 0
    return folder


@pytest.mark.parametrize(("shift", "scale"), [((0.0, 0, 0), 1e-3), ((-2_694_045.0, -4_266_322.0, 3_888_310.0), 10.0)])
def test_a_scene_of_any_size_and_place_trains_alike(clay, quick, tmp_path, shift, scale):
    """And what comes out has the units and the place of the source; another run goes on from it."""
    data, run, more = put_elsewhere(clay, tmp_path / "data", shift, scale), tmp_path / "run", tmp_path / "more"
    assert main(["run", "splat", "--data", str(data), *QUICK, "--out", str(run)]) == 0
    here, there = map(maquette.open, (quick, run))
    scores = [read(folder, "scores.json")["scores"]["psnr"] for folder in (quick, run)]
    assert scores[1] == pytest.approx(scores[0], abs=0.3)
    for left, right in zip(here.processing["cameras"], there.processing["cameras"], strict=True):
        ours, theirs = camera_from(left), camera_from(right)
        np.testing.assert_allclose(theirs.position, scale * ours.position + shift, rtol=1e-9, atol=1e-9 * scale)
    assert there.processing["extent"] == pytest.approx(scale * here.processing["extent"], rel=1e-6)
    np.testing.assert_allclose(there.predict(theirs), here.predict(ours), atol=0.1)
    assert main(["export", str(run), "--format", "ply"]) == 0
    file = maquette.open(run / "scene.ply")
    np.testing.assert_allclose(file.predict(theirs), there.predict(theirs), atol=5e-3)
    flags = [*QUICK, "--steps", "1", "--init", str(run / "scene.ply"), "--out", str(more)]
    assert main(["run", "splat", "--data", str(data), *flags]) == 0
    np.testing.assert_allclose(maquette.open(more).predict(theirs), there.predict(theirs), atol=0.1)


def test_nothing_is_left_where_pictures_are_empty(trained, clay):
    model, opacities = load_model(trained), []
    for view in read_scene(clay, longest=80).views:
        opacity = model.draw(view.camera)[2]
        assert (view.alpha == 0).mean() > 0.2
        opacities.append([opacity[view.alpha == 0].mean(), opacity[view.alpha == 1].mean()])
    empty, solid = np.mean(opacities, 0)
    assert empty < 0.02 and solid > 0.9


def test_a_small_budget_is_obeyed(clay, tmp_path, capsys):
    flags = ["--data", str(clay), *SMALL, "--steps", "20", "--gaussians", "90"]
    assert main(["run", "splat", *flags, "--out", str(tmp_path / "a")]) == 0
    assert read(tmp_path / "a", "scores.json")["scores"]["gaussians"] <= 90
    capsys.readouterr()
    assert (
        main(["run", "splat", *flags, "--init", str(tmp_path / "a"), "--gaussians", "9", "--out", str(tmp_path / "b")])
        == 0
    )
    assert "more than --gaussians 9: none are added" in capsys.readouterr().out


def test_what_is_wrong_with_a_scene_is_said_before_and_after_training(clay, tmp_path, capsys):
    data = put_elsewhere(clay, tmp_path / "data", (0.0, 0, 0), 1.0, turn=np.diag([1.0, -1, -1, 1]))
    (data / "points.ply").rename(data / "points3d.ply")
    values = read(data, "transforms.json")
    del values["made_as"], values["ply_file_path"]
    (data / "transforms.json").write_text(json.dumps(values))
    assert main(["run", "splat", "--data", str(data), *SMALL, "--steps", "20", "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "camera-to-world matrices in OpenCV's axes" in said
    assert "of the 500 points" in said and "were drawn at random where cameras look" in said
    assert "hardly better or worse than the photograph that stands nearest" in said
    assert "what was said before training" in said and "cameras that look away" in said


def test_the_papers_way_of_growing(clay, tmp_path):
    flags = ["--growth", "threshold", "--steps", "1150", "--gaussians", "700", "--coarse", "0", "--longest", "24"]
    assert main(["run", "splat", "--data", str(clay), *SMALL, *flags, "--out", str(tmp_path / "run")]) == 0
    assert 100 < read(tmp_path / "run", "scores.json")["scores"]["gaussians"] <= 700


def test_growing_as_a_markov_chain(clay, tmp_path):
    flags = ["--growth", "mcmc", "--steps", "150", "--gaussians", "900"]
    assert main(["run", "splat", "--data", str(clay), *SMALL, *flags, "--out", str(tmp_path / "run")]) == 0
    found = read(tmp_path / "run", "scores.json")
    assert found["scores"]["gaussians"] == 900
    assert found["scores"]["psnr"] > found["baselines"]["nearest training view"]["psnr"] + 3


def test_photographs_of_unlike_brightness_show_one_scene(clay, tmp_path):
    """Every other photograph is darker: with exposures learned, the scene is the better for it."""
    from dataclasses import replace

    from maquette.data.pictures.files import read_picture, write_picture

    uneven, scores = tmp_path / "uneven", []
    shutil.copytree(clay, uneven)
    for file in sorted(uneven.rglob("*.png"))[1::2]:
        picture = read_picture(file)
        write_picture(file, replace(picture, pixels=picture.pixels * 0.6))
    for number, is_learned in enumerate(("false", "true")):
        out = tmp_path / str(number)
        flags = ["--steps", "400", "--background", "black", "--exposure", is_learned]
        assert main(["run", "splat", "--data", str(uneven), *SMALL, *flags, "--out", str(out)]) == 0
        losses = [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]
        scores.append(np.mean(losses[-4:]))
    assert scores[1] < 0.8 * scores[0]


def test_masked_pixels_do_not_matter(clay, tmp_path):
    """Half of each picture is spoiled and masked: the other half is learnt as well as without."""
    from dataclasses import replace

    from maquette.data.pictures.files import read_picture, write_picture

    spoiled, masks = tmp_path / "spoiled", tmp_path / "masks"
    shutil.copytree(clay, spoiled)
    masks.mkdir()
    for file in spoiled.rglob("*.png"):
        picture = read_picture(file)
        pixels = picture.pixels.copy()
        pixels[:, :24] = 0.5
        mask = np.ones_like(pixels[..., :3])
        mask[:, :24] = 0
        write_picture(file, replace(picture, pixels=pixels))
        write_picture(masks / file.name, replace(picture, pixels=mask, alpha=None))
    scores = []
    for more in ([], ["--masks", str(masks)]):
        out = tmp_path / f"run{len(more)}"
        assert main(["run", "splat", "--data", str(spoiled), *SMALL, *more, "--out", str(out)]) == 0
        scores.append(read(out, "scores.json")["scores"]["psnr"])
    assert scores[1] > scores[0] + 1, "where masked pixels do not count, they neither mislead nor lower the score"


@pytest.mark.parametrize(
    ("flags", "most"),
    [
        ({}, 75_000),
        ({"steps": 10}, 75_000),
        ({"steps": 16_000}, 150_000),
        ({"seconds": 480}, 150_000),
        ({"seconds": 30, "steps": 16_000}, 75_000),
        ({"seconds": 480, "gaussians": 5}, 5),
    ],
)
def test_longer_training_has_room_for_more_gaussians(flags, most):
    assert most_of(Settings(**flags)) == most


def test_a_scene_from_python(clay, tmp_path):
    result = maquette.run("splat", data=str(clay), longest=24, gaussians=600, degree=0, steps=40, out=tmp_path / "run")
    assert result.scores["psnr"] > 10
    predictor = maquette.open(result.folder)
    cameras = [camera_from(numbers) for numbers in predictor.processing["cameras"][:2]]
    assert [picture.shape for picture in predictor.predict(cameras)] == [(24, 24, 3)] * 2
    assert [picture.shape for picture in predictor.use("film", frames=3, width=20)] == [(20, 20, 3)] * 3


def test_names_of_before_are_known():
    values = {"share": 0.3, "rate": 2.0, "steps": 7}
    assert saved_settings("splat", values) == Settings(ssim_share=0.3, step_sizes=2.0, steps=7)
    assert saved_settings("splat", {"single_camera": True}) == Settings()
    assert saved_settings("splat", {"single_camera": False}).cameras == "each"


def test_the_papers_step_sizes_are_smaller_and_only_ours_settle():
    """Kerbl et al. 2023: 1.6e-4 of the extent, 0.005, 0.001, 0.05, 0.0025, and a twentieth of that."""
    papers, ours = (WAYS[name].step_sizes for name in ("threshold", "budget"))
    expected = [1.6e-4 * 3] * 3 + [0.005] * 3 + [0.001] * 4 + [0.05] + [0.0025] * 3 + [0.0025 / 20] * 9
    np.testing.assert_allclose(papers(23, 3.0, 0.0), expected, rtol=1e-6)
    np.testing.assert_allclose(papers(23, 3.0, 1.0)[3:], expected[3:], rtol=1e-6)
    np.testing.assert_allclose(ours(23, 3.0, 0.5)[3:], ours(23, 3.0, 0.0)[3:])
    np.testing.assert_allclose(ours(23, 3.0, 1.0)[3:], 0.03 * ours(23, 3.0, 0.0)[3:], rtol=1e-6)
    for sizes in (papers, ours):
        np.testing.assert_allclose(sizes(23, 3.0, 1.0)[:3], 0.01 * sizes(23, 3.0, 0.0)[:3], rtol=1e-6)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--data", "nowhere"], "nowhere"),
        (["--init", "nowhere.ply"], "no such file or run"),
        (["--init", "."], "holds no trained scene"),
        (["--rate", "2"], "--rate"),
        (["--degree", "4"], "--degree"),
        (["--masks", "nowhere"], "nowhere"),
        (["--gaussians", "0"], "--gaussians"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_input_gets_one_sentence_and_leaves_nothing(flags, words, clay, tmp_path, capsys):
    data = [] if flags[0] == "--data" else ["--data", str(clay)]
    assert main(["run", "splat", *SMALL, *data, *flags, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert words in said
    assert not (tmp_path / "run").exists()


def test_a_card_trains_a_scene_as_the_processor_does(clay, tmp_path, monkeypatch):
    """The way over the card, from growing to the report, with the plain version in gsplat's place."""
    from kernels.test_cuda import rasterize_plainly

    from maquette.kernels import choosing, cuda, training

    monkeypatch.setattr(cuda, "DEVICE", "cpu")
    monkeypatch.setattr(cuda, "rasterize", rasterize_plainly)
    found = {}
    for chosen in (cuda, training):
        monkeypatch.setattr(choosing, "of_splats", lambda device="auto", chosen=chosen: chosen)
        folder = tmp_path / chosen.DRAWN_BY.split()[0]
        settings = {"preset": "small", "steps": 60, "gaussians": 700, "longest": 48, "seed": 3}
        maquette.run("splat", data=clay, out=folder, **settings)
        found[chosen] = read(folder, "scores.json")["scores"]
        assert chosen.DRAWN_BY in (folder / "report.html").read_text(encoding="utf-8")
    assert found[cuda]["psnr"] == pytest.approx(found[training]["psnr"], abs=0.3)
    assert found[cuda]["gaussians"] == pytest.approx(found[training]["gaussians"], rel=0.02)
