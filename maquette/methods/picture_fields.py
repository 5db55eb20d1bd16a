"""One picture as a network from places to colours, with its places told in several ways: what encodings are for."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.graphics.encodings import frequencies, hash_encode, resolutions
from maquette.methods.optimizers import AdamW

WIDTH, LAYERS = 64, 3
LEVELS, ROWS = 8, 12  # of the hash grid: at most 8 x 4096 x 2 numbers
PLAIN_STEP, HASH_STEP = 5e-3, 2e-2  # sizes of Adam's steps
BATCH = 1024  # pixels a step


@dataclass(frozen=True)
class Told:
    """What a network made of a picture: (H, W, 3), its PSNR in dB, and how many weights it has."""

    picture: np.ndarray
    psnr: float
    weights: int


def fit_picture(picture: np.ndarray, encoding: int | str, steps: int, seed: int = 0) -> Told:
    """A small network that learns picture (H, W, 3), 0..1, from BATCH pixels drawn at random at every step.

    encoding: how many frequencies (0: the places themselves), or `hash`.
    """
    torch.manual_seed(seed)
    height, width = picture.shape[:2]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = torch.stack([(columns + 0.5) / max(height, width), (rows + 0.5) / max(height, width)], -1).view(-1, 2)
    truth = torch.from_numpy(np.ascontiguousarray(picture, np.float32)).view(-1, 3)
    weights: list[nn.Parameter] = []
    if encoding == "hash":
        table = nn.Parameter(torch.empty(LEVELS, 2**ROWS, 2).uniform_(-1e-2, 1e-2))
        cells = resolutions(LEVELS, 4, max(8, max(height, width) // 2))
        encode: Callable[[Tensor], Tensor] = lambda given: hash_encode(given, table, cells)  # noqa: E731
        weights.append(table)
    else:
        encode = lambda given: frequencies(2 * given - 1, int(encoding))  # noqa: E731
    ins = encode(places[:1]).shape[1]
    sizes = [ins, *[WIDTH] * LAYERS, 3]
    layers = [nn.Linear(one, other) for one, other in pairwise(sizes)]
    weights += [weight for layer in layers for weight in layer.parameters()]
    optimizer = AdamW(weights, HASH_STEP if encoding == "hash" else PLAIN_STEP)

    def answer(given: Tensor) -> Tensor:
        found = encode(given)
        for layer in layers[:-1]:
            found = F.relu(layer(found))
        return torch.sigmoid(layers[-1](found))

    chance = torch.Generator().manual_seed(seed)
    for step in range(steps):
        some = torch.randint(len(places), (BATCH,), generator=chance)
        optimizer.clear()
        F.mse_loss(answer(places[some]), truth[some]).backward()
        optimizer.learning_rate = (HASH_STEP if encoding == "hash" else PLAIN_STEP) * 0.05 ** (step / steps)
        optimizer.step()
    with torch.no_grad():
        found = answer(places)
        loss = F.mse_loss(found, truth)
    shown = found.view(height, width, 3).numpy()
    return Told(shown, float(-10 * np.log10(max(loss.item(), 1e-12))), sum(each.numel() for each in weights))
