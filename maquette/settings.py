"""Settings: flat, typed, bounded fields, one source for flags, saved JSON, the report's table and the web form.

Also holds `UserError`, the one exception whose message is meant for the user.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class UserError(ValueError):
    """What the user can put right: one sentence that names the value and the way out. The command line exits with 2."""


def option(default: Any, help: str, unit: str = "", **bounds: Any) -> Any:
    """A field of a `Settings` class: default, meaning, unit, and pydantic's bounds (`gt`, `ge`, `lt`, `le`)."""
    return Field(default, description=help, json_schema_extra={"unit": unit}, validate_default=True, **bounds)


class Options(BaseModel):
    """Named values with bounds; the options that a recipe's `predict` takes are a class of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Settings(Options):
    """What every recipe understands; a recipe adds its own fields."""

    data: str | None = option(
        None, "a file, a folder, or a name from `maquette data list`; the recipe's own if not given"
    )
    seed: int = option(0, "where all chance begins; the same seed gives the same run", ge=0, lt=2**32)
    seconds: float | None = option(None, "train about this long instead of the number of steps or epochs", "s", gt=0)
    device: Literal["auto", "cpu", "cuda"] = option("auto", "where to compute")


def nearest(name: str, names: Iterable[str], cutoff: float = 0.5) -> str:
    """`; did you mean X?` for the name that looks most like `name`, or nothing where none is as like as `cutoff`."""
    lowered = {candidate.lower(): candidate for candidate in names}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=cutoff)
    return f"; did you mean {lowered[close[0]]}?" if close else ""


Kind = TypeVar("Kind", bound=Options)


def make_settings(kind: type[Kind], values: dict[str, Any]) -> Kind:
    """An instance of `kind`; unknown names and values out of bounds are a `UserError` that says what would be right."""
    for name in values:
        if name not in kind.model_fields:
            raise UserError(f"There is no setting {flag(name)}{nearest(name, kind.model_fields)}")
    try:
        return kind(**values)
    except ValidationError as error:
        problem = error.errors()[0]
        if not problem["loc"]:
            raise UserError(str(problem["ctx"]["error"])) from None
        name = str(problem["loc"][0])
        reason = problem["msg"].removeprefix("Value error, ").removeprefix("Input ").split(", unable to ")[0]
        raise UserError(f"{flag(name)} {reason}, not {problem['input']!r}.") from None


def without_none(kind: type[Options], values: dict[str, Any]) -> dict[str, Any]:
    """Words of the command line, where `none` unsets a setting that may be unset; as `data` it may be a path."""
    given = dict(values)
    for name, value in values.items():
        if value == "none" and type(None) in get_args(kind.model_fields[name].annotation):
            if name == "data" and Path(value).exists():
                continue
            given[name] = None
            if name == "data":
                print("There is no file or folder called none: --data none stands for the recipe's own data.")
    return given


def flag(name: str) -> str:
    """`--learning-rate` for `learning_rate`; `--class` for `class_`, as Python keeps that word for itself."""
    return "--" + name.rstrip("_").replace("_", "-")
