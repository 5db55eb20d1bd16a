import copy

import pytest
import torch
from torch import nn

from maquette.methods.optimizers import Adamax, AdamW, Muon, RMSprop, Together, flat_parameter, orthogonal


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


def test_adamax_follows_the_formula_by_hand():
    weight = nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    optimizer = Adamax([weight], 0.1)
    value, mean, largest = 1.0, 0.0, 0.0
    for step in range(1, 6):
        weight.grad = 3 * weight.detach() ** 2 - 1
        gradient = 3 * value**2 - 1
        mean = 0.9 * mean + 0.1 * gradient
        largest = max(0.999 * largest, abs(gradient))
        value -= 0.1 / (1 - 0.9**step) * mean / (largest + 1e-7)
        optimizer.step()
        assert weight.item() == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("shape", [(1, 3, 5), (1, 7, 4), (2, 6, 6), (2, 20, 3)])
def test_orthogonal_keeps_the_singular_vectors_and_evens_out_the_values(shape):
    torch.manual_seed(0)
    matrices = torch.randn(shape, dtype=torch.float64)
    turned = torch.stack(orthogonal(list(matrices), iterations=8))
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    values = u.mT @ turned @ v.mT
    diagonal = torch.diagonal(values, dim1=-2, dim2=-1)
    assert (values - torch.diag_embed(diagonal)).abs().max() < 1e-8
    assert diagonal.min() > 0.6 and diagonal.max() < 1.25


def test_orthogonal_takes_tall_and_wide_ones_together_as_alone():
    torch.manual_seed(0)
    matrices = [torch.randn(4, 9), torch.randn(12, 4) * 100, torch.randn(4, 4) / 100]
    for one, turned in zip(matrices, orthogonal(matrices), strict=True):
        assert turned.shape == one.shape
        torch.testing.assert_close(turned, orthogonal([one])[0])


def test_muon_takes_equal_shapes_together_as_it_would_alone():
    def trained(split: bool):
        torch.manual_seed(1)
        weights = [
            nn.Parameter(torch.randn(4, 3, 3, 3)),
            nn.Parameter(torch.randn(4, 3, 3, 3)),
            nn.Parameter(torch.zeros(4)),
        ]
        optimizers = [Muon([each], 0.02) for each in weights] if split else [Muon(weights, 0.02)]
        for _ in range(4):
            loss = sum(((each - 0.3) ** 2).sum() for each in weights)
            for optimizer in optimizers:
                optimizer.clear()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
        return weights

    for a, b in zip(trained(True), trained(False), strict=True):
        torch.testing.assert_close(a, b)


def test_muon_s_step_has_the_size_it_says():
    weight = nn.Parameter(torch.randn(6, 12))
    before = weight.detach().clone()
    weight.grad = torch.randn(6, 12)
    Muon([weight], 0.02).step()
    values = torch.linalg.svdvals((before - weight.detach()) / 0.02)
    assert values.min() > 0.6 and values.max() < 1.3


@pytest.mark.parametrize("kind", [Adamax, Muon])
def test_saved_and_loaded_goes_on_alike(kind):
    one, other = a_model(), a_model()
    first, second = kind(one.parameters(), 0.01), kind(other.parameters(), 0.01)
    for step in range(6):
        a_loss(one, step).backward()
        first.step()
        first.clear()
        if step == 2:
            other.load_state_dict(one.state_dict())
            second.load_state_dict(copy.deepcopy(first.state_dict()))
        if step > 2:
            a_loss(other, step).backward()
            second.step()
            second.clear()
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_optimizers_together_do_what_each_does_alone():
    torch.manual_seed(0)
    first, second = nn.Linear(4, 3), nn.Linear(3, 2)
    alone = copy.deepcopy(first), copy.deepcopy(second)
    together = Together(Muon([first.weight], 0.1), AdamW([first.bias, *second.parameters()], 0.01))
    apart = Muon([alone[0].weight], 0.1), AdamW([alone[0].bias, *alone[1].parameters()], 0.01)
    x = torch.randn(8, 4)
    for number in range(5):
        factor = 1 - number / 5
        together.scale(factor)
        for optimizer, rate in zip(apart, (0.1, 0.01), strict=True):
            optimizer.learning_rate = rate * factor
        for layers, stepped in (((first, second), [together]), (alone, apart)):
            for optimizer in stepped:
                optimizer.clear()
            layers[1](layers[0](x).relu()).square().mean().backward()
            for optimizer in stepped:
                optimizer.step()
    for ours, other in zip(
        (*first.parameters(), *second.parameters()), (*alone[0].parameters(), *alone[1].parameters()), strict=True
    ):
        assert torch.equal(ours, other)
    again = Together(Muon([first.weight], 0.1), AdamW([first.bias, *second.parameters()], 0.01))
    again.load_state_dict(together.state_dict())
    assert again.optimizers[1].steps == 5 and again.optimizers[0].learning_rate == pytest.approx(0.02)
