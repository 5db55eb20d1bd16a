"""Pictures restored by a trained network, of any size, in bounded memory."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import cache

import numpy as np
from torch import nn

from maquette.data.pictures.files import Picture, to_channels
from maquette.data.pictures.ranges import range_in
from maquette.methods.spoiling import nearest
from maquette.methods.tiles import apply_in_tiles
from maquette.models.unet import UNet
from maquette.progress import Progress
from maquette.recipes.restore.settings import RestoreOptions
from maquette.settings import UserError
from maquette.trained import Trained

MEMORY_MB = 500  # for the network's work where nobody says


def restore(trained: Trained, inputs: Iterable[Picture], options: RestoreOptions) -> Iterator[Picture]:
    """Each picture restored, of its own size, or larger with `enlarge`.

    A network trained on grey pictures restores each colour channel by itself; one trained in colour sees a grey picture
    as three equal channels.
    """
    model, undone, channels = trained.model, trained.processing["task"], trained.processing["channels"]
    if options.enlarge and undone != "downres":
        raise UserError(f"--enlarge needs a run with --task downres; this one learned to undo {undone}.")
    for given in inputs:
        picture = given.in_range(range_in(trained.processing))
        pixels = picture.pixels
        if options.enlarge:
            factor = trained.processing["factor"]
            pixels = nearest(pixels, round(pixels.shape[0] * factor), round(pixels.shape[1] * factor))
        if options.grey and channels == 1:
            pixels = to_channels(pixels, 1)
        with closing(Progress("restoring", "tile")) as progress:
            if channels == 1 and pixels.shape[2] == 3:
                say_once("A picture in colour, a network for grey ones: each colour channel is restored by itself.")
                parts = [
                    run_network(model, pixels[..., c : c + 1], options.memory_mb, progress.update) for c in range(3)
                ]
                answer = np.concatenate(parts, axis=2)
            else:
                answer = run_network(model, to_channels(pixels, channels), options.memory_mb, progress.update)
        yield picture.answered(to_channels(answer, pixels.shape[2]))


def run_network(
    model: nn.Module,
    pixels: np.ndarray,
    memory_mb: float = MEMORY_MB,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The network's picture for a picture (H, W, C) of as many channels as it knows, in tiles that fit into memory."""
    tile = int((memory_mb * 2**20 / bytes_per_pixel(model)) ** 0.5)
    return apply_in_tiles(model, pixels, tile, progress=progress)


def bytes_per_pixel(model: nn.Module) -> float:
    """About how much memory the network needs for each pixel of a tile, by its widest layers."""
    if isinstance(model, UNet):
        return 4 * (8 * model.widths[0] / model.shuffle**2 + 6 * model.channels)
    widest = max(weight.shape[0] for weight in model.parameters() if weight.dim() == 4)
    return 4 * 4 * widest


@cache
def say_once(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
