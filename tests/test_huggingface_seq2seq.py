"""Folders of T5, BART and Marian as transformers writes and reads them, both ways, and folders that must be refused."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer as Fast
from tokenizers import processors
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    T5Config,
    T5ForConditionalGeneration,
)

from maquette.data.text.vocabularies import train_tokenizer
from maquette.huggingface_seq2seq import read_seq2seq, write_seq2seq
from maquette.models.encoder_decoder import Seq2Seq
from maquette.settings import UserError

TEXT = "It was the best of times, it was the worst of times; “naïve” 東京 🦦\n\n  Let's go on!\n"
T5_SIZES = {"d_model": 24, "d_kv": 10, "d_ff": 40, "num_layers": 2, "num_decoder_layers": 3, "num_heads": 3}
BART_SIZES = {
    "d_model": 24,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 3,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 36,
    "max_position_embeddings": 40,
    "pad_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
}


def t5(vocabulary, **values):
    sizes = T5_SIZES | {"relative_attention_max_distance": 20, "relative_attention_num_buckets": 8}
    return T5ForConditionalGeneration(T5Config(vocab_size=vocabulary, decoder_start_token_id=0, **sizes, **values))


def v11(vocabulary):
    return t5(vocabulary, feed_forward_proj="gated-gelu", tie_word_embeddings=False)


def bart(vocabulary, **values):
    return BartForConditionalGeneration(BartConfig(vocab_size=vocabulary, **BART_SIZES, **values))


def marian(vocabulary, **values):
    return MarianMTModel(MarianConfig(vocab_size=vocabulary, **BART_SIZES, **values))


THEIRS = {
    "t5": t5,
    "t5 version 1.1": v11,
    "bart": bart,
    "bart with scaled embeddings": lambda v: bart(v, scale_embedding=True, activation_function="relu"),
    "marian": lambda v: marian(v, scale_embedding=True, activation_function="swish"),
    "marian with two embeddings": lambda v: marian(v, share_encoder_decoder_embeddings=False),
}


def their_folder(folder, kind="t5", head=False):
    """A folder as transformers saves it, with a byte-level BPE that ends texts; with `head`, one that is not tied."""
    made = train_tokenizer("bpe", [TEXT * 20], 300)
    fast = Fast.from_str(made.definition)
    end = fast.id_to_token(1 if kind.startswith("t5") else 2)
    fast.post_processor = processors.TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, fast.token_to_id(end))]
    )
    torch.manual_seed(0)
    theirs = THEIRS[kind](len(made.vocabulary)).eval()
    for name, weight in theirs.named_parameters():
        if "embed_positions" not in name or kind == "bart":
            torch.nn.init.normal_(weight, std=0.3)
    theirs.save_pretrained(folder)
    if head:
        tensors = load_file(folder / "model.safetensors")
        tensors["lm_head.weight"] = torch.randn(len(made.vocabulary), 24)
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        theirs = type(theirs).from_pretrained(folder).eval()
    fast.save(str(folder / "tokenizer.json"))
    return theirs, fast


def batch(vocabulary):
    g = torch.Generator().manual_seed(1)
    source, written = (torch.randint(3, vocabulary, (3, n), generator=g) for n in (31, 26))
    known = torch.arange(31) < torch.tensor([31, 7, 20])[:, None]
    return source, written, known


def same_logits(ours, theirs):
    source, written, known = batch(ours.vocabulary)
    with torch.no_grad():
        expected = theirs(input_ids=source, attention_mask=known.long(), decoder_input_ids=written).logits
        torch.testing.assert_close(ours(source, written, known), expected, atol=1e-4, rtol=1e-4)
        expected = theirs(input_ids=source, decoder_input_ids=written).logits
        torch.testing.assert_close(ours(source, written), expected, atol=1e-4, rtol=1e-4)
    return expected


@pytest.mark.parametrize("head", [False, True], ids=["tied", "own head"])
@pytest.mark.parametrize("kind", THEIRS)
def test_their_folder_gives_the_same_logits_and_tokens_here(tmp_path, kind, head):
    if head and "bart" in kind:
        pytest.skip("transformers has no BART with a head of its own")
    theirs, fast = their_folder(tmp_path, kind, head)
    ours, framed = read_seq2seq(tmp_path)
    assert same_logits(ours, theirs).std() > 0.05
    tokens = framed.tokenizer.encode(TEXT).tolist()
    assert [*framed.before, *tokens, *framed.after] == fast.encode(TEXT).ids
    assert framed.after == [ours.end]
    assert sum(w.numel() for w in ours.parameters()) == sum(
        w.numel() for name, w in theirs.named_parameters() if "embed_positions" not in name or "bart" in kind
    )


@pytest.mark.parametrize("head", [False, True], ids=["tied", "own head"])
@pytest.mark.parametrize("kind", THEIRS)
def test_our_folder_gives_the_same_logits_and_tokens_there(tmp_path, kind, head):
    if head and "bart" in kind:
        pytest.skip("transformers has no BART with a head of its own")
    _, fast = their_folder(tmp_path / "theirs", kind, head)
    ours, framed = read_seq2seq(tmp_path / "theirs")
    (tmp_path / "ours").mkdir()
    write_seq2seq(ours, framed, tmp_path / "ours")
    same_logits(ours, AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "ours").eval())
    assert AutoTokenizer.from_pretrained(tmp_path / "ours").encode(TEXT) == fast.encode(TEXT).ids
    again, read = read_seq2seq(tmp_path / "ours")
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), ours.state_dict().values(), strict=True))
    assert (read.before, read.after) == (framed.before, framed.after)
    assert [getattr(again, n) for n in ("start", "pad", "end", "dropout")] == [
        ours.start,
        ours.pad,
        ours.end,
        ours.dropout,
    ]


@pytest.mark.parametrize("kind", THEIRS)
def test_cached_equals_whole_and_batch_equals_single(tmp_path, kind):
    their_folder(tmp_path, kind)
    ours, _ = read_seq2seq(tmp_path)
    source, written, known = batch(ours.vocabulary)
    with torch.inference_mode():
        whole = ours(source, written, known)
        memory = ours.encode(source, known)
        cache = ours.new_cache(memory, known, 1, 30)

        def read(count):
            at = cache.length
            return ours.logits(ours.decode(written[:, at : at + count], None, cache=cache)[:, -1])

        steps = [read(count) for count in (4, 1, 1, 1, 1, 1, 3)]
        torch.testing.assert_close(torch.stack(steps, 1), whole[:, [3, 4, 5, 6, 7, 8, 11]], atol=1e-5, rtol=1e-4)
        cache = ours.new_cache(memory, known, 2, 30)
        for at in range(3):
            ours.read(written[:, at].repeat_interleave(2), cache)
        left = torch.tensor([2, 0])
        cache.choose(torch.tensor([5, 4, 0, 0]), left)
        found = ours.read(written[left, 3].repeat_interleave(2), cache)
        torch.testing.assert_close(found, whole[left, 3].repeat_interleave(2, 0), atol=1e-5, rtol=1e-4)
        for row in range(3):
            alone = ours(source[row : row + 1, : int(known[row].sum())], written[row : row + 1])
            torch.testing.assert_close(alone[0], whole[row], atol=1e-5, rtol=1e-4)


def test_gradients_are_theirs(tmp_path):
    """Of the embedding, and of T5's distances: the loss goes back through all."""
    for kind in ("t5 version 1.1", "bart"):
        theirs, _ = their_folder(tmp_path / kind, kind)
        ours, _ = read_seq2seq(tmp_path / kind)
        source, written, known = batch(ours.vocabulary)
        ours(source, written, known).square().mean().backward()
        theirs(
            input_ids=source, attention_mask=known.long(), decoder_input_ids=written
        ).logits.square().mean().backward()
        pairs = [(ours.embedding.weight, theirs.get_input_embeddings().weight)]
        if kind != "bart":
            stack = theirs.decoder.block[0].layer[0].SelfAttention
            pairs.append((ours.decoder_distances.weight, stack.relative_attention_bias.weight))
        for mine, other in pairs:
            torch.testing.assert_close(mine.grad, other.grad, atol=1e-4, rtol=1e-3)


