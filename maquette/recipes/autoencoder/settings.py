"""What can be set for autoencoders."""

from typing import Any, Literal

from maquette.families.settings import PictureOptions
from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings


class Settings(BaseSettings):
    network: Literal["conv", "dense"] = option("conv", "a convolutional network, or the course's two dense layers")
    latents: int = option(32, "numbers that a picture is brought down to", ge=1, le=4096)
    width: int = option(32, "channels of the convolutional network", ge=1, le=1024)
    depth: int = option(1, "3x3 convolutions on each side of the convolutional network", ge=1, le=16)
    size: int | None = option(None, "side to which pictures are cropped and shrunk; 28 or 32", "px", ge=8, le=256)
    most_pictures: int | None = option(None, "use at most so many pictures, drawn at random", ge=12)
    epochs: int | None = option(None, "times the training pictures are seen; by their number if not set", ge=1)
    batch_size: int = option(64, "pictures a step", "pictures", ge=1)
    learning_rate: float | None = option(None, "size of the steps; 0.03 for conv, 0.001 for dense", gt=0)
    valid_share: float = option(0.01, "part of the training pictures for the validation loss", ge=0, lt=0.5)
    test_share: float = option(0.15, "part kept for the scores, where the publisher keeps none", gt=0, lt=0.5)


OPTIONS: dict[str, type[Options]] = {"encode": PictureOptions}

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"most_pictures": 1200, "epochs": 8, "width": 16, "batch_size": 32},
    "course": {"network": "dense", "epochs": 10, "batch_size": 32, "valid_share": 0.0},
    "full": {"width": 256, "depth": 4, "epochs": 100, "batch_size": 256},
}
