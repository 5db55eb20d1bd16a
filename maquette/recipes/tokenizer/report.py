"""What the report shows of tokenizers: their costs, strips of tokens, merges in order, the vocabulary."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from maquette.data.text.merges import growth, smaller
from maquette.data.text.tokenizers import Subwords, Tokenizer, readable, spelled
from maquette.families.blocks import Block, formulas, picture, say, table, warn
from maquette.figures.training import overlaid
from maquette.models.unigram import Unigram
from maquette.recipes.tokenizer.data import bytes_per_token, size_of
from maquette.recipes.tokenizer.figures import Strip, merges, seen, side_by_side, strips
from maquette.recipes.tokenizer.settings import MEERKATS
from maquette.runs import Run

MERGES = 40  # shown in order
GROWN = 120  # characters of a text that are shown growing
STEPS = 24  # stages of a sentence as merges build its tokens
SIZES = 8  # vocabularies on the curve, each about twice as large as the one before
MEASURED = 1 << 19  # characters of the test part that the curve is measured on
DECK = "Let's do tokenization!"
DECK_CUTS = {
    "characters": ("L e t ' s d o t o k e n i z a t i o n !", 20),
    "spaces": ("Let's do tokenization!", 3),
    "words": ("Let 's do tokenization !", 5),
    "bpe": ("Let's</w> do</w> token ization</w> !</w>", 5),
}  # S:1628-1655
BERT_CUT = "Me ##er ##kat ##s are small , social , and always ready for adventures"  # S:1664-1682


def show_comparison(rows: Mapping[str, dict[str, Any]], kept: str, vocabulary: int, run: Run) -> None:
    """The kinds in a table, with what each loses, and as bars with their speed."""
    lines = [
        {
            "kind": kind,
            "vocabulary": row["vocabulary"],
            "tokens a word": row["tokens_per_word"],
            "unknown": f"{row['unknown_share']:.2%}",
            "bytes a token": row["bytes_per_token"],
            "bits a byte": row["bits_per_byte"],
            "remark": remark(row, vocabulary),
        }
        for kind, row in rows.items()
    ]
    run.table(
        "The kinds on the test part",
        pd.DataFrame(lines),
        "Words are what stands between white space. What a kind loses would have to be spelled out: parts that its "
        "vocabulary lacks, and white space that does not come back as it was. Each byte of it counts as a token in the "
        "bytes a token, and as 8 bits in the bits a byte; so no kind gains by losing much.",
    )
    run.formula("bits a byte = - sum over tokens of log2 p(token) / bytes of the text")
    run.say(
        "p is how often training saw the token, by itself, plus one: the plainest model of all. Large tokens carry "
        "more bytes, but each is rarer; bits a byte weighs both, and so compares vocabularies of any size."
    )
    measures = {
        "bytes a token (more is better)": "bytes_per_token",
        "bits a byte (less is better)": "bits_per_byte",
        "MB encoded a second (log)": "speed",
    }
    panels = {words: {kind: row[name] for kind, row in rows.items()} for words, name in measures.items()}
    run.picture(
        "kinds",
        side_by_side(panels, kept, {"MB encoded a second (log)"}),
        "The kinds beside each other",
        "The speed was measured once, on the training part of this run: it differs from run to run.",
    )
    for kind, row in rows.items():
        if kind == kept and row["unknown_share"] > 0:
            run.warn(
                f"{row['unknown_share']:.2%} of the test part's tokens are unknown to the kind that is kept, {kept}: a "
                "language model cannot read or write them. The kinds bpe and unigram know every text."
            )


def remark(row: dict[str, Any], asked: int) -> str:
    said = ["gives the text back"] if row["gives_back"] else []
    if not row["is_lossless"]:
        said.append("loses white space")
    if row["unknown_share"] > 0:
        said.append("does not know all")
    if row["vocabulary"] < asked:
        said.append("the text has no more tokens")
    return "; ".join(said)


def show_sizes(tokenizers: Mapping[str, Tokenizer], test: Sequence[str], largest: int, run: Run) -> None:
    """Bytes a token over the size of the vocabulary, for the kinds whose smaller vocabularies lie in larger ones."""
    some, left = [], MEASURED
    for text in test:
        some.append(text[:left])
        left -= len(some[-1])
        if left <= 0:
            break
    lines = {}
    sizes = sorted({round(258 * (largest / 258) ** (n / (SIZES - 1))) for n in range(SIZES)})
    for kind, tokenizer in tokenizers.items():
        tried = [(size, smaller(tokenizer, size)) for size in sizes if size <= len(tokenizer.vocabulary)]
        points = [(size, bytes_per_token(made, some)) for size, made in tried if made is not None]
        if len(points) > 1:
            x, y = zip(*points, strict=True)
            lines[kind] = (np.array(x, float), np.array(y))
    if lines:
        run.picture(
            "sizes",
            overlaid(lines, "vocabulary, tokens", "bytes a token"),
            "What a larger vocabulary brings",
            "What a kind loses is spelled out in bytes, as in the table. Smaller vocabularies of unigram are no "
            "parts of its larger ones, so it has no curve here.",
        )


def strip_of(name: str, tokenizer: Tokenizer, text: str, *, numbered: bool = True) -> Strip:
    """The tokens of a text as boxes; what the vocabulary lacks is shown as it stands in the text."""
    numbers, spans = tokenizer.encode(text).tolist(), tokenizer.offsets(text)
    unknown = {place for place, number in enumerate(numbers) if number == tokenizer.unknown}
    tokens = [
        text[slice(*spans[place])] if place in unknown else readable(tokenizer, number)
        for place, number in enumerate(numbers)
    ]
    return Strip(name, tokens, numbers if numbered else (), unknown)


def show_strips(tokenizers: Mapping[str, Tokenizer], sentences: Sequence[str], run: Run) -> None:
    """Every sentence under every kind, and what the course's deck prints beside what comes out here."""
    for place, sentence in enumerate(sentences, 1):
        run.picture(
            f"strips_{place}",
            strips([strip_of(kind, tokenizer, sentence) for kind, tokenizer in tokenizers.items()]),
            sentence,
            "Below each token its number in the vocabulary; ␣ is a space. A red frame: the vocabulary has no token "
            "for this."
            if place == 1
            else "",
        )
    rows = []
    for kind, (cut, count) in DECK_CUTS.items():
        if DECK in sentences and kind in tokenizers:
            tokens = strip_of(kind, tokenizers[kind], DECK).tokens
            rows.append({"kind": kind, "the deck": cut, "tokens there": count, **here(tokens)})
    if MEERKATS in sentences and "wordpiece" in tokenizers:
        tokens = strip_of("", tokenizers["wordpiece"], MEERKATS).tokens
        rows.append({"kind": "wordpiece (bert-base-cased)", "the deck": BERT_CUT, "tokens there": 14, **here(tokens)})
    if rows:
        run.table(
            "Beside the course's deck",
            pd.DataFrame(rows),
            "The deck leaves spaces out where it counts characters: with its 2 spaces the sentence has 22. Its "
            "subwords come from vocabularies learnt elsewhere; </w> ends a word there, ␣ begins one here.",
        )


