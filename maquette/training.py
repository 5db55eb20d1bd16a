"""One step of training, the order of the batches, and the loop of ordinary supervised systems."""

import copy
import math
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from maquette.methods.optimizers import Optimizer, Together
from maquette.methods.spread import is_spread
from maquette.runs import Run

SMALL_WORK = 2e7  # multiplications a step below which starting a second thread costs more than it saves


def update(optimizer: Optimizer | Together, loss: Tensor, clip: float | None = None) -> None:
    """Clear the gradients, go backward, then `advance`."""
    optimizer.clear()
    loss.backward()
    advance(optimizer, clip)


def advance(optimizer: Optimizer | Together, clip: float | None = None) -> None:
    """Average the gradients over processes, clip them to the norm `clip`, and step."""
    if is_distributed():
        for weight in optimizer.parameters:
            if weight.grad is not None and not is_spread(weight.grad):  # of spread weights it is the average already
                torch.distributed.all_reduce(weight.grad)
                weight.grad /= torch.distributed.get_world_size()
    if clip is not None:
        nn.utils.clip_grad_norm_(optimizer.parameters, clip)
    optimizer.step()


def is_distributed() -> bool:
    """Whether several processes train together."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def leave_processes() -> None:
    """End the work together with the other processes, if there are any.

    A process that ends while gloo's threads still hold tensors may be aborted by them, as Python is taken down.
    """
    if is_distributed():
        torch.distributed.destroy_process_group()


class Batches:
    """The order in which rows are seen: shuffled anew each epoch, by the seed, the last batch of an epoch smaller.

    `next(batches)` is a tensor of row numbers: this process's share of the batch, every `processes`-th of its rows.
    `weight` then makes the mean of the processes' losses the mean over the whole batch, also where it splits unevenly.
    """

    weight = 1.0

    def __init__(self, rows: int, batch_size: int, seed: int, *, rank: int = 0, processes: int = 1):
        self.rows, self.batch_size, self.rank, self.processes = rows, min(batch_size, rows), rank, processes
        self.generator = torch.Generator().manual_seed(seed)
        self.position = 0
        self._start = self.generator.get_state()
        self._order = torch.empty(0, dtype=torch.long)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-self.rows // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        return self

    def __next__(self) -> Tensor:
        if self.position == 0 or len(self._order) == 0:
            self._start = self.generator.get_state()
            self._order = torch.randperm(self.rows, generator=self.generator)
        batch = self._order[self.position : self.position + self.batch_size]
        self.position += self.batch_size
        if self.position >= self.rows:
            self.position = 0
        self.size = len(batch)
        mine, self.weight = share(len(batch), self.rank, self.processes)
        return batch[mine]

    def state_dict(self) -> dict[str, Any]:
        return {"position": self.position, "start": self._start, "now": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.position = state["position"]
        if self.position:
            self.generator.set_state(state["start"])
            self._start = state["start"]
            self._order = torch.randperm(self.rows, generator=self.generator)
        else:
            self.generator.set_state(state["now"])


class Best:
    """The weights that did best on the validation part, and how long ago that was."""

    def __init__(self, model: nn.Module):
        self.model, self.loss, self.epochs_since = model, float("inf"), 0
        self.weights = copy.deepcopy(model.state_dict())

    def see(self, loss: float) -> None:
        if loss < self.loss:
            self.loss, self.epochs_since = loss, 0
            for name, value in self.model.state_dict().items():
                self.weights[name].copy_(value)
        else:
            self.epochs_since += 1

    def restore(self) -> None:
        """Put the best weights back into the model."""
        if self.loss < float("inf"):
            self.model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        return {"loss": self.loss, "epochs_since": self.epochs_since, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.loss, self.epochs_since = state["loss"], state["epochs_since"]
        for name, value in state["weights"].items():
            self.weights[name].copy_(value)


class Average:
    """The weights of a network averaged over training, those of step s counting as s^`power`: it asks for no length.

    average <- b average + (1 - b) weights with b = (1 - 1 / s)^(power + 1); Karras et al. 2024, "Analyzing and
    improving the training dynamics of diffusion models", equation (2). With 7 it reaches back over the last tenth of
    the steps made so far, and follows the weights of a short training as closely as those of a long one. `network`
    is a copy of the model in evaluation mode that holds the averages; buffers are those of the model.
    """

    def __init__(self, model: nn.Module, power: float = 7.0):
        self.model, self.power = model, power
        self.network = copy.deepcopy(model).eval().requires_grad_(False)
        self._pairs: tuple[list[Tensor], list[Tensor]] = (list(self.network.parameters()), list(model.parameters()))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step `step`, counted from 1."""
        kept = (1 - 1 / step) ** (self.power + 1)
        averages, weights = self._pairs
        torch._foreach_lerp_(averages, [weight.detach() for weight in weights], 1 - kept)
        for mine, its in zip(self.network.buffers(), self.model.buffers(), strict=True):
            mine.copy_(its)

    def restore(self) -> None:
        """Put the averages into the model."""
        self.model.load_state_dict(self.network.state_dict())

    def state_dict(self) -> dict[str, Any]:
        return dict(self.network.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state)


Part = tuple[tuple[Tensor, ...], Tensor]  # inputs of the model, each (N, ...), and the target, (N, ...)
Loss = Callable[[Tensor, Tensor], Tensor]  # of predictions and their target
Slope = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # a loss, and its derivative by the predictions


@runtime_checkable
class LossWithSlope(Protocol):
    """A loss with its derivative written out, as those of `maquette.methods.losses`."""

    def __call__(self, predicted: Tensor, target: Tensor) -> Tensor: ...

    def slope(self, predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]: ...


