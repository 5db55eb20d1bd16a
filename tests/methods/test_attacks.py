"""Attacks against captum's, against the closed form of a linear classifier, and within their bounds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from maquette.methods.attacks import fgsm, pgd, slope
from maquette.models import ResNet, SmallCNN, SoftmaxClassifier

pytestmark = pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients")
CROSS_ENTROPY = nn.CrossEntropyLoss(reduction="none")


def a_network(channels: int = 1) -> nn.Module:
    torch.manual_seed(3)
    return SmallCNN(height=12, width=12, channels=channels, classes=5, widths=(6, 8)).eval()


def some_pictures(count: int = 7, channels: int = 1, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.rand(count, channels, 12, 12, generator=g), torch.randint(5, (count,), generator=g)


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_fgsm_is_captum_s(targeted, channels):
    network, (pictures, classes) = a_network(channels).double(), some_pictures(channels=channels)
    pictures = pictures.double()  # in float32 the sign of a slope of about nought is chance
    robust = pytest.importorskip("captum.robust")
    other = robust.FGSM(network, CROSS_ENTROPY, lower_bound=0.0, upper_bound=1.0)
    other.zero_thresh = 0.0  # captum passes over slopes below 1e-6, the papers do not
    expected = other.perturb(pictures, 0.1, classes, targeted=targeted)
    torch.testing.assert_close(fgsm(network, pictures, classes, 0.1, targeted=targeted), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("targeted", [False, True])
def test_pgd_is_captum_s(targeted):
    network, (pictures, classes) = a_network().double(), some_pictures()
    pictures = pictures.double()
    robust = pytest.importorskip("captum.robust")
    other = robust.PGD(network, CROSS_ENTROPY, lower_bound=0.0, upper_bound=1.0)
    other.fgsm.zero_thresh = 0.0
    expected = other.perturb(pictures, 0.1, 0.03, 6, classes, targeted=targeted, norm="Linf")
    found = pgd(network, pictures, classes, 0.1, steps=6, step_size=0.03, targeted=targeted)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_the_slope_is_a_finite_difference():
    network, (pictures, classes) = a_network().double(), some_pictures(2)
    pictures = pictures.double()
    found = slope(network, pictures, classes)
    g = torch.Generator().manual_seed(1)
    for _ in range(5):
        direction = torch.randn(pictures.shape, generator=g, dtype=torch.float64) * 1e-6
        above, below = (CROSS_ENTROPY(network(pictures + sign * direction), classes).sum() for sign in (1, -1))
        assert float((above - below).detach() / 2) == pytest.approx(
            float((found * direction).sum()), rel=1e-4, abs=1e-12
        )


def test_a_picture_s_attack_does_not_depend_on_its_neighbours():
    torch.manual_seed(0)
    network = ResNet(widths=(4, 6), blocks=(0, 1), classes=5).eval()
    pictures, classes = some_pictures()
    alone = torch.cat([fgsm(network, pictures[i : i + 1], classes[i : i + 1], 0.1) for i in range(7)])
    assert (fgsm(network, pictures, classes, 0.1) - alone).abs().gt(1e-6).float().mean() < 0.01  # signs of about nought


def test_of_a_linear_classifier_of_two_classes_the_step_is_the_strongest_possible():
    """The margin w x + b falls by epsilon |w|_1, and no change within the ball takes more; Goodfellow et al. 2015."""
    torch.manual_seed(0)
    model = SoftmaxClassifier(height=6, width=6, classes=2).double()
    pictures = torch.rand(4, 1, 6, 6, dtype=torch.float64) * 0.5 + 0.25  # away from 0 and 1, where nothing is clipped
    classes = torch.tensor([0, 1, 0, 1])
    weights = model.linear.weight

    def margins(at):
        logits, rows = model(at), torch.arange(4)
        return logits[rows, classes] - logits[rows, 1 - classes]

    lost = margins(pictures) - margins(fgsm(model, pictures, classes, 0.1))
    expected = 0.1 * (weights[0] - weights[1]).abs().sum()
    torch.testing.assert_close(lost, expected.expand(4))
    found = pgd(
        model,
        pictures,
        classes,
        0.1,
        steps=30,
        start=torch.rand(pictures.shape, generator=torch.Generator().manual_seed(0)),
    )
    torch.testing.assert_close(margins(found), margins(fgsm(model, pictures, classes, 0.1)))


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10**6), st.floats(1e-4, 1.0), st.integers(1, 5), st.floats(1e-4, 1.0), st.booleans(), st.booleans()
)
def test_attacks_stay_in_the_ball_and_in_the_range(seed, epsilon, steps, step_size, targeted, is_random):
    network, (pictures, classes) = a_network(), some_pictures(2, seed=seed)
    start = torch.rand(pictures.shape, generator=torch.Generator().manual_seed(seed)) if is_random else None
    for found in (
        fgsm(network, pictures, classes, epsilon, targeted=targeted),
        pgd(
            network, pictures, classes, epsilon,
            steps=steps, step_size=step_size, start=start, targeted=targeted,
        ),
    ):  # fmt: skip
        assert found.shape == pictures.shape and found.dtype == pictures.dtype
        assert float(found.min()) >= 0 and float(found.max()) <= 1
        assert float((found - pictures).abs().max()) <= epsilon + 1e-6


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.floats(0.0, 1.0))
def test_on_a_linear_classifier_the_loss_never_falls(seed, epsilon):
    """The loss is convex in the picture, so a step up its slope, also a clipped one, cannot lower it."""
    torch.manual_seed(seed)
    model = SoftmaxClassifier(height=12, width=12, classes=5).double()
    pictures, classes = some_pictures(3, seed=seed)
    pictures = pictures.double()
    before, after = (CROSS_ENTROPY(model(at), classes) for at in (pictures, fgsm(model, pictures, classes, epsilon)))
    assert bool((after >= before - 1e-12).all())
    led = CROSS_ENTROPY(model(pgd(model, pictures, classes, 0.1, steps=3, targeted=True)), classes)
    assert bool((led <= before + 1e-2).all())


def test_attacks_work_where_gradients_are_switched_off_and_leave_the_weights_alone():
    network, (pictures, classes) = a_network(), some_pictures()
    expected = fgsm(network, pictures, classes, 0.1)
    with torch.inference_mode():
        found = fgsm(network, pictures * 1, classes * 1, 0.1)
    torch.testing.assert_close(found, expected)
    assert all(weight.grad is None for weight in network.parameters())
    assert not expected.requires_grad


def test_a_random_start_is_the_generator_s():
    network, (pictures, classes) = a_network(), some_pictures()

    def found(seed):
        return pgd(
            network,
            pictures,
            classes,
            0.2,
            steps=2,
            start=torch.rand(pictures.shape, generator=torch.Generator().manual_seed(seed)),
        )

    torch.testing.assert_close(found(1), found(1), rtol=0, atol=0)
    assert not torch.equal(found(1), found(2))
