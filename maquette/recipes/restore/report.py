"""What a restoring network does to whole pictures, at other levels of noise, and inside."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.figures.images import details, grid, rows
from maquette.figures.training import overlaid
from maquette.measures.pictures import psnr, ssim
from maquette.recipes.restore.data import HeldOut, middle
from maquette.recipes.restore.uses import run_network
from maquette.runs import Run

MOST_SHOWN = 40  # rows of the table of pictures
SHOWN_SIDE = 640  # pixels; larger pictures are shown smaller
CURVE_PICTURES, CURVE_SIDE = 4, 256


def show_hardest(names: Sequence[str], restored: pd.DataFrame, spoiled: pd.DataFrame, run: Run) -> None:
    """psnr and ssim of each test picture, in the columns of both tables."""
    table = pd.DataFrame(
        {
            "picture": names,
            "psnr, spoiled": spoiled["psnr"].round(2),
            "psnr": restored["psnr"].round(2),
            "ssim, spoiled": spoiled["ssim"].round(4),
            "ssim": restored["ssim"].round(4),
        }
    ).sort_values("psnr", kind="stable")
    run.table("Test pictures, the hardest first", table.head(MOST_SHOWN), "Of a peak of 1; psnr in dB, after clipping.")


def show_extremes(model: nn.Module, test: HeldOut, psnrs: np.ndarray, run: Run) -> None:
    """The pictures with the best, the middle and the worst score, whole and in detail, with the error."""
    order = np.argsort(psnrs, kind="stable")
    places = {"worst": order[0], "middle": order[len(order) // 2], "best": order[-1]}
    if len(order) < 3:
        places = {"best": order[-1]}
    for words, place in places.items():
        pair = test[int(place)]
        answer = run_network(model, pair.spoiled).clip(0, 1)
        box = liveliest(pair.clean, min(64, *pair.clean.shape[:2]))
        error = np.abs(answer - pair.clean).mean(-1)
        top = float(np.quantile(error, 0.995))
        shown = {"spoiled": pair.spoiled.clip(0, 1), "restored": answer, "truth": pair.clean, "error": error}
        captions = [
            f"{psnr(pair.clean, pair.spoiled.clip(0, 1)):.2f} dB",
            f"{psnr(pair.clean, answer):.2f} dB",
            "",
            f"0 to {top:.3f}",
        ]
        step = -(-max(pair.clean.shape[:2]) // SHOWN_SIDE)
        where = f", shown at 1/{step} of its size" if step > 1 else ""
        run.picture(
            f"restored_{words}",
            details(
                {name: reduced(each, step) for name, each in shown.items()},
                (box[0] // step, box[1] // step, box[2] // step),
                captions,
                error="error",
            ),
            f"The {words} of the test pictures: {Path(pair.name).name}",
            f"Whole above{where}, a detail below; the error is the mean over the channels of |restored - truth|.",
        )


def reduced(pixels: np.ndarray, step: int) -> np.ndarray:
    """Every step x step pixels as their mean."""
    if step == 1:
        return pixels
    height, width = (size // step * step for size in pixels.shape[:2])
    cut = pixels[:height, :width]
    return cut.reshape(height // step, step, width // step, step, *cut.shape[2:]).mean((1, 3))


def liveliest(pixels: np.ndarray, side: int) -> tuple[int, int, int]:
    """(top, left, side) of the square with the most contrast between neighbouring pixels."""
    grey = pixels.mean(-1)
    change = np.zeros_like(grey)
    change[1:] += np.abs(np.diff(grey, axis=0))
    change[:, 1:] += np.abs(np.diff(grey, axis=1))
    tops, lefts = (range(0, size - side + 1, max(1, side // 2)) for size in grey.shape)
    best = max(
        ((top, left) for top in tops for left in lefts),
        key=lambda at: change[at[0] : at[0] + side, at[1] : at[1] + side].sum(),
    )
    return (*best, side)


def show_rows(model: nn.Module, test: HeldOut, run: Run) -> None:
    """The course's four rows: spoiled, restored, truth, difference."""
    shown = []
    for pair in test.first(5):
        area = middle(pair.clean.shape, 128)
        shown.append((pair, run_network(model, pair.spoiled).clip(0, 1), area))
    run.picture(
        "rows",
        rows(
            {
                "spoiled": [pair.spoiled[area].clip(0, 1) for pair, _, area in shown],
                "restored": [answer[area] for _, answer, area in shown],
                "truth": [pair.clean[area] for pair, _, area in shown],
                "difference": [(answer - pair.clean)[area].mean(-1) for pair, answer, area in shown],
            },
            [Path(pair.name).name for pair, _, _ in shown],
            high=1.0,
            signed={"difference"},
            signed_high=0.25,
            captions={"restored": [f"SSIM {ssim(pair.clean, answer):.3f}" for pair, answer, _ in shown]},
        ),
        "Spoiled, restored, truth, difference",
        "The middle 128 x 128 pixels; SSIM of the whole picture. Blue is too dark, orange too bright, full at 0.25.",
    )


