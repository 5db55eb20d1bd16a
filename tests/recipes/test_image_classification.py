"""What is peculiar to classifying pictures: parts, moves, answers, and data that cannot teach a classifier."""

import json
import shutil
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import maquette
from maquette.families import classifiers
from maquette.families.classifiers import ClassifierParts, Part
from maquette.models import SmallCNN
from maquette.recipes.image_classification.recipe import build
from maquette.recipes.image_classification.settings import Settings

SMALL = {"preset": "small", "epochs": 3}


def write_bars(folder: Path, each: int = 20, side: int = 16, classes: tuple[str, ...] = ("level", "upright")) -> Path:
    """Grey pictures of one bar each, level or upright, in a folder of that name."""
    generator = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for place in range(each):
            pixels = generator.integers(0, 60, (side, side)).astype(np.uint8)
            at = generator.integers(1, side - 3)
            if number % 2:
                pixels[:, at : at + 2] = 255
            else:
                pixels[at : at + 2] = 255
            Image.fromarray(pixels).save(folder / name / f"{place:03d}.png")
    return folder


@pytest.fixture
def bars(tmp_path) -> Path:
    return write_bars(tmp_path / "bars")


@pytest.mark.parametrize("network", ["resnet", "cnn", "softmax"])
def test_every_network_learns_bars_and_says_what_it_sees(network, bars, tmp_path):
    made = maquette.run(
        "image_classification", data=bars, out=tmp_path / "run", **{**SMALL, "epochs": 20}, network=network, size=16
    )
    assert set(made.baselines) == {"majority", "softmax regression", "5 nearest neighbours"}
    if network == "resnet":
        assert made.scores["accuracy"] == 1.0
    pictures = [np.asarray(Image.open(path)) for path in sorted(bars.rglob("*.png"))]
    answers = maquette.open(made.folder).predict(pictures)
    probabilities = answers[["probability_level", "probability_upright"]].to_numpy()
    assert list(answers)[:4] == ["class", "probability", "next_class", "next_probability"]
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(answers["probability"], probabilities.max(1))
    np.testing.assert_allclose(answers["next_probability"], np.sort(probabilities, axis=1)[:, -2])
    assert (answers["class"] != answers["next_class"]).all()
    if network == "resnet":
        assert list(answers["class"][:20]) == ["level"] * 20


def test_large_and_coloured_pictures_are_brought_to_the_classifier_s_size(bars, tmp_path):
    made = maquette.run("image_classification", data=bars, out=tmp_path / "run", **{**SMALL, "epochs": 20}, size=16)
    wide = np.full((160, 200, 3), 20, np.uint8)
    wide[60:80] = 255
    answers = maquette.open(made.folder).predict([wide, wide.transpose(1, 0, 2), wide[..., 0] / np.float32(255)])
    assert list(answers["class"]) == ["level", "upright", "level"]


def test_the_publisher_s_test_part_is_the_test_part(tmp_path):
    for part in ("train", "test"):
        write_bars(tmp_path / "set" / part, 10)
    made = maquette.run("image_classification", data=tmp_path / "set", out=tmp_path / "run", **SMALL)
    facts = {
        block["name"]: block["value"]
        for block in json.loads((made.folder / "findings.json").read_text())["sections"]["process"]
        if block["kind"] == "fact"
    }
    assert facts["Test pictures"] == 20 and facts["Training pictures"] + facts["Validation pictures"] == 20


def test_pictures_without_classes_or_too_few_are_refused(bars, tmp_path):
    def refused(match: str) -> None:
        with pytest.raises(maquette.UserError, match=match):
            maquette.run("image_classification", data=bars, out=tmp_path / "run", **SMALL)
        assert not (tmp_path / "run").exists()

    for path in sorted((bars / "upright").iterdir())[2:]:
        path.unlink()
    refused("The class 'upright' of .* has 2 pictures, .* at least 3")
    shutil.rmtree(bars / "upright")
    refused("class")
    for path in (bars / "level").iterdir():
        path.rename(bars / path.name)
    (bars / "level").rmdir()
    refused("class")


def test_moves_shift_mirror_and_come_back():
    alone = types.SimpleNamespace(rank=0, processes=1)
    pictures = torch.arange(2 * 3 * 8 * 8, dtype=torch.float32).view(2, 3, 8, 8) + 1
    moves = classifiers.Moves(2, True, 4, alone)
    state = moves.state_dict()
    first = moves(pictures, 2)
    moves(pictures, 2)
    moves.load_state_dict(state)
    torch.testing.assert_close(moves(pictures, 2), first, rtol=0, atol=0)
    padded = torch.nn.functional.pad(pictures, (2, 2, 2, 2))
    for number in range(2):
        possible = [
            part if not mirrored else part.flip(2)
            for y in range(5)
            for x in range(5)
            for part in [padded[number, :, y : y + 8, x : x + 8]]
            for mirrored in (False, True)
        ]
        assert any(torch.equal(first[number], one) for one in possible)
    torch.testing.assert_close(classifiers.Moves(0, False, 0, alone)(pictures, 2), pictures)
    many = classifiers.Moves(1, True, 0, alone)(pictures[:1].expand(500, 3, 8, 8), 500)
    assert len(torch.unique(many.flatten(1), dim=0)) == 18, "nine places, each mirrored or not"
    shares = [classifiers.Moves(2, True, 4, types.SimpleNamespace(rank=rank, processes=2)) for rank in (0, 1)]
    torch.testing.assert_close(torch.cat([shares[n](pictures[n : n + 1], 2) for n in (0, 1)]), first)


def test_multiplications_by_hand():
    model = SmallCNN(height=8, width=8, widths=(2, 3), classes=5)
    by_hand = 8 * 8 * 9 * 2 + 4 * 4 * 9 * 2 * 3 + 2 * 2 * 3 * 5
    assert classifiers.multiplications(model, torch.zeros(1, 1, 8, 8)) == by_hand


@pytest.mark.parametrize("size", [8, 28, 32, 100, 224])
def test_networks_are_built_for_every_size(size):
    nothing = Part(torch.zeros(0, 3, size, size, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64))
    processing = {"classes": list("abc"), "height": size, "width": size, "channels": 3}
    prepared = ClassifierParts(nothing, nothing, nothing, processing, [])
    for network in ("resnet", "cnn", "softmax"):
        model = build(prepared, Settings(network=network, width=2)).eval()
        assert model(torch.rand(2, 3, size, size)).shape == (2, 3)
