"""What a restoring network reached on whole pictures, beside classical methods, in numbers and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from maquette.recipes.restore import data as restoring
from maquette.recipes.restore import networks as restorers
from maquette.steps import Scores

if TYPE_CHECKING:
    import numpy as np

    from maquette.recipes.restore.data import Pair, Pictures
    from maquette.runs import Run

MOST_SHOWN = 40  # rows of the table of pictures
SHOWN_SIDE = 640  # pixels; larger pictures are shown smaller
CURVE_PICTURES, CURVE_SIDE = 4, 256


def score(model: Any, pictures: Pictures, test: list[int], valid: list[Pair], settings: Any, run: Run) -> Scores:
    """psnr and ssim of the test pictures: of the network, of the spoiled pictures, and of classical methods."""
    import pandas as pd

    from maquette.measures.pictures import picture_scores
    from maquette.progress import Progress

    task = restoring.task_of(settings)
    methods = restoring.classical(settings, task)
    strengths = {name: restoring.tuned(method, valid) for name, method in methods.items()}
    found: dict[str, list[dict[str, float]]] = {"this model": [], "spoiled": [], **{name: [] for name in methods}}
    names, progress = [], Progress("scoring", "picture")
    for place, pair in enumerate(restoring.held_out(pictures, test, settings, run)):
        answers = {
            "this model": answer_of(model, pair.spoiled),
            "spoiled": pair.spoiled,
            **{name: method(pair.spoiled, strengths[name]) for name, method in methods.items()},
        }
        for name, answer in answers.items():
            found[name].append(picture_scores(pair.clean, answer))
        names.append(pair.name)
        progress.update(place + 1, len(test))
    progress.close()
    means = {name: pd.DataFrame(rows).mean().to_dict() for name, rows in found.items()}
    ours, spoiled = (pd.DataFrame(found[name]) for name in ("this model", "spoiled"))
    table = pd.DataFrame(
        {
            "picture": names,
            "psnr, spoiled": spoiled["psnr"].round(2),
            "psnr": ours["psnr"].round(2),
            "ssim, spoiled": spoiled["ssim"].round(4),
            "ssim": ours["ssim"].round(4),
        }
    ).sort_values("psnr", kind="stable")
    show_extremes(model, pictures, test, ours["psnr"].to_numpy(), settings, run)
    show_rows(model, pictures, test, settings, run)
    if task in ("noise", "poisson"):
        show_levels(model, pictures, test, settings, run)
    run.table("Test pictures, the hardest first", table.head(MOST_SHOWN), "Of a peak of 1; psnr in dB, after clipping.")
    if methods:
        run.say(
            "The classical methods know the pictures spoiled likewise only by one number, their strength, which was "
            "chosen on two validation pictures."
        )
    with run.section("train"):
        show_inside(model, pictures, test, settings, run)
    return Scores(means.pop("this model"), means, {"psnr": "dB"})


def answer_of(model: Any, spoiled: np.ndarray) -> np.ndarray:
    return restorers.run_network(model, spoiled, restorers.tile_side(model, 500))


def show_extremes(model: Any, pictures: Pictures, test: list[int], psnrs: np.ndarray, settings: Any, run: Run) -> None:
    """The pictures with the best, the middle and the worst score, whole and in detail, with the error."""
    import numpy as np

    from maquette.figures.images import details
    from maquette.measures.pictures import psnr

    order = np.argsort(psnrs, kind="stable")
    places = {"worst": order[0], "middle": order[len(order) // 2], "best": order[-1]}
    if len(order) < 3:
        places = {"best": order[-1]}
    for words, place in places.items():
        (pair,) = restoring.held_out(pictures, [test[place]], settings, run)
        answer = answer_of(model, pair.spoiled).clip(0, 1)
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
                tuple(n // step for n in box),
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
    import numpy as np

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


def show_rows(model: Any, pictures: Pictures, test: list[int], settings: Any, run: Run) -> None:
    """The course's four rows: spoiled, restored, truth, difference."""
    from maquette.figures.images import rows
    from maquette.measures.pictures import ssim

    shown = []
    for pair in restoring.held_out(pictures, test[:5], settings, run):
        area = restoring.middle(pair.clean.shape, 128)
        shown.append((pair, answer_of(model, pair.spoiled).clip(0, 1), area))
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


