"""Words as vectors: what is learnt from a small language, uses, pieces of words, export, and what is refused."""

import json

import numpy as np
import pytest
from support import bert_folder

import maquette
from maquette.cli import main
from maquette.data.text.vector_files import read_vectors
from maquette.settings import UserError

BEINGS = {"cat": "purrs", "dog": "barks", "cow": "moos", "duck": "quacks"}
PLACES = {"oslo": "norway", "rome": "italy", "paris": "france", "madrid": "spain"}


@pytest.fixture(scope="module")
def language(tmp_path_factory):
    """Sentences on animals and on towns, which share no words but the smallest."""
    folder = tmp_path_factory.mktemp("language")
    g = np.random.default_rng(1)
    lines = []
    for _ in range(1500):
        name, does = list(BEINGS.items())[g.integers(4)]
        lines.append(f"the {g.choice(['small', 'old', 'hungry'])} {name} {does} in the {g.choice(['barn', 'yard'])}.")
        town, land = list(PLACES.items())[g.integers(4)]
        lines.append(f"the {g.choice(['mayor', 'people', 'streets'])} of {town} {land} {g.choice(['vote', 'trade'])}.")
    (folder / "text.txt").write_text("\n".join(lines))
    return folder / "text.txt"


@pytest.fixture(scope="module")
def learnt(language, tmp_path_factory):
    folder = tmp_path_factory.mktemp("word2vec") / "run"
    flags = ["--data", str(language), "--width", "24", "--subsample", "0.01", "--window", "4"]
    assert main(["run", "word2vec", *flags, "--analogy", "cat purrs dog", "--out", str(folder)]) == 0
    return folder


def test_words_used_alike_lie_near(learnt):
    run = maquette.open(learnt)
    near = run.use("neighbours", "dog", count=3)["neighbour"].tolist()
    assert len(set(near) & {*BEINGS, *BEINGS.values(), "hungry", "small", "old", "yard", "barn"}) == 3
    table = run.use("similarity", "cat cow paris")
    assert table["cosine"][0] > max(table["cosine"][1:])
    odd = run.use("odd", "cat dog cow rome")
    assert odd.loc[odd["is_odd"], "word"].tolist() == ["rome"]
    scores = json.loads((learnt / "scores.json").read_text())
    assert scores["scores"]["auroc"] > scores["baselines"]["frequency"]["auroc"] + 0.1


def test_vectors_and_axes(learnt):
    run = maquette.open(learnt)
    rows = run.use("vectors", ["cat dog", "rome"])
    assert rows["word"].tolist() == ["cat", "dog", "rome"] and rows.shape == (3, 25)
    axes = run.use("project", "cat rome", axes="dog:paris")
    assert axes["dog:paris"][1] > axes["dog:paris"][0]
    assert len(run.use("analogy", "cat purrs dog", count=4)) == 4


@pytest.mark.parametrize("use", ["vec", "word2vec"])
def test_export_comes_back(learnt, tmp_path, use):
    out = tmp_path / ("a.vec" if use == "vec" else "a.bin")
    assert main(["export", str(learnt), "--format", use, "--out", str(out)]) == 0
    words, rows = read_vectors(out)
    model = maquette.open(learnt).model
    assert len(words) == model.vocabulary and np.array_equal(rows, model.inputs.numpy()[: len(words)])


def test_pieces_give_vectors_to_words_never_seen(language, tmp_path, capsys):
    folder = tmp_path / "run"
    flags = ["--data", str(language), "--width", "8", "--epochs", "1", "--subwords", "true"]
    assert main(["run", "word2vec", *flags, "--method", "cbow", "--out", str(folder)]) == 0
    run = maquette.open(folder)
    table = run.use("similarity", "quacking quacks")
    assert np.isfinite(table["cosine"][0])


def test_what_is_refused(learnt, tmp_path, capsys):
    run = maquette.open(learnt)
    with pytest.raises(UserError, match=r"'caat' was not learnt; did you mean cat\?; runs with --subwords"):
        run.use("neighbours", "caat")
    with pytest.raises(UserError, match="holds 2 words; this use takes 3"):
        run.use("analogy", "cat dog")
    with pytest.raises(UserError, match="is no axis"):
        run.use("project", "cat", axes="dog")
    with pytest.raises(UserError, match="--axes cat:cat: both ends are the same"):
        run.use("project", "dog", axes="cat:cat")
    assert main(["run", "word2vec", "--analogy", "man woman", "--out", str(tmp_path / "r")]) == 2
    assert "--analogy must be three words" in capsys.readouterr().err and not (tmp_path / "r").exists()
    (tmp_path / "a.txt").write_text("every word here is another one and none comes twice")
    assert main(["run", "word2vec", "--data", str(tmp_path / "a.txt"), "--out", str(tmp_path / "r")]) == 2
    assert "only 0 occur 5 times or more" in capsys.readouterr().err
    (tmp_path / "b.txt").write_text("a b c d e f g h i j k l " * 20)
    assert main(["run", "word2vec", "--data", str(tmp_path / "b.txt"), "--out", str(tmp_path / "r")]) == 2
    assert "sentences to train on" in capsys.readouterr().err
    assert main(["export", str(learnt), "--format", "vec", "--out", str(tmp_path / "a.txt")]) == 2


def test_vectors_begin_with_a_table_that_is_given(language, tmp_path, capsys):
    from maquette.huggingface import read_table
    from maquette.recipes.word2vec.data import rows_of

    theirs, words = bert_folder(tmp_path, ("cat", "cow", "do", "##g", "duck", "paris", "rome", "oslo", "the"))
    table = theirs.embeddings.word_embeddings.weight.detach()
    made = rows_of(read_table(tmp_path), ["cat", "dog", "xyz"]).numpy()
    assert made[0] == pytest.approx(table[words.index("cat")].numpy())
    assert made[1] == pytest.approx((table[words.index("do")] + table[words.index("##g")]).numpy() / 2)
    assert not made[2].any()
    run = ["run", "word2vec", "--data", str(language), "--epochs", "1", "--learning-rate", "1e-9", "--subsample", "0"]
    assert main([*run, "--init", str(tmp_path), "--out", str(tmp_path / "run")]) == 0
    vectors = maquette.open(tmp_path / "run").use("vectors", "cat")
    assert vectors.shape == (1, 17)
    assert vectors.iloc[0, 1:].astype(float).to_numpy() == pytest.approx(made[0], abs=0.05)
    blocks = json.loads((tmp_path / "run" / "findings.json").read_text())["sections"]["process"]
    (told,) = [block for block in blocks if block.get("title") == "Tokens, their numbers, their embeddings"]
    assert [row[0] for row in told["rows"]][:4] == ["Me", "##er", "##kat", "##s"] and len(told["rows"]) == 14
    assert any(block.get("title") == "The given embeddings on a map" for block in blocks)
    capsys.readouterr()
    assert main([*run, "--init", str(tmp_path / "none"), "--out", str(tmp_path / "other")]) == 2
    assert "There is no folder" in capsys.readouterr().err and not (tmp_path / "other").exists()
