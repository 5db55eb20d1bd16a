"""A Transformer that reads a text and writes another: a translator from pairs of sentences; Vaswani et al. 2017.

One vocabulary of subwords serves both sides. It is judged by what it writes for held-out sentences, beside copying them
and beside a dictionary that counting alone finds.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from maquette.data.text.languages import common_words, language_of, named_language, reads_like_the_other
from maquette.data.text.pairs import Pairs
from maquette.data.text.segmentations import Segmentations
from maquette.data.text.tokenizers import Subwords, Tokenizer
from maquette.families.pairs import (
    IGNORED,
    Ends,
    Material,
    PairBatches,
    Part,
    Redraw,
    analyze_pairs,
    collect_pairs,
    decoded,
    encoded,
    held_out_loss,
    shared_subwords,
    spaced,
    split_pairs,
    written,
)
from maquette.figures.training import losses
from maquette.measures.translation import Judged, judged
from maquette.methods.optimizers import AdamW, Muon, Together
from maquette.methods.smoothing import smoothed_cross_entropy
from maquette.models.encoder_decoder import EncoderDecoder
from maquette.recipes.translate import report
from maquette.recipes.translate.data import dictionary_of, looked_up
from maquette.recipes.translate.settings import LENGTH_PENALTY, Settings
from maquette.runs import Run
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores
from maquette.training import Average, Total, choose_threads, flat_then_linear, update

SOURCE = "multi30k"
ROUNDS = 10  # over the training pairs, where the settings leave it open
SMOOTHING = 0.1  # part of each target that is spread over all tokens
WARM = {"muon": 30, "adamw": 300}  # steps in which the learning rate rises, a tenth of all at most
MOMENTS = 20  # times that the losses are logged
TRIALS = 8  # times that something is translated while it learns
WATCHED, TRIED = 200, 100  # pairs of the curve of the loss, and of that of BLEU
TIMED = 4  # the longest text that networks are timed on, in contexts


@dataclass(frozen=True)
class Prepared:
    """Pairs as tokens, with the tokenizer of both sides."""

    material: Material
    tokenizer: Tokenizer
    ends: Ends
    sources: list[np.ndarray]
    targets: list[np.ndarray]
    context: int
    processing: dict[str, Any]
    examples: list[str]

    def tokens(self, part: Part) -> tuple[list[np.ndarray], list[np.ndarray]]:
        most = self.context - 1
        return encoded(self.tokenizer, part.sources, most), encoded(self.tokenizer, part.targets, most)


class Trials:
    """What was tried as training went on, [step, BLEU, chrF, first output] each; kept with the run."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self.logged = 0

    def is_due(self, progress: float) -> bool:
        return progress * TRIALS >= len(self.rows) + 1

    def is_moment(self, progress: float) -> bool:
        """Whether it is time to log the losses; it is counted."""
        is_due = progress * MOMENTS >= self.logged + 1
        self.logged += is_due
        return is_due

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "logged": self.logged}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows, self.logged = [list(row) for row in state["rows"]], state["logged"]


@dataclass(frozen=True, kw_only=True)
class Learnt(Fitted):
    """What was tried on the way: [step, BLEU, chrF, first output] each."""

    trials: list[list[Any]]


def frame(settings: Settings) -> Framing:
    return Framing(
        question="What does this text say in the other language?",
        inputs=f"a text of up to {settings.context} tokens",
        outputs="a text, a token at a time, each with its probability",
        score="bleu",
        higher_is_better=True,
        headline="BLEU {bleu} on texts held out; word by word, with a dictionary: {dictionary|bleu}.",
    )


def collect(settings: Settings, run: Run) -> Pairs:
    return collect_pairs(settings.data, settings.source, settings.target, run, default=SOURCE)


def analyze(pairs: Pairs, settings: Settings, run: Run) -> dict[str, Any]:
    numbers = analyze_pairs(pairs, run)
    report.show_lengths(pairs, run)
    return numbers


