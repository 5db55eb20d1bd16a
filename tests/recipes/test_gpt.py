"""The GPT recipe: what it says and refuses, fine-tuning, writing, and the way to Hugging Face and back."""

import json
import math

import numpy as np
import pytest
import torch
from small_runs import run_together

import maquette
from maquette.cli import main
from maquette.data.text.tokenizers import load_tokenizer
from maquette.families.language_models import steps_for
from maquette.families.writing import Stopped

SMALL = ["--preset", "small", "--steps", "12"]


def run(folder, *flags):
    return main(["run", "gpt", *SMALL, "--out", str(folder), *flags])


def read(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def said(folder, kind=None):
    blocks = [block for blocks in read(folder, "findings.json")["sections"].values() for block in blocks]
    return " ".join(str(block.get("text", block.get("title", ""))) for block in blocks if kind in (None, block["kind"]))


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A file whose every letter is known: lines that count."""
    path = tmp_path_factory.mktemp("text") / "lines.txt"
    lines = [f"{n} bottles of milk stand on the wall, {n} bottles of milk.\n" for n in range(999, 500, -1)]
    path.write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("runs") / "gpt"
    assert run(folder, "--data", str(text), "--network", "gpt2", "--steps", "150") == 0
    return folder


def test_the_scores_are_one_thing_in_three_units(trained, text):
    scores, baselines = read(trained, "scores.json")["scores"], read(trained, "scores.json")["baselines"]
    assert scores["perplexity"] == pytest.approx(math.exp(scores["loss"]))
    size = text.stat().st_size - int(0.9 * text.stat().st_size)
    processing = maquette.open(trained).processing
    tokens = len(load_tokenizer(processing["tokenizer"]).encode(text.read_text()[-size:])) + 1
    assert scores["bits_per_byte"] == pytest.approx(scores["loss"] / math.log(2) * tokens / size, rel=1e-6)
    assert set(baselines) == {"unigram", "trigram with backoff", "gzip"}
    assert scores["bits_per_byte"] < baselines["unigram"]["bits_per_byte"]
    import gzip

    packed = 8 * len(gzip.compress(text.read_bytes()[-size:], 9)) / size
    assert baselines["gzip"]["bits_per_byte"] == pytest.approx(packed, rel=1e-3)


def test_the_loss_is_that_of_the_saved_network_on_the_last_tenth(trained, text):
    predictor = maquette.open(trained)
    tokenizer = load_tokenizer(predictor.processing["tokenizer"])
    content = text.read_text()
    tokens = np.append(tokenizer.encode(content[int(0.9 * len(content)) :]), tokenizer.end).astype(np.int64)
    context, losses = predictor.processing["context"], []
    for start in range(0, len(tokens) - 1, context):
        window = torch.from_numpy(tokens[start : start + context + 1])
        with torch.no_grad():
            logs = predictor.model(window[None, :-1])[0].log_softmax(-1)
        losses += (-logs.gather(1, window[1:, None])[:, 0]).tolist()
    assert np.mean(losses) == pytest.approx(read(trained, "scores.json")["scores"]["loss"], rel=1e-4)


def test_the_report_shows_what_was_promised(trained):
    titles = said(trained, "picture")
    for word in ("Cross entropy", "What comes after", "Where each token looks", "embeddings"):
        assert word in titles
    assert "What it wrote as training went on" in said(trained, "table")


def test_text_comes_as_it_is_written(trained, capsys):
    assert main(["predict", str(trained), "700 bottles", "--tokens", "30", "--strategy", "greedy"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("700 bottles of milk")
    assert out.rstrip("\n") == "700 bottles" + maquette.open(trained).predict(
        "700 bottles", tokens=30, strategy="greedy"
    ).rstrip("\n")


def test_pieces_are_written_in_inference_mode_whoever_takes_them(trained):
    run = maquette.open(trained)
    read, modes = run.model.read, []
    run.model.read = lambda *given: (modes.append(torch.is_inference_mode_enabled()), read(*given))[1]
    (answer,) = run.answers("write", ["700 bottles"], {"tokens": 5})
    assert not modes  # nothing is written before the first piece is asked for
    for piece in answer.pieces:
        assert len(piece) == 1 and not torch.is_inference_mode_enabled()
    assert modes == [True] * 5


def test_several_continuations_from_one_seed(trained, capsys):
    predictor = maquette.open(trained)
    three = predictor.predict("700", samples=3, tokens=40, seed=2, temperature=2.0)
    assert len(set(three)) == 3 and predictor.predict("700", samples=3, tokens=40, seed=2, temperature=2.0) == three
    assert (
        main(["predict", str(trained), "700", "--samples", "3", "--tokens", "40", "--seed", "2", "--temperature", "2"])
        == 0
    )
    assert capsys.readouterr().out.rstrip("\n").split("\n---\n") == [
        ("700" + each).rstrip("\n") for each in three[:2]
    ] + [("700" + three[2]).rstrip("\n")]
    assert predictor.predict(["700", "600"], tokens=3, strategy="greedy")[0] == predictor.predict(
        "700", tokens=3, strategy="greedy"
    )


@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam"])
def test_it_ends_before_a_stop_string(trained, strategy):
    predictor = maquette.open(trained)
    whole = predictor.predict("700 bottles of", tokens=60, strategy=strategy, seed=1)
    stop = whole[len(whole) // 2 : len(whole) // 2 + 3]
    cut = predictor.predict("700 bottles of", tokens=60, strategy=strategy, seed=1, stop=stop)
    assert cut == whole[: whole.index(stop)]


def test_a_text_longer_than_the_context_is_said(trained, capsys):
    assert main(["predict", str(trained), "700 bottles of milk", "--tokens", "100"]) == 0
    captured = capsys.readouterr()
    assert "longer than the 32 tokens" in captured.err and "longer" not in captured.out


@pytest.mark.parametrize("strategy", ["sample", "beam"])
def test_a_page_explains_how_tokens_were_chosen(trained, tmp_path, strategy, capsys):
    out = tmp_path / "page.html"
    flags = ["--strategy", strategy, "--tokens", "12", "--explain", "--out", str(out)]
    assert main(["predict", str(trained), "700 <b>", *flags]) == 0
    page = out.read_text(encoding="utf-8")
    assert "<svg" in page and "700 &lt;b&gt;" in page and "<b>\n" not in page.split("<main")[1].split("700 ")[1][:10]
    assert ("beam tree" in page) == (strategy == "beam")
    assert capsys.readouterr().out == f"Made {out} with {trained}.\n"


def test_what_a_user_types_is_no_special_token(trained):
    tokens = load_tokenizer(maquette.open(trained).processing["tokenizer"]).encode("<|endoftext|>")
    assert len(tokens) > 1


def test_fine_tuning_starts_from_a_run_and_from_hugging_face(trained, text, tmp_path, capsys):
    other = tmp_path / "other.txt"
    other.write_text(text.read_text().replace("milk", "wine"))
    assert main(["export", str(trained), "--format", "huggingface", "--out", str(tmp_path / "hf")]) == 0
    assert "transformers.AutoModelForCausalLM" in capsys.readouterr().out
    for name, init in (("a", trained), ("b", tmp_path / "hf")):
        assert run(tmp_path / name, "--data", str(other), "--init", str(init)) == 0
        scores = read(tmp_path / name, "scores.json")
        before = scores["baselines"]["before fine-tuning"]
        assert (
            scores["scores"]["loss"] < before["loss"] < read(trained, "scores.json")["baselines"]["unigram"]["loss"] * 2
        )
        assert read(tmp_path / name, "model.json")["class"] == "GPT2"
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (tmp_path / "b" / "model.safetensors").read_bytes()


def test_what_hugging_face_lacks_is_not_exported(tmp_path, text, capsys):
    assert run(tmp_path / "ours", "--data", str(text)) == 0
    assert main(["export", str(tmp_path / "ours"), "--format", "huggingface"]) == 2
    assert "--network gpt2" in capsys.readouterr().err
    assert not (tmp_path / "ours" / "huggingface").exists()


@pytest.mark.parametrize("kind", ["characters", "words", "wordpiece", "unigram"])
def test_every_tokenizer_trains(tmp_path, text, kind):
    assert run(tmp_path / "run", "--data", str(text), "--tokenizer", kind, "--vocabulary", "600") == 0
    assert maquette.open(tmp_path / "run").predict("700 bottles", tokens=5)


REFUSED = {
    "empty": ("", [], "empty"),
    "tiny": ("Hello.", [], "tokens to train on"),
    "a prompt of nothing known": (None, [], ""),
    "heads": (None, ["--heads", "5"], r"--heads 5"),
    "no such init": (None, ["--init", "nowhere"], "no such folder"),
    "field of plain text": (None, ["--field", "text"], "no .jsonl or .csv"),
    "vocabulary below the bytes": (None, ["--vocabulary", "100"], "too small"),
}


@pytest.mark.parametrize("name", [name for name in REFUSED if name != "a prompt of nothing known"])
def test_bad_input_gets_one_sentence_and_leaves_nothing(tmp_path, text, capsys, name):
    content, flags, words = REFUSED[name]
    path = text
    if content is not None:
        path = tmp_path / "given.txt"
        path.write_text(content)
    assert run(tmp_path / "run", "--data", str(path), *flags) == 2
    error = capsys.readouterr().err
    assert words in error and len(error.strip().splitlines()) == 1 and "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_a_prompt_that_the_vocabulary_lacks_is_refused(tmp_path, text, capsys):
    assert run(tmp_path / "run", "--data", str(text), "--tokenizer", "characters") == 0
    assert main(["predict", str(tmp_path / "run"), "Käse 東"]) == 2
    assert "'K', 'ä', '東'" in capsys.readouterr().err


def test_a_short_text_gets_a_short_context(tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("The cat sat on the mat. The dog sat on the log. " * 12)
    assert run(tmp_path / "run", "--data", str(path), "--context", "512") == 0
    assert "The text is short" in said(tmp_path / "run", "warning")
    assert maquette.open(tmp_path / "run").model.context < 512


def test_a_vocabulary_larger_than_the_text_is_said(tmp_path, text):
    assert run(tmp_path / "run", "--data", str(text), "--vocabulary", "60000") == 0
    assert "yields only" in said(tmp_path / "run", "text")


def test_damaged_tokens_are_named(tmp_path, text, monkeypatch, capsys):
    monkeypatch.setenv("MAQUETTE_CACHE", str(tmp_path / "cache"))
    assert run(tmp_path / "a", "--data", str(text)) == 0
    (shard,) = (tmp_path / "cache" / "tokens").rglob("train-00000.bin")
    shard.write_bytes(bytes(len(shard.read_bytes())))
    assert run(tmp_path / "b", "--data", str(text)) == 2
    assert "train-00000.bin is damaged: its sha256 is not" in capsys.readouterr().err


def test_texts_from_python(tmp_path):
    texts = [f"The {n}th of {4 * n} sheep jumps over fence {n % 7}." for n in range(400)]
    result = maquette.run("gpt", data=texts, out=tmp_path / "run", preset="small", steps=10)
    assert read(result.folder, "settings.json")["data"]["files"] == 1
    assert "documents drawn at random" in said(result.folder)


@pytest.mark.parametrize("pieces", [["ab", "c", "de"], ["abcde"], ["a", "b", "c", "d", "e"]])
def test_stop_strings_over_the_borders_of_pieces(pieces):
    for stop, expected in ((None, "abcde"), ("cd", "ab"), ("e", "abcd"), ("x", "abcde"), ("ab", ""), ("dex", "abcde")):
        stopped = Stopped(stop)
        out = "".join("" if stopped.is_over else stopped.add(piece) for piece in pieces)
        if not stopped.is_over:
            out += stopped.add("", is_end=True)
        assert out == expected, stop


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_weights_spread_over_two_processes_learn_the_same(tmp_path, text, optimizer):
    flags = ["--data", str(text), "--optimizer", optimizer, "--steps", "20"]
    assert run(tmp_path / "one", *flags) == 0
    for name, more in (("two", []), ("spread", ["--shard"])):
        command = ["run", "gpt", *SMALL, *flags, *more, "--out", str(tmp_path / name)]
        run_together(tmp_path / name, *command, MAQUETTE_SAVE_SECONDS="0.05")
        for ours, other in zip(lines(tmp_path / "one"), lines(tmp_path / name), strict=True):
            assert other["loss"] == pytest.approx(ours["loss"], rel=2e-4)
            assert other["valid_loss"] == pytest.approx(ours["valid_loss"], rel=2e-4)
        assert read(tmp_path / name, "model.json") == read(tmp_path / "one", "model.json")
        assert read(tmp_path / name, "scores.json")["scores"]["loss"] == pytest.approx(
            read(tmp_path / "one", "scores.json")["scores"]["loss"], rel=2e-4
        )


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("tokens", "steps"), [(144_000, 843), (1_000_000, 2000), (100, 1), (30_000, 175)])
def test_a_short_text_is_gone_over_six_times(tokens, steps):
    assert steps_for(tokens, 8 * 128) == steps
