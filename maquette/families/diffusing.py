"""Diffusion models: trained, and asked for pictures, whatever they are told of them: a class, a vector, tokens.

A network takes (noisy pictures, level, classes, vector, tokens), as `DenoisingUNet`; here it becomes a denoiser for
`maquette.methods.diffusion`. Training draws noise on the processor, so that a seed is the same on every device.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.data.rows import evenly
from maquette.devices import gains_by_bfloat16, hold_memory, precision
from maquette.families.classifiers import Chance
from maquette.families.generating import (
    AT_ONCE,
    Growth,
    Noise,
    Pictures,
    beside,
    drawn_classes,
    from_unit,
    pixels_of,
    to_unit,
)
from maquette.measures.noise import Level, NoiseError, noise_error
from maquette.methods import diffusion
from maquette.methods.diffusion import Chain, Denoise, Solver, Stage, scaling
from maquette.methods.optimizers import AdamW, Muon
from maquette.runs import Run, Step
from maquette.training import Average, Batches, Total, choose_threads, flat_then_linear, update

MOVES = 5  # numbers that tell a network how a picture was moved: mirrored, down, across, turned, enlarged
LEVELS = -1.0, 1.2  # mean and deviation of log sigma in training, a normal distribution; Karras et al. 2022 have -1.2
SIDE = 32  # of pictures to which such levels belong
ASKED = 64  # validation pictures whose noise is told while training goes on
LOGS, APART = 16, 10  # times that happens, and steps between at least
WARM = 50  # steps over which the learning rate rises, or a twentieth of the training, if that is less
Schedule = Literal["linear", "cosine"]


class Condition(NamedTuple):
    """What a network is told of pictures: classes (N,) int64, vectors (N, V), tokens (N, L, T), or None of them."""

    classes: Tensor | None = None
    vector: Tensor | None = None
    tokens: Tensor | None = None

    def to(self, device: torch.device) -> "Condition":
        return Condition(*(None if each is None else each.to(device) for each in self))

    def without(self, is_dropped: Tensor, classes: int) -> "Condition":
        """Nothing is told of the pictures that `is_dropped` (N,) names; `classes` stands for no class."""

        def dropped(each: Tensor | None, nothing: int) -> Tensor | None:
            if each is None:
                return None
            return torch.where(is_dropped.reshape(-1, *[1] * (each.dim() - 1)), torch.full_like(each, nothing), each)

        return Condition(dropped(self.classes, classes), dropped(self.vector, 0), dropped(self.tokens, 0))


@dataclass(frozen=True)
class Diffuser:
    """A network with what else it takes to make pictures by it.

    known: `size` and `channels` of a picture, the `classes` and their `shares`; `prediction`, `spread` and `schedule`,
    as in training.
    """

    network: Any
    known: dict[str, Any]

    @property
    def chain(self) -> Chain:
        return chain_of(self.known["schedule"])

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def denoiser(
        self,
        condition: Condition = Condition(),  # noqa: B008
        guidance: float = 1.0,
        against: Condition | None = None,
    ) -> Denoise:
        """The pictures expected behind noisy ones, of which `condition` is told, cut off at -1 and 1.

        With `guidance` g other than 1 it asks twice, and goes g times as far as from what is expected without being
        told, or being told `against`, to what is expected with it; Ho and Salimans 2022.
        """
        told = condition.to(self.device)
        other = None if against is None else against.to(self.device)

        def denoise(x: Tensor, sigma: Tensor) -> Tensor:
            expected = self.expected(x, sigma, told)
            if guidance != 1:
                everyone = torch.ones(len(x), dtype=torch.bool, device=x.device)
                untold = self.expected(x, sigma, other or told.without(everyone, self.network.classes))
                expected = untold + guidance * (expected - untold)
            return expected.clamp(-1, 1)

        return denoise

    def expected(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        skip, out, into = scaling(self.known["prediction"], sigma, self.known["spread"])
        return skip * x + out * self.network(into * x, level_of(sigma), *fitted(condition, x, self.network.vector))

    def stages(
        self,
        noise: Callable[..., Tensor],
        condition: Condition,
        *,
        solver: Solver,
        steps: int,
        guidance: float = 1.0,
        against: Condition | None = None,
    ) -> Iterator[Stage]:
        """The way from noise to pictures, on the network's device; as `denoiser` has it."""
        shape = self.known["channels"], self.known["size"], self.known["size"]

        def draw() -> Tensor:
            return noise(*shape).to(self.device)

        denoise = self.denoiser(condition, guidance, against)
        return diffusion.sample(denoise, draw(), solver=solver, steps=steps, chain=self.chain, draw=draw)

    def of_classes(self, seed: int, number: int | None = None) -> Callable[[int, int], Condition]:
        """What is told of made pictures `first` to `first + count`: one class, or classes in the shares of training."""

        def told(first: int, count: int) -> Condition:
            if not self.known["classes"]:
                return Condition()
            if number is not None:
                return Condition(torch.full((count,), number))
            return Condition(drawn_classes(count, self.known["shares"], seed, first))

        return told

    @torch.no_grad()
    def made(
        self,
        count: int,
        seed: int,
        told: Callable[[int, int], Condition],
        *,
        solver: Solver,
        steps: int,
        guidance: float = 1.0,
    ) -> Tensor:
        """Pictures 0 to `count` of a seed, uint8 (count, C, H, W); told(first, count) is what is known of some."""
        made = []
        for first in range(0, count, AT_ONCE):
            some = min(AT_ONCE, count - first)
            condition = told(first, some)
            for stage in self.stages(
                Noise(some, seed, first), condition, solver=solver, steps=steps, guidance=guidance
            ):
                last = stage.noisy
            made.append(from_unit(last).cpu())
        return torch.cat(made)

    def noise_error(self, pictures: Pictures, told: Condition, seed: int = 0) -> NoiseError:
        """How well the noise in held-out pictures is told, each with what is known of it."""
        unit = to_unit(pictures.pictures)
        pieces = itertools.cycle(range(0, len(unit), AT_ONCE))  # they come in this order, at each level anew

        def predict(noisy: Tensor, level: Level) -> Tensor:
            first = next(pieces)
            condition = Condition(*(None if each is None else each[first : first + AT_ONCE] for each in told))
            return told_noise(self.denoiser(condition), noisy.to(self.device), level).to(noisy.device)

        return noise_error(predict, unit, seed=seed, at_once=AT_ONCE)


