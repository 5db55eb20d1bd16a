"""What the report shows of an autoencoder: its idea, its answers, its space of latents, what each latent draws."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from maquette.figures.images import grid, rows
from maquette.figures.maps import maps
from maquette.methods.projections import neighbours_kept, principal_components
from maquette.models.autoencoder import ConvAutoencoder, DenseAutoencoder
from maquette.runs import Run

SHOWN = 10  # test pictures in a row, as in the course
MAPPED = 1000  # test pictures on the maps of the latent space
FEATURES = 64  # latents whose pictures are shown
STEPS = 9  # pictures from one to another


def show_idea(processing: dict[str, Any], network: str, run: Run) -> None:
    size, channels, latents = processing["size"], processing["channels"], processing["latents"]
    pixels = size * size * channels
    depth = "" if channels == 1 else f" x {channels}"
    run.formula("z = encode(x)")
    run.formula("x' = decode(z)")
    run.formula("loss = mean over pixels of (x' - x)^2")
    run.formula(f"{size} x {size}{depth} / {latents} = {pixels / latents:.4g}")
    run.say(
        f"The network gets a picture of {pixels:,} numbers and must give the same one back, but in its middle only "
        f"{latents} numbers pass: {pixels / latents:.4g} times fewer. These are the latents."
    )
    if (size, channels, latents) == (28, 1, 32):
        run.say("The course's slide rounds the factor to 25.")
    run.say(
        f"In bytes the factor is smaller: a pixel takes one byte a channel, a latent four, so that {pixels:,} "
        f"bytes become {4 * latents:,}."
    )
    if network == "dense":
        run.formula("500 x 500 x 3 x 32 + 32 = 24,000,032")
        run.say(
            "The curse of dimension: so many weights the first layer alone would have for a colour picture of 500 x "
            "500 pixels. Convolutions have as many for a large picture as for a small one."
        )


def show_answers(test: Tensor, drawn: np.ndarray, by_components: np.ndarray, latents: int, run: Run) -> None:
    """Test pictures over what the network and principal components make of them: the first, and the worst.

    drawn, by_components: (N, C H W), the answers to test (N, C, H, W) uint8.
    """
    pca, true = f"PCA, {latents}", test.flatten(1).numpy() / np.float32(255)
    errors = {
        name: np.mean((each - true) ** 2, axis=1) for name, each in (("autoencoder", drawn), (pca, by_components))
    }

    def picked(chosen: np.ndarray) -> Figure:
        made = {
            "original": test[chosen].numpy() / np.float32(255),
            "autoencoder": drawn[chosen].reshape(-1, *test.shape[1:]),
            pca: by_components[chosen].reshape(-1, *test.shape[1:]),
        }
        told = {name: [f"{each[row]:.4f}" for row in chosen] for name, each in errors.items()}
        return rows({name: list(each.transpose(0, 2, 3, 1)) for name, each in made.items()}, captions=told)

    run.picture(
        "reconstructions",
        picked(np.arange(min(SHOWN, len(test)))),
        "Originals and reconstructions",
        "The first test pictures; below each reconstruction its mean squared error.",
    )
    worst = np.argsort(-errors["autoencoder"], kind="stable")[:SHOWN]
    run.picture("worst", picked(worst), "The worst", "The test pictures with the largest error, the worst first.")


def show_space(
    model: ConvAutoencoder | DenseAutoencoder,
    pictures: Tensor,
    labels: np.ndarray | None,
    classes: Sequence[str],
    seed: int,
    run: Run,
) -> None:
    """Maps of the latent space, and the way from one picture to another, through it and past it.

    pictures (N, C, H, W) uint8; labels (N,): places in `classes`.
    """
    chosen = np.sort(run.random("maps").permutation(len(pictures))[:MAPPED])
    order = run.random("maps again").permutation(chosen)
    latents = model.encode(pictures[order])
    points, numbers = {}, latents.numpy()
    if len(order) >= 3 and numbers.shape[1] >= 2:
        components = principal_components(numbers, 2)
        share = components.variances.sum() / max(numbers.var(axis=0, ddof=1).sum(), 1e-12)
        points[f"PCA: {share:.0%} of the variance"] = components.encode(numbers)
    if len(order) >= 5:
        points["t-SNE: neighbours stay neighbours"] = neighbours_kept(numbers, seed)
    shown = pictures[order].permute(0, 2, 3, 1).numpy() / np.float32(255)
    if points:
        run.picture(
            "latents",
            maps(points, list(shown), None if labels is None else labels[order], classes),
            "The latent space in two dimensions",
            f"{len(order):,} test pictures by their latents, of which the network was told no class. In the map of "
            "t-SNE only what lies near each other counts, not how far apart the rest is.",
        )
    first, second = a_pair(labels, len(pictures))
    ways = torch.linspace(0, 1, STEPS)[:, None]
    ends = model.encode(pictures[[first, second]])
    through = model.decode(torch.lerp(ends[:1], ends[1:], ways)).permute(0, 2, 3, 1).numpy()
    drawn = model.decode(ends).permute(0, 2, 3, 1).numpy()
    shares = np.linspace(0, 1, STEPS, dtype=np.float32)[:, None, None, None]
    past = (1 - shares) * drawn[0] + shares * drawn[1]
    run.picture(
        "interpolation",
        rows(
            {"latent space": list(through), "input space": list(past)},
            [f"{share:.0%}" for share in np.linspace(0, 1, STEPS)],
        ),
        "From one picture to another",
        "Above, the latents go from those of one picture to those of the other, and each step is decoded; below, the "
        "pixels themselves are mixed, one picture fading out under the other. Latent space and input space are "
        "different.",
    )


def a_pair(labels: np.ndarray | None, count: int) -> tuple[int, int]:
    """The first picture, and the first of another class."""
    if labels is not None:
        others = (labels != labels[0]).nonzero()[0]
        if len(others):
            return 0, int(others[0])
    return 0, count - 1


def show_features(model: ConvAutoencoder | DenseAutoencoder, pictures: Tensor, run: Run) -> None:
    """What each latent adds to the picture, and for dense layers the weights by which it looks at one."""
    latents = model.encode(pictures[:MAPPED])
    mean, deviation = latents.mean(0), latents.std(0, unbiased=False)
    moved = torch.cat([mean[None], mean + 2 * torch.diag(deviation)])
    drawn = model.decode(moved).permute(0, 2, 3, 1).numpy()
    added = (drawn[1:] - drawn[0])[:FEATURES]
    many = f"The first {FEATURES} of {len(deviation)}. " if len(deviation) > FEATURES else ""
    show_signed(
        "features",
        added.mean(-1),
        "What each latent draws",
        f"{many}The change of the mean latents' picture when one latent grows by two of its standard deviations: "
        "orange becomes brighter, blue darker.",
        run,
    )
    if isinstance(model, DenseAutoencoder):
        weights = model.encoder.weight.detach().numpy().reshape(-1, model.channels, model.size, model.size)
        show_signed(
            "weights",
            weights[:FEATURES].mean(1),
            "What each latent looks at",
            f"{many}The encoder's weights, one picture a latent: bright pixels under orange make it larger, under blue "
            "smaller.",
            run,
        )
        still = int((latents.amax(0) == 0).sum())
        if still:
            run.say(f"{still} of the {len(deviation)} latents are always 0: relu has cut them off for good.")


def show_signed(name: str, pictures: np.ndarray, title: str, caption: str, run: Run) -> None:
    high = float(np.quantile(np.abs(pictures), 0.998)) or 1.0
    run.picture(name, grid(list(pictures), 8, high=high, signed=True, most_height=1.0), title, caption)
