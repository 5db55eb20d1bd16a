"""Spherical harmonics and rotations against SciPy and their own laws."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from maquette.graphics.harmonics import basis, colour_of, colours, constant_of
from maquette.graphics.rotations import rotation_matrices


def directions(count=20_000, seed=0):
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return torch.tensor(points / np.linalg.norm(points, axis=1, keepdims=True))


def test_the_functions_are_orthonormal_on_the_sphere():
    values = basis(directions(400_000), 3)
    products = 4 * np.pi * values.T @ values / len(values)
    torch.testing.assert_close(products, torch.eye(16).double(), atol=0.03, rtol=0)


def test_each_degree_spans_the_harmonic_polynomials_of_that_degree():
    """Turning the directions mixes the functions of a degree among themselves, by an orthogonal matrix."""
    where = directions(400)
    turn = torch.tensor(Rotation.random(random_state=1).as_matrix())
    before, after = basis(where, 3), basis(where @ turn.T, 3)
    for degree in range(4):
        part = slice(degree**2, (degree + 1) ** 2)
        mixing = torch.linalg.lstsq(before[:, part], after[:, part]).solution
        torch.testing.assert_close(before[:, part] @ mixing, after[:, part], atol=1e-9, rtol=0)
        torch.testing.assert_close(mixing @ mixing.T, torch.eye(2 * degree + 1).double(), atol=1e-9, rtol=0)


def test_a_constant_colour_comes_back():
    wanted = torch.rand(5, 3, dtype=torch.float64)
    harmonics = torch.zeros(5, 16, 3, dtype=torch.float64)
    harmonics[:, 0] = constant_of(wanted)
    torch.testing.assert_close(colours(harmonics, directions(5), 3), wanted)
    torch.testing.assert_close(colour_of(harmonics[:, 0]), wanted)


@pytest.mark.parametrize("length", [1.0, 7.0])
def test_rotations_are_scipys(length):
    quaternions = np.random.default_rng(0).normal(size=(50, 4))
    expected = Rotation.from_quat(quaternions[:, [1, 2, 3, 0]]).as_matrix()
    np.testing.assert_allclose(rotation_matrices(torch.tensor(length * quaternions)).numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(rotation_matrices(length * quaternions), expected, atol=1e-12)
