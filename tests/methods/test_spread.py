"""What is not spread passes through; two processes are tested with the recipe gpt."""

import torch

from maquette.methods.spread import Whole, is_spread, spread_like, whole


def test_plain_values_pass_through():
    state = {"a": torch.ones(2), "b": [torch.zeros(1), (3, "x")], "c": None}
    assert whole(state)["a"] is state["a"] and whole(state)["b"][1] == (3, "x")
    assert spread_like(state, state)["b"][0] is state["b"][0]
    assert not is_spread(torch.ones(1)) and not is_spread(3)


def test_the_state_of_a_wrapped_model_is_its_own():
    first, second = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    Whole(second).load_state_dict(Whole(first).state_dict())
    assert torch.equal(first.weight, second.weight)
