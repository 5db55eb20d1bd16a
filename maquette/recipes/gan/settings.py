"""What can be set for generative adversarial networks."""

from typing import Any, Literal

from maquette.families.settings import GeneratorSettings, PictureOptions, SampleOptions
from maquette.settings import Options, option


class Settings(GeneratorSettings):
    network: Literal["residual", "course"] = option("residual", "two small residual networks, or the course's DCGAN")
    batch_size: int = option(32, "pictures a step", "pictures", ge=1)
    latents: int = option(64, "random numbers that a picture is made from; 100 in the course", ge=1, le=4096)
    width: int = option(24, "channels where the networks work at the most places", ge=4, le=1024)
    blocks: int = option(1, "residual blocks at each size", ge=1, le=16)
    penalty: float = option(0.2, "how much the discriminator's steepness costs; larger is steadier and slower", ge=0)
    augment: bool | None = option(None, "show all pictures shifted, covered, recoloured; of few pictures if not set")
    conditional: bool = option(True, "make each class by itself, where there are classes")
    valid_share: float = option(
        0.02, "part of the training pictures that shows whether others are learnt by heart", gt=0, lt=0.5
    )


class DrawnOptions(SampleOptions):
    """How latents are drawn."""

    truncation: float | None = option(
        None, "latents from -this to this only: smaller gives likelier pictures, more alike; no bounds if not set", gt=0
    )


class WalkOptions(DrawnOptions):
    """A film from picture to picture."""

    count: int = option(5, "pictures that are passed", "pictures", ge=1, le=1000)
    frames: int = option(100, "frames of the film; as many of them as fit stand in a row in a .png", ge=1, le=100_000)
    rate: float = option(20.0, "frames a second", ge=0.1, le=1000)
    way: Literal["spherical", "straight"] = option("spherical", "between latents: on a sphere, or in a line")


class FindOptions(WalkOptions, PictureOptions):
    """How latents of given pictures are looked for, and the walk from them."""

    tries: int = option(200, "steps of the descent", ge=1, le=100_000)


OPTIONS: dict[str, type[Options]] = {"sample": DrawnOptions, "interpolate": WalkOptions, "find": FindOptions}

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"most_pictures": 600, "epochs": 6, "width": 8, "batch_size": 32, "judged": 200},
    "brief": {"judged": 300},
    "course": {
        "network": "course",
        "latents": 100,
        "epochs": 50,
        "batch_size": 256,
        "learning_rate": 0.0001,
        "penalty": 0.0,
        "augment": False,
        "conditional": False,
    },
    "full": {"width": 128, "blocks": 3, "epochs": 300, "batch_size": 256},
}
