"""Whether more layers are better: plain and residual networks of growing depth, with and without normalisation.

Networks of each kind and depth learn side by side from the same batches of pictures. What counts is how well they learn
at all, so it is their error on training pictures that is compared (He et al. 2016).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from maquette.data.pictures.small import SmallImages
from maquette.families import classifiers
from maquette.families.classifiers import ClassifierParts, Part
from maquette.measures.classes import class_scores
from maquette.methods.optimizers import AdamW, flat_parameter
from maquette.models.deep import KINDS, DeepNetworks
from maquette.recipes.depth import report
from maquette.recipes.depth.report import Sizes
from maquette.recipes.depth.settings import Settings
from maquette.runs import Run
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores
from maquette.training import Batches, set_threads, share, update, warm_cosine

WATCHED = 2_000  # training pictures on which the error is measured while training
MOST_MEASURED = 10_000  # training pictures on which it is measured at the end
MOMENTS = 32  # at which it is measured


def frame(settings: Settings) -> Framing:
    shallow, deep = settings.shallow, settings.depth
    return Framing(
        question=f"Are {deep} layers better than {shallow}?",
        inputs="a picture, cropped square and shrunk",
        outputs="its class, with the probability of each class",
        score="accuracy",
        higher_is_better=True,
        headline=f"Training error: {{plain, {shallow} layers|training_error}} with {shallow} plain layers, "
        f"{{plain, {deep} layers|training_error}} with {deep}, and {{training_error}} with {deep} of the best kind.",
    )


def collect(settings: Settings, run: Run) -> SmallImages:
    if settings.shallow >= settings.depth:
        raise UserError(
            f"--shallow {settings.shallow} must be less than --depth {settings.depth}: the recipe compares the two."
        )
    return classifiers.collect_pictures(settings.data, settings.size, settings.most_pictures, settings.seed, run)


def analyze(images: SmallImages, settings: Settings, run: Run) -> dict[str, Any]:
    return classifiers.analyze_pictures(images, run)


def process(images: SmallImages, settings: Settings, run: Run) -> ClassifierParts:
    shares = {"valid_share": settings.valid_share, "test_share": settings.test_share}
    return classifiers.prepare_pictures(images, run, **shares, seed=settings.seed)


def depths_of(settings: Settings) -> list[int]:
    """Numbers of layers, the first `shallow` and the last `depth`, each about as many times the one before."""
    ratio = (settings.depth / settings.shallow) ** (1 / (settings.depths - 1))
    return sorted({round(settings.shallow * ratio**number) for number in range(settings.depths)})


def build(prepared: ClassifierParts, settings: Settings) -> DeepNetworks:
    height, width, channels = (prepared.processing[name] for name in ("height", "width", "channels"))
    return DeepNetworks(
        inputs=height * width * channels,
        width=settings.width,
        depths=depths_of(settings),
        classes=len(prepared.processing["classes"]),
        scale=settings.scale,
    )


@dataclass(frozen=True, kw_only=True)
class Learnt(Fitted):
    """`start`: signals and gradients of the deepest networks before they learnt."""

    start: dict[str, Sizes]


def train(model: DeepNetworks, prepared: ClassifierParts, settings: Settings, run: Run) -> Learnt:
    """All networks side by side on the same batches; the kind that does best at full depth is to answer."""
    set_threads(3 * settings.batch_size * settings.width * max(settings.width, model.inputs))
    start = report.sizes_at_start(model, prepared.train)
    learn(model, prepared.train, settings, run)
    model.to("cpu").eval()
    unseen = errors_of(model, prepared.valid)
    model.answering = min((f"{kind}_{model.depths[-1]}" for kind in model.kinds), key=lambda name: unseen[name])
    return Learnt(start=start)


def learn(model: DeepNetworks, train: Part, settings: Settings, run: Run) -> None:
    """The loop, which logs the training error of each network."""
    model.to(run.device)
    networks = model.named()
    for name, value, unit in (
        ("Networks", len(networks), ""),
        ("Steps", run.planned(settings.steps), ""),
        ("Batch size", settings.batch_size, "pictures"),
        ("Learning rate", settings.learning_rate, ""),
        ("Optimizer", "AdamW without weight decay, warm-up and cosine", ""),
    ):
        run.fact(name, value, unit)
    pictures, classes = train.pictures.to(run.device), train.classes.to(run.device)
    watched = train.some(np.sort(run.random("watched").permutation(len(train))[:WATCHED]))
    optimizer = AdamW([flat_parameter(model.parameters())], settings.learning_rate)
    batches = Batches(len(train), batch_size_for(len(train), settings.batch_size), settings.seed)
    run.keep(model=model, optimizer=optimizer, batches=batches)
    interval = -(-settings.steps // MOMENTS)
    model.train()
    for step in run.loop(settings.steps):
        rows = next(batches)
        optimizer.learning_rate = settings.learning_rate * warm_cosine(step.progress)
        mine, weight = share(len(rows), run.rank, run.processes)
        batch, known = classifiers.floats(pictures[rows]).flatten(1), classes[rows][mine]
        loss = torch.zeros((), device=run.device)
        for network in networks.values():
            # batch norm needs the whole batch's mean in every process; the others save the work
            logits = network(batch)[mine] if network.kind.endswith("_batch") else network(batch[mine])
            loss = loss + nn.functional.cross_entropy(logits, known)
        update(optimizer, loss * weight)
        if step.number == 1 or step.every(interval):
            errors = errors_of(model, watched)
            run.log(step, error=sum(errors.values()) / len(errors), **{f"error_{n}": e for n, e in errors.items()})


def batch_size_for(pictures: int, wanted: int) -> int:
    """The batch size wanted, or a little more: so that no batch is of one picture, of which there is no variance."""
    while pictures % wanted == 1:
        wanted += 1
    return wanted


def errors_of(model: DeepNetworks, part: Part) -> dict[str, float]:
    """The part of the pictures that each network gets wrong, in evaluation mode."""
    found, pictures = {}, classifiers.floats(part.pictures)
    for name, network in model.named().items():
        said = classifiers.logits_of(network, pictures).argmax(1)
        found[name] = float((said != part.classes).double().mean())
    return found


def score(model: DeepNetworks, prepared: ClassifierParts, fitted: Learnt, settings: Settings, run: Run) -> Scores:
    """Scores of the best kind at full depth, beside the other kinds and the shallowest plain network."""
    rows = run.random("measured").permutation(len(prepared.train))[:MOST_MEASURED]
    sample, test = prepared.train.some(np.sort(rows)), prepared.test
    errors = errors_of(model, sample)
    with run.section("build"):
        report.show_start(model, fitted.start, run)
    report.show_errors(model, errors, run)
    report.tell(model, errors, len(sample), run)
    with run.section("predict"):
        report.show_paths(model, test.pictures[:1], run)

    def scores(name: str) -> dict[str, float]:
        answers = classifiers.probabilities_of(model.networks[name], test.pictures)
        return {**class_scores(test.classes.numpy(), answers), "training_error": errors[name]}

    depth = model.depths[-1]
    others = {f"{KINDS[kind]}, {depth} layers": f"{kind}_{depth}" for kind in model.kinds}
    others = {words: name for words, name in others.items() if name != model.answering}
    others[f"plain, {model.depths[0]} layers"] = f"plain_{model.depths[0]}"
    baselines = {words: scores(name) for words, name in others.items()}
    return Scores(scores(model.answering), baselines, {"log_loss": "nats"})
