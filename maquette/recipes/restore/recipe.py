"""Pictures restored: a network learns the way back from spoiled pictures to clean ones.

Clean pictures are spoiled anew each time by a task (noise, photon noise, loss of resolution, too strong colours, JPEG),
or come with spoiled partners of one's own. A UNet, a DnCNN or the course's three layers learn from random patches, and
are judged by PSNR and SSIM of whole pictures, beside classical methods whose one number is tuned.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from maquette.data.pictures.pairs import matched
from maquette.data.pictures.patches import Patches
from maquette.data.rows import evenly
from maquette.data.sets.fetching import resolve
from maquette.figures.images import rows
from maquette.figures.training import losses
from maquette.measures.pictures import picture_scores, psnr
from maquette.methods import classic_restoring as classic
from maquette.methods.classic_restoring import Method, tuned
from maquette.methods.optimizers import Adamax, Muon
from maquette.methods.spoiling import Spoiling
from maquette.models.denoisers import CourseCNN, DnCNN
from maquette.models.unet import UNet
from maquette.progress import Progress
from maquette.recipes.restore import report
from maquette.recipes.restore.data import (
    TEST_SIDE,
    HeldOut,
    Pair,
    Pictures,
    choose_test,
    is_large,
    kept_as,
    open_set,
    spoiled_batch,
)
from maquette.recipes.restore.settings import Settings
from maquette.recipes.restore.uses import run_network
from maquette.runs import Run
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores
from maquette.training import Total, advance, choose_threads, share, warm_cosine

SOURCE = "denoise"
MOST_VALID, VALID_SIDE = 8, 192  # validation pictures, and pixels of their middle
CACHED = 2**21  # numbers of a layer's answer that stay in a processor's cache

TASKS = {  # words, and the formula with settings in it
    "noise": ("noise", "spoiled = clean + sigma * n,   n ~ N(0, 1) for each pixel and channel,   sigma = {sigma}"),
    "poisson": ("photon noise", "spoiled = Poisson(clean / sigma^2) * sigma^2,   sigma = {sigma}"),
    "downres": (
        "loss of resolution",
        "spoiled = enlarge(reduce(clean, {factor}), {factor}),   both by the nearest pixel",
    ),
    "saturate": (
        "too strong colours",
        "S(spoiled) = min(1, {saturation} * S(clean)),   S = (max - min) / max of red, green, blue",
    ),
    "jpeg": ("JPEG compression", "spoiled = JPEG(clean),   quality {quality}"),
    "pairs": ("what was done to it", "spoiled and clean pictures as they were given"),
}

Network = UNet | DnCNN | CourseCNN
Answering = Callable[[np.ndarray], np.ndarray]


class Collected(NamedTuple):
    """Pictures to learn from, a part of which is the test, unless there are pictures for the test alone."""

    pictures: Pictures
    test: Pictures | None


@dataclass(frozen=True)
class Prepared:
    """Pictures of which those with the numbers `train` are learnt from; others held out."""

    pictures: Pictures
    train: list[int]
    valid: HeldOut
    test: HeldOut
    processing: dict[str, Any]
    examples: list[np.ndarray]


def frame(settings: Settings) -> Framing:
    return Framing(
        question=f"What did a picture look like before {TASKS[settings.undone][0]}?",
        inputs="a spoiled picture of any size",
        outputs="the picture restored, of the same size",
        score="psnr",
        higher_is_better=True,
    )


def collect(settings: Settings, run: Run) -> Collected:
    if settings.pairs and settings.test:
        raise UserError("--test cannot go with --pairs: its pictures would need partners; leave one of them out.")
    found = resolve(settings.data, SOURCE)
    path, test_path = found.path, None if settings.test is None else resolve(settings.test, SOURCE).path
    if (path / "Train400").is_dir() and (path / "BSD68").is_dir():
        path, test_path = path / "Train400", test_path or path / "BSD68"
    clean, partners = open_set(path, settings.patch), None
    if settings.pairs:
        folder = Path(settings.pairs).expanduser()
        if not folder.exists():
            raise UserError(f"--pairs {settings.pairs}: there is no such folder.")
        spoiled = open_set(folder, settings.patch, clean.counts)
        clean, partners, told = matched(clean, spoiled, f"--pairs {settings.pairs}")
        for note in told:
            run.warn(note)
    test = open_set(test_path, 16, clean.counts) if test_path else None
    if len(clean) < (3 if test is None else 2):
        raise UserError(
            f"{path} has {len(clean)} usable picture(s) of at least {settings.patch} pixels a side; training, "
            "validation and test need one each: give more pictures, or a smaller --patch."
        )
    channels = 1 if settings.colour == "grey" else 3
    if settings.colour == "auto":
        channels = max(entry.channels for entry in clean.entries)
    if settings.task == "saturate" and not settings.pairs and channels == 1:
        raise UserError("--task saturate needs pictures in colour, and these are grey.")
    sets = [each for each in (clean, partners, test) if each is not None]
    digest = "+".join(each.digest() for each in sets)
    notes = [note for each in sets for note in each.notes()]
    run.record_source(replace(found, sha256=digest), pictures=len(clean), channels=channels)
    for note in notes:
        run.warn(note)
    way = Spoiling(
        settings.task, settings.levels, settings.factor, settings.saturation, settings.quality, settings.clip
    )
    return Collected(Pictures(clean, partners, way, channels), Pictures(test, None, way, channels) if test else None)


def analyze(data: Collected, settings: Settings, run: Run) -> dict[str, Any]:
    entries = data.pictures.clean.entries
    sizes = pd.Series([f"{entry.width} x {entry.height}" for entry in entries]).value_counts()
    table = sizes.rename_axis("size").reset_index(name="pictures")
    run.table("Sizes", table.head(12), f"The 12 commonest of {len(table)} sizes." if len(table) > 12 else "")
    some = [int(number) for number in evenly(len(entries), 5)]
    shown = list(HeldOut(data.pictures, some, run.random, VALID_SIDE))
    spoiled = [np.clip(pair.spoiled, 0, 1) for pair in shown]
    run.picture(
        "task",
        rows({"clean": [pair.clean for pair in shown], "spoiled": spoiled}, [Path(pair.name).name for pair in shown]),
        "What is to be undone",
        "The middle of some pictures, as they are and as they are spoiled.",
    )
    run.formula(TASKS[settings.undone][1].format(**settings.model_dump()))
    return {"pictures": len(entries), "pixels": sum(entry.height * entry.width for entry in entries)}


def process(data: Collected, settings: Settings, run: Run) -> Prepared:
    count, source = len(data.pictures), data.test or data.pictures
    order = [int(number) for number in run.random("split").permutation(count)]
    tested = 0 if data.test is not None else max(1, round(0.2 * count))
    checked = max(1, min(MOST_VALID, count // 5))
    test, valid, train = order[:tested], order[tested : tested + checked], order[tested + checked :]
    if data.test is not None:
        test = [int(number) for number in run.random("test").permutation(len(data.test))]
    test = choose_test(source.clean.entries, test)
    run.fact("Training pictures", len(train))
    run.fact("Validation pictures", len(valid))
    run.fact("Test pictures", len(test))
    run.say(
        "Pictures are whole in one part only. Training sees random patches of "
        f"{settings.patch} x {settings.patch} pixels, turned and mirrored, spoiled anew each time."
    )
    large = sum(is_large(source.clean.entries[number]) for number in test)
    if large:
        run.say(f"Of {large} large test pictures the middle {TEST_SIDE} x {TEST_SIDE} is scored.")
    known: dict[str, Any] = {"channels": source.channels, "task": settings.undone}
    if counts := data.pictures.clean.counts:
        known["counts"] = list(counts)
    processing = known | settings.model_dump(include={"factor", "network"})
    validation = HeldOut(data.pictures, valid, run.random, VALID_SIDE)
    scored = HeldOut(source, test, run.random)
    examples = [pair.spoiled[:256, :256] for pair in scored.first(4)]
    return Prepared(data.pictures, train, validation, scored, processing, examples)


def build(prepared: Prepared, settings: Settings) -> Network:
    channels, (low, high), width = prepared.pictures.channels, settings.levels, settings.width
    if settings.network == "cnn":
        return CourseCNN(channels=channels)
    if settings.network == "dncnn":
        return DnCNN(channels=channels, depth=17 if low == high else 20)
    return UNet(channels=channels, widths=(width, 2 * width), blocks=(2, 3), ups=(2,))


def train(model: Network, prepared: Prepared, settings: Settings, run: Run) -> Fitted:
    pictures, entries = prepared.pictures, prepared.pictures.clean.entries
    patches = Patches(
        lambda number: pictures.read(prepared.train[number]),
        [pictures.size(number) for number in prepared.train],
        size=settings.patch,
        batch_size=settings.batch_size,
        seed=settings.seed,
        cache_mb=settings.cache_mb / (2 if pictures.partners else 1),
        dtypes=[kept_as(entries[number], pictures.clean.counts) for number in prepared.train],
    )
    if not patches.all_fit:
        run.say(
            f"The pictures do not fit into {settings.cache_mb} MB: windows of {len(patches.kept)} of them are kept "
            "at a time, one replaced every few batches."
        )
    choose_threads(model, settings.batch_size * settings.patch**2)
    if isinstance(model, CourseCNN):
        train_course(model, patches, prepared, settings, run)
    else:
        train_ours(model, patches, prepared, settings, run)
    return Fitted()


def train_course(model: CourseCNN, patches: Patches, prepared: Prepared, settings: Settings, run: Run) -> None:
    """As in the course: Adamax with one learning rate makes the mean absolute error small."""
    model.to(run.device).train()
    optimizer = Adamax(model.parameters(), settings.learning_rate)
    total, valid = Total(run.device), list(prepared.valid)
    run.keep(model=model, optimizer=optimizer, patches=patches, total=total)
    together = fitting(max(model.widths), settings.patch, settings.batch_size, run.device)
    for step in run.loop(settings.steps):
        spoiled, clean, weight = next_batch(patches, prepared.pictures.spoiling, torch.contiguous_format, run)
        optimizer.clear()
        loss = backward(model, spoiled, clean, torch.abs, weight, together)
        advance(optimizer)
        total.add(loss, settings.batch_size)
        if step.every(log_interval(settings)):
            run.log(step, loss=total.mean(), valid_psnr=mean_psnr(model, valid, run.device))


def train_ours(model: UNet | DnCNN, patches: Patches, prepared: Prepared, settings: Settings, run: Run) -> None:
    """Orthogonal steps (Muon), warmed up and led to 0 as a cosine, make the mean squared error small."""
    model.to(device=run.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]  # faster so
    optimizer = Muon(model.parameters(), settings.learning_rate)
    total, valid = Total(run.device), list(prepared.valid)
    run.keep(model=model, optimizer=optimizer, patches=patches, total=total)
    together = settings.batch_size  # batch norm must see them all
    if isinstance(model, UNet):
        together = fitting(max(model.widths), settings.patch // model.shuffle, settings.batch_size, run.device)
    for step in run.loop(settings.steps):
        optimizer.learning_rate = settings.learning_rate * warm_cosine(step.progress)
        spoiled, clean, weight = next_batch(patches, prepared.pictures.spoiling, torch.channels_last, run)
        optimizer.clear()
        loss = backward(model, spoiled, clean, torch.square, weight, together)
        advance(optimizer)
        total.add(loss, settings.batch_size)
        if step.every(log_interval(settings)):
            model.eval()
            valid_psnr = mean_psnr(model, valid, run.device)
            model.train()
            run.log(step, loss=total.mean(), valid_psnr=valid_psnr)


def next_batch(
    patches: Patches, spoiling: Spoiling, layout: torch.memory_format, run: Run
) -> tuple[Tensor, Tensor, float]:
    """This process's part of spoiled patches and clean ones (N, C, H, W), and the weight of their mean loss."""
    pair = spoiled_batch(patches, spoiling)
    mine, weight = share(len(pair[1]), run.rank, run.processes)
    given, wanted = (torch.from_numpy(each[mine]).permute(0, 3, 1, 2).to(run.device) for each in pair)
    return given.contiguous(memory_format=layout), wanted.contiguous(memory_format=layout), weight


