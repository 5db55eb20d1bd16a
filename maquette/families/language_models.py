"""How a language model is trained and judged: windows of text, optimizers, the loop, the loss on text held out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from maquette.data.text.shards import Tokens
from maquette.data.text.tokenizers import Tokenizer, readable
from maquette.families.corpora import Corpus
from maquette.families.writing import sample_of
from maquette.figures import text as figures
from maquette.methods.optimizers import AdamW, Muon, Together
from maquette.methods.spread import Whole, spread_model, whole
from maquette.models.attention import LanguageModel
from maquette.models.gpt import GPT
from maquette.models.gpt2 import GPT2
from maquette.models.recurrent import Recurrent
from maquette.runs import Run
from maquette.training import Batches, Total, choose_threads, flat_then_linear, update, warm_cosine

STEPS, ROUNDS = 2000, 6  # of training, where the settings leave them open
MEASURED = 16_384  # test tokens that the curve is measured on
MOMENTS = 40  # times that the losses are logged
SAMPLES = 6  # times that the network writes something while it learns
SAMPLE_TOKENS = 80
HELD_OUT = 32  # streams in which a recurrent network reads held-out text


@dataclass(frozen=True)
class Prepared:
    """Text as tokens, and the network that is given, if any; a new one is built where there is none."""

    corpus: Corpus
    given: GPT | GPT2 | None
    processing: dict[str, Any]
    examples: list[str]


class Windows:
    """Windows of `context` tokens and the ones after them, each seen once a round; a round begins at a random place.

    `next(windows)` is this process's share of a batch: inputs and targets, (share, context) int64 each.
    """

    def __init__(self, tokens: Tokens, context: int, batch_size: int, run: Run):
        self.tokens, self.context = tokens, min(context, len(tokens) - 1)
        slack = (len(tokens) - 1) % self.context
        rows = (len(tokens) - 1) // self.context
        self.batches = Batches(rows, batch_size, run.settings.seed, rank=run.rank, processes=run.processes)
        self.places = torch.Generator().manual_seed(run.settings.seed + 1)
        self.slack, self.offset = slack, 0
        self.device = run.device

    def __iter__(self) -> "Windows":
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        if self.batches.position == 0 and self.slack:
            self.offset = int(torch.randint(self.slack + 1, (), generator=self.places))
        rows = next(self.batches).numpy()
        windows = torch.from_numpy(self.tokens.windows(rows * self.context + self.offset, self.context + 1))
        windows = windows.to(self.device)
        return windows[:, :-1], windows[:, 1:]

    @property
    def weight(self) -> float:
        return self.batches.weight

    @property
    def size(self) -> int:
        return self.batches.size

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self.batches.state_dict(), "places": self.places.get_state(), "offset": self.offset}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.batches.load_state_dict(state["batches"])
        self.places.set_state(state["places"])
        self.offset = state["offset"]


class Samples:
    """What the network wrote at some moments of training, [step, text] each; kept with the run."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []

    def is_due(self, progress: float) -> bool:
        return len(self.rows) < 1 + int(progress * (SAMPLES - 1))

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows = [list(row) for row in state["rows"]]


def optimizers_for(model: GPT | GPT2, kind: str, rate: float) -> Together:
    """AdamW for all weights, or Muon for the matrices of the blocks and AdamW for the others.

    Embeddings take larger steps than matrices, since few of their rows have a gradient; the head takes smaller ones.
    """
    inside = [weight for weight in model.blocks.parameters() if weight.dim() > 1]
    if kind == "adamw":
        weights = list(model.parameters())
        decays = [0.1 if weight.dim() > 1 else 0.0 for weight in weights]
        return Together(AdamW(weights, rate, betas=(0.9, 0.99), weight_decay=decays))
    known = {id(weight) for weight in inside}
    tables = list(model.embedding.parameters()) if isinstance(model, GPT) else []
    known |= {id(weight) for weight in tables}
    rest = [weight for weight in model.parameters() if id(weight) not in known]
    optimizers = [Muon(inside, rate), AdamW(rest, 0.1 * rate, betas=(0.9, 0.99))]
    if tables:
        optimizers.append(AdamW(tables, 5 * rate, betas=(0.9, 0.99)))
    return Together(*optimizers)