class Expects(nn.Module):
    """What a network expects behind noisy pictures, with their classes, as a network of its own."""

    def __init__(self, network: nn.Module, known: dict[str, Any]):
        super().__init__()
        self.network, self.known = network, known

    def forward(self, noisy: Tensor, sigma: Tensor, classes: Tensor | None = None) -> Tensor:
        return Diffuser(self.network, self.known).expected(noisy, sigma, Condition(classes))


class ExpectsTold(Expects):
    """The same of a network that is told vectors and tokens."""

    def forward(self, noisy: Tensor, sigma: Tensor, vector: Tensor, tokens: Tensor) -> Tensor:  # type: ignore[override]
        return Diffuser(self.network, self.known).expected(noisy, sigma, Condition(None, vector, tokens))


def strip_of(stages: Sequence[Stage], most: int) -> dict[str, list[np.ndarray]]:
    """Rows for a figure: at `most` stages evenly, four pictures as they are, and as they are expected to become."""
    strip = {}
    for place in evenly(len(stages), most):
        both = stages[place].shown, stages[place].expected
        strip[f"step {place + 1}"] = [picture for each in both for picture in beside(pixels_of(each[:4]))]
    return strip


def told_noise(denoise: Denoise, noisy: Tensor, level: Level) -> Tensor:
    """The noise in pictures of a level, by what a denoiser expects behind it."""
    scale = level.kept**0.5
    expected = diffusion.asked(denoise, noisy / scale, level.sigma)
    return (noisy - scale * expected) / (1 - level.kept) ** 0.5


def chain_of(schedule: Schedule) -> Chain:
    """The chain of 1000 steps that training and the samplers ddpm and ddim follow."""
    return Chain(diffusion.linear_betas() if schedule == "linear" else diffusion.cosine_betas())


