"""Pictures through a few numbers and back, and the space of those numbers, where like lies near like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from maquette.recipes.autoencoder import report as latent_pictures
from maquette.settings import Settings as BaseSettings
from maquette.settings import UserError, option
from maquette.steps import Framing, Prepared, Scores

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from maquette.data.pictures.folders import SmallImages
    from maquette.runs import Run

SOURCE = "mnist"
PATCH = 4  # pixels; sizes are multiples of it
SEEN = 60_000  # pictures that the convolutional network looks at, unless `epochs` is set
MOST_MEASURED = 20_000  # training pictures that `training_mse` is measured on
AT_ONCE = 250  # pictures asked together: more no longer fit the processor's cache


class Settings(BaseSettings):
    network: Literal["conv", "dense"] = option("conv", "a convolutional network, or the course's two dense layers")
    latents: int = option(32, "numbers that a picture is brought down to", ge=1, le=4096)
    width: int = option(32, "channels of the convolutional network", ge=1, le=1024)
    depth: int = option(1, "3x3 convolutions on each side of the convolutional network", ge=1, le=16)
    size: int | None = option(None, "side to which pictures are cropped and shrunk; 28 or 32", "px", ge=8, le=256)
    most_pictures: int | None = option(None, "use at most so many pictures, drawn at random", ge=12)
    epochs: int | None = option(None, "times the training pictures are seen; by their number if not set", ge=1)
    batch_size: int = option(64, "pictures a step", "pictures", ge=1)
    learning_rate: float | None = option(None, "size of the steps; 0.03 for conv, 0.001 for dense", gt=0)
    valid_share: float = option(0.01, "part of the training pictures for the validation loss", ge=0, lt=0.5)
    test_share: float = option(0.15, "part kept for the scores, where the publisher keeps none", gt=0, lt=0.5)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"most_pictures": 1200, "epochs": 8, "width": 16, "batch_size": 32},
    "course": {"network": "dense", "epochs": 10, "batch_size": 32, "valid_share": 0.0},
    "full": {"width": 256, "depth": 4, "epochs": 100, "batch_size": 256},
}


class Part(NamedTuple):
    """Pictures, uint8 (N, C, H, W), and their classes (N,) if there are any."""

    pictures: Tensor
    labels: np.ndarray | None


def frame(settings: Settings) -> Framing:
    return Framing(
        question=f"Which {settings.latents} numbers say most of a picture?",
        inputs="a picture, cropped square and shrunk",
        outputs=f"the same picture, through {settings.latents} numbers",
        score="mse",
    )


def collect(settings: Settings, run: Run) -> SmallImages:
    from maquette.data.pictures.folders import small_images
    from maquette.data.sets.sources import resolve

    found = resolve(settings.data, SOURCE)
    images = small_images(found, size=settings.size, most=settings.most_pictures, seed=settings.seed)
    count, size, _, channels = images.pixels.shape
    if settings.network == "conv" and size % PATCH:
        raise UserError(
            f"--size {size} is no multiple of {PATCH}; take {size - size % PATCH} or {size + PATCH - size % PATCH}."
        )
    if count < 8:
        raise UserError(f"{found.path} holds {count} pictures that can be used; an autoencoder needs at least 8.")
    run.record_source(found, pictures=count, classes=len(images.classes), notes=images.notes)
    run.fact("Size of a picture", f"{size} x {size}, {'grey' if channels == 1 else 'colour'}", "px")
    return images


def analyze(images: SmallImages, settings: Settings, run: Run) -> dict[str, Any]:
    return latent_pictures.show_data(images, run)


def process(images: SmallImages, settings: Settings, run: Run) -> Prepared:
    import numpy as np
    import torch

    from maquette.data.pictures.folders import split_images

    _, size, _, channels = images.pixels.shape
    rows, told = split_images(images, settings.seed, settings.valid_share, settings.test_share)
    run.say(told)
    pictures = torch.from_numpy(np.ascontiguousarray(images.pixels.transpose(0, 3, 1, 2)))
    labels = images.labels
    train, valid, test = (Part(pictures[part], None if labels is None else labels[part]) for part in rows)
    for name, part in (("Training", train), ("Validation", valid), ("Test", test)):
        run.fact(f"{name} pictures", len(part.pictures))
    run.say("Pixels stay whole numbers from 0 to 255 in memory; each batch is divided by 255 when its turn comes.")
    if not len(rows[1]):
        run.say("There is no validation part, as in the course: nothing is chosen by it.")
    processing = {"size": size, "channels": channels, "latents": settings.latents, "classes": list(images.classes)}
    return Prepared(train, valid, test, processing, [images.pixels[row] for row in rows[2][:3]])


def build(prepared: Prepared, settings: Settings) -> Any:
    from maquette.models import ConvAutoencoder, DenseAutoencoder

    size, channels = prepared.processing["size"], prepared.processing["channels"]
    common = {"size": size, "channels": channels, "latent": settings.latents}
    if settings.network == "dense":
        return DenseAutoencoder(**common)
    model = ConvAutoencoder(**common, width=settings.width, depth=settings.depth, patch=PATCH)
    model.start_from(min(max(float(prepared.train.pictures.float().mean()) / 255, 0.01), 0.99))
    return model


def train(model: Any, prepared: Prepared, settings: Settings, run: Run) -> Scores:
    import numpy as np

    from maquette.figures.training import losses
    from maquette.methods.projections import principal_components

    with run.section("build"):
        latent_pictures.show_idea(prepared.processing, settings.network, run)
    model = learn(model, prepared, settings, run).to("cpu")
    if not run.is_main:
        return Scores({})
    curves = {"loss": "training"} | ({"valid_loss": "validation"} if len(prepared.valid.pictures) else {})
    run.picture("losses", losses(run.metrics(), curves, over="epoch"), "Mean squared error")
    seen = np.concatenate([flat(prepared.train.pictures), flat(prepared.valid.pictures)])
    components = principal_components(seen, settings.latents, settings.seed)
    mean = components.mean.clip(0, 1)
    test = prepared.test.pictures
    true = flat(test) / np.float32(255)
    drawn = flat(decoded(model, encoded(model, test)))
    by_components = components.decode(components.encode(true)).clip(0, 1)
    sample = prepared.train.pictures
    if len(sample) > MOST_MEASURED:
        sample = sample[np.sort(run.random("measured").choice(len(sample), MOST_MEASURED, replace=False))]
        run.say(f"training_mse is measured on {MOST_MEASURED:,} training pictures, drawn at random.")
    again = flat(decoded(model, encoded(model, sample)))
    values = scores_of(true, drawn)
    values["training_mse"] = float(np.mean((again - flat(sample) / np.float32(255)) ** 2, dtype=np.float64))
    baselines = {
        "mean picture": scores_of(true, np.broadcast_to(mean, true.shape)),
        f"PCA, {len(components.directions)} components": scores_of(true, by_components),
    }
    with run.section("predict"):
        latent_pictures.show_answers(prepared, drawn, by_components, run)
        latent_pictures.show_space(model, prepared, run)
        latent_pictures.show_features(model, prepared, run)
    return Scores(values, baselines, {"psnr": "dB"})


def learn(model: Any, prepared: Prepared, settings: Settings, run: Run) -> Any:
    """Trained to give back what it is given; logs the mean squared error, each epoch or at twenty moments of a few."""
    from maquette.methods.losses import SquaredError
    from maquette.methods.optimizers import Adamax, Muon, flat_parameter
    from maquette.models.autoencoder import floats
    from maquette.training import Batches, Total, advance, choose_threads, evaluate, update, warm_cosine

    is_dense = settings.network == "dense"
    rate = settings.learning_rate or (0.001 if is_dense else 0.03)
    pictures, unseen = prepared.train.pictures, prepared.valid.pictures
    epochs = settings.epochs or (10 if is_dense else max(1, min(200, round(SEEN / len(pictures)))))
    model = model.to(run.device)
    choose_threads(model, settings.batch_size)
    run.fact("Epochs", epochs)
    run.fact("Batch size", settings.batch_size, "pictures")
    run.fact("Learning rate", rate)
    run.fact("Optimizer", "Adamax" if is_dense else "Muon, warm-up and cosine")
    pictures, unseen = pictures.to(run.device), unseen.to(run.device)
    loss, total = SquaredError(), Total(run.device)
    by_hand = is_dense and run.processes == 1
    optimizer = Adamax([flat_parameter(model.parameters())], rate) if is_dense else Muon(model.parameters(), rate)
    batches = Batches(len(pictures), settings.batch_size, settings.seed, rank=run.rank, processes=run.processes)
    run.keep(model=model, optimizer=optimizer, batches=batches, total=total)
    steps = epochs * len(batches)
    interval = len(batches) if epochs >= 10 else max(1, steps // 20)
    for step in run.loop(steps):
        batch = floats(pictures[next(batches)])
        if by_hand:
            value = model.learn(batch, batch, loss.slope)
            advance(optimizer)
        else:
            if not is_dense:
                optimizer.learning_rate = rate * warm_cosine(step.progress)
            value = loss(model(batch), batch) * batches.weight
            update(optimizer, value)
        total.add(value, batches.size)
        if step.every(interval):
            values = {"loss": total.mean()}
            if len(unseen):
                values["valid_loss"] = evaluate(model, loss, ((unseen,), floats(unseen)), AT_ONCE)
            run.log(step, epoch=step.number / len(batches), **values)
    return model.eval()


def encoded(model: Any, pictures: Tensor) -> Tensor:
    """Pictures, uint8 or 0..1, (N, C, H, W), to latents (N, latents)."""
    return in_pieces(model.encode, pictures)


def decoded(model: Any, latents: Tensor) -> Tensor:
    """Latents (N, latents) to pictures (N, C, H, W) in 0..1."""
    return in_pieces(model.decode, latents)


def in_pieces(function: Any, rows: Tensor) -> Tensor:
    import torch

    with torch.no_grad():
        return torch.cat([function(rows[start : start + AT_ONCE]) for start in range(0, max(len(rows), 1), AT_ONCE)])


def flat(pictures: Tensor) -> np.ndarray:
    """(N, C, H, W) as (N, C H W)."""
    return pictures.flatten(1).numpy()


def scores_of(true: np.ndarray, drawn: np.ndarray) -> dict[str, float]:
    """mse over all pixels, and psnr as the mean over pictures; both (N, D) in 0..1."""
    import numpy as np

    errors = np.mean((drawn - true) ** 2, axis=1, dtype=np.float64)
    return {"mse": float(errors.mean()), "psnr": float(np.mean(-10 * np.log10(np.maximum(errors, 1e-10))))}


def predict(model: Any, processing: dict[str, Any], inputs: Any) -> Any:
    """Pictures to a table of latents, `latent_1` and so on; such a table to pictures (H, W, C) in 0..1."""
    import numpy as np
    import pandas as pd
    import torch

    from maquette.data.pictures.files import as_pixels, to_channels
    from maquette.data.pictures.folders import fit_square
    from maquette.data.tables.columns import check_columns
    from maquette.data.tables.kinds import convert

    names = [f"latent_{number + 1}" for number in range(processing["latents"])]
    if isinstance(inputs, pd.DataFrame):
        check_columns([str(name) for name in inputs.columns], names)
        latents = convert(inputs, dict.fromkeys(names, "number")).to_numpy(np.float32)
        missing = np.argwhere(~np.isfinite(latents))
        if len(missing):
            row, column = missing[0]
            raise UserError(
                f"Row {row + 1} of the column {names[column]!r} is no finite number; every latent needs one."
            )
        return list(decoded(model, torch.from_numpy(latents.copy())).permute(0, 2, 3, 1).numpy())
    size, channels = processing["size"], processing["channels"]
    fitted = [fit_square(to_channels(as_pixels(one), channels), size).transpose(2, 0, 1) for one in inputs]
    pictures = torch.from_numpy(np.stack(fitted)) if fitted else torch.zeros(0, channels, size, size)
    return pd.DataFrame(encoded(model, pictures).numpy(), columns=names)
