"""Convolution: which pixels meet which, how large what comes out is, and kernels learnt beside hand-made ones.

Sizes are worked out by formula and compared with torch's over a whole grid of kernels, strides, paddings and dilations
(Dumoulin and Visin, arXiv 1603.07285). Seven kernels of 3 x 3 weights learn by descent: five to do what a hand-made
one does, two to undo noise and blur.
"""

import itertools
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maquette.data.pictures.idx import idx_files
from maquette.data.pictures.small import SmallImages, small_images
from maquette.data.rows import evenly, split_rows
from maquette.data.sets.fetching import resolve
from maquette.figures.images import grid
from maquette.figures.training import losses
from maquette.methods.convolution import Window
from maquette.methods.losses import SquaredError
from maquette.methods.optimizers import AdamW
from maquette.models.kernels import Kernels
from maquette.recipes.convolution import report
from maquette.recipes.convolution.data import (
    FEWEST,
    REACH,
    TASKS,
    Prepared,
    best_kernels,
    hand_made,
    patches_of,
    tasks_of,
)
from maquette.recipes.convolution.settings import Settings
from maquette.runs import Run
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores
from maquette.training import Part, fit, warm_cosine

SOURCE = "denoise"
SIZE = 64  # pixels, where pictures have no size of their own
EPOCHS, STEPS = 30, 400  # of training at least, where the settings leave them open
IMITATIONS = 5  # the first tasks, whose kernel is known


def frame(settings: Settings) -> Framing:
    return Framing(
        question="What does a convolution do with a picture, and can its kernels be learnt?",
        inputs="a picture, or a plan of layers",
        outputs="the picture through a kernel; sizes, receptive fields and weights",
        score="mse",
        headline="Kernels learnt by descent differ from those made by hand by {kernel_error} a weight, and have a "
        "squared error of {mse}; the hand-made ones {made by hand|mse}, the best that can be {least squares|mse}.",
    )


def collect(settings: Settings, run: Run) -> SmallImages:
    window = window_of(settings)
    if window.output(settings.shown) < 1:
        raise UserError(
            f"A kernel of {window.told()} leaves nothing of --shown {settings.shown} x {settings.shown} pixels; make "
            "it or the padding larger, or the kernel smaller."
        )
    found = resolve(settings.data, SOURCE)
    size = settings.size or (None if idx_files(found.path) else SIZE)
    images = small_images(found.path, name=found.name, size=size, most=settings.most_pictures, seed=settings.seed)
    count, side, _, channels = images.pixels.shape
    report.stages_of(settings.plan, side, channels)
    run.record_source(found, pictures=count, notes=images.notes)
    run.fact("Size of a picture", f"{side} x {side}, {'grey' if channels == 1 else 'colour'}", "px")
    return images


def analyze(images: SmallImages, settings: Settings, run: Run) -> dict[str, Any]:
    some = images.pixels[evenly(len(images.pixels), 24)] / np.float32(255)
    run.picture("pictures", grid(list(some), 12, most_height=0.75), "Some of the pictures")
    return {"pictures": len(images.pixels), "mean of all pixels": float(images.pixels.mean() / 255)}


def process(images: SmallImages, settings: Settings, run: Run) -> Prepared:
    patches = patches_of(images.pixels, run.random("patches"))
    if len(patches) < FEWEST:
        raise UserError(
            f"The pictures give {len(patches)} patches in which something is to be seen, and kernels need at least "
            f"{FEWEST}; give more pictures, or a larger --size."
        )
    parts = split_rows(len(patches), settings.seed, 0.1, settings.test_share)
    generator = torch.Generator().manual_seed(settings.seed)
    train, valid, test = (tasks_of(patches[rows], settings.sigma, generator) for rows in parts)
    for name, rows in zip(("Training", "Validation", "Test"), parts, strict=True):
        run.fact(f"{name} patches", len(rows), f"of {patches.shape[1]} x {patches.shape[1]} pixels")
    run.say(
        "Five kernels are shown what a hand-made one makes of a patch, one is shown noisy patches and the clean ones, "
        "one blurred patches and the sharp ones. Patches with hardly anything in them are left out."
    )
    size, channels = images.pixels.shape[1], images.pixels.shape[3]
    order = run.random("examples").permutation(len(images.pixels))[:4]
    examples = [images.pixels[row] for row in order]
    processing = {"size": size, "channels": channels, "plan": settings.plan, "picture": examples[0], **images.known}
    return Prepared(train, valid, test, processing, examples)


