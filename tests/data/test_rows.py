import pytest

from maquette.data.rows import evenly


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(5, 5, [0, 1, 2, 3, 4]), (3, 5, [0, 1, 2]), (9, 5, [0, 2, 4, 6, 8]), (100, 3, [0, 49, 99]), (1, 4, [0])],
)
def test_evenly_chosen_numbers_reach_from_the_first_to_the_last(count, most, expected):
    assert evenly(count, most).tolist() == expected
