"""What can be chosen of a scene's training, and of what is shown of it afterwards. Light: nothing here loads torch."""

from typing import Any, ClassVar, Literal

from maquette.families.settings import FlyingOptions, SceneSettings, ViewingOptions
from maquette.settings import Options, option


class Settings(SceneSettings):
    RENAMED: ClassVar[dict[str, str]] = {"share": "ssim_share", "rate": "step_sizes"}
    REPLACED: ClassVar[dict[str, Any]] = {"single_camera": ("cameras", {True: "given", False: "each"})}

    init: str | None = option(None, "start from this scene: a run of splat or nerf, or a scene file")
    gaussians: int | None = option(
        None, "how many Gaussians the scene may grow to; if not set, 75,000, and more for longer training", ge=1
    )
    degree: int = option(2, "how finely colours change with direction: degree of the harmonics", ge=0, le=3)
    steps: int = option(4000, "views it learns from, one a step", ge=1)
    growth: Literal["budget", "threshold", "mcmc"] = option(
        "budget",
        "grow to `gaussians` where pictures pull most; as in the paper, where they pull more than a threshold; or as "
        "a Markov chain, which moves faint Gaussians to where others are",
    )
    coarse: float = option(0.25, "part of training that sees pictures of half the size", ge=0, lt=1)
    ssim_share: float = option(0.2, "part of 1 - SSIM in the loss; the rest is the absolute difference", ge=0, le=1)
    step_sizes: float = option(1.0, "of Adam: times those tuned for short training", gt=0, le=100)
    antialiased: bool = option(
        True, "thin Gaussians fade instead of growing to a pixel, so that views of any size look alike"
    )


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"longest": 80, "gaussians": 7000, "degree": 1, "steps": 120},
    "course": {
        "growth": "threshold",
        "gaussians": 3_000_000,
        "degree": 3,
        "steps": 30_000,
        "coarse": 0.0,
        "exposure": False,
        "antialiased": False,
        "longest": 1600,
    },
    "full": {"gaussians": 1_000_000, "degree": 3, "steps": 30_000, "longest": 1600},
}

OPTIONS: dict[str, type[Options]] = {"film": FlyingOptions, "view": ViewingOptions}
