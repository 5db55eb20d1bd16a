"""Kernels that are learnt are the hand-made ones, pictures are filtered as scipy does, and bad numbers are told."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import correlate
from skimage import data
from small_runs import blocks
from torch import nn

import maquette
from maquette.cli import main
from maquette.methods.convolution import KERNELS, Window, convolved
from maquette.models import Kernels
from maquette.recipes.convolution import figures
from maquette.recipes.convolution.data import TASKS, best_kernels, hand_made, patches_of, tasks_of
from maquette.recipes.convolution.recipe import errors_of, scores_of, sizes_compared


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    """Sixteen pieces of a photograph: kernels cannot be told from smooth pictures."""
    folder = tmp_path_factory.mktemp("photographs")
    for number, (top, left) in enumerate(np.ndindex(4, 4)):
        piece = data.astronaut()[128 * top : 128 * top + 128, 128 * left : 128 * left + 128]
        Image.fromarray(piece).save(folder / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="module")
def run(photographs, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("convolution") / "run"
    return maquette.run("convolution", data=photographs, out=out, preset="small", epochs=160).folder


def test_descent_finds_the_hand_made_kernels(run):
    trained = maquette.open(run).trained
    learnt = trained.model.weight.detach()
    assert np.allclose(learnt[:5], hand_made()[:5], atol=0.15)
    assert float((learnt[6].sum() - 1).abs()) < 0.1  # what undoes blur leaves plain areas as they are


def test_scores_stand_beside_the_best_that_can_be(run):
    scores = json.loads((run / "scores.json").read_text())
    ours, baselines = scores["scores"], scores["baselines"]
    assert ours["sizes_equal"] == 1
    assert ours["mse"] < baselines["made by hand"]["mse"] < baselines["picture left alone"]["mse"]
    assert ours["mse"] < 1.2 * baselines["least squares"]["mse"]
    assert baselines["made by hand"]["kernel_error"] == 0


def test_the_report_shows_pixels_that_meet_kernels_and_the_plan(run):
    found = blocks(run)
    files = {block.get("file") for section in found.values() for block in section}
    for name in ("meetings.webp", "one_step.svg", "kernels.svg", "effects.svg", "fields.svg"):
        assert f"pictures/{name}" in files
    with Image.open(run / "pictures" / "meetings.webp") as film:
        assert film.n_frames >= 9
    table = next(block for block in found["predict"] if block.get("title") == "Layer by layer")
    assert table["rows"][0][1] == "64 x 64" and table["rows"][1][1] == "32 x 32"


def test_every_size_that_the_run_compares_is_torchs():
    equal, tried = sizes_compared()
    assert equal == tried > 500


def test_least_squares_cannot_be_beaten_and_hand_made_kernels_have_no_error():
    generator = np.random.default_rng(0)
    patches = patches_of(generator.integers(0, 256, (6, 36, 36, 3), np.uint8), generator)
    part = tasks_of(patches, 0.1, torch.Generator().manual_seed(0))
    best, by_hand = errors_of(best_kernels(part), part), errors_of(hand_made(), part)
    assert by_hand[:5] == pytest.approx([0] * 5, abs=1e-12)
    assert all(first <= second + 1e-9 for first, second in zip(best, by_hand, strict=True))
    for _ in range(5):
        other = best_kernels(part) + 0.01 * torch.randn(len(TASKS), 1, 3, 3)
        assert scores_of(other, part)["mse"] > scores_of(best_kernels(part), part)["mse"]


@pytest.mark.parametrize("name", list(KERNELS))
def test_filter_is_scipys(run, name):
    picture = np.random.default_rng(1).random((20, 31, 3)).astype(np.float32)
    made = maquette.open(run).use("filter", picture, kernel=name, made="hand")
    expected = np.stack([correlate(picture[..., each], KERNELS[name], mode="nearest") for each in range(3)], -1)
    expected = np.abs(expected) if name in ("edge-across", "edge-down", "outline") else expected
    assert np.allclose(made, expected, atol=1e-5)


def test_filter_moves_as_it_is_told(run):
    picture = np.random.default_rng(1).random((12, 12)).astype(np.float32)
    use = maquette.open(run).use
    weights = KERNELS["blur"]
    for options in ({"stride": 2, "padding": 1}, {"dilation": 3, "padding": 0}, {"stride": 2, "transposed": True}):
        window = Window(
            3, options.get("stride", 1), options.get("padding", 0), options.get("dilation", 1), "transposed" in options
        )
        made = use("filter", picture, kernel="blur", made="hand", **options)
        assert np.allclose(made[..., 0], convolved(picture, weights, window), atol=1e-5)


def test_learnt_denoising_beats_noise(run, photographs):
    clean = np.asarray(Image.open(photographs / "01.png"), np.float32) / 255
    noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(clean.shape).astype(np.float32)
    made = maquette.open(run).use("filter", noisy, kernel="denoise")
    assert ((made - clean) ** 2).mean() < 0.5 * ((noisy - clean) ** 2).mean()


def test_a_plan_is_explained(run):
    found = maquette.open(run).use("explain", "conv 3x3 s2 p1, conv 3x3, up 2")
    (table,) = (block for block in found if block["kind"] == "table")
    assert [row[1] for row in table["rows"][:4]] == ["64 x 64", "32 x 32", "30 x 30", "60 x 60"]
    assert [row[3] for row in table["rows"][:4]] == ["1 x 1", "3 x 3", "7 x 7", "7 x 7"]
    with pytest.raises(maquette.UserError, match="'dense 10' is no layer"):
        maquette.open(run).use("explain", "dense 10")


@pytest.mark.parametrize(
    ("window", "count"),
    [(Window(3), 9), (Window(3, 2, 1), 9), (Window(2, dilation=2), 9), (Window(3, 2, 1, 1, True), 41)],
)
def test_films_have_a_frame_for_each_pixel_that_comes_out(window, count):
    picture = np.random.default_rng(0).random((5, 5))
    frames = list(figures.meetings(picture, np.ones((window.kernel,) * 2) / 9, window))
    assert len(frames) == count
    assert len({frame.shape for frame in frames}) == 1 and len({frame.tobytes() for frame in frames}) == count


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--kernel", "9"], "leaves nothing of --shown 5 x 5"),
        (["--plan", "conv 3x3, dense 10"], "'dense 10' is no layer"),
        (["--plan", "pool 2, conv 99x99"], "Layer 2 (conv 99 x 99"),
        (["--plan", "up 4096, up 4096"], "Layer 1 (up 4096) gives 262,144"),
    ],
)
def test_numbers_that_lead_nowhere_are_told(photographs, tmp_path, capsys, flags, said):
    words = ["run", "convolution", "--data", str(photographs), "--preset", "small", "--out", str(tmp_path / "run")]
    assert main([*words, *flags]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_pictures_with_nothing_in_them_are_told(tmp_path, capsys):
    Image.new("RGB", (40, 40), "grey").save(tmp_path / "plain.png")
    assert main(["run", "convolution", "--data", str(tmp_path / "plain.png"), "--out", str(tmp_path / "run")]) == 2
    assert "0 patches in which something is to be seen" in capsys.readouterr().err


def test_one_picture_is_enough(photographs, tmp_path):
    file = photographs / "01.png"
    made = maquette.run("convolution", data=file, out=tmp_path / "run", preset="small", epochs=2, size=128)
    assert made.scores["sizes_equal"] == 1


def test_kernels_take_one_picture_for_all_or_one_each():
    model = Kernels(names=["a", "b"], size=3)
    picture = torch.rand(2, 1, 6, 7)
    assert torch.allclose(model(picture), model(picture.expand(-1, 2, -1, -1)))
    assert torch.allclose(model(picture), nn.functional.conv2d(picture, model.weight), atol=1e-6)
