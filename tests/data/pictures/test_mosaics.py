"""Grids of pictures, and pictures large enough to be seen."""

import numpy as np
import pytest

from maquette.data.pictures.mosaics import columns_of, enlarged, mosaic
from maquette.settings import UserError


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (7, 7 - 4), (10, 5), (12, 4), (16, 4), (64, 8)])
def test_a_grid_is_about_square_and_full_where_it_can_be(count, columns):
    assert columns_of(count) == columns


def test_every_picture_stands_in_its_place():
    pictures = [np.full((2, 3, 3), 10 * number, np.uint8) for number in range(5)]
    whole = mosaic(pictures, columns=2, gap=1)
    assert whole.shape == (3 * 3 - 1, 2 * 4 - 1, 3) and whole.dtype == np.uint8
    assert whole[::3, ::4, 0].flatten().tolist() == [0, 10, 20, 30, 40, 255]
    assert (whole[6:, 4:] == 255).all() and (whole[2] == 255).all()
    with pytest.raises(UserError, match="3 x 2 and 3 x 4"):
        mosaic([pictures[0], np.zeros((4, 3, 3), np.uint8)])


def test_pixels_become_squares():
    picture = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
    large = enlarged(picture, 5)
    assert large.shape == (6, 9, 1) and (large[::3, ::3] == picture).all() and (large[2::3, 1::3] == picture).all()
    assert enlarged(picture, 1) is not None and enlarged(picture, 1).shape == picture.shape
