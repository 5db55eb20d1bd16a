"""Tiles: their weights add up to one, and a network in tiles gives what it gives on the whole."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from maquette.methods.tiles import OVERLAP, apply_in_tiles, ramp, spans
from maquette.models import DnCNN, UNet


@given(st.integers(1, 2000), st.integers(64, 700), st.sampled_from([16, 32, 64]))
def test_weights_add_up_to_one_and_no_tile_is_too_large(size, tile, overlap):
    pieces, total = spans(size, tile, overlap), np.zeros(size)
    for piece in pieces:
        total[piece] += ramp(piece, size, overlap)
        assert piece.stop - piece.start <= max(tile, 2 * overlap + 16)
        assert piece.start % 16 == 0
    assert pieces[0].start == 0 and pieces[-1].stop == size
    assert total == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "network", [UNet(channels=1, widths=(8, 16), blocks=(1, 1), ups=(1,)), DnCNN(depth=5, width=8)]
)
def test_tiled_equals_untiled_away_from_the_borders(network):
    torch.manual_seed(0)
    network.eval()
    pixels = np.random.default_rng(0).random((330, 410, 1), dtype=np.float32)
    counted = []
    with torch.inference_mode():
        whole = apply_in_tiles(network, pixels, 1000)
        tiled = apply_in_tiles(network, pixels, 176, progress=lambda done, total: counted.append((done, total)))
    assert counted[-1][0] == counted[-1][1] == len(spans(330, 176)) * len(spans(410, 176)) > 4
    assert np.abs(tiled - whole).max() < 1e-3
    seams = np.zeros_like(whole[..., 0], bool)
    for piece in spans(410, 176)[1:]:
        seams[:, piece.start : piece.start + OVERLAP] = True
    error = np.abs(tiled - whole)[..., 0]
    assert error[seams].max() < 1e-3, "a seam shows"


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(16, 200))
def test_any_size_of_picture_and_tile(height, width, tile):
    pixels = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
    np.testing.assert_allclose(apply_in_tiles(nn.Identity(), pixels, tile), pixels, atol=1e-6)