def here(tokens: Sequence[str]) -> dict[str, Any]:
    return {"here": " ".join(seen(token) for token in tokens), "tokens here": len(tokens)}


def show_merges(tokenizers: Mapping[str, Tokenizer], sentences: Sequence[str], run: Run) -> None:
    """The first merges of byte pair encoding in order, and how they build the tokens of the first sentence."""
    bpe = tokenizers.get("bpe")
    if not isinstance(bpe, Subwords) or not bpe.merges:
        return
    first = bpe.merges[:MERGES]
    run.picture(
        "merges",
        merges([(spelled(left), spelled(right), spelled(left + right)) for left, right in first]),
        f"The first {len(first)} of {len(bpe.merges):,} merges",
        "Byte pair encoding begins with single bytes. Again and again it joins the pair of neighbours that is most "
        "frequent in the training text, and the pair becomes a token.",
    )
    run.picture(
        "growth",
        growing(bpe, sentences[0]),
        "How merges build the tokens of a sentence",
        "The sentence as bytes, and after a merge that changes it, with the merge's number.",
    )


def growing(bpe: Subwords, text: str) -> Figure:
    """The start of a text as bytes and after the merges that change it; of many, some from the first to the last."""
    stages = growth(bpe, text[:GROWN])
    if len(stages) > STEPS:
        stages = [stages[round(n * (len(stages) - 1) / (STEPS - 1))] for n in range(STEPS)]
    names = [f"merge {stage.merge:,}" if stage.merge else "bytes" for stage in stages]
    return strips([Strip(n, [spelled(t) for t in stage.tokens]) for n, stage in zip(names, stages, strict=True)])


