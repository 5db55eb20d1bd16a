"""The table of recipes: what each is called, where it lives, and what it costs. Importing it loads nothing else."""

import importlib
from types import ModuleType
from typing import NamedTuple

from maquette.settings import Options, Settings, UserError, make_settings, nearest


class Entry(NamedTuple):
    """A line of `maquette list`: kind of data, what it does, its cost on two cores, how it is used."""

    module: str
    kind: str
    summary: str
    cost: str
    use: str = "NEW.csv --out PREDICTED.csv"  # what follows `maquette predict RUN`


RECIPES = {
    "line": Entry(
        "maquette.recipes.line.recipe", "table", "a line, and polynomials, through measured points", "5 seconds"
    ),
    "regression": Entry(
        "maquette.recipes.regression.recipe", "table", "a number predicted from the columns of a table", "40 seconds"
    ),
    "classification": Entry(
        "maquette.recipes.classification.recipe", "table", "a class predicted from the columns of a table", "10 seconds"
    ),
    "restore": Entry(
        "maquette.recipes.restore.recipe",
        "image",
        "pictures without noise, blocks or false colours, from spoiled ones",
        "5 minutes",
        "PICTURE --out RESTORED",
    ),
    "autoencoder": Entry(
        "maquette.recipes.autoencoder.recipe",
        "image",
        "pictures through a few numbers and back, and the space of those numbers",
        "1 minute",
        "PICTURES --out LATENTS.csv",
    ),
    "image_classification": Entry(
        "maquette.recipes.image_classification.recipe",
        "image",
        "a class predicted from a picture",
        "3 minutes",
        "PICTURES --out ANSWERS.csv",
    ),
    "attack": Entry(
        "maquette.recipes.attack.recipe",
        "image",
        "pictures that fool a classifier, and the defence against them",
        "3 minutes",
        "PICTURE --out FOOLED",
    ),
    "tokenizer": Entry(
        "maquette.recipes.tokenizer.recipe",
        "text",
        "text cut into tokens in six ways, and what each costs",
        "20 seconds",
        '"TEXT"',
    ),
    "gpt": Entry(
        "maquette.recipes.gpt.recipe",
        "text",
        "a GPT that goes on writing like your own text",
        "3 minutes",
        '"Once upon a time"',
    ),
    "attention": Entry(
        "maquette.recipes.attention.recipe",
        "text",
        "one sentence on its way through a Transformer, with every number and formula",
        "1 minute",
        '"SENTENCE" --out PAGE.html',
    ),
    "depth": Entry(
        "maquette.recipes.depth.recipe",
        "image",
        "plain and residual networks of 2 to 50 layers, and what becomes of their gradients",
        "2 minutes",
        "PICTURES --out ANSWERS.csv",
    ),
    "splat": Entry(
        "maquette.recipes.splat.recipe",
        "scene",
        "photographs to a scene that one can fly through",
        "3 minutes",
        "--path orbit --out film.mp4",
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


def recipe_options(recipe: ModuleType) -> type[Options]:
    """The options of a recipe's `predict`; most have none."""
    return getattr(recipe, "Options", Options)
