"""How a cloud of Gaussians grows where the picture asks for more, and loses those that nothing needs.

Rows of Gaussians are (N, 11 + 3 K) float32: position (3), logarithms of standard deviations (3), quaternion (4),
logit of the opacity, harmonics. Kerbl et al. 2023, section 5.2; a budget as in Mallick et al. 2024, whose Gaussians are
split along their longest axis as in Deng et al. 2024. The last three functions, `budget`, `threshold` and `mcmc`, are
the ways of growing: one of them is called after every step of training.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from scipy.spatial import cKDTree
from scipy.special import comb

from maquette.graphics.harmonics import constant_of
from maquette.graphics.rotations import rotation_matrices

FAINT = 0.005  # opacity below which a Gaussian is taken away
SMALL = 0.01  # of the scene's extent: larger ones are split, smaller ones doubled
SHRINK = 1.6  # how many times smaller the two parts of a split Gaussian are
APART, SHORTER = 0.8, 0.6  # of a Gaussian's longest axis: where its halves lie and how long theirs are
START = 0.1  # opacity of a new scene's Gaussians
MOST_COPIES = 51  # of one Gaussian, beyond which shares are those of so many
WANDERS = np.float32(np.log(0.06 / 0.94))  # logit of the opacity above which the noise is next to nothing
NOISE = 5e5  # times the step size of positions

GROWTHS, GROWS_UNTIL = 25, 0.6  # equal parts of training, however long, that each end with a growth; up to such a part
RELOCATES_UNTIL = 0.8  # part of training after which Markov chains stay where they are
THRESHOLD = 0.0002  # mean derivative by the centre above which the paper lets a Gaussian grow
THRESHOLD_FROM, THRESHOLD_UNTIL = 500, 0.5  # the step and the part of training between which it does so
FADES_EVERY = 3000  # steps between two resets of opacity, in the paper's way


class Cloud:
    """Gaussians in training: rows, Adam's two moments of each number, and how strongly the pictures pull at each.

    pulls (N,) sums the derivatives by the centre in the picture, seen (N,) counts the pictures that showed it.
    """

    ARRAYS = ("rows", "first", "second", "pulls", "seen")

    def __init__(self, rows: np.ndarray):
        self.rows = np.ascontiguousarray(rows, np.float32)
        self.first, self.second = np.zeros_like(self.rows), np.zeros_like(self.rows)
        self.steps = 0
        self.bring_back: Callable[[], None] | None = None
        self.forget()

    def __len__(self) -> int:
        return len(self.rows)

    def settle(self) -> None:
        """Have all numbers here: while a card trains them, they are there, and `bring_back` is what brings them."""
        if self.bring_back is not None:
            self.bring_back()
            self.bring_back = None

    def forget(self) -> None:
        """Begin to count anew."""
        self.pulls, self.seen = np.zeros(len(self), np.float32), np.zeros(len(self), np.int32)

    def pull(self) -> np.ndarray:
        """The mean derivative of each Gaussian, (N,)."""
        return self.pulls / np.maximum(self.seen, 1)

    def keep(self, chosen: np.ndarray) -> None:
        """Go on with some of the rows, by index or by mask."""
        self.rows, self.first, self.second = self.rows[chosen], self.first[chosen], self.second[chosen]
        self.pulls, self.seen = self.pulls[chosen], self.seen[chosen]

    def put(self, chosen: np.ndarray, rows: np.ndarray) -> None:
        """Other Gaussians in the places of some, without momentum."""
        self.rows[chosen], self.first[chosen], self.second[chosen] = rows, 0, 0

    def add(self, rows: np.ndarray) -> None:
        """New Gaussians, without momentum."""
        nothing = np.zeros_like(rows)
        self.rows = np.concatenate([self.rows, rows])
        self.first, self.second = np.concatenate([self.first, nothing]), np.concatenate([self.second, nothing])
        self.pulls = np.concatenate([self.pulls, np.zeros(len(rows), np.float32)])
        self.seen = np.concatenate([self.seen, np.zeros(len(rows), np.int32)])

    def state_dict(self) -> dict[str, Any]:
        self.settle()
        arrays = {name: torch.from_numpy(getattr(self, name)) for name in self.ARRAYS}
        return {**arrays, "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in self.ARRAYS:
            setattr(self, name, state[name].numpy().copy())
        self.steps = state["steps"]


def rows_of_points(points: np.ndarray, colours: np.ndarray, degree: int) -> np.ndarray:
    """A round Gaussian at each point (P, 3) with its colour (P, 3) 0..1, as large as its three neighbours are far."""
    rows = np.zeros((len(points), 11 + 3 * (degree + 1) ** 2), np.float32)
    rows[:, :3] = points
    near = min(4, len(points))
    distances = cKDTree(points).query(points, k=near)[0].reshape(len(points), near)[:, 1:]
    size = np.sqrt((distances**2).mean(1)) if near > 1 else np.ones(len(points))
    rows[:, 3:6] = np.log(np.clip(size, 1e-7 + 0.01 * np.median(size), 10 * np.median(size) + 1e-7))[:, None]
    rows[:, 6] = 1
    rows[:, 10] = logit(START)
    rows[:, 11:14] = constant_of(colours)
    return rows


def opacities(rows: np.ndarray) -> np.ndarray:
    """0..1, (N,)."""
    return 1 / (1 + np.exp(-rows[:, 10]))


def logit(opacity: Any) -> Any:
    """What rows hold for an opacity."""
    return np.log(opacity / (1 - opacity))


def densify(cloud: Cloud, chosen: np.ndarray, extent: float, chance: np.random.Generator) -> None:
    """Double the small and split the large ones of the Gaussians with indices `chosen`; each makes one more."""
    is_large = np.exp(cloud.rows[chosen, 3:6]).max(1) > SMALL * extent
    copies = cloud.rows[chosen[~is_large]]
    split(cloud, chosen[is_large], chance)
    cloud.add(copies)


def split(cloud: Cloud, chosen: np.ndarray, chance: np.random.Generator) -> None:
    """Replace each Gaussian with two that are smaller, drawn from it as from a distribution."""
    parents = cloud.rows[chosen]
    drawn = [parents.copy() for _ in range(2)]
    for part in drawn:
        away = chance.normal(size=(len(parents), 3)).astype(np.float32) * np.exp(parents[:, 3:6])
        part[:, :3] += np.einsum("nij,nj->ni", rotation_matrices(parents[:, 6:10]), away)
        part[:, 3:6] -= np.log(SHRINK)
    cloud.put(chosen, drawn[0])
    cloud.add(drawn[1])


def halve(cloud: Cloud, chosen: np.ndarray) -> None:
    """Replace each Gaussian with two along its longest axis that together have its centre, spread and amount.

    Its variance along the axis is that of the halves and of where they lie, as 0.8^2 + 0.6^2 = 1; opacity times length
    stays the same. So the picture hardly changes. After Deng et al. 2024 (Efficient Density Control), whose numbers are
    others.
    """
    parents, each = cloud.rows[chosen], np.arange(len(chosen))
    longest = parents[:, 3:6].argmax(1)
    along = rotation_matrices(parents[:, 6:10])[each, :, longest] * np.exp(parents[each, 3 + longest])[:, None]
    opacity = opacities(parents) / np.float32(2 * SHORTER)
    halves = parents.copy()
    halves[each, 3 + longest] += np.log(SHORTER)
    halves[:, 10] = logit(opacity)
    others = halves.copy()
    halves[:, :3] += np.float32(APART) * along
    others[:, :3] -= np.float32(APART) * along
    cloud.put(chosen, halves)
    cloud.add(others)


def grow(cloud: Cloud, target: int) -> None:
    """Take away the faint, then halve those that pictures pull at most, so that there are `target` in all."""
    cloud.keep(opacities(cloud.rows) > FAINT)
    wanted = min(target - len(cloud), len(cloud))
    if wanted > 0:
        pull = cloud.pull()
        chosen = np.sort(np.argsort(-pull, kind="stable")[:wanted])
        halve(cloud, chosen[pull[chosen] > 0])
        cloud.keep(in_space_order(cloud.rows[:, :3]))
    cloud.forget()


def grow_by_threshold(
    cloud: Cloud, threshold: float, most: int, extent: float, chance: np.random.Generator, is_late: bool
) -> None:
    """The paper's way: densify all above a threshold, then take away the faint and, later on, the huge."""
    pull = cloud.pull()
    chosen = np.flatnonzero(pull >= threshold)
    chosen = np.sort(chosen[np.argsort(-pull[chosen], kind="stable")[: max(0, most - len(cloud))]])
    densify(cloud, chosen, extent, chance)
    kept = opacities(cloud.rows) > FAINT
    if is_late:
        kept &= np.exp(cloud.rows[:, 3:6]).max(1) < 0.1 * extent
    cloud.keep(kept)
    cloud.forget()


