"""What is known of a recipe by its name: its line in the table, its settings, its steps, its uses. Light.

A recipe is a folder: `settings.py` (light), `recipe.py` (the steps), `uses.py`, and what only it needs. The table is
that of `maquette.course`.
"""

import importlib
from collections.abc import Mapping
from types import ModuleType

from maquette.course import CHAPTERS as CHAPTERS
from maquette.course import RECIPES as RECIPES
from maquette.entries import Entry, Use
from maquette.settings import Options, Settings, UserError, flag, make_settings, nearest


def entry_of(name: str) -> Entry:
    """The line of a recipe; `UserError` with the nearest name if there is none."""
    if name not in RECIPES:
        raise UserError(f"There is no recipe named {name}{nearest(name, RECIPES)} (maquette list shows all)")
    return RECIPES[name]


def load_recipe(name: str) -> ModuleType:
    """The steps of a recipe; heavy."""
    return importlib.import_module(f"{entry_of(name).module}.recipe")


def load_uses(name: str) -> ModuleType:
    """The uses of a recipe; heavy."""
    return importlib.import_module(f"{entry_of(name).module}.uses")


def load_settings(name: str) -> ModuleType:
    """`Settings`, `PRESETS` and `OPTIONS` of a recipe; light."""
    return importlib.import_module(f"{entry_of(name).module}.settings")


def describe(name: str) -> str:
    """The first sentence of a recipe's folder."""
    return importlib.import_module(entry_of(name).module).__doc__ or ""


def recipe_settings(name: str, preset: str | None, values: Mapping[str, object]) -> Settings:
    """Settings of a recipe: field defaults, then the preset, then what the user gave."""
    recipe = load_settings(name)
    if preset is not None and preset not in recipe.PRESETS:
        known = ", ".join(recipe.PRESETS)
        raise UserError(f"There is no preset named {preset}{nearest(preset, recipe.PRESETS)} (this recipe has {known})")
    return make_settings(recipe.Settings, {**(recipe.PRESETS[preset] if preset else {}), **values})


def saved_settings(name: str, values: Mapping[str, object]) -> Settings:
    """Settings of a run as its folder holds them; names and values that have changed since then are told apart."""
    kind = load_settings(name).Settings
    renamed, replaced = getattr(kind, "RENAMED", {}), getattr(kind, "REPLACED", {})
    known = {renamed.get(key, key): value for key, value in values.items() if key not in replaced}
    for key, (now, meanings) in replaced.items():
        if key in values:
            known[now] = meanings[values[key]]
    return recipe_settings(name, None, known)


def use_options(name: str, use: str) -> type[Options]:
    """The options of one use; many have none."""
    return getattr(load_settings(name), "OPTIONS", {}).get(use, Options)


def use_of(name: str, use: str) -> Use:
    """One use of a recipe; `UserError` with the nearest name if there is none."""
    uses = entry_of(name).uses
    if use not in uses:
        raise UserError(f"A run of {name} has no use {use}{nearest(use, uses)} (it has {', '.join(uses)})")
    return uses[use]


def example_of(name: str, use: str) -> str:
    """What follows `maquette predict RUN` to have this use."""
    uses = entry_of(name).uses
    is_said = use == next(iter(uses)) or flag(use) in uses[use].example
    return uses[use].example + ("" if is_said else f" --use {use}")


def from_and_to(name: str) -> str:
    """What a recipe learns from, what its uses take and give, and which other runs it takes, on one line."""
    entry = entry_of(name)
    uses = [f"{use}: {' and '.join(each.takes) or 'nothing'} to {each.gives}" for use, each in entry.uses.items()]
    needs = []
    for key, need in entry.needs.items():
        verb = "needs" if need.otherwise == "train" else f"{flag(key)} takes"
        needs.append(f"{verb} a run of {' '.join([' or '.join((need.recipe, *need.also)), *need.kind.values()])}")
    return "; ".join([f"learns from {'a scene' if entry.data == 'scene' else entry.data}", *uses, *needs])


def as_plain(name: str) -> dict[str, object]:
    """A recipe's line of the table as JSON has it."""
    entry = entry_of(name)
    uses = {use: each._asdict() for use, each in entry.uses.items()}
    needs = {
        key: {**need._asdict(), "kind": dict(need.kind), "sets": dict(need.sets)} for key, need in entry.needs.items()
    }
    return {"recipe": name, **entry._asdict(), "cost": entry.cost, "uses": uses, "needs": needs}
