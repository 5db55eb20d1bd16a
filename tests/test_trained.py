"""Run folders once they are made: opened, checked, and the runs that they need."""

import json
import shutil
from pathlib import Path

import pytest
from test_old_runs import NAMES

from maquette.cli import main
from maquette.settings import UserError
from maquette.trained import checksum, lost_needs, open_needed, open_trained, read_record, read_settings


@pytest.fixture
def line(old_runs, tmp_path) -> Path:
    """A finished run of line of one's own."""
    return Path(shutil.copytree(old_runs / "finished" / "line", tmp_path / "line"))


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_run_opens_in_evaluation_mode_with_what_was_fitted(name, old_runs):
    trained = open_trained(old_runs / "finished" / name)
    assert trained.recipe == name and trained.settings["seed"] == 0 and trained.source["origin"] == "path"
    assert not trained.model.training and trained.processing and not trained.needs and not trained.notes
    assert all(weight.device.type == "cpu" for weight in trained.model.parameters())


def test_where_nothing_is_learnt_there_is_no_network(line):
    (line / "model.json").unlink()
    with pytest.raises(UserError, match=r"model\.json is missing"):
        open_trained(line)
    (line / "model.safetensors").unlink()
    assert open_trained(line).model is None
    (line / "scores.json").unlink()
    with pytest.raises(UserError, match="no trained model yet; go on with: maquette resume"):
        open_trained(line)
    assert open_trained(line, has_ended=True).model is None


def test_a_folder_that_is_none_is_named(tmp_path):
    for look in (open_trained, read_settings, read_record):
        with pytest.raises(UserError, match=r"There is no .*nowhere"):
            look(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"settings\.json is missing"):
        read_settings(tmp_path)


def test_the_checksum_is_of_what_was_learnt(line):
    before = checksum(line)
    (line / "report.html").write_text("other")
    (line / "scores.json").write_text("{}")
    assert checksum(line) == before
    weights = bytearray((line / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (line / "model.safetensors").write_bytes(weights)
    assert checksum(line) != before


def needing(folder: Path, path: str, sha256: str) -> dict:
    """The folder of a run that needs another one, and what it knows of that."""
    return {"run": {"path": path, "recipe": "line", "sha256": sha256}}


def test_a_needed_run_is_opened_while_it_is_there_and_the_same(line, old_runs, tmp_path):
    shutil.copytree(old_runs / "finished" / "attack", tmp_path / "attack")
    record = json.loads((tmp_path / "attack" / "settings.json").read_text())
    record["needs"] = needing(tmp_path / "attack", str(line), checksum(line))
    (tmp_path / "attack" / "settings.json").write_text(json.dumps(record))
    trained = open_trained(tmp_path / "attack")
    assert trained.needed("run").folder == line and trained.needed("run").recipe == "line"
    assert not lost_needs(tmp_path / "attack", trained.needs)
    (line / "processing.json").write_text((line / "processing.json").read_text() + " ")
    with pytest.raises(UserError, match=r"line, which .*attack needs \(run\), has changed since; start a new run"):
        trained.needed("run")
    assert "has changed since" in open_trained(tmp_path / "attack").notes[0]
    shutil.rmtree(line)
    with pytest.raises(UserError, match=r"attack needs the run .*line \(run\), which is no longer there; put it back"):
        trained.needed("run")


def test_a_needed_run_that_was_trained_within_moves_with_its_folder(line, tmp_path):
    need = needing(tmp_path / "a", "needs/run", checksum(line))["run"]
    for folder in (tmp_path / "a", tmp_path / "b"):
        shutil.copytree(line, folder / "needs" / "run")
        assert open_needed(folder, "run", need).folder == folder / "needs" / "run"


def test_needed_runs_that_will_not_do_are_refused_in_one_sentence(line, old_runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(old_runs)

    def refused(recipe: str, given: object) -> str:
        flags = ["--preset", "small", "--data", "photographs" if recipe == "attack" else "book"]
        assert main(["run", recipe, *flags, "--run", str(given), "--out", str(tmp_path / "out")]) == 2
        (sentence,) = capsys.readouterr().err.strip().splitlines()
        assert not (tmp_path / "out").exists()
        return sentence

    assert "no such run folder; make one with: maquette run image_classification" in refused("attack", tmp_path / "no")
    assert f"{line} is a run of line; this needs one of image_classification." in refused("attack", line)
    stopped = Path("stopped") / "gpt"
    assert f"is not finished; go on with it first: maquette resume {stopped}" in refused("attention", stopped)
