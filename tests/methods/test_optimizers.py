import copy

import pytest
import torch
from torch import nn

from maquette.methods.optimizers import AdamW, RMSprop, flat_parameter


def a_loss(model, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(8, 3, generator=generator)
    return (model(x) - x.sum(1, keepdim=True)).square().mean()


def a_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).double().float()


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_adamw_is_torchs(weight_decay):
    ours, theirs = a_model(), a_model()
    mine = AdamW(ours.parameters(), 0.01, weight_decay=weight_decay)
    reference = torch.optim.AdamW(theirs.parameters(), 0.01, weight_decay=weight_decay)
    for step in range(50):
        for model, optimizer in ((ours, mine), (theirs, reference)):
            for weight in model.parameters():
                weight.grad = None
            a_loss(model, step).backward()
            optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_rmsprop_follows_the_formula_by_hand():
    weight = nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    optimizer = RMSprop([weight], 0.1)
    value, square = 1.0, 0.0
    for _ in range(5):
        gradient = 2 * value
        square = 0.9 * square + 0.1 * gradient**2
        value -= 0.1 * gradient / (square + 1e-7) ** 0.5
        weight.grad = 2 * weight.detach()
        optimizer.step()
    assert weight.item() == pytest.approx(value, rel=1e-12)


def test_one_flat_parameter_does_the_same_arithmetic():
    plain, flattened = a_model(), a_model()
    one = RMSprop(plain.parameters())
    flat = RMSprop([flat_parameter(flattened.parameters())])
    for step in range(20):
        for model, optimizer in ((plain, one), (flattened, flat)):
            optimizer.clear()
            a_loss(model, step).backward()
            optimizer.step()
    for a, b in zip(plain.parameters(), flattened.parameters(), strict=True):
        assert torch.equal(a, b)


def test_state_comes_back():
    model = a_model()
    optimizer = AdamW([flat_parameter(model.parameters())], 0.01)
    for step in range(3):
        optimizer.clear()
        a_loss(model, step).backward()
        optimizer.step()
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(optimizer.state_dict())
    other = a_model()
    again = AdamW([flat_parameter(other.parameters())], 0.5)
    other.load_state_dict(weights)
    again.load_state_dict(state)
    for each, stepper in ((model, optimizer), (other, again)):
        stepper.clear()
        a_loss(each, 9).backward()
        stepper.step()
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
