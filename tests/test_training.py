import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from maquette.methods.losses import CrossEntropy, SquaredError
from maquette.methods.optimizers import RMSprop, flat_parameter
from maquette.models import MLP
from maquette.runs import Run
from maquette.settings import Settings
from maquette.training import Average, Batches, Best, Learner, LossWithSlope, evaluate, fit, share, update, warm_cosine


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 100), st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_batches_see_every_row_once_an_epoch_and_resume(rows, size, seed, stop):
    batches = Batches(rows, size, seed)
    for _ in range(2):
        epoch = torch.cat([next(batches) for _ in range(len(batches))])
        assert sorted(epoch.tolist()) == list(range(rows)) and batches.position == 0
    for _ in range(stop):
        next(batches)
    other = Batches(rows, size, seed + 1)
    other.load_state_dict(batches.state_dict())
    assert all(torch.equal(next(batches), next(other)) for _ in range(2 * len(batches) + 1))


@given(st.integers(1, 40), st.integers(1, 16), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_processes_share_each_batch_and_their_mean_is_the_whole_one(rows, size, processes):
    values = torch.randn(rows, dtype=torch.float64)
    whole = Batches(rows, size, 0)
    shares = [Batches(rows, size, 0, rank=rank, processes=processes) for rank in range(processes)]
    for _ in range(len(whole)):
        batch, parts = next(whole), [next(share) for share in shares]
        mean = (
            sum(float(values[part].mean()) * share.weight for part, share in zip(parts, shares, strict=True))
            / processes
        )
        assert mean == pytest.approx(float(values[batch].mean()), abs=1e-12)


def test_update_is_one_step_of_gradient_descent_with_a_clipped_gradient():
    class Descent(RMSprop):
        def move(self, index, weight, gradient, memory):
            weight -= 0.1 * gradient

    weight = nn.Parameter(torch.tensor([3.0, 4.0]))
    update(Descent([weight]), (weight**2).sum() / 2)
    assert torch.allclose(weight, torch.tensor([2.7, 3.6]))
    update(Descent([weight]), (weight**2).sum() / 2, clip=1.0)
    assert torch.allclose(weight, torch.tensor([2.7 - 0.06, 3.6 - 0.08]), atol=1e-5)


def test_best_brings_back_the_best_weights():
    model = nn.Linear(1, 1)
    best = Best(model)
    for loss in (3.0, 1.0, 2.0, 5.0):
        nn.init.constant_(model.weight, loss)
        best.see(loss)
    assert best.epochs_since == 2
    best.restore()
    assert model.weight.item() == 1.0


def test_evaluate_is_the_mean_over_all_rows():
    x, y = torch.randn(23, 2), torch.randn(23, 1)
    model = nn.Linear(2, 1)
    expected = functional.mse_loss(model(x), y).item()
    assert evaluate(model, functional.mse_loss, ((x,), y), batch_size=5) == pytest.approx(expected, rel=1e-6)


def test_warm_cosine_rises_then_falls():
    factors = [warm_cosine(progress) for progress in np.linspace(0, 1, 200)]
    assert factors[0] == pytest.approx(0.1) and max(factors) > 0.99 and factors[-1] == pytest.approx(0, abs=1e-9)
    top = int(np.argmax(factors))
    assert factors[:top] == sorted(factors[:top]) and factors[top:] == sorted(factors[top:], reverse=True)


def test_fit_learns_eight_examples_by_heart(tmp_path):
    torch.manual_seed(0)
    x, y = torch.randn(8, 3), torch.randn(8, 1)
    model = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 1))
    part = ((x,), y)
    fit(
        model,
        functional.mse_loss,
        part,
        part,
        Run(tmp_path, Settings()),
        optimizer=lambda model: RMSprop([flat_parameter(model.parameters())]),
        epochs=1500,
        batch_size=8,
    )
    assert evaluate(model, functional.mse_loss, part) < 1e-3


def test_fit_takes_a_learner_s_own_gradient_which_is_autograd_s(tmp_path):
    x, y, seen, results = torch.randn(64, 3), torch.randn(64, 1), [], []

    class Told(MLP):
        def learn(self, numbers, target, slope):
            seen.append(len(numbers))
            return super().learn(numbers, target, slope)

    for loss in (SquaredError(), functional.mse_loss):
        torch.manual_seed(0)
        model = Told(inputs=3, hidden=(8,))
        folder = tmp_path / type(loss).__name__
        folder.mkdir()
        fit(
            model,
            loss,
            ((x,), y),
            ((x,), y),
            Run(folder, Settings()),
            optimizer=lambda model: RMSprop([flat_parameter(model.parameters())], 0.01),
            epochs=3,
            batch_size=16,
        )
        results.append(torch.cat([weight.detach().flatten() for weight in model.parameters()]))
    assert seen == [16] * 12, "asked once a step, and not where the loss tells no slope"
    torch.testing.assert_close(*results, rtol=1e-3, atol=1e-4)


def test_who_writes_its_gradient_out_is_told_by_its_methods():
    assert isinstance(SquaredError(), LossWithSlope) and isinstance(CrossEntropy(), LossWithSlope)
    assert not isinstance(functional.mse_loss, LossWithSlope)
    assert isinstance(MLP(inputs=2), Learner) and not isinstance(nn.Linear(2, 1), Learner)


def test_patience_ends_training(tmp_path):
    x, y = torch.randn(64, 1), torch.randn(64, 1)  # nothing to learn
    run = Run(tmp_path, Settings())
    fit(
        nn.Linear(1, 1),
        functional.mse_loss,
        ((x,), y),
        ((x[:8],), -y[:8]),
        run,
        optimizer=lambda model: RMSprop([flat_parameter(model.parameters())], 0.1),
        epochs=500,
        batch_size=16,
        patience=4,
    )
    assert len(run.metrics()) < 500


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 8))
def test_shares_of_a_batch_hold_each_row_once_and_their_weighted_means_are_the_whole_s(rows, processes):
    values = torch.arange(rows, dtype=torch.float64) ** 2
    parts = [share(rows, rank, processes) for rank in range(processes)]
    seen = torch.cat([values[mine] for mine, weight in parts if weight])
    assert sorted(seen.tolist()) == values.tolist()
    assert all(len(values[mine]) > 0 for mine, _ in parts), "a process without rows would wait for ever"
    means = [weight * values[mine].mean() for mine, weight in parts]
    torch.testing.assert_close(sum(means) / processes, values.mean())


def test_the_average_weighs_each_step_by_its_number_to_a_power():
    model = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    average = Average(model, power=3.0)
    seen = []
    for step in range(1, 9):
        with torch.no_grad():
            model[0].weight.normal_()
            model[1].running_mean.fill_(step)
        seen.append(model[0].weight.detach().clone().double())
        average.update(step)
    # the products of 1 - b telescope: weights as differences of s^(power + 1)
    edges = torch.arange(9, dtype=torch.float64) ** 4
    expected = sum((edges[s] - edges[s - 1]) * seen[s - 1] for s in range(1, 9)) / edges[8]
    assert torch.allclose(average.network[0].weight.double(), expected, atol=1e-6)
    assert not average.network.training and float(average.network[1].running_mean) == 8
    other = Average(nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1)))
    other.load_state_dict(average.state_dict())
    average.restore(), other.restore()
    assert torch.equal(model[0].weight, other.model[0].weight) and torch.equal(
        model[0].weight, average.network[0].weight
    )
