"""The network for tables, against plain loops and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsRegressor

from maquette.checkpoints import load_model, save_model
from maquette.methods.losses import SquaredError
from maquette.models.tabular import (
    NeighbourTargets,
    PiecewiseColumns,
    TableNetwork,
    bins_for,
    choose_neighbour_columns,
    squared_distances,
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_squared_distances_are_the_plain_ones():
    a, b = torch.randn(7, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    torch.testing.assert_close(squared_distances(a, b), torch.cdist(a, b) ** 2)


def brute_force(points, targets, queries, leave_out):
    rows = []
    for index, query in enumerate(queries):
        distances = ((points - query) ** 2).sum(1)
        if leave_out:
            distances[index] = np.inf
        near = targets[np.argsort(distances, kind="stable")]
        rows.append([near[:4].mean(), near[:16].mean(), near[:16].std(ddof=1)])
    return np.array(rows)


@pytest.mark.parametrize("own", [True, False])
def test_neighbours_are_those_of_a_brute_force_search(own):
    numbers, targets = torch.randn(200, 5), torch.randn(200, 1)
    module = NeighbourTargets(columns=[[1, 3]], memory=200, outputs=1)
    places = module.remember(numbers, targets)
    queries = numbers if own else torch.randn(60, 5)
    found = module(queries, places if own else None) * module.scale + module.shift
    points = numbers[:, [1, 3]].numpy()
    expected = brute_force(points, targets[:, 0].numpy(), queries[:, [1, 3]].numpy(), own)
    assert np.allclose(found.numpy(), expected, atol=1e-5)
    assert torch.allclose(module(numbers, places).mean(0), torch.zeros(3), atol=1e-5)


def test_a_row_never_sees_its_own_target():
    numbers, targets = torch.randn(300, 2), torch.randn(300, 1)
    module = NeighbourTargets(columns=[[0, 1]], memory=300, outputs=1)
    places = module.remember(numbers, targets)
    before = module(numbers, places)[7] * module.scale + module.shift
    module.targets[places[7]] += 1e6
    assert torch.equal(module(numbers, places)[7] * module.scale + module.shift, before)


def test_a_large_memory_is_searched_exactly():
    numbers, targets = torch.rand(8_000, 2), torch.randn(8_000, 1)
    targets += torch.sin(6 * numbers[:, :1])
    module = NeighbourTargets(columns=[[0, 1]], memory=8_000, outputs=1)
    module.remember(numbers, targets)
    queries = torch.rand(500, 2)
    found = (module(queries) * module.scale + module.shift)[:, 1].numpy()
    exact = KNeighborsRegressor(16).fit(numbers.numpy(), targets[:, 0].numpy()).predict(queries.numpy())
    assert np.allclose(found, exact, atol=1e-5)


def test_more_rows_than_the_memory_holds():
    module = NeighbourTargets(columns=[[0, 1]], memory=100, outputs=2)
    places = module.remember(torch.randn(400, 2), torch.randn(400, 2))
    assert sorted(places[places >= 0].tolist()) == list(range(100)) and (places < 0).sum() == 300
    with pytest.raises(ValueError, match="too few"):
        module.remember(torch.randn(5, 2), torch.randn(5, 2))


def test_a_map_is_found_and_noise_is_not_taken_for_one():
    numbers = torch.randn(3_000, 6)
    bumps = torch.sin(5 * numbers[:, [2]]) * torch.cos(5 * numbers[:, [4]])
    assert choose_neighbour_columns(numbers, bumps) == [[2, 4]]
    assert choose_neighbour_columns(numbers, numbers @ torch.randn(6, 1)) == []
    assert choose_neighbour_columns(numbers[:500], bumps[:500]) == []
    assert choose_neighbour_columns(numbers[:, :1], bumps) == []


def test_piecewise_columns_count_how_far_a_number_has_come():
    module = PiecewiseColumns(columns=2, bins=4, width=3)
    numbers = torch.randn(5, 2)
    share = 4 * torch.special.ndtr(numbers)
    for row in range(5):
        for column in range(2):
            filled = torch.stack([(share[row, column] - bin).clamp(0, 1) for bin in range(4)])
            expected = torch.relu(filled @ module.weight[column] + module.bias[column])
            torch.testing.assert_close(module(numbers)[row, column], expected)


def a_network(**changes):
    arguments = {"numbers": 3, "category_sizes": [4, 2], "outputs": 2, "members": 5, "width": 8, "layers": 3, "bins": 4}
    return TableNetwork(**arguments | changes)


def some_rows(rows=6):
    categories = torch.stack([torch.randint(4, (rows,)), torch.randint(2, (rows,))], 1)
    return torch.randn(rows, 3), categories


def test_members_are_networks_of_their_own_that_share_their_matrices():
    network, (numbers, categories) = a_network(), some_rows()
    encoded = [network.piecewise(numbers).flatten(1), numbers]
    encoded += [layer(categories[:, index]) for index, layer in enumerate(network.category)]
    for member in range(5):
        hidden = torch.cat(encoded, 1)
        for layer in range(3):
            if layer:
                hidden = hidden * network.input_scale[layer - 1][member]
            hidden = hidden @ network.weight[layer] * network.output_scale[layer][member]
            hidden = torch.relu(hidden + network.bias[layer][member])
        expected = hidden @ network.head_weight[member] + network.head_bias[member]
        torch.testing.assert_close(network(numbers, categories)[:, member], expected, rtol=1e-4, atol=1e-5)


def test_each_row_is_answered_by_itself_and_an_unknown_category_adds_nothing():
    network, (numbers, categories) = a_network(), some_rows()
    whole = network(numbers, categories)
    torch.testing.assert_close(network(numbers[2:3], categories[2:3]), whole[2:3])
    assert all(bool((layer.weight[0] == 0).all()) for layer in network.category)


def test_it_learns_sixteen_rows_by_heart():
    network, (numbers, categories) = a_network(outputs=1, width=32), some_rows(16)
    target = torch.randn(16, 1)
    optimizer = torch.optim.AdamW(network.parameters(), 0.01)
    for _ in range(500):
        optimizer.zero_grad()
        loss = SquaredError()(network(numbers, categories), target)
        loss.backward()
        optimizer.step()
    assert loss < 1e-3


def test_it_comes_back_from_its_files_with_its_memory(tmp_path):
    network = a_network(neighbour_columns=[[0, 2]], memory=50)
    network.neighbours.remember(torch.randn(50, 3), torch.randn(50, 2))
    save_model(network, tmp_path)
    numbers, categories = some_rows()
    expected = network.eval()(numbers, categories)
    assert torch.equal(load_model(tmp_path)(numbers, categories), expected)
    other = a_network(neighbour_columns=[[0, 2]], memory=50)
    other.neighbours.remember(torch.randn(50, 3), torch.randn(50, 2))
    other(numbers, categories)  # searched once: loading must make it forget what it searched
    other.load_state_dict(network.state_dict())
    assert torch.equal(other.eval()(numbers, categories), expected)


def test_bad_shapes_are_refused_and_bins_grow_with_the_rows():
    with pytest.raises(ValueError, match="needs a column"):
        TableNetwork(numbers=0, category_sizes=[], outputs=1)
    assert [bins_for(rows) for rows in (10, 1_000, 13_000, 10**6)] == [3, 10, 32, 32]
