"""Work on many files shared out over threads."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

THREADS = min(8, os.cpu_count() or 1)

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(function: Callable[[Item], Result], items: Sequence[Item], threads: int = THREADS) -> Iterator[Result]:
    """What the function makes of each, in their order."""
    with ThreadPoolExecutor(min(threads, THREADS)) as pool:
        yield from pool.map(function, items)
