"""Settings of the tokenizers."""

from typing import Any, Literal

from maquette.settings import Settings as BaseSettings
from maquette.settings import option

MEERKATS = "Meerkats are small, social, and always ready for adventures"
BETWEEN = "|"


class Settings(BaseSettings):
    tokenizer: Literal["characters", "spaces", "words", "bpe", "wordpiece", "unigram"] = option(
        "bpe", "the kind that is kept; the others are compared with it"
    )
    vocabulary: int = option(4096, "most tokens that a kind may have", "tokens", ge=258, le=1_000_000)
    field: str | None = option(None, "the field of .jsonl or the column of .csv that holds the text; found if not set")
    sentences: str = option(
        f"Let's do tokenization! | Meerkats love watermelons. | {MEERKATS}",
        f"what is drawn as strips of tokens; several with {BETWEEN} between them",
    )
    most_mb: int = option(50, "learn from about so many MB of text, drawn at random where there is more", "MB", ge=1)
    test_share: float = option(0.1, "part of the text kept for the scores", gt=0, lt=0.9)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"vocabulary": 400},
    "course": {
        "tokenizer": "wordpiece",
        "vocabulary": 28_996,
        "sentences": f"Let's do tokenization! | {MEERKATS}",
    },
    "full": {"vocabulary": 50_257, "most_mb": 10_000},
}
