"""Photographs to a scene of 3D Gaussians that one can fly through; Kerbl et al. 2023.

Each step draws the Gaussians for one photograph's camera and moves them along the derivatives of the difference; now
and then the cloud grows, in one of three ways.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from maquette.data.scenes.reading import Scene
from maquette.families.flights import drawer_within
from maquette.families.scenes import collect_scene, framing_of_views, prepare, show_photographs, tell_if_poor
from maquette.families.views import Judge, Seen, halved, means_of, score_nearest
from maquette.graphics.cameras import Camera
from maquette.kernels import choosing
from maquette.methods import densification
from maquette.methods.densification import Cloud, Growth, Moment
from maquette.methods.exposure import STEP_SIZE, Exposures
from maquette.models import Gaussians
from maquette.recipes.splat.data import Prepared, is_placed, rows_to_start_from, scene_of
from maquette.recipes.splat.report import show_scene
from maquette.recipes.splat.settings import Settings
from maquette.runs import Run
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores
from maquette.training import Batches

GAUSSIANS = 75_000, 4000, 120  # up to so many steps or seconds, beyond with the root of either: fewer would overfit
GROWS_EVERY, PARTS = 100, 40  # steps between two growths in the published ways, at most such a part of all
LEFT_OUT = 0.1  # of the Gaussians, by chance, in each step until steps become smaller; Park et al. 2025 (DropGaussian)
SETTLES_FROM = 0.6  # part of training from which steps become smaller
SMALLEST = 0.03  # of the step sizes, at the end
SHRINKING = 0.01  # weight of mean opacity and size in the loss, for Markov chains
MOMENTS = 24  # at which held-out views are looked at
WORK = 3.0  # that a Gaussian adds to a step, in pixels
TIMED = 0.01  # part of --seconds after which the number of steps is known: until then nothing grows
# sizes of Adam's steps; those of the paper for positions x 3, scales x 4 and colours x 2, since training is short
POSITION, SCALE, ROTATION, OPACITY, COLOUR = 4.8e-4, 0.02, 0.001, 0.05, 0.005


@dataclass(frozen=True, kw_only=True)
class Learned(Fitted):
    """And who judges the scene, with the exposures of the photographs."""

    judge: Judge


def frame(settings: Settings) -> Framing:
    return framing_of_views()


def collect(settings: Settings, run: Run) -> Scene:
    if run.processes > 1:
        raise UserError("splat trains in one process, on all cores of one machine; start it without torchrun.")
    return collect_scene(run, **settings.reading())


def analyze(scene: Scene, settings: Settings, run: Run) -> dict[str, Any]:
    numbers = show_photographs(scene, "And the points that the scene starts from.", run)
    if scene.is_random:
        run.warn(
            "There are no points of the scene to start from: they are drawn at random, which takes longer to learn. "
            "Given the folder of photographs alone, Maquette finds cameras and points itself."
        )
    return numbers


def process(scene: Scene, settings: Settings, run: Run) -> Prepared:
    trained = run.needed.get("init")
    placed = prepare(scene, is_placed=is_placed(run))
    prepared = Prepared(**vars(placed), scene=None if trained is None else scene_of(trained))
    run.fact("Training views", len(prepared.train))
    run.fact("Held-out views", len(prepared.test))
    return prepared


def build(prepared: Prepared, settings: Settings) -> Gaussians:
    most = settings.gaussians if "unit" in prepared.processing else None
    rows = rows_to_start_from(prepared, settings.init, settings.degree, most)
    looks = {
        name: prepared.processing[name] for name in ("background", "origin", "unit") if name in prepared.processing
    }
    return Gaussians.of_rows(rows, **looks, is_antialiased=settings.antialiased)


# -- training ----------------------------------------------------------------------------------------------------------


def train(model: Gaussians, prepared: Prepared, settings: Settings, run: Run) -> Learned:
    """The Gaussians moved towards one view after the other, and the exposures of the photographs with them."""
    views, extent, way = prepared.train, prepared.extent, WAYS[settings.growth]
    exposures = Exposures(len(views)) if settings.exposure else None
    judge = Judge(views, prepared.test, extent, exposures)
    splats = choosing.of_splats(run.device.type)
    cloud, studio = Cloud(model.rows()), splats.Studio()
    growth = Growth(
        run.random("growth"), begun=len(cloud), most=most_of(settings), extent=extent, pause=pause_of(settings)
    )
    batches = Batches(len(views), 1, settings.seed)
    targets = [both_sizes(view) for view in views]
    tell(settings, cloud, targets, splats, run)
    run.keep(cloud=cloud, chance=growth, batches=batches)
    if exposures is not None:
        run.keep(exposures=exposures)
    pixels = float(np.mean([whole.truth[0].size for whole, _ in targets]))

    def cost(progress: float) -> float:
        """How long a step takes, in pixels: those it sees and what Gaussians add."""
        return (pixels / 4 if progress < settings.coarse else pixels) + WORK * growth.target(progress)

    interval = max(1, settings.steps // MOMENTS)
    for step in run.loop(settings.steps, timed=TIMED, cost=cost):
        number = int(next(batches)[0])
        target = targets[number][step.progress < settings.coarse]
        step_sizes = way.step_sizes(cloud.rows.shape[1], extent, step.progress) * np.float32(settings.step_sizes)
        if exposures is not None:
            exposures.step_size = STEP_SIZE * settling(step.progress)
        few = int(way.left_out * len(cloud)) if step.progress < SETTLES_FROM else 0
        loss, _ = splats.learn(
            cloud,
            target.camera,
            target.truth,
            target.mask,
            step_sizes,
            studio,
            alpha=target.alpha,
            background=model.background,
            degree=min(model.degree, way.degree(step)),
            ssim_share=settings.ssim_share,
            is_antialiased=model.is_antialiased,
            shrinking=way.shrinking / max(1, len(cloud)),
            exposures=exposures,
            view=number,
            # those without which a step does, so that none counts on others; some may be named twice
            left_out=growth.generator.integers(len(cloud), size=few) if few else None,
        )
        way.grow(cloud, step, growth)
        if way.wanders:
            away = partial(densification.wandering, step_size=float(step_sizes[0]), chance=growth.generator)
            splats.move(cloud, densification.WANDERS, away, studio)
        if step.number == 1 or step.every(interval) or step.is_last:
            valid_psnr = judge.mean_psnr(partial(splats.draw, studio.rows(cloud), **model.looks))
            run.log(step, loss=float(loss), valid_psnr=valid_psnr, gaussians=len(cloud))
    cloud.settle()
    model.hold(cloud.rows)
    if exposures is None:
        return Learned(judge=judge)
    found = {"matrices": exposures.matrices, "shadings": exposures.shadings}
    return Learned({"exposures": found}, judge=judge)


@dataclass(frozen=True)
class Target:
    """What a step learns from: truth (3, H, W) float32 in 0..1, mask and alpha (H, W) or None."""

    camera: Camera
    truth: np.ndarray
    mask: np.ndarray | None
    alpha: np.ndarray | None


def both_sizes(view: Seen) -> tuple[Target, Target]:
    """A view as it is, and at half the size."""
    camera, truth = view.camera, view.truth
    half = camera.resized(max(1, camera.width // 2), max(1, camera.height // 2))
    mask, alpha = (None if each is None else halved(each[None])[0] for each in (view.mask, view.alpha))
    return Target(camera, truth, view.mask, view.alpha), Target(half, halved(truth), mask, alpha)


def tell(settings: Settings, cloud: Cloud, targets: list[tuple[Target, Target]], splats: ModuleType, run: Run) -> None:
    """What training will take, said before it begins; `splats` are the kernels."""
    most = max(most_of(settings), len(cloud))
    pixels = max(whole.truth[0].size for whole, _ in targets)
    pictures = sum(each.truth.nbytes for both in targets for each in both)
    memory = splats.memory(most, cloud.rows.shape[1], pixels, pictures)
    if settings.gaussians is not None and len(cloud) > settings.gaussians:
        run.warn(
            f"Training starts from a scene of {len(cloud):,} Gaussians, more than --gaussians {settings.gaussians:,}: "
            "none are added, and those that nothing needs go."
        )
    run.fact("Gaussians at the start", len(cloud))
    run.fact("Gaussians at most", most)
    run.fact("Memory for training", round(memory / 2**20), "MB")
    run.fact("Steps", run.planned(settings.steps))
    run.fact("Optimizer", "Adam, for the Gaussians that a view shows")
    run.fact("Drawn by", splats.DRAWN_BY)
    if run.device.type == "cuda" and splats.DEVICE == "cpu":
        run.warn(
            "Scenes are trained on the processor, and the graphics card stays unused: gsplat, which would draw on it, "
            'is not installed or does not run here; pip install "maquette[cuda]".'
        )
    where = " of the card" if splats.DEVICE == "cuda" else ""
    print(f"Training on {len(targets)} views takes up to about {memory / 2**20:,.0f} MB{where}.", flush=True)


def most_of(settings: Settings) -> int:
    """How many Gaussians the scene may grow to: as was set, or what `GAUSSIANS` says."""
    if settings.gaussians is not None:
        return settings.gaussians
    most, steps, seconds = GAUSSIANS
    longer = settings.seconds / seconds if settings.seconds else settings.steps / steps
    return round(most * max(1.0, longer) ** 0.5)


def pause_of(settings: Settings) -> int:
    """Steps between two growths in the published ways."""
    return GROWS_EVERY if settings.seconds else max(5, min(GROWS_EVERY, settings.steps // PARTS))


# -- ways of growing, and what in training goes with them --------------------------------------------------------------


def step_sizes_of(columns: int, extent: float, progress: float) -> np.ndarray:
    """The size of Adam's step for each number of a row, (11 + 3 K,), when `progress` of training is done."""
    sizes = np.empty(columns, np.float32)
    sizes[:3] = POSITION * extent * 0.01**progress
    sizes[3:6], sizes[6:10], sizes[10] = SCALE, ROTATION, OPACITY
    sizes[11:14], sizes[14:] = COLOUR, COLOUR / 20
    return sizes


