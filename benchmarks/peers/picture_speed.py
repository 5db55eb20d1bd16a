"""Seconds to restore one grey picture with noise of 25 / 255: `python picture_speed.py PICTURE NAME`.

NAME: maquette, the recipe's default network in tiles, as `maquette predict` runs it; dncnn, the paper's 17 layers of 64
channels in plain torch on the whole picture; dncnn48, of 48 channels, about as many weights as ours; bm3d, the package.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

SIGMA = 25 / 255


def main() -> None:
    clean = np.asarray(Image.open(sys.argv[1]).convert("L"), np.float32) / 255
    noisy = clean + SIGMA * np.random.default_rng(0).standard_normal(clean.shape).astype(np.float32)
    makers = {"maquette": ours, "bm3d": bm3d_package, "dncnn": plain_dncnn, "dncnn48": partial(plain_dncnn, width=48)}
    run = makers[sys.argv[2]](noisy)
    run()
    times = []
    for _ in range(1 if sys.argv[2] == "bm3d" else 5):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    print(json.dumps(clean.size / 1e6 / statistics.median(times)))


def ours(noisy: np.ndarray) -> Callable[[], object]:
    import torch

    from maquette.models import UNet
    from maquette.recipes.restore.uses import run_network

    model = UNet(channels=1, widths=(32, 64), blocks=(2, 3), ups=(2,)).eval()  # as the recipe builds it

    def run() -> object:
        with torch.inference_mode():
            return run_network(model, noisy[..., None])

    return run


def plain_dncnn(noisy: np.ndarray, width: int = 64) -> Callable[[], object]:
    import torch
    from torch import nn

    layers: list[nn.Module] = [nn.Conv2d(1, width, 3, padding=1), nn.ReLU(inplace=True)]
    for _ in range(15):
        layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    model = nn.Sequential(*layers, nn.Conv2d(width, 1, 3, padding=1)).eval()
    batch = torch.from_numpy(noisy)[None, None]

    def run() -> object:
        with torch.inference_mode():
            return batch - model(batch)

    return run


def bm3d_package(noisy: np.ndarray) -> Callable[[], object]:
    import bm3d

    return lambda: bm3d.bm3d(noisy, SIGMA)


if __name__ == "__main__":
    main()