def process(pairs: Pairs, settings: Settings, run: Run) -> Prepared:
    material = split_pairs(pairs, settings.test_share, settings.seed)
    train = material.train
    common = [common_words(train.sources), common_words(train.targets)]
    for note in doubts(material, common):
        run.warn(note)
    for note in material.notes:
        run.say(note)
    tokenizer = shared_subwords(material, settings.vocabulary)
    end = tokenizer.end
    assert end is not None
    most = settings.context - 1
    sources, targets = encoded(tokenizer, train.sources, most + 1), encoded(tokenizer, train.targets, most + 1)
    cut = sum(len(tokens) > most for side in (sources, targets) for tokens in side)
    if cut:
        run.warn(f"{cut:,} of the training texts are longer than {most} tokens and are cut; --context allows more.")
    sources, targets = [each[:most] for each in sources], [each[:most] for each in targets]
    for name, part in material.parts.items():
        if len(part):
            run.fact(f"{'Validation' if name == 'valid' else name.capitalize()} pairs", len(part))
    run.fact("Vocabulary", len(tokenizer.vocabulary), "tokens, for both sides")
    run.fact("Tokens a source", round(sum(map(len, sources)) / len(sources), 1))
    run.fact("Tokens a target", round(sum(map(len, targets)) / len(targets), 1))
    processing = {
        "tokenizer": tokenizer.state(),
        "names": list(material.names),
        "common": common,
        "context": settings.context,
    }
    examples = material.test.spread(4).sources
    return Prepared(material, tokenizer, Ends(end, end, end), sources, targets, settings.context, processing, examples)


def doubts(material: Material, common: list[list[str]]) -> list[str]:
    """Whether the sides seem to be exchanged, in all files or in those of one part."""
    names, said = material.names, []
    train = material.train
    found = [language_of(side) for side in (train.sources, train.targets)]
    meant = [named_language(name) for name in names]
    if found[0] and found[1] and found[0] != found[1] and meant == [found[1], found[0]]:
        said.append(
            f"{names[0]} reads like {found[0]} and {names[1]} like {found[1]}: is the pair the wrong way round? If so, "
            "exchange the files, or --source and --target."
        )
    elif found[0] and found[0] == found[1]:
        said.append(f"Both {names[0]} and {names[1]} read like {found[0]}: is that what you mean?")
    for part in ("valid", "test"):
        sides = material.parts[part]
        if len(sides) and reads_like_the_other(sides.sources, common[0], common[1]):
            said.append(
                f"The {'validation' if part == 'valid' else part} part seems to be the wrong way round: its {names[0]} "
                f"has the words that {names[1]} has in training."
            )
    return said


def build(prepared: Prepared, settings: Settings) -> EncoderDecoder:
    if settings.width % settings.heads:
        raise UserError(f"--heads {settings.heads} does not part the width {settings.width} into equal pieces.")
    return EncoderDecoder(
        vocabulary=len(prepared.tokenizer.vocabulary),
        context=settings.context,
        depth=settings.depth,
        width=settings.width,
        heads=settings.heads,
        norm=settings.norm,
        dropout=settings.dropout,
        start=prepared.ends.start,
    )


def optimizers_for(model: EncoderDecoder, kind: str, rate: float) -> Together:
    """AdamW for all weights, or Muon for the matrices of the blocks and AdamW for the others.

    The embedding, of whose rows few have a gradient, takes larger steps than what else AdamW moves.
    """
    if kind == "adamw":
        return Together(AdamW(model.parameters(), rate, betas=(0.9, 0.98)))
    matrices = [weight for side in (model.encoder, model.decoder) for weight in side.parameters() if weight.dim() > 1]
    known = {id(weight) for weight in (*matrices, model.embedding.weight)}
    rest = [weight for weight in model.parameters() if id(weight) not in known]
    return Together(
        Muon(matrices, rate),
        AdamW(model.embedding.parameters(), 0.6 * rate, betas=(0.9, 0.99)),
        AdamW(rest, 0.1 * rate, betas=(0.9, 0.99)),
    )


