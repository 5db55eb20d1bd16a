"""Classifiers of pictures: collected, split, built, trained and asked alike by the recipes that have one."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from maquette.data.pictures.files import Picture, to_channels
from maquette.data.pictures.ranges import range_in
from maquette.data.pictures.small import SmallImages, fit_square, small_images, split_images, twins
from maquette.data.rows import evenly
from maquette.data.sets.fetching import resolve
from maquette.data.words import of_many
from maquette.figures.images import rows
from maquette.media import in_batches
from maquette.media.table import with_names
from maquette.methods.optimizers import AdamW
from maquette.runs import Run
from maquette.settings import UserError
from maquette.training import Batches, Total, set_threads, share, update, warm_cosine

SOURCE = "mnist"
FEWEST = 3  # pictures of a class: one for each part
MOST_SHOWN = 12  # classes in a picture of the report
AT_ONCE = 250  # pictures asked together: more no longer fit the processor's cache


@dataclass(frozen=True)
class Part:
    """Pictures of one part of the data, uint8 (N, C, H, W), and their classes, int64 (N,)."""

    pictures: Tensor
    classes: Tensor

    def __len__(self) -> int:
        return len(self.classes)

    def some(self, rows: np.ndarray | slice) -> "Part":
        return Part(self.pictures[rows], self.classes[rows])


@dataclass(frozen=True)
class ClassifierParts:
    """The three parts; `processing` has the classes, and height, width and channels of their pictures."""

    train: Part
    valid: Part
    test: Part
    processing: dict[str, Any]
    examples: list[np.ndarray]


def collect_pictures(data: str | None, size: int | None, most_pictures: int | None, seed: int, run: Run) -> SmallImages:
    """Small pictures with their classes; refused where they cannot teach a classifier."""
    found = resolve(data, SOURCE)
    images = small_images(found.path, name=found.name, size=size, most=most_pictures, seed=seed, with_labels=True)
    if images.labels is None or not images.classes:
        raise UserError(f"{found.path} has no folder for each class; sort the pictures into folders named after them.")
    if len(images.classes) < 2:
        raise UserError(f"{found.path} holds one class only, {images.classes[0]!r}; a classifier needs two or more.")
    counts = np.bincount(images.labels, minlength=len(images.classes))
    if counts.min() < FEWEST:
        raise UserError(
            f"The class {images.classes[int(counts.argmin())]!r} of {found.path} has {counts.min()} pictures, and "
            f"training, validation and test need at least {FEWEST}; add some, or take the class away."
        )
    run.record_source(found, pictures=len(images.pixels), classes=len(images.classes), notes=images.notes)
    height, width, channels = images.pixels.shape[1:]
    run.fact("Size of a picture", f"{width} x {height}, {'grey' if channels == 1 else 'colour'}", "px")
    return images


def analyze_pictures(images: SmallImages, run: Run) -> dict[str, Any]:
    """How many pictures each class has, some of them, and what they look like on average."""
    assert images.labels is not None
    counts = np.bincount(images.labels, minlength=len(images.classes))
    named = {name: int(count) for name, count in zip(images.classes, counts, strict=True)}
    run.table("Classes", pd.DataFrame({"class": list(named), "pictures": list(named.values())}).head(40))
    if counts.max() > 4 * counts.min():
        run.warn(
            f"The classes are not equally common, from {counts.min():,} to {counts.max():,} pictures: accuracy speaks "
            "most of the common ones, macro_f1 of all alike."
        )
    shown = np.sort(np.argsort(-counts, kind="stable")[:MOST_SHOWN])
    more = f"The {MOST_SHOWN} commonest of {len(counts)} classes." if len(counts) > MOST_SHOWN else ""
    generator = run.random("examples")
    drawn, means = {}, []
    for number in shown:
        its = generator.permutation(np.flatnonzero(images.labels == number))
        drawn[images.classes[number]] = [np.concatenate(list(images.pixels[its[:20]]), axis=1) / np.float32(255)]
        means.append(images.pixels[its[:1000]].mean(0) / 255)
    run.picture("classes", rows(drawn), "Some of each class", more)
    run.picture(
        "means",
        rows({"mean": means}, [images.classes[number] for number in shown], most_height=0.85),
        "The mean picture of each class",
        "Where it is sharp, all pictures of the class are alike.",
    )
    return {"pictures": len(images.pixels), "classes": named}


def prepare_pictures(
    images: SmallImages, run: Run, *, valid_share: float, test_share: float, seed: int
) -> ClassifierParts:
    """Training, validation and test part, and what answering must know: classes, size and channels."""
    assert images.labels is not None
    parts, told = split_images(images, seed, valid_share, test_share, evenly=True)
    run.say(told)
    pictures = torch.from_numpy(np.ascontiguousarray(images.pixels.transpose(0, 3, 1, 2)))
    classes = torch.from_numpy(images.labels.astype(np.int64))
    train, valid, test = (Part(pictures[rows], classes[rows]) for rows in parts)
    for name, part in (("Training", train), ("Validation", valid), ("Test", test)):
        run.fact(f"{name} pictures", len(part))
    run.say("Pixels stay whole numbers from 0 to 255 in memory; each batch is divided by 255 when its turn comes.")
    if same := twins(images.pixels[parts[2]], images.pixels[parts[0]]):
        stand = of_many(same, "picture of the test part stands", "pictures of the test part stand")
        run.warn(f"{stand} in the training part as well: its scores may flatter.")
    height, width, channels = images.pixels.shape[1:]
    processing = {"classes": list(images.classes), "height": height, "width": width, "channels": channels}
    processing |= images.known
    some = evenly(len(parts[2]), 12)
    return ClassifierParts(train, valid, test, processing, [images.pixels[row] for row in parts[2][some]])


def network_of(network: str, processing: dict[str, Any], *, width: int, blocks: int = 1) -> tuple[str, dict[str, Any]]:
    """Class and constructor arguments of the classifier, `softmax`, `cnn` or `resnet`, for pictures as prepared.

    width: channels of the first layer; blocks: residual blocks a stage, one less in the first.
    """
    sides = {"height": processing["height"], "width": processing["width"]}
    common = {"channels": processing["channels"], "classes": len(processing["classes"])}
    if network == "softmax":
        return "SoftmaxClassifier", {**sides, **common}
    if network == "cnn":
        return "SmallCNN", {**sides, **common, "widths": [2 * width, 4 * width]}
    stages = max(2, min(5, round(math.log2(min(sides.values()) / 4))))
    widths = [width * 2 ** min(stage, 3) for stage in range(stages)]
    return "ResNet", {**common, "widths": widths, "blocks": [blocks - 1, *[blocks] * (stages - 1)]}


class Chance:
    """Random numbers for batches, of which each process takes its share; the state is kept with the run."""

    def __init__(self, seed: int, run: Run):
        self.generator = torch.Generator().manual_seed(seed)
        self.rank, self.processes = run.rank, run.processes

    def rand(self, rows: int, *shape: int) -> Tensor:
        """Numbers in 0..1 for this process's share of a batch of `rows`: (share, *shape); see `training.Batches`."""
        mine, _ = share(rows, self.rank, self.processes)
        return torch.rand(rows, *shape, generator=self.generator)[mine]

    def randn(self, rows: int, *shape: int) -> Tensor:
        """The same of standard normal numbers."""
        mine, _ = share(rows, self.rank, self.processes)
        return torch.randn(rows, *shape, generator=self.generator)[mine]

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.set_state(state["generator"])


