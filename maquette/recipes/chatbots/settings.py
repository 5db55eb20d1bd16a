"""What can be set for chatbots side by side, and how they are asked."""

from typing import Any

from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings


class Settings(BaseSettings):
    seconds: float | None = option(
        180.0,
        "training of the three networks together, of which each gets a third; none: as long as each takes",
        "s",
        gt=0,
    )
    field: str | None = option(None, "the field of .jsonl or the column of .csv that holds the text; found if not set")
    eliza: str | None = option(None, "run folder of eliza; made here first if not given")
    rnn: str | None = option(None, "run folder of recurrent with the network rnn; trained here first if not given")
    lstm: str | None = option(None, "run folder of recurrent with the network lstm; trained here first if not given")
    gpt: str | None = option(None, "run folder of gpt; trained here first if not given")
    questions: str | None = option(None, "file with a question a line; about meerkats if not given")
    paragraph: str | None = option(None, "file with what all are told; a meerkat's words if not given")
    asked: int = option(24, "words of the paragraph that are asked for", "words", ge=2, le=1000)
    fillers: int = option(2, "stretches of other text between, each with all words", ge=1, le=100)
    farthest: int = option(400, "most words between the paragraph and the question", "words", ge=10, le=100_000)


class TalkOptions(Options):
    """How networks answer."""

    letters: int = option(100, "most letters of a network's answer", ge=1, le=10_000)
    temperature: float = option(0.8, "below 1 bolder, above 1 more surprising", gt=0, le=10)
    seed: int = option(0, "where chance begins", ge=0, lt=2**32)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"seconds": None, "asked": 6, "fillers": 1, "farthest": 50},
    "course": {"seconds": 600.0},
    "full": {"seconds": None, "asked": 60, "fillers": 8},
}
OPTIONS: dict[str, type[Options]] = {"talk": TalkOptions, "ask": TalkOptions, "explain": TalkOptions}
