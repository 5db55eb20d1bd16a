"""Networks that restore pictures: built, trained on patches, and run over pictures of any size."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from maquette.recipes.restore import data as restoring

if TYPE_CHECKING:
    import numpy as np
    import torch

    from maquette.recipes.restore.data import Pair
    from maquette.runs import Run

CACHED = 2**21  # numbers of a layer's answer that stay in a processor's cache
LOSS = {"unet": "Mean squared error", "dncnn": "Mean squared error", "cnn": "Mean absolute error"}


def build_network(channels: int, settings: Any) -> Any:
    from maquette import models

    if settings.network == "cnn":
        return models.CourseCNN(channels=channels)
    if settings.network == "dncnn":
        low, high = restoring.noise_levels(settings)
        return models.DnCNN(channels=channels, depth=17 if low == high else 20)
    width = settings.width
    return models.UNet(channels=channels, widths=(width, 2 * width), blocks=(2, 3), ups=(2,))


def fit(model: Any, patches: Any, valid: list[Pair], settings: Any, run: Run) -> None:
    """Learn from patches; logs the mean loss since the last log and the PSNR of the validation pictures."""
    import numpy as np
    import torch

    from maquette.methods.optimizers import Adamax, Muon
    from maquette.training import Total, advance, choose_threads, share, warm_cosine

    is_course = settings.network == "cnn"
    layout = torch.contiguous_format if is_course else torch.channels_last  # whichever is faster
    model.to(run.device, memory_format=layout).train()
    choose_threads(model, settings.batch_size * settings.patch**2)
    kind = Adamax if is_course else Muon
    optimizer = kind(model.parameters(), settings.learning_rate)
    total = Total(run.device)
    run.keep(model=model, optimizer=optimizer, patches=patches, total=total)
    low, high = restoring.noise_levels(settings)
    log_every = max(5, min(200, settings.steps // 20))
    together = patches_together(model, settings, run)

    def batch() -> tuple[torch.Tensor, torch.Tensor, float]:
        clean, *partner = next(patches)
        if partner:
            spoiled = partner[0]
        else:
            sigma = patches.generator.uniform(low, high, (len(clean), 1, 1, 1))
            spoiled = restoring.spoil(clean, settings, sigma, patches.generator)
        mine, weight = share(len(clean), run.rank, run.processes)
        given, wanted = (torch.from_numpy(each[mine]).permute(0, 3, 1, 2).to(run.device) for each in (spoiled, clean))
        return given.contiguous(memory_format=layout), wanted.contiguous(memory_format=layout), weight

    for step in run.loop(settings.steps):
        if not is_course:
            optimizer.learning_rate = settings.learning_rate * warm_cosine(step.progress)
        spoiled, clean, weight = batch()
        optimizer.clear()
        loss = torch.zeros((), device=run.device)
        for start in range(0, len(clean), together):
            some = slice(start, start + together)
            error = model(spoiled[some]) - clean[some]
            part = (error.abs() if is_course else error.square()).sum() * (weight / clean.numel())
            part.backward()
            loss += part.detach()
        advance(optimizer)
        total.add(loss, settings.batch_size)
        if step.every(log_every):
            model.eval()
            scores = valid_psnr(model, valid, run)
            model.train()
            run.log(step, loss=total.mean(), valid_psnr=float(np.mean(scores)))


def patches_together(model: Any, settings: Any, run: Run) -> int:
    """How many patches of a batch go through the network at once; their gradients add up to those of the whole batch.

    On a processor no more than its cache holds, unless batch norm must see them all.
    """
    if run.device.type != "cpu" or settings.network == "dncnn":
        return settings.batch_size
    shuffle = getattr(model, "shuffle", 1)
    return max(1, CACHED // (max(model.widths) * (settings.patch // shuffle) ** 2))


def tile_side(model: Any, memory_mb: float) -> int:
    """The side of tiles whose work fits into the memory, in pixels."""
    return int((memory_mb * 2**20 / bytes_per_pixel(model)) ** 0.5)


def bytes_per_pixel(model: Any) -> float:
    """About how much memory the network needs for each pixel of a tile, by its widest layers."""
    if hasattr(model, "widths") and hasattr(model, "shuffle"):
        return 4 * (8 * model.widths[0] / model.shuffle**2 + 6 * model.channels)
    widest = max(weight.shape[0] for weight in model.parameters() if weight.dim() == 4)
    return 4 * 4 * widest


def run_network(model: Any, pixels: np.ndarray, tile: int, progress: Any = None) -> np.ndarray:
    from maquette.methods.tiles import apply_in_tiles

    return apply_in_tiles(model, pixels, tile, progress=progress)


@cache
def say_once(text: str) -> None:
    import sys

    print(text, file=sys.stderr, flush=True)


def valid_psnr(model: Any, valid: list[Pair], run: Run) -> list[float]:
    import torch

    from maquette.measures.pictures import psnr

    scores = []
    with torch.no_grad():
        for pair in valid:
            batch = torch.from_numpy(pair.spoiled).permute(2, 0, 1)[None].to(run.device)
            answer = model(batch)[0].permute(1, 2, 0).cpu().numpy()
            scores.append(psnr(pair.clean, answer.clip(0, 1)))
    return scores
