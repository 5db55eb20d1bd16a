"""What is peculiar to tokenizers as a recipe: the scores mean what they say, the deck's cuts, text of one's own."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from support import make_book

import maquette
from maquette.cli import main
from maquette.data.text.tokenizers import KINDS, load_tokenizer
from maquette.data.text.vocabularies import train_tokenizer
from maquette.models import Unigram
from maquette.recipes.tokenizer.data import bytes_per_token, lost_bytes, measured
from maquette.settings import UserError

DECK = "Let's do tokenization!"


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "book"
    make_book(folder)
    return folder


@pytest.fixture(scope="module")
def run(own, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("tokenizer") / "run"
    return maquette.run("tokenizer", data=own, out=out, preset="small", sentences=f"{DECK} | the 东 sea").folder


def blocks(folder: Path) -> list[dict]:
    sections = json.loads((folder / "findings.json").read_text())["sections"]
    return [block for part in sections.values() for block in part]


def table(folder: Path, title: str) -> pd.DataFrame:
    found = next(block for block in blocks(folder) if block["kind"] == "table" and block["title"] == title)
    return pd.DataFrame(found["rows"], columns=found["columns"])


def test_the_model_s_probabilities_are_laplace_s():
    model = Unigram(vocabulary=4)
    tokens = torch.tensor([[0, 1], [2, 3]])
    assert model(tokens).exp().tolist() == [[0.25, 0.25], [0.25, 0.25]]
    model.count(torch.tensor([5, 0, 1, 0]))
    assert model(tokens).exp().flatten().tolist() == pytest.approx([0.6, 0.1, 0.2, 0.1])
    assert not any(weight.requires_grad for weight in model.parameters())


def test_measures_by_hand():
    """Training "a a b", test "a b xyz": xyz is unknown and has to be spelled out."""
    tokenizer = train_tokenizer("words", ["a a b"], 10)
    assert tokenizer.vocabulary[2:] == ["a", "b"]
    model = Unigram(vocabulary=4)
    row = measured(tokenizer, model, ["a a b"], ["a b xyz"])
    assert model.log_probabilities.exp().tolist() == pytest.approx([1 / 7, 1 / 7, 3 / 7, 2 / 7])
    assert row["tokens"] == 3 and row["tokens_per_word"] == 1 and row["unknown_share"] == pytest.approx(1 / 3)
    assert row["bytes_per_token"] == pytest.approx(7 / (2 + 3))
    bits = -math.log2(3 / 7) - math.log2(2 / 7) - math.log2(1 / 7) + 8 * 3
    assert row["bits_per_byte"] == pytest.approx(bits / 7)
    assert not row["gives_back"] and bytes_per_token(tokenizer, ["a b xyz"]) == row["bytes_per_token"]


@pytest.mark.parametrize(
    ("kind", "text", "lost"),
    [
        ("words", "a b, a\nb", 0),
        ("words", "a  b", 1),
        ("words", "a\tb", 1),
        ("words", "a \t b", 2),
        ("words", "  a b ", 3),
        ("words", "a é b", 2),
        ("words", "  ", 2),
        ("wordpiece", "a b\n\nab", 2),
        ("wordpiece", "a é b", 2),
        ("wordpiece", "ab, a", 0),
        ("wordpiece", "b:b", 2),
        ("spaces", "b:a ab\na", 0),
        ("characters", "a  é\n", 2),
        ("bpe", " é \n\tx", 0),
        ("unigram", " é \n\tx", 0),
    ],
)
def test_what_tokens_do_not_hold_is_counted(kind, text, lost):
    tokenizer = train_tokenizer(kind, ["a b, ab b:a\n"], 300)
    assert lost_bytes(tokenizer, text, tokenizer.encode(text)) == lost


def test_characters_need_the_entropy_of_letters():
    """With as many letters in the test as in training, bits a byte is close to the entropy of their shares."""
    text = "abracadabra " * 5_000
    tokenizer = train_tokenizer("characters", [text], 100)
    row = measured(tokenizer, Unigram(vocabulary=len(tokenizer.vocabulary)), [text], [text])
    shares = np.array([text.count(letter) for letter in set(text)]) / len(text)
    assert row["bits_per_byte"] == pytest.approx(-(shares * np.log2(shares)).sum(), rel=1e-3)
    assert row["bytes_per_token"] == 1 and row["gives_back"]


def test_every_kind_is_compared(run):
    scores = json.loads((run / "scores.json").read_text())
    assert set(scores["baselines"]) == set(KINDS) - {"bpe"}
    assert scores["directions"] == {"bytes_per_token": "higher", "bits_per_byte": "lower"}
    assert scores["baselines"]["characters"]["bytes_per_token"] == 1
    assert scores["scores"]["bytes_per_token"] > 2
    shown = table(run, "The kinds on the test part").set_index("kind")
    assert list(shown.index) == list(KINDS)
    lossless = shown["remark"].str.contains("gives the text back")
    assert lossless[["characters", "bpe", "unigram"]].all() and not lossless[["words", "spaces", "wordpiece"]].any()
    assert "loses white space" in shown.loc["words", "remark"]
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert len(logged) == len(KINDS) and logged[0]["bytes_per_token"] == scores["scores"]["bytes_per_token"]


def test_the_deck_s_sentence_is_set_beside(run):
    shown = table(run, "Beside the course's deck").set_index("kind")
    assert shown.loc["characters", "tokens there"] == 20 and shown.loc["characters", "tokens here"] == 22
    assert shown.loc["spaces", "here"] == "Let's do tokenization!"
    assert shown.loc["words", "here"] == "Let 's do tokenization !"
    pictures = {block["file"] for block in blocks(run) if block["kind"] == "picture"}
    for name in ("strips_1", "strips_2", "merges", "growth", "sizes", "kinds", "words"):
        assert f"pictures/{name}.svg" in pictures, name


def test_predict_gives_a_row_a_token(run):
    predictor = maquette.open(run)
    tokenizer = load_tokenizer(predictor.processing["tokenizer"])
    texts = ["the man went", "", "é!"]
    answer = predictor.predict(texts)
    assert list(answer) == ["text", "number", "token", "start", "end"]
    assert set(answer["text"]) == {1, 3}
    first = answer[answer["text"] == 1]
    assert first["number"].tolist() == tokenizer.encode(texts[0]).tolist()
    assert "".join(first["token"]) == texts[0]
    assert [texts[0][start:end] for start, end in zip(first["start"], first["end"], strict=True)] == list(
        first["token"]
    )
    last = answer[answer["text"] == 3]
    assert last["token"].tolist()[:2] == [r"\xc3", r"\xa9"] and last["end"].tolist()[:2] == [1, 1]
    pd.testing.assert_frame_equal(predictor.predict(texts[0]), first)


def test_explain_shows_strip_bits_and_merges(run):
    predictor = maquette.open(run)
    found = predictor.use("explain", DECK)
    assert [block["kind"] for block in found] == ["text", "picture", "table", "formula", "picture"]
    rows = pd.DataFrame(found[2]["rows"], columns=found[2]["columns"])
    said = re.search(r"([\d.]+) / (\d+) = ([\d.]+) bits a byte", found[3]["text"])
    assert float(said[1]) == pytest.approx(rows["bits"].sum(), abs=0.05) and int(said[2]) == len(DECK)
    assert predictor.use("explain", "")[0]["text"] == "This text has no tokens."
    several = predictor.use("explain", [DECK, "the sea"])
    assert [block["text"] for block in several if block["kind"] == "heading"] == [DECK, "the sea"]


def test_explain_says_what_does_not_come_back(own, tmp_path):
    made = maquette.run("tokenizer", data=own, out=tmp_path / "run", preset="small", tokenizer="words")
    found = maquette.open(made.folder).use("explain", "the  zebra")
    warned = [block["text"] for block in found if block["kind"] == "warning"]
    assert len(warned) == 1 and "the \N{REPLACEMENT CHARACTER}" in warned[0]


def test_a_text_with_less_in_it_than_asked(own, tmp_path):
    made = maquette.run("tokenizer", data=own, out=tmp_path / "run", vocabulary=20_000, tokenizer="words")
    said = json.dumps(blocks(made.folder))
    assert "--vocabulary allows 20,000: there is no more in it to tell apart" in said
    assert "the text has no more tokens" in said


def test_rows_of_a_table_as_documents(tmp_path):
    rows = pd.DataFrame({"id": range(60), "said": [f"row {n} says the same again and again" for n in range(60)]})
    rows.to_csv(tmp_path / "rows.csv", index=False)
    made = maquette.run("tokenizer", data=tmp_path / "rows.csv", field="said", preset="small", out=tmp_path / "run")
    assert made.scores["bytes_per_token"] > 2
    assert "Read from the field 'said'" in json.dumps(blocks(made.folder))


def test_of_much_text_a_part_is_drawn(tmp_path, monkeypatch):
    make_book(tmp_path / "book")
    for path in (tmp_path / "book").iterdir():
        path.write_text(path.read_text(encoding="utf-8") * 100, encoding="utf-8")
    monkeypatch.setattr("maquette.data.text.documents.PIECE", 1 << 14)
    made = maquette.run("tokenizer", data=tmp_path / "book", preset="small", most_mb=1, out=tmp_path / "run")
    facts = {block["name"]: block["value"] for block in blocks(made.folder) if block["kind"] == "fact"}
    assert 0.5 < facts["Training text"] / (0.9 * 2**20) < 1.5
    assert "about 1 MB of it were drawn at random" in json.dumps(blocks(made.folder))


@pytest.mark.parametrize(
    ("content", "flags", "says"),
    [
        ("", [], "holds no text"),
        ("\n  \n", [], "holds no text"),
        ("x", [], "gives no text for the training part"),
        ("some words", ["--sentences", " | "], "--sentences is empty"),
        ("some words", ["--vocabulary", "100"], "--vocabulary"),
        ("some words", ["--field", "text"], "there are no fields"),
    ],
)
def test_bad_input_in_one_sentence(tmp_path, capsys, content, flags, says):
    (tmp_path / "book.txt").write_text(content)
    out = tmp_path / "run"
    assert main(["run", "tokenizer", "--data", str(tmp_path / "book.txt"), "--out", str(out), *flags]) == 2
    said = capsys.readouterr().err
    assert says in said and len(said.strip().splitlines()) == 1 and not out.exists()


def test_with_seconds_every_kind_has_its_turn(own, tmp_path):
    made = maquette.run("tokenizer", data=own, preset="small", seconds=30, out=tmp_path / "run")
    assert set(made.baselines) == set(KINDS) - {"bpe"}


def test_sentences_must_be_given():
    with pytest.raises(UserError, match="--sentences is empty"):
        maquette.run("tokenizer", sentences="|")
