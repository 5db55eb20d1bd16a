"""Pictures of a radiance field of a hash grid, and a step of learning one: what kernels/fields.py needs around it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from maquette.graphics.cameras import Camera, camera_at
from maquette.graphics.radiance import FINER
from maquette.kernels import compile_first
from maquette.kernels.exposing import expose_rays, expose_rays_backward
from maquette.kernels.fields import KNOWN, PARTS, ROOM, densities, learn, render, step_of_adam, thicken
from maquette.kernels.grids import balanced, encode_backward
from maquette.kernels.marching import bytes_of, packed, to_bits

BETAS = 0.9, 0.99
TINY = 1e-15  # in Adam's root: derivatives of features are small
TABLE = 8.0  # times as large are the steps of the table: a feature is touched by few samples, and has far to go
DECAY = 1e-6  # of the networks' weights, a step
OCCUPIED, OF_MEAN = 0.01, 0.5  # optical thickness of a step above which a cell is looked at; or of the mean, if less
THINNER = 0.7  # what a cell is multiplied by when it is looked at again


@dataclass(frozen=True)
class Numbers:
    """A field as kernels take it; arrays share memory with the network's weights on the processor."""

    table: np.ndarray
    cells: np.ndarray
    layers: tuple[np.ndarray, ...]
    bits: np.ndarray
    grid: int
    step: float
    is_endless: bool
    near: float
    middle: np.ndarray
    half: float

    @classmethod
    def of(cls, field: Any) -> "Numbers":
        """Those of a `HashField`."""
        weights = (field.first, field.second, field.third, field.fourth, field.last)
        return cls(
            field.table.detach().numpy().reshape(-1),
            np.array(field.cells, np.int64),
            tuple(each.detach().numpy().reshape(-1) for each in weights),
            field.bits.numpy(),
            field.grid,
            field.step,
            field.is_endless,
            field.near,
            np.array(field.middle),
            field.reach,
        )

    @property
    def size(self) -> int:
        """Rows of a level's table."""
        return len(self.table) // 4 // len(self.cells)

    @property
    def widths(self) -> tuple[int, int, int]:
        """Features, hidden units, and units of the colour's layers."""
        features = 4 * len(self.cells)
        return features, len(self.layers[0]) // features, len(self.layers[4]) // 4

    def across(self) -> tuple[np.ndarray, ...]:
        """The layers turned over, as `learn` wants them; of the third, what it makes of what is known."""
        features, hidden, width = self.widths
        first, second, third, fourth, last = self.layers
        fourth = fourth.reshape(width, width) if len(fourth) else fourth.reshape(0, 0)
        each = (
            first.reshape(hidden, features),
            second.reshape(KNOWN, hidden),
            third.reshape(width, 2 * KNOWN)[:, :KNOWN],
            fourth,
            last.reshape(4, width),
        )
        return tuple(np.ascontiguousarray(layer.T).reshape(-1) for layer in each)

    def room(self) -> tuple[np.ndarray, ...]:
        """Memory for the samples that go through the networks together, for each part."""
        features, hidden, width = self.widths
        layers = width * (2 if len(self.layers[3]) else 1)
        rows = 2 * (features + hidden + KNOWN + layers + 4) + KNOWN + 2
        one = np.float32
        return (
            np.empty((PARTS, ROOM, features), one),
            np.empty((PARTS, ROOM, 3), one),
            np.empty((PARTS, ROOM), one),
            np.zeros((PARTS, ROOM), one),
            np.empty((PARTS, 8 * features), one),
            np.empty((PARTS, 8), one),
            np.empty((PARTS, rows * ROOM), one),
            np.empty((PARTS, ROOM), np.int64),
            np.empty((PARTS, 8 * KNOWN), one),
        )

    def brought(self, origins: np.ndarray) -> np.ndarray:
        """Places (N, 3) of the placed world as those of the field's cube."""
        return np.ascontiguousarray((origins - self.middle) / self.half, np.float32)


@dataclass(frozen=True)
class Painted:
    """A picture (3, H, W), what is left of the light (H, W), and the mean depth along the camera's axis (H, W)."""

    picture: np.ndarray
    remainder: np.ndarray
    depth: np.ndarray