class Moves(Chance):
    """Pictures moved by up to `shift` pixels each way, black coming in, and mirrored half of the time with `flip`."""

    def __init__(self, shift: int, flip: bool, seed: int, run: Run):
        super().__init__(seed, run)
        self.shift, self.flip = shift, flip

    def __call__(self, pictures: Tensor, rows: int) -> Tensor:
        """This process's pictures of a batch of `rows`, (N, C, H, W), to the same shape."""
        count, _, height, width = pictures.shape
        if self.shift:
            shift = min(self.shift, height // 4, width // 4)
            moved = (self.rand(rows, 2).to(pictures.device) * (2 * shift + 1)).long()
            down = moved[:, :1] + torch.arange(height, device=moved.device)
            across = moved[:, 1:] + torch.arange(width, device=moved.device)
            wide = nn.functional.pad(pictures, (shift, shift, shift, shift))
            one = torch.arange(count, device=moved.device)[:, None, None]
            pictures = wide.permute(0, 2, 3, 1)[one, down[:, :, None], across[:, None, :]].permute(0, 3, 1, 2)
        if self.flip:
            is_turned = self.rand(rows, 1, 1, 1).to(pictures.device) < 0.5
            pictures = torch.where(is_turned, pictures.flip(3), pictures)
        return pictures


def floats(pictures: Tensor) -> Tensor:
    """uint8 (N, C, H, W) as float32 in 0..1, the channels of a pixel side by side, as convolutions like them."""
    return pictures.float().div_(255).contiguous(memory_format=torch.channels_last)


def epochs_for(pictures: int, seen: int) -> int:
    """Rounds in which about `seen` pictures are seen; more of few pictures, but at most 60."""
    return max(2, min(60, round(seen / pictures)))


def optimizer_of(model: nn.Module, learning_rate: float) -> AdamW:
    weights = list(model.parameters())
    decays = [0.05 if weight.dim() > 1 else 0.0 for weight in weights]
    return AdamW(weights, learning_rate, betas=(0.9, 0.99), weight_decay=decays)


def train_classifier(
    model: nn.Module,
    train: Part,
    valid: Part,
    run: Run,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    shift: int,
    flip: bool,
    seed: int,
) -> None:
    """Train on cross entropy by AdamW; logs the loss of each epoch, and loss and accuracy on `valid` after it."""
    model.to(run.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    choose_threads(model, train.pictures[:1], batch_size)
    for name, value, unit in (
        ("Epochs", run.planned(epochs), ""),
        ("Batch size", batch_size, "pictures"),
        ("Learning rate", learning_rate, ""),
        ("Optimizer", "AdamW, weight decay 0.05, warm-up and cosine", ""),
    ):
        run.fact(name, value, unit)
    pictures, classes = train.pictures.to(run.device), train.classes.to(run.device)
    optimizer = optimizer_of(model, learning_rate)
    batches = Batches(len(train), batch_size, seed, rank=run.rank, processes=run.processes)
    moves, total = Moves(shift, flip, seed, run), Total(run.device)
    run.keep(model=model, optimizer=optimizer, batches=batches, moves=moves, total=total)
    model.train()
    for step in run.loop(epochs * len(batches)):
        rows = next(batches)
        optimizer.learning_rate = learning_rate * warm_cosine(step.progress)
        logits = model(moves(floats(pictures[rows]), batches.size))
        loss = nn.functional.cross_entropy(logits, classes[rows]) * batches.weight
        update(optimizer, loss)
        total.add(loss, batches.size)
        if batches.position == 0 or step.is_last:
            values = loss_and_accuracy(logits_of(model, valid.pictures), valid.classes)
            run.log(step, epoch=step.number / len(batches), loss=total.mean(), **values)


def loss_and_accuracy(logits: Tensor, classes: Tensor) -> dict[str, float]:
    loss = nn.functional.cross_entropy(logits, classes)
    return {"valid_loss": float(loss), "valid_accuracy": float((logits.argmax(1) == classes).float().mean())}


def logits_of(model: nn.Module, pictures: Tensor) -> Tensor:
    """What the model says of pictures, uint8 or float in 0..1, (N, C, H, W): (N, classes), on the processor."""
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    pieces = []
    with torch.no_grad():
        for start in range(0, len(pictures), AT_ONCE):
            batch = pictures[start : start + AT_ONCE].to(device)
            pieces.append(model(batch if batch.is_floating_point() else floats(batch)).cpu())
    model.train(was_training)
    return torch.cat(pieces)


def probabilities_of(model: nn.Module, pictures: Tensor) -> np.ndarray:
    """The probability of each class, (N, classes) float64."""
    return logits_of(model, pictures).double().softmax(1).numpy()


def choose_threads(model: nn.Module, picture: Tensor, batch_size: int) -> None:
    """One thread where a step takes little work, every core otherwise; convolutions work at every pixel."""
    set_threads(3 * batch_size * multiplications(model, picture))


def multiplications(model: nn.Module, picture: Tensor) -> int:
    """Multiplications by weights that one picture (1, C, H, W) takes."""
    counts = []

    def count(layer: Any, inputs: Any, output: Tensor) -> None:
        counts.append(output[0].numel() * layer.weight[0].numel())

    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    logits_of(model, picture)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def answers(model: nn.Module, processing: dict[str, Any], pictures: Iterable[Picture]) -> Iterator[pd.DataFrame]:
    """A row for each picture: `class`, `probability`, `next_class`, `next_probability`, `probability_<class>`.

    Pictures of any size and kind are cut square and shrunk as the classifier's own were.
    """
    size, channels, names = (processing[name] for name in ("height", "channels", "classes"))
    scaled = (one.in_range(range_in(processing)) for one in pictures)
    fitted = (Picture(fit_square(to_channels(one.pixels, channels), size), name=one.name) for one in scaled)
    for some in in_batches(fitted, AT_ONCE):
        batch = torch.from_numpy(np.stack([one.pixels for one in some]).transpose(0, 3, 1, 2).copy())
        probabilities = probabilities_of(model, batch)
        order = (-probabilities).argsort(1, kind="stable")
        columns: dict[str, Any] = {}
        for place, prefix in enumerate(("", "next_")):
            columns[f"{prefix}class"] = [names[row[place]] for row in order]
            columns[f"{prefix}probability"] = np.take_along_axis(probabilities, order[:, place, None], 1)[:, 0]
        columns |= {f"probability_{name}": probabilities[:, number] for number, name in enumerate(names)}
        yield with_names(pd.DataFrame(columns), some)
