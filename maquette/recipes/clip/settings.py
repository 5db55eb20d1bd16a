"""What can be set for CLIP, and what can be asked of it."""

from typing import Any, Literal

from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings


class Settings(BaseSettings):
    caption: str | None = option(None, "column in which captions stand; found if not given")
    size: int | None = option(None, "side to which pictures are cropped and shrunk; 32", "px", ge=8, le=512)
    most_pictures: int | None = option(None, "use at most so many pictures, drawn at random", ge=20)
    width: int = option(24, "channels of the picture tower's first layer", ge=4, le=512)
    text_width: int = option(48, "numbers a token in the text tower, a multiple of 8", ge=8, le=2048, multiple_of=8)
    depth: int = option(2, "layers of the text tower", ge=1, le=48)
    numbers: int = option(64, "numbers of an embedding", ge=2, le=2048)
    vocabulary: int = option(1024, "subwords, at most", ge=258, le=65_536)
    steps: int = option(600, "batches", ge=1)
    batch_size: int = option(256, "pairs a batch: each picture is told from so many captions", "pairs", ge=2)
    optimizer: Literal["muon", "adamw"] = option("muon", "Muon for matrices and AdamW for the rest, or AdamW for all")
    learning_rate: float = option(0.04, "size of the steps; 0.001 suits adamw", gt=0)
    equal: bool = option(
        True,
        "equal captions of a batch are equally right, and ones with two words exchanged are wrong; else as published",
    )
    shift: int = option(1, "training pictures are moved by up to so much each way", "px", ge=0, le=64)
    valid_share: float = option(0.05, "part of the pictures for validation", gt=0, lt=0.5)
    test_share: float = option(0.1, "part kept for the scores, where the publisher keeps none", gt=0, lt=0.5)


class SearchOptions(Options):
    most: int = option(12, "pictures for each text", "pictures", ge=1, le=200)


class ClassifyOptions(Options):
    prompt: str = option("{}", "what is asked for each word, which goes in place of {}, as in: a picture of a {}")


OPTIONS: dict[str, type[Options]] = {"search": SearchOptions, "classify": ClassifyOptions}

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"most_pictures": 1500, "steps": 120, "batch_size": 64, "width": 16, "text_width": 32, "vocabulary": 400},
    "course": {
        "equal": False,
        "optimizer": "adamw",
        "learning_rate": 0.0005,
        "width": 32,
        "text_width": 64,
        "shift": 0,
        "steps": 2000,
    },
    "full": {
        "size": 64,
        "width": 128,
        "text_width": 512,
        "depth": 12,
        "numbers": 512,
        "steps": 50_000,
        "batch_size": 2048,
    },
}
