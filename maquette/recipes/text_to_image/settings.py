"""What can be set for pictures from words, and what can be asked of them."""

import math
from typing import Any, Literal

from pydantic import field_validator

from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings

GUIDANCE = "above 1: more of what is said, and less varied; as the run was made for if not set"
STEPS = "steps of the way back; as the run was made for if not set"


class Settings(BaseSettings):
    clip: str | None = option(None, "run folder of clip, of pictures of the same size; trained first if not given")
    prior: Literal["diffusion", "none"] = option(
        "diffusion", "what makes picture embeddings of texts: a diffusion prior, or nothing, and texts stand alone"
    )
    caption: str | None = option(None, "column in which captions stand; found if not given")
    size: int | None = option(None, "side to which pictures are cropped and shrunk; 32", "px", ge=8, le=256)
    most_pictures: int | None = option(None, "use at most so many pictures, drawn at random", ge=20)
    width: int = option(32, "channels of the decoder at the first resolution, twice as many below", ge=8, le=1024)
    blocks: int = option(1, "blocks of the decoder at each resolution, on the way down and up", ge=1, le=16)
    told: str = option(
        "40,25,25,10", "parts of the training in which both, the embedding, the text, nothing is told, for guidance"
    )
    prediction: Literal["karras", "noise", "picture", "velocity"] = option(
        "karras", "what the decoder gives: noise, picture, velocity, or a mixture of the same scale at every level"
    )
    levels: Literal["normal", "linear", "cosine"] = option(
        "normal", "levels of noise in training: log-normal, or the steps of a chain of 1000, each as often"
    )
    optimizer: Literal["muon", "adamw"] = option("muon", "orthogonal momentum, or AdamW, for the decoder")
    epochs: int | None = option(None, "times the training pictures are seen; by their number if not set", ge=1)
    batch_size: int = option(32, "pictures a step", "pictures", ge=1)
    learning_rate: float | None = option(None, "size of the decoder's steps; as suits the optimizer if not set", gt=0)
    moved: float | None = option(
        None, "part that is mirrored, shifted, turned, and told so; by their number if not set", ge=0, lt=1
    )
    judged: int = option(240, "pictures made for each score", "pictures", ge=8, le=100_000)

    @field_validator("told")
    @classmethod
    def _is_four_parts(cls, text: str) -> str:
        parts_of(text)
        return text


def parts_of(text: str) -> tuple[float, ...]:
    """Four parts of 1 from numbers between commas; `ValueError` for all else."""
    try:
        numbers = [float(each) for each in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4 or min(numbers) < 0 or not 0 < sum(numbers) < math.inf:
        raise ValueError("must be four numbers such as 40,25,25,10")
    return tuple(each / sum(numbers) for each in numbers)


class PaintOptions(Options):
    """How pictures come out of noise; picture k of a seed is the same however many are asked for."""

    seed: int = option(0, "where chance begins", ge=0, lt=2**63)
    guidance: float | None = option(None, GUIDANCE, ge=0, le=30)
    steps: int | None = option(None, STEPS, "steps", ge=1, le=1000)


class DrawOptions(PaintOptions):
    negative: str = option("", "words that the pictures are to show nothing of")
    count: int = option(1, "pictures for each prompt", "pictures", ge=1, le=10_000)


class FilmOptions(DrawOptions):
    count: int = option(4, "pictures for each prompt", "pictures", ge=1, le=64)
    frames: int = option(30, "pictures of the film, the noise among them", ge=2, le=1001)
    rate: float = option(8.0, "pictures a second", ge=0.1, le=1000)


class MixOptions(PaintOptions):
    subjects: str | None = option(None, "by commas, rows of the grid; common words of the captions if not set")
    actions: str | None = option(None, "by commas, its columns; in the same way")
    styles: str | None = option(None, "by commas, a grid for each; in the same way")
    prompt: str | None = option(
        None, "how they are put together, as in '{style} {subject} {action}'; as in the captions if not set"
    )


class InterpolateOptions(PaintOptions):
    frames: int = option(36, "pictures of the film, from the first to the last", ge=2, le=10_000)
    rate: float = option(12.0, "pictures a second", ge=0.1, le=1000)


class EditOptions(PaintOptions):
    strength: float = option(0.5, "how far to turn from what the picture shows to what changes: 0 to 1", ge=0, le=1)


OPTIONS: dict[str, type[Options]] = {
    "draw": DrawOptions,
    "film": FilmOptions,
    "mix": MixOptions,
    "vary": PaintOptions,
    "interpolate": InterpolateOptions,
    "edit": EditOptions,
}

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"most_pictures": 1500, "epochs": 1, "width": 16, "batch_size": 32, "judged": 8},
    "brief": {"judged": 48},
    "course": {
        "told": "45,45,5,5",
        "prediction": "noise",
        "levels": "cosine",
        "optimizer": "adamw",
        "learning_rate": 2e-4,
        "moved": 0.0,
        "batch_size": 128,
    },
    "full": {"size": 64, "width": 128, "blocks": 3, "epochs": 200, "batch_size": 256, "judged": 2000},
}