def draw(numbers: Numbers, camera: Camera, background: Any, finer: int = FINER) -> Painted:
    """What a camera of the placed world sees; where there is something, steps are so many times as short."""
    compile_first(__name__)
    height, width = camera.height, camera.width
    count, one = height * width, np.float32
    picture, left, depths = np.empty((3, count), one), np.empty(count, one), np.empty(count, one)
    render(
        packed(camera), width, numbers.middle, numbers.half, np.broadcast_to(background, 3).astype(one), numbers.table,
        numbers.cells, numbers.size, numbers.layers, numbers.bits, numbers.grid, numbers.step, finer,
        numbers.is_endless, numbers.near, numbers.room(), np.empty((count, 3), one), np.empty((count, 3), one),
        picture, left, depths,
    )  # fmt: skip
    return Painted(picture.reshape(3, height, width), left.reshape(height, width), depths.reshape(height, width))


def density_at(numbers: Numbers, places: np.ndarray) -> np.ndarray:
    """The density (N,) at places (N, 3) in 0..1 of the grid."""
    compile_first(__name__)
    found = np.empty(len(places), np.float32)
    first, second = numbers.layers[:2]
    densities(places, numbers.table, numbers.cells, numbers.size, first, second, found)
    return found


@dataclass(frozen=True)
class Learned:
    """What a step of `Learner` saw: colours (R, 3) with the background, derivatives by what is shown, and samples."""

    loss: float
    colours: np.ndarray
    by_shown: np.ndarray
    samples: int
    rays: int


