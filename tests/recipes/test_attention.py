"""What is peculiar to the walk through a Transformer: another run's network, its numbers, sentences of one's own."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import maquette
from maquette.cli import main
from maquette.data.text.tokenizers import load_tokenizer
from maquette.methods.walking import walk
from maquette.recipes.attention.data import two_orders
from maquette.recipes.attention.uses import windows

SENTENCE = "Meerkats love watermelons."
SMALL = {"preset": "small", "steps": 8}


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """A text of a few kinds of sentences in a random order."""
    draw = np.random.default_rng(0)
    who, what = ["meerkats", "dogs", "owls", "children"], ["watermelons", "bones", "mice", "songs", "rain"]
    lines = [
        f"{draw.choice(who).capitalize()} love {draw.choice(what)}, {draw.choice(who)} do not." for _ in range(400)
    ]
    path = tmp_path_factory.mktemp("book") / "book.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(book, tmp_path_factory) -> Path:
    return maquette.run("attention", data=book, out=tmp_path_factory.mktemp("attention") / "run", **SMALL).folder


@pytest.fixture(scope="module")
def other(book, tmp_path_factory) -> Path:
    """A finished run of gpt on the same book."""
    return maquette.run("gpt", data=book, out=tmp_path_factory.mktemp("gpt") / "run", **SMALL).folder


def blocks(folder: Path, section: str = "predict") -> list[dict]:
    return json.loads((folder / "findings.json").read_text())["sections"][section]


def test_every_picture_has_its_equation(run):
    shown = blocks(run)
    kinds = [block["kind"] for block in shown]
    pictures = [place for place, kind in enumerate(kinds) if kind == "picture"]
    assert len(pictures) == 12
    for place in pictures:  # since the heading, or in its own caption
        start = max(n for n in range(place) if kinds[n] == "heading")
        assert "formula" in kinds[start:place]
    assert {Path(shown[place]["file"]).stem.removeprefix("walk_") for place in pictures} == {
        *("embeddings", "positions", "sum", "order", "norm", "queries"),
        *("scores", "uniform", "heads", "stream", "next", "lens"),
    }


def test_what_the_report_says_in_numbers_is_what_the_network_computes(run):
    predictor = maquette.open(run)
    model, tokenizer = predictor.model, load_tokenizer(predictor.processing["tokenizer"])
    tokens = torch.from_numpy(tokenizer.encode(SENTENCE)).long()
    tables = {block["title"]: block for block in blocks(run) if block["kind"] == "table"}
    rows = tables["The sentence"]["rows"]
    assert [row[2] for row in rows] == tokens.tolist()
    last = next(table for title, table in tables.items() if title.startswith("The last row"))
    heading = next(block["text"] for block in blocks(run) if "queries" in block.get("text", ""))
    head = int(heading.split("head ")[1].split(":")[0]) - 1
    query, key, _ = (
        model.blocks[0]
        .qkv(model.blocks[0].norm_1(model.embedding(tokens) + model.positions.weight[: len(tokens)]))
        .chunk(3, -1)
    )
    part = slice(8 * head, 8 * head + 8)
    products = (key[:, part] @ query[-1, part]).detach()
    known = np.array([row[1:] for row in last["rows"]])
    np.testing.assert_allclose(known[:, 0], products, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(known[:, 3], (products / math.sqrt(8)).softmax(0), rtol=1e-3)
    orders = tables["The two orders"]["rows"]
    assert orders[0][1] > 1e-6 > orders[2][1]


def test_the_network_of_another_run_is_walked_through_as_it_is(other, tmp_path):
    made = maquette.run("attention", run=str(other), out=tmp_path / "run", preset="small", layer=2, head=1)
    theirs = json.loads((other / "scores.json").read_text())
    assert made.scores["loss"] == pytest.approx(theirs["scores"]["loss"], rel=1e-5)
    assert made.baselines["unigram"] == theirs["baselines"]["unigram"]
    assert (made.folder / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    assert not (made.folder / "metrics.jsonl").exists() and not (made.folder / "checkpoint").exists()
    told = json.dumps(blocks(made.folder), ensure_ascii=False)
    assert "cos φ" in told and "Layer 2, head 1" in told and "P[t]" not in told


def test_runs_that_cannot_be_walked_through_are_refused(other, book, tmp_path):
    def refused(match: str, **settings: object) -> None:
        with pytest.raises(maquette.UserError, match=match):
            maquette.run("attention", **{"out": tmp_path / "run", "preset": "small", **settings})
        assert not (tmp_path / "run").exists()

    refused("no such run folder; make one with: maquette run gpt", run=str(tmp_path / "nothing"))
    refused("brings its own data; leave --data", run=str(other), data=book)
    line = maquette.run("line", preset="small", out=tmp_path / "line").folder
    refused("is a run of line; this needs one of gpt", run=str(line))
    refused("--layer 9: this network has 2 layers", data=book, layer=9)
    refused("--head 3: this network has 2 heads a layer", data=book, head=3)
    refused("--heads 3 does not part the width 16", data=book, heads=3)
    refused("holds no token", data=book, sentence="")
    (other / "scores.json").rename(tmp_path / "scores.json")
    refused("is not finished; go on with it first: maquette resume", run=str(other))
    (tmp_path / "scores.json").rename(other / "scores.json")


def test_predict_has_a_row_for_each_token_with_the_network_s_probabilities(run):
    predictor = maquette.open(run)
    model, tokenizer = predictor.model, load_tokenizer(predictor.processing["tokenizer"])
    answer = predictor.predict([SENTENCE, "Owls love mice."])
    assert list(answer["text"].unique()) == [1, 2]
    one = answer[answer["text"] == 1]
    tokens = torch.from_numpy(tokenizer.encode(SENTENCE)).long()
    chances = model(tokens[None])[0].detach().double().softmax(-1)
    assert "".join(one["token"]).replace("␣", " ") == SENTENCE
    np.testing.assert_allclose(one["probability_1"], chances.max(1).values, rtol=1e-4)
    np.testing.assert_allclose(
        one["surprise"][1:], -chances[torch.arange(len(tokens) - 1), tokens[1:]].log(), rtol=1e-4
    )
    np.testing.assert_allclose(one["entropy"], torch.distributions.Categorical(chances).entropy(), rtol=1e-4)
    assert np.isnan(one["surprise"].iloc[0]) and (one["looks_at_place"] <= one["place"]).all()
    pd.testing.assert_frame_equal(one, predictor.predict(SENTENCE))
    closer = predictor.predict(SENTENCE, layer=1, head=2)
    weights = walk(model, tokens).layers[0].weights[1]
    assert list(closer["looks_at_place"]) == weights.argmax(1).tolist()


def test_a_text_longer_than_the_context_is_read_in_stretches(run):
    predictor = maquette.open(run)
    text = "Dogs love bones, owls do not. " * 12
    answer = predictor.predict(text)
    assert len(answer) == len(load_tokenizer(predictor.processing["tokenizer"]).encode(text)) > 3 * 32
    assert list(answer["place"]) == list(range(len(answer))) and answer["surprise"][1:].notna().all()
    assert windows(5, 32) == [(0, 0, 5)] and windows(32, 32) == [(0, 0, 32)]
    found = windows(100, 32)
    assert [first for _, first, _ in found[1:]] == [end for *_, end in found[:-1]] and found[-1][2] == 100
    assert all(end - start <= 32 and first - start in (0, 16) for start, first, end in found)


def test_a_page_is_made_for_any_sentence(run, tmp_path):
    page = tmp_path / "page.html"
    assert main(["predict", str(run), "Bones love dogs, do they?", "--out", str(page), "--layer", "2"]) == 0
    text = page.read_text(encoding="utf-8")
    assert "Layer 2, head" in text and text.count("<svg") == 12 and "uniform weights" in text
    table = tmp_path / "table.csv"
    assert main(["predict", str(run), SENTENCE, "--out", str(table)]) == 0
    assert list(pd.read_csv(table).columns[:4]) == ["text", "place", "token", "surprise"]


def test_long_sentences_are_cut_and_single_words_have_no_other_order(run):
    predictor = maquette.open(run)
    told = predictor.use("explain", "Dogs love bones. " * 40)
    assert told[1]["text"].startswith("Shown are the first 24 of ")
    single = predictor.use("explain", "Dogs")
    assert not [block for block in single if block.get("name") == "walk_order"]
    assert predictor.use("explain", "x")


def test_unknown_words_are_named(book, tmp_path):
    made = maquette.run(
        "attention", data=book, out=tmp_path / "run", **SMALL, tokenizer="words", sentence="Zebras love bones."
    )
    said = [block["text"] for block in blocks(made.folder) if block["kind"] == "text"]
    assert any("no token for 'Zebras'" in text for text in said)


def test_two_orders_hold_the_same_tokens_and_the_full_stop_stays(run):
    tokenizer = load_tokenizer(maquette.open(run).processing["tokenizer"])
    first, second = two_orders(tokenizer, SENTENCE, 100)
    assert sorted(first) == sorted(second) and first != second and first[-1] == second[-1]
    assert tokenizer.decode(second) == " watermelons love Meerkats."
    assert two_orders(tokenizer, "love love", 100) is None and two_orders(tokenizer, "...", 100) is None
    assert len(two_orders(tokenizer, "one two three four five six seven " * 9, 20)[0]) <= 20
