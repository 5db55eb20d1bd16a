"""What is peculiar to attacks: the run that is attacked, fooled pictures, two loops, and a published number."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support import make_letters

import maquette
from maquette import spine
from maquette.data.pictures.small import fit_square
from maquette.data.sets.letters import letters
from maquette.families import classifiers
from maquette.recipes import recipe_settings
from maquette.recipes.attack.data import Plan, accuracy, reached
from maquette.recipes.attack.recipe import softmax_regression
from maquette.recipes.attack.settings import Settings
from maquette.recipes.attack.uses import Shrink
from maquette.runs import Interrupted, Run

SMALL = {"preset": "small", "epochs": 20, "defence_epochs": 10}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """A folder of letters in three classes."""
    folder = tmp_path_factory.mktemp("letters")
    make_letters(folder, 25, "AOX", 20)
    return folder


@pytest.fixture(scope="module")
def classifier(pictures, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("classifier") / "run"
    settings = {"network": "resnet", "width": 8, "epochs": 20, "batch_size": 16, "size": 20, "seed": 3}
    return maquette.run("image_classification", data=pictures, out=folder, **settings).folder


@pytest.fixture(scope="module")
def attack(classifier, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("attack") / "run"
    return maquette.run("attack", run=str(classifier), out=folder, **SMALL, epsilon=0.3).folder


def test_the_attacked_classifier_is_the_run_s_own(classifier, attack):
    ours, theirs = maquette.open(attack), maquette.open(classifier)
    for name, weight in theirs.model.state_dict().items():
        torch.testing.assert_close(ours.model.victim.state_dict()[name], weight, rtol=0, atol=0)
    scores = [json.loads((folder / "scores.json").read_text()) for folder in (classifier, attack)]
    assert scores[1]["baselines"]["undefended"]["accuracy"] == pytest.approx(scores[0]["scores"]["accuracy"])
    facts = [
        {
            b["name"]: b["value"]
            for b in json.loads((f / "findings.json").read_text())["sections"]["process"]
            if "name" in b
        }
        for f in (classifier, attack)
    ]
    assert facts[0]["Test pictures"] == facts[1]["Test pictures"]


def test_scores_tell_of_both_classifiers(attack):
    record = json.loads((attack / "scores.json").read_text())
    assert set(record["scores"]) == {"accuracy", "accuracy_fgsm", "accuracy_pgd"}
    assert {"undefended", "softmax regression", "majority"} == set(record["baselines"])
    undefended = record["baselines"]["undefended"]
    assert undefended["accuracy_pgd"] <= undefended["accuracy_fgsm"] <= undefended["accuracy"]
    assert record["scores"]["accuracy_pgd"] > undefended["accuracy_pgd"]
    names = {path.stem for path in (attack / "pictures").iterdir()}
    assert {"robustness", "undefended_fgsm", "undefended_targeted", "defended_pgd", "slopes", "ladder"} <= names


def test_the_report_opens_with_what_the_attack_did(attack):
    page = (attack / "report.html").read_text(encoding="utf-8")
    assert "PGD brings the accuracy down from" in page and "best baseline" not in page


@pytest.mark.parametrize("method", ["fgsm", "pgd"])
def test_predict_gives_pictures_that_fool_the_undefended_classifier(classifier, attack, pictures, method):
    inputs = [np.asarray(Image.open(path)) for path in sorted(pictures.rglob("*.png"))[::5]]
    fooled = maquette.open(attack).predict(inputs, method=method, epsilon=0.3)
    for picture, other in zip(inputs, fooled, strict=True):
        assert other.shape == (20, 20, 1) and other.dtype == np.float32
        assert other.min() >= 0 and other.max() <= 1
        assert np.abs(other[..., 0] - picture / np.float32(255)).max() <= 0.3 + 1e-6
    ask = maquette.open(classifier)
    before, after = (ask.predict(each)["class"] for each in (inputs, fooled))
    assert (before != after).mean() > 0.5
    target = maquette.open(attack).predict(inputs, method=method, epsilon=0.3, target="X")
    assert (ask.predict(target)["class"] == "X").mean() > (before == "X").mean() + 0.2


def test_a_large_coloured_picture_is_fooled_in_its_own_size(classifier, attack):
    letter = letters(5, 1, "O", 100).pixels[0]
    picture = np.repeat(np.pad(letter, ((0, 0), (20, 20), (0, 0))), 3, axis=2) / np.float32(255)
    fooled = maquette.open(attack).predict([picture], epsilon=0.4)[0]
    assert fooled.shape == (100, 140, 3)
    assert (fooled[:, :20] == picture[:, :20]).all(), "what is cut away cannot fool anybody"
    ask = maquette.open(classifier).predict([picture, fooled])
    assert ask["probability_O"][1] < ask["probability_O"][0] - 0.1


def test_shrinking_is_that_of_the_training_pictures():
    generator = np.random.default_rng(0)
    smooth = np.cumsum(generator.uniform(-1, 1, (90, 70, 3)), axis=0).astype(np.float32)
    picture = 0.2 + 0.6 * (smooth - smooth.min()) / (smooth.max() - smooth.min())
    given = torch.from_numpy(picture.transpose(2, 0, 1)[None].copy())
    found = Shrink(90, 70, 24, 3)(given)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, fit_square(picture, 24), atol=2 / 255)  # that one rounds to 8 bits, twice
    grey = Shrink(90, 70, 70, 1)(given)[0, 0].numpy()
    np.testing.assert_allclose(grey, picture[10:80] @ np.array([0.2126, 0.7152, 0.0722], np.float32), atol=1e-6)


def test_what_cannot_be_attacked_is_refused_in_one_sentence(classifier, attack, tmp_path):
    def refused(match: str, **settings) -> None:
        with pytest.raises(maquette.UserError, match=match):
            maquette.run("attack", out=tmp_path / "out", **SMALL, **settings)
        assert not (tmp_path / "out").exists()

    refused("there is no such run folder", run=str(tmp_path / "nowhere"))
    refused("is a run of attack; this needs one of image_classification", run=str(attack))
    refused("leave --data", run=str(classifier), data=str(tmp_path))
    refused("--target x: the classifier knows no such class; did you mean X", run=str(classifier), target="x")
    refused("--epsilon should be less than or equal to 1, not 1.5", run=str(classifier), epsilon=1.5)
    unfinished = tmp_path / "unfinished"
    shutil.copytree(classifier, unfinished)
    (unfinished / "scores.json").unlink()
    refused("not finished; go on with it first: maquette resume", run=str(unfinished))
    with pytest.raises(maquette.UserError, match="knows no such class; there are A, O, X"):
        maquette.open(attack).predict([np.zeros((20, 20))], target="seven")


def test_data_that_has_changed_since_is_refused(classifier, pictures, tmp_path):
    record = json.loads((classifier / "settings.json").read_text())
    other = tmp_path / "other"
    shutil.copytree(pictures, other)
    shutil.rmtree(other / "X")
    record["settings"]["data"] = str(other)
    changed = tmp_path / "changed"
    shutil.copytree(classifier, changed)
    (changed / "settings.json").write_text(json.dumps(record))
    with pytest.raises(maquette.UserError, match="has changed since it was trained"):
        maquette.run("attack", run=str(changed), out=tmp_path / "out", **SMALL)


@pytest.mark.parametrize("stops", [(3,), (70,), (3, 50, 75)])
def test_stopped_in_either_loop_and_resumed_is_never_stopped(pictures, tmp_path, monkeypatch, stops):
    """The small preset on 57 training pictures: 60 steps of the classifier, then 30 of the defence."""
    values = {"epochs": 30, "defence_epochs": 15, "data": str(pictures), "size": 20}
    settings = recipe_settings("attack", "small", values)
    spine.start("attack", settings, tmp_path / "whole")
    counted = [0]
    loop = Run.loop

    def counting(self, steps):
        for step in loop(self, steps):
            counted[0] += 1
            if counted[0] in stops:
                self.stop()
            yield step

    monkeypatch.setattr(Run, "loop", counting)
    with pytest.raises(Interrupted):
        spine.start("attack", settings, tmp_path / "stopped")
    for _ in stops[1:]:
        with pytest.raises(Interrupted):
            spine.resume(tmp_path / "stopped")
    spine.resume(tmp_path / "stopped")
    one, other = ((tmp_path / name) for name in ("whole", "stopped"))
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    for name in ("scores", "baselines"):
        first, second = (json.loads((folder / "scores.json").read_text())[name] for folder in (one, other))
        assert first == second
    logs = [
        [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()] for folder in (one, other)
    ]
    assert [{**line, "seconds": 0} for line in logs[0]] == [{**line, "seconds": 0} for line in logs[1]]
    blocks = [json.loads((folder / "findings.json").read_text())["sections"] for folder in (one, other)]
    assert blocks[0] == blocks[1]


def test_softmax_regression_fails_on_about_all_digits(tmp_path):
    """Goodfellow et al. 2015, section 4: FGSM with epsilon 0.25 makes a softmax classifier err on 99.9 %."""
    folder = Path(os.environ.get("MAQUETTE_DATA", ROOT.parent / "shared" / "data")) / "mnist"
    if not folder.is_dir():
        pytest.skip("the real MNIST is not here")
    run = Run(tmp_path, Settings(data=str(folder)))
    run.step_name = "collect"
    images = classifiers.collect_pictures(str(folder), None, None, 0, run)
    prepared = classifiers.prepare_pictures(images, run, valid_share=0.05, test_share=0.2, seed=0)
    model = softmax_regression(prepared.train, len(images.classes), run)
    test = prepared.test.some(slice(2000))
    inputs = classifiers.floats(test.pictures)
    assert accuracy(model, inputs, test.classes) > 0.88
    fooled = reached(model, "FGSM", inputs, test.classes, Plan(0.25, 1, 0.25))
    assert accuracy(model, fooled, test.classes) < 0.005
