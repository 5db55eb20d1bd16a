"""The table of recipes: what each is called, where it lives, and what it costs. Importing it loads nothing else."""

import importlib
from types import ModuleType
from typing import NamedTuple

from maquette.settings import Settings, UserError, make_settings, nearest


class Entry(NamedTuple):
    """A line of `maquette list`: kind of data, what it does, and its cost with the defaults on two cores."""

    module: str
    kind: str
    summary: str
    cost: str


RECIPES = {
    "line": Entry(
        "maquette.recipes.tables.line", "table", "a line, and polynomials, through measured points", "5 seconds"
    ),
    "regression": Entry(
        "maquette.recipes.tables.regression", "table", "a number predicted from the columns of a table", "40 seconds"
    ),
    "classification": Entry(
        "maquette.recipes.tables.classification", "table", "a class predicted from the columns of a table", "10 seconds"
    ),
}


def load_recipe(name: str) -> ModuleType:
    """The module of a recipe; `UserError` with the nearest name if there is none."""
    if name not in RECIPES:
        raise UserError(f"There is no recipe named {name}{nearest(name, RECIPES)} (maquette list shows all)")
    return importlib.import_module(RECIPES[name].module)


def recipe_settings(recipe: ModuleType, preset: str | None, values: dict[str, object]) -> Settings:
    """Settings of a recipe: field defaults, then the preset, then what the user gave."""
    if preset is not None and preset not in recipe.PRESETS:
        known = ", ".join(recipe.PRESETS)
        raise UserError(f"There is no preset named {preset}{nearest(preset, recipe.PRESETS)} (this recipe has {known})")
    return make_settings(recipe.Settings, {**(recipe.PRESETS[preset] if preset else {}), **values})
