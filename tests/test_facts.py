"""What steps show: every block stays, in its section, and nothing twice after a crash."""

import json

import numpy as np
import pandas as pd
import pytest

from maquette.facts import Facts, plain
from maquette.settings import UserError


def titles(facts: Facts, section: str) -> list[str]:
    return [
        block.get("title") or block.get("text") or block.get("name") for block in facts.findings["sections"][section]
    ]


def test_blocks_of_equal_title_both_stay(tmp_path):
    facts = Facts(tmp_path, True)
    facts.begin("analyze")
    facts.table("Columns", pd.DataFrame({"a": [1]}))
    facts.table("Columns", pd.DataFrame({"b": [2]}))
    facts.fact("Weights", 1)
    facts.fact("Weights", 2)
    assert titles(facts, "analyze") == ["Columns", "Columns", "Weights", "Weights"]


def test_scores_stand_under_training_and_a_section_is_left_again(tmp_path):
    facts = Facts(tmp_path, True)
    facts.begin("score")
    facts.say("before")
    with pytest.raises(ZeroDivisionError), facts.section("predict"):
        facts.say("within")
        raise ZeroDivisionError
    facts.say("after")
    assert titles(facts, "train") == ["before", "after"] and titles(facts, "predict") == ["within"]


def test_a_step_done_again_after_a_crash_does_not_show_twice(tmp_path):
    def work(facts: Facts, until: str) -> None:
        for step in ("collect", "analyze", "train", "score"):
            facts.begin(step)
            if step == "analyze" and facts.is_done(step):
                continue
            facts.say(step)
            facts.say(f"{step} more")
            if step != "collect":
                with facts.section("predict"):
                    facts.say(f"{step}, below")
            if step == "analyze":
                facts.done(step)
            facts.save_findings()
            if step == until:
                return

    whole, crashed = Facts(tmp_path / "whole", True), Facts(tmp_path / "crashed", True)
    for facts, until in ((whole, ""), (crashed, "train"), (crashed, "score"), (crashed, "")):
        facts.folder.mkdir(exist_ok=True)
        if (facts.folder / "findings.json").exists():
            facts.findings = json.loads((facts.folder / "findings.json").read_text())
            facts.keep_what_is_done()
        work(facts, until)
    assert crashed.findings["sections"] == whole.findings["sections"]


def test_only_the_first_process_writes(tmp_path):
    facts = Facts(tmp_path, False)
    facts.picture("name", None, "Title")
    facts.save_findings()
    assert not list(tmp_path.iterdir())


def test_values_are_plain():
    assert [plain(value) for value in (np.float32(0.5), float("nan"), np.int64(3), None, "a", True)] == [
        0.5, None, 3, None, "a", True,
    ]  # fmt: skip
    assert plain(pd.Timestamp("2026-01-01")) == "2026-01-01 00:00:00"


def test_what_a_run_can_do_without_may_fail_but_mistakes_of_the_user_and_a_full_disk_may_not(
    tmp_path, monkeypatch, capsys
):
    facts = Facts(tmp_path, True)
    facts.begin("analyze")
    with pytest.raises(ZeroDivisionError), facts.attempt("The map"):  # in tests nothing is hidden
        raise ZeroDivisionError
    monkeypatch.setattr(Facts, "hides_failures", True)
    with facts.attempt("The map"):
        raise ZeroDivisionError("no north")
    said = capsys.readouterr().out
    assert said.startswith("The map failed (ZeroDivisionError: no north, in test_facts.py line")
    assert titles(facts, "analyze") == [said.strip()]
    assert "no north" in facts.findings["failures"][0]["traceback"]
    for error in (UserError("x"), OSError(28, "full"), KeyboardInterrupt()):
        with pytest.raises(type(error)), facts.attempt("The map"):
            raise error
