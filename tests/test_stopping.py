"""A run is worked on by one process at a time, and stops when a file asks it to; warnings reach the terminal."""

import pytest
from filelock import FileLock

from maquette.cli import main
from maquette.facts import MOST_TOLD, Facts
from maquette.runs import Run, ask_to_stop


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """A run of `line` that was asked to stop by a file after its first logged step."""
    log, asked = Run.log, []

    def log_and_ask(self, step, **numbers):
        log(self, step, **numbers)
        if not asked:
            ask_to_stop(self.folder)
        asked.append(step.number)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "log", log_and_ask)
        patch.setattr("maquette.runs.LOOKS_EVERY", 0.0)
        folder = tmp_path / "stopped"
        assert main(["run", "line", "--preset", "small", "--learning-rate", "1e-6", "--out", str(folder)]) == 130
    assert not (folder / "stop").exists() and not (folder / "scores.json").exists()
    return folder


def test_a_file_asks_a_run_to_stop_and_it_goes_on_to_the_same_end(stopped, tmp_path, capsys):
    ask_to_stop(stopped)  # of a process that was gone already: it must not stop the next one
    assert main(["resume", str(stopped)]) == 0
    assert main(["run", "line", "--preset", "small", "--learning-rate", "1e-6", "--out", str(tmp_path / "whole")]) == 0
    weights = [(folder / "model.safetensors").read_bytes() for folder in (stopped, tmp_path / "whole")]
    assert weights[0] == weights[1]
    assert main(["stop", str(stopped)]) == 2
    assert "nothing to stop" in capsys.readouterr().err


def test_a_second_process_is_refused(stopped, capsys):
    with FileLock(stopped / ".lock"):
        assert main(["resume", str(stopped)]) == 2
    assert "another process" in capsys.readouterr().err
    assert main(["stop", str(stopped)]) == 0 and (stopped / "stop").exists()


def test_warnings_are_told_and_the_rest_counted(tmp_path, capsys):
    facts = Facts(tmp_path, True)
    for number in range(MOST_TOLD + 2):
        facts.warn(f"warning {number}")
    facts.tell_rest()
    lines = capsys.readouterr().out.splitlines()
    assert lines == [*(f"warning {number}" for number in range(MOST_TOLD)), "2 more warnings stand in the report."]
