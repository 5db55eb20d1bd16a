"""What can be set for convolution arithmetic, and how a picture is filtered."""

from typing import Any, Literal

from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings

Made = Literal["edge-across", "edge-down", "outline", "blur", "sharpen"]
PLAN = "conv 3x3 s2 p1 c16, conv 3x3 p1 c32, pool 2, conv 3x3 d2 c32, transposed 4x4 s2 p1 c16, up 2"


class Settings(BaseSettings):
    shown: int = option(8, "side of the picture in the film of which pixels meet which", "px", ge=1, le=24)
    kernel: int = option(3, "side of the kernel in that film", "px", ge=1, le=15)
    stride: int = option(1, "pixels that it moves at a time", "px", ge=1, le=16)
    padding: int = option(0, "zeros around the picture", "px", ge=0, le=16)
    dilation: int = option(1, "pixels from one of its weights to the next", "px", ge=1, le=8)
    transposed: bool = option(False, "each input pixel is given to all output pixels below the kernel, instead")
    weights: Made = option("edge-across", "which 3 x 3 kernel is shown at work; of other sides it is the mean")
    plan: str = option(PLAN, "layers with commas between them, of which sizes, fields and weights are worked out")
    size: int | None = option(
        None, "side to which pictures are cropped and shrunk, and that of the plan; 28 or 64", "px", ge=8, le=512
    )
    most_pictures: int | None = option(400, "use at most so many pictures, drawn at random", ge=1)
    sigma: float = option(0.1, "deviation of the noise that a kernel learns to take away; 0..1", ge=0, le=1)
    epochs: int | None = option(None, "times the training patches are seen; by their number if not set", ge=1)
    batch_size: int = option(64, "patches a step", "patches", ge=1)
    learning_rate: float = option(0.1, "size of the steps", gt=0)
    test_share: float = option(0.2, "part of the patches kept for the scores", gt=0, lt=0.5)


class FilterOptions(Options):
    """How a kernel goes over a picture."""

    kernel: Literal["edge-across", "edge-down", "outline", "blur", "sharpen", "denoise", "deblur"] = option(
        "edge-across", "which kernel"
    )
    made: Literal["learnt", "hand"] = option("learnt", "the kernel that was learnt, or the one made by hand")
    stride: int = option(1, "pixels that it moves at a time", "px", ge=1, le=64)
    padding: int | None = option(
        None, "zeros around the picture; its edge is repeated, so that the size stays, if not set", "px", ge=0, le=64
    )
    dilation: int = option(1, "pixels from one of its weights to the next", "px", ge=1, le=64)
    transposed: bool = option(False, "transposed, which makes the picture larger by the stride")


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"most_pictures": 40, "epochs": 20, "batch_size": 16, "shown": 5},
    "course": {"shown": 4, "most_pictures": 100},
    "full": {"most_pictures": 2000, "epochs": 100},
}
OPTIONS: dict[str, type[Options]] = {"filter": FilterOptions}
