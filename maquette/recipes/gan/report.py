"""What the report shows of two networks against each other: their idea, their contest, what is made, and from what."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from maquette.families.generating import GeneratorParts, drawn_classes, noise, pixels_of, slerp, to_unit
from maquette.figures.images import rows
from maquette.figures.training import overlaid
from maquette.methods.inversion import descend, truncated
from maquette.runs import Run

IN_A_ROW = 12
BOUNDS = (0.3, 0.7, 1.2, None)  # of truncation
MOST_CLASSES = 10  # shown, a row each
FOUND = 8  # test pictures whose latents are looked for
STEPS = 150  # of the descent


def show_idea(model: Mapping[str, nn.Module], is_course: bool, run: Run) -> None:
    """The two losses, and the best that each can come to."""
    for name, network in model.items():
        run.fact(f"Weights of the {name}", sum(weight.numel() for weight in network.parameters()))
    run.say(
        "The generator G draws a picture from random numbers z, the latents. The discriminator D says of a picture x "
        "how real it looks, as one number, its logit. D is trained to tell real pictures from made ones, G to make D "
        "err: neither is ever shown what a made picture should look like."
    )
    if is_course:
        run.formula("loss of D = -log sigmoid(D(x)) - log(1 - sigmoid(D(G(z))))")
        run.formula("loss of G = -log sigmoid(D(G(z)))")
        run.say(
            "Where real pictures have the density p and made ones q, the best D says p / (p + q). If G draws as nature "
            "does, that is 1/2 everywhere: the loss of D is then log 4 = 1.386, that of G log 2 = 0.693."
        )
    else:
        run.formula("loss of D = -log sigmoid(D(x) - D(G(z)))")
        run.formula("loss of G = -log sigmoid(D(G(z)) - D(x))")
        run.formula("penalty of D = gamma / 2 (|dD/dx|^2 at real x + |dD/dx|^2 at made x)")
        run.say(
            "What counts is only how much more real a real picture looks than a made one, pair by pair: so G is drawn "
            "to every kind of real picture and may drop none. The penalty keeps D from being steep: without it the two "
            "can run in circles for ever. Where they cannot be told apart, both losses are log 2 = 0.693."
        )


def show_facts(
    epochs: int, batch_size: int, rate: float, is_course: bool, augmented: bool, penalty: float, every: int, run: Run
) -> None:
    run.fact("Epochs", run.planned(epochs))
    run.fact("Batch size", batch_size, "pictures")
    run.fact("Learning rate", rate, "" if is_course else "for both networks, level, then falling to 0")
    run.fact("Optimizer", "Adam" if is_course else "Adam without momentum, one for each network")
    if penalty:
        run.fact("Penalty", f"gamma = {penalty:g}, exactly, at every {every}th step and so {every} times as strong")
    if augmented:
        run.say(
            "There are few training pictures, which a discriminator would learn by heart. So all that it sees, real or "
            "made, is shifted, covered in part, or has its colours changed, by the same law; each change is left out "
            "in a fifth of the cases, so that what is made does not look changed."
        )


def show_training(records: Sequence[Mapping[str, Any]], is_course: bool, run: Run) -> None:
    """Both losses, the discriminator's word, and how various the made pictures are, over training."""
    level = "1.386 and 0.693" if is_course else "0.693 for both"
    run.picture(
        "losses",
        curves(records, {"discriminator_loss": "discriminator", "generator_loss": "generator"}, "loss"),
        "Both losses",
        f"Neither is to fall: each is measured against the other network. {level} is a draw. A discriminator's loss "
        "near 0 means that it always wins, and that little is left for the generator to learn from.",
    )
    run.picture(
        "outputs",
        curves(records, {"training": "training", "held_out": "held out", "fresh": "made"}, "logit"),
        "What the discriminator says of real and of made pictures",
        "Its mean logit, larger for what looks more real. The nearer the lines, the less it can tell them apart. Where "
        "held-out pictures fall from the training pictures to the made ones, it has learnt its pictures by heart.",
    )
    run.picture(
        "variety",
        curves(records, {"variety": "variety"}, "variety"),
        "How various the made pictures are",
        "The distance from a made picture to the made one next to it, over the same among as many training pictures. "
        "Near 1: as various. Near 0: the same pictures again and again, which is called mode collapse.",
    )


