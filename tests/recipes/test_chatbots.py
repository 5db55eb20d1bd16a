"""The recipe of chatbots: what is asked and how, what is measured, whom it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from small_runs import SmallRuns, blocks

import maquette
from maquette.cli import main
from maquette.data.sets.eliza import LISTENER
from maquette.methods.eliza_reading import read_script
from maquette.recipes.chatbots.data import (
    PARAGRAPH,
    Manner,
    facts_of,
    fillers_of,
    manner_of,
    sentences_of,
    words_of,
)
from maquette.recipes.chatbots.figures import crossing
from maquette.recipes.chatbots.report import ORIGINS, distances_up_to, origins, speed_of_rules
from maquette.settings import UserError

NAMES = ["eliza", "rnn", "lstm", "gpt"]


def test_facts_are_words_with_their_sentences_up_to_them():
    facts = facts_of(PARAGRAPH, 1000)
    assert len(facts) > 24 and len({fact.word.lower() for fact in facts}) == len(facts)
    for fact in facts:
        assert PARAGRAPH.startswith(fact.told) and fact.told[-1] in ".!?"
        sentence = sentences_of(fact.told)[-1]
        assert sentence.startswith(f"{fact.cue} {fact.word}") and len(fact.cue.split()) >= 3 and len(fact.word) >= 6
    assert ("I'm a little", "meerkat") in [(fact.cue, fact.word) for fact in facts]
    few = facts_of(PARAGRAPH, 5)
    assert len(few) == 5 and few[0] == facts[0] and few[-1] == facts[-1]
    with pytest.raises(UserError, match="has 0 words of 6 letters"):
        facts_of("I am here. You are not.", 5)


def test_the_answer_of_the_course_is_not_in_its_paragraph():
    assert "watermelons" not in words_of(PARAGRAPH) and {"meerkat", "steven", "burrows"} <= set(words_of(PARAGRAPH))


def test_a_play_is_asked_as_its_two_commonest_speakers_talk():
    play = 3 * "ROMEO:\nWhat light is this?\n\nJULIET:\nIt is the east.\n\nNURSE:\nAy me.\n\n"
    play += "ROMEO:\nSo.\n\nJULIET:\nNo.\n"
    assert manner_of(play) == Manner("ROMEO:\n", "\n\nJULIET:\n", "\n\n")
    chat = "#Person1#: Hello.\n#Person2#: Good day.\n" * 5
    assert manner_of(chat) == Manner("#Person1#: ", "\n#Person2#: ", "\n")
    assert manner_of("It was late.\nHe said: no.\nNobody came.\n" * 50) == Manner("", "\n", "\n")
    assert manner_of("It was late.\n\nNobody came.\n\n" * 50) == Manner("", "\n", "\n\n")


def test_fillers_are_stretches_of_the_text_and_no_longer_than_it():
    text = " ".join(f"w{number}" for number in range(400))
    for filler in fillers_of(text, 3, 50, 100, np.random.default_rng(0)):
        assert filler.lead + "".join(filler.words) in text and len(filler.words) == 50
        assert len(filler.lead.split()) == 140
    (short,) = fillers_of(" ".join("abcdefghij" * 4), 1, 400, 190, np.random.default_rng(0))
    assert len(short.words) == 20 and len(short.lead.split()) == 20
    with pytest.raises(UserError, match="has 3 words, and 20 are needed"):
        fillers_of("no more text", 1, 50, 10, np.random.default_rng(0))


def test_words_are_told_apart_by_where_they_are_from():
    found = origins("My burrows, thou grumblet!", {"burrows"}, {"my", "thou"})
    assert found == [
        ("My", "known"), ("burrows", "said"), (",", "known"), ("thou", "known"), ("grumblet", "made up"), ("!", "known")
    ]  # fmt: skip


def test_where_curves_cross_for_good():
    x = np.array([0.0, 10.0])
    assert crossing((x, np.array([2.0, 2.0])), (x, np.array([4.0, 1.0]))) == pytest.approx((20 / 3, 2), abs=0.01)
    assert crossing((x, np.array([2.0, 2.0])), (x, np.array([1.0, 1.0]))) is None
    assert crossing((x, np.array([2.0, 2.0])), (x, np.array([4.0, 3.0]))) is None
    assert crossing((x, x), (np.zeros(0), np.zeros(0))) is None


def test_distances_go_as_far_as_is_asked():
    assert distances_up_to(400) == [1, 3, 10, 25, 50, 100, 200, 400]
    assert distances_up_to(30) == [1, 3, 10, 25, 30] and distances_up_to(1000)[-3:] == [400, 800, 1000]


def test_rules_are_fast():
    assert speed_of_rules(read_script(LISTENER, "a script"), ["Are you happy?"]) > 1000


def needed_by(folder: Path) -> dict[str, Path]:
    """The runs that a run has asked, by the names of its settings."""
    needs = json.loads((folder / "settings.json").read_text())["needs"]
    return {name: folder / need["path"] for name, need in needs.items()}


@pytest.mark.slow
def test_the_report_has_all_that_is_measured(small_runs: SmallRuns):
    folder = small_runs.own("chatbots")
    sections = blocks(folder)
    titles = [block.get("title") for block in sections["predict"]]
    assert {"What each remembers of the paragraph", "The same to all", "The four"} <= set(titles)
    tables = {block["title"]: block for block in sections["predict"] if block["kind"] == "table"}
    assert tables["The same to all"]["columns"][1:] == NAMES
    assert [row[0] for row in tables["Where their words are from"]["rows"]] == NAMES
    for row in tables["Where their words are from"]["rows"]:
        assert sum(row[2:]) == pytest.approx(1) and len(row) == 2 + len(ORIGINS)
    assert "How they learnt" in [block.get("title") for block in sections["train"]]
    scores, needed = json.loads((folder / "scores.json").read_text()), needed_by(folder)
    others = {**scores["baselines"], "gpt": scores["scores"]}
    for name in NAMES[1:]:
        theirs = json.loads((needed[name] / "scores.json").read_text())["scores"]
        assert others[name]["bits_per_byte"] == pytest.approx(theirs["bits_per_byte"], rel=0.02)
    settings = {name: json.loads((needed[name] / "settings.json").read_text()) for name in NAMES}
    assert [settings[name]["settings"]["network"] for name in ("rnn", "lstm")] == ["rnn", "lstm"]
    assert len({settings[name]["data"]["sha256"] for name in NAMES[1:]}) == 1


@pytest.mark.slow
def test_what_will_not_do_is_refused(small_runs: SmallRuns, tmp_path: Path, capsys):
    whole = needed_by(small_runs.own("chatbots"))
    command = ["run", "chatbots", "--preset", "small", "--out", str(tmp_path / "run")]
    capsys.readouterr()
    assert main([*command, "--rnn", str(whole["lstm"])]) == 2
    said = capsys.readouterr().err
    assert "with --network lstm; this needs one with --network rnn." in said and said.count("\n") == 1
    assert main([*command, "--gpt", str(whole["rnn"])]) == 2
    assert "is a run of recurrent; this needs one of gpt" in capsys.readouterr().err
    given = [word for name in NAMES for word in (f"--{name}", str(whole[name]))]
    for name in ("paragraph", "questions"):
        assert main([*command, *given, f"--{name}", str(tmp_path / "none.txt")]) == 2
        assert f"--{name} {tmp_path / 'none.txt'}: there is no such file." in capsys.readouterr().err
    (tmp_path / "short.txt").write_text("I am here.")
    assert main([*command, *given, "--paragraph", str(tmp_path / "short.txt")]) == 2
    assert "The paragraph has 0 words" in capsys.readouterr().err
    assert main([*command, "--paragraph", str(tmp_path / "short.txt")]) == 2  # before anything is trained
    assert "training" not in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_given_runs_are_taken_and_another_text_is_told(small_runs: SmallRuns, tmp_path: Path, capsys):
    whole = needed_by(small_runs.own("chatbots"))
    (tmp_path / "other.txt").write_text("It was a dark night, and nobody knew the way to the old house.\n" * 300)
    given = [word for name in NAMES for word in (f"--{name}", str(whole[name]))]
    (tmp_path / "questions.txt").write_text("Who are you?\n\nWhere am I?\n")
    words = [*given, "--data", str(tmp_path / "other.txt"), "--questions", str(tmp_path / "questions.txt")]
    assert main(["run", "chatbots", "--preset", "small", "--out", str(tmp_path / "run"), *words]) == 0
    assert "rnn has learnt from" in capsys.readouterr().out
    assert not (tmp_path / "run" / "needs").exists()
    run = maquette.open(tmp_path / "run")
    table = run.use("ask", str(tmp_path / "questions.txt"), letters=30)
    assert list(table) == ["question", *NAMES] and list(table["question"]) == ["Who are you?", "Where am I?"]
    assert (table[NAMES[1:]].map(len) <= 30 + len(" ...")).all().all()
    again = run.use("talk", str(tmp_path / "questions.txt"), letters=30).splitlines()
    assert [line.split(maxsplit=1)[0] for line in again] == NAMES * 2
