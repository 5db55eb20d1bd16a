"""What the report shows of convolution: kernels beside each other, pixels that meet, and a plan of layers explained."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn

from maquette.data.pictures.films import write_film
from maquette.families.blocks import Block, formulas, heading, picture, say, table
from maquette.figures.images import rows
from maquette.methods.convolution import KERNELS, Stage, Window, read_plan, stages
from maquette.models.kernels import Kernels
from maquette.recipes.convolution import figures
from maquette.recipes.convolution.data import CURES, SIGNED, TASKS, hand_made, tasks_of
from maquette.runs import Run
from maquette.settings import UserError

RATE = 5.0  # frames a second of the film
OTHERS = (  # ways of moving a kernel that the report compares
    Window(3),
    Window(3, padding=1),
    Window(3, stride=2),
    Window(3, stride=2, padding=1),
    Window(3, dilation=2),
    Window(3, is_transposed=True),
    Window(3, stride=2, padding=1, is_transposed=True),
    Window(4, stride=2, padding=1, is_transposed=True),
)


def stages_of(text: str, size: int, channels: int) -> list[Stage]:
    """What is known after each layer of a plan; a UserError where it is none, or leaves nothing."""
    try:
        return stages(read_plan(text), size, channels)
    except ValueError as error:
        raise UserError(str(error)) from None


def show_kernels(sets: Mapping[str, Tensor], errors: Mapping[str, list[float]], run: Run) -> None:
    """Kernels (K, 1, 3, 3) by how they were made, and the squared error of each task."""
    drawn = {name: list(kernels[:, 0].numpy()) for name, kernels in sets.items() if name != "picture left alone"}
    high = float(np.quantile(np.abs(np.concatenate([each for row in drawn.values() for each in row])), 0.97))
    run.picture(
        "kernels",
        rows(drawn, TASKS, signed=set(drawn), signed_high=high, most_height=0.8),
        "Kernels learnt, and made by hand",
        "Orange adds, blue takes away. The first five were shown what the hand-made kernel makes of patches; the last "
        f"two learnt to undo noise and blur, for which one would take {' and '.join(CURES.values())} by hand.",
    )
    columns = {name: [float(f"{value:.3g}") for value in each] for name, each in errors.items()}
    run.table("Squared error on the test patches", pd.DataFrame({"kernel": TASKS, **columns}))


def show_effects(model: Kernels, example: np.ndarray, sigma: float, run: Run) -> None:
    """A picture through all kernels, learnt and made by hand, as spoiled as each kernel knows it."""
    grey = torch.from_numpy(example).float().mean(-1)[None] / 255
    (inputs,), _ = tasks_of(grey, sigma, torch.Generator().manual_seed(0))
    made = {"given": list(inputs[0, :, 1:-1, 1:-1].numpy())}
    for name, kernels in (("learnt", model.weight), ("made by hand", hand_made())):
        answers = nn.functional.conv2d(inputs, kernels, groups=len(TASKS))[0]
        answers[: len(SIGNED)] = answers[: len(SIGNED)].abs()
        made[name] = list(answers.numpy())
    run.picture(
        "effects",
        rows(made, TASKS, most_height=1.2),
        "A picture through each kernel",
        "Of edges and outlines, how strong they are. Denoise is given a noisy picture, deblur a blurred one.",
    )


def show_window(window: Window, name: str, example: np.ndarray, shown: int, run: Run) -> None:
    """The film of which pixels meet which on the user's picture, one step in numbers, and other ways to move."""
    small = shrunk(example, shown)
    weights = KERNELS[name] if window.kernel == 3 else np.full((window.kernel,) * 2, 1 / window.kernel**2)
    out = window.output(shown)
    (run.folder / "pictures").mkdir(exist_ok=True)
    frames = list(figures.meetings(small, weights, window))
    write_film(run.folder / "pictures" / "meetings.webp", [*frames, *frames[-1:] * 5], RATE)
    what = name if window.kernel == 3 else "mean"
    run.film(
        "meetings.webp",
        "Which pixels meet which",
        f"{shown} x {shown} pixels of a picture, a kernel ({what}) of {window.told()}: {out} x {out} come out.",
    )
    if not window.is_transposed and shown >= window.reach and window.kernel <= 5:
        first = (shown - window.reach) // 2
        under = small[first : first + window.reach : window.dilation, first : first + window.reach : window.dilation]
        run.picture(
            "one_step",
            figures.one_step(under, weights),
            "One step in numbers",
            "Each pixel below the kernel times its weight, and all added up: that is one pixel of what comes out.",
        )
    sides = [{"kernel": each.told(), f"of {shown} x {shown} pixels": told(each, shown)} for each in (window, *OTHERS)]
    run.formula("out = ⌊(in + 2 padding − dilation (kernel − 1) − 1) / stride⌋ + 1")
    run.formula("transposed: out = (in − 1) stride − 2 padding + dilation (kernel − 1) + 1")
    run.table("What comes out", pd.DataFrame(sides).drop_duplicates(), "The first line is the kernel of the film.")


def told(window: Window, size: int) -> str:
    out = window.output(size)
    return f"{out} x {out}" if out > 0 else "nothing"


def shrunk(example: np.ndarray, side: int) -> np.ndarray:
    """A picture (H, W, C) uint8 as (side, side) in 0..1, its contrast stretched so that single pixels can be told."""
    grey = Image.fromarray(example.mean(-1).astype(np.uint8)).resize((side, side), Image.Resampling.BOX)
    pixels = np.asarray(grey, np.float64) / 255
    low, high = pixels.min(), pixels.max()
    return (pixels - low) / (high - low) if high > low else pixels


def explained(text: str, processing: dict[str, Any]) -> Iterator[Block]:
    """A plan of layers: the sides, channels, fields, weights and multiplications of each, and the fields drawn."""
    found = stages_of(text, processing["size"], processing["channels"])
    yield heading("A plan of layers")
    yield say(f"{text}, for pictures of {found[0].size} x {found[0].size} pixels.")
    yield formulas(
        "weights = (kernel² · channels in + 1) · channels out",
        "field grows by dilation (kernel − 1) · distance; distance of neighbours grows by the stride",
    )
    lines = [
        [
            stage.name,
            f"{stage.size} x {stage.size}",
            stage.channels,
            f"{stage.field} x {stage.field}",
            f"{stage.apart:g}",
            stage.weights,
            stage.multiplications,
        ]
        for stage in found
    ]
    total = [sum(stage.weights for stage in found), sum(stage.multiplications for stage in found)]
    columns = ["layer", "pixels", "channels", "receptive field", "neighbours apart", "weights", "multiplications"]
    yield table(
        "Layer by layer", columns, [*lines, ["all", "", "", "", "", *total]], "Lengths are in pixels of the input."
    )
    shown = processing["picture"] / np.float32(255)
    yield picture(
        figures.fields(shown, found),
        "How far a pixel sees",
        "The receptive field of a pixel in the middle, after each layer; a square beyond the picture sees all of it.",
        "fields",
    )