def level_of(sigma: Tensor) -> Tensor:
    """What the network is told of the noise: log(sigma) / 4; Karras et al. 2022, table 1."""
    return sigma.log() / 4


def fitted(condition: Condition, x: Tensor, vector: int) -> Condition:
    """The same with a vector of `vector` numbers, zeros in front: a picture that was not moved."""
    if not vector:
        return condition
    own = condition.vector if condition.vector is not None else x.new_zeros(len(x), 0)
    return condition._replace(vector=F.pad(own, (vector - own.shape[1], 0)))


# -- training ----------------------------------------------------------------------------------------------------------


class Drawn(Chance):
    """The chance of training: this process's share of what is drawn for a whole batch.

    levels: mean and deviation of the logarithm of the noise.
    """

    def __init__(self, seed: int, run: Run, levels: tuple[float, float] = LEVELS):
        super().__init__(seed, run)
        self.levels = levels

    def sigmas(self, rows: int, chain: Chain | None) -> Tensor:
        """Levels of noise: those of the chain's steps, each as often, or log-normal without one."""
        if chain is None:
            middle, width = self.levels
            return (self.randn(rows) * width + middle).exp()
        steps = (self.rand(rows) * chain.steps).long().clamp_max(chain.steps - 1) + 1
        return torch.from_numpy(chain.sigmas).float()[steps]

    def moved(self, pictures: Tensor, rows: int, part: float) -> tuple[Tensor, Tensor]:
        """Pictures of which the part `part` is mirrored, shifted, turned and enlarged, and numbers (N, 5) that say so.

        Told so, the network does not make such pictures unless asked; Karras et al. 2020, "Training generative
        adversarial networks with limited data", and 2022, appendix F.1. What comes in at the edges is mirrored.
        """
        chance = self.rand(rows, 1) < part
        numbers = torch.cat([(self.rand(rows, 1) < 0.5).float(), self.rand(rows, 4) * 2 - 1], 1) * chance
        mirrored, down, across, turned, enlarged = numbers.unbind(1)
        angle, scale = turned * (math.pi / 12), 2 ** (-enlarged / 3)
        across_too = scale * (1 - 2 * mirrored)
        first = torch.stack([across_too * angle.cos(), -scale * angle.sin(), across / 4], 1)
        second = torch.stack([across_too * angle.sin(), scale * angle.cos(), down / 4], 1)
        places = F.affine_grid(torch.stack([first, second], 1), list(pictures.shape), align_corners=False)
        moved = F.grid_sample(pictures, places.to(pictures.device), padding_mode="reflection", align_corners=False)
        is_moved = chance.to(pictures.device)[:, :, None, None]
        return torch.where(is_moved, moved, pictures), numbers.to(pictures.device)


def louder(levels: tuple[float, float], size: int) -> tuple[float, float]:
    """Levels of noise for pictures of a side: a mean of log sigma higher by the logarithm of how much larger they are.

    Neighbouring pixels of a larger picture are more alike, and together tell through noise what one pixel of a small
    picture does not; Hoogeboom et al. 2023, "Simple diffusion", section 3.1.
    """
    middle, width = levels
    return middle + max(0.0, math.log(size / SIDE)), width


class Beside(Protocol):
    """Something that learns beside a denoiser, from the same rows; `kept` is what a run keeps of it."""

    kept: dict[str, Any]

    def learn(self, rows: Tensor, batches: Batches, step: Step) -> None:
        """One step, after `told` was asked for the rows."""

    def numbers(self) -> dict[str, float]:
        """What is logged of it."""

    def end(self) -> None:
        """What is done when training is over."""


