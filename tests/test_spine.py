"""Runs that end by a mistake of our own: the folder says so, and going on is possible."""

import json

import pytest

import maquette
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
