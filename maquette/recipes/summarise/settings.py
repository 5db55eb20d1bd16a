"""Settings of the summariser, and what summarising can be told."""

from typing import Any

from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings

NO_REPEAT = 5  # tokens: of 3, no summary could name #Person1# twice where that is four, as to most given networks


class Settings(BaseSettings):
    input: str | None = option(None, "the field or column that holds the texts; found if not set")
    output: str | None = option(None, "the one that holds their summaries, likewise")
    init: str | None = option(
        None, "start from this folder of T5, BART or Marian from Hugging Face, or a run of summarise or translate"
    )
    text: str | None = option(None, "text to pretrain on, without --init; that of the training pairs if not set")
    pretraining: float = option(0.3, "part of training that goes into that; 0: none", ge=0, le=0.95)
    vocabulary: int = option(
        4000, "most tokens that the tokenizer learns, without --init", "tokens", ge=8, le=1_000_000
    )
    depth: int = option(2, "layers of encoder and decoder, which also set the width, without --init", ge=1, le=96)
    context: int = option(192, "most tokens of a text; what is longer is cut", "tokens", ge=8, le=16384)
    longest: int = option(64, "most tokens of a summary", "tokens", ge=2, le=4096)
    lora: int = option(0, "rank of low-rank changes that learn in place of the weights; 0: all weights learn", ge=0)
    epochs: int = option(3, "times that the pairs are seen", ge=1)
    steps: int | None = option(None, "steps of fine-tuning, instead of epochs", ge=1)
    batch_size: int | None = option(None, "pairs a step; 8, or 32 of many without --init, if not set", "pairs", ge=1)
    learning_rate: float | None = option(None, "size of the steps; 0.00002 with --init, 0.02 without", gt=0)
    judged: int = option(500, "test pairs that the scores are made of", "pairs", ge=2)
    test_share: float = option(0.1, "part of the pairs kept for the scores, where the files do not say", gt=0, lt=0.9)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {
        "vocabulary": 512,
        "depth": 1,
        "context": 96,
        "longest": 32,
        "steps": 30,
        "batch_size": 8,
        "judged": 20,
    },
    "brief": {"vocabulary": 1000, "depth": 1, "judged": 40, "batch_size": 8},
    "course": {"batch_size": 16, "epochs": 1, "context": 1024, "longest": 128},
    "full": {"vocabulary": 16000, "depth": 8, "context": 1024, "longest": 128, "epochs": 30, "batch_size": 64},
}


class SummariseOptions(Options):
    """How a summary is searched."""

    beams: int = option(4, "summaries that beam search follows; 1 takes the likeliest token each time", ge=1, le=256)
    length_penalty: float = option(1.0, "above 0 beam search likes longer summaries", ge=-10, le=10)
    no_repeat: int = option(
        NO_REPEAT, "no run of so many tokens is written twice; 0 allows any", "tokens", ge=0, le=100
    )
    tokens: int | None = option(None, "most tokens of a summary; as in training if not set", "tokens", ge=2, le=4096)


OPTIONS: dict[str, type[Options]] = {"summarise": SummariseOptions}
