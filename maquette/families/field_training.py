"""How a radiance field learns from rays, step by step: by compiled kernels, or by torch on any device."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maquette.families.field_data import Pixels
from maquette.graphics.radiance import composite, spread_of, weights_of
from maquette.graphics.rays import expand
from maquette.kernels.marching import to_bits
from maquette.kernels.painting import OCCUPIED, OF_MEAN, THINNER, Learner, Numbers
from maquette.methods.exposure import STEP_SIZE, Exposures
from maquette.methods.optimizers import AdamW
from maquette.models import FrequencyField, HashField
from maquette.models.fields import Field
from maquette.runs import Run, Step
from maquette.training import is_distributed, update

SETTLES_FROM, SMALLEST = 0.7, 0.02  # part of training from which steps become smaller; part of them that is left
COARSE = ((0.03, 4.0), (0.1, 2.0))  # until such a part of training, steps along rays are so many times as long
LOOKS, PARTS = 16, 16  # steps between two looks at where there is something, at such a part of all cells
EARLY_LOOKS, EARLY_PARTS, EARLY = 4, 4, 64  # the same for the first steps
SPREAD = 0.02  # how much it counts, beside squared differences of colours, how far apart lies what a ray sees
SHOWN = (0, 0.02, 0.1, 0.3)  # parts of training after which cells looked at are shown, and at its end
LEAST_RAYS, MOST_RAYS = 64, 2**16
ON_A_RAY = 64  # places of a ray, where their number is the same for all; of the first step's, about
ROOM = 3  # of a step, times the samples that are wanted: rays beyond it are left out, in each process others
LAST_OF_PAPER = 0.1  # part of the step size that is left at the end, of the paper's network


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


def settling(progress: float) -> float:
    """What step sizes are multiplied by: 1, and less towards the end of training."""
    return SMALLEST ** max(0.0, (progress - SETTLES_FROM) / (1 - SETTLES_FROM))


class HashTraining:
    """Steps of a field of a hash grid, by compiled kernels; in several processes each has its share of the rays.

    possible (G^3,): cells that may hold something. samples: how many a step has, about.
    """

    def __init__(
        self,
        model: HashField,
        possible: np.ndarray,
        pixels: Pixels,
        exposures: Exposures | None,
        run: Run,
        *,
        samples: int,
        learning_rate: float,
    ):
        self.pixels, self.exposures, self.learning_rate, self.run = pixels, exposures, learning_rate, run
        self.background = np.array(model.background, np.float32)
        self.learner = Learner(Numbers.of(model), ROOM * samples, possible)
        self.pace = Pace(samples)
        self.kept: dict[str, Any] = {"learner": self.learner, "pace": self.pace}
        if exposures is not None:
            self.kept["exposures"] = exposures

    def step(self, step: Step) -> float:
        run, learner, rays = self.run, self.learner, self.pace.rays
        chance = np.random.default_rng([run.settings.seed, 20, step.number])
        looked = self.pixels.drawn(chance, rays, self.background, run.rank, run.processes)
        views, places = looked.views, looked.places
        exposed = plain_exposures(len(views)) if self.exposures is None else self.exposures.of_rays(views, places)
        stretch = next((times for until, times in COARSE if step.progress < until), 1.0)
        found = learner.slope(
            looked.origins, looked.ways, looked.phases, looked.targets, looked.behind, exposed, looked.shares, stretch,
            SPREAD,
        )  # fmt: skip
        slopes = None
        if self.exposures is not None:
            slopes = self.exposures.slopes_of_rays(views, places, found.colours, found.by_shown)
        counted = np.array([found.samples, found.rays, found.loss])
        summed_up([learner.by_table, learner.by_layers, counted, *(slopes or ())])
        share = settling(step.progress)
        learner.step(self.learning_rate * share)
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
        self.learner.end()

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

    def __init__(
        self, model: Field, possible: np.ndarray, pixels: Pixels, run: Run, *, samples: int, learning_rate: float
    ):
        self.model, self.pixels, self.run = model.to(run.device), pixels, run
        if run.device.type == "cuda" and find_spec("triton"):
            model.compile(dynamic=True)  # fewer, larger steps on the card; each batch has another number of places
        self.rays, self.learning_rate = max(1, samples // ON_A_RAY), learning_rate
        self.background = np.array(model.background, np.float32)
        self.optimizer = AdamW(model.parameters(), learning_rate)
        self.shifts, self.samples = 1, 0
        self.kept: dict[str, Any] = {"model": model, "optimizer": self.optimizer}
        if isinstance(model, FrequencyField):
            self.shifts = model.coarse + model.fine
            self.cells: Cells | None = None
        else:
            self.cells = Cells(model, possible)
            self.kept["cells"] = self.cells

    def step(self, step: Step) -> float:
        run, model, rays = self.run, self.model, self.rays
        chance = np.random.default_rng([run.settings.seed, 20, step.number])
        looked = self.pixels.drawn(chance, rays, self.background, run.rank, run.processes)
        inner = ((looked.origins - np.array(model.middle)) / model.reach).astype(np.float32)
        shifts = chance.random((rays, self.shifts), np.float32)[run.rank :: run.processes]
        given = (torch.from_numpy(each).to(run.device) for each in (inner, looked.ways, looked.behind, shifts))
        targets, shares = (torch.from_numpy(each).to(run.device) for each in (looked.targets, looked.shares))
        losses = [(shares * each).sum() * run.processes for each in self.off(targets, *given)]
        share = LAST_OF_PAPER**step.progress if self.cells is None else settling(step.progress)
        self.optimizer.learning_rate = self.learning_rate * share
        update(self.optimizer, torch.stack(losses).sum())
        if self.cells is not None and step.number % LOOKS == 0:
            self.cells.look(chance)
        if isinstance(model, FrequencyField):
            self.samples += rays * (2 * model.coarse + model.fine)
        return float(losses[-1].detach())

    def off(self, targets: Tensor, inner: Tensor, ways: Tensor, behind: Tensor, shifts: Tensor) -> list[Tensor]:
        """How far what rays see is off, squared, by the network or by each of two, (R,); with how it is spread."""
        if isinstance(self.model, FrequencyField):
            return [((seen - targets) ** 2).sum(1) for seen, _, _ in self.model.trace(inner, ways, behind, shifts)]
        distances, lengths, density, colour = self.model.samples(inner, ways, shifts)
        seen, _, _ = composite(density, colour, lengths, distances, behind)
        apart = spread_of(weights_of(density, lengths)[0], lengths, distances, self.model.is_endless)
        return [((seen - targets) ** 2).sum(1) + SPREAD * apart]

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
