"""Pictures and words in one space: CLIP, Radford et al. 2021.

A convolutional tower makes numbers of a picture, a Transformer makes as many of a caption, and of a batch of pairs each
picture must find its caption, each caption its picture, by their cosines. Judged by finding among pictures and captions
never seen, beside chance and beside words counted and components of pixels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maquette.data.pictures.captions import Captioned
from maquette.families import captions as family
from maquette.families.captions import CaptionPart, CaptionParts, Moved, embed_pictures, embed_texts, floats
from maquette.families.classifiers import Chance
from maquette.families.exchanging import exchanged
from maquette.families.pairing import optimizers_for
from maquette.figures.training import losses
from maquette.measures.retrieval import chance_scores, retrieval_scores
from maquette.methods.contrastive import contrastive_loss, gathered, shared_scale
from maquette.models.clip import CLIP
from maquette.models.gpt import heads_for
from maquette.recipes.clip import report
from maquette.recipes.clip.settings import Settings
from maquette.runs import Run
from maquette.steps import Fitted, Framing, Scores
from maquette.training import Batches, Best, Total, set_threads, update, warm_cosine

COMPARED = 1200  # pictures of the test part among which is searched
VALIDATED = 512  # pairs of the validation part
LOOKED = 50  # steps from one look at the validation part to the next
CLIPPED = 1.0  # norm of the gradient


def frame(settings: Settings) -> Framing:
    return Framing(
        question="Which words say what a picture shows?",
        inputs="pictures, and captions",
        outputs="numbers for either, near each other where they belong together",
        score="recall_at_10",
        higher_is_better=True,
    )


def collect(settings: Settings, run: Run) -> Captioned:
    column, most = settings.caption, settings.most_pictures
    return family.collect_captioned(
        settings.data, run, column=column, size=settings.size, most=most, seed=settings.seed
    )


def analyze(captions: Captioned, settings: Settings, run: Run) -> dict[str, Any]:
    return family.analyze_captioned(captions, run)


def process(captions: Captioned, settings: Settings, run: Run) -> CaptionParts:
    prepared = family.prepare_captioned(
        captions,
        run,
        vocabulary=settings.vocabulary,
        valid_share=settings.valid_share,
        test_share=settings.test_share,
        seed=settings.seed,
    )
    if len(prepared.train) < settings.batch_size:
        run.warn(
            f"--batch-size {settings.batch_size} is more than there are training pictures; a batch takes them all."
        )
    if len(prepared.train) < 2 * settings.batch_size:
        run.say(f"With {len(prepared.train):,} training pictures, each is in every batch or in every other.")
    if settings.shift:
        run.say(f"While training, each picture is moved by up to {settings.shift} pixels each way.")
    run.say("Of a picture with several captions another one is drawn at each step.")
    return prepared


def build(prepared: CaptionParts, settings: Settings) -> CLIP:
    return CLIP(
        vocabulary=family.load_wording(prepared.processing).size,
        context=prepared.processing["context"],
        size=prepared.processing["size"],
        width=settings.width,
        text_width=settings.text_width,
        depth=settings.depth,
        heads=heads_for(settings.text_width, 16),
        numbers=settings.numbers,
    )


@dataclass(frozen=True, kw_only=True)
class Learnt(Fitted):
    """`before`: scores of the untrained towers on the test part."""

    before: dict[str, float]


def train(model: CLIP, prepared: CaptionParts, settings: Settings, run: Run) -> Learnt:
    """Pairs drawn anew, the loss of both ways, AdamW; the weights that did best on the validation part come back."""
    part = prepared.train
    batch_size = min(settings.batch_size, len(part))
    report.show_idea(batch_size, settings.equal, run)
    before = retrieval_scores(*likeness(model, first_captions(prepared.test)))
    model.to(run.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    set_threads(3 * batch_size * sum(weight.numel() for weight in model.parameters()))
    for name, value, unit in (
        ("Batch size", batch_size, "pairs"),
        ("Learning rate", settings.learning_rate, ""),
        ("Optimizer", f"{settings.optimizer}, warm-up and cosine", ""),
    ):
        run.fact(name, value, unit)
    pictures, tokens, groups = (each.to(run.device) for each in (part.pictures, part.tokens, part.groups))
    wrong = None
    if settings.equal:
        wrong = exchanged(part, family.load_wording(prepared.processing), settings.seed).to(run.device)
        run.fact("Captions told from one with two words exchanged", f"{float(wrong.any(1).float().mean()):.0%}")
    optimizer = optimizers_for(model, settings.optimizer, settings.learning_rate)
    batches = Batches(len(part), batch_size, settings.seed, rank=run.rank, processes=run.processes)
    moves, chance = Moved(settings.shift, settings.seed, run), Chance(settings.seed + 1, run)
    best, total = Best(model), Total(run.device)
    run.keep(model=model, optimizer=optimizer, batches=batches, moves=moves, chance=chance, best=best, total=total)
    valid = first_captions(prepared.valid, VALIDATED)
    model.train()
    for step in run.loop(settings.steps):
        rows = next(batches)
        optimizer.scale(warm_cosine(step.progress))
        said = part.draw(rows, chance.rand(batches.size))
        seen, meant = model(moves(floats(pictures[rows]), batches.size), tokens[said])
        seen, meant = (gathered(each, batches.size, run.rank, run.processes) for each in (seen, meant))
        equal = groups_of(groups[said], batches.size, run) if settings.equal else None
        scale = shared_scale(model.scale, run.processes)
        amiss = None if wrong is None else gathered(meant_by(model, wrong[said]), batches.size, run.rank, run.processes)
        loss = contrastive_loss(seen, meant, scale, equal, amiss)
        update(optimizer, loss * run.processes, CLIPPED)  # each process has its own rows' part of the gradient
        model.clamp()
        total.add(loss, batches.size)
        if step.every(LOOKED):
            values = validated(model, valid, settings.equal)
            best.see(values["valid_loss"])
            run.log(step, loss=total.mean(), **values, temperature=1 / model.scale)
    best.restore()
    return Learnt(before=before)


def meant_by(model: CLIP, tokens: Tensor) -> Tensor:
    """Embeddings (B, D) of tokens (B, T), 0 where a text has no token."""
    has = tokens.any(1)
    made = torch.zeros(len(tokens), model.numbers, device=tokens.device)
    return made.index_copy(0, has.nonzero()[:, 0], model.encode_texts(tokens[has])) if has.any() else made


def groups_of(mine: Tensor, rows: int, run: Run) -> Tensor:
    """Which captions of the whole batch are equal, (rows,)."""
    return gathered(mine[:, None].double(), rows, run.rank, run.processes)[:, 0]


def first_captions(part: CaptionPart, most: int = COMPARED) -> CaptionPart:
    """The first pictures of a part, evenly drawn, with all their captions."""
    return part if len(part) <= most else part.some(np.linspace(0, len(part) - 1, most).astype(int))


def likeness(model: CLIP, part: CaptionPart) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of pictures and captions (N, M), and which belong together or say the same."""
    seen, meant = embed_pictures(model, part.pictures), embed_texts(model, part.tokens)
    return (seen @ meant.T).numpy(), part.is_right()


