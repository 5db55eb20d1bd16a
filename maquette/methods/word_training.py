"""Vectors of words trained on several stretches of text at once, with one result however many threads there are.

Each of a fixed number of shards trains a copy on a stretch of its own; then the changes of all are added up. Nothing
depends on which thread is faster. Without copies (Hogwild, Recht et al. 2011) all shards write into the same numbers.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from maquette.kernels import compile_first
from maquette.kernels.word_vectors import add_changes, logistic_table, train_sentences
from maquette.methods.word_vectors import POWER, alias_table, keeping, parts_of_changes

SHARDS = 4  # copies that are trained at once: the most threads that have work
LANES = 8  # numbers of a register: rows are filled up with zeros to a multiple of it
CURVATURE = 0.05  # of the loss of a pair, by which changes of copies are weighed; 0.25 and 0.015 were worse
LOWEST = 1e-4  # the rate never falls below


class Stretch(NamedTuple):
    """Sentences that one shard trains on: words, where sentences start, their order, and where chance begins."""

    words: np.ndarray
    starts: np.ndarray
    order: np.ndarray
    seed: int


class WordTrainer:
    """Trains inputs (R, D) and outputs (V, D), which it copies; `into` gives them back."""

    def __init__(
        self,
        inputs: Tensor,
        outputs: Tensor,
        counts: np.ndarray,
        bags: tuple[np.ndarray, np.ndarray],
        *,
        window: int,
        negatives: int,
        threshold: float,
        is_cbow: bool,
        is_exact: bool,
        shards: Sequence[int] = range(SHARDS),
        threads: int = 1,
        together: Callable[[Tensor], None] | None = None,
    ):
        compile_first("maquette.kernels.word_vectors")
        self.width = inputs.shape[1]
        self.base = [padded(inputs.numpy()), padded(outputs.numpy())]
        self.shards, self.together = list(shards), together
        self.copies = [np.stack([each] * len(self.shards)) for each in self.base] if is_exact or together else []
        self.keeping, self.table = keeping(counts, threshold), logistic_table()
        self.chances, self.aliases = alias_table(counts.astype(np.float64) ** POWER)
        self.bags, self.window, self.negatives, self.is_cbow = bags, window, negatives, is_cbow
        self.pushes = pushes_of(counts, self.keeping, self.bags, len(inputs), window, negatives)
        self.threads = ThreadPoolExecutor(max(1, min(threads, len(self.shards))))
        self.count = max(1, min(threads, len(self.shards)))

    def round(self, stretches: Sequence[Stretch], rate: float) -> tuple[float, int]:
        """One stretch a shard, of which only this process's are trained; gives the loss of a part and its windows."""
        mine = [(place, stretches[shard]) for place, shard in enumerate(self.shards) if shard < len(stretches)]
        done = list(self.threads.map(lambda work: self._train(work[0], work[1], rate), mine))
        if self.copies:
            words = float(np.mean([np.diff(each.starts)[each.order].sum() for each in stretches]))
            self._add_up([each * (max(rate, LOWEST) * words) for each in self.pushes], len(stretches))
        return sum(loss for loss, _ in done), sum(losses for _, losses in done)

    def _train(self, place: int, stretch: Stretch, rate: float) -> tuple[float, int]:
        inputs, outputs = (each[place] for each in self.copies) if self.copies else self.base
        state = np.array([stretch.seed | 1], np.uint64)
        return train_sentences(
            stretch.words, stretch.starts, stretch.order, self.keeping, self.chances, self.aliases, *self.bags, inputs,
            outputs, self.window, self.negatives, np.float32(max(rate, LOWEST)), state, self.is_cbow, self.table,
        )  # fmt: skip

    def _add_up(self, pushes: Sequence[np.ndarray], shards: int) -> None:
        for base, copies, pushed in zip(self.base, self.copies, pushes, strict=True):
            parts = parts_of_changes(pushed, shards)
            if self.together is None:
                bounds = np.linspace(0, len(base), self.count + 1).astype(int)
                spans = list(pairwise(bounds))
                list(self.threads.map(lambda span: add_changes(base, copies, parts, *span), spans))  # noqa: B023
            else:
                change = torch.from_numpy((copies - base).sum(0))
                self.together(change)
                base += parts[:, None] * change.numpy()
                copies[:] = base

    def into(self, inputs: Tensor, outputs: Tensor) -> None:
        for tensor, base in zip((inputs, outputs), self.base, strict=True):
            tensor.copy_(torch.from_numpy(base[:, : self.width].copy()))

    def state_dict(self) -> dict[str, Any]:
        names = ("inputs", "outputs")
        return {
            name: torch.from_numpy(base[:, : self.width].copy()) for name, base in zip(names, self.base, strict=True)
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for base, name in zip(self.base, ("inputs", "outputs"), strict=True):
            base[:, : self.width] = state[name].numpy()
        for base, copies in zip(self.base, self.copies, strict=False):
            copies[:] = base


def pushes_of(
    counts: np.ndarray, kept: np.ndarray, bags: tuple[np.ndarray, np.ndarray], rows: int, window: int, negatives: int
) -> list[np.ndarray]:
    """How far a word of text pushes each row of inputs (R,) and outputs (V,) on average, at a rate of 1.

    A pair pushes by the curvature of its loss, p (1 - p) times the square of the other vector: some `CURVATURE`.
    """
    share = counts / counts.sum() * kept
    weights = counts.astype(np.float64) ** POWER
    near = window + 1.0  # words in a window, on average
    into, starts = np.zeros(rows), bags[0]
    np.add.at(into, bags[1], np.repeat(share * near * (negatives + 1), np.diff(starts)))
    out = near * (share + share.sum() * negatives * weights / weights.sum())
    return [CURVATURE * into, CURVATURE * out]


def padded(rows: np.ndarray) -> np.ndarray:
    """The same as float32 with zeros behind each row, so that it fills registers."""
    made = np.zeros((len(rows), -(-rows.shape[1] // LANES) * LANES), np.float32)
    made[:, : rows.shape[1]] = rows
    return made