def backward(
    model: nn.Module,
    spoiled: Tensor,
    clean: Tensor,
    measure: Callable[[Tensor], Tensor],
    weight: float,
    together: int,
) -> Tensor:
    """The mean of `measure` of the errors, times `weight`; its gradients add up, over `together` patches at a time."""
    loss = torch.zeros((), device=clean.device)
    for start in range(0, len(clean), together):
        some = slice(start, start + together)
        part = measure(model(spoiled[some]) - clean[some]).sum() * (weight / clean.numel())
        part.backward()
        loss += part.detach()
    return loss


def fitting(widest: int, side: int, batch_size: int, device: torch.device) -> int:
    """How many patches go through the network at once: on a processor as many as a layer's answers fit its cache."""
    return max(1, CACHED // (widest * side**2)) if device.type == "cpu" else batch_size


def log_interval(settings: Settings) -> int:
    return max(5, min(200, settings.steps // 20))


@torch.no_grad()
def mean_psnr(model: nn.Module, valid: list[Pair], device: torch.device) -> float:
    reached = []
    for pair in valid:
        batch = torch.from_numpy(pair.spoiled).permute(2, 0, 1)[None].to(device)
        reached.append(psnr(pair.clean, model(batch)[0].permute(1, 2, 0).cpu().numpy().clip(0, 1)))
    return float(np.mean(reached))


@torch.no_grad()
def score(model: Network, prepared: Prepared, fitted: Fitted, settings: Settings, run: Run) -> Scores:
    """psnr and ssim of the test pictures: of the network, of the spoiled pictures, and of classical methods."""
    model.to("cpu")
    kind = "absolute" if isinstance(model, CourseCNN) else "squared"
    run.picture("losses", losses(run.metrics(), {"loss": "loss"}), f"Mean {kind} error")
    run.picture(
        "validation",
        losses(run.metrics(), {"valid_psnr": "psnr"}, unit="dB", higher_is_better=True),
        "PSNR of the validation pictures",
    )
    test, few = prepared.test, [(pair.clean, pair.spoiled) for pair in prepared.valid.first(2)]
    methods = {name: tuned(method, few, psnr) for name, method in classical(settings).items()}
    answering: dict[str, Answering] = {"this model": partial(run_network, model), "spoiled": np.asarray, **methods}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in answering}
    names, progress = [], Progress("scoring", "picture")
    for place, pair in enumerate(test):
        for name, answer in answering.items():
            found[name].append(picture_scores(pair.clean, answer(pair.spoiled)))
        names.append(pair.name)
        progress.update(place + 1, len(test))
    progress.close()
    for images in (prepared.pictures.clean, prepared.pictures.partners, test.pictures.clean):
        for note in images.news() if images else ():
            run.warn(note)
    scores = {name: pd.DataFrame(each) for name, each in found.items()}
    means = {name: each.mean().to_dict() for name, each in scores.items()}
    with run.section("predict"):
        report.show_extremes(model, test, scores["this model"]["psnr"].to_numpy(), run)
        report.show_rows(model, test, run)
        if settings.undone in ("noise", "poisson"):
            report.show_levels(model, test, run)
        report.show_hardest(names, scores["this model"], scores["spoiled"], run)
        if methods:
            run.say(
                "The classical methods know the pictures spoiled likewise only by one number, their strength, which "
                "was chosen on two validation pictures."
            )
    report.show_inside(model, test, run)
    return Scores(means.pop("this model"), means, {"psnr": "dB"})


def classical(settings: Settings) -> dict[str, Method]:
    """What one would use instead, without training."""
    methods: dict[str, Method] = {
        "non-local means": classic.non_local_means,
        "wavelet": classic.wavelet,
        "total variation": classic.total_variation,
    }
    if settings.undone == "downres":
        return {"bicubic": partial(classic.bicubic, factor=settings.factor), **methods}
    if settings.undone == "saturate":
        return {"saturation divided again": partial(classic.desaturate, factor=settings.saturation)}
    return methods
