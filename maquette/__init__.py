"""Maquette: every neural network of a graphics course, trained on your own data with one command.

result = maquette.run("regression", data="houses.csv", target="price")
maquette.open(result.folder).predict(frame)
"""

import os
from collections.abc import Iterable
from typing import Any

# Threads that wait should soon give up the processor: on a machine busy with other work, torch's two threads otherwise
# took nine times as long as on an idle one, with this twice. Read when torch is first imported.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

__all__ = ["Result", "UserError", "open", "resume", "run"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from maquette import api

        return getattr(api, name)
    raise AttributeError(f"module maquette has no attribute {name}")


def __dir__() -> Iterable[str]:
    return __all__
