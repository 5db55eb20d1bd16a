"""Pairs of texts for recipes: collected, split, cut into tokens, batched by length, and judged by what is written."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from maquette.data.sets.fetching import Found, resolve
from maquette.data.text.pairs import Pairs, PartName, Sides, open_pairs
from maquette.data.text.tokenizers import Subwords, Tokenizer
from maquette.data.text.vocabularies import bpe
from maquette.data.words import of_many
from maquette.methods.beam import Output, Steered, Steps, searched
from maquette.models.encoder_decoder import Seq2Seq
from maquette.runs import Run
from maquette.settings import UserError

MOST_TEST = 2_000  # pairs that are held out where the files do not say which
FEWEST = 10  # different sources that a split needs
IGNORED = -100  # target of a place that does not count
LEAST = 1  # tokens of an output: no text is translated by nothing
WRITTEN = 4_096  # places of the sources that are read at once on generating
SPACED = ("bpe", "unigram")  # kinds for which a word is another one after a blank: so all words have one


@dataclass(frozen=True)
class Part:
    """Pairs of one part."""

    sources: list[str]
    targets: list[str]

    def __len__(self) -> int:
        return len(self.sources)

    def take(self, rows: Iterable[int]) -> "Part":
        chosen = list(rows)
        return Part([self.sources[row] for row in chosen], [self.targets[row] for row in chosen])

    def spread(self, count: int) -> "Part":
        """About `count` pairs from all over it."""
        if len(self) <= count:
            return self
        return self.take(np.linspace(0, len(self) - 1, count).astype(int).tolist())


@dataclass(frozen=True)
class Material:
    """Pairs in parts; `valid` is empty where the files have none, and the curve is then that of the test part."""

    names: tuple[str, str]
    parts: dict[PartName, Part]
    notes: list[str] = field(default_factory=list)

    @property
    def train(self) -> Part:
        return self.parts["train"]

    @property
    def test(self) -> Part:
        return self.parts["test"]

    @property
    def watched(self) -> Part:
        """What the curve is measured on."""
        return self.parts["valid"] if len(self.parts["valid"]) else self.test


def collect_pairs(
    data: str | None, source: str | None, target: str | None, run: Run, *, default: str, sides: Sides | None = None
) -> Pairs:
    """The pairs at `data`, or in the two files that `source` and `target` name; the set `default` without either."""
    if data is None and any(each and (Path(each).suffix or Path(each).exists()) for each in (source, target)):
        pairs = open_pairs(None, source, target, sides)
        found = Found(pairs.path, "path")
    else:
        found = resolve(data, default)
        pairs = open_pairs(found.path, source, target, sides)
    run.record_source(found, files=pairs.files, pairs=len(pairs), notes=pairs.notes())
    return pairs


def split_pairs(pairs: Pairs, test_share: float, seed: int) -> Material:
    """Parts as the files name them; else sources drawn at random, of which none is in two parts."""
    rows: dict[PartName, list[int]] = {"train": [], "valid": [], "test": [], "": []}
    for row, part in enumerate(pairs.parts):
        rows[part].append(row)
    notes = []
    rows["train"] += rows.pop("")
    if not rows["test"] and rows["valid"]:
        rows["test"], rows["valid"] = rows["valid"], []
        notes.append("The part for validation serves as the test part; nothing is chosen by it.")
    if not rows["train"]:
        rows["train"], rows["test"], rows["valid"] = rows["test"] + rows["valid"], [], []
    different = len({pairs.sources[row] for row in rows["train"]})
    if different < FEWEST:
        raise UserError(
            f"{pairs.path} holds {of_many(different, 'different text', 'different texts')} to learn from; at least "
            f"{FEWEST} are needed, and thousands for anything to be learnt."
        )
    if not rows["test"]:
        groups: dict[str, list[int]] = {}
        for row in rows["train"]:
            groups.setdefault(pairs.sources[row], []).append(row)
        order = np.random.default_rng([seed, 21]).permutation(len(groups))
        wanted = min(MOST_TEST, max(1, round(test_share * len(rows["train"]))))
        listed, drawn = list(groups.values()), set[int]()
        for number in order[: len(groups) - 1]:
            if len(drawn) >= wanted:
                break
            drawn.update(listed[number])
        rows["test"] = sorted(drawn)
        rows["train"] = [row for row in rows["train"] if row not in drawn]
        notes.append("The test part is texts drawn at random; nothing is chosen by it.")
    everything = Part(pairs.sources, pairs.targets)
    parts: dict[PartName, Part] = {part: everything.take(chosen) for part, chosen in rows.items()}
    seen = set(zip(parts["train"].sources, parts["train"].targets, strict=True))
    again = sum(pair in seen for pair in zip(parts["test"].sources, parts["test"].targets, strict=True))
    if again:
        are = of_many(again, "pair of the test part is", "pairs of the test part are")
        notes.append(f"{are} in the training part too, word for word: the scores count what was seen.")
    return Material(pairs.names, parts, notes)


def analyze_pairs(pairs: Pairs, run: Run) -> dict[str, Any]:
    """How many pairs there are, how long they are, and how they begin."""
    words = [np.array([len(text.split()) for text in side]) for side in (pairs.sources, pairs.targets)]
    numbers = {
        "pairs": len(pairs),
        "words of the source": int(words[0].sum()),
        "words of the target": int(words[1].sum()),
        "words of the longest source": int(words[0].max()),
        "words of the longest target": int(words[1].max()),
        "different words of the source": len({word for text in pairs.sources for word in text.split()}),
        "different words of the target": len({word for text in pairs.targets for word in text.split()}),
    }
    run.fact("Direction", " to ".join(pairs.names))
    for name, value in numbers.items():
        run.fact(name.capitalize(), value)
    columns = {name: side[:6] for name, side in zip(pairs.names, (pairs.sources, pairs.targets), strict=True)}
    run.table("How they begin", pd.DataFrame(columns))
    return numbers


def shared_subwords(material: Material, size: int, *, placeholders: bool = False) -> Subwords:
    """One vocabulary of BPE for both sides of the training part, with `placeholders` kept whole or not."""
    train = material.train
    texts = (spaced("bpe", text) for side in (train.sources, train.targets) for text in side)
    return bpe(texts, size, placeholders=placeholders)


def spaced(kind: str, text: str) -> str:
    return f" {text}" if kind in SPACED else text


def encoded(tokenizer: Tokenizer, texts: Sequence[str], most: int) -> list[np.ndarray]:
    """Each text as tokens (N,) int32, cut after `most`."""
    return [tokens[:most] for tokens in tokenizer.encode_batch([spaced(tokenizer.kind, text) for text in texts])]


def decoded(tokenizer: Tokenizer, tokens: Sequence[int]) -> str:
    return tokenizer.decode(tokens).strip()


class Batch(NamedTuple):
    """Pairs side by side: source (b, S) with its mask, None where all is filled, and what the decoder reads and says.

    `inputs` (b, T) begin with the start, `targets` (b, T) close with the end; IGNORED where there is nothing.
    """

    source: Tensor
    mask: Tensor | None
    inputs: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Ends:
    """The token before the first of a target, the one after its last, and the one that fills what is empty."""

    start: int
    end: int
    pad: int


def padded(rows: Sequence[np.ndarray], value: int) -> np.ndarray:
    """Rows of different lengths as one array (b, longest) int64."""
    out = np.full((len(rows), max([1, *map(len, rows)])), value, np.int64)
    for place, row in enumerate(rows):
        out[place, : len(row)] = row
    return out


def sources_of(
    rows: Sequence[np.ndarray], pad: int, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor | None]:
    """Sources side by side (b, S), and their mask, None where all are equally long; an empty one is a single `pad`."""
    filled = [row if len(row) else np.array([pad], np.int32) for row in rows]
    source = torch.from_numpy(padded(filled, pad)).to(device)
    lengths = [len(row) for row in filled]
    if min(lengths) == max(lengths):
        return source, None
    places = torch.arange(source.shape[1], device=device)
    return source, places < torch.tensor(lengths, device=device)[:, None]


def batch_of(
    sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], ends: Ends, device: torch.device | str = "cpu"
) -> Batch:
    source, mask = sources_of(sources, ends.pad, device)
    inputs = torch.from_numpy(padded([np.insert(row, 0, ends.start) for row in targets], ends.pad)).to(device)
    said = torch.from_numpy(padded([np.append(row, ends.end) for row in targets], IGNORED)).to(device)
    return Batch(source, mask, inputs, said)


def cut_by_length(sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], tokens: int) -> list[tuple[int, int]]:
    """Where batches begin and end among pairs sorted by length, each of at most `tokens` places on either side."""
    bounds, start, widest = [], 0, 0
    for place, (source, target) in enumerate(zip(sources, targets, strict=True)):
        wider = max(widest, len(source), len(target) + 1)
        if place > start and wider * (place + 1 - start) > tokens:
            bounds.append((start, place))
            start, wider = place, max(len(source), len(target) + 1)
        widest = wider
    return [*bounds, (start, len(sources))] if len(sources) else bounds


Redraw = Callable[[torch.Generator], tuple[Sequence[np.ndarray], Sequence[np.ndarray]]]


class PairBatches:
    """Pairs sorted by length, of which each round puts others together, in batches of at most `tokens` places a side.

    `redraw` gives each round the tokens of all pairs anew.
    `next(batches)` is this process's share of a batch; `total` then counts the tokens that the whole batch says. A loss
    summed over the share, times `weight` = processes / total, makes the mean over the processes the mean over tokens.
    """

    def __init__(
        self,
        sources: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        tokens: int,
        ends: Ends,
        run: Run,
        redraw: Redraw | None = None,
    ):
        self.tokens, self.ends, self.redraw = tokens, ends, redraw
        self.rank, self.processes, self.device = run.rank, run.processes, run.device
        self.generator = torch.Generator().manual_seed(run.settings.seed)
        self.position, self.total, self.weight = 0, 0, 1.0
        self._start = self.generator.get_state()
        self._turns = torch.zeros(0, dtype=torch.long)
        self._take(sources, targets, np.arange(len(sources)))

    def _take(self, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], order: np.ndarray) -> None:
        """Sort pairs by length, those of equal length as they stand in `order`, and part them into batches."""
        self.sources, self.targets = sources, targets
        self.lengths = np.array([[len(target), len(source)] for source, target in zip(sources, targets, strict=True)])
        self._order = order[np.lexsort(self.lengths[order].T)]
        read, said = ([side[row] for row in self._order] for side in (sources, targets))
        self.bounds = cut_by_length(read, said, self.tokens)

    def __len__(self) -> int:
        """Batches in a round."""
        return len(self.bounds)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def shuffle(self) -> None:
        self._start = self.generator.get_state()
        drawn = torch.randperm(len(self.sources), generator=self.generator).numpy()
        if self.redraw is not None:
            self._take(*self.redraw(self.generator), drawn)
        else:
            self._order = drawn[np.lexsort(self.lengths[drawn].T)]
        self._turns = torch.randperm(len(self.bounds), generator=self.generator)

    def __next__(self) -> Batch:
        if self.position == 0:
            self.shuffle()
        start, end = self.bounds[int(self._turns[self.position])]
        self.position = (self.position + 1) % len(self.bounds)
        rows = self._order[start:end]
        self.total = int(self.lengths[rows, 0].sum()) + len(rows)
        self.weight = self.processes / self.total
        mine = rows[self.rank :: self.processes]
        if not len(mine):
            mine, self.weight = rows[:1], 0.0
        sources, targets = [self.sources[row] for row in mine], [self.targets[row] for row in mine]
        return batch_of(sources, targets, self.ends, self.device)

    def state_dict(self) -> dict[str, Any]:
        return {"position": self.position, "start": self._start, "now": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.position = state["position"]
        if self.position:
            self.generator.set_state(state["start"])
            self.shuffle()
        else:
            self.generator.set_state(state["now"])


@torch.no_grad()
def held_out_loss(
    model: Seq2Seq, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], ends: Ends, tokens: int = 2048
) -> float:
    """Mean -log p of each token that the targets say, their ends included, in nats."""
    device, was_training = next(model.parameters()).device, model.training
    model.eval()
    order = sorted(range(len(sources)), key=lambda row: (len(sources[row]), len(targets[row])))
    sources, targets = [sources[row] for row in order], [targets[row] for row in order]
    loss, count = 0.0, 0
    for start, end in cut_by_length(sources, targets, tokens):
        batch = batch_of(sources[start:end], targets[start:end], ends, device)
        logits = model(batch.source, batch.inputs, batch.mask).flatten(0, 1).float()
        loss += float(functional.cross_entropy(logits, batch.targets.flatten(), ignore_index=IGNORED, reduction="sum"))
        count += int((batch.targets != IGNORED).sum())
    model.train(was_training)
    return loss / max(1, count)


def most_for(source_length: int, context: int) -> int:
    """Tokens that an output may have at most, its end included, for a source of this length."""
    return min(context, 2 * source_length + 10)


@torch.no_grad()
def written(
    model: Seq2Seq,
    sources: Sequence[np.ndarray],
    ends: Ends,
    *,
    beams: int = 4,
    length_penalty: float = 0.6,
    most: int | None = None,
    steps: Callable[[Seq2Seq, Any], Steps] = Steered,
    places: int = WRITTEN,
) -> list[list[Output]]:
    """What the model writes for each source, best first; `most` tokens at most, by the source's length if not given.

    `steps` makes the way through the network of it and its cache; `places` of sources are read at once, of all beams.
    """
    device, was_training = next(model.parameters()).device, model.training
    model.eval()
    order = sorted(range(len(sources)), key=lambda row: len(sources[row]))
    ordered = [sources[row] for row in order]
    found: list[list[Output]] = [[] for _ in sources]
    for start, end in cut_by_length(ordered, [row[:0] for row in ordered], places // beams):
        source, mask = sources_of(ordered[start:end], ends.pad, device)
        limits = [most or most_for(len(row), model.context) for row in ordered[start:end]]
        cache = model.new_cache(model.encode(source, mask), mask, beams, max(limits))
        outputs = searched(
            steps(model, cache),
            batch=len(source),
            beams=beams,
            start=ends.start,
            end=ends.end,
            least=LEAST,
            most=limits,
            length_penalty=length_penalty,
            device=device,
        )
        for place, output in zip(order[start:end], outputs, strict=True):
            found[place] = output
    model.train(was_training)
    return found
