"""Settings of the walk through a Transformer, and what its uses can be told."""

from typing import Any, Literal

from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings


class Settings(BaseSettings):
    run: str | None = option(None, "run folder of gpt to look into; a small network is trained here if not given")
    sentence: str = option("Meerkats love watermelons.", "what is led through the network")
    layer: int | None = option(None, "layer to show closely, counted from 1; the first if not set", ge=1)
    head: int | None = option(None, "its head, counted from 1; the one that most picks out others if not set", ge=1)
    tokenizer: Literal["characters", "words", "bpe", "wordpiece", "unigram"] = option("bpe", "how text becomes tokens")
    vocabulary: int = option(1024, "most tokens that the tokenizer learns", "tokens", ge=8, le=1_000_000)
    field: str | None = option(None, "the field of .jsonl or the column of .csv that holds the text; found if not set")
    context: int = option(64, "tokens that the network looks back on", "tokens", ge=4, le=65536)
    depth: int = option(2, "layers", ge=1, le=96)
    width: int = option(96, "numbers a token", ge=4, le=16384)
    heads: int = option(4, "attention heads a layer", ge=1, le=256)
    steps: int = option(2000, "steps of training", ge=1)
    batch_size: int = option(8, "windows of text a step", "windows", ge=1)
    learning_rate: float | None = option(None, "size of the steps; 0.02 for muon, 0.001 for adamw", gt=0)
    optimizer: Literal["muon", "adamw"] = option("muon", "momentum made orthogonal, or AdamW")
    test_share: float = option(0.1, "part of the text kept for the scores", gt=0, lt=0.9)


class LookingOptions(Options):
    """Which layer and head are shown closely."""

    layer: int | None = option(None, "layer to show closely, counted from 1; the run's if not set", ge=1)
    head: int | None = option(None, "its head, counted from 1; the one that most picks out others if not set", ge=1)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"vocabulary": 300, "width": 16, "heads": 2, "context": 32, "steps": 60, "batch_size": 8},
    "course": {"sentence": "THE MEERKATS LOVE WATERMELONS.", "depth": 1, "heads": 1, "optimizer": "adamw"},
    "full": {
        "vocabulary": 32768,
        "context": 1024,
        "depth": 12,
        "width": 768,
        "heads": 12,
        "batch_size": 64,
        "steps": 50_000,
    },
}
OPTIONS: dict[str, type[Options]] = {"trace": LookingOptions, "explain": LookingOptions}
