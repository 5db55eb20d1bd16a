"""Whether more layers are better: plain and residual networks of growing depth, with and without normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from maquette.families import classifiers
from maquette.recipes.depth import report as depth_pictures
from maquette.settings import Options as BaseOptions
from maquette.settings import Settings as BaseSettings
from maquette.settings import UserError, option
from maquette.steps import Framing, Prepared, Scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from maquette.data.pictures.folders import SmallImages
    from maquette.families.classifiers import Part
    from maquette.runs import Run

WATCHED = 2_000  # training pictures on which the error is measured while training
MOST_MEASURED = 10_000  # training pictures on which it is measured at the end
MOMENTS = 32  # at which it is measured


class Settings(BaseSettings):
    width: int = option(64, "nodes of each layer", ge=1, le=4096)
    shallow: int = option(2, "layers of the shallowest networks", ge=2, le=1000)
    depth: int = option(50, "layers of the deepest networks", ge=2, le=1000)
    depths: int = option(5, "how many depths from the shallowest to the deepest", ge=2, le=12)
    scale: float | None = option(
        None,
        "of the change by a residual block without norm; 1 / sqrt(blocks) if not set, 1 as the course writes it",
        gt=0,
    )
    steps: int = option(800, "batches that every network learns from", ge=1)
    batch_size: int = option(128, "pictures a step", "pictures", ge=2)
    learning_rate: float = option(0.001, "size of the steps", gt=0)
    size: int | None = option(None, "side to which own pictures are cropped and shrunk", "px", ge=8, le=512)
    most_pictures: int | None = option(None, "use at most so many pictures, drawn at random", ge=12)
    valid_share: float = option(0.05, "part of the pictures for validation", gt=0, lt=0.5)
    test_share: float = option(0.2, "part kept for the scores, where the publisher keeps none", gt=0, lt=0.5)


class Options(BaseOptions):
    """What `predict` can be told."""

    kind: Literal["best", "plain", "plain_batch", "residual", "residual_batch", "residual_layer"] = option(
        "best", "which networks to ask; the best is the kind that did best at full depth"
    )
    depth: int | None = option(None, "layers of the network to ask; the deepest if not set", ge=2)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {
        "most_pictures": 1200,
        "width": 16,
        "depth": 12,
        "depths": 3,
        "steps": 60,
        "batch_size": 32,
        "learning_rate": 0.003,
    },
    "course": {"shallow": 20, "depth": 56, "depths": 2, "scale": 1.0},
    "full": {"width": 512, "depth": 200, "depths": 6, "steps": 20_000, "batch_size": 256},
}


def frame(settings: Settings) -> Framing:
    return Framing(
        question=f"Are {settings.depth} layers better than {settings.shallow}?",
        inputs="a picture, cropped square and shrunk",
        outputs="its class, with the probability of each class",
        score="accuracy",
        higher_is_better=True,
    )


def collect(settings: Settings, run: Run) -> SmallImages:
    if settings.shallow >= settings.depth:
        raise UserError(
            f"--shallow {settings.shallow} must be less than --depth {settings.depth}: the recipe compares the two."
        )
    return classifiers.collect_pictures(settings, run)


def analyze(images: SmallImages, settings: Settings, run: Run) -> dict[str, Any]:
    return classifiers.analyze_pictures(images, run)


def process(images: SmallImages, settings: Settings, run: Run) -> Prepared:
    return classifiers.prepare_pictures(images, settings, run)


def depths_of(settings: Settings) -> list[int]:
    """Numbers of layers, the first `shallow` and the last `depth`, each about as many times the one before."""
    ratio = (settings.depth / settings.shallow) ** (1 / (settings.depths - 1))
    return sorted({round(settings.shallow * ratio**number) for number in range(settings.depths)})


def build(prepared: Prepared, settings: Settings) -> Any:
    from maquette.models import DeepNetworks

    height, width, channels = (prepared.processing[name] for name in ("height", "width", "channels"))
    return DeepNetworks(
        inputs=height * width * channels,
        width=settings.width,
        depths=depths_of(settings),
        classes=len(prepared.processing["classes"]),
        scale=settings.scale,
    )


def train(model: Any, prepared: Prepared, settings: Settings, run: Run) -> Scores:
    import numpy as np

    from maquette.measures.classes import class_scores
    from maquette.models.deep import KINDS
    from maquette.training import set_threads

    set_threads(3 * settings.batch_size * settings.width * max(settings.width, model.inputs))
    if run.is_main:
        with run.section("build"):
            depth_pictures.show_start(model, prepared.train, run)
    model = learn(model, prepared.train, settings, run).to("cpu").eval()
    if not run.is_main:
        return Scores({})
    rows = run.random("measured").permutation(len(prepared.train))[:MOST_MEASURED]
    sample, test = prepared.train.some(np.sort(rows)), prepared.test
    errors = errors_of(model, sample)
    depth = model.depths[-1]
    at_depth = {kind: f"{kind}_{depth}" for kind in model.kinds}
    unseen = errors_of(model, prepared.valid)
    model.answering = min(at_depth.values(), key=lambda name: unseen[name])
    depth_pictures.show_errors(model, errors, run)
    tell(model, errors, len(sample), run)
    with run.section("predict"):
        depth_pictures.show_paths(model, test.pictures[:1], run)

    def scores(name: str) -> dict[str, float]:
        answers = classifiers.probabilities_of(model.networks[name], test.pictures)
        return {**class_scores(test.classes.numpy(), answers), "training_error": errors[name]}

    others = {f"{KINDS[kind]}, {depth} layers": name for kind, name in at_depth.items() if name != model.answering}
    others[f"plain, {model.depths[0]} layers"] = f"plain_{model.depths[0]}"
    baselines = {words: scores(name) for words, name in others.items()}
    return Scores(scores(model.answering), baselines, {"log_loss": "nats"})


def learn(model: Any, train: Part, settings: Settings, run: Run) -> Any:
    """All networks trained side by side on the same batches; logs the training error of each."""
    import numpy as np
    import torch

    from maquette.methods.optimizers import AdamW, flat_parameter
    from maquette.training import Batches, share, update, warm_cosine

    model = model.to(run.device)
    for name, value, unit in (
        ("Networks", len(model.networks), ""),
        ("Steps", settings.steps, ""),
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
        for network in model.networks.values():
            # batch norm needs the whole batch's mean in every process; the others save the work
            logits = network(batch)[mine] if network.kind.endswith("_batch") else network(batch[mine])
            loss = loss + torch.nn.functional.cross_entropy(logits, known)
        update(optimizer, loss * weight)
        if step.number == 1 or step.every(interval):
            errors = errors_of(model, watched)
            run.log(step, error=sum(errors.values()) / len(errors), **{f"error_{n}": e for n, e in errors.items()})
    return model


def batch_size_for(pictures: int, wanted: int) -> int:
    """The batch size wanted, or a little more: so that no batch is of one picture, of which there is no variance."""
    while pictures % wanted == 1:
        wanted += 1
    return wanted


def errors_of(model: Any, part: Part) -> dict[str, float]:
    """The part of the pictures that each network gets wrong, in evaluation mode."""
    found, pictures = {}, classifiers.floats(part.pictures)
    for name, network in model.networks.items():
        said = classifiers.logits_of(network, pictures).argmax(1)
        found[name] = float((said != part.classes).double().mean())
    return found


def tell(model: Any, errors: dict[str, float], pictures: int, run: Run) -> None:
    """What came out, in a sentence for each kind of network: the deepest beside the best of the others."""
    from maquette.models.deep import KINDS

    deep, others = model.depths[-1], ", the best of the shallower" if len(model.depths) > 2 else ""
    for kind in model.kinds:
        by_depth = {depth: errors[f"{kind}_{depth}"] for depth in model.depths}
        best = min(model.depths[:-1], key=lambda depth: by_depth[depth])
        run.say(
            f"{KINDS[kind].capitalize()}: {by_depth[deep]:.2%} of the training pictures are wrong with {deep} layers, "
            f"{by_depth[best]:.2%} with {best}{others}. Deeper is "
            f"{depth_pictures.verdict(by_depth[best], by_depth[deep], pictures)}."
        )


def predict(
    model: Any, processing: dict[str, Any], inputs: Sequence[Any], *, kind: str = "best", depth: int | None = None
) -> pd.DataFrame:
    """A row for each picture: `class`, `probability`, `next_class`, `next_probability`, `probability_<class>`."""
    if depth is not None and depth not in model.depths:
        raise UserError(f"--depth {depth}: the run has networks of {', '.join(map(str, model.depths))} layers.")
    best, _, deepest = model.answering.rpartition("_")
    network = model.networks[f"{best if kind == 'best' else kind}_{depth or deepest}"]
    return classifiers.answers(network, processing, inputs)
