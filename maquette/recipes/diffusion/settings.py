"""What can be set for diffusion models, and what can be asked of them."""

from typing import Any, Literal

from maquette.families.settings import GeneratorSettings, SampleOptions
from maquette.settings import Options, option

Solver = Literal["dpm", "heun", "ancestral", "ddim", "ddpm"]
SOLVERS = (
    "dpm, heun: of second order, few steps; ancestral: with new noise at each; ddim, ddpm: along the chain; as the run "
    "was made for if not set"
)
STEPS = "steps of the way back; as the run was made for if not set"
GUIDANCE = "above 1: more like its class, and less varied"


class Settings(GeneratorSettings):
    width: int = option(56, "channels of the network at the first resolution, twice as many below", ge=8, le=1024)
    blocks: int = option(1, "blocks at each resolution, on the way down and up", ge=1, le=16)
    prediction: Literal["karras", "noise", "picture", "velocity"] = option(
        "karras", "what the network gives: noise, picture, velocity, or a mixture of the same scale at every level"
    )
    levels: Literal["normal", "linear", "cosine"] = option(
        "normal", "levels of noise in training: log-normal, or the steps of a chain of 1000, each as often"
    )
    optimizer: Literal["muon", "adamw"] = option("muon", "orthogonal momentum, or AdamW")
    dropped: float = option(0.1, "part of the training pictures whose class is not told, for guidance", ge=0, lt=1)
    moved: float | None = option(
        None, "part that is mirrored, shifted, turned, and told so; by their number if not set", ge=0, lt=1
    )


class DiffusionOptions(SampleOptions):
    solver: Solver | None = option(None, SOLVERS)
    steps: int | None = option(None, STEPS, "steps", ge=1, le=1000)
    guidance: float = option(1.0, GUIDANCE, ge=0, le=30)


class FilmOptions(DiffusionOptions):
    steps: int | None = option(None, "of the way back; as many as there are frames if not set", "steps", ge=1, le=1000)
    frames: int = option(36, "pictures of the film, the noise among them", ge=2, le=1001)
    rate: float = option(8.0, "pictures a second", ge=0.1, le=1000)


class AskedOptions(Options):
    """What is asked of given pictures."""

    seed: int = option(0, "where chance begins", ge=0, lt=2**63)
    class_: str | None = option(None, "the class that they are to be of, of a run that was trained on classes")
    steps: int = option(30, "steps from pure noise", "steps", ge=2, le=1000)
    guidance: float = option(1.0, GUIDANCE, ge=0, le=30)


class VaryOptions(AskedOptions):
    strength: float = option(0.5, "how far into the noise: 0 changes nothing, 1 begins anew", ge=0, le=1)


class FillOptions(AskedOptions):
    mask: str = option("middle", "a picture, white where to fill in, or middle, left, right, top, bottom")
    times: int = option(10, "how often each step is done, so that both parts agree", ge=1, le=100)


class InterpolateOptions(Options):
    frames: int = option(36, "pictures of the film, those given among them", ge=2, le=10_000)
    rate: float = option(12.0, "pictures a second", ge=0.1, le=1000)
    class_: str | None = option(None, "the class that all are taken for, of a run that was trained on classes")
    steps: int = option(40, "steps to the noise and back", "steps", ge=2, le=1000)


OPTIONS: dict[str, type[Options]] = {
    "sample": DiffusionOptions,
    "film": FilmOptions,
    "vary": VaryOptions,
    "fill": FillOptions,
    "interpolate": InterpolateOptions,
}

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"most_pictures": 800, "epochs": 3, "width": 16, "batch_size": 32, "judged": 32},
    "brief": {"width": 32, "judged": 150},
    "course": {
        "prediction": "noise",
        "levels": "linear",
        "optimizer": "adamw",
        "learning_rate": 2e-4,
        "moved": 0.0,
        "batch_size": 128,
        "judged": 100,
    },
    "full": {"width": 128, "blocks": 3, "epochs": 200, "batch_size": 256, "judged": 10_000},
}