@runtime_checkable
class Learner(Protocol):
    """A network with its chain rule written out: `learn` gives a batch's loss and fills the gradients, without a graph.

    It does the same as autograd, sooner where the network is small.
    """

    def learn(self, inputs: Tensor, target: Tensor, slope: Slope) -> Tensor: ...


def fit(
    model: nn.Module,
    loss: Loss,
    train: Part,
    valid: Part,
    run: Run,
    *,
    optimizer: Callable[[nn.Module], Optimizer],
    epochs: int,
    batch_size: int,
    keep_best: bool = True,
    patience: int | None = None,
    schedule: Callable[[float], float] | None = None,
    clip: float | None = None,
) -> nn.Module:
    """Train `model` to make `loss(model(*inputs), target)` small; returns it, on the run's device, ready to predict.

    Logs the mean training loss of each epoch and the loss on `valid` after it. With `keep_best`, the weights that did
    best on `valid` come back; with `patience`, training ends when that many epochs brought nothing better. `schedule`
    gives the learning rate's factor at each progress 0..1; `clip` is the largest norm of the gradient. A `Learner` with
    a `LossWithSlope` works out its gradients itself, in a run of one process.
    """
    model = model.to(run.device)
    choose_threads(model, batch_size)
    train, valid = move(train, run.device), move(valid, run.device)
    inputs, target = train
    stepper = optimizer(model)
    learning_rate = stepper.learning_rate
    batches = Batches(len(target), batch_size, run.settings.seed, rank=run.rank, processes=run.processes)
    best = Best(model)
    total = Total(run.device)
    run.keep(model=model, optimizer=stepper, batches=batches, best=best, total=total)
    per_epoch = len(batches)
    learn: Callable[..., Tensor] | None = None
    if isinstance(model, Learner) and isinstance(loss, LossWithSlope) and run.processes == 1:
        learn = partial(model.learn, slope=loss.slope)
    model.train()
    for step in run.loop(epochs * per_epoch):
        rows = next(batches)
        if schedule is not None:
            stepper.learning_rate = learning_rate * schedule(step.progress)
        batch = [part[rows] for part in inputs]
        if learn is not None:
            value = learn(*batch, target[rows])
            advance(stepper, clip)
        else:
            value = loss(model(*batch), target[rows])
            if run.processes > 1:
                value = value * batches.weight
            update(stepper, value, clip)
        total.add(value, batches.size)
        if batches.position == 0 or step.is_last:
            validation = evaluate(model, loss, valid)
            run.log(step, epoch=step.number / per_epoch, loss=total.mean(), valid_loss=validation)
            best.see(validation)
            if patience is not None and best.epochs_since >= patience:
                break
    if keep_best:
        best.restore()
    return model.eval()


class Total:
    """A running mean of losses that never waits for the device until it is asked."""

    def __init__(self, device: torch.device):
        self._value, self._rows = torch.zeros((), device=device), 0

    def add(self, value: Tensor, rows: int) -> None:
        """Count a batch of `rows` rows, all processes' shares together, whose mean loss is `value`."""
        self._value.add_(value.detach(), alpha=rows)
        self._rows += rows

    def mean(self) -> float:
        """The mean over all rows, and over all processes, since the last call."""
        if is_distributed():
            torch.distributed.all_reduce(self._value)
            self._value /= torch.distributed.get_world_size()
        mean = float(self._value) / self._rows
        self._value, self._rows = torch.zeros_like(self._value), 0
        return mean

    def state_dict(self) -> dict[str, Any]:
        return {"value": self._value, "rows": self._rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._value.copy_(state["value"])
        self._rows = state["rows"]


def warm_cosine(progress: float) -> float:
    """A factor that rises from a tenth to 1 over the first 3 %, then falls to 0 as half a cosine."""
    return min(1.0, 0.1 + 30 * progress) * 0.5 * (1 + math.cos(math.pi * progress))


def flat_then_linear(progress: float, flat: float = 0.4) -> float:
    """A factor of 1 over the first part, `flat` of the whole, that then falls to 0 in a line; Hu et al. 2024."""
    return min(1.0, (1 - progress) / (1 - flat))


@torch.no_grad()
def evaluate(model: nn.Module, loss: Loss, part: Part, batch_size: int = 512) -> float:
    """The mean loss over a part of the data, in evaluation mode."""
    inputs, target = part
    was_training = model.training
    model.eval()
    total = 0.0
    for start in range(0, len(target), batch_size):
        rows = slice(start, start + batch_size)
        total += float(loss(model(*(item[rows] for item in inputs)), target[rows])) * len(target[rows])
    model.train(was_training)
    return total / len(target)


def move(part: Part, device: torch.device) -> Part:
    inputs, target = part
    return tuple(item.to(device) for item in inputs), target.to(device)


def choose_threads(model: nn.Module, batch_size: int) -> int:
    """One thread for a small network, every core for a large one, by the size of a step; returns how many."""
    work = 3 * batch_size * sum(weight.numel() for weight in model.parameters())
    return set_threads(work)


def set_threads(work: float) -> int:
    """One thread for steps of less than SMALL_WORK multiplications, every core for others; returns how many.

    OMP_NUM_THREADS, which torchrun sets too, says how many at most.
    """
    most = os.environ.get("OMP_NUM_THREADS", "")
    threads = 1 if work < SMALL_WORK else int(most if most.isdecimal() else 0) or os.cpu_count() or 1
    torch.set_num_threads(threads)
    return threads


def share(rows: int, rank: int, processes: int) -> tuple[slice, float]:
    """One process's rows of a batch of `rows`, every `processes`-th, and the weight of its mean loss in the whole's.

    Where the batch has too few rows for a process, that one takes the first row too, with the weight 0.
    """
    mine = len(range(rank, rows, processes))
    return slice(rank, None, processes) if mine else slice(1), mine * processes / rows
