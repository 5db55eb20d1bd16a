"""Rays, samples, compositing, contraction and encodings: closed forms."""

import math

import numpy as np
import pytest
import torch

from maquette.graphics.cameras import camera_at
from maquette.graphics.encodings import corner_of, frequencies, hash_encode, resolutions
from maquette.graphics.radiance import composite, finer, spread_of, stratified, weights_of
from maquette.graphics.rays import box_crossing, contract, expand, rays_of


def test_rays_go_through_the_centres_of_their_pixels():
    camera = camera_at(
        np.array([1.0, -2, 0.5]), np.zeros(3), np.array([0.0, 0, 1]), width=7, height=5, focal=6.0
    )  # fmt: skip
    origins, ways = rays_of(camera)
    pixels, depths = camera.project((origins + 3 * ways).double().numpy())
    rows, columns = np.mgrid[:5, :7]
    np.testing.assert_allclose(pixels, np.stack([columns, rows], -1).reshape(-1, 2) + 0.5, atol=1e-4)
    assert (depths > 0).all()
    np.testing.assert_allclose(ways.norm(dim=1), 1, atol=1e-6)
    some = rays_of(camera, torch.tensor([[3, 2], [6, 4]]))[1]
    torch.testing.assert_close(some, ways[[2 * 7 + 3, 4 * 7 + 6]])


def test_rays_enter_and_leave_the_cube_where_they_should():
    origins = torch.tensor([[-3.0, 0, 0], [0, 0, 0], [-3, 2, 0], [0, -2, 0]])
    ways = torch.tensor([[1.0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0.6, 0.8]])
    near, far = box_crossing(origins, ways)
    assert near.tolist()[:2] == [2, 0] and far.tolist()[:2] == [4, 1]
    assert near[2] > far[2] and near[3] == pytest.approx(1 / 0.6) and far[3] == pytest.approx(1 / 0.8)


def test_all_of_space_fits_into_a_cube_and_comes_back():
    points = torch.tensor([[0.3, -0.2, 1.0], [2, 0, 0], [0, -4, 2], [1e6, 0, 1e6]], dtype=torch.float64)
    inner = contract(points)
    torch.testing.assert_close(inner[0], points[0])
    torch.testing.assert_close(inner[1], torch.tensor([1.5, 0, 0]).double())
    torch.testing.assert_close(inner[2], torch.tensor([0, -1.75, 0.875]).double())
    assert inner.abs().max() < 2
    torch.testing.assert_close(expand(inner), points, rtol=1e-6, atol=1e-9)


def test_an_even_medium_stops_light_by_its_thickness():
    """1 - exp(-density length), in however many steps."""
    for samples in (1, 7, 100):
        lengths = torch.full((1, samples), 2.0 / samples, dtype=torch.float64)
        density = torch.full_like(lengths, 0.7)
        weights, through = weights_of(density, lengths)
        assert weights.sum().item() == pytest.approx(1 - math.exp(-1.4))
        assert through[0, -1].item() == pytest.approx(math.exp(-1.4))
        colour = torch.tensor([0.2, 0.5, 0.9]).double().expand(1, samples, 3)
        behind = torch.tensor([1.0, 0, 0]).double()
        seen, left, _ = composite(density, colour, lengths, lengths.cumsum(1), behind)
        expected = (1 - left) * colour[0, 0] + left * behind
        torch.testing.assert_close(seen[0], expected[0] if expected.ndim > 1 else expected)


def test_a_wall_is_seen_where_it_stands_and_nothing_behind_it():
    density = torch.tensor([[0.0, 0, 1e4, 1e4], [0, 0, 0, 0]])
    colours = torch.eye(4)[:, :3].expand(2, 4, 3)
    distances = torch.tensor([[1.0, 2, 3, 4]]).expand(2, 4)
    seen, left, depth = composite(density, colours, torch.ones(2, 4), distances, torch.tensor([0.5, 0.5, 0.5]))
    torch.testing.assert_close(seen, torch.tensor([[0.0, 0, 1], [0.5, 0.5, 0.5]]))
    assert left.tolist() == [0, 1] and depth.tolist() == [3, 0]


def test_derivatives_of_compositing_are_finite_differences():
    torch.manual_seed(0)
    given = (torch.rand(3, 5).double(), torch.rand(3, 5, 3).double(), torch.rand(3, 5).double())
    given = tuple(each.requires_grad_() for each in given)
    distances, behind = torch.rand(3, 5).double().cumsum(1), torch.rand(3, 3).double()
    assert torch.autograd.gradcheck(lambda d, c, step: composite(d, c, step, distances, behind), given)


