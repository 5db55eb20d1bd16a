"""Tokens on disk: the same as from the whole text at once, however often the encoding was interrupted."""

import json

import numpy as np
import pytest

from maquette.data.text import shards
from maquette.data.text.documents import open_texts
from maquette.data.text.shards import Tokens, digest_of, encode_texts, open_tokens
from maquette.data.text.vocabularies import train_tokenizer
from maquette.settings import UserError

STORY = "".join(
    f"{number}: The old man's dog — it was late — didn't see {number % 7} meerkats.\n" for number in range(400)
)
HALF = {"test_share": 0.25, "seed": 0}


@pytest.fixture
def small(monkeypatch):
    """Pieces, batches and files of a few hundred letters."""
    monkeypatch.setattr("maquette.data.text.documents.PIECE", 256)
    monkeypatch.setattr(shards, "BATCH", 700)
    monkeypatch.setattr(shards, "SHARD_TOKENS", 500)


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "story.txt"
    path.write_text(STORY, encoding="utf-8")
    return open_texts(path)


def all_of(folder, part, **options):
    tokens = open_tokens(folder, part, **options)
    return tokens.take(0, len(tokens))


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece", "words", "characters"])
def test_in_pieces_as_at_once(tmp_path, texts, small, kind):
    tokenizer = train_tokenizer(kind, [STORY[:4000]], 300)
    manifest = encode_texts(texts, tokenizer, tmp_path / "tokens", **HALF)
    size = len(STORY.encode())
    kept = STORY.encode()[: int(0.75 * size)].decode()
    for part, whole in (("train", kept), ("test", STORY[len(kept) :])):
        expected = tokenizer.encode(whole)
        assert all_of(tmp_path / "tokens", part, verify=True).tolist() == [*expected, tokenizer.end]
        told = manifest["parts"][part]
        assert told["bytes"] == len(whole.encode()) and told["documents"] == 1
        assert told["unknown"] == (0 if tokenizer.unknown is None else (expected == tokenizer.unknown).sum())
    assert len(manifest["parts"]["train"]["files"]) > 5
    assert manifest["is_whole"] and manifest["dtype"] == "uint16" and manifest["undecodable"] == 0


class Killed(Exception):
    pass


def interrupt(tokenizer, at, monkeypatch):
    """Lets the encoding fail at a call; the list grows by one a call."""
    encode, calls = tokenizer.encode_batch, []

    def encode_some(pieces):
        calls.append(len(pieces))
        if len(calls) == at:
            raise Killed
        return encode(pieces)

    monkeypatch.setattr(tokenizer, "encode_batch", encode_some)
    return calls


@pytest.mark.parametrize("at", [1, 3, 4, 9, 20])
def test_interrupted_and_gone_on_gives_the_same_bytes(tmp_path, texts, small, at, monkeypatch):
    tokenizer = train_tokenizer("bpe", [STORY[:4000]], 300)
    whole = encode_texts(texts, tokenizer, tmp_path / "whole", **HALF)
    calls = interrupt(tokenizer, at, monkeypatch)
    with pytest.raises(Killed):
        encode_texts(texts, tokenizer, tmp_path / "tokens", **HALF)
    assert encode_texts(open_texts(texts.path), tokenizer, tmp_path / "tokens", **HALF) == whole
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "tokens").iterdir())
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "tokens" / name).read_bytes()
    if at > 4:
        assert sum(calls[at:]) < whole["pieces"], "what stood in files is not encoded again"
    calls.clear()
    encode_texts(texts, tokenizer, tmp_path / "tokens", **HALF)
    assert not calls, "a whole folder is taken as it is"


def test_a_file_written_before_the_manifest_knew_is_written_again(tmp_path, texts, small, monkeypatch):
    tokenizer = train_tokenizer("bpe", [STORY[:4000]], 300)
    encode_texts(texts, tokenizer, tmp_path / "whole", **HALF)
    alone, calls = shards.written_alone, 0

    def fail_on_manifest(path):
        nonlocal calls
        calls += path.name == "manifest.json"
        if calls == 3:
            raise Killed
        return alone(path)

    monkeypatch.setattr(shards, "written_alone", fail_on_manifest)
    with pytest.raises(Killed):
        encode_texts(texts, tokenizer, tmp_path / "tokens", **HALF)
    monkeypatch.setattr(shards, "written_alone", alone)
    encode_texts(texts, tokenizer, tmp_path / "tokens", **HALF)
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "tokens" / path.name).read_bytes()


def test_rows_and_what_was_wrong_with_them_survive_an_interruption(tmp_path, small, monkeypatch):
    rows = [json.dumps({"text": f"row {number} of some words"}) for number in range(300)]
    rows[10] = "{"
    rows[200] = '{"text": "bad \udcff"}'
    path = tmp_path / "rows.jsonl"
    path.write_bytes("\n".join(rows).encode("utf-8", "surrogateescape"))
    tokenizer = train_tokenizer("bpe", ["row of some words 0123456789"], 280)
    interrupt(tokenizer, 7, monkeypatch)
    with pytest.raises(Killed):
        encode_texts(open_texts(path), tokenizer, tmp_path / "tokens", test_share=0.2, seed=1)
    manifest = encode_texts(open_texts(path), tokenizer, tmp_path / "tokens", test_share=0.2, seed=1)
    assert manifest["broken_rows"] == 1 and manifest["undecodable"] == 1
    parts = manifest["parts"]
    assert parts["train"]["documents"] + parts["test"]["documents"] == 299
    for part in ("train", "test"):
        assert (all_of(tmp_path / "tokens", part) == tokenizer.end).sum() == parts[part]["documents"]


