"""What is peculiar to depth: the published comparisons, the network that answers, batches that batch norm can take."""

import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from support import make_letters

import maquette
from maquette.methods.gradients import autocorrelation
from maquette.models.deep import KINDS, DeepNetwork
from maquette.recipes.depth import report
from maquette.recipes.depth.recipe import batch_size_for, depths_of
from maquette.recipes.depth.settings import PRESETS, ClassifyOptions, Settings
from maquette.settings import UserError

SMALL = {"preset": "small", "size": 16}


@pytest.fixture(scope="module")
def letters(tmp_path_factory) -> Path:
    """A folder of letters in four classes."""
    folder = tmp_path_factory.mktemp("letters")
    make_letters(folder, 40, "AOXT", 16)
    return folder


@pytest.fixture(scope="module")
def run(letters, tmp_path_factory):
    settings = {"width": 32, "depth": 40, "steps": 120, "learning_rate": 0.002}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "RUNS", 2)
        return maquette.run("depth", data=letters, out=tmp_path_factory.mktemp("depth") / "run", **SMALL | settings)


def told(folder: Path, section: str) -> list[dict]:
    return json.loads((folder / "findings.json").read_text())["sections"][section]


def test_deeper_is_worse_without_residual_connections_and_not_with_them(run):
    """He et al. 2016, figure 1 and table 2: the deeper plain network has the larger training error."""
    table = next(block for block in told(run.folder, "train") if block.get("title") == "Training error")
    assert table["columns"] == ["network", "2 layers", "9 layers", "40 layers"]
    errors = {row[0]: row[1:] for row in table["rows"]}
    assert errors["plain"][2] > errors["plain"][0] + 0.1
    for kind in ("residual", "residual, batch norm", "residual, layer norm"):
        assert errors[kind][2] < errors["plain"][2] - 0.1
    said = [block["text"] for block in told(run.folder, "train") if block["kind"] == "text"]
    assert any(text.startswith("Plain: ") and text.endswith("Deeper is worse.") for text in said)


def test_scores_tell_of_every_kind_at_full_depth(run):
    record = json.loads((run.folder / "scores.json").read_text())
    chosen = maquette.open(run.folder).model.answering
    words = {f"{KINDS[kind]}, 40 layers" for kind in KINDS if f"{kind}_40" != chosen}
    assert set(record["baselines"]) == words | {"plain, 2 layers"}
    assert record["scores"]["accuracy"] > record["baselines"]["plain, 40 layers"]["accuracy"]
    assert record["directions"]["training_error"] == "lower"
    logged = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in logged][:3] == [1, 4, 8] and logged[-1]["step"] == 120
    assert all(0 <= line[f"error_{kind}_40"] <= 1 for line in logged for kind in KINDS)
    names = {path.stem for path in (run.folder / "pictures").iterdir()}
    assert {"sizes", "gradients", "shattering", "training", "depth", "paths"} <= names


def test_the_report_opens_with_what_depth_does(run):
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "with 2 plain layers" in page and "with 40 of the best kind" in page and "best baseline" not in page


def test_hundreds_of_layers_fit_into_a_short_table(run):
    blocks = told(run.folder, "build")
    rows = next(block["rows"] for block in blocks if block.get("title") == "Layers")
    assert len(rows) <= 40 and ["networks.residual_*.blocks.*.dense", "Linear", "32 x 32, 32", 45, 45 * 1056] in rows
    whole = next(block["value"] for block in blocks if block.get("name") == "Weights")
    assert sum(row[-1] for row in rows) == whole


def test_the_eight_terms_add_up_in_the_report(run):
    blocks = told(run.folder, "predict")
    apart = next(block["value"] for block in blocks if block.get("name", "").startswith("Their sum"))
    assert apart < 1e-10
    rows = next(block["rows"] for block in blocks if block.get("title") == "The terms of dy/df1")
    assert [row[0] for row in rows] == [
        *("I", "df2/df1", "df3/df1", "df3/df2 df2/df1", "df4/df1", "df4/df2 df2/df1", "df4/df3 df3/df1"),
        "df4/df3 df3/df2 df2/df1",
    ]
    assert [row[1] for row in rows] == [0, 1, 1, 2, 1, 2, 2, 3] and rows[0][2] == 1


