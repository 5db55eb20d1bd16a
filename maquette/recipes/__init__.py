"""The table of recipes: where each lives, what goes in and comes out, what it needs and costs. Light.

A recipe is a folder: `settings.py` (light), `recipe.py` (the steps), `uses.py`, and what only it needs.
"""

import importlib
from collections.abc import Mapping
from types import ModuleType

from maquette.entries import Entry, Need, Use
from maquette.settings import Options, Settings, UserError, flag, make_settings, nearest

CHAPTERS = {
    "tables": "Hour one: lines, numbers and classes from tables",
    "pictures": "Hour two: pictures restored, compressed, recognised",
    "language": "Hour three: tokens, attention, language models",
    "scenes": "Hour four: scenes from photographs",
    "generation": "Hour four: pictures from nothing",
    "captions": "Hour four: pictures and words",
}

LEARNT = ("data", "field", "seed", "device")  # what language models take over from a run that needs them


def _table_use(what: str) -> dict[str, Use]:
    return {"predict": Use(("table",), "table", f"{what} for each row of a table", "NEW.csv --out PREDICTED.csv")}


def _classify() -> Use:
    return Use(("pictures",), "table", "the class of each picture", "PICTURES --out ANSWERS.csv")


def _writing() -> dict[str, Use]:
    prompt = '"Once upon a time"'
    return {
        "write": Use(("text",), "text", "what follows a beginning", prompt),
        "explain": Use(("text",), "page", "what each token was chosen from", f"{prompt} --explain --out PAGE.html"),
    }