def show_levels(model: Any, pictures: Pictures, test: list[int], settings: Any, run: Run) -> None:
    """PSNR over the level of the noise, also beyond what was trained."""
    import numpy as np

    from maquette.figures.training import overlaid
    from maquette.measures.pictures import psnr

    low, high = restoring.noise_levels(settings)
    levels = np.unique(np.concatenate([np.geomspace(low / 4, min(1, 3 * high), 9), [low, high]]))
    clean = [pair.clean for pair in restoring.held_out(pictures, test[:CURVE_PICTURES], settings, run)]
    clean = [picture[restoring.middle(picture.shape, CURVE_SIDE)] for picture in clean]
    lines: dict[str, list[float]] = {"restored": [], "spoiled": []}
    for level in levels:
        reached: dict[str, list[float]] = {"restored": [], "spoiled": []}
        for place, picture in enumerate(clean):
            spoiled = restoring.spoil_one(picture, settings, float(level), run.random(f"level {place}"))
            reached["spoiled"].append(psnr(picture, spoiled.clip(0, 1)))
            reached["restored"].append(psnr(picture, answer_of(model, spoiled).clip(0, 1)))
        for name, values in reached.items():
            lines[name].append(float(np.mean(values)))
    trained = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    run.picture(
        "levels",
        overlaid(
            {name: (levels, np.array(values)) for name, values in lines.items()}, "sigma of the noise", "psnr (dB)"
        ),
        "How it does at other levels of noise",
        f"Trained at sigma {trained}; mean over the middle of {len(clean)} test pictures.",
    )


def show_inside(model: Any, pictures: Pictures, test: list[int], settings: Any, run: Run) -> None:
    """The kernels that the first layer learned, and what the first and a middle layer make of a picture."""
    from torch import nn
    from torch.nn import functional as F

    from maquette.figures.images import grid

    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    first, middle = layers[0], layers[len(layers) // 2]
    kernels = first.weight.detach()
    shuffle = getattr(model, "shuffle", 1)
    kernels = F.pixel_shuffle(kernels, shuffle) if shuffle > 1 else kernels  # as they lie on the picture's own pixels
    kernels = kernels / kernels.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-8)
    if kernels.shape[1] not in (1, 3):
        kernels = kernels.mean(1, keepdim=True)
    grey = kernels.shape[1] == 1
    shown = [
        kernel.permute(1, 2, 0).numpy() if grey else (kernel.permute(1, 2, 0).numpy() + 1) / 2
        for kernel in kernels[:32]
    ]
    run.picture(
        "kernels",
        grid(shown, 16, signed=grey, most_height=0.55),
        "The kernels of the first layer",
        f"{len(shown)} of {len(kernels)}, {kernels.shape[-1]} x {kernels.shape[-2]} pixels each, random at first; "
        + ("blue is negative, orange positive." if grey else "grey is zero."),
    )
    (pair,) = restoring.held_out(pictures, test[:1], settings, run)
    spoiled = pair.spoiled[restoring.middle(pair.clean.shape, 128)]
    seen: dict[str, Any] = {}
    hooks = [
        layer.register_forward_hook(lambda _, __, output, name=name: seen.__setitem__(name, output.detach()))
        for name, layer in (("first", first), ("middle", middle))
    ]
    answer_of(model, spoiled)
    for hook in hooks:
        hook.remove()
    for name, maps in seen.items():
        maps = maps[0]
        strongest = maps.flatten(1).std(1).argsort(descending=True, stable=True)[:16]
        chosen = maps[strongest] / maps[strongest].abs().flatten(1).quantile(0.99, dim=1)[:, None, None].clamp_min(1e-8)
        run.picture(
            f"features_{name}",
            grid([each.numpy() for each in chosen], 8, signed=True, most_height=1.05),
            f"What the {name} layer makes of a picture",
            f"The 16 liveliest of its {len(maps)} maps, for the middle of {Path(pair.name).name}.",
        )
