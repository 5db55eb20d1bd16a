"""Settings of the translator, and what translating can be told."""

from typing import Any, Literal

from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings

LENGTH_PENALTY = 1.5  # of beam search; best on Multi30k's validation part, 0.7 BLEU above the 0.6 of larger networks


class Settings(BaseSettings):
    source: str | None = option(None, "the side that is read: a file of lines, a column, a field or a language")
    target: str | None = option(None, "the side that is written, likewise")
    vocabulary: int = option(4000, "most subwords, the same for both sides", "tokens", ge=8, le=1_000_000)
    depth: int = option(3, "layers of the encoder, and of the decoder", ge=1, le=96)
    width: int = option(128, "numbers a token", ge=8, multiple_of=4, le=8192)
    heads: int = option(4, "attention heads a layer", ge=1, le=256)
    norm: Literal["before", "after"] = option("before", "layer norm before each branch, or after it as in the paper")
    dropout: float = option(0.1, "part of the numbers that training leaves out", ge=0, lt=1)
    context: int = option(256, "most tokens of a text; what is longer is cut", "tokens", ge=4, le=16384)
    subword_dropout: float = option(
        0.0,
        "part of the merges left out, so that words are cut anew each time; 0.1 for long training",
        ge=0,
        lt=1,
    )
    steps: int | None = option(None, "steps of training; ten rounds over the pairs if not set", ge=1)
    batch_tokens: int = option(2000, "tokens a step, on the longer side", "tokens", ge=1)
    learning_rate: float | None = option(None, "size of the steps; 0.02 for muon, 0.001 for adamw", gt=0)
    optimizer: Literal["muon", "adamw"] = option("muon", "momentum made orthogonal, or AdamW")
    beams: int = option(4, "outputs that beam search follows, for the scores", ge=1, le=256)
    test_share: float = option(0.05, "part of the pairs kept for the scores, where the files do not say", gt=0, lt=0.9)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {
        "vocabulary": 320,
        "depth": 1,
        "width": 32,
        "heads": 2,
        "dropout": 0.0,
        "context": 48,
        "steps": 60,
        "batch_tokens": 512,
        "beams": 2,
    },
    "brief": {"vocabulary": 1000, "depth": 2, "beams": 2},
    "course": {"norm": "after", "heads": 8, "dropout": 0.1, "optimizer": "adamw"},
    "full": {
        "vocabulary": 8000,
        "depth": 6,
        "width": 512,
        "heads": 8,
        "dropout": 0.3,
        "subword_dropout": 0.1,
        "batch_tokens": 4000,
        "steps": 20_000,
    },
}


class TranslateOptions(Options):
    """How a translation is searched."""

    beams: int = option(4, "outputs that beam search follows; 1 takes the likeliest token each time", ge=1, le=256)
    length_penalty: float = option(LENGTH_PENALTY, "above 0 beam search likes longer outputs", ge=-10, le=10)


OPTIONS: dict[str, type[Options]] = {"translate": TranslateOptions, "explain": TranslateOptions}
