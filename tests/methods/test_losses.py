import pytest
import torch
from torch.nn import functional

from maquette.methods.losses import CrossEntropy, SquaredError

WEIGHTS = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)


def case(kind: str, members: bool):
    torch.manual_seed(0)
    shape = (6, 4, 3) if members else (6, 3)
    predicted = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    if kind == "numbers":
        return SquaredError(), predicted, torch.randn(6, 3, dtype=torch.float64)
    return CrossEntropy(WEIGHTS if kind == "weighted" else None), predicted, torch.randint(3, (6,))


@pytest.mark.parametrize("members", [False, True])
@pytest.mark.parametrize("kind", ["numbers", "classes", "weighted"])
def test_losses_are_torchs_and_slopes_are_autograds(kind, members):
    loss, predicted, target = case(kind, members)
    rows = predicted if not members else predicted.flatten(0, 1)
    repeated = target if not members else target.repeat_interleave(4, 0)
    if kind == "numbers":
        expected = functional.mse_loss(rows, repeated)
    else:
        weights = WEIGHTS if kind == "weighted" else None
        expected = functional.cross_entropy(rows, repeated, weight=weights, reduction="none").mean()
    torch.testing.assert_close(loss(predicted, target), expected)
    (gradient,) = torch.autograd.grad(expected, predicted)
    value, slope = loss.slope(predicted.detach(), target)
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(slope, gradient)