def change(folder, **values):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


def with_tensors(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def sentencepiece(folder, *names):
    (folder / "tokenizer.json").unlink()
    for name in names:
        (folder / name).write_bytes(b"x")


BROKEN = {
    "of no kind": (lambda f: change(f, model_type=["t5"]), r"'t5'\]; what can be read are t5, bart, marian"),
    "of another kind": (lambda f: change(f, model_type="pegasus"), "'pegasus'; what can be read are t5, bart, marian"),
    "no config": (lambda f: (f / "config.json").unlink(), "no config.json"),
    "a size that is missing": (lambda f: change(f, d_ff=None), "d_ff"),
    "another activation": (lambda f: change(f, feed_forward_proj="gated-mish"), "activation 'mish'"),
    "a missing tensor": (
        lambda f: with_tensors(f, lambda t: t.pop("decoder.block.1.layer.1.EncDecAttention.q.weight")),
        r"lacks 1 tensors: decoder\.block\.1",
    ),
    "an extra tensor": (lambda f: with_tensors(f, lambda t: t.update(lora=torch.zeros(2))), "1 tensors that T5.*lora"),
    "another shape": (lambda f: change(f, d_kv=9), r"has the shape \(30, 24\)"),
    "pickled": (
        lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
        r"pytorch_model\.bin.*run code.*save_pretrained",
    ),
    "no tokenizer": (lambda f: sentencepiece(f), r"no tokenizer\.json"),
    "pieces only": (lambda f: sentencepiece(f, "spiece.model"), r"only as spiece\.model.*AutoTokenizer"),
    "Marian's pieces only": (lambda f: sentencepiece(f, "source.spm", "vocab.json"), r"source\.spm.*needs a tokenizer"),
    "a damaged tokenizer": (lambda f: (f / "tokenizer.json").write_text("{}"), "tokenizer cannot be read"),
    "a tokenizer of another model": (lambda f: other_size(f), "not of one model"),
}


def other_size(folder):
    change(folder, vocab_size=50)
    with_tensors(folder, lambda t: t.update({"shared.weight": t["shared.weight"][:50]}))


@pytest.mark.parametrize("name", BROKEN)
def test_a_folder_that_cannot_be_read_is_refused_in_a_sentence(tmp_path, name):
    their_folder(tmp_path)
    spoil, words = BROKEN[name]
    spoil(tmp_path)
    with pytest.raises(UserError, match=words):
        read_seq2seq(tmp_path)


def test_older_files_say_the_embedding_several_times(tmp_path):
    theirs, _ = their_folder(tmp_path)

    def again(tensors):
        for name in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"):
            tensors[name] = tensors["shared.weight"].clone()
        tensors["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = torch.ones(8, 3)

    with_tensors(tmp_path, again)
    same_logits(read_seq2seq(tmp_path)[0], theirs)


def test_larger_models_come_in_several_files(tmp_path):
    theirs, _ = their_folder(tmp_path, "bart")
    (tmp_path / "model.safetensors").unlink()
    theirs.save_pretrained(tmp_path, max_shard_size="20KB")
    assert (tmp_path / "model.safetensors.index.json").exists()
    ours, _ = read_seq2seq(tmp_path)
    assert isinstance(ours, Seq2Seq)
    same_logits(ours, theirs)
