"""Settings of the GPT, and what writing can be told."""

from typing import Any, Literal

from maquette.families.settings import WritingOptions
from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings

WIDTH_A_LAYER = 32  # numbers a token that each layer of `depth` stands for


class Settings(BaseSettings):
    tokenizer: Literal["characters", "words", "bpe", "wordpiece", "unigram"] = option("bpe", "how text becomes tokens")
    vocabulary: int = option(1024, "most tokens that the tokenizer learns", "tokens", ge=8, le=1_000_000)
    field: str | None = option(None, "the field of .jsonl or the column of .csv that holds the text; found if not set")
    init: str | None = option(None, "start from this run of gpt, or this folder of GPT-2 from Hugging Face")
    network: Literal["gpt", "gpt2"] = option("gpt", "as they are built today, or exactly GPT-2")
    depth: int = option(4, "layers; the one dial of size, which also sets the width", ge=1, le=96)
    width: int | None = option(
        None, f"numbers a token; {WIDTH_A_LAYER} times the depth if not set", ge=8, multiple_of=4
    )
    heads: int | None = option(None, "attention heads a layer; of about 32 numbers if not set", ge=1, le=256)
    context: int = option(128, "tokens that the network looks back on", "tokens", ge=4, le=65536)
    dropout: float = option(0.0, "part of the numbers that training leaves out; gpt2 only", ge=0, lt=1)
    steps: int | None = option(None, "steps of training; 2000, or six rounds over a short text, if not set", ge=1)
    batch_size: int = option(8, "windows of text a step", "windows", ge=1)
    learning_rate: float | None = option(None, "size of the steps; 0.02 for muon, 0.001 for adamw", gt=0)
    optimizer: Literal["muon", "adamw"] = option("muon", "momentum made orthogonal, or AdamW")
    shard: bool = option(False, "spread the weights over the processes of torchrun (FSDP2)")
    test_share: float = option(0.1, "part of the text kept for the scores", gt=0, lt=0.9)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"vocabulary": 300, "depth": 2, "width": 32, "context": 32, "steps": 60, "batch_size": 8},
    "course": {
        "tokenizer": "characters",
        "network": "gpt2",
        "depth": 4,
        "width": 128,
        "heads": 4,
        "context": 64,
        "batch_size": 12,
        "steps": 2000,
        "optimizer": "adamw",
    },
    "full": {
        "vocabulary": 32768,
        "depth": 12,
        "width": 768,
        "context": 1024,
        "batch_size": 512,
        "steps": 20_000,
    },
}
OPTIONS: dict[str, type[Options]] = {"write": WritingOptions, "explain": WritingOptions}
