"""What can be set for a number predicted from a table."""

from typing import Any

from maquette.families.settings import TABLE_COURSE, TableOptions, TableSettings
from maquette.settings import Options, option


class Settings(TableSettings):
    unit: str = option("", "unit of the target, shown beside numbers")
    coverage: float = option(0.9, "part of the truth that the intervals are to hold", gt=0, lt=1)


PRESETS: dict[str, dict[str, Any]] = {
    "small": TABLE_COURSE | {"epochs": 2, "batch_size": 256, "scaling": "quantile", "keep_best": True},
    "course": TABLE_COURSE | {"batch_size": 32},
    "full": {"epochs": 100, "patience": 20},
}
OPTIONS: dict[str, type[Options]] = {"predict": TableOptions}