def curves(records: Sequence[Mapping[str, Any]], names: Mapping[str, str], quantity: str) -> Figure:
    """Curves over the epochs without a best point, which none of them has; those that were never logged are absent."""
    lines = {}
    for name, words in names.items():
        points = [(line["epoch"], line[name]) for line in records if name in line]
        if points:
            x, y = np.array(points, np.float64).T
            lines[words] = (x, y)
    return overlaid(lines, "epoch", quantity, named=len(names) > 1)


@torch.no_grad()
def show_samples(generator: nn.Module, parts: GeneratorParts, seed: int, run: Run) -> None:
    """Made pictures, of each class a row; the same ones with latents held near 0; the way between two."""
    known = parts.processing
    latents = noise(IN_A_ROW, (known["latents"],), seed)
    count = min(len(known["classes"]), MOST_CLASSES) if known["conditional"] else 0
    if count:
        made = {
            known["classes"][number]: list(drawn(generator, latents, torch.full((IN_A_ROW,), number)))
            for number in range(count)
        }
        caption = "Each column has the same latents: what they say beside the class, such as its slant or width."
    else:
        more = noise(4 * IN_A_ROW, (known["latents"],), seed)
        made = {str(row + 1): list(drawn(generator, more[row * IN_A_ROW : (row + 1) * IN_A_ROW])) for row in range(4)}
        caption = "Drawn by the run's seed, none left out."
    run.picture("samples", rows(made, most_height=0.75), "Samples", caption)
    kinds = drawn_classes(IN_A_ROW, known["shares"], seed) if known["conditional"] else None
    run.picture(
        "truncation",
        rows(
            {
                "no bounds" if bound is None else f"within {bound:g}": list(
                    drawn(generator, latents if bound is None else truncated(latents, bound), kinds)
                )
                for bound in BOUNDS
            },
            most_height=0.75,
        ),
        "Truncation",
        "The same seeds, with latents that may only be so large: the smaller the bounds, the likelier and the more "
        "alike the pictures (--truncation).",
    )
    first, last = latents[:1], latents[1:2]
    shares = np.linspace(0, 1, IN_A_ROW)
    path = torch.cat([slerp(first, last, float(share)) for share in shares])
    kind = None if kinds is None else kinds[:1].expand(IN_A_ROW)
    faded = (1 - shares)[:, None, None, None] * drawn(generator, first, None if kind is None else kind[:1])
    faded = faded + shares[:, None, None, None] * drawn(generator, last, None if kind is None else kind[:1])
    run.picture(
        "interpolation",
        rows(
            {"latents": list(drawn(generator, path, kind)), "pixels": list(faded)},
            [f"{share:.0%}" for share in shares],
            most_height=0.75,
        ),
        "From one picture to another",
        "Above, the latents go on an arc from those of one picture to those of another, and every step is a picture of "
        "its own; below, the pixels themselves are mixed.",
    )


def drawn(generator: nn.Module, latents: Tensor, classes: Tensor | None = None) -> np.ndarray:
    """(N, H, W, C) in 0..1."""
    return pixels_of(generator(latents, classes))


@torch.no_grad()
def show_found(generator: nn.Module, parts: GeneratorParts, seed: int, run: Run) -> None:
    """Test pictures, and the nearest that the generator can make: what it cannot make, it has not learnt."""
    known = parts.processing
    chosen = parts.test.some(slice(FOUND))
    given = to_unit(chosen.pictures)
    kinds = chosen.classes if known["conditional"] else None
    starts = noise(len(given), (known["latents"],), seed)
    found, _ = descend(lambda z: generator(z, kinds), given, starts, STEPS)
    made = generator(found, kinds)
    again = (made - given).square().mean((1, 2, 3)) / 4  # of pictures in 0..1
    run.picture(
        "found",
        rows(
            {"test picture": list(pixels_of(given)), "found": list(pixels_of(made))},
            captions={"found": [f"{float(each):.4f}" for each in again]},
            most_height=0.9,
        ),
        "Latents of given pictures",
        "A generator has no way back from a picture to its latents; they are found by descent, here in "
        f"{STEPS} steps (use `find`). Below, the mean squared error: what is missing, the generator cannot draw.",
    )


def show_comparison(run: Run) -> None:
    run.say(
        "Beside `diffusion`: a GAN makes a picture in one pass of its network, diffusion in 18 or more, and a GAN's "
        "latents can be walked in. In return its training is a contest that may fail, it has no likelihood and no loss "
        "that says how good it is, and at equal time its pictures are usually the less various. Train `diffusion` on "
        "the same pictures and see both side by side with `maquette compare`."
    )
