"""Pictures exposed by compiled kernels, against the plain version and finite differences."""

import numpy as np
import pytest

from maquette.kernels.exposing import expose, expose_backward
from maquette.methods.exposure import exposed


@pytest.mark.parametrize("shape", [(5, 4), (1, 1), (33, 70)])
def test_it_is_the_plain_version_with_its_derivatives(shape):
    chance = np.random.default_rng(1)
    picture, slopes = (chance.normal(size=(3, *shape)).astype(np.float32) for _ in range(2))
    matrix = chance.normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_allclose(expose(picture, matrix), exposed(picture, matrix), rtol=1e-5, atol=1e-5)
    exact = picture.astype(float), matrix.astype(float)
    found = expose_backward(picture, matrix, slopes)
    by_picture, by_matrix = expose_backward(*exact, slopes.astype(float))
    for each, by in zip(found, (by_picture, by_matrix), strict=True):
        np.testing.assert_allclose(each, by, rtol=1e-4, atol=1e-4)
    for by, place in ((by_picture, 0), (by_matrix, 1)):
        for at in [(0, *[0] * (by.ndim - 1)), tuple(np.array(by.shape) - 1)]:
            found = []
            for change in (1e-6, -1e-6):
                moved = [each.copy() for each in exact]
                moved[place][at] += change
                found.append((exposed(*moved) * slopes).sum())
            assert by[at] == pytest.approx((found[0] - found[1]) / 2e-6, rel=1e-6, abs=1e-6)
