"""What can be set for vectors of words, and what can be asked of them."""

from typing import Any, Literal

from pydantic import field_validator

from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings


class Settings(BaseSettings):
    method: Literal["skipgram", "cbow"] = option("skipgram", "from each near word to a word, or from all of them")
    width: int = option(100, "numbers a word", ge=2, le=2048)
    window: int = option(8, "words that are looked at on each side, at most", "words", ge=1, le=100)
    negatives: int = option(5, "words drawn at random against each true one", "words", ge=1, le=100)
    epochs: int | None = option(
        None, "times the text is read; so often that 50 million words are read, 5 to 100 times, if not set", ge=1
    )
    learning_rate: float = option(0.025, "size of the first steps; they shrink evenly", gt=0)
    subsample: float | None = option(
        None,
        "words above this share of the text are read less often; 0: all; 1e-4, or what leaves a third, if not set",
        ge=0,
        lt=1,
    )
    fewest: int = option(5, "words that occur less often are left out", "times", ge=1)
    vocabulary: int = option(200_000, "most words that are kept", "words", ge=10, le=5_000_000)
    subwords: bool = option(False, "a word is the mean of itself and its pieces, so that words never seen have vectors")
    phrases: float = option(0.0, "two words become one above this score, 100 for example; 0: never", ge=0)
    exact: bool = option(True, "the same result however many threads; without it they write into the same numbers")
    field: str | None = option(None, "the field of .jsonl or the column of .csv that holds the text; found if not set")
    test_share: float = option(0.02, "part of the text kept for the scores", gt=0, lt=0.9)
    init: str | None = option(
        None, "start from the table of embeddings in this folder of Hugging Face, such as a BERT's"
    )
    analogy: str = option("man king woman", "three words: what is to the third as the second is to the first")

    @field_validator("analogy")
    @classmethod
    def _is_three_words(cls, text: str) -> str:
        if len(text.split()) != 3:
            raise ValueError("must be three words, such as 'man king woman'")
        return text


class NearestOptions(Options):
    count: int = option(10, "words that are told", "words", ge=1, le=10_000)


class ProjectOptions(Options):
    axes: str | None = option(
        None, "axes such as man:woman, poor:rich; the two directions in which words vary most if not set"
    )


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"width": 16, "window": 4, "epochs": 3, "fewest": 2},
    "course": {"width": 300, "window": 5, "subsample": 1e-3},
    "full": {"width": 300, "window": 10, "negatives": 10, "epochs": 20},
}
OPTIONS: dict[str, type[Options]] = {
    "neighbours": NearestOptions,
    "analogy": NearestOptions,
    "project": ProjectOptions,
}
