"""What can be set for networks of many depths, and for asking one of them."""

from typing import Any, Literal

from maquette.families.settings import PictureOptions
from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings


class Settings(BaseSettings):
    width: int = option(64, "nodes of each layer", ge=1, le=4096)
    shallow: int = option(2, "layers of the shallowest networks", ge=2, le=1000)
    depth: int = option(50, "layers of the deepest networks", ge=2, le=1000)
    depths: int = option(5, "how many depths from the shallowest to the deepest", ge=2, le=12)
    scale: float | None = option(
        None,
        "of the change by a residual block without norm; 1 / sqrt(blocks) if not set, 1 as the course writes it",
        gt=0,
    )
    steps: int = option(800, "batches that every network learns from", ge=1)
    batch_size: int = option(128, "pictures a step", "pictures", ge=2)
    learning_rate: float = option(0.001, "size of the steps", gt=0)
    size: int | None = option(None, "side to which own pictures are cropped and shrunk", "px", ge=8, le=512)
    most_pictures: int | None = option(None, "use at most so many pictures, drawn at random", ge=12)
    valid_share: float = option(0.05, "part of the pictures for validation", gt=0, lt=0.5)
    test_share: float = option(0.2, "part kept for the scores, where the publisher keeps none", gt=0, lt=0.5)


class ClassifyOptions(PictureOptions):
    kind: Literal["best", "plain", "plain_batch", "residual", "residual_batch", "residual_layer"] = option(
        "best", "which networks to ask; the best is the kind that did best at full depth"
    )
    depth: int | None = option(None, "layers of the network to ask; the deepest if not set", ge=2)


OPTIONS: dict[str, type[Options]] = {"classify": ClassifyOptions}

PRESETS: dict[str, dict[str, Any]] = {
    "small": {
        "most_pictures": 1200,
        "width": 16,
        "depth": 12,
        "depths": 3,
        "steps": 60,
        "batch_size": 32,
        "learning_rate": 0.003,
    },
    "course": {"shallow": 20, "depth": 56, "depths": 2, "scale": 1.0},
    "full": {"width": 512, "depth": 200, "depths": 6, "steps": 20_000, "batch_size": 256},
}
