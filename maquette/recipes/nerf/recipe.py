"""Photographs to a radiance field: density and colour at each place, learned from rays; Mildenhall et al. 2020.

Each step looks along rays through pixels of all photographs at once. Places become features of a hash grid (Mueller et
al. 2022), or sines and cosines of many frequencies, and a small network gives density and colour; what a ray gathers is
compared with its pixel, and everything moves along the derivatives.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from maquette.data.scenes.reading import Scene
from maquette.families.fields import field_drawer_within, field_of
from maquette.families.scenes import Placed, collect_scene, framing_of_views, prepare, show_photographs, tell_if_poor
from maquette.families.views import Judge, means_of, score_nearest
from maquette.graphics.rays import expand
from maquette.kernels.marching import to_bits
from maquette.kernels.painting import OCCUPIED, OF_MEAN, THINNER, Learner, Numbers
from maquette.methods.exposure import STEP_SIZE, Exposures
from maquette.methods.optimizers import AdamW
from maquette.models import FrequencyField, HashField
from maquette.models.fields import Field
from maquette.recipes.nerf.data import GRID, Box, Pixels, Prepared, box_of, seen_places, thinned
from maquette.recipes.nerf.report import show_encodings_on_scene, show_fewer_views, show_field
from maquette.recipes.nerf.settings import Settings
from maquette.runs import Run, Step
from maquette.steps import Fitted, Framing, Scores
from maquette.training import is_distributed, update

STEP, STEP_WITHOUT_END = 2 * 3**0.5 / 350, 2 * 3**0.5 / 256  # of rays, in half sides of the box; half was worse
SETTLES_FROM, SMALLEST = 0.3, 0.01  # part of training from which steps become smaller; part of them that is left
COARSE = ((0.03, 4.0), (0.1, 2.0))  # until such a part of training, steps along rays are so many times as long
LOOKS, PARTS = 16, 16  # steps between two looks at where there is something, at such a part of all cells
EARLY_LOOKS, EARLY_PARTS, EARLY = 4, 4, 64  # the same for the first steps
MOMENTS, EVERY = 16, 8  # at which held-out views are looked at, at every so many-th pixel each way
SHOWN = (0, 0.02, 0.1, 0.3)  # parts of training after which cells looked at are shown, and at its end
FEWER, FEWER_STEPS = (1, 2, 4), 200  # every so many-th view, on which a field is taught anew for so many steps
ENCODED: dict[str, int | None] = {"places alone": 0, "4 frequencies": 4, "10 frequencies": 10, "hash grid": None}
ENCODED_STEPS, ENCODED_RATE, ENCODED_VIEWS = 150, 0.002, 5  # of small fields that show what encodings do on the scene
MOST_BETWEEN = 250  # steps between two such moments
LEAST_RAYS, MOST_RAYS = 64, 2**16
PLACED = ("middle", "reach", "is_endless", "near", "background", "origin", "unit")  # what places a field
ON_A_RAY = 64  # places of a ray, where their number is the same for all; of the first step's, about
ROOM = 3  # of a step, times the samples that are wanted: rays beyond it are left out, in each process others
LAST_OF_PAPER = 0.1  # part of the step size that is left at the end, of the paper's network

SLOW = (
    "The large network of frequencies learns from a hundredth of the samples a second that the hash grid does on a "
    "processor: expect blurred shapes after a minute, and a scene after hours. --encoding hash shows it in a minute."
)


class Occupancies:
    """Where a field was looked at while it learned: at some moments, how many cells of each row from front to back."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, np.ndarray]] = []

    def is_due(self, progress: float) -> bool:
        return len(self.rows) < len(SHOWN) and progress >= SHOWN[len(self.rows)]

    def add(self, model: HashField, step: int) -> None:
        bits = model.bits[: model.grid**3 // 8].cpu().numpy()
        cells = np.unpackbits(bits, bitorder="little").reshape([model.grid] * 3)  # z, y, x
        self.rows.append((step, cells.sum(1, dtype=np.int32)))

    def state_dict(self) -> dict[str, Any]:
        return {"steps": [step for step, _ in self.rows], "seen": [seen for _, seen in self.rows]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows = [(step, np.asarray(seen)) for step, seen in zip(state["steps"], state["seen"], strict=True)]


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
    chosen = {name: getattr(settings, name) for name in ("levels", "rows", "width", "layers")}
    sizes = {
        "finest": finest,
        "coarsest": min(16, finest),
        "step": STEP_WITHOUT_END if box.is_endless else STEP,
        "grid": GRID,
    }
    return {"encoding": "hash", "arguments": {**chosen, **sizes, **where}}


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
    thin = Judge(prepared.train, [thinned(view, EVERY) for view in prepared.test], prepared.extent, exposures)
    run.fact("Steps", "by time" if settings.seconds else settings.steps)
    run.fact("Optimizer", "Adam, for the features that samples touch" if isinstance(model, HashField) else "Adam")
    if isinstance(model, FrequencyField) and run.device.type == "cpu":
        run.warn(SLOW)
    if is_compiled:
        hashed = HashTraining(model, prepared, pixels, exposures, settings, run)
        run.keep(learner=hashed.learner, pace=hashed.pace, **({} if exposures is None else {"exposures": exposures}))
        training: HashTraining | PlainTraining = hashed
    else:
        training = plain = PlainTraining(model, prepared, pixels, settings, run)
        run.keep(**plain.kept)
    growth = Occupancies()
    run.keep(growth=growth)
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


def settling(progress: float) -> float:
    """What step sizes are multiplied by: 1, and less towards the end of training."""
    return SMALLEST ** max(0.0, (progress - SETTLES_FROM) / (1 - SETTLES_FROM))


class HashTraining:
    """Steps of a field of a hash grid, by compiled kernels; in several processes each has its share of the rays."""

    def __init__(
        self,
        model: HashField,
        prepared: Prepared,
        pixels: Pixels,
        exposures: Exposures | None,
        settings: Settings,
        run: Run,
    ):
        self.pixels, self.exposures, self.settings, self.run = pixels, exposures, settings, run
        self.background = np.array(prepared.processing["background"], np.float32)
        self.learner = Learner(Numbers.of(model), ROOM * settings.samples, boxed(prepared).possible)
        self.pace = Pace(settings.samples)

    def step(self, step: Step) -> float:
        run, learner, rays = self.run, self.learner, self.pace.rays
        chance = np.random.default_rng([run.settings.seed, 20, step.number])
        looked = self.pixels.drawn(chance, rays, self.background, run.rank, run.processes)
        views, places = looked.views, looked.places
        exposed = plain_exposures(len(views)) if self.exposures is None else self.exposures.of_rays(views, places)
        stretch = next((times for until, times in COARSE if step.progress < until), 1.0)
        found = learner.slope(
            looked.origins, looked.ways, looked.phases, looked.targets, looked.behind, exposed, looked.shares, stretch
        )
        slopes = None
        if self.exposures is not None:
            slopes = self.exposures.slopes_of_rays(views, places, found.colours, found.by_shown)
        counted = np.array([found.samples, found.rays, found.loss])
        summed_up([learner.by_table, learner.by_layers, counted, *(slopes or ())])
        share = settling(step.progress)
        learner.step(self.settings.learning_rate * share)
        if self.exposures is not None and slopes is not None:
            self.exposures.step_size = STEP_SIZE * share / 2
            self.exposures.step_by_rays(slopes)
        if step.number % (EARLY_LOOKS if step.number <= EARLY else LOOKS) == 0:
            learner.look(chance, EARLY_PARTS if step.number <= EARLY else PARTS)
        self.pace.count(int(counted[0]), int(counted[1]))
        return float(counted[2] / max(1, counted[1]) * rays)

    def told(self) -> dict[str, float]:
        return {"rays": self.pace.rays, "occupied": self.learner.share}

    def end(self) -> None:
        self.run.fact("Samples trained on", self.pace.samples)

    @property
    def samples_per_second(self) -> float:
        return self.pace.samples / max(1e-9, seconds_of(self.run))


class Pace:
    """How many rays make a step, so that they have about as many samples as are asked for; and all samples so far."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.samples = wanted, 0
        self.rays = int(np.clip(wanted // ON_A_RAY, LEAST_RAYS, MOST_RAYS))

    def count(self, samples: int, rays: int) -> None:
        self.samples += samples
        fitting = self.wanted * max(rays, 1) / max(samples, 1)
        self.rays = int(np.clip(fitting, self.rays / 2, 2 * self.rays).clip(LEAST_RAYS, MOST_RAYS))

    def state_dict(self) -> dict[str, Any]:
        return {"rays": self.rays, "samples": self.samples}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rays, self.samples = state["rays"], state["samples"]


def plain_exposures(rays: int) -> np.ndarray:
    """Exposures (R, 13) that change nothing."""
    found = np.zeros((rays, 13), np.float32)
    found[:, [0, 5, 10, 12]] = 1
    return found


def summed_up(arrays: list[np.ndarray]) -> None:
    """Each array's sum over all processes, in place."""
    if is_distributed():
        for each in arrays:
            torch.distributed.all_reduce(torch.from_numpy(each))


def seconds_of(run: Run) -> float:
    """Seconds from the first logged step to the last."""
    lines = run.metrics()
    return lines[-1]["seconds"] - lines[0]["seconds"] if len(lines) > 1 else 0.0


class PlainTraining:
    """Steps of any field by torch, on any device; in several processes each has its share of the rays."""

    def __init__(self, model: Field, prepared: Prepared, pixels: Pixels, settings: Settings, run: Run):
        self.model, self.pixels, self.settings, self.run = model.to(run.device), pixels, settings, run
        self.background = np.array(prepared.processing["background"], np.float32)
        self.optimizer = AdamW(model.parameters(), settings.learning_rate)
        self.shifts, self.samples = 1, 0
        self.kept: dict[str, Any] = {"model": model, "optimizer": self.optimizer}
        if isinstance(model, FrequencyField):
            self.shifts = model.coarse + model.fine
            self.cells: Cells | None = None
        else:
            self.cells = Cells(model, boxed(prepared).possible)
            self.kept["cells"] = self.cells

    def step(self, step: Step) -> float:
        run, model, rays = self.run, self.model, max(1, self.settings.samples // ON_A_RAY)
        chance = np.random.default_rng([run.settings.seed, 20, step.number])
        looked = self.pixels.drawn(chance, rays, self.background, run.rank, run.processes)
        inner = ((looked.origins - np.array(model.middle)) / model.reach).astype(np.float32)
        shifts = chance.random((rays, self.shifts), np.float32)[run.rank :: run.processes]
        given = (torch.from_numpy(each).to(run.device) for each in (inner, looked.ways, looked.behind, shifts))
        targets, shares = (torch.from_numpy(each).to(run.device) for each in (looked.targets, looked.shares))
        seen = model.trace(*given)
        losses = [(shares[:, None] * (colour - targets) ** 2).sum() * run.processes for colour, _, _ in seen]
        share = LAST_OF_PAPER**step.progress if self.cells is None else settling(step.progress)
        self.optimizer.learning_rate = self.settings.learning_rate * share
        update(self.optimizer, torch.stack(losses).sum())
        if self.cells is not None and step.number % LOOKS == 0:
            self.cells.look(chance)
        if isinstance(model, FrequencyField):
            self.samples += rays * (2 * model.coarse + model.fine)
        return float(losses[-1].detach())

    def told(self) -> dict[str, float]:
        return {} if self.cells is None else {"occupied": self.cells.share}

    def end(self) -> None:
        self.model.to("cpu")

    @property
    def samples_per_second(self) -> float:
        return self.samples / max(1e-9, seconds_of(self.run))


class Cells:
    """Where a field of a hash grid has something, looked at by torch: what `Learner` in kernels/painting.py does."""

    def __init__(self, model: HashField, possible: np.ndarray):
        self.model, self.places = model, np.flatnonzero(possible)
        self.values = np.where(possible, np.float32(1.1 * OCCUPIED), np.float32(0))
        self.mark()

    @torch.no_grad()
    def look(self, chance: np.random.Generator) -> None:
        """At a place of every cell that may hold something."""
        grid, cells = self.model.grid, self.places
        corners = np.stack([cells % grid, cells // grid % grid, cells // grid**2], 1)
        shares = ((corners + chance.random(corners.shape)) / grid).astype(np.float32)
        places = torch.from_numpy(shares).to(self.model.table.device) * 2 - 1
        stretch = torch.ones_like(places[:, 0])
        if self.model.is_endless:
            places = expand(2 * places)
            stretch = places.abs().amax(1).clamp(min=1) ** 2
        found = torch.cat([self.model.density(part) for part in places.split(2**18)]) * stretch * self.model.step
        self.values[cells] = np.maximum(THINNER * self.values[cells], found.cpu().numpy())
        self.mark()

    def mark(self) -> None:
        least = min(OCCUPIED, OF_MEAN * float(self.values[self.places].mean(dtype=np.float64)))
        to_bits(self.values, np.float32(least), self.values > 0, self.model.grid, bits := self.model.bits.cpu().numpy())
        self.model.bits.copy_(torch.from_numpy(bits))

    @property
    def share(self) -> float:
        """The part of the grid that rays look at."""
        return float(np.bitwise_count(self.model.bits.cpu().numpy()[: len(self.values) // 8]).sum()) / len(self.values)

    def state_dict(self) -> dict[str, Any]:
        return {"values": self.values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.values[:] = np.asarray(state["values"])
        self.mark()


def taught_by_fewer(prepared: Prepared, settings: Settings, run: Run) -> tuple[int, dict[int, float]]:
    """The held-out PSNR by the number of views, after the same few steps from nothing on all, a half and a quarter."""
    steps, box, found = max(1, min(settings.steps // 4, FEWER_STEPS)), boxed(prepared), dict[int, float]()
    judge = Judge(prepared.train, [thinned(view, EVERY) for view in prepared.test], prepared.extent)
    for part in FEWER:
        train = prepared.train[::part]
        possible = seen_places(train, np.array(box.middle), box.half, GRID, is_endless=box.is_endless)
        known = replace(prepared, train=train, box=replace(box, possible=possible))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            model = field_of(prepared.processing["field"])
        assert isinstance(model, HashField)
        training, step = HashTraining(model, known, Pixels(train, known.box), None, settings, run), Step()
        for step.number in range(1, steps + 1):
            step.progress = step.number / steps
            training.step(step)
        found[len(train)] = judge.mean_psnr(field_drawer_within(model))
    return steps, found


def taught_by_encodings(prepared: Prepared, settings: Settings, run: Run) -> tuple[int, dict[str, float]]:
    """The held-out PSNR of small fields that are told places in several ways, after the same few steps from nothing."""
    steps, found = max(1, min(settings.steps // 4, ENCODED_STEPS)), dict[str, float]()
    tests = [thinned(view, 2 * EVERY) for view in prepared.test[:ENCODED_VIEWS]]
    judge, known = Judge(prepared.train, tests, prepared.extent), prepared.processing["field"]
    where = {name: known["arguments"][name] for name in PLACED}
    pixels, slower = Pixels(prepared.train), settings.model_copy(update={"learning_rate": ENCODED_RATE})
    for name, places in ENCODED.items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            size = {"width": 64, "depth": 4, "coarse": 16, "fine": 16}
            model = field_of(known) if places is None else FrequencyField(**size, places=places, ways=0, **where)
        training: HashTraining | PlainTraining = (
            HashTraining(model, prepared, pixels, None, settings, run)
            if isinstance(model, HashField)
            else PlainTraining(model, prepared, pixels, slower, run)
        )
        step = Step()
        for step.number in range(1, steps + 1):
            step.progress = step.number / steps
            training.step(step)
        found[name] = judge.mean_psnr(field_drawer_within(model))
    return steps, found


# -- scores ------------------------------------------------------------------------------------------------------------


def score(model: Field, prepared: Prepared, fitted: Trained, settings: Settings, run: Run) -> Scores:
    judge, draw = fitted.judge, field_drawer_within(model)
    if judge.exposures is not None:
        run.fact("Brightness of photographs", f"differs by {judge.exposures.spread():.1%}")
    scores, nearest = judge.scores(draw), score_nearest(prepared.train, prepared.test, prepared.extent)
    show_field(model, draw, judge, fitted.growth.rows, scores, nearest, run)
    if settings.encoding == "hash" and run.device.type == "cpu" and run.processes == 1:
        show_encodings_on_scene(*taught_by_encodings(prepared, settings, run), run)
        if len(prepared.train) >= 2 * max(FEWER):
            show_fewer_views(*taught_by_fewer(prepared, settings, run), run)
    values = {**means_of(scores), "samples_per_second": fitted.samples_per_second}
    cameras = [view.camera for view in prepared.train]
    tell_if_poor(values["psnr"], means_of(nearest).get("psnr"), cameras, prepared.doubts, run)
    return Scores(values, {"nearest training view": means_of(nearest)}, {"psnr": "dB"})