@pytest.mark.parametrize("is_endless", [False, True])
def test_what_is_spread_is_the_sum_over_all_pairs(is_endless):
    """Equation (15) of Barron et al. 2022 written out, over pairs of samples; a wall spreads over its own part only."""
    torch.manual_seed(0)
    distances = torch.rand(7, 20, dtype=torch.float64).mul(4).sort(1).values
    weights, lengths = torch.rand(7, 20, dtype=torch.float64) / 20, torch.rand(7, 20, dtype=torch.float64)
    places, sizes = distances, lengths
    if is_endless:
        places = torch.where(distances > 1, 2 - 1 / distances, distances)
        sizes = lengths * torch.where(distances > 1, distances**-2, torch.ones_like(distances))
    pairs = weights[:, :, None] * weights[:, None] * (places[:, :, None] - places[:, None]).abs()
    expected = pairs.sum((1, 2)) + (weights**2 * sizes).sum(1) / 3
    torch.testing.assert_close(spread_of(weights, lengths, distances, is_endless), expected)
    wall = torch.zeros(1, 20, dtype=torch.float64)
    wall[0, 5] = 1
    assert float(spread_of(wall, lengths[:1], distances[:1])[0]) == pytest.approx(float(lengths[0, 5]) / 3)


def test_each_part_of_a_ray_has_a_sample():
    near, far = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 2.5])
    middles = stratified(near, far, 4)
    torch.testing.assert_close(middles[0], torch.tensor([1.25, 1.75, 2.25, 2.75]))
    shares = (stratified(near, far, 8, torch.rand(2, 8)) - near[:, None]) / (far - near)[:, None]
    assert ((shares * 8).floor() == torch.arange(8)).all()


def test_finer_samples_lie_where_weights_are():
    edges = torch.linspace(0, 1, 6).expand(2, 6)
    weights = torch.tensor([[0.0, 0, 1, 0, 0], [1, 1, 1, 1, 1]])
    found = finer(edges, weights, 50)
    assert ((found[0] >= 0.4 - 1e-3) & (found[0] <= 0.6 + 1e-3)).all()
    torch.testing.assert_close(found[1], (torch.arange(50) + 0.5) / 50, atol=1e-3, rtol=0)
    assert (found.diff(dim=1) >= 0).all()
    drawn = finer(edges, torch.tensor([[3.0, 0, 0, 0, 1]]).expand(2, 5), 4000, torch.rand(2, 4000))
    assert (drawn < 0.2).float().mean().item() == pytest.approx(0.75, abs=0.03)


def test_frequencies_are_sines_and_cosines_of_doubling_turns():
    places = torch.tensor([[0.0, 0.25]])
    found = frequencies(places, 2)
    root = math.sqrt(0.5)
    torch.testing.assert_close(found, torch.tensor([[0, 0.25, 0, root, 1, root, 0, 1, 1, 0]]), atol=1e-6, rtol=0)
    assert frequencies(places, 0).tolist() == places.tolist()


def test_levels_grow_by_one_factor():
    assert resolutions(5, 16, 256) == [16, 32, 64, 128, 256] and resolutions(1, 16, 99) == [16]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_grid_holds_what_is_linear_exactly(dimensions):
    """Features of corners that are a linear function of their places give that function everywhere."""
    cells, size, slope = 6, 512, torch.randn(dimensions).double()
    corners = torch.cartesian_prod(*[torch.arange(cells + 1)] * dimensions)
    table = torch.zeros(1, size, 1).double()
    table[0, corner_of(corners, cells, size), 0] = (corners / cells).double() @ slope
    places = torch.rand(100, dimensions).double()
    torch.testing.assert_close(hash_encode(places, table, [cells])[:, 0], places @ slope)


def test_corners_of_a_fine_level_share_rows_and_those_of_a_coarse_one_do_not():
    corners = torch.cartesian_prod(*[torch.arange(8)] * 3)
    assert len(corner_of(corners, 7, 512).unique()) == 512
    shared = corner_of(corners, 40, 64)
    assert shared.min() >= 0 and shared.max() < 64 and len(shared.unique()) > 50
    x, y, z = 3, 5, 7
    expected = (x ^ (y * 2654435761 % 2**32) ^ (z * 805459861 % 2**32)) % 64
    assert corner_of(torch.tensor([[x, y, z]]), 40, 64).item() == expected
