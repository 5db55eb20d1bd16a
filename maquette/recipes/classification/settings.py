"""What can be set for a class predicted from a table."""

from typing import Any

from maquette.families.settings import TABLE_COURSE, TableOptions, TableSettings
from maquette.settings import Options, option


class Settings(TableSettings):
    balance: bool = option(False, "weigh each class as if all were equally common")


PRESETS: dict[str, dict[str, Any]] = {
    "small": TABLE_COURSE | {"epochs": 2, "batch_size": 32, "scaling": "quantile", "keep_best": True},
    "course": TABLE_COURSE | {"batch_size": 4},
    "full": {"epochs": 200, "patience": 40},
}
OPTIONS: dict[str, type[Options]] = {"predict": TableOptions}
