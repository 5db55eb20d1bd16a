"""What can be set for restoring pictures."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from maquette.families.settings import PictureOptions
from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings


def check_levels(text: str) -> str:
    """`0.1` or `0.02..0.2`, standard deviations above 0 and at most 1."""
    number = r"(\d+\.?\d*(?:e-?\d+)?|\.\d+)"
    found = re.fullmatch(rf"{number}(?:(?:-|\.\.|:){number})?", text.replace(" ", "").lower())
    try:
        low, high = (float(part) for part in (found[1], found[2] or found[1])) if found else (0.0, 0.0)
    except ValueError:
        low = high = 0.0
    if not 0 < low <= high <= 1:
        raise ValueError("is one number above 0 and at most 1, or a range such as 0.02..0.2; 25 of 255 is 0.098")
    return f"{low:g}..{high:g}" if high > low else f"{low:g}"


class Settings(BaseSettings):
    task: Literal["noise", "poisson", "downres", "saturate", "jpeg"] = option(
        "noise", "how clean pictures are spoiled, if no spoiled ones are given"
    )
    pairs: str | None = option(None, "a folder of spoiled pictures with the names and sizes of the clean ones in data")
    sigma: Annotated[str, BeforeValidator(str), AfterValidator(check_levels)] = option(
        "0.1", "standard deviation of the noise on the 0..1 scale (of photons: at white), one value or a range a..b"
    )
    clip: bool = option(True, "clip the spoiled picture to 0..1, as an 8-bit file would")
    factor: float = option(2.0, "downres: how many times smaller the picture was; the course's is 1.28", gt=1, le=16)
    saturation: float = option(1.5, "saturate: how many times stronger the colours are", gt=0, le=10)
    quality: int = option(20, "jpeg: quality of the compression", ge=1, le=100)
    network: Literal["unet", "dncnn", "cnn"] = option("unet", "UNet, DnCNN, or the course's three layers")
    width: int = option(32, "unet: channels at the highest resolution", ge=8, le=512, multiple_of=8)
    colour: Literal["auto", "grey", "colour"] = option("auto", "one channel or three; auto: grey if all pictures are")
    test: str | None = option(None, "pictures for the scores, a folder or zip; a fifth of the data if not given")
    patch: int = option(64, "side of the patches it learns from", "pixels", ge=16, le=1024)
    batch_size: int = option(8, "patches a step", ge=1)
    steps: int = option(2500, "batches it learns from", ge=1)
    learning_rate: float = option(0.005, "size of the steps; the UNet's and DnCNN's are orthogonal ones (Muon)", gt=0)
    cache_mb: int = option(1000, "memory for decoded pictures; of more than fit, windows are kept in turn", "MB", ge=16)

    @property
    def levels(self) -> tuple[float, float]:
        """The lowest and the highest standard deviation of `sigma`."""
        low, _, high = self.sigma.partition("..")
        return float(low), float(high or low)

    @property
    def undone(self) -> str:
        """What is to be undone: `pairs`, or one of the tasks."""
        return "pairs" if self.pairs else self.task


class RestoreOptions(PictureOptions):
    memory_mb: int = option(500, "memory for the network's work, which bounds the size of the tiles", "MB", ge=50)
    enlarge: bool = option(False, "downres: enlarge the picture by the factor of training, then restore it")
    grey: bool = option(False, "turn colour pictures grey for a network that was trained on grey ones")


OPTIONS: dict[str, type[Options]] = {"restore": RestoreOptions}

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"width": 8, "patch": 32, "batch_size": 4, "steps": 30, "learning_rate": 0.01},
    "course": {
        "network": "cnn",
        "patch": 128,
        "batch_size": 32,
        "steps": 100,
        "learning_rate": 0.001,
        "colour": "colour",
    },
    "brief": {"width": 16},
    "full": {"width": 96, "patch": 128, "batch_size": 64, "steps": 100_000, "learning_rate": 0.0025},
}
