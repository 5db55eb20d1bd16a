"""Beam search that is told what to write first, what never, and to say nothing twice."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from maquette.methods.beam import NEVER, Steered


class Guided(Steered):
    """Steps through a network: the token `first` comes first, those in `never` not at all, no run of `no_repeat` twice.

    Runs may reach back to the token that starts all; 0 allows any. `end` does not come before `fewest` others have.
    """

    def __init__(
        self,
        model: object,
        cache: object,
        *,
        first: int | None = None,
        never: Sequence[int] = (),
        no_repeat: int = 0,
        end: int = 0,
        fewest: int = 0,
    ):
        super().__init__(model, cache)
        self.first, self.never, self.no_repeat, self.end, self.fewest = first, list(never), no_repeat, end, fewest
        self.history: Tensor | None = None

    def go_on(self, tokens: Tensor) -> Tensor:
        logits = super().go_on(tokens).float().clone()
        is_first = self.history is None
        self.history = tokens[:, None] if self.history is None else torch.cat([self.history, tokens[:, None]], 1)
        if self.history.shape[1] <= self.fewest:
            logits[:, self.end] = NEVER
        if self.never:
            logits[:, self.never] = NEVER
        if is_first and self.first is not None:
            wanted = logits[:, self.first].clone()
            logits.fill_(NEVER)
            logits[:, self.first] = wanted
        elif self.no_repeat:
            rows, again = repeating(self.history, self.no_repeat)
            logits[rows, again] = NEVER
        return logits

    def choose(self, rows: Tensor, batch: Tensor | None) -> None:
        assert self.history is not None
        self.history = self.history[rows]
        super().choose(rows, batch)


def repeating(history: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Rows of (R, N) and the tokens that would end in them a run of `length` that was there before."""
    if history.shape[1] < length:
        none: Any = history.new_empty(0)
        return none, none
    runs = history.unfold(1, length, 1)
    last = history[:, history.shape[1] - length + 1 :]
    rows, places = (runs[:, :, :-1] == last[:, None]).all(-1).nonzero(as_tuple=True)
    return rows, runs[rows, places, -1]
