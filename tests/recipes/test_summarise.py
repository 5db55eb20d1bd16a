"""The recipe of summarisers: what it learns, from nothing, from folders and from runs, and what it refuses."""

import json

import numpy as np
import pytest
import torch
from test_huggingface_seq2seq import their_folder
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

import maquette
from maquette.cli import main
from maquette.data.sets.dialogues import dialogue
from maquette.data.text.pairs import open_pairs
from maquette.families.pairs import Ends, Part
from maquette.recipes.summarise.data import SIDES, Frame, Gaps, frame_of, lines_of, plain_summaries
from maquette.recipes.summarise.recipe import pace
from maquette.serving import open as open_run

SMALL = {"preset": "small", "judged": 20, "context": 128, "longest": 40, "vocabulary": 600}


@pytest.fixture(scope="module")
def talks():
    g = np.random.default_rng(0)
    return [dialogue(g) for _ in range(600)]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory, talks):
    folder = tmp_path_factory.mktemp("summarise") / "run"
    sizes = {"batch_size": 16, "steps": 120, "pretraining": 0.2}
    return maquette.run("summarise", data=talks, out=folder, **sizes, **SMALL)


def test_it_learns_to_summarise(learnt):
    scores, plain = learnt.scores, learnt.baselines
    before = plain["before fine-tuning"][
        "rouge1"
    ]  # it copies from the start, so that this is no longer next to nothing
    assert scores["rouge1"] > 2 * before and scores["rouge1"] > 2 * plain["first three lines"]["rouge1"]
    assert scores["rouge1_low"] < scores["rouge1"] < scores["rouge1_high"]
    assert scores["rouge2"] > 50
    metrics = [json.loads(line) for line in (learnt.folder / "metrics.jsonl").read_text().splitlines()]
    gaps = [line["gap_loss"] for line in metrics if "gap_loss" in line]
    assert gaps[-1] < gaps[0] and [("gap_loss" in line) for line in metrics] == sorted(
        (("gap_loss" in line) for line in metrics), reverse=True
    )


def test_its_report(learnt):
    sections = json.loads((learnt.folder / "findings.json").read_text())["sections"]
    titles = [block.get("title", "") for blocks in sections.values() for block in blocks]
    for title in ("Cross entropy", "ROUGE beside ways that need no network", "Summaries as training went on"):
        assert title in titles
    for title in ("What is taken over word for word", "How long the summaries are"):
        assert title in titles
    assert sum("by ROUGE-L: " in title for title in titles) == 6
    said = " ".join(block.get("text", "") for block in sections["process"])
    assert "a network is pretrained first: it fills gaps in the texts and summaries" in said
    assert any("copy before it has learnt anything" in block.get("text", "") for block in sections["train"])


def test_summaries_come_as_they_are_written(learnt, talks, tmp_path, capsys):
    run = maquette.open(learnt.folder)
    one, other = talks[0][0], talks[1][0]
    assert run.predict([one, other], beams=2) == [run.predict(one, beams=2), run.predict(other, beams=2)]
    assert len(run.predict(one, tokens=5).split()) < len(run.predict(one).split())
    path = tmp_path / "talk.txt"
    path.write_text(one, encoding="utf-8")
    assert main(["predict", str(learnt.folder), str(path)]) == 0
    assert capsys.readouterr().out.strip() == run.predict(one)
    assert main(["predict", str(learnt.folder), f"{one} {other} {one}", "--tokens", "4"]) == 0
    assert "of which the first 128 are read" in capsys.readouterr().err


def test_its_folder_answers_the_same_in_transformers(learnt, talks, tmp_path):
    assert main(["export", str(learnt.folder), "--format", "huggingface", "--out", str(tmp_path / "hf")]) == 0
    trained = open_run(learnt.folder).trained
    frame = frame_of(trained.processing)
    theirs, tokenizer = (
        AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "hf"),
        AutoTokenizer.from_pretrained(tmp_path / "hf"),
    )
    text = talks[3][0]
    tokens = tokenizer(text, return_tensors="pt").input_ids
    assert tokens[0].tolist() == frame.sources([text])[0].tolist()
    for other in ("#Person1#: Hi, (#Person2#)!\nTo [city]?", "  two blanks", "O\u2019Hara's"):
        assert tokenizer(other).input_ids == frame.sources([other])[0].tolist()
    with torch.no_grad():
        made = theirs.generate(tokens, max_new_tokens=40, num_beams=1, do_sample=False)
    expected = maquette.open(learnt.folder).predict(text, beams=1, no_repeat=0, tokens=40)
    assert tokenizer.decode(made[0], skip_special_tokens=True).strip() == expected


@pytest.mark.parametrize(("kind", "lora"), [("t5", 0), ("t5", 2), ("bart", 0), ("marian", 0)])
def test_a_folder_of_hugging_face_is_fine_tuned(tmp_path, talks, kind, lora):
    their_folder(tmp_path / "hf", kind)
    sizes = {"context": 40, "longest": 20, "judged": 5, "learning_rate": 1e-2, "data": talks[:60]}
    hf = str(tmp_path / "hf")
    run = maquette.run("summarise", out=tmp_path / "run", init=hf, lora=lora, steps=10, **sizes)
    assert "before fine-tuning" in run.baselines
    model = open_run(run.folder).trained.model
    moved = [name for name, weight in model.named_parameters() if not torch.equal(weight, weights_of(tmp_path)[name])]
    if lora:
        assert moved and all(".q." in name or ".v." in name for name in moved)
    else:
        assert len(moved) > 20
    assert model.dropout == 0.1
    if kind == "t5":
        is_gone_on_with(run, tmp_path, sizes)


