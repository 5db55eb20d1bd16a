"""What each column is worth to a model that has been trained."""

from collections.abc import Callable, Mapping

import numpy as np


def permutation_importance(
    numbers: np.ndarray,
    categories: np.ndarray,
    places: Mapping[str, tuple[list[int], list[int]]],
    loss: Callable[[np.ndarray, np.ndarray], float],
    generator: np.random.Generator,
    times: int = 3,
) -> dict[str, np.ndarray]:
    """The loss that is added when one column's values are dealt to the rows anew, `times` times: name -> (times,).

    numbers (N, F), categories (N, C); `places`: name -> which of the numbers and which of the categories are its own.
    Breiman 2001, section 10. Columns that say the same thing share their worth: dealing one of them costs little.
    """
    before = loss(numbers, categories)

    def dealt(table: np.ndarray, columns: list[int], order: np.ndarray) -> np.ndarray:
        table = table.copy()
        table[:, columns] = table[order][:, columns]
        return table

    added = {}
    for name, (of_numbers, of_categories) in places.items():
        orders = [generator.permutation(len(numbers)) for _ in range(times)]
        added[name] = np.array(
            [loss(dealt(numbers, of_numbers, order), dealt(categories, of_categories, order)) for order in orders]
        )
    return {name: losses - before for name, losses in added.items()}
