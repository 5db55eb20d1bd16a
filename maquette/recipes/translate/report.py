"""What the report shows of a translator: trials, searches, alignments, best and worst, and time over length."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from maquette.data.text.pairs import Pairs
from maquette.data.text.tokenizers import Tokenizer, readable
from maquette.families.blocks import Block, fact, picture, table
from maquette.families.pairs import Ends, Part, decoded, encoded, written
from maquette.figures.numbers import number
from maquette.measures.translation import Judged, each_chrf, judged
from maquette.methods.alignment import Lexicon
from maquette.models.encoder_decoder import Block as Layers
from maquette.models.encoder_decoder import EncoderDecoder
from maquette.recipes.translate import figures
from maquette.recipes.translate.data import words_of
from maquette.runs import Run

BUCKETS = 4  # of length
UNBROKEN = 32  # letters of a word in a table
SHOWN = 5  # sentences of a table
DRAWN = 3  # sentences whose alignment is drawn
WORTH, LONGEST = 8, 16  # words of those, if there are such
TIMED_ROWS, TIMED = 4, 3  # texts side by side, and times that each is measured
CONTINUED = "##"  # begins tokens of WordPiece that go on with a word


def shortened(text: str) -> str:
    """A text for a table: words that never end, as untrained networks write them, are cut."""
    return " ".join(word if len(word) <= UNBROKEN else f"{word[: UNBROKEN - 1]}…" for word in text.split(" "))


def show_lengths(pairs: Pairs, run: Run) -> None:
    """How long both sides are."""
    words = [[len(text.split()) for text in side] for side in (pairs.sources, pairs.targets)]
    rows = [
        [name, *np.percentile(side, (5, 50, 95)).round().astype(int)]
        for name, side in zip(pairs.names, words, strict=True)
    ]
    columns = ["side", "5 % have at most", "half have at most", "95 % have at most"]
    run.table("Words of a text", pd.DataFrame(rows, columns=columns))


def show_trials(trials: Sequence[Sequence[Any]], tried: Part, run: Run) -> None:
    """BLEU and chrF as training went on, and what became of one sentence."""
    if not trials:
        return
    steps, bleu, chrf, said = zip(*trials, strict=True)
    run.picture(
        "over_training",
        figures.over_training(steps, {"chrF": chrf, "BLEU": bleu}),
        "Translations as training went on",
        f"Of {len(tried)} held-out texts, taking the likeliest token each time, by the averaged weights. Nothing is "
        "chosen by it.",
    )
    run.table(
        "What became of one text",
        pd.DataFrame({"step": steps, "output": list(map(shortened, said))}),
        f"{tried.sources[0]!r}, which people say as {tried.targets[0]!r}.",
    )


def show_searches(
    test: Part, beam: Sequence[str], greedy: Sequence[str], found: Judged, taken: Judged, beams: int, run: Run
) -> None:
    """Beam search beside taking the likeliest token each time."""
    lengths = [sum(len(text.split()) for text in side) for side in (beam, greedy)]
    people = sum(len(text.split()) for text in test.targets)
    rows = [
        [f"beam {beams}", found.bleu, found.chrf, lengths[0] / people],
        ["greedy", taken.bleu, taken.chrf, lengths[1] / people],
    ]
    run.table(
        "Beam search and greedy",
        pd.DataFrame(rows, columns=["search", "BLEU", "chrF", "words written a word of people"]),
    )
    if list(beam) == list(greedy):
        return
    gains = np.array(each_chrf(beam, test.targets)) - np.array(each_chrf(greedy, test.targets))
    order = np.argsort(-np.abs(gains), kind="stable")[:SHOWN]
    columns = {
        "source": [test.sources[row] for row in order],
        "beam": [shortened(beam[row]) for row in order],
        "greedy": [shortened(greedy[row]) for row in order],
        "chrF won": [round(float(gains[row]), 1) for row in order],
    }
    run.table("Where they differ most", pd.DataFrame(columns))


def show_by_length(test: Part, outputs: Mapping[str, Sequence[str]], run: Run) -> None:
    """BLEU of short and of long texts."""
    lengths = np.array([len(text.split()) for text in test.sources])
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, BUCKETS + 1)).astype(int))
    names, counts, scores = [], [], {name: [] for name in outputs}  # type: ignore[var-annotated]
    for place, (low, high) in enumerate(zip(edges, [*edges[1:-1], edges[-1] + 1], strict=False)):
        rows = np.flatnonzero((lengths >= low) & (lengths < high)).tolist()
        if not rows or place >= max(1, len(edges) - 1):
            continue
        names.append(f"{low}" if high - low == 1 else f"{low} to {high - 1}")
        counts.append(len(rows))
        for name, texts in outputs.items():
            scores[name].append(judged([texts[row] for row in rows], [test.targets[row] for row in rows]).bleu)
    run.picture(
        "by_length",
        figures.by_length(names, scores, counts),
        "Short and long texts",
        "BLEU over the texts of each length; the dictionary puts each word's likeliest translation in its place.",
    )


def show_best_and_worst(test: Part, outputs: Sequence[str], run: Run) -> None:
    """The sentences of the highest and of the lowest chrF."""
    scores = np.array(each_chrf(outputs, test.targets))
    order = np.argsort(-scores, kind="stable")
    several = [row for row in order if len(test.sources[row].split()) > 4] or list(order)
    for title, rows in (("The best", several[:SHOWN]), ("The worst", order[::-1][:SHOWN])):
        columns = {
            "source": [test.sources[row] for row in rows],
            "output": [shortened(outputs[row]) for row in rows],
            "reference": [test.targets[row] for row in rows],
            "chrF": [round(float(scores[row]), 1) for row in rows],
        }
        run.table(f"{title} outputs", pd.DataFrame(columns))


def grouped(tokenizer: Tokenizer, tokens: Sequence[int]) -> tuple[list[str], list[list[int]]]:
    """Tokens as words: each word, and the places of its tokens."""
    words: list[str] = []
    places: list[list[int]] = []
    has_pieces = tokenizer.kind not in ("words", "spaces", "characters")
    for place, token in enumerate(tokens):
        text = readable(tokenizer, token)
        is_bytes = getattr(tokenizer, "is_byte_level", False)
        goes_on = not text.startswith(" ") if is_bytes else text.startswith(CONTINUED)
        bare = text.removeprefix(CONTINUED).strip()
        is_word = bare[:1].isalnum() or bare[:1] == "\\"  # bytes of a letter read so
        before = words[-1] if words else None
        if before is not None and has_pieces and goes_on and (not before or is_word == before[-1:].isalnum()):
            words[-1] += bare
            places[-1].append(place)
        else:
            words.append(bare if has_pieces else text)
            places.append([place])
    return words, places


def looks_of(model: EncoderDecoder, source: np.ndarray, target: Sequence[int]) -> np.ndarray:
    """What each token written takes from each that was read, (T, S), in the layer that looks most sharply."""
    device = model.embedding.weight.device
    read = torch.from_numpy(np.asarray(source, np.int64)).to(device)
    said = torch.tensor([model.start, *target], device=device)
    weights = model.looks(read, said)[:, :, : len(target)].mean(1)
    sharpest = int(weights.clamp(min=1e-9).log().mul(weights).sum(-1).mean(-1).argmax())
    return weights[sharpest].cpu().numpy()


def by_words(weights: np.ndarray, down: list[list[int]], across: list[list[int]]) -> np.ndarray:
    """Weights between tokens as weights between words: the sum over what is read, the mean over what is written."""
    summed = np.stack([weights[:, places].sum(1) for places in across], 1)
    return np.stack([summed[places].mean(0) for places in down])


def show_alignments(
    model: EncoderDecoder, tokenizer: Tokenizer, test: Part, outputs: Sequence[str], lexicon: Lexicon, run: Run
) -> None:
    """Which word of the source each word that was written looks at, for some held-out texts."""
    chosen = [row for row in range(len(test)) if outputs[row] and len(words_of(test.sources[row])) <= LONGEST]
    long = [row for row in chosen if len(words_of(test.sources[row])) >= WORTH]
    for place, row in enumerate((long or chosen)[:DRAWN]):
        (source,) = encoded(tokenizer, [test.sources[row]], model.context - 1)
        (target,) = encoded(tokenizer, [outputs[row]], model.context - 1)
        read, across = grouped(tokenizer, source.tolist())
        said, down = grouped(tokenizer, target.tolist())
        weights = by_words(looks_of(model, source, target.tolist()), down, across)
        run.picture(
            f"alignment_{place + 1}",
            figures.alignment(weights, read, said, lexicon.aligned(read, said)),
            f"Where each word looks: {shortened(outputs[row])!r}",
            "Down what was written, across what was read; the darker, the more attention, in the layer that looks most "
            "sharply, the mean over its heads. Orange: the word that the dictionary of IBM model 1 finds for it.",
        )


def explained(model: EncoderDecoder, tokenizer: Tokenizer, line: str, beams: int, length_penalty: float) -> list[Block]:
    """Blocks of a page on how one line was translated."""
    ends = Ends(model.start, model.end, model.end)
    (source,) = encoded(tokenizer, [line], model.context - 1)
    if not len(source):
        return [fact("Source", line), fact("Output", "")]
    ((best, *others),) = written(model, [source], ends, beams=beams, length_penalty=length_penalty)
    blocks = [fact("Source", line), fact("Output", decoded(tokenizer, best.tokens))]
    names = [readable(tokenizer, token) for token in best.tokens]
    if best.tokens:
        read, across = grouped(tokenizer, source.tolist())
        said, down = grouped(tokenizer, best.tokens)
        blocks.append(
            picture(
                figures.alignment(by_words(looks_of(model, source, best.tokens), down, across), read, said),
                "Where each word looks",
                "Down what was written, across what was read; the darker, the more attention. Of the layer that looks "
                "most sharply, the mean over its heads; pieces of a word together.",
            )
        )
        with torch.no_grad():
            inputs = torch.tensor([[model.start, *best.tokens]])
            logs = model(torch.from_numpy(source.astype(np.int64))[None], inputs)[0].log_softmax(-1)
        chosen = logs[torch.arange(len(best.tokens) + 1), torch.tensor([*best.tokens, model.end])].exp().tolist()
        blocks.append(
            picture(
                figures.chances([*names, "(end)"], chosen),
                "How sure each token was",
                "The probability of each token after those before it; grey where others together were likelier.",
            )
        )
    rows = [
        [place, decoded(tokenizer, output.tokens), output.score, len(output.tokens)]
        for place, output in enumerate([best, *others], 1)
    ]
    blocks.append(
        table(
            "What beam search found, best first",
            ["place", "output", "score", "tokens"],
            rows,
            f"score = log probability / ((5 + length) / 6) ^ {length_penalty:g}",
        )
    )
    return blocks


def show_timing(model: EncoderDecoder, longest: int, run: Run) -> None:
    """How long a step of training takes for a recurrent network and for a Transformer of as many weights."""
    lengths = [length for length in (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096) if length <= longest]
    if not lengths:
        return
    width, heads = model.width, model.heads
    with torch.random.fork_rng():
        torch.manual_seed(run.settings.seed)
        lstm = nn.LSTM(width, width, 3, batch_first=True)
        sizes = {"width": width, "heads": heads, "wide": 4 * width, "norm": "before", "dropout": 0.0}
        layers = nn.Sequential(*(Layers(**sizes, is_causal=False) for _ in range(2)))  # type: ignore[arg-type]
        seconds = {
            "LSTM": [timed(lambda x: lstm(x)[0], width, length) for length in lengths],
            "Transformer": [timed(layers, width, length) for length in lengths],
        }
    weights = [sum(each.numel() for each in network.parameters()) for network in (lstm, layers)]
    run.picture(
        "timing",
        figures.time_over_length(lengths, seconds),
        "One token after the other, or all at once",
        f"A step of training, there and back, on {TIMED_ROWS} texts of each length: an LSTM of three layers "
        f"({number(weights[0])} weights) must wait for each token before it can read the next; a Transformer of two "
        f"layers ({number(weights[1])}) reads all places together, each of which looks at all others, so that its time "
        "grows with the square of the length in the end. Measured on this processor, the best of "
        f"{TIMED}.",
    )


def timed(network: Callable[[Tensor], Tensor], width: int, length: int) -> float:
    """Seconds that a step forward and backward takes, the best of a few."""
    x = torch.randn(TIMED_ROWS, length, width)
    best = float("inf")
    for _ in range(TIMED):
        begun = time.perf_counter()
        network(x).square().mean().backward()
        best = min(best, time.perf_counter() - begun)
    return best
