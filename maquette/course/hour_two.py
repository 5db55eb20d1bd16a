"""The second hour: pictures restored, compressed, recognised."""

from maquette.entries import Entry, Need, Use


def _classify() -> Use:
    return Use(("pictures",), "table", "the class of each picture", "PICTURES --out ANSWERS.csv")


RECIPES = {
    "restore": Entry(
        "maquette.recipes.restore",
        "pictures",
        "pictures without noise, blocks or false colours, from spoiled ones",
        300,
        "pictures",
        {"restore": Use(("pictures",), "pictures", "each picture restored", "PICTURE --out RESTORED")},
        fixed=25,
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
        fixed=20,
    ),
    "image_classification": Entry(
        "maquette.recipes.image_classification",
        "pictures",
        "a class predicted from a picture",
        180,
        "pictures",
        {"classify": _classify()},
        fixed=10,
    ),
    "attack": Entry(
        "maquette.recipes.attack",
        "pictures",
        "pictures that fool a classifier, and the defence against them",
        180,
        "pictures",
        {"fool": Use(("pictures",), "pictures", "each picture changed so that it fools", "PICTURE --out FOOLED")},
        {"run": Need("image_classification")},
        fixed=85,
    ),
    "depth": Entry(
        "maquette.recipes.depth",
        "pictures",
        "plain and residual networks of 2 to 50 layers, and what becomes of their gradients",
        120,
        "pictures",
        {"classify": _classify()},
        fixed=40,
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
        fixed=7,
    ),
}
