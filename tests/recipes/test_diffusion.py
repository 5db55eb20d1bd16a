"""Diffusion on a small run: what its uses promise, what they refuse, and what the course's preset is."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support import save_picture

import maquette
from maquette.cli import main
from maquette.data.pictures.files import read_picture
from maquette.recipes import recipe_settings
from maquette.recipes.diffusion.recipe import build
from maquette.recipes.diffusion.settings import Settings


@pytest.mark.parametrize(("size", "shuffle", "fine"), [(28, 2, 0), (32, 2, 0), (64, 4, 12), (128, 8, 12)])
def test_large_pictures_are_corrected_at_the_full_resolution(size, shuffle, fine):
    settings = Settings(moved=0.0, width=8)
    made = build(SimpleNamespace(processing={"channels": 3, "size": size, "classes": []}), settings)
    assert (made.shuffle, made.fine) == (shuffle, fine)
    assert made(torch.randn(2, 3, size, size), torch.zeros(2)).shape == (2, 3, size, size)


@pytest.fixture
def run(small_runs):
    return maquette.open(small_runs.standin("diffusion"))


def test_samples_of_a_seed_are_the_same_however_many(run):
    five = run.use("sample", count=5, seed=2**63 - 1)
    assert np.allclose(run.use("sample", count=2, seed=2**63 - 1), five[:2], atol=1e-5)
    assert not np.allclose(run.use("sample", count=1, seed=1)[0], five[0])
    name = run.processing["classes"][1]
    assert len(run.use("sample", count=3, class_=name, guidance=2.0, solver="heun", steps=3)) == 3


def test_samples_go_into_a_grid_or_a_folder(run, tmp_path, capsys):
    size = run.processing["size"]
    assert main(["predict", str(run.folder), "--count", "6", "--steps", "2", "--out", str(tmp_path / "grid.png")]) == 0
    assert read_picture(tmp_path / "grid.png").pixels.shape[:2] == (2 * size + 2, 3 * size + 4)
    words = ["--film", "--count", "4", "--frames", "3", "--out", str(tmp_path / "way.webp")]
    assert main(["predict", str(run.folder), *words]) == 0
    assert (tmp_path / "way.webp").read_bytes()[8:12] == b"WEBP"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--class", "nobody"], "no class nobody"),
        (["--seed", str(2**63)], "--seed should be less than 9223372036854775808"),
        (["--steps", "1001"], "--steps should be less than or equal to 1000"),
        (["--count", "0"], "--count"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_sentence(run, words, told, tmp_path, capsys):
    assert main(["predict", str(run.folder), *words, "--out", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_hole_is_filled_and_all_else_stays(run, tmp_path):
    size = run.processing["size"]
    pixels = save_picture(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (size, size, 1), np.uint8))
    mask = np.zeros((size, size, 1), np.uint8)
    mask[: size // 2] = 255
    save_picture(tmp_path / "mask.png", mask)
    for name in (str(tmp_path / "mask.png"), "top"):
        filled = run.use("fill", str(tmp_path / "a.png"), mask=name, steps=4, times=2)
        assert np.allclose(filled[size // 2 :], pixels.reshape(size, size, 1)[size // 2 :] / 255, atol=1e-5)
        assert not np.allclose(filled[: size // 2], pixels.reshape(size, size, 1)[: size // 2] / 255, atol=0.1)
    save_picture(tmp_path / "other.png", np.zeros((size, size + 4, 1), np.uint8))
    with pytest.raises(maquette.UserError, match=f"{size + 4} x {size} pixels"):
        run.use("fill", str(tmp_path / "a.png"), mask=str(tmp_path / "other.png"))
    with pytest.raises(maquette.UserError, match="--mask midle is no picture, and none of left"):
        run.use("fill", str(tmp_path / "a.png"), mask="midle")


def test_a_variation_of_strength_0_is_the_picture(run):
    size = run.processing["size"]
    picture = np.random.default_rng(0).integers(0, 256, (size, size, 1), np.uint8)
    assert np.allclose(run.use("vary", picture, strength=0.0), picture / 255, atol=1e-5)
    whole, half = (run.use("vary", picture, strength=strength, steps=6) for strength in (1.0, 0.5))
    apart = [float(np.abs(made - picture / 255).mean()) for made in (half, whole)]
    assert 0.01 < apart[0] < apart[1] + 0.2


def test_a_way_ends_at_its_pictures(run):
    pictures = run.use("sample", count=2, seed=0)
    frames = run.use("interpolate", [(picture * 255).round().astype(np.uint8) for picture in pictures], frames=5)
    assert len(frames) == 5
    size, times = run.processing["size"], frames[0].shape[0] // run.processing["size"]
    for frame, picture in ((frames[0], pictures[0]), (frames[-1], pictures[1])):
        assert float(np.abs(frame[::times, ::times, :1] - picture.reshape(size, size, 1)).mean()) < 0.05
    with pytest.raises(maquette.UserError, match="two or more"):
        run.use("interpolate", pictures[0])
    with pytest.raises(maquette.UserError, match="--frames 2 are too few for 3"):
        run.use("interpolate", [*pictures, pictures[0]], frames=2)


def test_the_course_s_preset_is_ddpm():
    settings = recipe_settings("diffusion", "course", {})
    assert (settings.prediction, settings.levels, settings.optimizer) == ("noise", "linear", "adamw")
