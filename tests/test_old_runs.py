"""Run folders made before recipes became folders still open, answer, and come to the same end.

`old_runs.zip` holds a finished and a stopped run of each of twelve recipes, as small as they can be, with their data.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
from small_runs import weights
from using import use_everything

from maquette.checkpoints import load_tensors
from maquette.cli import main
from maquette.trained import read_record

NAMES = ("line", "regression", "classification", "restore", "autoencoder", "image_classification", "attack", "depth")
NAMES += ("tokenizer", "gpt", "attention", "splat")


@pytest.fixture
def here(old_runs, tmp_path, monkeypatch) -> Path:
    """A copy of the old runs, in which their data are found."""
    shutil.copytree(old_runs, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    return tmp_path / "old"


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_one_is_used_reported_and_compared(name, here, capsys):
    folder = Path("finished") / name
    before = weights(folder)
    use_everything(folder, Path("used"), capsys)
    assert main(["report", str(folder)]) == 0
    assert main(["compare", str(folder), f"stopped/{name}", "--out", "both.html"]) == 0
    score = read_record(folder).findings["framing"]["score"]
    for page in (folder / "report.html", Path("both.html")):
        assert score in page.read_text(encoding="utf-8")
    assert main(["resume", str(folder)]) == 2 and "is finished" in capsys.readouterr().err
    assert weights(folder) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_stopped_one_goes_on_to_the_same_end(name, here):
    """Close, not equal: it may have been made on another machine."""
    finished, stopped = Path("finished") / name, Path("stopped") / name
    assert main(["resume", str(stopped)]) == 0
    expected, found = (load_tensors(folder / "model.safetensors") for folder in (finished, stopped))
    assert expected.keys() == found.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(found[key].numpy(), value.numpy(), rtol=1e-3, atol=1e-4, err_msg=key)
    scores, others = read_record(stopped).scores["scores"], read_record(finished).scores["scores"]
    assert scores == {key: pytest.approx(value, rel=1e-2, abs=1e-3) for key, value in others.items()}
