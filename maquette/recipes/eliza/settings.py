"""What can be set for ELIZA, and how one talks to it."""

from typing import Any

from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings


class Settings(BaseSettings):
    conversation: str | None = option(
        None,
        "file with a known conversation, what is said and the reply on alternating lines; that which belongs to the "
        "script if not given",
    )
    sentence: str = option("It is late, and I'm sad like everyone.", "what the drawn walk answers")


class TalkOptions(Options):
    why: bool = option(False, "tell below each answer which rule gave it")


PRESETS: dict[str, dict[str, Any]] = {
    "small": {},
    "course": {"data": "eliza_course", "sentence": "Are you here to help me or not?"},
    "full": {},
}
OPTIONS: dict[str, type[Options]] = {"talk": TalkOptions}
