"""Maquette: every neural network of a graphics course, trained on your own data with one command.

result = maquette.run("regression", data="houses.csv", target="price")
maquette.open(result.folder).predict(frame)
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

# Threads that wait should soon give up the processor: on a machine busy with other work, torch's two threads otherwise
# took nine times as long as on an idle one, with this twice. Read when torch is first imported.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

__all__ = ["Result", "UserError", "open", "run"]


class Result(NamedTuple):
    """What a run made: its folder, the scores on the test part, and those of the baselines."""

    folder: Path
    scores: dict[str, float]
    baselines: dict[str, dict[str, float]]
    report: Path


def run(
    recipe: str, data: Any = None, *, out: str | Path | None = None, preset: str | None = None, **settings: Any
) -> Result:
    """Train a recipe as `maquette run` does. `data` is a path, a name, or a data frame; errors are `UserError`."""
    from maquette import cli

    return Result(*cli.train(recipe, data, out, preset, settings))


def open(folder: str | Path) -> Any:
    """A predictor from a finished run folder, or a scene as `.ply` or `.splat`, with `predict(inputs)`."""
    from maquette import serving

    return serving.open(folder)


def __getattr__(name: str) -> Any:
    if name == "UserError":
        from maquette.settings import UserError

        return UserError
    raise AttributeError(f"module maquette has no attribute {name}")


def __dir__() -> Iterable[str]:
    return __all__