def show_vocabulary(tokenizer: Tokenizer, model: Unigram, run: Run) -> None:
    """The commonest and the longest tokens of the vocabulary that is kept."""
    shares = model.log_probabilities.detach().exp().numpy()
    words = [readable(tokenizer, number) for number in range(len(tokenizer.vocabulary))]
    commonest = sorted(range(len(words)), key=lambda number: (-shares[number], number))[:20]
    longest = sorted(range(2, len(words)), key=lambda number: (-len(words[number]), number))[:20]
    for title, chosen, caption in (
        ("The commonest tokens", commonest, "The share is of all tokens of the training part."),
        ("The longest tokens", longest, ""),
    ):
        rows = [{"token": seen(words[n]), "number": n, "share": f"{shares[n]:.3%}"} for n in chosen]
        run.table(title, pd.DataFrame(rows), caption)


def explained(model: Unigram, tokenizer: Tokenizer, text: str) -> list[Block]:
    """Blocks of a page on how a text is cut: its strip, its tokens and their probabilities, the merges that made it."""
    strip, spans = strip_of(tokenizer.kind, tokenizer, text), tokenizer.offsets(text)
    numbers, size = list(strip.numbers), size_of(text)
    if not numbers:
        return [say("This text has no tokens.")]
    with torch.no_grad():
        probabilities = model(torch.tensor(numbers)).exp().tolist()
    bits = [-math.log2(p) for p in probabilities]
    blocks = [
        say(
            f"{len(text):,} characters, {size:,} bytes in UTF-8: {len(numbers):,} tokens of the kind {tokenizer.kind}, "
            f"{size / len(numbers):.2f} bytes each."
        ),
        picture(
            strips([strip]),
            "The text as tokens",
            "Below each token its number in the vocabulary; ␣ is a space. A red frame: the vocabulary has no token "
            "for this.",
        ),
    ]
    again = tokenizer.decode(numbers)
    if again != text:
        blocks.append(warn(f"Not all of it comes back: decoded, it reads {again!r}."))
    rows = [
        [place, seen(token), number, start, end, p, b]
        for place, (token, number, (start, end), p, b) in enumerate(
            zip(strip.tokens, numbers, spans, probabilities, bits, strict=True), 1
        )
    ]
    blocks += [
        table(
            "Each token",
            ["place", "token", "number", "from", "to", "probability", "bits"],
            rows,
            "Places are in characters. The probability is how often training saw the token, by itself.",
        ),
        formulas(f"- sum of log2 p / bytes = {sum(bits):.1f} / {size} = {sum(bits) / size:.2f} bits a byte"),
    ]
    if isinstance(tokenizer, Subwords) and tokenizer.kind == "bpe":
        caption = "The text, or its start, as bytes, and after a merge that changes it, with its number."
        blocks.append(picture(growing(tokenizer, text), "How merges built these tokens", caption))
    return blocks
