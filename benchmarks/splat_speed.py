"""Splatting on two cores: steps a second beside the plain version in torch, and frames a second as scenes grow."""

import statistics
import sys
import time

import numpy as np

from benchmarks.measure import Row

STEPS_A_SECOND = 40
GAUSSIANS = 50_000
TIMES_PLAIN = 50
SCENES = (12_000, 100_000, 1_000_000, 7_000_000)
SIZES = ((480, 270), (1920, 1080))
ROUNDS = 3


def measure() -> list[Row]:
    return [*training(), *rendering()]


def training() -> list[Row]:
    """A trained scene of the fox at full size: a step of ours, and forward and backward of the plain version."""
    import tempfile
    from pathlib import Path

    import torch

    from benchmarks.measure import MAQUETTE, run_process
    from maquette.checkpoints import load_model
    from maquette.data.cache import cache_folder
    from maquette.data.scenes.reading import read_scene
    from maquette.data.sets.fetching import get
    from maquette.families.views import seen
    from maquette.kernels.training import Studio, learn
    from maquette.methods.densification import Cloud
    from maquette.methods.exposure import Exposures

    photographs = get("nerf_fox").path / "images"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        flags = ["--gaussians", str(GAUSSIANS), "--steps", "2500", "--out", str(out)]
        run_process([*MAQUETTE, "run", "splat", "--data", str(photographs), *flags])
        model = load_model(out)
    scene = read_scene(photographs, longest=480, cache=cache_folder() / "cameras")
    taken = scene.part("train")[::6]
    views = [seen(view, model.origin, model.unit) for view in taken]
    cloud, studio, exposures = Cloud(model.rows()), Studio(), Exposures(len(views))
    truths = [view.truth for view in views]
    step_sizes = np.zeros(cloud.rows.shape[1], np.float32)  # the same work, and the scene stays as it is

    how = {**model.looks, "ssim_share": 0.2, "exposures": exposures}

    def ours() -> float:
        began = time.perf_counter()
        for number, (view, truth) in enumerate(zip(views, truths, strict=True)):
            learn(cloud, view.camera, truth, view.mask, step_sizes, studio, **how, view=number)
        return (time.perf_counter() - began) / len(views)

    def plain() -> float:
        truth = torch.from_numpy(truths[0].transpose(1, 2, 0).copy())
        began = time.perf_counter()
        (model(taken[0].camera) - truth).abs().mean().backward()
        return time.perf_counter() - began

    ours()
    fast = statistics.median(ours() for _ in range(5))
    print("  the plain version ...", file=sys.stderr, flush=True)
    slow = plain()
    told = f"{len(cloud):,} Gaussians, {views[0].camera.width} x {views[0].camera.height}"
    return [
        Row(
            f"the target ({STEPS_A_SECOND}) beside training steps a second", STEPS_A_SECOND, 1 / fast, "1/s", 1.0, told
        ),
        Row(
            "a step beside the plain version in torch", fast, slow, "s", 1 / TIMES_PLAIN, f"{told}; plain: one, no SSIM"
        ),
    ]


def rendering() -> list[Row]:
    """Random scenes of a given number of Gaussians, each about as large as they lie apart."""
    from maquette.graphics.cameras import camera_at
    from maquette.kernels.splats import draw

    rows = []
    for count in SCENES:
        gaussians = random_scene(count)
        for width, height in SIZES:
            camera = camera_at(
                np.array([0.0, -2.2, 0.6]), np.zeros(3), np.array([0.0, 0, 1]), width=width, height=height, focal=width
            )
            draw(gaussians, camera, degree=0)
            seconds = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                drawn = draw(gaussians, camera, degree=0)
                seconds.append(time.perf_counter() - began)
            middle = statistics.median(seconds)
            told = f"{len(drawn.order):,} seen, {len(drawn.pairs):,} pairs; {1 / middle:.1f} frames a second"
            rows.append(Row(f"{count:,} Gaussians at {width} x {height}, a frame", middle, None, "s", None, told))
    return rows


def random_scene(count: int) -> np.ndarray:
    """Within a ball, of degree 0."""
    chance = np.random.default_rng(0)
    rows = np.zeros((count, 14), np.float32)
    way = chance.normal(size=(count, 3))
    rows[:, :3] = way / np.linalg.norm(way, axis=1, keepdims=True) * chance.random((count, 1)) ** (1 / 3)
    rows[:, 3:6] = chance.normal(np.log(0.5 * count ** (-1 / 3)), 0.4, (count, 3))
    rows[:, 6:10] = chance.normal(size=(count, 4))
    rows[:, 10] = chance.normal(0, 1.5, count)
    rows[:, 11:14] = chance.normal(0, 1, (count, 3))
    return rows
