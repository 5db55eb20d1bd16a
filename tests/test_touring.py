"""How a tour shares out its time."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maquette import touring
from maquette.entries import Entry, Need
from maquette.touring import LEAST, in_turn, made_before, ready, training_time
from maquette.trained import FORMAT


def systems(costs: list[tuple[int, int]]) -> dict[str, Entry]:
    return {f"system{n}": Entry("", "table", "", a + b, "tables", {}, fixed=b) for n, (a, b) in enumerate(costs)}


@given(
    costs=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 60)), min_size=1, max_size=30),
    minutes=st.floats(1, 200),
)
def test_all_is_shared_out_and_no_more(costs, minutes):
    entries = systems(costs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(touring, "RECIPES", entries)
        names, left, given_ = list(entries), 60 * minutes, []
        for place, name in enumerate(names):
            entry = entries[name]
            seconds = training_time(names[place:], left)
            given_.append(seconds)
            left -= entry.fixed + (entry.seconds - entry.fixed if seconds is None else seconds)
    wanted = sum(a for a, _ in costs)
    spare = 60 * minutes - sum(b for _, b in costs)
    if wanted <= spare:
        assert given_ == [None] * len(costs)
    elif spare > LEAST * len(costs):
        assert -1e-6 < left < 1e-6
    assert all(seconds is None or LEAST <= seconds < a for seconds, (a, _) in zip(given_, costs, strict=True))


def test_short_ones_have_all_and_long_ones_the_same(monkeypatch):
    entries = systems([(5, 10), (200, 10), (100, 10), (20, 10)])
    monkeypatch.setattr(touring, "RECIPES", entries)
    names = list(entries)
    assert training_time(names, 145) is None
    assert [training_time(names[place:], left) for place, left in ((1, 130), (2, 80), (3, 30))] == [40, 40, None]


def test_none_begins_before_what_it_needs_is_made(monkeypatch):
    needs = {"clip": Need("clip", "train"), "init": Need("paint")}
    entries = {"paint": Entry("", "text", "", 9, "language", {}, needs), **systems([(5, 5)])}
    entries["clip"] = Entry("", "text", "", 9, "language", {})
    monkeypatch.setattr(touring, "RECIPES", entries)
    assert ready(["paint", "clip", "system0"], []) == "clip", "what a run may start from is no need"
    assert ready(["paint", "system0"], ["clip"]) == "system0"
    assert ready(["paint"], ["clip"]) is None
    assert ready(["paint"], []) == "paint" and ready([], ["clip"]) is None


def test_runs_of_the_tour_are_used_where_they_are_of_the_kind(monkeypatch, tmp_path):
    needs = {
        "rules": Need("eliza", "train"),
        "plain": Need("recurrent", "train", kind={"network": "rnn"}),
        "long_memory": Need("recurrent", "train", kind={"network": "lstm"}),
        "transformer": Need("gpt", "train"),
        "init": Need("gpt"),
    }
    monkeypatch.setattr(touring, "RECIPES", {"talk": Entry("", "text", "", 9, "language", {}, needs)})
    for name, settings in {"eliza": {}, "recurrent": {"network": "lstm"}, "gpt": {}}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "settings.json").write_text(
            json.dumps({"format": FORMAT, "recipe": name, "settings": settings})
        )
        if name != "gpt":  # not finished
            (tmp_path / name / "scores.json").write_text("{}")
    found = ["--rules", str(tmp_path / "eliza"), "--long-memory", str(tmp_path / "recurrent")]
    assert made_before("talk", tmp_path) == found


def test_one_that_the_next_one_needs_comes_earlier(monkeypatch):
    entries = systems([(9, 1)] * 5)
    needs = {"other": Need("system3", "train")}
    entries["system4"] = Entry("", "text", "", 9, "language", {}, needs)
    monkeypatch.setattr(touring, "RECIPES", entries)
    assert in_turn(list(entries)) == ["system0", "system1", "system3", "system2", "system4"]
    assert in_turn(["system3", "system4"]) == ["system3", "system4"], "there is nothing to do beside it"
    assert in_turn([]) == []
