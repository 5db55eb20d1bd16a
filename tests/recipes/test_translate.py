"""The recipe of translators: what it learns, says of odd pairs, writes line by line, and shows."""

import json

import numpy as np
import pytest
from support import make_pairs

import maquette
from maquette.cli import main
from maquette.data.sets.sentences import sentence
from maquette.data.text.languages import common_words
from maquette.data.text.pairs import Pairs
from maquette.data.text.vocabularies import train_tokenizer
from maquette.families.pairs import Part, split_pairs
from maquette.recipes.translate.data import dictionary_of, looked_up
from maquette.recipes.translate.recipe import doubts
from maquette.recipes.translate.report import by_words, grouped

ENGLISH = ["The man is in the house and the dog is on the street.", "A woman with a child is at the table."]
GERMAN = ["Der Mann ist in dem Haus und der Hund ist auf der Straße.", "Eine Frau mit einem Kind ist an dem Tisch."]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A run that can translate the invented language a little."""
    folder = tmp_path_factory.mktemp("translate")
    g = np.random.default_rng(0)
    pairs = [sentence(g) for _ in range(1500)]
    return maquette.run(
        "translate", data=pairs, out=folder / "run", preset="small", width=64, steps=250, batch_tokens=700
    )


def test_it_learns_more_than_a_dictionary(learnt):
    scores = learnt.scores
    assert scores["bleu"] > learnt.baselines["dictionary"]["bleu"] > learnt.baselines["copy"]["bleu"]
    assert scores["bleu"] > 15 and scores["loss"] < 2


def test_its_report(learnt):
    sections = json.loads((learnt.folder / "findings.json").read_text())["sections"]
    titles = [block.get("title", "") for blocks in sections.values() for block in blocks]
    for title in (
        "Cross entropy",
        "Translations as training went on",
        "What became of one text",
        "Short and long texts",
        "Beam search and greedy",
        "The best outputs",
        "The worst outputs",
        "One token after the other, or all at once",
    ):
        assert title in titles
    assert sum(title.startswith("Where each word looks") for title in titles) == 3
    assert any("BLEU|nrefs:1|case:mixed" in block.get("text", "") for block in sections["train"])


def test_lines_in_lines_out(learnt, tmp_path, capsys):
    run = maquette.open(learnt.folder)
    lines = ["The dog sees a cat.", "", "Two birds follow the king today."]
    alone = [run.predict(line) if line else "" for line in lines]
    assert run.predict([line for line in lines if line]) == [line for line in alone if line]
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    out = tmp_path / "said.txt"
    assert main(["predict", str(learnt.folder), str(path), "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8").split("\n")[:3] == alone and alone[0]
    capsys.readouterr()
    assert main(["predict", str(learnt.folder), lines[0], lines[2], "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == f"{alone[0]}\n{alone[2]}\n"
    capsys.readouterr()
    assert main(["predict", str(learnt.folder), lines[0]]) == 0
    assert capsys.readouterr().out == f"{alone[0]}\n"
    greedy = run.predict(lines[0], beams=1)
    assert isinstance(greedy, str) and greedy


def test_what_is_given_the_wrong_way_round_is_told(learnt, capsys):
    assert (
        main(["predict", str(learnt.folder), "Hodi misaki kara askan rusan un linamo. Hieri orsa un nalen ne trovata."])
        == 0
    )
    assert "Is it the wrong way round?" in capsys.readouterr().err
    assert main(["predict", str(learnt.folder), "The dog sees a small bird near the house."]) == 0
    assert "wrong way" not in capsys.readouterr().err


def test_a_text_that_is_too_long_is_told(learnt, capsys):
    assert main(["predict", str(learnt.folder), "The dog sees a cat. " * 90]) == 0
    assert "is longer than the 47 tokens that this network reads" in capsys.readouterr().err


def test_a_page_explains(learnt, tmp_path):
    out = tmp_path / "page.html"
    assert main(["predict", str(learnt.folder), "The dog sees a cat.", "--use", "explain", "--out", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    for words in ("Where each word looks", "How sure each token was", "What beam search found"):
        assert words in page


def material_of(names, sources, targets, **test):
    parts = ["train"] * len(sources)
    pairs = Pairs("p", names, list(sources), list(targets), parts)
    for source, target in test.get("test", ()):
        pairs.add(source, target, "test")
    return split_pairs(pairs, 0.1, 0)


def doubts_of(material):
    return doubts(material, [common_words(material.train.sources), common_words(material.train.targets)])


def test_a_pair_the_wrong_way_round():
    numbered = (
        [f"{text} {number}" for number in range(6) for text in ENGLISH],
        [f"{t} {n}" for n in range(6) for t in GERMAN],
    )
    assert doubts_of(material_of(("en", "de"), *numbered)) == []
    (said,) = doubts_of(material_of(("de", "en"), *numbered))
    assert said.startswith("de reads like en and en like de: is the pair the wrong way round?")
    turned = list(zip(GERMAN, ENGLISH, strict=True))
    (said,) = doubts_of(material_of(("en", "de"), *numbered, test=turned))
    assert said.startswith("The test part seems to be the wrong way round")
    (said,) = doubts_of(material_of(("en", "de"), numbered[0], numbered[0]))
    assert said.startswith("Both en and de read like en")


def test_the_dictionary_baseline():
    part = Part(["the house .", "the book .", "a book ."], ["das Haus .", "das Buch .", "ein Buch ."])
    assert looked_up(dictionary_of(part), "a house, xyzzy.") == "ein Haus, xyzzy."


def test_words_of_tokens():
    tokenizer = train_tokenizer("bpe", [" A quick brown fox, unseen."] * 2, 262)
    tokens = tokenizer.encode(" A fox, unseen.").tolist()
    words, places = grouped(tokenizer, tokens)
    assert words == ["A", "fox", ",", "unseen", "."]
    assert [place for each in places for place in each] == list(range(len(tokens)))
    weights = np.random.default_rng(0).dirichlet(np.ones(len(tokens)), 3)
    assert by_words(weights, [[0], [1, 2]], places).sum(1) == pytest.approx([1, 1])


@pytest.mark.parametrize("flags", [["--optimizer", "adamw", "--norm", "after"], ["--subword-dropout", "0.2"]])
def test_other_settings(tmp_path, flags):
    make_pairs(tmp_path / "pairs")
    command = ["run", "translate", "--preset", "small", "--data", str(tmp_path / "pairs"), "--steps", "5", *flags]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0


def test_bad_input_is_one_sentence(tmp_path, capsys):
    one, other = tmp_path / "a.txt", tmp_path / "b.txt"
    one.write_text("A dog.\nA cat.\n")
    other.write_text("Ein Hund.\n")
    command = ["run", "translate", "--preset", "small", "--out", str(tmp_path / "run")]
    assert main([*command, "--source", str(one), "--target", str(other)]) == 2
    assert "line 2 of a.txt, 'A cat.', has no partner" in capsys.readouterr().err
    one.write_text("A dog.\n")
    assert main([*command, "--source", str(one), "--target", str(other)]) == 2
    assert "holds 1 different text to learn from" in capsys.readouterr().err
    assert main([*command, "--source", str(one)]) == 2
    assert "--source and --target name two files of lines; give both" in capsys.readouterr().err
    assert main([*command, "--source", str(one), "--target", str(tmp_path / "c.txt")]) == 2
    assert "c.txt: there is no such file" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
