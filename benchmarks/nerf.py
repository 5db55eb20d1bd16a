"""Radiance fields on two cores: held-out PSNR over time, samples a second beside torch, frames, and a true surface."""

import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.measure import MAQUETTE, Row, run_process

LEGO, FOX = {60: 32.0, 300: 34.5, 900: 35.5}, {60: 28.5, 300: 31.0, 900: 32.0}  # seconds of training -> dB
SAMPLES_A_SECOND = {4: 3e6, 8: 2e6}  # by levels
TIMES_PLAIN = 10
FRAME_SECONDS = 0.15  # of 400 x 400
SURFACE = 0.01  # of the size of the hare, the 95th percentile of distances
HARE_SIZE = 1.57
RAYS, ROUNDS = 6000, 12


def measure() -> list[Row]:
    from maquette.data.sets.fetching import get

    rows = [*speed()]
    with tempfile.TemporaryDirectory() as folder:
        for name, targets in (("nerf_lego_400", LEGO), ("nerf_fox", FOX)):
            for seconds, target in targets.items():
                rows += trained(name, get(name).path, seconds, target, Path(folder))
        rows.append(surface(Path(folder)))
    return rows


def trained(name: str, data: Path, seconds: int, target: float, folder: Path) -> list[Row]:
    """The held-out mean after about so many seconds of training, turned so that below 1 is better; and a frame."""
    out = folder / f"{name}{seconds}"
    flags = ["--seconds", str(seconds), "--out", str(out)]
    run_process([*MAQUETTE, "run", "nerf", "--data", str(data), *flags])
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    found, memory = scores["scores"], scores["peak_memory_mb"]
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    told = (
        f"{lines[-1]['step']:,} steps, {found['samples_per_second'] / 1e6:.2f} million samples a second, "
        f"SSIM {found['ssim']:.4f}, {memory:,.0f} MB"
    )
    rows = [
        Row(f"the target ({target}) beside {name}: PSNR after {seconds:,} s", target, found["psnr"], "dB", 1.0, told)
    ]
    if name == "nerf_lego_400" and seconds == min(LEGO):
        rows.append(frame(out))
    return rows


def frame(out: Path) -> Row:
    """One picture of 400 x 400 of a trained field."""
    import maquette
    from maquette.families.fields import field_drawer
    from maquette.graphics.cameras import camera_from

    run = maquette.open(out)
    draw, cameras = field_drawer(run.model), [camera_from(each) for each in run.processing["cameras"][:9]]
    seconds = []
    for camera in cameras:
        began = time.perf_counter()
        draw(camera.resized(400, 400))
        seconds.append(time.perf_counter() - began)
    return Row("a frame of 400 x 400, lego", statistics.median(seconds[1:]), None, "s", FRAME_SECONDS)


def speed() -> list[Row]:
    """Training samples a second on rays through a hollow ball, and the same by the plain version in torch."""
    import torch

    from maquette.kernels.painting import Learner, Numbers
    from maquette.models import HashField

    steps = (np.arange(128) + 0.5) / 64 - 1
    z, y, x = np.meshgrid(steps, steps, steps, indexing="ij")
    possible = np.abs(np.sqrt(x * x + y * y + z * z).ravel() - 0.6) < 0.02
    rows = []
    for levels, target in SAMPLES_A_SECOND.items():
        torch.manual_seed(0)
        field = HashField(levels=levels, rows=17, finest=400)
        learner, chance = Learner(Numbers.of(field), 2**17, possible), np.random.default_rng(0)
        learner.slope(*rays(chance, RAYS))
        began, samples = time.perf_counter(), 0
        for _ in range(ROUNDS):
            samples += learner.slope(*rays(chance, RAYS)).samples
            learner.step(0.01)
        ours = samples / (time.perf_counter() - began)
        plain = plain_speed(field, rays(chance, 256))
        told = f"a ball, tables of 2^17, {samples // ROUNDS:,} samples a step"
        rows.append(Row(f"the target beside samples a second, {levels} levels", target, ours, "1/s", 1.0, told))
        rows.append(
            Row(
                f"samples a second in plain torch beside ours, {levels} levels", plain, ours, "1/s", 1 / TIMES_PLAIN, ""
            )
        )
    return rows


def rays(chance: np.random.Generator, many: int) -> tuple[np.ndarray, ...]:
    """Rays from all around towards the middle of a cube, as `Learner.slope` takes them."""
    origins = chance.normal(size=(many, 3))
    origins *= 2.5 / np.linalg.norm(origins, axis=1, keepdims=True)
    ways = chance.uniform(-0.7, 0.7, (many, 3)) - origins
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    exposures = np.zeros((many, 13), np.float32)
    exposures[:, [0, 5, 10, 12]] = 1
    colours = [chance.random((many, 3), np.float32) for _ in range(2)]
    shares = np.full(many, 1 / (3 * many), np.float32)
    return (
        origins.astype(np.float32),
        ways.astype(np.float32),
        chance.random(many, np.float32),
        *colours,
        exposures,
        shares,
    )


def plain_speed(field: object, given: tuple[np.ndarray, ...]) -> float:
    """Samples a second of forward, backward and Adam by torch, with the same samples."""
    import torch

    from maquette.methods.optimizers import AdamW
    from maquette.models import HashField

    assert isinstance(field, HashField)
    origins, ways, phases, targets, backgrounds = map(torch.from_numpy, given[:5])
    optimizer = AdamW(field.parameters(), 0.01)
    seconds, samples = [], 0
    for _ in range(3):
        began = time.perf_counter()
        seen, _, _ = field.trace(origins, ways, backgrounds, phases[:, None])[0]
        ((seen - targets) ** 2).mean().backward()
        optimizer.step()
        optimizer.clear()
        seconds.append(time.perf_counter() - began)
    with torch.no_grad():
        distances, _ = field.steps(*field.span(origins, ways)[:1], 4.0, origins, ways, phases[:, None])
        places = origins[:, None] + distances[..., None] * ways[:, None]
        near, far = field.span(origins, ways)
        inside = (distances < far[:, None]) & (near < far)[:, None]
        samples = int((inside & field.is_there(places.flatten(0, 1)).view_as(distances)).sum())
    return samples / min(seconds)


def surface(folder: Path) -> Row:
    """How far the mesh of the clay hare, of 40 views of 160 x 160, is from the true surface."""
    import maquette
    from maquette.data.sets.turntable import distance

    out = folder / "hare"
    run_process([*MAQUETTE, "run", "nerf", "--data", "turntable", "--seconds", "60", "--out", str(out)])
    mesh = maquette.open(out).use("mesh", cells=256)
    off = np.abs(distance(mesh.vertices.astype(np.float32)))
    told = f"of {HARE_SIZE}; {len(mesh.triangles):,} triangles, median {np.median(off) / HARE_SIZE:.2%}"
    return Row(
        "the hare's mesh from the true surface, 95 %",
        float(np.quantile(off, 0.95)),
        None,
        "",
        SURFACE * HARE_SIZE,
        told,
    )
