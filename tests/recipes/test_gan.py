"""The recipe gan: seeds, classes, walks, latents found again, changes of few pictures, and warnings while it trains."""

import json

import numpy as np
import pytest
import torch
from small_runs import blocks, run_small, stopping

import maquette
from maquette.cli import main
from maquette.families.generating import GeneratorParts, Pictures
from maquette.models import CourseDiscriminator, CourseGenerator
from maquette.recipes.gan import recipe
from maquette.recipes.gan.settings import PRESETS, Settings
from maquette.recipes.gan.uses import Point, places, walk
from maquette.settings import UserError, make_settings


@pytest.fixture(scope="module")
def trained(small_runs):
    """A small run on the stand-in for MNIST, which has classes."""
    return maquette.open(small_runs.standin("gan"))


def test_the_course_s_settings_are_the_notebook_s():
    settings = make_settings(Settings, PRESETS["course"])
    assert (settings.batch_size, settings.epochs, settings.latents) == (256, 50, 100)
    assert settings.learning_rate == 1e-4 and settings.penalty == 0 and settings.augment is False
    none = Pictures(torch.zeros(0, 1, 28, 28, dtype=torch.uint8), None)
    known = {"size": 28, "channels": 1, "classes": ["a", "b"], "conditional": False}
    model = recipe.build(GeneratorParts(none, none, none, known, []), settings)
    assert isinstance(model["generator"], CourseGenerator) and isinstance(model["discriminator"], CourseDiscriminator)


def test_a_picture_of_a_seed_is_the_same_however_many_are_made(trained):
    few, many = trained.use("sample", count=3, seed=5), trained.use("sample", count=7, seed=5)
    np.testing.assert_allclose(np.stack(few), np.stack(many)[:3], atol=1e-5)
    assert not np.allclose(few[0], trained.use("sample", count=1, seed=6)[0])
    assert len(trained.use("sample", count=300, seed=2**63 - 1)) == 300


def test_a_class_can_be_asked_for(trained):
    classes = trained.processing["classes"]
    one, other = (trained.use("sample", count=2, class_=name) for name in classes[:2])
    assert not np.allclose(one, other)
    with pytest.raises(UserError, match="knows no class"):
        trained.use("sample", class_="no such class")
    with pytest.raises(UserError, match="--seed"):
        trained.use("sample", seed=2**63)


def test_truncation_brings_pictures_nearer_to_each_other(trained):
    spread = [
        np.std(
            trained.use("sample", count=40, class_=trained.processing["classes"][0], truncation=bound), axis=0
        ).mean()
        for bound in (0.1, 1.0, 20.0)
    ]
    assert spread[0] < spread[1] < spread[2]


def test_a_walk_passes_the_pictures_of_its_seed(trained):
    passed = np.stack(trained.use("sample", count=3, seed=4))
    film = np.stack(trained.use("interpolate", count=3, seed=4, frames=9))
    side = film.shape[1] // passed.shape[1]
    for place, picture in zip((0, 4, 8), passed, strict=True):
        np.testing.assert_allclose(film[place, ::side, ::side], np.broadcast_to(picture, (28, 28, 3)), atol=1e-5)
    assert not np.allclose(film[3], film[4])
    assert places(3, 5) == [(0, 0.0), (0, 0.5), (1, 0.0), (1, 0.5), (1, 1.0)] and places(1, 2) == [(0, 0.0), (0, 0.0)]


def test_a_spherical_walk_keeps_the_length_of_latents():
    ends = Point(torch.randn(2, 64), None)
    lengths = [walk(ends, 9, way).latents.norm(dim=1) for way in ("spherical", "straight")]
    least = ends.latents.norm(dim=1).min()
    assert float(lengths[0].min()) >= 0.99 * float(least) > float(lengths[1].min())


def test_what_was_made_is_found_again(trained):
    made = trained.use("sample", count=2, seed=9)
    film = np.stack(trained.use("find", made, frames=2, tries=60))
    assert film.shape[0] == 2
    side = film.shape[1] // 28
    for frame, picture in zip(film[:, ::side, ::side, 0], made, strict=True):
        np.testing.assert_allclose(frame[:, :28], picture[..., 0], atol=0.5 / 255 + 1e-6)
        assert np.mean((frame[:, -28:] - picture[..., 0]) ** 2) < 0.01
    alone = np.stack(trained.use("find", made[0], frames=5, count=2, tries=10))
    half = 28 * side
    assert (alone[:, :, :half] == alone[0, :, :half]).all() and not np.allclose(alone[0], alone[-1])


def test_both_networks_and_optimizers_have_names(trained, small_runs):
    described = json.loads((trained.folder / "model.json").read_text())["networks"]
    assert {name: each["class"] for name, each in described.items()} == {
        "generator": "Generator",
        "discriminator": "Discriminator",
    }
    kept = json.loads((trained.folder / "checkpoint" / "state.json").read_text())["state"]["kept"]
    assert {"generator", "discriminator", "generator_optimizer", "discriminator_optimizer", "average"} <= set(kept)


def test_few_pictures_are_changed_and_classes_left_out_if_asked(tmp_path, photographs, capsys):
    assert (
        run_small("gan", tmp_path / "run", "--data", str(photographs), "--epochs", "2", "--conditional", "false") == 0
    )
    words = json.dumps(blocks(tmp_path / "run"))
    assert "shifted, covered in part" in words and "gamma = " in words
    run = maquette.open(tmp_path / "run")
    assert run.model["generator"].classes == 0 and run.use("sample", count=2)[0].shape == (32, 32, 3)
    with pytest.raises(UserError, match="without classes"):
        run.use("sample", class_="cat")


def test_a_collapse_is_told_while_it_trains_and_again_after_a_stop(tmp_path, photographs, capsys, monkeypatch):
    monkeypatch.setattr(recipe, "variety", lambda made, real: 0.1)
    flags = ["--data", str(photographs), "--epochs", "10", "--batch-size", "8", "--judged", "16"]
    with stopping(after=20):
        assert run_small("gan", tmp_path / "run", *flags) == 130
    assert "Collapse: what is made is 10% as various" in capsys.readouterr().out
    monkeypatch.setattr(recipe, "variety", lambda made, real: 0.9)
    assert main(["resume", str(tmp_path / "run")]) == 0
    warnings = [block["text"] for block in blocks(tmp_path / "run")["train"] if block["kind"] == "warning"]
    assert len([text for text in warnings if text.startswith("Collapse")]) == 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--size", "30"], "--size 30 is no multiple of 4; take 28 or 32"),
        (["--size", "4"], "--size"),
        (["--penalty", "-1"], "--penalty"),
        (["--most-pictures", "8"], "--most-pictures"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, photographs, capsys, flags, words):
    assert run_small("gan", tmp_path / "run", "--data", str(photographs), *flags) == 2
    said = capsys.readouterr().err.strip()
    assert words in said and len(said.splitlines()) == 1 and not (tmp_path / "run").exists()
