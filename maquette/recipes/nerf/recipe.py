"""Photographs to a radiance field: density and colour at each place, learned from rays; Mildenhall et al. 2020.

Each step looks along rays through pixels of all photographs at once. Places become features of a hash grid (Mueller et
al. 2022), or sines and cosines of many frequencies, and a small network gives density and colour; what a ray gathers is
compared with its pixel, and everything moves along the derivatives.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from maquette.data.scenes.reading import Scene
from maquette.families.field_data import GRID, Box, Carver, Pixels, Prepared, box_of, thinned
from maquette.families.field_training import HashTraining, Occupancies, PlainTraining
from maquette.families.fields import field_drawer_within, field_of
from maquette.families.scenes import Placed, collect_scene, framing_of_views, prepare, show_photographs, tell_if_poor
from maquette.families.views import Judge, Seen, means_of, score_nearest
from maquette.methods.exposure import Exposures
from maquette.models import FrequencyField, HashField
from maquette.models.fields import Field
from maquette.recipes.nerf.report import show_encodings_on_scene, show_fewer_views, show_field
from maquette.recipes.nerf.settings import Settings
from maquette.runs import Run, Step
from maquette.steps import Fitted, Framing, Scores

STEP, STEP_WITHOUT_END = 2 * 3**0.5 / 350, 2 * 3**0.5 / 256  # of rays, in half sides of the box; half was worse
MOMENTS, PIXELS = 16, 2500  # at which held-out views are looked at, and at about how many pixels of each
LONG, LONGER = 60.0, 120.0  # seconds of training from which more levels pay, and more rows
MOST_BETWEEN = 250  # steps between two such moments
FEWER, FEWER_STEPS = (1, 2, 4), 200  # every so many-th view, on which a field is taught anew for so many steps
FEW_ROWS = 15  # of the tables of fields that are taught so few steps
ENCODED: dict[str, int | None] = {"places alone": 0, "4 frequencies": 4, "10 frequencies": 10, "hash grid": None}
ENCODED_STEPS, ENCODED_RATE, ENCODED_VIEWS = 160, 0.008, 5  # of small fields that show what encodings do on the scene
PLACED = ("middle", "reach", "is_endless", "near", "background", "origin", "unit")  # what places a field

SLOW = (
    "The large network of frequencies learns from a hundredth of the samples a second that the hash grid does on a "
    "processor: expect blurred shapes after a minute, and a scene after hours. --encoding hash shows it in a minute."
)


@dataclass(frozen=True, kw_only=True)
class Trained(Fitted):
    """And who judges the field, how many samples a second it was trained on, and where it was looked at over time."""

    judge: Judge
    samples_per_second: float
    growth: Occupancies


def frame(settings: Settings) -> Framing:
    return framing_of_views()


def collect(settings: Settings, run: Run) -> Scene:
    return collect_scene(run, **settings.reading())


def analyze(scene: Scene, settings: Settings, run: Run) -> dict[str, Any]:
    return show_photographs(scene, "The points are not used but to place the scene.", run)


def process(scene: Scene, settings: Settings, run: Run) -> Prepared:
    placed = prepare(scene)
    box = box_of(placed.train, placed.points)
    run.fact("Training views", len(placed.train))
    run.fact("Held-out views", len(placed.test))
    run.fact("Space", "without end, contracted" if box.is_endless else "a cube around what is not transparent")
    run.fact("Part of space that may hold something", f"{box.possible.mean():.1%}")
    placed.processing["field"] = described(placed, box, settings)
    return Prepared(**vars(placed), box=box)


def build(prepared: Prepared, settings: Settings) -> Field:
    return field_of(prepared.processing["field"])


def described(placed: Placed, box: Box, settings: Settings) -> dict[str, Any]:
    """The field's class and arguments."""
    where = dict(zip(PLACED[:4], (box.middle, box.half, box.is_endless, box.near), strict=True))
    where |= {name: placed.processing[name] for name in PLACED[4:]}
    if settings.encoding == "frequencies":
        return {"encoding": "frequencies", "arguments": {"width": settings.width, **where}}
    finest = settings.finest or as_fine_as_pixels(placed, box)
    seconds = settings.seconds or 0
    chosen = {
        "levels": settings.levels or (8 if seconds >= LONG else 4),
        "rows": settings.rows or (18 if seconds >= LONGER else 17),
        "width": settings.width,
        "layers": settings.layers,
    }
    sizes = {
        "finest": finest,
        "coarsest": min(16, finest),
        "step": STEP_WITHOUT_END if box.is_endless else STEP,
        "grid": GRID,
    }
    return {"encoding": "hash", "arguments": {**chosen, **sizes, **where}}


