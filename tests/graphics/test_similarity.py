"""The plain loss of a picture, beside scikit-image."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from maquette.graphics import similarity


def pictures(height=40, width=56):
    chance = np.random.default_rng(0)
    truth = chance.random((3, height, width))
    return np.clip(truth + chance.normal(0, 0.1, truth.shape), 0, 1), truth


def test_similarity_is_scikit_images_inside_of_the_picture():
    picture, truth = pictures()
    found = similarity.similarity(torch.tensor(picture), torch.tensor(truth)).numpy()
    edge = similarity.REACH
    for colour in range(3):
        _, expected = structural_similarity(
            truth[colour], picture[colour], data_range=1, gaussian_weights=True, use_sample_covariance=False, full=True
        )
        inside = slice(edge, -edge)
        np.testing.assert_allclose(found[colour, inside, inside], expected[inside, inside], atol=1e-9)


def test_the_loss_of_equal_pictures_is_nothing():
    _, truth = pictures()
    loss, similar = similarity.loss(torch.tensor(truth), torch.tensor(truth), 0.2)
    assert float(loss) == pytest.approx(0, abs=1e-12) and float(similar) == pytest.approx(1)


def test_opacity_counts_where_it_differs():
    opacity, alpha = torch.tensor([[0.2, 1.0], [0.0, 0.6]]), torch.tensor([[0.0, 1.0], [1.0, 0.5]])
    assert float(similarity.opacity_loss(opacity, alpha)) == pytest.approx(similarity.CLEAR * 1.3 / 4)
    mask = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    assert float(similarity.opacity_loss(opacity, alpha, mask)) == pytest.approx(similarity.CLEAR * 0.2 / 4)


def test_a_mask_weighs_both_terms():
    picture, truth = (torch.tensor(each) for each in pictures())
    mask = torch.zeros(picture.shape[1:], dtype=torch.float64)
    mask[:, :20] = 1
    loss, similar = similarity.loss(picture, truth, 0.3, mask)
    absolute = (picture - truth).abs()[..., :20].sum() / picture.numel()
    whole = similarity.similarity(picture, truth)[..., :20]
    assert float(loss) == pytest.approx(float(0.7 * absolute + 0.3 * (1 - whole).sum() / picture.numel()))
    assert float(similar) == pytest.approx(float(whole.mean()))
