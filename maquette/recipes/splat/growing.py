"""How a cloud of Gaussians is trained: the views, the step sizes, and when it grows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from maquette.data.scenes.reading import View
    from maquette.graphics.cameras import Camera
    from maquette.methods.densification import Cloud
    from maquette.recipes.splat.judging import Judge
    from maquette.runs import Run

GAUSSIANS = 75_000, 4000, 120  # up to so many steps or seconds, beyond with the root of either: fewer would overfit
GROWS_UNTIL = 0.6  # part of training after which the scene grows no more
GROWTHS = 25  # equal parts of training, however long, that each end with a growth
GROWS_EVERY, PARTS = 100, 40  # steps between two growths in the published ways, at most such a part of all
LEFT_OUT = 0.1  # of the Gaussians, by chance, in each step until steps become smaller; Park et al. 2025 (DropGaussian)
SETTLES_FROM = 0.6  # part of training from which steps become smaller
SMALLEST = 0.03  # of the step sizes, at the end
RELOCATES_UNTIL = 0.8  # part of training after which Markov chains stay where they are
SHRINKING = 0.01  # weight of mean opacity and size in the loss, for Markov chains
THRESHOLD = 0.0002  # mean derivative by the centre above which the paper lets a Gaussian grow
FADES_EVERY = 3000  # steps between two resets of opacity, in the paper's way
MOMENTS = 24  # at which held-out views are looked at
WORK = 3.0  # that a Gaussian adds to a step, in pixels
TIMED = 0.01  # part of --seconds after which the number of steps is known: until then nothing grows
# sizes of Adam's steps; those of the paper for positions x 3, scales x 4 and colours x 2, since training is short
POSITION, SCALE, ROTATION, OPACITY, COLOUR = 4.8e-4, 0.02, 0.001, 0.05, 0.005


@dataclass(frozen=True)
class Seen:
    """A view to learn from: truth (3, H, W) float32 in 0..1, the same at half the size, masks (H, W) or None."""

    name: str
    camera: Camera
    truth: np.ndarray
    mask: np.ndarray | None
    half_camera: Camera
    half_truth: np.ndarray
    half_mask: np.ndarray | None


def views_of(views: list[View]) -> list[Seen]:
    return [seen(view) for view in views]


def seen(view: View) -> Seen:
    truth = np.ascontiguousarray(view.picture.transpose(2, 0, 1), np.float32) / np.float32(255)
    width, height = max(1, view.camera.width // 2), max(1, view.camera.height // 2)
    half_mask = None if view.mask is None else halved(view.mask[None])[0]
    return Seen(view.name, view.camera, truth, view.mask, view.camera.resized(width, height), halved(truth), half_mask)


def halved(planes: np.ndarray) -> np.ndarray:
    """(C, H, W) at half the size, each pixel the mean of four; an odd last row or column is left out."""
    colours, height, width = planes.shape
    if min(height, width) < 2:
        return planes
    even = planes[:, : height // 2 * 2, : width // 2 * 2]
    means = even.reshape(colours, height // 2, 2, width // 2, 2).mean((2, 4))
    return np.ascontiguousarray(means, np.float32)


def extent_of(cameras: list[Camera]) -> float:
    """How large the scene is: 1.1 times the farthest camera's distance from the middle of all, as in the paper."""
    positions = np.array([camera.position for camera in cameras])
    return float(max(1.1 * np.linalg.norm(positions - positions.mean(0), axis=1).max(), 1e-6))


def rates_of(settings: Any, columns: int, extent: float, progress: float) -> np.ndarray:
    """The size of Adam's step for each number of a row, (11 + 3 K,), when `progress` of training is done."""
    rates = np.empty(columns, np.float32)
    rates[:3] = POSITION * extent * 0.01**progress
    rates[3:6], rates[6:10], rates[10] = SCALE, ROTATION, OPACITY
    rates[11:14], rates[14:] = COLOUR, COLOUR / 20
    if settings.growth == "threshold":  # the paper's own
        rates[:3] /= 3
        rates[3:6] /= 4
        rates[11:] /= 2
    else:
        rates[3:] *= settling(progress)
    return rates * np.float32(settings.rate)