def build(prepared: Prepared, settings: Settings) -> Kernels:
    return Kernels(names=list(TASKS), size=REACH)


def train(model: Kernels, prepared: Prepared, settings: Settings, run: Run) -> Fitted:
    batches = -(-len(prepared.train[1]) // settings.batch_size)
    fit(
        model,
        SquaredError(),
        prepared.train,
        prepared.valid,
        run,
        optimizer=lambda network: AdamW(network.parameters(), settings.learning_rate, betas=(0.9, 0.95)),
        epochs=settings.epochs or max(EPOCHS, -(-STEPS // batches)),
        batch_size=settings.batch_size,
        schedule=warm_cosine,
    )
    return Fitted()


@torch.no_grad()
def score(model: Kernels, prepared: Prepared, fitted: Fitted, settings: Settings, run: Run) -> Scores:
    model.to("cpu")
    run.picture(
        "losses", losses(run.metrics(), {"loss": "training", "valid_loss": "validation"}, "epoch"), "Squared error"
    )
    alone = torch.zeros(len(TASKS), 1, REACH, REACH)
    alone[:, :, 1, 1] = 1
    sets = {"learnt": model.weight, "made by hand": hand_made(), "least squares": best_kernels(prepared.train)}
    sets["picture left alone"] = alone
    report.show_kernels(sets, {name: errors_of(each, prepared.test) for name, each in sets.items()}, run)
    values = {name: scores_of(each, prepared.test) for name, each in sets.items()}
    equal, tried = sizes_compared()
    run.say(
        f"Sizes by formula beside torch's, over {tried:,} kernels, strides, paddings, dilations and sides: "
        f"{equal:,} equal."
    )
    with run.section("predict"):
        report.show_effects(model, prepared.examples[0], settings.sigma, run)
        report.show_window(window_of(settings), settings.weights, prepared.examples[0], settings.shown, run)
        for block in report.explained(settings.plan, prepared.processing):
            run.block(block, block.get("name", ""))
    return Scores({**values.pop("learnt"), "sizes_equal": equal / tried}, values)


def window_of(settings: Settings) -> Window:
    return Window(settings.kernel, settings.stride, settings.padding, settings.dilation, settings.transposed)


def errors_of(kernels: Tensor, part: Part) -> list[float]:
    """The mean squared error of each task."""
    (inputs,), targets = part
    made = nn.functional.conv2d(inputs, kernels, groups=len(TASKS))
    return (made - targets).square().mean((0, 2, 3)).tolist()


def scores_of(kernels: Tensor, part: Part) -> dict[str, float]:
    """mse over all tasks; kernel_error: root mean square difference from the hand-made weights that are imitated."""
    away = (kernels - hand_made())[:IMITATIONS].square().mean().sqrt()
    return {"mse": float(np.mean(errors_of(kernels, part))), "kernel_error": float(away)}


def sizes_compared() -> tuple[int, int]:
    """How many sizes are torch's, and how many were compared; torch works them out without any numbers."""
    equal = tried = 0
    for kernel, stride, padding, dilation in itertools.product((1, 2, 3, 4, 5), (1, 2, 3), (0, 1, 2, 3), (1, 2)):
        for is_transposed in (False, True):
            window = Window(kernel, stride, padding, dilation, is_transposed)
            weight = torch.empty(1, 1, kernel, kernel, device="meta")
            ask = nn.functional.conv_transpose2d if is_transposed else nn.functional.conv2d
            for size in (5, 6, 7, 12):
                if (expected := window.output(size)) < 1:
                    continue
                picture = torch.empty(1, 1, size, size, device="meta")
                made = ask(picture, weight, stride=stride, padding=padding, dilation=dilation)
                equal += made.shape[2:] == (expected, expected)
                tried += 1
    return equal, tried
