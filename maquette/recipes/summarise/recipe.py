"""A summariser: an encoder-decoder that was pretrained on plain text, and is then shown texts with their summaries.

It begins as T5, BART or Marian from a folder of Hugging Face's, as another run, or as a small T5 of its own, which
copies from the start and first learns to write texts whole that it is given with gaps (span corruption, Raffel et al.
2020; the whole text is the target as in Lewis et al. 2020, "BART"). Judged by ROUGE on held-out texts, before and
after, beside summaries that need no network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from maquette.data.text.pairs import Pairs
from maquette.families.pairs import (
    Ends,
    Material,
    analyze_pairs,
    collect_pairs,
    held_out_loss,
    shared_subwords,
    split_pairs,
)
from maquette.figures.training import losses
from maquette.measures.rouge import KINDS, f_measures, in_lines, with_interval
from maquette.methods.optimizers import AdamW, Muon, Together
from maquette.methods.spans import sizes
from maquette.models.encoder_decoder import Seq2Seq
from maquette.models.gpt import heads_for
from maquette.models.lora import add_lora, fold_lora
from maquette.models.t5 import T5
from maquette.recipes.summarise import report
from maquette.recipes.summarise.data import (
    MARKS,
    SIDES,
    Frame,
    Gaps,
    beginning,
    joined,
    loss_of,
    pair_batches,
    plain_summaries,
    summaries,
    texts_at,
)
from maquette.recipes.summarise.settings import Settings
from maquette.runs import Run
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores
from maquette.training import Average, Total, choose_threads, flat_then_linear, update

SOURCE = "dialogsum"
STRETCH = 256  # tokens of a text with gaps
MOMENTS, TRIALS = 12, 4  # times that losses are logged, and that something is summarised while it learns
WATCHED, TRIED = 100, 24  # pairs of the curve of the loss, and of that of ROUGE
WARM = 0.02  # part of training in which the steps grow, of a network that begins at random
RATE, DECAY, OWN_RATE = 2e-5, 0.01, 0.02  # of AdamW where a network is given, as the course has it; of Muon else
OF_FEW, OF_MANY, MANY = 8, 32, 5000  # pairs a step, and training pairs from which they are many
WIDTH_A_LAYER = 64  # numbers a token that each layer of `depth` stands for
BEAMS = 4


@dataclass(frozen=True)
class Prepared:
    """Pairs in parts, how the network is given texts, the network if one is given, and the text to pretrain on."""

    material: Material
    frame: Frame
    given: Seq2Seq | None
    sources: list[np.ndarray]
    targets: list[np.ndarray]
    text: np.ndarray
    processing: dict[str, Any]
    examples: list[str]


class Trials:
    """What was tried as training went on, [step, rouge1, rouge2, rougeL, first summary] each; kept with the run.

    `before` are the summaries of the judged texts by the network that fine-tuning began with.
    """

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self.before: list[str] = []
        self.looks = self.tries = 0  # how often losses were logged, and something was tried

    def is_look_due(self, progress: float) -> bool:
        return progress * MOMENTS >= self.looks + 1

    def is_try_due(self, progress: float) -> bool:
        return progress * TRIALS >= self.tries + 1

    def state_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


@dataclass(frozen=True, kw_only=True)
class Learnt(Fitted):
    trials: Trials


def frame(settings: Settings) -> Framing:
    return Framing(
        question="What is this text about, in a sentence or two?",
        inputs=f"a text of up to {settings.context} tokens",
        outputs=f"a summary of up to {settings.longest} tokens",
        score="rouge1",
        higher_is_better=True,
        headline="ROUGE-1 {rouge1} on texts held out; their first three lines: {first three lines|rouge1}.",
    )


def collect(settings: Settings, run: Run) -> Pairs:
    return collect_pairs(settings.data, settings.input, settings.output, run, default=SOURCE, sides=SIDES)


def analyze(pairs: Pairs, settings: Settings, run: Run) -> dict[str, Any]:
    return analyze_pairs(pairs, run) | report.show_pairs(pairs, run)


def process(pairs: Pairs, settings: Settings, run: Run) -> Prepared:
    if settings.lora and settings.init is None:
        raise UserError("--lora changes a pretrained network; give one with --init.")
    material = split_pairs(pairs, settings.test_share, settings.seed)
    for note in material.notes:
        run.say(note)
    found = beginning(settings.init, run, context=settings.context, longest=settings.longest)
    text = np.empty(0, np.int32)
    if found:
        given, frame = found
        run.say(f"Network and tokenizer are those of {settings.init}.")
    else:
        tokenizer = shared_subwords(material, settings.vocabulary, placeholders=True)
        assert tokenizer.end is not None
        ends = Ends(tokenizer.end, tokenizer.end, tokenizer.end)
        given = None
        frame = Frame(tokenizer, ends, settings.context, settings.longest, after=[tokenizer.end])
    if frame.prefix:
        run.say(f"Before each text stands {frame.prefix!r}.")
    train = material.train
    sources, targets = frame.whole(train.sources, frame.prefix), frame.whole(train.targets)
    if not found and settings.pretraining:
        origin = settings.text or "the texts and summaries of the training part"
        texts = frame.whole(texts_at(settings.text)) if settings.text else [*sources, *targets]
        text = joined(texts, frame.ends.end)
        if len(text) < 16:
            raise UserError(f"There are {len(text)} tokens to pretrain on; give more text, or --pretraining 0.")
        run.say(
            f"Without --init, a network is pretrained first: it fills gaps in {origin}, {len(text):,} tokens, and "
            "writes them whole."
        )
    for name, part in material.parts.items():
        if len(part):
            run.fact(f"{'Validation' if name == 'valid' else name.capitalize()} pairs", len(part))
    run.fact("Vocabulary", len(frame.tokenizer.vocabulary), "tokens")
    tell_lengths("texts", sources, frame.context, "--context", run)
    tell_lengths("summaries", targets, frame.longest, "--longest", run)
    sources, targets = frame.as_sources(sources), frame.as_targets(targets)
    examples = material.test.spread(3).sources
    return Prepared(material, frame, given, sources, targets, text, frame.state(), examples)


def tell_lengths(side: str, texts: list[np.ndarray], most: int, setting: str, run: Run) -> None:
    """How many tokens texts or summaries have, and how many are cut."""
    lengths = np.array([len(tokens) for tokens in texts])
    run.fact(f"Tokens of the {side}", f"{lengths.mean():.0f} on average, {lengths.max()} at most")
    cut = float((lengths >= most).mean())
    if cut:
        run.warn(f"{cut:.1%} of the {side} are cut after {most} tokens; {setting} allows more.")


def build(prepared: Prepared, settings: Settings) -> Seq2Seq:
    if prepared.given is not None:
        return prepared.given
    ends, width = prepared.frame.ends, WIDTH_A_LAYER * settings.depth
    heads = heads_for(width)
    made = T5(
        vocabulary=len(prepared.frame.tokenizer.vocabulary) + MARKS,
        width=width,
        size=width // heads,
        wide=2 * width,
        encoder_depth=settings.depth,
        decoder_depth=settings.depth,
        heads=heads,
        activation="gelu_new",
        is_gated=True,
        start=ends.start,
        pad=ends.pad,
        end=ends.end,
    )
    made.start_copying()
    return made


def optimizer_for(model: Seq2Seq, is_given: bool, rate: float) -> Together:
    """AdamW, which shrinks all but biases and norms; for a new network Muon takes the matrices within the blocks.

    Its embeddings begin with numbers of size 1, so that they take large steps.
    """
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    if is_given:
        decays = [DECAY if weight.dim() > 1 else 0.0 for weight in learning]
        return Together(AdamW(learning, rate, weight_decay=decays))
    sides: Any = (model.encoder, model.decoder)
    blocks = [weight for side in sides for weight in side.parameters()]
    matrices = [weight for weight in blocks if weight.dim() > 1]
    tables = [table for each in model.modules() if isinstance(each, nn.Embedding) for table in each.parameters()]
    known = {id(weight) for weight in (*matrices, *tables)}
    rest = [weight for weight in learning if id(weight) not in known]
    betas = (0.9, 0.98)
    return Together(Muon(matrices, rate), AdamW(tables, rate, betas=betas), AdamW(rest, 0.1 * rate, betas=betas))


def train(model: Seq2Seq, prepared: Prepared, settings: Settings, run: Run) -> Learnt:
    frame, material = prepared.frame, prepared.material
    is_given = prepared.given is not None
    if settings.lora:
        learning = add_lora(model, settings.lora, 2.0 * settings.lora)
        run.fact("LoRA", f"rank {settings.lora}, {learning:,} weights learn")
    model.to(run.device)
    has_many = not is_given and len(prepared.sources) >= MANY
    batch_size = settings.batch_size or (OF_MANY if has_many else OF_FEW)
    batches = pair_batches(prepared.sources, prepared.targets, frame.ends, batch_size, run)
    share = settings.pretraining if len(prepared.text) else 0.0
    gaps = gaps_for(prepared, batches.lengths, batch_size, model.vocabulary - 1, run) if share else None
    choose_threads(model, int(batches.lengths.sum(1).mean() * batch_size))
    steps = round((settings.steps or settings.epochs * len(batches)) / (1 - share))
    rate = settings.learning_rate or (RATE if is_given else OWN_RATE)
    run.fact("Steps", run.planned(steps))
    if share:
        run.fact("Of these in pretraining", f"{share:.0%}")
    run.fact("Batch size", batch_size, "pairs")
    run.fact("Learning rate", rate)
    run.fact("Optimizer", f"AdamW, weight decay {DECAY}" if is_given else "Muon for matrices, AdamW for the rest")
    if not is_given:
        run.say(
            "Some heads of the new network copy before it has learnt anything: they look in the text for what was "
            "just written, and say what follows there."
        )
    optimizer = optimizer_for(model, is_given, rate)
    total, gap_total, trials = Total(run.device), Total(run.device), Trials()
    run.keep(model=model, optimizer=optimizer, batches=batches, total=total, trials=trials)
    if gaps:
        run.keep(gaps=gaps, gap_total=gap_total)
    average = None if is_given else Average(model)
    if average:
        run.keep(average=average)
    network: Any = average.network if average else model
    held = material.watched.spread(WATCHED)
    watched, tried = (frame.sources(held.sources), frame.targets(held.targets)), material.watched.spread(TRIED)
    judged = material.test.spread(settings.judged)
    model.train()
    for step in run.loop(steps):
        is_pretraining = gaps is not None and step.progress < share
        if not is_pretraining and not trials.before and (is_given or share) and run.is_main:
            trials.before = written_by(network, frame, judged.sources, BEAMS)
        shown = gaps if gaps and is_pretraining else batches
        batch = next(shown)
        optimizer.scale(pace(step.progress, share, is_given))
        loss = loss_of(model, batch) * shown.weight
        update(optimizer, loss, 1.0 if is_given else None)
        if average:
            average.update(step.number)
        (gap_total if is_pretraining else total).add(loss, shown.total)
        if trials.is_look_due(step.progress) or step.is_last:
            trials.looks += 1
            if is_pretraining:
                run.log(step, gap_loss=gap_total.mean())
            else:
                run.log(step, loss=total.mean(), valid_loss=held_out_loss(network, *watched, frame.ends))
        if (trials.is_try_due(step.progress) or step.is_last) and run.is_main:
            trials.tries += 1
            said = written_by(network, frame, tried.sources, 1)
            found = rouge_of(tried.targets, said)
            trials.rows.append([step.number, *(found[kind].mean() for kind in KINDS[:3]), said[0]])
    if average:
        average.restore()
    if settings.lora:
        fold_lora(model)
    model.eval()
    return Learnt(trials=trials)


def pace(progress: float, share: float, is_given: bool) -> float:
    """How large the steps are: down to nought in a line; of a new network, they grow first and stay for a while."""
    if is_given:
        return 1 - progress
    return min(flat_then_linear(progress, max(0.4, share)), 0.1 + progress / WARM)


def gaps_for(prepared: Prepared, lengths: np.ndarray, batch_size: int, highest: int, run: Run) -> Gaps:
    """Text with gaps, in batches that take about as long as those of pairs."""
    length = min(STRETCH, max(8, prepared.frame.context), len(prepared.text) // 2)
    taken, spans = sizes(length)
    places = length - taken + spans + length
    rows = max(1, round(batch_size * float(lengths.sum(1).mean()) / places))
    return Gaps(prepared.text, length, rows, highest, prepared.frame.ends, run)


def written_by(model: Seq2Seq, frame: Frame, texts: Sequence[str], beams: int) -> list[str]:
    return summaries(model, frame, texts, beams=beams)


def rouge_of(true: Sequence[str], made: Sequence[str]) -> dict[str, np.ndarray]:
    """ROUGE of each summary, of 100, with a newline after each sentence, as rougeLsum is usually computed."""
    pairs = ((in_lines(a), in_lines(b)) for a, b in zip(true, made, strict=True))
    return {kind: 100 * values for kind, values in f_measures(pairs, stem=True).items()}


def score(model: Seq2Seq, prepared: Prepared, fitted: Learnt, settings: Settings, run: Run) -> Scores:
    frame, test = prepared.frame, prepared.material.test
    judged = test.spread(settings.judged)
    loss = held_out_loss(model, frame.sources(test.sources), frame.targets(test.targets), frame.ends)
    made = written_by(model, frame, judged.sources, BEAMS)
    curves = {"gap_loss": "pretraining", "loss": "fine-tuning", "valid_loss": "held out"}
    known = {name for record in run.metrics() for name in record}
    run.picture(
        "losses",
        losses(run.metrics(), {k: v for k, v in curves.items() if k in known}, quantity="nats a token"),
        "Cross entropy",
        "Pretraining writes texts whole, fine-tuning summaries: their losses are of different tasks. Held out: "
        "summaries of the test part, by which nothing is chosen."
        if "gap_loss" in known
        else "Held out: summaries of the test part, by which nothing is chosen.",
    )
    others = plain_summaries(prepared.material.train, judged.sources)
    if fitted.trials.before:
        others["before fine-tuning"] = fitted.trials.before
    found = {name: rouge_of(judged.targets, texts) for name, texts in {"": made, **others}.items()}
    values: dict[str, float] = {}
    for kind, each in found[""].items():
        values[kind], values[f"{kind}_low"], values[f"{kind}_high"] = with_interval(each, settings.seed)
    values["loss"] = loss
    baselines = {
        name: {kind: float(each.mean()) for kind, each in kinds.items()} for name, kinds in found.items() if name
    }
    run.say(
        f"ROUGE as rouge-score has it, F-measures of {len(judged)} texts, times 100, "
        f"with stems; beam {BEAMS}; intervals of 95 %."
    )
    report.show_scores(found, settings.seed, run)
    report.show_trials(fitted.trials.rows, prepared.material.watched.spread(TRIED), run)
    with run.section("predict"):
        report.show_examples(judged, made, others, found[""], run)
        report.show_copying(judged, made, run)
        report.show_word_counts(judged, made, run)
    model.to("cpu")
    return Scores(values, baselines, dict.fromkeys(KINDS, "of 100") | {"loss": "nats a token"})
