"""Text for recipes: collected, looked at, cut into tokens, and what counting and packing make of it."""

import math
import os
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from maquette.data.cache import cache_folder
from maquette.data.sets.fetching import resolve
from maquette.data.text.documents import Texts, open_texts
from maquette.data.text.shards import Tokens, digest_of, encode_texts, open_tokens, read_manifest
from maquette.data.text.tokenizers import WORDS, Kind, Tokenizer, load_tokenizer, unknown_parts
from maquette.data.text.vocabularies import train_tokenizer
from maquette.data.words import of_many
from maquette.figures.text import ranks
from maquette.methods.ngrams import Trigram
from maquette.progress import Progress
from maquette.runs import Run
from maquette.settings import UserError

SOURCE = "tinyshakespeare"
LOOKED_AT = 1 << 23  # characters that the analysis looks at
LEARNT_FROM = 1 << 25  # characters of the training part that the tokenizer learns from
COUNTED = 5_000_000  # training tokens that the trigram counts
PACKED = 1 << 24  # bytes of held-out text that gzip packs
FEWEST = 64  # tokens of training text
MOST_STARTS = 2_000  # lines of a piece that are looked at for prompts


@dataclass(frozen=True)
class Split:
    """Texts in a training and a test part."""

    texts: Texts
    test_share: float
    seed: int

    def part(self, name: str) -> Iterator[str]:
        """The text of one part, piece by piece."""
        return (piece.text for piece in self.texts.pieces(self.test_share, self.seed) if piece.part == name)


@dataclass(frozen=True)
class Corpus:
    """The tokens of both parts on disk, with the tokenizer that made them and how many bytes of text they are."""

    split: Split
    tokenizer: Tokenizer
    train: Tokens
    test: Tokens
    test_bytes: int


def collect_texts(data: str | None, field: str | None, run: Run) -> Texts:
    """The documents at `data`; of rows, what stands in `field`, which is found if not given."""
    found = resolve(data, SOURCE)
    texts = open_texts(found.path, field)
    run.record_source(found, files=len(texts.entries), bytes=texts.size, notes=texts.notes())
    return texts


def analyze_texts(texts: Texts, run: Run) -> dict[str, Any]:
    """What the text is made of, by a look at its start."""
    sample = texts.sample(LOOKED_AT)
    letters, words = Counter(sample), Counter(word.lower() for word in WORDS.findall(sample) if word.isalpha())
    if len(sample) >= LOOKED_AT:
        run.say(f"Looked at: the first {LOOKED_AT:,} characters.")
    numbers = {
        "characters": len(sample),
        "lines": sample.count("\n") + 1,
        "words": words.total(),
        "different characters": len(letters),
        "different words": len(words),
    }
    for name, value in numbers.items():
        run.fact(name.capitalize(), value)
    start = sample[:600].rsplit(" ", 1)[0]
    run.table("How it begins", pd.DataFrame({"text": [line for line in start.splitlines() if line.strip()][:12]}))
    common = [repr(letter)[1:-1] if not letter.strip() else letter for letter, _ in letters.most_common(10)]
    run.table(
        "The commonest characters",
        pd.DataFrame({"character": common, "share": [n / len(sample) for _, n in letters.most_common(10)]}),
    )
    if len(words) > 10:
        run.picture(
            "words",
            ranks(dict(words.most_common())),
            "Words by how often they occur",
            "On such axes the words of a language lie near a falling line (Zipf 1949): few words are most of a text, "
            "and most words are too rare to learn much about.",
        )
    return numbers


def prepare_corpus(
    texts: Texts, run: Run, *, tokenizer: Kind | Tokenizer, vocabulary: int, test_share: float, seed: int
) -> Corpus:
    """Tokens of both parts, made once and kept in the cache.

    Of a tokenizer's kind, one of at most `vocabulary` tokens is learnt from the training part.
    """
    split = Split(texts, test_share, seed)
    told: list[Any] = [None, None]
    if run.is_main:
        try:
            chosen = learnt(split, tokenizer, vocabulary) if isinstance(tokenizer, str) else tokenizer
            folder = token_folder(split, chosen)
            with closing(Progress("encoding", "byte")) as progress:
                encode_texts(texts, chosen, folder, test_share=test_share, seed=seed, progress=progress.update)
            told = [chosen.state(), folder]
        except UserError as error:
            told = [error, None]
    if run.processes > 1:
        torch.distributed.broadcast_object_list(told, src=0)
    if isinstance(told[0], UserError):
        raise told[0]
    made, folder = load_tokenizer(told[0]), told[1]
    train, test = (open_tokens(folder, part, verify=run.is_main) for part in ("train", "test"))
    manifest = read_manifest(folder)
    say_tokens(made, manifest, vocabulary, run)
    if len(train) < FEWEST:
        raise UserError(
            f"{texts.path} gives {len(train)} tokens to train on, and a language model needs at least {FEWEST}; "
            "give more text, or a tokenizer with smaller tokens."
        )
    if len(test) < 3:
        raise UserError(
            f"The test part of {texts.path} has {len(test)} tokens; give more text or a larger --test-share."
        )
    return Corpus(split, made, train, test, manifest["parts"]["test"]["bytes"])


