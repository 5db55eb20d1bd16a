"""What can be set for a line through points."""

from typing import Any

from maquette.families.settings import TableOptions
from maquette.settings import Options, option
from maquette.settings import Settings as BaseSettings


class Settings(BaseSettings):
    x: str | None = option(None, "column to predict from; may be left out if the table has two columns of numbers")
    y: str | None = option(None, "column to predict")
    degree: int = option(1, "degree of the polynomial that is kept; 1 is a line", ge=0, le=20)
    highest_degree: int = option(20, "highest degree in the comparison of degrees", ge=2, le=20)
    learning_rate: float = option(
        0.4, "step of the descent, both columns scaled to 0..1; above 0.5 it may run away", gt=0
    )
    steps: int = option(20_000, "most steps of the descent; it ends where the line no longer moves", ge=1)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"steps": 5_000, "highest_degree": 5},
    "course": {"degree": 1, "highest_degree": 20},
    "full": {"steps": 1_000_000},
}
OPTIONS: dict[str, type[Options]] = {"predict": TableOptions}