def train(model: EncoderDecoder, prepared: Prepared, settings: Settings, run: Run) -> Learnt:
    model.to(run.device)
    batches = PairBatches(
        prepared.sources, prepared.targets, settings.batch_tokens, prepared.ends, run, redraw_of(prepared, settings)
    )
    choose_threads(model, settings.batch_tokens)
    steps = settings.steps or ROUNDS * len(batches)
    rate = settings.learning_rate or {"muon": 0.02, "adamw": 0.001}[settings.optimizer]
    run.fact("Steps", run.planned(steps))
    run.fact("Batches a round", len(batches))
    run.fact("Learning rate", rate)
    run.fact("Optimizer", "Muon for matrices, AdamW for the rest" if settings.optimizer == "muon" else "AdamW")
    warm = min(WARM[settings.optimizer], max(1, steps // 10))
    optimizer, average = optimizers_for(model, settings.optimizer, rate), Average(model)
    total, trials = Total(run.device), Trials()
    run.keep(model=model, optimizer=optimizer, average=average, batches=batches, total=total, trials=trials)
    network = average.network
    assert isinstance(network, EncoderDecoder)
    watched = prepared.tokens(prepared.material.watched.spread(WATCHED))
    tried = prepared.material.watched.spread(TRIED)
    model.train()
    for step in run.loop(steps):
        batch = next(batches)
        optimizer.scale(flat_then_linear(step.progress) * min(1.0, step.number / warm))
        states = model.decode(batch.inputs, model.encode(batch.source, batch.mask), batch.mask)
        said = batch.targets != IGNORED
        loss = smoothed_cross_entropy(states[said], model.embedding.weight, batch.targets[said], SMOOTHING)
        loss = loss * batches.weight
        update(optimizer, loss, 1.0 if settings.optimizer == "adamw" else None)
        average.update(step.number)
        total.add(loss, batches.total)
        if trials.is_moment(step.progress) or step.is_last:
            run.log(step, loss=total.mean(), valid_loss=held_out_loss(network, *watched, prepared.ends))
        if (trials.is_due(step.progress) or step.is_last) and run.is_main:
            found, outputs = translated(network, prepared, tried, beams=1)
            trials.rows.append([step.number, found.bleu, found.chrf, outputs[0]])
    average.restore()
    model.eval()
    return Learnt(trials=trials.rows)


def redraw_of(prepared: Prepared, settings: Settings) -> Redraw | None:
    """What cuts all words anew for each round, where they are to be cut at random."""
    if not settings.subword_dropout:
        return None
    tokenizer, most, train = prepared.tokenizer, prepared.context - 1, prepared.material.train
    assert isinstance(tokenizer, Subwords)
    sides = [
        Segmentations(tokenizer, [spaced("bpe", text) for text in side], settings.subword_dropout, settings.seed)
        for side in (train.sources, train.targets)
    ]

    def redraw(generator: torch.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
        sources, targets = ([tokens[:most] for tokens in side.draw(generator)] for side in sides)
        return sources, targets

    return redraw


def translated(model: EncoderDecoder, prepared: Prepared, part: Part, *, beams: int) -> tuple[Judged, list[str]]:
    """What the model writes for the sources of a part, and how it is judged."""
    sources, _ = prepared.tokens(part)
    found = written(model, sources, prepared.ends, beams=beams, length_penalty=LENGTH_PENALTY)
    outputs = [decoded(prepared.tokenizer, best[0].tokens) if best else "" for best in found]
    return judged(outputs, part.targets), outputs


def score(model: EncoderDecoder, prepared: Prepared, fitted: Learnt, settings: Settings, run: Run) -> Scores:
    test = prepared.material.test
    loss = held_out_loss(model, *prepared.tokens(test), prepared.ends)
    found, outputs = translated(model, prepared, test, beams=settings.beams)
    greedy, taken = translated(model, prepared, test, beams=1)
    curves = {"loss": "training", "valid_loss": "held out"}
    run.picture(
        "losses",
        losses(run.metrics(), curves, quantity="nats a token"),
        "Cross entropy",
        "Training: against smoothed targets, of the network as it is, with dropout; held out: plain, of the averaged "
        "weights. Nothing is chosen by it.",
    )
    report.show_trials(fitted.trials, prepared.material.watched.spread(TRIED), run)
    search = f"beam {settings.beams}, length penalty {LENGTH_PENALTY:g}"
    run.say(f"Scores by sacrebleu, {search}, cased: {'; '.join(found.signatures)}.")
    lexicon = dictionary_of(prepared.material.train)
    by_word = [looked_up(lexicon, text) for text in test.sources]
    baselines = {"copy": judged(test.sources, test.targets), "dictionary": judged(by_word, test.targets)}
    with run.section("predict"):
        model.to("cpu")
        report.show_searches(test, outputs, taken, found, greedy, settings.beams, run)
        report.show_by_length(test, {"beam": outputs, "greedy": taken, "dictionary": by_word}, run)
        report.show_best_and_worst(test, outputs, run)
        report.show_alignments(model, prepared.tokenizer, test, outputs, lexicon, run)
        report.show_timing(model, TIMED * settings.context, run)
    return Scores(
        {"bleu": found.bleu, "chrf": found.chrf, "loss": loss},
        {name: {"bleu": each.bleu, "chrf": each.chrf} for name, each in baselines.items()},
        {"loss": "nats a token"},
    )