def test_any_network_of_the_run_can_be_asked(run, letters):
    pictures = [np.asarray(Image.open(path)) for path in sorted(letters.rglob("*.png"))[::9]]
    opened = maquette.open(run.folder)
    batch = torch.from_numpy(np.stack(pictures)[:, None] / np.float32(255))
    for options, name in (({}, opened.model.answering), ({"kind": "plain", "depth": 9}, "plain_9")):
        with torch.no_grad():
            wanted = opened.model.networks[name](batch).double().softmax(1).numpy()
        found = opened.predict(pictures, **options)
        np.testing.assert_allclose(found[[f"probability_{letter}" for letter in "AOTX"]].to_numpy(), wanted, atol=1e-6)
    kind = opened.model.answering.rpartition("_")[0]
    np.testing.assert_array_equal(opened.predict(pictures, depth=2), opened.predict(pictures, kind=kind, depth=2))
    with pytest.raises(UserError, match="--depth 3: the run has networks of 2, 9, 40 layers"):
        opened.predict(pictures, depth=3)
    with pytest.raises(UserError, match="--kind"):
        opened.predict(pictures, kind="deep")


def test_options_name_every_kind():
    assert get_args(ClassifyOptions.model_fields["kind"].annotation) == ("best", *KINDS)


def test_depths_grow_by_a_factor():
    assert depths_of(Settings()) == [2, 4, 10, 22, 50]
    assert depths_of(Settings(**PRESETS["course"])) == [20, 56]  # the two of He et al. 2016, figure 1
    assert depths_of(Settings(shallow=2, depth=4, depths=9)) == [2, 3, 4]


def test_what_cannot_be_compared_is_refused(letters, tmp_path):
    with pytest.raises(UserError, match="--shallow 9 must be less than --depth 9"):
        maquette.run("depth", data=letters, out=tmp_path / "run", shallow=9, depth=9)
    assert not (tmp_path / "run").exists()


def test_no_batch_is_of_one_picture():
    """Batch norm refuses such a batch; the last one of an epoch is what is left."""
    for pictures in range(2, 60):
        for wanted in range(2, 70):
            size = batch_size_for(pictures, wanted)
            assert pictures % size != 1 and wanted <= size <= max(wanted, pictures)
    assert batch_size_for(57_000, 128) == 128


def test_gradients_shatter_without_residual_connections_and_less_with_them():
    """Balduzzi et al. 2017, figures 1 and 2: relu networks with batch norm, 200 nodes a layer, 256 inputs."""

    class Seeds:
        def random(self, purpose: str) -> np.random.Generator:
            return np.random.default_rng(0)

    found = report.shattering(["plain_batch", "residual_batch"], [2, 25], Seeds())  # type: ignore[arg-type]
    near = {key: autocorrelation(series, 5)[1] for key, series in found.items()}
    assert near["plain_batch", 2] > 0.95 and near["residual_batch", 2] > 0.95
    assert abs(near["plain_batch", 25]) < 0.1, "as white noise"
    assert near["residual_batch", 25] > 0.6


def test_measuring_sizes_leaves_the_network_as_it_was():
    torch.manual_seed(0)
    network = DeepNetwork(inputs=8, width=6, depth=5, classes=3, kind="residual_batch").eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    pictures, classes = torch.rand(9, 8), torch.arange(9) % 3
    found = report.sizes(network, pictures, classes)
    assert len(found.signal) == len(found.gradient) == 4 and not network.training
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    last = network.train().signals(pictures)[-1]
    assert found.signal[-1] == pytest.approx(float(last.detach().square().mean().sqrt()))
    logits = network.answer(last.detach().requires_grad_())
    assert found.gradient[-1] > 0 and logits.shape == (9, 3)


def test_a_verdict_needs_two_standard_errors():
    # of 10,000 pictures: 2 sqrt(2 * 0.1 * 0.9 / 10,000) = 0.0085
    assert report.verdict(0.1, 0.108, 10_000) == "no different"
    assert report.verdict(0.1, 0.109, 10_000) == "worse"
    assert report.verdict(0.109, 0.1, 10_000) == "better"
    assert report.verdict(0.0, 0.0, 10_000) == "no different"