def test_progress_counts_bytes(tmp_path, texts, small):
    told = []
    tokenizer = train_tokenizer("characters", [STORY], 300)
    encode_texts(texts, tokenizer, tmp_path / "tokens", **HALF, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (texts.size, texts.size) and told == sorted(told)


def test_a_large_vocabulary_takes_wider_numbers(tmp_path, texts):
    tokenizer = train_tokenizer("characters", ["".join(map(chr, range(0x20000, 0x20000 + 66_000))) + STORY], 70_000)
    manifest = encode_texts(texts, tokenizer, tmp_path / "tokens", **HALF)
    assert manifest["dtype"] == "uint32"
    assert all_of(tmp_path / "tokens", "train")[:20].tolist() == tokenizer.encode(STORY[:20]).tolist()


# -- damage ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, texts, small):
    encode_texts(texts, train_tokenizer("bpe", [STORY[:4000]], 300), tmp_path / "tokens", **HALF)
    return tmp_path / "tokens"


def test_damaged_files_are_named_with_their_checksum(folder):
    path = folder / "train-00002.bin"
    known = json.loads((folder / "manifest.json").read_text())["parts"]["train"]["files"][2]["sha256"]
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    path.write_bytes(content)
    open_tokens(folder, "train")
    with pytest.raises(UserError, match=rf"train-00002\.bin is damaged: its sha256 is not {known[:12]}.*; remove"):
        open_tokens(folder, "train", verify=True)
    open_tokens(folder, "test", verify=True)
    path.write_bytes(content[:-2])
    with pytest.raises(UserError, match="damaged"):
        open_tokens(folder, "train")
    path.unlink()
    with pytest.raises(UserError, match="damaged"):
        open_tokens(folder, "train")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1}', '{"format": 1, "parts": 3}'])
def test_a_damaged_manifest_says_how_to_go_on(folder, texts, content):
    (folder / "manifest.json").write_text(content)
    tokenizer = train_tokenizer("bpe", [STORY[:4000]], 300)
    for read in (lambda: open_tokens(folder, "train"), lambda: encode_texts(texts, tokenizer, folder, **HALF)):
        with pytest.raises(UserError, match=r"manifest\.json is damaged; remove .* to encode anew"):
            read()
    (folder / "manifest.json").write_text('{"format": 99, "parts": {"train": {}, "test": {}}}')
    with pytest.raises(UserError, match="another Maquette"):
        open_tokens(folder, "train")


def test_the_name_tells_texts_tokenizers_and_splits_apart(tmp_path, texts):
    tokenizer = train_tokenizer("characters", [STORY], 300)
    names = {
        digest_of(texts, tokenizer, 0.1, 0),
        digest_of(texts, tokenizer, 0.2, 0),
        digest_of(texts, tokenizer, 0.1, 1),
        digest_of(texts, train_tokenizer("words", [STORY], 300), 0.1, 0),
    }
    assert digest_of(open_texts(texts.path), tokenizer, 0.1, 0) in names and len(names) == 4
    texts.path.write_text(STORY + ".", encoding="utf-8")
    assert digest_of(open_texts(texts.path), tokenizer, 0.1, 0) not in names
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b\nsome words,other words\nx,y\n")
    assert digest_of(open_texts(rows, "a"), tokenizer, 0.1, 0) != digest_of(open_texts(rows, "b"), tokenizer, 0.1, 0)


# -- reading -----------------------------------------------------------------------------------------------------------


def test_windows_over_the_borders_of_files(folder):
    tokens = open_tokens(folder, "train")
    whole = np.concatenate([np.asarray(array) for array in tokens.arrays])
    assert len(tokens.arrays) > 5 and len(tokens) == len(whole)
    starts = np.array([0, 3, *(tokens.starts[1:4] - 5), len(whole) - 64])
    windows = tokens.windows(starts, 64)
    assert windows.dtype == np.int64 and windows.shape == (6, 64)
    for start, window in zip(starts, windows, strict=True):
        assert window.tolist() == whole[start : start + 64].tolist()
    assert tokens.take(len(whole) - 3, 10).tolist() == whole[-3:].tolist()
    assert len(tokens.take(len(whole) + 3, 10)) == 0
    one = Tokens([whole])
    assert one.windows(starts, 64).tolist() == windows.tolist()


def test_a_part_without_tokens_is_empty(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "only one"}\n')
    encode_texts(
        open_texts(path), train_tokenizer("words", ["only one"], 300), tmp_path / "tokens", test_share=0.1, seed=0
    )
    assert sorted(len(open_tokens(tmp_path / "tokens", part, verify=True)) for part in ("train", "test")) == [0, 3]
