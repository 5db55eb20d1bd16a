"""How far back a network that reads tokens remembers: by its gradients, by what it has read, and by tasks made for it.

B sequences, T tokens.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

HOLD = 16  # symbols that are to be remembered; as many others stand between, and then a mark that asks
ASKS = 2 * HOLD


def gradient_reach(embed: Callable[[Tensor], Tensor], after: Callable[[Tensor], Tensor], tokens: Tensor) -> np.ndarray:
    """How strongly each token of the past still acts on what is said at the end: (T,), the last token first.

    The norm of d loss / d x_t, x_t the numbers of token t and loss that of the last token of `tokens` (B, T + 1), the
    mean over sequences; Bengio et al. 1994, section 3. embed: tokens to numbers; after: numbers (B, T, E) to the logits
    (B, V) after the last.
    """
    x = embed(tokens[:, :-1]).detach().requires_grad_()
    loss = functional.cross_entropy(after(x), tokens[:, -1], reduction="sum")
    norms = torch.autograd.grad(loss, x)[0].norm(dim=-1).double().mean(0)
    return norms.flip(0).numpy()


def recall_task(rows: int, distance: int, held: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences in which `held` symbols stand at the beginning and are asked for in order, `distance` tokens later.

    Tokens (rows, 2 held + distance - 1): the symbols, below HOLD; `distance` - 1 others between, of HOLD more kinds;
    then a mark that asks, and after it what is to be said so far. Targets (rows, held): the symbols, said at the last
    `held` places.
    """
    symbols = torch.randint(HOLD, (rows, held), generator=generator)
    between = torch.randint(HOLD, 2 * HOLD, (rows, distance - 1), generator=generator)
    asks = torch.full((rows, 1), ASKS)
    return torch.cat([symbols, between, asks, symbols[:, :-1]], dim=1), symbols


def recalled(model: Any, distance: int, held: int, rows: int, seed: int) -> float:
    """The share of symbols that the model says right after so many tokens; by chance 1 of HOLD."""
    tokens, symbols = recall_task(rows, distance, held, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        said = model(tokens)[:, -held:].argmax(-1)
    return float((said == symbols).double().mean())


def distances_between(least: int, most: int, count: int) -> list[int]:
    """About `count` whole numbers from `least` to `most`, each about the same times the one before."""
    return sorted({round(value) for value in np.geomspace(least, most, count)})
