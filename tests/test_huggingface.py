"""Folders of GPT-2 as transformers writes and reads them, both ways, and folders that must be refused."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from support import bert_folder, random_gpt2
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoConfig,
)

from maquette.data.text.vocabularies import train_tokenizer
from maquette.huggingface import read_gpt2, read_table, write_gpt2
from maquette.models import GPT2
from maquette.settings import UserError

TEXT = "It was the best of times, it was the worst of times; “naïve” 東京 🦦\n\n  Let's go on!\n"


def their_folder(folder, vocabulary=None):
    """A folder as transformers saves it, with a byte-level BPE."""
    tokenizer = train_tokenizer("bpe", [TEXT * 20], 300)
    config = GPT2Config(
        vocab_size=vocabulary or len(tokenizer.vocabulary), n_embd=24, n_layer=2, n_head=3, n_positions=20
    )
    torch.manual_seed(0)
    model = GPT2LMHeadModel(config).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer.definition, encoding="utf-8")
    return model, tokenizer


def test_their_folder_gives_the_same_logits_and_tokens_here(tmp_path):
    theirs, tokenizer = their_folder(tmp_path)
    ours, read = read_gpt2(tmp_path)
    tokens = torch.randint(ours.vocabulary, (2, 20))
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), theirs(tokens).logits, atol=1e-4, rtol=1e-4)
    assert read.encode(TEXT).tolist() == tokenizer.encode(TEXT).tolist()
    assert read.decode(read.encode(TEXT)) == TEXT
    assert read.end == 0


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram", "characters", "words"])
def test_our_folder_gives_the_same_logits_and_tokens_there(tmp_path, kind):
    tokenizer = train_tokenizer(kind, [TEXT * 20], 320)
    torch.manual_seed(0)
    ours = GPT2(vocabulary=len(tokenizer.vocabulary), context=16, depth=2, width=24, heads=2, epsilon=1e-6).eval()
    for weight in ours.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    write_gpt2(ours, tokenizer, tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    tokens = torch.randint(ours.vocabulary, (2, 16))
    with torch.no_grad():
        torch.testing.assert_close(theirs(tokens).logits, ours(tokens), atol=1e-4, rtol=1e-4)
    fast = AutoTokenizer.from_pretrained(tmp_path)
    for text in (TEXT, "times it was", "best\nof all"):
        assert fast.encode(text, add_special_tokens=False) == tokenizer.encode(text).tolist()
    if kind in ("bpe", "unigram", "characters"):
        assert fast.decode(tokenizer.encode(TEXT)) == TEXT
    again, read = read_gpt2(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), ours.state_dict().values(), strict=True))
    assert again.epsilon == 1e-6
    assert read.decode(read.encode("it was the best of times")) == tokenizer.decode(
        tokenizer.encode("it was the best of times")
    )


def test_vocab_and_merges_as_gpt2_was_published_with(tmp_path):
    _, tokenizer = their_folder(tmp_path)
    model = json.loads(tokenizer.definition)["model"]
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "vocab.json").write_text(json.dumps(model["vocab"]), encoding="utf-8")
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in model["merges"]]
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    _, read = read_gpt2(tmp_path)
    assert read.encode(TEXT).tolist() == tokenizer.encode(TEXT).tolist()


def change(folder, **values):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


def without(folder, name):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    del tensors[name]
    save_file(tensors, path, {"format": "pt"})


def with_more(folder, name, tensor):
    path = folder / "model.safetensors"
    save_file(load_file(path) | {name: tensor}, path, {"format": "pt"})


def pickled(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02}q\x00.")


BROKEN = {
    "of another kind": (lambda f: f.joinpath("config.json").write_text(GPTNeoConfig().to_json_string()), "'gpt_neo'"),
    "no config": (lambda f: (f / "config.json").unlink(), "no config.json"),
    "damaged config": (lambda f: (f / "config.json").write_text("{"), "damaged"),
    "another activation": (lambda f: change(f, activation_function="relu"), "activation_function = 'relu'"),
    "a missing tensor": (
        lambda f: without(f, "transformer.h.1.attn.c_attn.weight"),
        r"lacks 1 tensors: h\.1\.attn\.c_attn",
    ),
    "an extra tensor": (lambda f: with_more(f, "transformer.h.0.lora", torch.zeros(2)), r"1 tensors that.*h\.0\.lora"),
    "another shape": (lambda f: change(f, n_positions=40), r"wpe\.weight has the shape \(20, 24\)"),
    "pickled weights": (pickled, r"pytorch_model\.bin.*run code.*save_pretrained"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), r"no model\.safetensors"),
    "damaged weights": (lambda f: (f / "model.safetensors").write_bytes(b"xx"), "damaged"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), r"no tokenizer\.json"),
    "a damaged tokenizer": (lambda f: (f / "tokenizer.json").write_text("{}"), "tokenizer cannot be read"),
    "a tokenizer of another model": (lambda f: change(f, vocab_size=50), "not of one model"),
    "an untied head": (lambda f: with_more(f, "lm_head.weight", torch.zeros(3, 24)), r"lm_head\.weight of its own"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_folder_that_cannot_be_read_is_refused_in_a_sentence(tmp_path, name):
    their_folder(tmp_path)
    spoil, words = BROKEN[name]
    spoil(tmp_path)
    with pytest.raises(UserError, match=words):
        read_gpt2(tmp_path)


def test_the_causal_masks_of_older_files_are_passed_over(tmp_path):
    their_folder(tmp_path)
    with_more(tmp_path, "transformer.h.0.attn.bias", torch.ones(1, 1, 20, 20))
    read_gpt2(tmp_path)


def test_larger_models_come_in_several_files(tmp_path):
    theirs, _ = their_folder(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    theirs.save_pretrained(tmp_path, max_shard_size="20KB")
    assert (tmp_path / "model.safetensors.index.json").exists()
    ours, _ = read_gpt2(tmp_path)
    tokens = torch.randint(ours.vocabulary, (1, 20))
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), theirs(tokens).logits, atol=1e-4, rtol=1e-4)


def test_our_names_of_weights_cover_theirs():
    theirs, ours = random_gpt2()
    assert sum(w.numel() for w in theirs.parameters()) == sum(w.numel() for w in ours.parameters())


def test_the_table_of_a_bert_is_read_with_its_word_pieces(tmp_path):
    """The course's listings: tokens, their numbers, their embeddings."""
    theirs, words = bert_folder(tmp_path)
    table = read_table(tmp_path)
    tokens = table.tokenizer.encode("Meerkats are small, social, and always ready for adventures").tolist()
    told = ["Me", "##er", "##kat", "##s", "are", "small", ",", "social", ",", "and", "always", "ready", "for"]
    assert [words[token] for token in tokens] == [*told, "adventures"]
    expected = theirs.embeddings.word_embeddings(torch.tensor(tokens))
    assert torch.equal(table.vectors[tokens], expected.detach())
    assert table.tokenizer.encode("meerkats")[0] == words.index("[UNK]")  # its letters are not made small


def test_what_holds_no_table_is_refused(tmp_path):
    with pytest.raises(UserError, match="There is no folder"):
        read_table(tmp_path / "none")
    save_file({"layer.weight": torch.ones(3, 4)}, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"embeddings, called word_embeddings\.weight, .*; it has layer"):
        read_table(tmp_path)
    save_file({"bert.embeddings.word_embeddings.weight": torch.ones(3, 4)}, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"holds no tokenizer.json"):
        read_table(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(["[UNK]", *"abcdef"]) + "\n")
    with pytest.raises(UserError, match=r"has 7 tokens, and .* the shape \(3, 4\); they are not of one model"):
        read_table(tmp_path)
