"""Runs that a run needs: of what kind they must be, and how they are trained where they are not given."""

import json

import pytest

from maquette import spine
from maquette.checkpoints import save_state
from maquette.entries import Need
from maquette.recipes import recipe_settings
from maquette.settings import UserError
from maquette.spine import make_needed, named

PLAIN = Need("recurrent", "train", kind={"network": "rnn"}, sets={"probe": 0}, share=0.25)


def made_run(folder, recipe, **settings):
    folder.mkdir()
    record = {"format": 1, "recipe": recipe, "settings": settings}
    (folder / "settings.json").write_text(json.dumps(record))
    (folder / "scores.json").write_text("{}")
    save_state({}, folder, "processing")
    return folder


def test_a_run_of_another_kind_is_refused(tmp_path):
    path = made_run(tmp_path / "lstm", "recurrent", network="lstm")
    with pytest.raises(UserError) as told:
        named(path, "rnn", str(path), PLAIN)
    assert str(told.value) == (
        f"--rnn {path} is a run of recurrent with --network lstm; this needs one with --network rnn."
    )
    path = made_run(tmp_path / "rnn", "recurrent", network="rnn")
    assert named(path, "rnn", str(path), PLAIN).settings == {"network": "rnn"}


@pytest.mark.parametrize(("seconds", "theirs"), [(None, None), (120.0, 30.0)])
def test_what_is_trained_first_is_set_as_it_is_needed(tmp_path, monkeypatch, seconds, theirs):
    started = []
    monkeypatch.setattr(spine, "start", lambda *given, **named: started.append((given, named)))
    settings = recipe_settings("recurrent", None, {"seed": 3, "seconds": seconds, "data": "book.txt"})
    make_needed(tmp_path / "needs" / "rnn", PLAIN, settings, "course")
    (((name, chosen, folder), named_too),) = started
    assert (name, folder, named_too["preset"]) == ("recurrent", tmp_path / "needs" / "rnn", "course")
    assert (chosen.network, chosen.probe, chosen.seed, chosen.data) == ("rnn", 0, 3, "book.txt")
    assert chosen.width == 1024 and chosen.seconds == theirs