@torch.no_grad()
def validated(model: CLIP, part: CaptionPart, equal: bool) -> dict[str, float]:
    """Loss of the validation pairs, with the first caption of each, and how often the own one is found."""
    model.eval()
    seen, meant = embed_pictures(model, part.pictures), embed_texts(model, part.tokens[part.first])
    loss = contrastive_loss(seen, meant, model.scale.cpu(), part.groups[part.first] if equal else None)
    model.train()
    found = retrieval_scores((seen @ meant.T).numpy(), part.is_right()[:, part.first.numpy()])
    return {"valid_loss": float(loss), "valid_recall_at_1": found["recall_at_1"]}


def score(model: CLIP, prepared: CaptionParts, fitted: Learnt, settings: Settings, run: Run) -> Scores:
    """Finding both ways in the test part, zero-shot classification, and what the space looks like."""
    model.to("cpu")
    curves = {"loss": "training", "valid_loss": "validation"}
    run.picture(
        "losses", losses(run.metrics(), curves), "Contrastive loss", "Knowing nothing is log of the batch size."
    )
    run.picture(
        "temperature",
        losses(run.metrics(), {"temperature": "temperature"}, quantity="temperature"),
        "The temperature, learnt",
        "By it cosines are divided before the softmax: the colder, the surer. It goes no lower than 0.01.",
    )
    part = first_captions(prepared.test)
    cosines, is_right = likeness(model, part)
    values = retrieval_scores(cosines, is_right)
    baselines = {"chance": chance_scores(is_right)}
    with run.attempt("The baselines of counted words"):
        for name, described in {"components": report.small_pixels, "colours": report.colour_histograms}.items():
            found = report.counted(prepared.train, part, described)
            baselines[f"words and {name}"] = retrieval_scores(found, is_right)
    baselines["before training"] = fitted.before
    with run.section("predict"):
        values |= report.show_retrieval(cosines, part, run)
        values |= report.show_zero_shot(model, prepared, part, run)
        report.show_search(cosines, is_right, part, run)
        report.show_space(model, part, settings.seed, run)
    return Scores(without(values), {name: without(each) for name, each in baselines.items()})


def without(scores: dict[str, float], name: str = "recall_at_5") -> dict[str, float]:
    """The scores that decide; the table of what was found has them all."""
    return {key: value for key, value in scores.items() if key != name}
