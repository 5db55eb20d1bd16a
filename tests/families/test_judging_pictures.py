"""Makers of pictures that are known: honest ones, copiers, spoilers and those that have lost classes are told apart."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from maquette.data.pictures.small import SmallImages
from maquette.data.sets.letters import letters
from maquette.families.generating import GeneratorParts, prepare_pictures
from maquette.families.judging_pictures import FLOOR, compact, judge, lost
from maquette.families.picture_features import FileFeatures, OwnFeatures, dealing, dealt
from maquette.recipes.image_classification.settings import Settings
from maquette.runs import Run
from maquette.settings import UserError
from maquette.steps import Scores

COUNT = 150


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    run = Run(tmp_path_factory.mktemp("judged"), Settings())
    run.begin("score")
    return run


@pytest.fixture(scope="module")
def letter_parts(run) -> GeneratorParts:
    images = letters(0, 1200, "ABCDEF", 16)
    return prepare_pictures(images, run, valid_share=0.15, test_share=0.15, seed=0)


def without_classes(parts: GeneratorParts) -> GeneratorParts:
    from dataclasses import replace

    bare = [replace(part, classes=None) for part in (parts.train, parts.valid, parts.test)]
    return GeneratorParts(*bare, {**parts.processing, "classes": [], "shares": []}, parts.examples)


def told(run: Run) -> list[str]:
    """Warnings since the last call."""
    blocks = run.findings["sections"].pop("train", [])
    return [block["text"] for block in blocks if block["kind"] == "warning"]


def honest(parts: GeneratorParts) -> Callable[[int, Tensor | None], Tensor]:
    """Pictures of the same kinds that nobody has learnt from, of the classes asked for."""
    fresh = letters(77, 600, "ABCDEF", 16)
    pictures = torch.from_numpy(fresh.pixels.transpose(0, 3, 1, 2).copy())
    labels = torch.from_numpy(fresh.labels)

    def make(count: int, classes: Tensor | None) -> Tensor:
        if classes is None:
            return pictures[:count]
        return torch.stack([pictures[labels == each][place % 50] for place, each in enumerate(classes.tolist())])

    return make


def scores_of(make: Callable[[int, Tensor | None], Tensor], parts: GeneratorParts, run: Run, **options) -> Scores:
    found = judge(make, parts, run, count=COUNT, **options)
    assert np.isfinite([*found.values.values(), *(v for each in found.baselines.values() for v in each.values())]).all()
    return found


@pytest.mark.slow
def test_an_honest_maker_comes_near_the_floor_and_is_told_nothing(letter_parts, run):
    told(run)
    found = scores_of(honest(letter_parts), letter_parts, run, with_classes=True)
    floor = found.baselines[FLOOR]
    for spoiled in ("blurred", "half of the kinds"):
        assert found.values["feature_distance"] < 0.5 * found.baselines[spoiled]["feature_distance"]
        assert floor["feature_distance"] < 0.5 * found.baselines[spoiled]["feature_distance"]
    assert found.values["coverage"] > 0.85
    assert found.values["copies_low"] == 0
    assert found.values["feature_distance_low"] < found.values["feature_distance"]
    assert abs(found.values["taught_accuracy"] - floor["taught_accuracy"]) < 0.2
    assert not told(run)
    assert {"distances", "spoiled", "classes_made", "nearest", "most_alike"} <= {
        path.stem for path in (run.folder / "pictures").glob("*.svg")
    }


@pytest.mark.slow
def test_the_same_maker_has_the_same_scores_and_torchs_chance_is_left_alone(letter_parts, run):
    torch.manual_seed(4)
    before = torch.get_rng_state()
    first, second = (scores_of(honest(letter_parts), letter_parts, run) for _ in range(2))
    assert first == second
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.slow
def test_a_copier_is_called_so(letter_parts, run):
    told(run)
    found = scores_of(lambda count, classes: letter_parts.train.pictures[:count], letter_parts, run)
    assert found.values["copies"] > 0.9
    assert any("The model copies" in text for text in told(run))


@pytest.mark.slow
def test_a_maker_that_shows_the_test_pictures_is_found_out(letter_parts, run):
    told(run)
    shown = letter_parts.test.pictures
    found = scores_of(lambda count, classes: shown[torch.arange(count) % len(shown)], letter_parts, run)
    assert found.values["copies"] == 0
    assert any("no honest model's are" in text for text in told(run))


@pytest.mark.slow
def test_lost_classes_are_named(letter_parts, run):
    told(run)
    few = letter_parts.valid.pictures[letter_parts.valid.classes < 4]
    found = scores_of(lambda count, classes: few[torch.arange(count) % len(few)], letter_parts, run)
    assert any(text.endswith("E, F.") for text in told(run) if "lost" in text)
    assert found.values["recall"] < found.baselines[FLOOR]["recall"]


def test_lost_means_hardly_there_where_some_are_expected():
    real = np.array([0.5, 0.48, 0.02])
    assert lost(np.array([0.99, 0.01, 0.0]), real, 100) == [1]
    assert lost(np.array([0.94, 0.06, 0.0]), real, 100) == []


@pytest.mark.slow
def test_without_classes_the_network_is_random_and_still_sees_what_is_spoiled(letter_parts, run):
    bare = without_classes(letter_parts)
    found = scores_of(honest(bare), bare, run)
    blocks = run.findings["sections"]["train"]
    assert any("fixed random weights" in block.get("text", "") for block in blocks)
    assert found.values["feature_distance"] < 0.5 * found.baselines["blurred"]["feature_distance"]


def test_few_pictures_are_judged_with_a_warning(run):
    told(run)
    pixels = np.random.default_rng(0).integers(0, 255, (18, 12, 12, 3), np.uint8)
    parts = prepare_pictures(SmallImages(pixels, None, []), run, valid_share=0.1, test_share=0.15, seed=0)
    found = scores_of(lambda count, classes: parts.train.pictures[torch.arange(count) % 9], parts, run)
    assert found.values["copies"] > 0.5
    assert any("say little" in text for text in told(run))


def test_large_pictures_are_dealt_to_channels():
    assert [dealing(size) for size in (8, 28, 32, 57, 64, 128, 256)] == [1, 1, 1, 1, 2, 4, 8]
    pictures = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    given = dealt(pictures)
    assert given.shape == (2, 12, 32, 32)
    assert torch.equal(given[:, 1], pictures[:, 0, ::2, 1::2] / 255)


@pytest.mark.slow
def test_features_of_known_pictures_have_mean_0_and_spread_1(letter_parts):
    own = OwnFeatures(letter_parts.train, 6, seen=1000, device=torch.device("cpu"))
    found = own(letter_parts.train.pictures[:1000])
    assert found.mean(0) == pytest.approx(0, abs=1e-6)
    assert found.std(0).mean() == pytest.approx(1)


def test_pictures_are_compared_small():
    pictures = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    expected = pictures.numpy().reshape(3, 14, 2, 14, 2).mean((2, 4)) / 255
    assert np.allclose(compact(pictures), expected.reshape(3, -1), atol=1e-6)
    assert compact(torch.zeros(2, 3, 64, 64, dtype=torch.uint8)).shape == (2, 3 * 16 * 16)


class Inception(nn.Module):
    """Any network that takes pictures (N, 3, H, W) in 0..1: here the mean of each channel and what is beyond 0.5."""

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.cat([pictures, pictures.relu() - 0.5], 1).mean((2, 3), keepdim=True)


def save_onnx(path: Path, size: int | None) -> Path:
    pytest.importorskip("onnxscript")
    free = {0: torch.export.Dim.AUTO, **({} if size else {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO})}
    shape = (2, 3, size or 9, size or 9)
    torch.onnx.export(
        Inception().eval(), (torch.rand(shape),), path, dynamo=True, dynamic_shapes=(free,), verbose=False
    )
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("size", "channels"), [(None, 1), (20, 3)])
def test_features_of_a_file_are_those_of_its_network(tmp_path, size, channels):
    pictures = torch.randint(0, 256, (5, channels, 12, 12), dtype=torch.uint8)
    given = pictures.expand(-1, 3, -1, -1).float() / 255
    if size:
        given = nn.functional.interpolate(given, (size, size), mode="bilinear", align_corners=False)
    expected = Inception()(given)[:, :, 0, 0]
    assert np.allclose(FileFeatures(save_onnx(tmp_path / "a.onnx", size))(pictures), expected, atol=1e-5)


@pytest.mark.slow
def test_fid_is_scored_where_a_file_is_given(letter_parts, run, tmp_path):
    path = save_onnx(tmp_path / "inception.onnx", None)
    found = scores_of(honest(letter_parts), letter_parts, run, features=str(path))
    assert found.values["fid"] < found.baselines["blurred"]["fid"] or found.values["fid"] < 1e-3
    assert "fid" in found.baselines[FLOOR]


def test_a_file_that_is_no_network_is_refused(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be read as an ONNX file"):
        FileFeatures(tmp_path / "a.onnx")
    with pytest.raises(UserError, match="no such file"):
        FileFeatures(tmp_path / "b.onnx")
