"""A step of Adam, for arrays and tensors alike; kernels/gradients.py has it compiled."""

from typing import Any


def adam(
    values: Any, first: Any, second: Any, slopes: Any, squares: Any, step_sizes: Any, steps: Any, tiny: float
) -> tuple[Any, Any, Any]:
    """Values and their two moments after a step down the slopes; Kingma and Ba 2015, algorithm 1.

    squares: what the second moment is the mean of, which numbers may share; steps: how many there are with this one;
    tiny is added to the root of the second moment.
    """
    first = first + 0.1 * (slopes - first)
    second = second + 0.001 * (squares - second)
    spread = (second / (1 - 0.999**steps)) ** 0.5 + tiny
    return values - step_sizes * (first / (1 - 0.9**steps)) / spread, first, second