def shares_of(opacity: np.ndarray, copies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Opacity and the factor of the size of each of `copies` (N,) Gaussians that together look like one of `opacity`.

    Kheradmand et al. 2024, equation 9.
    """
    each = 1 - (1 - opacity) ** (1 / copies)
    total = np.zeros_like(each)
    for m in range(1, int(copies.max(initial=0)) + 1):  # the equation's double sum, its binomials added up
        total += comb(copies, m) * (-1.0) ** (m - 1) * each**m / np.sqrt(m)
    return each, opacity / total


def relocate(cloud: Cloud, target: int, chance: np.random.Generator) -> None:
    """Move the faint to where others are, and add as many that there are `target` in all: samples of a Markov chain.

    Where to is drawn by opacity; all that then stand in one place share its opacity and size, so that the picture stays
    nearly what it was. Kheradmand et al. 2024, section 4.3.
    """
    opacity = opacities(cloud.rows)
    is_faint = opacity <= FAINT
    alive, faint = np.flatnonzero(~is_faint), np.flatnonzero(is_faint)
    more = max(0, target - len(cloud))
    if len(alive) == 0 or len(faint) + more == 0:
        return
    weights = opacity[alive].astype(np.float64)
    drawn = alive[chance.choice(len(alive), len(faint) + more, p=weights / weights.sum())]
    chosen, times = np.unique(drawn, return_counts=True)
    each, factor = shares_of(opacity[chosen].astype(np.float64), np.minimum(times + 1, MOST_COPIES))
    each = np.clip(each, FAINT, 1 - 1e-6)
    cloud.rows[chosen, 10] = logit(each)
    cloud.rows[chosen, 3:6] += np.log(factor)[:, None]
    cloud.first[chosen], cloud.second[chosen] = 0, 0
    cloud.put(faint, cloud.rows[drawn[: len(faint)]])
    cloud.add(cloud.rows[drawn[len(faint) :]])
    cloud.keep(in_space_order(cloud.rows[:, :3]))
    cloud.forget()


def wandering(rows: np.ndarray, step_size: float, chance: np.random.Generator) -> np.ndarray:
    """Where Gaussians go at random within their own shape, (N, 3), the farther the fainter; Kheradmand et al., eq. 8.

    Those whose logit of the opacity is above WANDERS go next to nowhere.
    """
    weight = 1 / (1 + np.exp(-100 * (FAINT - opacities(rows))))
    turn = rotation_matrices(rows[:, 6:10])
    inside = np.einsum("nji,nj->ni", turn, chance.standard_normal((len(rows), 3), np.float32))
    away = np.einsum("nij,nj->ni", turn, np.exp(2 * rows[:, 3:6]) * inside)
    return (NOISE * step_size * weight)[:, None] * away


def in_space_order(positions: np.ndarray) -> np.ndarray:
    """Indices (N,) along a Morton curve through positions (N, 3): what is near in space comes to lie near in memory."""
    low, high = np.quantile(positions, (0.02, 0.98), axis=0)  # a few far away must not push all others together
    cells = (np.clip((positions - low) / np.maximum(high - low, 1e-12), 0, 1) * 1023).astype(np.int64)
    codes = np.zeros(len(positions), np.int64)
    for bit in range(10):
        for axis in range(3):
            codes |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return np.argsort(codes, kind="stable")


def fade(cloud: Cloud, opacity: float = 0.01) -> None:
    """Set all opacities to at most this, so that those which nothing needs stay faint and go."""
    most = np.float32(logit(opacity))
    cloud.rows[:, 10] = np.minimum(cloud.rows[:, 10], most)
    cloud.first[:, 10], cloud.second[:, 10] = 0, 0


# -- ways of growing ---------------------------------------------------------------------------------------------------


class Moment(Protocol):
    """Where training stands: the number of the step, from 1, and what part of training is done, 0..1."""

    number: int
    progress: float

    def every(self, count: int) -> bool: ...


class Growth:
    """How large a cloud of `begun` Gaussians should be and when it grows, and the chance it takes; kept with the run.

    most: Gaussians; extent: of the scene; pause: steps between two growths in the published ways.
    """

    def __init__(self, generator: np.random.Generator, *, begun: int, most: int, extent: float, pause: int):
        self.generator, self.growths = generator, 0
        self.begun, self.most, self.extent, self.pause = begun, most, extent, pause

    def target(self, progress: float) -> int:
        """How many Gaussians there should be: along a line, `most` being reached shortly before growth ends."""
        ahead = min(1.0, 1.15 * progress / GROWS_UNTIL)
        return max(self.begun, int(self.begun + (self.most - self.begun) * ahead))

    def is_due(self, step: Moment) -> bool:
        """Whether a growth of the published ways is due after this step."""
        return step.every(self.pause) and step.number > self.pause

    def state_dict(self) -> dict[str, Any]:
        state = self.generator.bit_generator.state
        numbers = {name: str(value) for name, value in state["state"].items()}
        return {**state, "state": numbers, "growths": self.growths}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        state = {**state}
        self.growths = state.pop("growths", 0)
        numbers = {name: int(value) for name, value in state["state"].items()}
        self.generator.bit_generator.state = {**state, "state": numbers}


def budget(cloud: Cloud, step: Moment, growth: Growth) -> None:
    """Grow where pictures pull most, to the number that is due, at so many moments however long training takes."""
    growth.growths, before = int(GROWTHS * step.progress), growth.growths
    if growth.growths > before and step.progress < GROWS_UNTIL:
        cloud.settle()
        grow(cloud, growth.target(step.progress))


def threshold(cloud: Cloud, step: Moment, growth: Growth) -> None:
    """Grow where pictures pull more than a threshold, and have all opacities fade now and then, as in the paper."""
    if not growth.is_due(step) or step.progress >= THRESHOLD_UNTIL:
        return
    cloud.settle()
    if step.number >= THRESHOLD_FROM:
        is_late = step.number > FADES_EVERY
        grow_by_threshold(cloud, THRESHOLD, growth.most, growth.extent, growth.generator, is_late)
    if step.every(FADES_EVERY):
        fade(cloud)


def mcmc(cloud: Cloud, step: Moment, growth: Growth) -> None:
    """Move the faint to where others are, and add to the number that is due; Kheradmand et al. 2024."""
    if growth.is_due(step) and step.progress < RELOCATES_UNTIL:
        cloud.settle()
        relocate(cloud, growth.target(step.progress), growth.generator)