def settling(progress: float) -> float:
    """What step sizes are multiplied by: 1, and less towards the end of training."""
    return SMALLEST ** max(0.0, (progress - SETTLES_FROM) / (1 - SETTLES_FROM))


def train_cloud(model: Any, views: list[Seen], judge: Judge, extent: float, settings: Any, run: Run) -> Cloud:
    """The Gaussians of `model` trained on views, and the judge's exposures with them.

    Logs the loss, how many Gaussians there are, and the held-out PSNR.
    """
    from maquette.kernels import of_splats
    from maquette.methods.densification import WANDERS, Cloud, wandering
    from maquette.methods.exposure import RATE
    from maquette.training import Batches

    kernels = of_splats(run.device.type)
    cloud, studio = Cloud(model.rows()), kernels.Studio()
    begun, chance = len(cloud), Chance(run.random("growth"))
    batches = Batches(len(views), 1, settings.seed)
    tell(settings, cloud, views, kernels, run)
    run.keep(cloud=cloud, chance=chance, batches=batches)
    exposures = judge.exposures
    if exposures is not None:
        run.keep(exposures=exposures)
    interval = max(1, settings.steps // MOMENTS)
    pixels = float(np.mean([view.truth[0].size for view in views]))
    for step in run.loop(settings.steps, timed=TIMED, cost=lambda at: cost_of(at, begun, pixels, settings)):
        number = int(next(batches)[0])
        view = views[number]
        is_coarse = step.progress < settings.coarse
        degree = min(model.degree, degree_at(step, settings))
        rates = rates_of(settings, cloud.rows.shape[1], extent, step.progress)
        if exposures is not None:
            exposures.rate = RATE * settling(step.progress)
        loss, _ = kernels.learn(
            cloud,
            view.half_camera if is_coarse else view.camera,
            view.half_truth if is_coarse else view.truth,
            view.half_mask if is_coarse else view.mask,
            rates,
            studio,
            background=model.background,
            degree=degree,
            share=settings.share,
            is_antialiased=model.is_antialiased,
            shrinking=SHRINKING / len(cloud) if settings.growth == "mcmc" else 0.0,
            exposures=exposures,
            view=number,
            left_out=chance.left_out(len(cloud), step, settings),
        )
        if chance.is_time(step, settings):
            cloud.settle()
            grown(cloud, step, begun, extent, settings, chance.generator)
        if settings.growth == "mcmc":
            away = partial(wandering, rate=float(rates[0]), chance=chance.generator)
            kernels.move(cloud, WANDERS, away, studio)
        if step.number == 1 or step.every(interval) or step.is_last:
            run.log(step, loss=float(loss), valid_psnr=judge.mean_psnr(studio.rows(cloud)), gaussians=len(cloud))
    cloud.settle()
    return cloud


def degree_at(step: Any, settings: Any) -> int:
    """The degree of harmonics grows as training goes on: every 1,000 steps in the paper's way."""
    return step.number // 1000 if settings.growth == "threshold" else int(10 * step.progress)


def grown(cloud: Cloud, step: Any, begun: int, extent: float, settings: Any, chance: np.random.Generator) -> None:
    """Let the cloud grow, if it is time."""
    from maquette.methods.densification import fade, grow, grow_by_threshold, relocate

    if settings.growth == "threshold":
        if step.progress < 0.5 and step.number >= 500:
            is_late = step.number > FADES_EVERY
            grow_by_threshold(cloud, THRESHOLD, most_of(settings), extent, chance, is_late)
        if step.progress < 0.5 and step.every(FADES_EVERY):
            fade(cloud)
        return
    target = target_at(step.progress, begun, settings)
    if settings.growth == "budget" and step.progress < GROWS_UNTIL:
        grow(cloud, target)
    if settings.growth == "mcmc" and step.progress < RELOCATES_UNTIL:
        relocate(cloud, target, chance)


def most_of(settings: Any) -> int:
    """How many Gaussians the scene may grow to: as was set, or what `GAUSSIANS` says."""
    if settings.gaussians is not None:
        return settings.gaussians
    most, steps, seconds = GAUSSIANS
    longer = settings.seconds / seconds if settings.seconds else settings.steps / steps
    return round(most * max(1.0, longer) ** 0.5)


def target_at(progress: float, begun: int, settings: Any) -> int:
    """How many Gaussians there should be: along a line from those at the start, reached shortly before growth ends."""
    ahead = min(1.0, 1.15 * progress / GROWS_UNTIL)
    return max(begun, int(begun + (most_of(settings) - begun) * ahead))


def cost_of(progress: float, begun: int, pixels: float, settings: Any) -> float:
    """How long a step takes when `progress` of training is done, in pixels: those it sees and what Gaussians add."""
    seen = pixels / 4 if progress < settings.coarse else pixels
    return seen + WORK * target_at(progress, begun, settings)


class Chance:
    """When a scene grows, and which Gaussians a step does without; kept with the run."""

    def __init__(self, generator: np.random.Generator):
        self.generator, self.growths = generator, 0

    def is_time(self, step: Any, settings: Any) -> bool:
        """Whether a growth is due after this step; each is told once."""
        if settings.growth == "budget":
            due = int(GROWTHS * step.progress)
            self.growths, begun = due, self.growths
            return due > begun
        pause = GROWS_EVERY if settings.seconds else max(5, min(GROWS_EVERY, settings.steps // PARTS))
        return step.every(pause) and step.number > pause

    def left_out(self, count: int, step: Any, settings: Any) -> np.ndarray | None:
        """Which of `count` Gaussians a step does without, so that none counts on others; some may be named twice."""
        if settings.growth != "budget" or step.progress >= SETTLES_FROM:
            return None
        return self.generator.integers(count, size=int(LEFT_OUT * count))

    def state_dict(self) -> dict[str, Any]:
        state = self.generator.bit_generator.state
        numbers = {name: str(value) for name, value in state["state"].items()}
        return {**state, "state": numbers, "growths": self.growths}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        state = {**state}
        self.growths = state.pop("growths", 0)
        numbers = {name: int(value) for name, value in state["state"].items()}
        self.generator.bit_generator.state = {**state, "state": numbers}


def tell(settings: Any, cloud: Cloud, views: list[Seen], kernels: Any, run: Run) -> None:
    """What training will take, said before it begins."""
    most = max(most_of(settings), len(cloud))
    pixels = max(view.truth[0].size for view in views)
    pictures = sum(view.truth.nbytes + view.half_truth.nbytes for view in views)
    memory = kernels.memory(most, cloud.rows.shape[1], pixels, pictures)
    run.fact("Gaussians at the start", len(cloud))
    run.fact("Gaussians at most", most)
    run.fact("Memory for training", round(memory / 2**20), "MB")
    run.fact("Steps", "by time" if settings.seconds else settings.steps)
    run.fact("Optimizer", "Adam, for the Gaussians that a view shows")
    run.fact("Drawn by", kernels.DRAWN_BY)
    if run.device.type == "cuda" and kernels.DEVICE == "cpu":
        run.warn(
            "Scenes are trained on the processor, and the graphics card stays unused: gsplat, which would draw on it, "
            'is not installed or does not run here; pip install "maquette[cuda]".'
        )
    where = " of the card" if kernels.DEVICE == "cuda" else ""
    print(f"Training on {len(views)} views takes up to about {memory / 2**20:,.0f} MB{where}.", flush=True)
