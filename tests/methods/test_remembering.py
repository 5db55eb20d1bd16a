"""How far networks remember: tasks with known answers, gradients against closed forms."""

import numpy as np
import torch
from torch import nn

from maquette.methods.remembering import ASKS, HOLD, distances_between, gradient_reach, recall_task, recalled


def test_the_task_asks_for_what_was_shown():
    tokens, symbols = recall_task(50, 7, 3, torch.Generator().manual_seed(1))
    assert tokens.shape == (50, 12) and torch.equal(tokens[:, :3], symbols)
    assert ((tokens[:, 3:9] >= HOLD) & (tokens[:, 3:9] < 2 * HOLD)).all()
    assert (tokens[:, 9] == ASKS).all() and torch.equal(tokens[:, 10:], symbols[:, :2])
    assert len(symbols.unique()) > HOLD // 2


def test_who_looks_back_is_right_and_who_guesses_is_not():
    class Looks(nn.Module):
        def forward(self, tokens):
            held = (tokens.shape[1] - 19) // 2
            said = nn.functional.one_hot(tokens[:, :held], ASKS + 1).float()
            return torch.cat([torch.zeros(len(tokens), tokens.shape[1] - held, ASKS + 1), said], 1)

    assert recalled(Looks(), 20, 2, 64, 0) == 1
    chance = recalled(lambda tokens: torch.zeros(*tokens.shape, HOLD), 20, 2, 4000, 0)
    assert abs(chance - 1 / HOLD) < 0.02


def test_the_reach_of_a_linear_recurrence_falls_by_its_factor():
    """h_t = a h_t-1 + x_t: the slope of anything of h_T by x_t is a^(T - t) times that by x_T."""
    factor, table = 0.8, torch.nn.functional.one_hot(torch.arange(5), 5).double()
    weights = torch.tensor([factor**k for k in range(9, -1, -1)], dtype=torch.float64)

    def after(x):
        return (x * weights[:, None]).sum(1)

    norms = gradient_reach(lambda tokens: table[tokens], after, torch.randint(5, (6, 11)))
    assert np.allclose(norms / norms[0], factor ** np.arange(10))


def test_distances_rise_evenly():
    found = distances_between(1, 400, 8)
    assert found[0] == 1 and found[-1] == 400 and found == sorted(set(found))
