"""Latents found again, and the truncated normal distribution beside scipy's."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest, truncnorm

from maquette.methods.inversion import descend, differences, truncated
from maquette.models import Generator


@pytest.mark.slow
def test_what_a_generator_made_is_found_again():
    torch.manual_seed(0)
    generator = Generator(size=8, widths=[8], latents=6).requires_grad_(False)
    latents = torch.randn(3, 6)
    given = generator(latents)
    starts = torch.randn(3, 6)
    with torch.no_grad():  # as where a run is scored
        found, far = descend(generator, given, starts, 300)
    assert far == pytest.approx(differences(generator(found), given).numpy(), abs=1e-7)
    assert float(far.max()) < 1e-3 < float(differences(generator(starts), given).min())


def test_differences_are_zero_for_the_same_and_blind_to_nothing():
    pictures = torch.rand(2, 3, 8, 8)
    assert differences(pictures, pictures).tolist() == [0, 0]
    assert differences(pictures, pictures + 0.5).numpy() == pytest.approx(3 * 0.25)  # at each of three sizes
    checked = torch.ones(8, 8)
    checked[::2, ::2] = checked[1::2, 1::2] = -1
    assert differences(pictures, pictures + checked).numpy() == pytest.approx(1)  # gone at a half and a quarter


@pytest.mark.parametrize("bound", [0.3, 1.0, 2.5])
def test_truncated_numbers_are_of_the_normal_distribution_cut_off(bound):
    latents = torch.randn(5000, generator=torch.Generator().manual_seed(0))
    cut = truncated(latents, bound)
    assert float(cut.abs().max()) <= bound
    assert kstest(cut.numpy(), truncnorm(-bound, bound).cdf).pvalue > 0.01
    order = torch.argsort(latents)
    assert bool((cut[order].diff() >= 0).all())
    np.testing.assert_allclose(truncated(latents, 40.0), latents, atol=1e-5)  # bounds beyond all that is drawn