RECIPES = {
    "line": Entry(
        "maquette.recipes.line",
        "table",
        "a line, and polynomials, through measured points",
        5,
        "tables",
        _table_use("the value of the line"),
    ),
    "regression": Entry(
        "maquette.recipes.regression",
        "table",
        "a number predicted from the columns of a table",
        40,
        "tables",
        _table_use("a number and its range"),
        fixed=20,
    ),
    "classification": Entry(
        "maquette.recipes.classification",
        "table",
        "a class predicted from the columns of a table",
        10,
        "tables",
        _table_use("a class and the probability of each"),
        fixed=8,
    ),
    "restore": Entry(
        "maquette.recipes.restore",
        "pictures",
        "pictures without noise, blocks or false colours, from spoiled ones",
        300,
        "pictures",
        {"restore": Use(("pictures",), "pictures", "each picture restored", "PICTURE --out RESTORED")},
        fixed=30,
    ),
    "autoencoder": Entry(
        "maquette.recipes.autoencoder",
        "pictures",
        "pictures through a few numbers and back, and the space of those numbers",
        60,
        "pictures",
        {
            "encode": Use(("pictures",), "table", "the numbers of each picture", "PICTURES --out LATENTS.csv"),
            "decode": Use(("table",), "pictures", "pictures from a table of numbers", "LATENTS.csv --out FOLDER"),
        },
        fixed=25,
    ),
    "vae": Entry(
        "maquette.recipes.vae",
        "pictures",
        "a space of pictures to draw from, with a probability for each and ways between them",
        240,
        "generation",
        {
            "sample": Use((), "pictures", "new pictures", "--count 64 --seed 3 --out grid.png"),
            "encode": Use(("pictures",), "table", "the latents of each picture", "PICTURES --out LATENTS.csv"),
            "decode": Use(("table",), "pictures", "pictures from a table of latents", "LATENTS.csv --out FOLDER"),
            "probability": Use(("pictures",), "table", "how probable each picture is", "PICTURES --out ANSWERS.csv"),
            "interpolate": Use(("pictures",), "film", "the way from picture to picture", "A.png B.png --out way.webp"),
            "reconstruct": Use(("pictures",), "pictures", "each picture through its latents", "PICTURES --out FOLDER"),
        },
        fixed=60,
    ),
    "image_classification": Entry(
        "maquette.recipes.image_classification",
        "pictures",
        "a class predicted from a picture",
        180,
        "pictures",
        {"classify": _classify()},
        fixed=20,
    ),
    "attack": Entry(
        "maquette.recipes.attack",
        "pictures",
        "pictures that fool a classifier, and the defence against them",
        180,
        "pictures",
        {"fool": Use(("pictures",), "pictures", "each picture changed so that it fools", "PICTURE --out FOOLED")},
        {"run": Need("image_classification")},
        fixed=20,
    ),
    "depth": Entry(
        "maquette.recipes.depth",
        "pictures",
        "plain and residual networks of 2 to 50 layers, and what becomes of their gradients",
        120,
        "pictures",
        {"classify": _classify()},
        fixed=10,
    ),
    "convolution": Entry(
        "maquette.recipes.convolution",
        "pictures",
        "which pixels meet which when a kernel goes over a picture, and kernels learnt beside hand-made ones",
        20,
        "pictures",
        {
            "filter": Use(("pictures",), "pictures", "each picture through a kernel", "PICTURE --kernel edge-across"),
            "explain": Use(
                ("text",),
                "page",
                "sizes, fields and weights of a plan of layers",
                '"conv 3x3 s2 p1, up 2" --out PAGE.html',
            ),
        },
        fixed=10,
    ),
    "tokenizer": Entry(
        "maquette.recipes.tokenizer",
        "text",
        "text cut into tokens in six ways, and what each costs",
        20,
        "language",
        {
            "encode": Use(("text",), "table", "the tokens of a text, one a row", '"TEXT"'),
            "explain": Use(("text",), "page", "how a text is cut, drawn", '"TEXT" --out PAGE.html'),
        },
        fixed=20,
    ),
    "gpt": Entry(
        "maquette.recipes.gpt",
        "text",
        "a GPT that goes on writing like your own text",
        180,
        "language",
        _writing(),
        {"init": Need("gpt", files=True)},
        fixed=20,
    ),
    "recurrent": Entry(
        "maquette.recipes.recurrent",
        "text",
        "a plain RNN, a GRU or an LSTM that goes on writing like your own text, and how far each remembers",
        200,
        "language",
        _writing(),
        fixed=60,
    ),
    "attention": Entry(
        "maquette.recipes.attention",
        "text",
        "one sentence on its way through a Transformer, with every number and formula",
        60,
        "language",
        {
            "trace": Use(("text",), "table", "what each token looks at, and what may follow it", '"SENTENCE"'),
            "explain": Use(("text",), "page", "the whole way of a sentence", '"SENTENCE" --out PAGE.html'),
        },
        {"run": Need("gpt")},
        fixed=20,
    ),
    "word2vec": Entry(
        "maquette.recipes.word2vec",
        "text",
        "words as vectors, learnt from your own text",
        60,
        "language",
        {
            "neighbours": Use(("text",), "table", "the words most like a word", '"king"'),
            "analogy": Use(
                ("text",), "table", "what is to the third as the second is to the first", '"man king woman"'
            ),
            "similarity": Use(("text",), "table", "how alike words are", '"king queen"'),
            "odd": Use(("text",), "table", "which word does not belong to the others", '"king queen bread prince"'),
            "vectors": Use(("text",), "table", "the numbers of words", '"king queen" --out VECTORS.csv'),
            "project": Use(("text",), "table", "words along axes between words", '"king queen" --axes man:woman'),
        },
        fixed=30,
    ),
    "eliza": Entry(
        "maquette.recipes.eliza",
        "text",
        "the ELIZA of 1966 with scripts of your own, and which rule gave each reply",
        5,
        "language",
        {
            "talk": Use(
                ("text",), "text", "a conversation, typed if no text or file of lines is given", '"I am sad."', True
            ),
            "explain": Use(("text",), "page", "how a reply came about", '"I am sad." --out PAGE.html'),
        },
    ),
    "chatbots": Entry(
        "maquette.recipes.chatbots",
        "text",
        "ELIZA, an RNN, an LSTM and a GPT asked the same, and what each remembers",
        270,
        "language",
        {
            "talk": Use(("text",), "text", "a conversation with each, typed if nothing is given", '"Hello!"', True),
            "ask": Use(("text",), "table", "the same as a table", "QUESTIONS.txt --out ANSWERS.csv"),
            "explain": Use(("text",), "page", "where words of answers are from", "QUESTIONS.txt --out PAGE.html"),
        },
        {
            "eliza": Need("eliza", "train", passes=("seed", "device")),
            "rnn": Need("recurrent", "train", passes=LEARNT, kind={"network": "rnn"}, sets={"probe": 0}, share=1 / 3),
            "lstm": Need("recurrent", "train", passes=LEARNT, kind={"network": "lstm"}, sets={"probe": 0}, share=1 / 3),
            "gpt": Need("gpt", "train", passes=LEARNT, share=1 / 3),
        },
        fixed=90,
    ),
    "translate": Entry(
        "maquette.recipes.translate",
        "pairs",
        "a Transformer that reads a sentence in one language and writes it in another",
        700,
        "language",
        {
            "translate": Use(
                ("text",), "text", "each line in the other language, typed if no text or file is given", '"TEXT"', True
            ),
            "explain": Use(("text",), "page", "which word came from which", '"TEXT" --out PAGE.html'),
        },
        fixed=60,
    ),
    "summarise": Entry(
        "maquette.recipes.summarise",
        "pairs",
        "a summary of a text, by a network pretrained elsewhere or here and then fine-tuned",
        400,
        "language",
        {"summarise": Use(("text",), "text", "a summary of each text or file", "TEXT.txt")},
        {"init": Need("summarise", files=True, also=("translate",))},
        fixed=60,
    ),
    "gan": Entry(
        "maquette.recipes.gan",
        "pictures",
        "pictures from random numbers, by a network that learns to fool another",
        240,
        "generation",
        {
            "sample": Use((), "pictures", "pictures of a seed", "--count 64 --seed 3 --out grid.png"),
            "interpolate": Use((), "film", "a film from picture to picture", "--seed 3 --out film.webp"),
            "find": Use(
                ("pictures",),
                "film",
                "the latents of given pictures, and the walk from them",
                "PICTURES --out FILM.webp",
            ),
        },
        fixed=40,
    ),
    "splat": Entry(
        "maquette.recipes.splat",
        "scene",
        "photographs to a scene that one can fly through",
        180,
        "scenes",
        {
            "film": Use((), "film", "a film along a path", "--path orbit --out film.mp4"),
            "view": Use(("cameras",), "pictures", "what cameras see", "CAMERAS.json --out VIEWS"),
        },
        {"init": Need("splat", files=True, also=("nerf",))},
        fixed=30,
    ),
    "nerf": Entry(
        "maquette.recipes.nerf",
        "scene",
        "photographs to a radiance field, which new views are drawn from",
        180,
        "scenes",
        {
            "film": Use((), "film", "a film along a path", "--path orbit --out film.mp4"),
            "view": Use(("cameras",), "pictures", "what cameras see", "CAMERAS.json --out VIEWS"),
            "mesh": Use((), "mesh", "the surface, with colours", "--out surface.glb"),
            "points": Use((), "mesh", "points of the surface, with colours", "--out points.ply"),
            "splats": Use((), "scene", "Gaussians that a run of splat can start from", "--out scene.ply"),
        },
        fixed=40,
    ),
    "diffusion": Entry(
        "maquette.recipes.diffusion",
        "pictures",
        "new pictures like your own, made from noise step by step",
        300,
        "generation",
        {
            "sample": Use((), "pictures", "new pictures", "--count 64 --out grid.png"),
            "film": Use((), "film", "new pictures coming out of noise", "--film --out way.webp"),
            "vary": Use(("pictures",), "pictures", "each picture, made anew", "PICTURES --strength 0.5 --out VARIED"),
            "fill": Use(
                ("pictures",), "pictures", "each picture with a hole filled in", "PICTURE --mask MASK.png --out FILLED"
            ),
            "interpolate": Use(("pictures",), "film", "a way from one picture to the next", "PICTURES --out way.webp"),
        },
        fixed=110,
    ),
    "clip": Entry(
        "maquette.recipes.clip",
        "captions",
        "pictures and words in one space, found by each other",
        120,
        "captions",
        {
            "search": Use(
                ("pictures", "text"), "page", "the pictures that words mean", 'PICTURES "A RED CIRCLE" --out PAGE.html'
            ),
            "classify": Use(
                ("pictures", "text"), "table", "which words a picture shows", "PICTURE cat dog --out ANSWERS.csv"
            ),
            "similarity": Use(
                ("pictures", "text"), "table", "how near pictures and words are", "PICTURES cat dog --out ANSWERS.csv"
            ),
            "embed": Use(("captions",), "table", "the numbers of pictures or words", "PICTURES --out NUMBERS.csv"),
        },
        fixed=35,
    ),
    "text_to_image": Entry(
        "maquette.recipes.text_to_image",
        "captions",
        "pictures of what words say, learnt from captioned pictures",
        600,
        "captions",
        {
            "draw": Use(
                ("text",), "pictures", "a picture of what each prompt says", '"A RED CIRCLE JUMPING" --out PICTURE.png'
            ),
            "film": Use(
                ("text",), "film", "the same coming out of noise", '"A RED CIRCLE JUMPING" --film --out way.webp'
            ),
            "mix": Use((), "page", "subjects, actions and styles mixed in a grid", "--subjects A,B --out PAGE.html"),
            "vary": Use(("pictures",), "pictures", "each picture drawn anew", "PICTURES --seed 3 --out VARIED"),
            "interpolate": Use(
                ("captions",), "film", "the way between pictures or words", "A.png B.png --out way.webp"
            ),
            "edit": Use(
                ("pictures", "text"),
                "pictures",
                "a picture changed as words change",
                'PICTURE "a red circle" "a blue circle" --out CHANGED.png',
            ),
        },
        {"clip": Need("clip", "train", passes=("data", "seed", "device", "size", "caption", "most_pictures"))},
        fixed=150,
    ),
}


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
        needs.append(f"{verb} a run of {' '.join([need.recipe, *need.kind.values()])}")
    needs = [
        f"needs a run of {need.recipe}"
        if need.otherwise == "train"
        else f"{flag(key)} takes a run of {' or '.join((need.recipe, *need.also))}"
        for key, need in entry.needs.items()
    ]
    return "; ".join([f"learns from {'a scene' if entry.data == 'scene' else entry.data}", *uses, *needs])


def as_plain(name: str) -> dict[str, object]:
    """A recipe's line of the table as JSON has it."""
    entry = entry_of(name)
    uses = {use: each._asdict() for use, each in entry.uses.items()}
    needs = {
        key: {**need._asdict(), "kind": dict(need.kind), "sets": dict(need.sets)} for key, need in entry.needs.items()
    }
    return {"recipe": name, **entry._asdict(), "cost": entry.cost, "uses": uses, "needs": needs}
