"""What can be chosen of a field's training, and of what is made of it afterwards. Light: nothing here loads torch."""

from typing import Any, Literal

from maquette.families.settings import FlyingOptions, SceneSettings, ViewingOptions
from maquette.settings import Options, option


class Settings(SceneSettings):
    encoding: Literal["hash", "frequencies"] = option(
        "hash",
        "places as features of a hash grid with small networks, or as sines and cosines with the paper's large one",
    )
    levels: int | None = option(
        None,
        "of the hash grid, an even number: 8 see more than 4 and take longer; 4 if not set, or 8 with a minute or more",
        ge=2,
        le=16,
        multiple_of=2,
    )
    rows: int | None = option(
        None,
        "of the hash grid's table at each level, as a power of 2; 17 if not set, or 18 with two minutes or more",
        ge=8,
        le=22,
    )
    finest: int | None = option(
        None, "cells along a side at the finest level; as fine as the photographs' pixels if not set", ge=8, le=8192
    )
    width: int = option(
        64, "units of layers between density and colour; with frequencies, of all layers", ge=8, le=512, multiple_of=8
    )
    layers: int = option(1, "between density and colour, one or two", ge=1, le=2)
    steps: int = option(6000, "steps of training", ge=1)
    samples: int = option(16_384, "places along rays that a step looks at, about", ge=256, le=2**22)
    learning_rate: float = option(0.01, "size of the steps, at first", gt=0)


class MeshOptions(Options):
    """How a surface is found."""

    cells: int = option(200, "along a side of the scene's cube: finer ones take longer", ge=4, le=1024)
    threshold: float | None = option(
        None,
        "density of the surface, in the scene's unit; that which stops half of the light within a fiftieth of the "
        "cube's side if not set",
        gt=0,
    )
    all_parts: bool = option(
        False, "keep specks that hang in the air, and what no photograph saw, not only the largest part"
    )


class PointOptions(Options):
    """How many points are taken."""

    count: int = option(50_000, "points at most", "points", ge=1, le=10_000_000)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"longest": 80, "levels": 4, "rows": 14, "steps": 250, "samples": 4096},
    "course": {"encoding": "frequencies", "steps": 200_000, "learning_rate": 5e-4, "width": 256, "exposure": False},
    "full": {"levels": 8, "rows": 19, "layers": 2, "steps": 30_000, "samples": 262_144, "longest": 1600},
}

OPTIONS: dict[str, type[Options]] = {
    "film": FlyingOptions,
    "view": ViewingOptions,
    "mesh": MeshOptions,
    "points": PointOptions,
    "splats": PointOptions,
}
