"""What can be set for classifying pictures."""

from typing import Any

from maquette.families.settings import ClassifierSettings, PictureOptions
from maquette.settings import Options, option


class Settings(ClassifierSettings):
    blocks: int = option(1, "residual blocks a stage of the residual network", ge=1, le=32)
    flip: bool = option(False, "training pictures are mirrored half of the time; for photographs, not for letters")


OPTIONS: dict[str, type[Options]] = {"classify": PictureOptions}

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"network": "cnn", "width": 8, "most_pictures": 1200, "epochs": 5, "batch_size": 32},
    "course": {"network": "cnn", "epochs": 5, "shift": 0, "learning_rate": 0.001},
    "full": {"width": 64, "blocks": 3, "epochs": 40, "batch_size": 512, "shift": 2},
}
