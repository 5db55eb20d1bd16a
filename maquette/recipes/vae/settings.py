"""What can be set for variational autoencoders."""

from typing import Any, Literal

from maquette.families.settings import GeneratorSettings, PictureOptions, SampleOptions
from maquette.settings import Options, option


class Settings(GeneratorSettings):
    network: Literal["conv", "dense"] = option("conv", "convolutions with two levels of latents, or dense layers")
    latents: int = option(32, "numbers for the whole picture", ge=1, le=1024)
    details: int = option(2, "numbers for each 4 x 4 pixels, of the convolutional network", ge=1, le=64)
    width: int = option(
        32, "channels of the convolutional network; dense layers are eight times as wide", ge=1, le=1024
    )
    depth: int = option(1, "blocks of each of the three parts of the convolutional network", ge=1, le=32)
    likelihood: Literal["auto", "bernoulli", "logistic"] = option(
        "auto", "pixels as black or white, or as 256 steps; by the pictures if auto"
    )
    draws: int = option(50, "draws of the latents for the probability of a picture", ge=1, le=5000)


class DrawOptions(SampleOptions):
    """Which pictures are made, and how far from the middle."""

    temperature: float = option(1.0, "latents times this: below 1 more alike, above 1 wilder", ge=0, le=3)


class ProbabilityOptions(PictureOptions):
    """How well the probability is known."""

    draws: int = option(50, "draws of the latents; more bring the bound nearer to the probability", ge=1, le=5000)


class WayOptions(PictureOptions):
    """The way from picture to picture."""

    way: Literal["spherical", "straight"] = option("spherical", "along an arc, or in a line, through the latents")
    frames: int = option(24, "frames of the whole way", ge=2, le=2000)
    rate: float = option(12.0, "frames a second", gt=0, le=100)


OPTIONS: dict[str, type[Options]] = {
    "sample": DrawOptions,
    "encode": PictureOptions,
    "probability": ProbabilityOptions,
    "interpolate": WayOptions,
    "reconstruct": PictureOptions,
}

PRESETS: dict[str, dict[str, Any]] = {
    "small": {
        "most_pictures": 1200,
        "epochs": 6,
        "batch_size": 32,
        "width": 16,
        "latents": 8,
        "depth": 1,
        "judged": 100,
        "draws": 5,
    },
    "brief": {"width": 48, "judged": 300, "draws": 10},
    "course": {"network": "dense", "latents": 2, "epochs": 10},
    "full": {"width": 256, "depth": 6, "latents": 64, "details": 4, "epochs": 400, "batch_size": 256},
}
