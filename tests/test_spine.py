"""Runs that end by a mistake of our own: the folder says so, and going on is possible."""

import json
import tempfile

import pytest

import maquette
from maquette.cli import main
from maquette.recipes.line import report
from maquette.report import write_report


def test_a_mistake_of_our_own_is_told_by_the_folder_and_forgotten_when_it_is_mended(tmp_path, monkeypatch, capsys):
    def fail(*arguments):
        raise ZeroDivisionError("nobody foresaw this")

    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(report, "show_degrees", fail)
        for work in (lambda: maquette.run("line", preset="small", out=folder), lambda: maquette.resume(folder)):
            with pytest.raises(ZeroDivisionError) as caught:
                work()
            assert "mistake of Maquette's own" in caught.value.__notes__[0] and str(folder) in caught.value.__notes__[0]
            failed = json.loads((folder / "settings.json").read_text())["failed"]
            assert "nobody foresaw this" in failed and "in the step score" in failed
            assert "nobody foresaw this" in (folder / "failure.txt").read_text()
    assert f"{folder} ended by a mistake of Maquette's own" in capsys.readouterr().out
    assert "nobody foresaw this" in write_report(folder).read_text(encoding="utf-8")
    assert maquette.resume(folder).scores
    assert "failed" not in json.loads((folder / "settings.json").read_text())
    assert not (folder / "failure.txt").exists()


def test_on_the_command_line_a_mistake_of_our_own_is_one_sentence(tmp_path, monkeypatch, capsys):
    def fail(*arguments, **options):
        raise ZeroDivisionError("nobody foresaw this")

    folder = tmp_path / "a run"
    monkeypatch.setattr(report, "show_degrees", fail)
    words = ["run", "line", "--preset", "small", "--out", str(folder)]
    assert main(words) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("maquette: this is a mistake of Maquette's own") and f"{folder / 'failure.txt'}" in line
    assert f"maquette resume '{folder}'" in line
    assert "ZeroDivisionError: nobody foresaw this" in (folder / "failure.txt").read_text()
    monkeypatch.setenv("MAQUETTE_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["resume", str(folder)])
    monkeypatch.delenv("MAQUETTE_DEBUG")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("maquette.report.compare_runs", fail)  # where there is no run that is being made
    capsys.readouterr()
    assert main(["compare", str(folder), str(folder)]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert str(tmp_path / "maquette-failure.txt") in line and "MAQUETTE_DEBUG=1" in line
    assert "nobody foresaw this" in (tmp_path / "maquette-failure.txt").read_text()