def train_model(
    model: GPT | GPT2,
    corpus: Corpus,
    run: Run,
    *,
    context: int,
    steps: int | None,
    batch_size: int,
    learning_rate: float | None,
    optimizer: str,
    shard: bool = False,
    prompt: str = "",
) -> list[list[Any]]:
    """Trained in place to predict the next token, on `run.device`; logs losses.

    Returns what the network wrote on the way, from `prompt` on: [step, text] each. With `shard`, the weights are spread
    over the processes, where there are several.
    """
    rate = learning_rate or {"muon": 0.02, "adamw": 0.001}[optimizer]
    trained = (spread_over(model, run) if shard else None) or model.to(run.device)
    windows = Windows(corpus.train, context, batch_size, run)
    choose_threads(model, batch_size * windows.context)
    steps = steps or steps_for(len(corpus.train), batch_size * windows.context)
    for name, value, unit in (
        ("Steps", run.planned(steps), ""),
        ("Tokens a step", batch_size * windows.context, ""),
        ("Learning rate", rate, ""),
        (
            "Optimizer",
            "Muon for matrices, AdamW for the rest" if optimizer == "muon" else "AdamW, weight decay 0.1",
            "",
        ),
    ):
        run.fact(name, value, unit)
    stepper, total, samples = optimizers_for(trained, optimizer, rate), Total(run.device), Samples()
    held = Whole if run.is_spread else lambda kept: kept
    run.keep(model=held(trained), optimizer=held(stepper), windows=windows, total=total, samples=samples)
    measured = spread_sample(corpus.test, MEASURED)
    interval = max(1, steps // MOMENTS)
    trained.train()
    for step in run.loop(steps):
        inputs, targets = next(windows)
        stepper.scale(warm_cosine(step.progress) if optimizer == "adamw" else flat_then_linear(step.progress))
        logits = trained(inputs).flatten(0, 1)
        loss = functional.cross_entropy(logits, targets.flatten()) * windows.weight
        update(stepper, loss, 1.0 if optimizer == "adamw" else None)
        total.add(loss, windows.size)
        if step.every(interval):
            valid = held_out_loss(trained, measured, windows.context)
            run.log(step, loss=total.mean(), valid_loss=valid)
        if (samples.is_due(step.progress) or step.is_last) and not run.is_spread:
            text = sample_of(model, corpus.tokenizer, prompt, SAMPLE_TOKENS, seed=step.number)
            samples.rows.append([step.number, text])
    if trained is not model:
        model.load_state_dict(whole(trained.state_dict()))
    model.eval()
    return samples.rows


def steps_for(tokens: int, tokens_a_step: int) -> int:
    """STEPS, or fewer where they would go over the text more than ROUNDS times: it would be learnt by heart."""
    return max(1, min(STEPS, ROUNDS * tokens // tokens_a_step))


def spread_sample(tokens: Tokens, count: int, pieces: int = 16) -> np.ndarray:
    """About `count` tokens in pieces from all over a part, (N,) int64; all of a part that is no longer."""
    if len(tokens) <= count:
        return tokens.take(0, len(tokens))
    starts = np.linspace(0, len(tokens) - count // pieces, pieces).astype(int)
    return np.concatenate([tokens.take(int(start), count // pieces) for start in starts])


def spread_over(model: GPT | GPT2, run: Run) -> GPT | GPT2 | None:
    """A copy whose weights are spread over the processes; None where there is only one."""
    if run.processes == 1:
        run.warn("--shard spreads the weights over processes, and there is one; start several with torchrun.")
        return None
    run.is_spread = True
    return spread_model(model, run.device)


def held_out_loss(model: GPT | GPT2, tokens: np.ndarray, context: int, rows: int = 32) -> float:
    """Mean -log p of each token but the first (N,), in windows of `context` that begin where the last one ended."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    count = len(tokens) - 1
    end = count // context * context
    total = 0.0
    with torch.no_grad():
        sets = [(tokens[:end].reshape(-1, context), tokens[1 : end + 1].reshape(-1, context))]
        if count > end:
            sets.append((tokens[None, end:-1], tokens[None, end + 1 :]))
        for inputs, targets in sets:
            for start in range(0, len(inputs), rows):
                read = torch.from_numpy(np.ascontiguousarray(inputs[start : start + rows])).to(device)
                true = torch.from_numpy(np.ascontiguousarray(targets[start : start + rows])).to(device)
                logits = model(read).flatten(0, 1).float()
                total += float(functional.cross_entropy(logits, true.flatten(), reduction="sum"))
    model.train(was_training)
    return total / count


@torch.no_grad()
def streamed_loss(model: Recurrent, tokens: np.ndarray, context: int = 256) -> float:
    """Mean -log p of each token but the first (N,), read in HELD_OUT streams that each begin without a memory."""
    device, count = model.head.weight.device, len(tokens) - 1
    streams = max(1, min(HELD_OUT, count // context))
    length = -(-count // streams)
    padded = np.full(streams * length + 1, -100, np.int64)
    padded[: count + 1] = tokens
    read = torch.from_numpy(np.maximum(padded[:-1], 0).reshape(streams, length)).to(device)
    true = torch.from_numpy(padded[1:].reshape(streams, length)).to(device)
    state, total = model.start(streams), 0.0
    for start in range(0, length, context):
        logits, state = model.follow(read[:, start : start + context], state)
        targets = true[:, start : start + context].flatten()
        total += float(functional.cross_entropy(logits.flatten(0, 1).float(), targets, reduction="sum"))
    return total / count


def show_samples(samples: list[list[Any]], prompt: str, run: Run) -> None:
    """What was written as training went on; samples: [step, text] each."""
    if samples:
        run.table(
            "What it wrote as training went on",
            pd.DataFrame([[step, one_line(text)] for step, text in samples], columns=["step", "text"]),
            f"From the prompt {prompt!r} on, drawn at temperature 0.8.",
        )


def one_line(text: str) -> str:
    """Line ends as signs, and what cannot be printed as dots."""
    return "".join(sign if sign.isprintable() else " ⏎ " if sign == "\n" else "·" for sign in text)


def show_next_token(model: LanguageModel | Recurrent, tokenizer: Tokenizer, prompt: str, run: Run) -> None:
    tokens = tokenizer.encode(prompt)[-model.context :]
    if not len(tokens):
        return
    with torch.no_grad():
        probabilities = model(torch.from_numpy(tokens).long()[None])[0, -1].double().softmax(-1)
    run.picture(
        "next_token",
        figures.next_token(
            [readable(tokenizer, n) for n in range(len(tokenizer.vocabulary))],
            probabilities.numpy()[: len(tokenizer.vocabulary)],
        ),
        f"What comes after {prompt!r}?",
        "Left the probability of every token of the vocabulary, the likeliest in colour; right the likeliest by name.",
    )