def with_few(view: Seen, pixels: int = PIXELS) -> Seen:
    """A view with every pixel, or every second one each way and so on, so that about so many are left."""
    return thinned(view, max(1, round((view.camera.width * view.camera.height / pixels) ** 0.5)))


def boxed(prepared: Prepared) -> Box:
    assert prepared.box is not None
    return prepared.box


def as_fine_as_pixels(placed: Placed, box: Box) -> int:
    """Cells along the grid of which one is as large as a pixel of the usual camera, at the cube's middle."""
    cameras = [view.camera for view in placed.train]
    sizes = [np.linalg.norm(camera.position - box.middle) / camera.fx for camera in cameras]
    return int(np.clip((4 if box.is_endless else 2) * box.half / np.median(sizes), 64, 2048))


# -- training ----------------------------------------------------------------------------------------------------------


def train(model: Field, prepared: Prepared, settings: Settings, run: Run) -> Trained:
    """The field moved towards pixels of all views, and the exposures of the photographs with it."""
    pixels = Pixels(prepared.train, prepared.box if isinstance(model, HashField) else None)
    is_compiled = isinstance(model, HashField) and run.device.type == "cpu"
    learns_exposure = settings.exposure and is_compiled and pixels.alphas is None
    exposures = Exposures(len(prepared.train)) if learns_exposure else None
    judge = Judge(prepared.train, prepared.test, prepared.extent, exposures)
    thin = Judge(prepared.train, [with_few(view) for view in prepared.test], prepared.extent, exposures)
    run.fact("Steps", run.planned(settings.steps))
    run.fact("Optimizer", "Adam, for the features that samples touch" if isinstance(model, HashField) else "Adam")
    if isinstance(model, FrequencyField) and run.device.type == "cpu":
        run.warn(SLOW)
    possible, growth, pace = boxed(prepared).possible, Occupancies(), pace_of(settings)
    training: HashTraining | PlainTraining
    if isinstance(model, HashField) and is_compiled:
        training = HashTraining(model, possible, pixels, exposures, run, **pace)
    else:
        training = PlainTraining(model, possible, pixels, run, **pace)
    run.keep(**training.kept, growth=growth)
    interval = min(max(1, settings.steps // MOMENTS), MOST_BETWEEN)
    for step in run.loop(settings.steps):
        loss = training.step(step)
        if isinstance(model, HashField) and (growth.is_due(step.progress) or step.is_last):
            growth.add(model, step.number)
        if step.number == 1 or step.every(interval) or step.is_last:
            run.log(step, loss=loss, valid_psnr=thin.mean_psnr(field_drawer_within(model)), **training.told())
    training.end()
    found = {} if exposures is None else {"exposures": {"matrices": exposures.matrices, "shadings": exposures.shadings}}
    return Trained(found, judge=judge, samples_per_second=training.samples_per_second, growth=growth)


def pace_of(settings: Settings) -> dict[str, Any]:
    return {"samples": settings.samples, "learning_rate": settings.learning_rate}


def learn(training: HashTraining | PlainTraining, steps: int) -> None:
    """So many steps beside the run's own training, from nothing."""
    step = Step()
    for step.number in range(1, steps + 1):
        step.progress = step.number / steps
        training.step(step)


def small(field: dict[str, Any]) -> dict[str, Any]:
    """The same field of a hash grid, with tables that are large enough for a few hundred steps."""
    arguments = field["arguments"]
    return field | {"arguments": arguments | {"rows": min(arguments["rows"], FEW_ROWS)}}


def taught_by_fewer(prepared: Prepared, settings: Settings, run: Run) -> tuple[int, dict[int, float]]:
    """The held-out PSNR by the number of views, after the same few steps from nothing on all, a half and a quarter."""
    steps, box, found = max(1, min(settings.steps // 4, FEWER_STEPS)), boxed(prepared), dict[int, float]()
    judge = Judge(prepared.train, [with_few(view) for view in prepared.test], prepared.extent)
    for part in FEWER:
        train = prepared.train[::part]
        possible = Carver(train).possible(np.array(box.middle), box.half, GRID, is_endless=box.is_endless)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            model = field_of(small(prepared.processing["field"]))
        assert isinstance(model, HashField)
        learn(HashTraining(model, possible, Pixels(train, box), None, run, **pace_of(settings)), steps)
        found[len(train)] = judge.mean_psnr(field_drawer_within(model))
    return steps, found


def taught_by_encodings(prepared: Prepared, settings: Settings, run: Run) -> tuple[int, dict[str, float]]:
    """The held-out PSNR of small fields that are told places in several ways, after the same few steps from nothing."""
    steps, found = max(1, min(settings.steps // 4, ENCODED_STEPS)), dict[str, float]()
    tests = [with_few(view, PIXELS // 4) for view in prepared.test[:ENCODED_VIEWS]]
    judge, known = Judge(prepared.train, tests, prepared.extent), small(prepared.processing["field"])
    where = {name: known["arguments"][name] for name in PLACED}
    pixels, possible, pace = Pixels(prepared.train), boxed(prepared).possible, pace_of(settings)
    pace["samples"] = max(1, settings.samples // 2)
    for name, places in ENCODED.items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            size = {"width": 64, "depth": 4, "coarse": 16, "fine": 16}
            model = field_of(known) if places is None else FrequencyField(**size, places=places, ways=0, **where)
        if isinstance(model, HashField):
            learn(HashTraining(model, possible, pixels, None, run, **pace), steps)
        else:
            learn(PlainTraining(model, possible, pixels, run, **{**pace, "learning_rate": ENCODED_RATE}), steps)
        found[name] = judge.mean_psnr(field_drawer_within(model))
    return steps, found


# -- scores ------------------------------------------------------------------------------------------------------------


def score(model: Field, prepared: Prepared, fitted: Trained, settings: Settings, run: Run) -> Scores:
    judge, draw = fitted.judge, field_drawer_within(model)
    if judge.exposures is not None:
        run.fact("Brightness of photographs", f"differs by {judge.exposures.spread():.1%}")
    scores, nearest = judge.scores(draw), score_nearest(prepared.train, prepared.test, prepared.extent)
    show_field(model, draw, judge, fitted.growth.rows, settings.steps, scores, nearest, run)
    if settings.encoding == "hash" and run.device.type == "cpu" and run.processes == 1:
        show_encodings_on_scene(*taught_by_encodings(prepared, settings, run), run)
        if len(prepared.train) >= 2 * max(FEWER):
            show_fewer_views(*taught_by_fewer(prepared, settings, run), run)
    values = {**means_of(scores), "samples_per_second": fitted.samples_per_second}
    cameras = [view.camera for view in prepared.train]
    tell_if_poor(values["psnr"], means_of(nearest).get("psnr"), cameras, prepared.doubts, run)
    return Scores(values, {"nearest training view": means_of(nearest)}, {"psnr": "dB"})
