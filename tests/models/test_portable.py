"""Networks for other programs: neighbours without a tree, and turns without complex numbers."""

import pytest
import torch

from maquette.models.gpt import rotate, rotations
from maquette.models.portable import looked_up
from maquette.models.tabular import NeighbourTargets


def test_neighbours_are_found_without_a_tree():
    torch.manual_seed(0)
    memory = NeighbourTargets(columns=[[0, 2], [1, 2]], memory=90, outputs=2)
    memory.remember(torch.randn(70, 3), torch.randn(70, 2))  # twenty places stay empty
    numbers = torch.randn(33, 3)
    assert torch.allclose(looked_up(memory, numbers), memory(numbers), atol=1e-6)


@pytest.mark.parametrize("far", [0.0, 3.0, 1e4])
def test_of_rows_equally_far_the_first_are_taken(far):
    memory = NeighbourTargets(columns=[[0, 1]], memory=40, outputs=1)
    memory.points[0, :, 0] = far
    memory.targets[:, 0] = torch.arange(40.0)
    mean_of_4, mean_of_16, spread = looked_up(memory, torch.zeros(1, 2))[0].tolist()
    assert (mean_of_4, mean_of_16) == (1.5, 7.5) and spread == pytest.approx(torch.arange(16.0).std().item())


def test_pairs_turn_the_same_way_without_complex_numbers(monkeypatch):
    torch.manual_seed(0)
    x, turns = torch.randn(2, 5, 3, 8), rotations(5, 8)
    expected = rotate(x, turns)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    assert torch.allclose(rotate(x, turns), expected, atol=1e-6)
