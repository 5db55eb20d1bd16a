"""Recurrent language models: a plain RNN, a GRU or an LSTM reads a token at a time and keeps what it knows in a state.

Sources: Elman 1990 (RNN), Cho et al. 2014 (GRU), Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al.
2000 (LSTM). B sequences, T tokens, L layers, W numbers of state a layer, E numbers a token.
"""

import sys
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

Cell = Literal["rnn", "gru", "lstm"]
CELLS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
GATES = {"rnn": ("state",), "gru": ("reset", "update", "new"), "lstm": ("input", "forget", "new", "output")}
State = tuple[Tensor, ...]  # (L, B, W): what is said outside, and of an LSTM the memory beside it


class Memory:
    """What a recurrent network knows of the tokens it has read: its state, however many there were."""

    def __init__(self, state: State, places: int):
        self.state, self.places, self.length = state, places, 0

    def copied(self, copies: int) -> "Memory":
        """The memory of one sequence as that of several that begin alike."""
        made = Memory(tuple(each.expand(-1, copies, -1).contiguous() for each in self.state), self.places)
        made.length = self.length
        return made

    def reorder(self, rows: Tensor) -> None:
        """Let sequence b go on from what was sequence rows[b]; beams change places so."""
        self.state = tuple(each[:, rows] for each in self.state)


class Recurrent(nn.Module):
    """Tokens (B, T) to logits (B, T, vocabulary) of the one that follows each.

    cell: `rnn`, `gru` or `lstm`; embedded: numbers a token; width: numbers of state a layer. There is no limit to how
    far it may look back, so `context` is as large as a number can be.
    """

    context = sys.maxsize

    def __init__(self, *, vocabulary: int, cell: Cell = "lstm", embedded: int = 64, width: int = 320, layers: int = 1):
        super().__init__()
        self.vocabulary, self.cell, self.embedded, self.width, self.layers = vocabulary, cell, embedded, width, layers
        self.embedding = nn.Embedding(vocabulary, embedded)
        self.body: Any = CELLS[cell](embedded, width, layers, batch_first=True)
        self.head = nn.Linear(width, vocabulary)
        if cell == "lstm":
            for name, shifts in self.body.named_parameters():
                if name.startswith("bias_ih"):
                    shifts.data[width : 2 * width] = 1.0  # it begins by remembering; Jozefowicz et al. 2015
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def start(self, batch: int) -> State:
        """The state before anything is read."""
        like = self.head.weight
        return tuple(like.new_zeros(self.layers, batch, self.width) for _ in range(1 + (self.cell == "lstm")))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.follow(tokens, self.start(len(tokens)))[0]

    def follow(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits (B, T, vocabulary) of tokens read from a state on, and the state after them."""
        outputs, after = self.run_body(self.embedding(tokens), state)
        return self.head(outputs), after

    def run_body(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The last layer's outputs (B, T, W) for numbers (B, T, E), and the state after them."""
        if self.cell == "lstm":
            outputs, after = self.body(x, state)
            return outputs, after
        outputs, last = self.body(x, state[0])
        return outputs, (last,)

    def new_cache(self, batch: int, places: int | None = None) -> Memory:
        return Memory(self.start(batch), places or self.context)

    def read(self, tokens: Tensor, cache: Memory) -> Tensor:
        """Read (B, T) tokens after those in the memory; logits (B, vocabulary) of what follows the last."""
        outputs, cache.state = self.run_body(self.embedding(tokens), cache.state)
        cache.length += tokens.shape[1]
        return self.head(outputs[:, -1])

    @torch.no_grad()
    def opened(self, tokens: Tensor) -> dict[str, Tensor]:
        """The gates of the first layer and its state, (T, W) each, as it reads tokens (T,) from nothing on.

        The equations of the cell written out, a token at a time: `follow` does the same in one call.
        """
        into, again = self.body.weight_ih_l0, self.body.weight_hh_l0
        shifts_in, shifts_again = self.body.bias_ih_l0, self.body.bias_hh_l0
        h = c = into.new_zeros(self.width)
        kept: dict[str, list[Tensor]] = {}
        for x in self.embedding(tokens):
            fresh, old = into @ x + shifts_in, again @ h + shifts_again
            if self.cell == "rnn":
                h = (fresh + old).tanh()
                seen = {}
            elif self.cell == "gru":
                r, z, n = fresh.chunk(3)
                r_old, z_old, n_old = old.chunk(3)
                reset, keep = (r + r_old).sigmoid(), (z + z_old).sigmoid()
                new = (n + reset * n_old).tanh()
                h = (1 - keep) * new + keep * h
                seen = {"reset": reset, "update": keep, "new": new}
            else:
                i, f, g, o = (fresh + old).chunk(4)
                take, keep, new, say = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
                c = keep * c + take * new
                h = say * c.tanh()
                seen = {"input": take, "forget": keep, "new": new, "output": say, "memory": c}
            for name, value in {**seen, "state": h}.items():
                kept.setdefault(name, []).append(value)
        return {name: torch.stack(values) for name, values in kept.items()}