class Learner:
    """Moves a field towards what rays have seen; most: samples a step, for which there is room."""

    def __init__(self, numbers: Numbers, most: int, possible: np.ndarray):
        compile_first(__name__)
        self.numbers, self.possible = numbers, possible
        self.room, capacity = numbers.room(), -(-most // PARTS) + ROOM
        features, _, _ = numbers.widths
        self.places = np.empty((PARTS, capacity, 3), np.float32)
        self.slopes = np.empty((PARTS, capacity, features), np.float32)
        self.counts, self.losses = np.zeros(PARTS, np.int64), np.zeros(PARTS)
        self.by_table = np.zeros_like(numbers.table)
        self.by_layers = np.zeros(sum(map(len, numbers.layers)), np.float32)
        self.moments = {
            name: np.zeros_like(like)
            for name, like in {
                "table_first": numbers.table,
                "table_second": numbers.table,
                "layers_first": self.by_layers,
                "layers_second": self.by_layers,
            }.items()
        }
        self.values = np.full(numbers.grid**3, np.float32(1.1 * OCCUPIED))  # of cells, before anything is known
        self.values[~possible] = 0
        self.steps = 0
        self.order = balanced(len(numbers.cells))
        self.mark()

    def slope(
        self,
        origins: np.ndarray,
        ways: np.ndarray,
        phases: np.ndarray,
        targets: np.ndarray,
        backgrounds: np.ndarray,
        exposures: np.ndarray,
        shares: np.ndarray,
        stretch: float = 1.0,
        spread: float = 0.0,
    ) -> Learned:
        """Adds up the derivatives of the loss for rays, as `learn` takes them, with steps so many times as long."""
        numbers, many = self.numbers, len(origins)
        colours, by_shown = np.empty((many, 3), np.float32), np.empty((many, 3), np.float32)
        left, counted = np.empty(many, np.float32), np.empty(many, np.int64)
        by_layers = np.zeros((PARTS, len(self.by_layers)), np.float32)
        learn(
            (numbers.brought(origins), ways, phases), targets, backgrounds, exposures, shares, spread,
            numbers.table, numbers.cells, numbers.size, numbers.layers, numbers.across(), numbers.bits,
            numbers.grid, numbers.step * stretch, numbers.is_endless, numbers.near, self.room, self.places,
            self.slopes, self.counts, by_layers, self.losses, colours, left, by_shown, counted,
        )  # fmt: skip
        self.by_layers += by_layers.sum(0)
        encode_backward(self.places, self.slopes, self.counts, numbers.cells, numbers.size, self.order, self.by_table)
        return Learned(float(self.losses.sum()), colours, by_shown, int(self.counts.sum()), int((counted >= 0).sum()))

    def step(self, step_size: float) -> None:
        """Move along the derivatives, and forget them."""
        self.steps += 1
        numbers, moments = self.numbers, self.moments
        first, second = (np.float32(1 - beta**self.steps) for beta in BETAS)
        size, tiny = np.float32(step_size), np.float32(TINY)
        step_of_adam(
            numbers.table, moments["table_first"], moments["table_second"], self.by_table, np.float32(TABLE) * size,
            first, second, tiny, np.float32(0),
        )  # fmt: skip
        flat = np.concatenate(numbers.layers)
        step_of_adam(
            flat, moments["layers_first"], moments["layers_second"], self.by_layers, size, first, second, tiny,
            np.float32(DECAY),
        )  # fmt: skip
        ends = np.cumsum([len(each) for each in numbers.layers])
        for layer, part in zip(numbers.layers, np.split(flat, ends[:-1]), strict=True):
            layer[:] = part

    def look(self, chance: np.random.Generator, parts: int) -> None:
        """Look again at every so-many-th cell that may hold something, and mark where something is."""
        numbers = self.numbers
        cells = np.flatnonzero(self.possible)[int(chance.integers(parts)) :: parts]
        thicken(
            cells, chance.random((len(cells), 3), np.float32), self.values, np.float32(THINNER), numbers.step,
            numbers.is_endless, numbers.grid, numbers.table, numbers.cells, numbers.size, *numbers.layers[:2],
        )  # fmt: skip
        self.mark()

    def mark(self) -> None:
        """The bits of cells in which something is."""
        least = min(OCCUPIED, OF_MEAN * float(self.values[self.possible].mean(dtype=np.float64)))
        to_bits(self.values, np.float32(least), self.possible, self.numbers.grid, self.numbers.bits)

    def end(self) -> None:
        """Let go of what only learning needs: three times the table, and room for samples."""
        self.moments.clear()
        self.by_table = self.by_layers = np.empty(0, np.float32)
        self.places = self.slopes = np.empty((0, 0, 0), np.float32)
        self.room = ()

    @property
    def share(self) -> float:
        """The part of the grid that rays look at."""
        return float(np.bitwise_count(self.numbers.bits[: len(self.values) // 8]).sum()) / len(self.values)

    def state_dict(self) -> dict[str, Any]:
        numbers = self.numbers
        weights = {f"layer{number}": each for number, each in enumerate(numbers.layers)}
        return {
            "steps": self.steps, "values": self.values, "bits": numbers.bits, "table": numbers.table, **weights,
            **self.moments,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]
        held = self.state_dict()
        for name, values in state.items():
            if name != "steps":
                held[name][...] = np.asarray(values)


def compile_all() -> None:
    """Call every kernel once, on next to nothing."""
    levels, rows, hidden, width, grid = 2, 16, 8, 8, 8
    shapes = (hidden * 4 * levels, KNOWN * hidden, width * 2 * KNOWN, width * width, 4 * width)
    layers = tuple(np.zeros(count, np.float32) for count in shapes)
    table, cells, bits = np.zeros(4 * levels * rows, np.float32), np.array([2, 4]), np.zeros(bytes_of(grid), np.uint8)
    numbers = Numbers(table, cells, layers, bits, grid, 0.5, False, 0.01, np.zeros(3), 1.0)
    learner = Learner(numbers, 16, np.ones(grid**3, bool))
    one, zero = np.ones((16, 3), np.float32), np.zeros((16, 3), np.float32)
    learner.slope(zero, one, np.ones(16, np.float32), one, one, np.zeros((16, 13), np.float32), np.ones(16, np.float32))
    learner.step(0.01)
    learner.look(np.random.default_rng(0), 2)
    density_at(numbers, zero)
    matrices, shadings, views = np.zeros((1, 3, 4), np.float32), np.ones((1, 2, 2), np.float32), np.zeros(16, np.int64)
    exposures, places = np.zeros((16, 13), np.float32), np.zeros((16, 2))
    expose_rays(matrices, shadings, views, places, exposures)
    slopes = np.zeros(matrices.shape), np.zeros(shadings.shape)
    expose_rays_backward(exposures, views, places, one, one, *slopes)
    draw(numbers, camera_at(np.array([0.0, -2, 0]), np.zeros(3), np.array([0.0, 0, 1]), width=4, height=4, focal=4), 0)


if __name__ == "__main__":
    compile_all()