def train_denoiser(
    diffuser: Diffuser,
    train: Pictures,
    valid: Pictures,
    run: Run,
    *,
    told: Callable[[Tensor, int], Condition],
    told_valid: Condition,
    leave: Callable[[Condition, Tensor], Condition],
    follows_chain: bool,
    optimizer: Literal["muon", "adamw"],
    learning_rate: float,
    epochs: int,
    batch_size: int,
    moved: float,
    seed: int,
    moments: int,
    make: Callable[[Diffuser], Tensor],
    levels: tuple[float, float] = LEVELS,
    beside: Beside | None = None,
) -> Growth:
    """Algorithm 1 of Ho et al. 2020, for any prediction: the network comes to tell pictures from noisy ones.

    told(rows, size) is what is known of this process's training pictures of a batch of `size`; leave(condition,
    chance), with a chance in 0..1 for each, says how much of it the network is told, for guidance. `moved`: the part
    that is moved. Levels of noise are those of the chain's steps, or log-normal as `levels` in `Drawn`, for pictures of
    SIDE x SIDE, and `louder` for larger ones. The averaged weights are what stays; they make samples as training goes
    on, at most `moments` times: the growth that is returned.
    `beside` learns from the same rows.
    """
    for name, value, unit in (
        ("Epochs", run.planned(epochs), ""),
        ("Batch size", batch_size, "pictures"),
        ("Learning rate", learning_rate, ""),
        ("Optimizer", "orthogonal momentum (Muon)" if optimizer == "muon" else "AdamW", ""),
        ("Part of the pictures that is moved, and told so", moved, ""),
    ):
        run.fact(name, value, unit)
    if gains_by_bfloat16(run.device, diffuser.network.width):
        run.fact("Products and convolutions", "in bfloat16")
    hold_memory()
    network = diffuser.network.to(run.device).to(memory_format=torch.channels_last)
    choose_threads(network, batch_size)
    chain = diffuser.chain if follows_chain else None
    prediction, spread = diffuser.known["prediction"], diffuser.known["spread"]
    pictures = train.pictures.to(run.device)
    some = valid.some(slice(ASKED))
    told_some = Condition(*(None if each is None else each[:ASKED] for each in told_valid))
    stepper = (Muon if optimizer == "muon" else AdamW)(network.parameters(), learning_rate)
    average, total = Average(network), Total(run.device)
    averaged = Diffuser(average.network, diffuser.known)
    batches = Batches(len(pictures), batch_size, seed, rank=run.rank, processes=run.processes)
    drawn = Drawn(seed, run, louder(levels, diffuser.known["size"]))
    growth = Growth(moments if run.settings.seconds else min(moments, 4 + epochs * len(batches) // 50))
    run.keep(
        model=network, optimizer=stepper, batches=batches, average=average, total=total, drawn=drawn, growth=growth,
        **(beside.kept if beside else {}),
    )  # fmt: skip
    network.train()
    for step in run.loop(epochs * len(batches)):
        warm = min(1.0, max(step.number / WARM, 20 * step.progress))
        stepper.learning_rate = learning_rate * warm * flat_then_linear(step.progress)
        rows = next(batches)
        clean = to_unit(pictures[rows])
        condition = told(rows, batches.size).to(run.device)
        if network.vector:
            condition = fitted(condition, clean, network.vector)
        if moved:
            clean, numbers = drawn.moved(clean, batches.size, moved)
            assert condition.vector is not None
            condition.vector[:, :MOVES] = numbers
        condition = leave(condition, drawn.rand(batches.size).to(run.device))
        sigma = drawn.sigmas(batches.size, chain).to(run.device)
        noise = drawn.randn(batches.size, *clean.shape[1:]).to(run.device)
        noisy = clean + sigma.reshape(-1, 1, 1, 1) * noise
        made = scaling(prediction, sigma, spread)
        with precision(run.device, network.width):
            given = network(made.into * noisy, level_of(sigma), *condition)
        loss = F.mse_loss(given.float(), made.target(clean, noisy)) * batches.weight
        update(stepper, loss)
        average.update(step.number)
        total.add(loss, batches.size)
        if beside:
            beside.learn(rows, batches, step)
        growth.see(step, lambda: make(averaged))
        if step.every(max(APART, epochs * len(batches) // LOGS)):
            error = averaged.noise_error(some, told_some)
            more = beside.numbers() if beside else {}
            run.log(step, epoch=step.number / len(batches), loss=total.mean(), valid_noise_error=error.value, **more)
    average.restore()
    if beside:
        beside.end()
    return growth
