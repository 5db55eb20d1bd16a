"""Settings of recurrent language models, and what writing can be told."""

from typing import Any, Literal

from maquette.families.settings import WritingOptions
from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings


class Settings(BaseSettings):
    network: Literal["lstm", "gru", "rnn"] = option("lstm", "the cell: long short-term memory, gated unit or plain")
    tokenizer: Literal["characters", "words", "bpe", "wordpiece", "unigram"] = option(
        "characters", "how text becomes tokens"
    )
    vocabulary: int = option(1024, "most tokens that the tokenizer learns", "tokens", ge=8, le=1_000_000)
    field: str | None = option(None, "the field of .jsonl or the column of .csv that holds the text; found if not set")
    width: int = option(320, "numbers of state a layer", ge=2, le=8192)
    embedded: int = option(64, "numbers a token", ge=1, le=8192)
    layers: int = option(1, "cells on top of each other", ge=1, le=16)
    context: int = option(64, "tokens that gradients go back; the state is carried on from there", "tokens", ge=2)
    steps: int | None = option(None, "steps of training; by the length of the text if not set", ge=1)
    batch_size: int = option(32, "streams of text read side by side", "streams", ge=1)
    learning_rate: float | None = option(None, "size of the steps; 0.03 for muon, 0.008 for adamw", gt=0)
    optimizer: Literal["muon", "adamw"] = option("muon", "momentum made orthogonal, or AdamW")
    probe: int = option(200, "steps for which each kind of network learns to recall, for the report; 0: none", ge=0)
    test_share: float = option(0.1, "part of the text kept for the scores", gt=0, lt=0.9)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"width": 48, "embedded": 16, "context": 32, "steps": 60, "batch_size": 8, "probe": 2},
    "brief": {"probe": 100},
    "course": {
        "network": "gru",
        "embedded": 256,
        "width": 1024,
        "context": 100,
        "batch_size": 64,
        "optimizer": "adamw",
        "learning_rate": 0.001,
    },
    "full": {"width": 2048, "embedded": 256, "layers": 2, "context": 256, "batch_size": 256, "steps": 20_000},
}
OPTIONS: dict[str, type[Options]] = {"write": WritingOptions, "explain": WritingOptions}
