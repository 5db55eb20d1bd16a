"""A plain RNN, a GRU or an LSTM that goes on writing like your own text, and how far each remembers.

It reads streams of text from end to end, carries its state over from one step of training to the next, and lets
gradients go back a fixed number of tokens (truncated back-propagation through time, Williams and Peng 1990). What
counting tokens reaches stands beside its loss.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from maquette.data.text.documents import Texts
from maquette.data.text.shards import Tokens
from maquette.devices import gains_by_bfloat16, precision
from maquette.families.corpora import (
    Corpus,
    analyze_texts,
    collect_texts,
    counted_baselines,
    prepare_corpus,
    scores_of,
    starts_of,
)
from maquette.families.language_models import SAMPLE_TOKENS, Samples, show_samples, spread_sample, streamed_loss
from maquette.families.writing import sample_of
from maquette.figures.training import losses
from maquette.methods.optimizers import AdamW, Muon, Together
from maquette.models.recurrent import Recurrent
from maquette.recipes.recurrent import report
from maquette.recipes.recurrent.settings import Settings
from maquette.runs import Run
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores
from maquette.training import Total, choose_threads, flat_then_linear, share, update

STEPS, ROUNDS = 2000, 30  # of training, where the settings leave them open
MEASURED = 16_384  # test tokens that the curve is measured on
MOMENTS = 40  # times that the losses are logged


@dataclass(frozen=True)
class Prepared:
    """Text as tokens."""

    corpus: Corpus
    processing: dict[str, Any]
    examples: list[str]


@dataclass(frozen=True, kw_only=True)
class Learnt(Fitted):
    """What was written on the way: [step, text] each."""

    samples: list[list[Any]]


def frame(settings: Settings) -> Framing:
    return Framing(
        question="Which token comes next?",
        inputs="text of any length, a token at a time",
        outputs="the probability of each token of the vocabulary to come next",
        score="bits_per_byte",
    )


def collect(settings: Settings, run: Run) -> Texts:
    return collect_texts(settings.data, settings.field, run)


def analyze(texts: Texts, settings: Settings, run: Run) -> dict[str, Any]:
    return analyze_texts(texts, run)


def process(texts: Texts, settings: Settings, run: Run) -> Prepared:
    corpus = prepare_corpus(
        texts,
        run,
        tokenizer=settings.tokenizer,
        vocabulary=settings.vocabulary,
        test_share=settings.test_share,
        seed=settings.seed,
    )
    if settings.batch_size < run.processes:
        raise UserError(
            f"--batch-size {settings.batch_size} gives each of {run.processes} processes no stream of text."
        )
    return Prepared(corpus, {"tokenizer": corpus.tokenizer.state()}, starts_of(corpus, 4))


def build(prepared: Prepared, settings: Settings) -> Recurrent:
    return Recurrent(
        vocabulary=len(prepared.corpus.tokenizer.vocabulary),
        cell=settings.network,
        embedded=settings.embedded,
        width=settings.width,
        layers=settings.layers,
    )


class Streams:
    """Streams of text read side by side from end to end, `context` tokens a step, each going on where it was.

    `next(streams)` is this process's share of inputs and targets, (share, context) int64 each. A round ends with the
    text; the next one begins at another place, which `is_new` tells: what was read before is of no use then.
    """

    def __init__(self, tokens: Tokens, context: int, batch_size: int, run: Run):
        count = len(tokens) - 1
        self.tokens, self.size = tokens, max(1, min(batch_size, count // 2))
        self.length = count // self.size
        self.context = min(context, max(1, self.length // 2))
        self.rounds = max(1, (self.length - self.context) // self.context)
        mine, self.weight = share(self.size, run.rank, run.processes)
        self.rows, self.device = np.arange(self.size)[mine], run.device
        self.places = torch.Generator().manual_seed(run.settings.seed)
        self.position = self.offset = 0

    @property
    def is_new(self) -> bool:
        return self.position == 0

    def __iter__(self) -> "Streams":
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        if self.is_new:
            slack = len(self.tokens) - 1 - (self.size - 1) * self.length - self.rounds * self.context
            self.offset = int(torch.randint(max(1, slack), (), generator=self.places))
        starts = self.rows * self.length + self.offset + self.position * self.context
        windows = torch.from_numpy(self.tokens.windows(starts, self.context + 1)).to(self.device)
        self.position = (self.position + 1) % self.rounds
        return windows[:, :-1], windows[:, 1:]

    def state_dict(self) -> dict[str, Any]:
        return {"position": self.position, "offset": self.offset, "places": self.places.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.position, self.offset = state["position"], state["offset"]
        self.places.set_state(state["places"])


class Carried:
    """The state of each stream, which training goes on from; kept with the run."""

    def __init__(self, model: Recurrent, rows: int):
        self.model, self.rows = model, rows
        self.state = model.start(rows)

    def forget(self) -> None:
        self.state = self.model.start(self.rows)

    def state_dict(self) -> dict[str, Any]:
        return {"state": list(self.state)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for mine, saved in zip(self.state, state["state"], strict=True):
            mine.copy_(saved)


def train(model: Recurrent, prepared: Prepared, settings: Settings, run: Run) -> Learnt:
    corpus = prepared.corpus
    model.to(run.device)
    streams = Streams(corpus.train, settings.context, settings.batch_size, run)
    choose_threads(model, streams.size)
    steps = settings.steps or max(1, min(STEPS, ROUNDS * streams.rounds))
    run.fact("Steps", run.planned(steps))
    run.fact("Tokens a step", streams.size * streams.context)
    rate = settings.learning_rate or {"muon": 0.03, "adamw": 0.008}[settings.optimizer]
    run.fact("Learning rate", rate)
    run.fact("Optimizer", "Muon for the cell, AdamW for the rest" if settings.optimizer == "muon" else "AdamW")
    if gains_by_bfloat16(run.device, model.width):
        run.fact("Products", "in bfloat16")
    run.say("Gradients longer than 1 are shortened to that.")
    optimizer = optimizers_for(model, settings.optimizer, rate)
    total, samples, carried = Total(run.device), Samples(), Carried(model, len(streams.rows))
    run.keep(model=model, optimizer=optimizer, streams=streams, total=total, samples=samples, carried=carried)
    measured, interval = spread_sample(corpus.test, MEASURED), max(1, steps // MOMENTS)
    model.train()
    for step in run.loop(steps):
        if streams.is_new:
            carried.forget()
        inputs, targets = next(streams)
        optimizer.scale(flat_then_linear(step.progress))
        with precision(run.device, model.width):
            logits, state = model.follow(inputs, carried.state)
        carried.state = tuple(each.detach().float() for each in state)
        loss = functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten()) * streams.weight
        update(optimizer, loss, 1.0)
        total.add(loss, streams.size)
        if step.every(interval):
            run.log(step, loss=total.mean(), valid_loss=streamed_loss(model, measured))
        if samples.is_due(step.progress) or step.is_last:
            text = sample_of(model, corpus.tokenizer, prepared.examples[0], SAMPLE_TOKENS, seed=step.number)
            samples.rows.append([step.number, text])
    model.eval()
    return Learnt(samples=samples.rows)


def optimizers_for(model: Recurrent, kind: str, rate: float) -> Together:
    """AdamW for all weights, or Muon for the matrices of the cells and AdamW for the others."""
    if kind == "adamw":
        return Together(AdamW(model.parameters(), rate, betas=(0.9, 0.99)))
    matrices = [weight for weight in model.body.parameters() if weight.dim() > 1]
    known = {id(weight) for weight in matrices}
    rest = [weight for weight in model.parameters() if id(weight) not in known]
    return Together(Muon(matrices, rate), AdamW(rest, 0.13 * rate, betas=(0.9, 0.99)))


def score(model: Recurrent, prepared: Prepared, fitted: Learnt, settings: Settings, run: Run) -> Scores:
    corpus = prepared.corpus
    loss = streamed_loss(model, corpus.test.take(0, len(corpus.test)))
    run.picture(
        "losses",
        losses(run.metrics(), {"loss": "training", "valid_loss": "test part"}, quantity="nats a token"),
        "Cross entropy",
        "The curve of the test part is measured on a sample from all over it; nothing is chosen by it.",
    )
    show_samples(fitted.samples, prepared.examples[0], run)
    with run.section("predict"):
        model.to("cpu")
        report.show_cell(model, corpus, prepared.examples[0], run)
        report.show_reach(model, corpus, run)
        report.show_use_of_the_past(model, corpus, run)
        if settings.probe:
            report.show_recall(settings.probe, settings.seed, run)
    return Scores(scores_of(loss, corpus), counted_baselines(corpus), {"loss": "nats a token", "bits_per_byte": "bits"})