def show_levels(model: nn.Module, test: HeldOut, run: Run) -> None:
    """PSNR over the level of the noise, also beyond what was trained."""
    spoiling = test.pictures.spoiling
    low, high = spoiling.levels
    levels = np.unique(np.concatenate([np.geomspace(low / 4, min(1, 3 * high), 9), [low, high]]))
    clean = [pair.clean[middle(pair.clean.shape, CURVE_SIDE)] for pair in test.first(CURVE_PICTURES)]
    lines: dict[str, list[float]] = {"restored": [], "spoiled": []}
    for level in levels:
        spoiled = [
            spoiling(picture[None], float(level), run.random(f"level {place}"))[0]
            for place, picture in enumerate(clean)
        ]
        answers = {"restored": [run_network(model, each) for each in spoiled], "spoiled": spoiled}
        for name, made in answers.items():
            reached = [psnr(picture, each.clip(0, 1)) for picture, each in zip(clean, made, strict=True)]
            lines[name].append(float(np.mean(reached)))
    trained = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    run.picture(
        "levels",
        overlaid(
            {name: (levels, np.array(values)) for name, values in lines.items()}, "sigma of the noise", "psnr (dB)"
        ),
        "How it does at other levels of noise",
        f"Trained at sigma {trained}; mean over the middle of {len(clean)} test pictures.",
    )


def show_inside(model: nn.Module, test: HeldOut, run: Run) -> None:
    """The kernels that the first layer learned, and what the first and a middle layer make of a picture."""
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    first, middle_layer = layers[0], layers[len(layers) // 2]
    kernels = first.weight.detach()
    shuffle = getattr(model, "shuffle", 1)
    kernels = F.pixel_shuffle(kernels, shuffle) if shuffle > 1 else kernels  # as they lie on the picture's own pixels
    kernels = kernels / kernels.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-8)
    if kernels.shape[1] not in (1, 3):
        kernels = kernels.mean(1, keepdim=True)
    grey = kernels.shape[1] == 1
    shown = kernels[:32].permute(0, 2, 3, 1).numpy()
    run.picture(
        "kernels",
        grid(list(shown if grey else (shown + 1) / 2), 16, signed=grey, most_height=0.55),
        "The kernels of the first layer",
        f"{len(shown)} of {len(kernels)}, {kernels.shape[-1]} x {kernels.shape[-2]} pixels each, random at first; "
        + ("blue is negative, orange positive." if grey else "grey is zero."),
    )
    pair = test[0]
    seen: dict[str, Tensor] = {}
    hooks = [
        layer.register_forward_hook(lambda _, __, output, name=name: seen.__setitem__(name, output[0].detach()))
        for name, layer in (("first", first), ("middle", middle_layer))
    ]
    run_network(model, pair.spoiled[middle(pair.clean.shape, 128)])
    for hook in hooks:
        hook.remove()
    for name, maps in seen.items():
        strongest = maps.flatten(1).std(1).argsort(descending=True, stable=True)[:16]
        chosen = maps[strongest] / maps[strongest].abs().flatten(1).quantile(0.99, dim=1)[:, None, None].clamp_min(1e-8)
        run.picture(
            f"features_{name}",
            grid([each.numpy() for each in chosen], 8, signed=True, most_height=1.05),
            f"What the {name} layer makes of a picture",
            f"The 16 liveliest of its {len(maps)} maps, for the middle of {Path(pair.name).name}.",
        )