def settling(progress: float) -> float:
    """What step sizes are multiplied by: 1, and less towards the end of training."""
    return SMALLEST ** max(0.0, (progress - SETTLES_FROM) / (1 - SETTLES_FROM))


def settling_sizes(columns: int, extent: float, progress: float) -> np.ndarray:
    """Step sizes that become smaller towards the end; those of positions do so all the time."""
    sizes = step_sizes_of(columns, extent, progress)
    sizes[3:] *= settling(progress)
    return sizes


def papers_sizes(columns: int, extent: float, progress: float) -> np.ndarray:
    """Those of the paper."""
    sizes = step_sizes_of(columns, extent, progress)
    sizes[:3] /= 3
    sizes[3:6] /= 4
    sizes[11:] /= 2
    return sizes


def early_degree(step: Moment) -> int:
    """The degree of harmonics grows as training goes on."""
    return int(10 * step.progress)


def papers_degree(step: Moment) -> int:
    """Every 1,000 steps."""
    return step.number // 1000


class Way(NamedTuple):
    """How the cloud grows after a step, and how the next one goes.

    left_out: part of the Gaussians that a step does without; shrinking: weight of mean opacity and size in the loss;
    wanders: whether the faint move by chance.
    """

    grow: Callable[[Cloud, Moment, Growth], None]
    step_sizes: Callable[[int, float, float], np.ndarray] = settling_sizes
    degree: Callable[[Moment], int] = early_degree
    left_out: float = 0.0
    shrinking: float = 0.0
    wanders: bool = False


WAYS = {
    "budget": Way(densification.budget, left_out=LEFT_OUT),
    "threshold": Way(densification.threshold, papers_sizes, papers_degree),
    "mcmc": Way(densification.mcmc, shrinking=SHRINKING, wanders=True),
}


# -- scores ------------------------------------------------------------------------------------------------------------


def score(model: Gaussians, prepared: Prepared, fitted: Learned, settings: Settings, run: Run) -> Scores:
    judge, draw = fitted.judge, drawer_within(model, run.device.type)
    if judge.exposures is not None:
        run.fact("Brightness of photographs", f"differs by {judge.exposures.spread():.1%}")
    scores, nearest = judge.scores(draw), score_nearest(prepared.train, prepared.test, prepared.extent)
    show_scene(model, draw, judge, scores, nearest, run)
    values = {**means_of(scores), "gaussians": float(model.count)}
    cameras = [view.camera for view in prepared.train]
    tell_if_poor(values["psnr"], means_of(nearest).get("psnr"), cameras, prepared.doubts, run)
    return Scores(values, {"nearest training view": means_of(nearest)}, {"psnr": "dB"})
