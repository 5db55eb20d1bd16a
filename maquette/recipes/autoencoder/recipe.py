"""Pictures through a few numbers and back, and the space of those numbers, where like lies near like.

A network is trained to give back the picture that it is given, though only a few numbers, the latents, pass through its
middle: a convolutional one, or the course's two dense layers. It is judged by the mean squared error of pictures that
it has not seen, beside as many principal components.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maquette.data.pictures.small import SmallImages, small_images, split_images
from maquette.data.sets.fetching import resolve
from maquette.data.words import of_many
from maquette.families.generating import analyze_pictures
from maquette.figures.training import losses
from maquette.methods.losses import SquaredError
from maquette.methods.optimizers import Adamax, Muon, flat_parameter
from maquette.methods.projections import principal_components
from maquette.models.autoencoder import ConvAutoencoder, DenseAutoencoder, floats
from maquette.recipes.autoencoder import report
from maquette.recipes.autoencoder.settings import Settings
from maquette.recipes.autoencoder.uses import AT_ONCE
from maquette.runs import Run, Step
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores
from maquette.training import Batches, Total, advance, choose_threads, evaluate, update, warm_cosine

SOURCE = "mnist"
PATCH = 4  # pixels; sizes are multiples of it
SEEN = 60_000  # pictures that the convolutional network looks at, unless `epochs` is set
MOST_MEASURED = 20_000  # training pictures that `training_mse` is measured on

Autoencoder = ConvAutoencoder | DenseAutoencoder


@dataclass(frozen=True)
class Prepared:
    """Three parts of the pictures, uint8 (N, C, H, W), and the classes of the test part (N,), if there are any."""

    train: Tensor
    valid: Tensor
    test: Tensor
    labels: np.ndarray | None
    processing: dict[str, Any]
    examples: list[np.ndarray]


def frame(settings: Settings) -> Framing:
    return Framing(
        question=f"Which {settings.latents} numbers say most of a picture?",
        inputs="a picture, cropped square and shrunk",
        outputs=f"the same picture, through {settings.latents} numbers",
        score="mse",
    )


def collect(settings: Settings, run: Run) -> SmallImages:
    found = resolve(settings.data, SOURCE)
    images = small_images(
        found.path, name=found.name, size=settings.size, most=settings.most_pictures, seed=settings.seed
    )
    count, size, _, channels = images.pixels.shape
    if settings.network == "conv" and size % PATCH:
        raise UserError(
            f"--size {size} is no multiple of {PATCH}; take {size - size % PATCH} or {size + PATCH - size % PATCH}."
        )
    if count < 8:
        few = of_many(count, "picture", "pictures")
        raise UserError(f"{found.path} holds {few} that can be used; an autoencoder needs at least 8.")
    run.record_source(found, pictures=count, classes=len(images.classes), notes=images.notes)
    run.fact("Size of a picture", f"{size} x {size}, {'grey' if channels == 1 else 'colour'}", "px")
    return images


def analyze(images: SmallImages, settings: Settings, run: Run) -> dict[str, Any]:
    return analyze_pictures(images, run)


def process(images: SmallImages, settings: Settings, run: Run) -> Prepared:
    _, size, _, channels = images.pixels.shape
    rows, told = split_images(images, settings.seed, settings.valid_share, settings.test_share)
    run.say(told)
    pictures = torch.from_numpy(np.ascontiguousarray(images.pixels.transpose(0, 3, 1, 2)))
    train, valid, test = (pictures[part] for part in rows)
    for name, part in (("Training", train), ("Validation", valid), ("Test", test)):
        run.fact(f"{name} pictures", len(part))
    run.say("Pixels stay whole numbers from 0 to 255 in memory; each batch is divided by 255 when its turn comes.")
    if not len(valid):
        run.say("There is no validation part, as in the course: nothing is chosen by it.")
    processing = {"size": size, "channels": channels, "latents": settings.latents, "classes": list(images.classes)}
    processing |= images.known
    labels = None if images.labels is None else images.labels[rows[2]]
    return Prepared(train, valid, test, labels, processing, [images.pixels[row] for row in rows[2][:3]])


def build(prepared: Prepared, settings: Settings) -> Autoencoder:
    size, channels = prepared.processing["size"], prepared.processing["channels"]
    if settings.network == "dense":
        return DenseAutoencoder(size=size, channels=channels, latent=settings.latents)
    model = ConvAutoencoder(
        size=size,
        channels=channels,
        latent=settings.latents,
        width=settings.width,
        depth=settings.depth,
        patch=PATCH,
    )
    model.start_from(min(max(float(prepared.train.float().mean()) / 255, 0.01), 0.99))
    return model


def train(model: Autoencoder, prepared: Prepared, settings: Settings, run: Run) -> Fitted:
    with run.section("build"):
        report.show_idea(prepared.processing, settings.network, run)
    model.to(run.device)
    choose_threads(model, settings.batch_size)
    if isinstance(model, DenseAutoencoder):
        train_course(model, prepared, settings, run)
    else:
        train_ours(model, prepared, settings, run)
    return Fitted()


def train_course(model: DenseAutoencoder, prepared: Prepared, settings: Settings, run: Run) -> None:
    """As in the course: Adamax with one learning rate, over all weights as one vector, the gradient written out."""
    rate, epochs, loss = settings.learning_rate or 0.001, settings.epochs or 10, SquaredError()
    show_facts(epochs, settings.batch_size, rate, "Adamax", run)
    pictures, unseen = prepared.train.to(run.device), prepared.valid.to(run.device)
    weights = flat_parameter(model.parameters())
    assert weights.grad is not None
    optimizer, total = Adamax([weights], rate), Total(run.device)
    batches = Batches(len(pictures), settings.batch_size, settings.seed, rank=run.rank, processes=run.processes)
    run.keep(model=model, optimizer=optimizer, batches=batches, total=total)
    for step in run.loop(epochs * len(batches)):
        batch = floats(pictures[next(batches)])
        value = model.learn(batch, batch, loss.slope)
        if run.processes > 1:  # each one's share of the batch counts by its rows
            value.mul_(batches.weight)
            weights.grad.mul_(batches.weight)
        advance(optimizer)
        total.add(value, batches.size)
        if is_time_to_log(step, epochs, len(batches)):
            log(step, len(batches), total, model, unseen, run)


def train_ours(model: ConvAutoencoder, prepared: Prepared, settings: Settings, run: Run) -> None:
    """Orthogonal steps (Muon), warmed up and led to 0 as a cosine; fewer epochs the more pictures there are."""
    rate, loss = settings.learning_rate or 0.03, SquaredError()
    epochs = settings.epochs or max(1, min(200, round(SEEN / len(prepared.train))))
    show_facts(epochs, settings.batch_size, rate, "Muon, warm-up and cosine", run)
    pictures, unseen = prepared.train.to(run.device), prepared.valid.to(run.device)
    optimizer, total = Muon(model.parameters(), rate), Total(run.device)
    batches = Batches(len(pictures), settings.batch_size, settings.seed, rank=run.rank, processes=run.processes)
    run.keep(model=model, optimizer=optimizer, batches=batches, total=total)
    for step in run.loop(epochs * len(batches)):
        optimizer.learning_rate = rate * warm_cosine(step.progress)
        batch = floats(pictures[next(batches)])
        value = loss(model(batch), batch) * batches.weight
        update(optimizer, value)
        total.add(value, batches.size)
        if is_time_to_log(step, epochs, len(batches)):
            log(step, len(batches), total, model, unseen, run)


def show_facts(epochs: int, batch_size: int, learning_rate: float, optimizer: str, run: Run) -> None:
    run.fact("Epochs", run.planned(epochs))
    run.fact("Batch size", batch_size, "pictures")
    run.fact("Learning rate", learning_rate)
    run.fact("Optimizer", optimizer)


def is_time_to_log(step: Step, epochs: int, per_epoch: int) -> bool:
    """After each epoch, or at twenty moments where there are few epochs."""
    return step.every(per_epoch if epochs >= 10 else max(1, epochs * per_epoch // 20))


def log(step: Step, per_epoch: int, total: Total, model: Autoencoder, unseen: Tensor, run: Run) -> None:
    """The mean squared error since the last time, and that of pictures that are not trained on, if there are any."""
    values = {"loss": total.mean()}
    if len(unseen):
        values["valid_loss"] = evaluate(model, SquaredError(), ((unseen,), floats(unseen)), AT_ONCE)
    run.log(step, epoch=step.number / per_epoch, **values)


@torch.no_grad()
def score(model: Autoencoder, prepared: Prepared, fitted: Fitted, settings: Settings, run: Run) -> Scores:
    model.to("cpu")
    curves = {"loss": "training"} | ({"valid_loss": "validation"} if len(prepared.valid) else {})
    run.picture("losses", losses(run.metrics(), curves, over="epoch"), "Mean squared error")
    seen = np.concatenate([flat(prepared.train), flat(prepared.valid)])
    components = principal_components(seen, settings.latents, settings.seed)
    true, drawn = flat(prepared.test) / np.float32(255), again(model, prepared.test)
    by_components = components.decode(components.encode(true)).clip(0, 1)
    sample = prepared.train
    if len(sample) > MOST_MEASURED:
        sample = sample[np.sort(run.random("measured").choice(len(sample), MOST_MEASURED, replace=False))]
        run.say(f"training_mse is measured on {MOST_MEASURED:,} training pictures, drawn at random.")
    errors = again(model, sample) - flat(sample) / np.float32(255)
    values = scores_of(true, drawn) | {"training_mse": float(np.mean(errors**2, dtype=np.float64))}
    baselines = {
        "mean picture": scores_of(true, np.broadcast_to(components.mean.clip(0, 1), true.shape)),
        f"PCA, {len(components.directions)} components": scores_of(true, by_components),
    }
    with run.section("predict"):
        report.show_answers(prepared.test, drawn, by_components, settings.latents, run)
        report.show_space(model, prepared.test, prepared.labels, prepared.processing["classes"], settings.seed, run)
        report.show_features(model, prepared.test, run)
    return Scores(values, baselines, {"psnr": "dB"})


def again(model: Autoencoder, pictures: Tensor) -> np.ndarray:
    """Pictures (N, C, H, W) through the latents and back, in pieces: (N, C H W) in 0..1."""
    return np.concatenate(
        [flat(model(pictures[start : start + AT_ONCE])) for start in range(0, len(pictures), AT_ONCE)]
    )


def flat(pictures: Tensor) -> np.ndarray:
    """(N, C, H, W) as (N, C H W)."""
    return pictures.flatten(1).numpy()


def scores_of(true: np.ndarray, drawn: np.ndarray) -> dict[str, float]:
    """mse over all pixels, and psnr as the mean over pictures; both (N, D) in 0..1."""
    errors = np.mean((drawn - true) ** 2, axis=1, dtype=np.float64)
    return {"mse": float(errors.mean()), "psnr": float(np.mean(-10 * np.log10(np.maximum(errors, 1e-10))))}
