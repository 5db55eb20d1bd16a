"""What can be set for attacks on classifiers, and for fooling them with a picture."""

from typing import Any, Literal

from maquette.families.settings import ClassifierSettings, PictureOptions
from maquette.settings import Options, option


class Settings(ClassifierSettings):
    run: str | None = option(None, "run folder of image_classification to attack; trained here first if not given")
    network: Literal["resnet", "cnn", "softmax"] = option("cnn", "what is trained and attacked without `run`")
    width: int = option(8, "channels of the first layer; the CNN has twice as many", ge=1, le=512)
    epsilon: float | None = option(
        None, "the most that a pixel changes, of 0..1; 0.25 for grey pictures, 8/255 for colour", gt=0, le=1
    )
    steps: int = option(20, "moves of the iterated attack", ge=1, le=1000)
    step_size: float | None = option(None, "how far each goes; 2.5 epsilon / steps if not set", gt=0, le=1)
    target: str | None = option(None, "class that the targeted attack leads to; the next in the list if not set")
    defence_epochs: int | None = option(None, "rounds of training on attacked pictures; by their number", ge=1)


class FoolOptions(PictureOptions):
    method: Literal["fgsm", "pgd"] = option("pgd", "one step along the sign of the gradient, or many")
    epsilon: float | None = option(None, "the most that a pixel changes, of 0..1; the run's if not set", gt=0, le=1)
    target: str | None = option(None, "class to be mistaken for; any but the present one if not set")
    steps: int | None = option(None, "moves of pgd; the run's if not set", ge=1, le=1000)


OPTIONS: dict[str, type[Options]] = {"fool": FoolOptions}

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"most_pictures": 1200, "epochs": 5, "defence_epochs": 4, "batch_size": 32, "steps": 5, "epsilon": 0.1},
    "brief": {"most_pictures": 12_000},
    "course": {"width": 16, "epochs": 3, "defence_epochs": 1, "shift": 0, "learning_rate": 0.001, "epsilon": 0.1},
    "full": {"network": "resnet", "width": 32, "epochs": 20, "defence_epochs": 60, "steps": 100, "epsilon": 0.3},
}
