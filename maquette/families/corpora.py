"""Text for recipes: collected, looked at, cut into tokens, and what counting and packing make of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maquette.settings import UserError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from maquette.data.text.documents import Texts
    from maquette.data.text.shards import Tokens
    from maquette.data.text.tokenizers import Tokenizer
    from maquette.runs import Run

SOURCE = "tinyshakespeare"
LOOKED_AT = 1 << 23  # characters that the analysis looks at
LEARNT_FROM = 1 << 25  # characters of the training part that the tokenizer learns from
COUNTED = 5_000_000  # training tokens that the trigram counts
PACKED = 1 << 24  # bytes of held-out text that gzip packs
FEWEST = 64  # tokens of training text
MOST_STARTS = 2_000  # lines of a piece that are looked at for prompts


@dataclass(frozen=True)
class Corpus:
    """The tokens of both parts on disk, with the tokenizer that made them and how many bytes of text they are."""

    tokenizer: Tokenizer
    train: Tokens
    test: Tokens
    test_bytes: int


def collect_texts(settings: Any, run: Run) -> Texts:
    """The documents at `data`, with `field` where the settings have one."""
    from maquette.data.sets.sources import resolve
    from maquette.data.text.documents import open_texts

    found = resolve(settings.data, SOURCE)
    texts = open_texts(found.path, getattr(settings, "field", None))
    run.record_source(found, files=len(texts.entries), bytes=texts.size, notes=texts.notes())
    return texts


def analyze_texts(texts: Texts, run: Run) -> dict[str, Any]:
    """What the text is made of, by a look at its start."""
    from collections import Counter

    import pandas as pd

    from maquette.data.text.tokenizers import WORDS
    from maquette.figures.text import ranks

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


def language_model(folder: Path) -> tuple[Any, Tokenizer] | None:
    """Network and tokenizer of a run folder; None where it is a run of something else."""
    from maquette.checkpoints import load_model, load_state
    from maquette.data.text.tokenizers import load_tokenizer

    model, processing = load_model(folder), load_state(folder, "processing")
    if "tokenizer" not in processing or not hasattr(model, "context"):
        return None
    return model, load_tokenizer(processing["tokenizer"])


def prepare_corpus(texts: Texts, settings: Any, run: Run, *, tokenizer: Tokenizer | None = None) -> Corpus:
    """Tokens of both parts, made once and kept in the cache; without a tokenizer, one is learnt from the training part.

    Settings: `tokenizer` (a kind), `vocabulary` (its largest size), `test_share`, `seed`.
    """
    from maquette.data.text.shards import encode_texts, open_tokens
    from maquette.data.text.tokenizers import load_tokenizer
    from maquette.files import read_json
    from maquette.progress import Progress

    told: list[Any] = [None, None]
    if run.is_main:
        try:
            chosen = tokenizer or learnt(texts, settings)
            folder = token_folder(texts, chosen, settings)
            progress = Progress("encoding", "byte")
            encode_texts(
                texts, chosen, folder, test_share=settings.test_share, seed=settings.seed, progress=progress.update
            )
            progress.close()
            told = [chosen.state(), folder]
        except UserError as error:
            told = [error, None]
    if run.processes > 1:
        import torch

        torch.distributed.broadcast_object_list(told, src=0)
    if isinstance(told[0], UserError):
        raise told[0]
    made, folder = load_tokenizer(told[0]), told[1]
    train, test = (open_tokens(folder, part, verify=run.is_main) for part in ("train", "test"))
    manifest = read_json(folder / "manifest.json")
    say_tokens(made, manifest, settings, run)
    if len(train) < FEWEST:
        raise UserError(
            f"{texts.path} gives {len(train)} tokens to train on, and a language model needs at least {FEWEST}; "
            "give more text, or a tokenizer with smaller tokens."
        )
    if len(test) < 3:
        raise UserError(
            f"The test part of {texts.path} has {len(test)} tokens; give more text or a larger --test-share."
        )
    return Corpus(made, train, test, manifest["parts"]["test"]["bytes"])


def learnt(texts: Texts, settings: Any) -> Tokenizer:
    """A tokenizer of the training part, or of the first of it where that is very long."""
    from maquette.data.text.tokenizers import train_tokenizer

    def training() -> Any:
        left = LEARNT_FROM
        for piece in texts.pieces(settings.test_share, settings.seed):
            if piece.part == "train":
                yield piece.text
                left -= len(piece.text)
            if left < 0:
                return

    return train_tokenizer(settings.tokenizer, training(), settings.vocabulary)


def token_folder(texts: Texts, tokenizer: Tokenizer, settings: Any) -> Path:
    """Where the tokens are kept: in the cache, or in a temporary folder where that cannot be written."""
    import tempfile
    from pathlib import Path

    from maquette.data.sets.sources import cache_folder
    from maquette.data.text.shards import digest_of

    name = digest_of(texts, tokenizer, settings.test_share, settings.seed)
    for folder in (cache_folder() / "tokens" / name, Path(tempfile.gettempdir()) / "maquette-tokens" / name):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise UserError(f"{cache_folder()} cannot be written; set MAQUETTE_CACHE to a folder that can.")


def say_tokens(tokenizer: Tokenizer, manifest: dict[str, Any], settings: Any, run: Run) -> None:
    """How many tokens there are, and what the tokenizer cannot give back."""
    train, test = (manifest["parts"][part] for part in ("train", "test"))
    tokens = {name: sum(file["tokens"] for file in part["files"]) for name, part in manifest["parts"].items()}
    run.fact("Tokenizer", tokenizer.kind)
    run.fact("Vocabulary", len(tokenizer.vocabulary), "tokens")
    run.fact("Training tokens", tokens["train"])
    run.fact("Test tokens", tokens["test"])
    run.fact("Bytes a token", round(train["bytes"] / max(1, tokens["train"]), 3))
    asked = getattr(settings, "vocabulary", None)
    if asked and tokenizer.kind not in ("characters", "huggingface") and len(tokenizer.vocabulary) < asked:
        run.say(
            f"The text yields only {len(tokenizer.vocabulary):,} tokens; --vocabulary asked for up to {asked:,}: "
            "there is no more in it to tell apart."
        )
    if manifest["undecodable"]:
        count = f"{manifest['undecodable']:,} bytes"
        run.warn(f"{count} are no text in their file's encoding; each became \N{REPLACEMENT CHARACTER}.")
    if manifest["broken_rows"]:
        run.warn(f"{manifest['broken_rows']:,} rows without readable text were left out.")
    if test["unknown"]:
        share = test["unknown"] / max(1, tokens["test"])
        run.warn(
            f"{test['unknown']:,} tokens of the test part ({share:.2%}) were never seen in training. They all count "
            "as one token, so losses look better than they are: compare with care."
        )
    if not tokenizer.is_lossless:
        run.say(f"Tokens of the kind {tokenizer.kind} lose white space, and bits_per_byte does not count what is lost.")
    run.say(
        "The test part is "
        + ("documents drawn at random" if test["documents"] > 1 else "the end of the text")
        + ", kept from the tokenizer and from training; nothing is chosen by it."
    )


def scores_of(loss: float, tokens: int, size: int) -> dict[str, float]:
    """loss in nats a token; bits_per_byte = loss tokens / (ln 2 bytes); perplexity = e^loss."""
    import math

    return {
        "loss": loss,
        "bits_per_byte": loss * tokens / (math.log(2) * size),
        "perplexity": math.exp(min(loss, 700)),
    }


def counted_baselines(corpus: Corpus, texts: Texts, settings: Any) -> dict[str, dict[str, float]]:
    """What counting single tokens and three in a row reach on the test part, and gzip in bits per byte."""
    from maquette.methods.ngrams import Trigram

    test = corpus.test.take(0, len(corpus.test))
    counted = Trigram(corpus.train.take(0, COUNTED), len(corpus.tokenizer.vocabulary))
    found = {
        name: scores_of(counted.loss(test, length), len(test), corpus.test_bytes)
        for name, length in (("unigram", 1), ("trigram with backoff", 3))
    }
    return {**found, "gzip": {"bits_per_byte": gzip_bits(texts, settings)}}


def gzip_bits(texts: Texts, settings: Any) -> float:
    """Bits a byte of the test part as gzip packs it at its best."""
    import zlib

    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    size = packed = 0
    for piece in texts.pieces(settings.test_share, settings.seed):
        if piece.part != "test":
            continue
        data = piece.text.encode("utf-8", "replace")
        size += len(data)
        packed += len(packer.compress(data))
        if size >= PACKED:
            break
    return 8 * (packed + len(packer.flush())) / max(1, size)


def starts_of(texts: Texts, tokenizer: Tokenizer, settings: Any, count: int, length: int = 60) -> list[str]:
    """How some lines of the test part begin, those that the vocabulary can write: prompts to go on from.

    Where there are none, the first words of the vocabulary.
    """
    from maquette.data.text.tokenizers import unknown_parts

    found: list[str] = []
    for piece in texts.pieces(settings.test_share, settings.seed):
        if piece.part != "test":
            continue
        lines = [line.strip()[:length].rsplit(" ", 1)[0] for line in piece.text.splitlines() if len(line.strip()) > 20]
        known = [line for line in lines[:MOST_STARTS] if line and not unknown_parts(tokenizer, line)]
        step = max(1, len(known) // count)
        found += known[step // 2 :: step]
        if len(found) >= count:
            break
    return found[:count] or [tokenizer.decode(range(2, min(5, len(tokenizer.vocabulary))))]


def held_out_loss(model: Any, tokens: np.ndarray, context: int, rows: int = 32) -> float:
    """Mean -log p of each token but the first (N,), in windows of `context` that begin where the last one ended."""
    import numpy as np
    import torch

    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    count = len(tokens) - 1
    whole = count // context * context
    total = 0.0
    with torch.no_grad():
        sets = [(tokens[:whole].reshape(-1, context), tokens[1 : whole + 1].reshape(-1, context))]
        if count > whole:
            sets.append((tokens[None, whole:-1], tokens[None, whole + 1 :]))
        for inputs, targets in sets:
            for start in range(0, len(inputs), rows):
                read = torch.from_numpy(np.ascontiguousarray(inputs[start : start + rows])).to(device)
                true = torch.from_numpy(np.ascontiguousarray(targets[start : start + rows])).to(device)
                logits = model(read).flatten(0, 1).float()
                total += float(torch.nn.functional.cross_entropy(logits, true.flatten(), reduction="sum"))
    model.train(was_training)
    return total / count