def is_gone_on_with(run, tmp_path, sizes):
    again = maquette.run("summarise", out=tmp_path / "on", init=str(run.folder), steps=2, **sizes)
    assert again.baselines["before fine-tuning"]["rouge1"] == pytest.approx(run.scores["rouge1"])


def weights_of(folder):
    from maquette.huggingface_seq2seq import read_seq2seq

    return read_seq2seq(folder / "hf")[0].state_dict()


def test_a_run_of_translate_is_gone_on_with(small_runs, tmp_path, talks):
    sizes = {"steps": 2, "judged": 5, "context": 40, "longest": 20, "data": talks[:60]}
    run = maquette.run("summarise", out=tmp_path / "run", init=str(small_runs.own("translate")), **sizes)
    assert run.scores["rouge1"] >= 0
    assert isinstance(maquette.open(run.folder).predict("Anna: Shall we?"), str)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--lora", "4"], "give one with --init"),
        (["--init", "nowhere"], "--init nowhere: there is no such folder"),
        (["--text", "nowhere.txt"], "--text nowhere.txt: there is no such file"),
        (["--input", "body"], "--input body"),
        (["--init", "OTHER"], "a model of the kind 'gpt2'; what can be read are t5, bart, marian"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, capsys, talks, flags, words):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "gpt2"}', encoding="utf-8")
    flags = [str(tmp_path / "other") if word == "OTHER" else word for word in flags]
    path = tmp_path / "talks.jsonl"
    rows = [json.dumps({"dialogue": talk, "summary": summary}) for talk, summary in talks[:30]]
    path.write_text("\n".join(rows), encoding="utf-8")
    assert (
        main(["run", "summarise", "--data", str(path), "--preset", "small", "--out", str(tmp_path / "r"), *flags]) == 2
    )
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("names", "flags"),
    [(("article", "highlights"), ()), (("topic", "talk", "gist"), ("talk", "gist")), (("body", "title"), ())],
)
def test_columns_of_a_table(tmp_path, names, flags):
    path = tmp_path / "pairs.csv"
    rows = [",".join(f"{name} {number}" for name in names) for number in range(3)]
    path.write_text("\n".join([",".join(names), *rows]), encoding="utf-8")
    pairs = open_pairs(path, *(flags or (None, None)), SIDES)
    assert pairs.names == names[-2:]
    assert pairs.targets == [f"{names[-1]} {number}" for number in range(3)]


def test_plain_summaries():
    train = Part(["the cat sat", "a dog barked loudly", "rain again"], ["cat", "dog", "rain"])
    found = plain_summaries(train, ["A: one\nB: two words here\nC: x\nD: y", "One. Two is longer here. Three."])
    assert found["first line"] == ["A: one", "One."]
    assert found["first three lines"] == ["A: one\nB: two words here\nC: x", "One.\nTwo is longer here.\nThree."]
    assert found["longest line"] == ["B: two words here", "Two is longer here."]
    assert plain_summaries(train, ["the dog barked"])["nearest training text's"] == ["dog"]
    assert lines_of("just one") == ["just one"]


class FakeRun:
    rank, processes, device = 0, 1, torch.device("cpu")

    class settings:
        seed = 0


def test_gaps_are_new_each_round_and_come_back_from_a_stop():
    gaps = Gaps(np.arange(1, 65, dtype=np.int32), 16, 2, 99, Ends(0, 0, 0), FakeRun())
    first = [next(gaps) for _ in range(3)]
    state = gaps.state_dict()
    fourth = next(gaps)
    again = Gaps(np.arange(1, 65, dtype=np.int32), 16, 2, 99, Ends(0, 0, 0), FakeRun())
    again.load_state_dict(state)
    assert torch.equal(next(again).source, fourth.source)
    seen = torch.cat([batch.source for batch in first[:2]])
    later = torch.cat([first[2].source, fourth.source])
    assert sorted(seen[:, 0].tolist()) == sorted(later[:, 0].tolist()) == [1, 17, 33, 49]
    assert not torch.equal(seen[seen[:, 0].argsort()], later[later[:, 0].argsort()])
    assert gaps.total == int((first[0].targets >= 0).sum()) and gaps.weight * gaps.total == 1


def test_the_pace():
    assert pace(0.0, 0.0, True) == 1 and pace(0.75, 0.0, True) == 0.25
    assert pace(0.0, 0.5, False) == pytest.approx(0.1)
    assert pace(0.3, 0.5, False) == pace(0.5, 0.5, False) == 1
    assert pace(0.75, 0.5, False) == pytest.approx(0.5)


def test_a_frame_comes_back(learnt):
    frame = frame_of(open_run(learnt.folder).trained.processing)
    assert isinstance(frame, Frame) and frame.after == [frame.ends.end]
    tokens = frame.targets(["Anna asks Ben to play chess."])[0]
    assert frame.text(tokens) == "Anna asks Ben to play chess."