def learnt(split: Split, kind: Kind, vocabulary: int) -> Tokenizer:
    """A tokenizer of the training part, or of the first of it where that is very long."""

    def training() -> Iterator[str]:
        left = LEARNT_FROM
        for text in split.part("train"):
            yield text
            left -= len(text)
            if left < 0:
                return

    return train_tokenizer(kind, training(), vocabulary)


def token_folder(split: Split, tokenizer: Tokenizer) -> Path:
    """Where the tokens are kept: in the cache, or in a temporary folder where that cannot be written."""
    name = digest_of(split.texts, tokenizer, split.test_share, split.seed)
    for folder in (cache_folder() / "tokens" / name, Path(tempfile.gettempdir()) / "maquette-tokens" / name):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise UserError(f"{cache_folder()} cannot be written; set MAQUETTE_CACHE to a folder that can.")


def say_tokens(tokenizer: Tokenizer, manifest: dict[str, Any], asked: int, run: Run) -> None:
    """How many tokens there are, and what the tokenizer cannot give back."""
    train, test = (manifest["parts"][part] for part in ("train", "test"))
    tokens = {name: sum(file["tokens"] for file in part["files"]) for name, part in manifest["parts"].items()}
    run.fact("Tokenizer", tokenizer.kind)
    run.fact("Vocabulary", len(tokenizer.vocabulary), "tokens")
    run.fact("Training tokens", tokens["train"])
    run.fact("Test tokens", tokens["test"])
    run.fact("Bytes a token", round(train["bytes"] / max(1, tokens["train"]), 3))
    if tokenizer.kind not in ("characters", "huggingface") and len(tokenizer.vocabulary) < asked:
        run.say(
            f"The text yields only {len(tokenizer.vocabulary):,} tokens; --vocabulary asked for up to {asked:,}: "
            "there is no more in it to tell apart."
        )
    if manifest["undecodable"]:
        are = of_many(manifest["undecodable"], "byte is", "bytes are")
        run.warn(f"{are} no text in their file's encoding; U+FFFD (\N{REPLACEMENT CHARACTER}) stands for each.")
    if manifest["broken_rows"]:
        run.warn(f"{of_many(manifest['broken_rows'], 'row was', 'rows were')} left out, without readable text.")
    if test["unknown"]:
        share = test["unknown"] / max(1, tokens["test"])
        run.warn(
            f"{of_many(test['unknown'], 'token', 'tokens')} of the test part ({share:.2%}) never seen in training: all "
            "such count as one token, so losses look better than they are; compare with care."
        )
    if not tokenizer.is_lossless:
        run.say(f"Tokens of the kind {tokenizer.kind} lose white space, and bits_per_byte does not count what is lost.")
    run.say(
        "The test part is "
        + ("documents drawn at random" if test["documents"] > 1 else "the end of the text")
        + ", kept from the tokenizer and from training; nothing is chosen by it."
    )


def scores_of(loss: float, corpus: Corpus) -> dict[str, float]:
    """loss in nats a token; bits_per_byte = loss tokens / (ln 2 bytes); perplexity = e^loss."""
    return {
        "loss": loss,
        "bits_per_byte": loss * len(corpus.test) / (math.log(2) * corpus.test_bytes),
        "perplexity": math.exp(min(loss, 700)),
    }


def counted_baselines(corpus: Corpus) -> dict[str, dict[str, float]]:
    """What counting single tokens and three in a row reach on the test part, and gzip in bits per byte."""
    test = corpus.test.take(0, len(corpus.test))
    counted = Trigram(corpus.train.take(0, COUNTED), len(corpus.tokenizer.vocabulary))
    found = {
        name: scores_of(counted.loss(test, length), corpus)
        for name, length in (("unigram", 1), ("trigram with backoff", 3))
    }
    return {**found, "gzip": {"bits_per_byte": gzip_bits(corpus.split)}}


def gzip_bits(split: Split) -> float:
    """Bits a byte of the test part as gzip packs it at its best."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    size = packed = 0
    for text in split.part("test"):
        data = text.encode("utf-8", "replace")
        size += len(data)
        packed += len(packer.compress(data))
        if size >= PACKED:
            break
    return 8 * (packed + len(packer.flush())) / max(1, size)


def starts_of(corpus: Corpus, count: int, length: int = 60) -> list[str]:
    """How some lines of the test part begin, those that the vocabulary can write: prompts to go on from.

    Where there are none, the first words of the vocabulary.
    """
    tokenizer = corpus.tokenizer
    found: list[str] = []
    for text in corpus.split.part("test"):
        lines = [line.strip()[:length].rsplit(" ", 1)[0] for line in text.splitlines() if len(line.strip()) > 20]
        known = [line for line in lines[:MOST_STARTS] if line and not unknown_parts(tokenizer, line)]
        step = max(1, len(known) // count)
        found += known[step // 2 :: step]
        if len(found) >= count:
            break
    return found[:count] or [tokenizer.decode(range(2, min(5, len(tokenizer.vocabulary))))]
