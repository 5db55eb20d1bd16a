"""What the report shows of a variational autoencoder: its idea, its latents, its bounds, what it makes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from maquette.data.pictures.films import write_film
from maquette.data.pictures.mosaics import mosaic
from maquette.data.rows import evenly
from maquette.families.generating import RATE, noise, pixels_of
from maquette.figures.images import grid, rows
from maquette.figures.maps import maps
from maquette.figures.training import losses, overlaid
from maquette.methods.projections import principal_components
from maquette.methods.variational import bits_per_dimension
from maquette.models.variational import VAE, ConvVAE
from maquette.recipes.vae.figures import beside_prior, bounds, means_and_deviations, plane, prices
from maquette.recipes.vae.uses import expected_of, made, names_of, way_through
from maquette.runs import Run

UNUSED = 0.01  # variance of a latent's mean over pictures, below which it counts as unused
SHOWN = 10  # pictures in a row
MAPPED = 1000  # test pictures on maps
SIDE = 15  # pictures on each side of the plane
WALKED = 6  # pictures that the film walks through
LIKELIHOODS = {
    "bernoulli": "A pixel is black or white: each time a picture is seen, its pixels are drawn anew by their "
    "brightness, those of the test part once and for all. The network tells the probability of white, p(x|z) is the "
    "product over pixels, and -log p(x|z) the cross entropy.",
    "logistic": "A pixel is one of 256 steps: the network tells the middle and the width of a logistic distribution "
    "for each, and p(x|z) is the product of what lies on the steps; of colours, green follows red, and blue both.",
}


def show_likelihood(likelihood: str, run: Run) -> None:
    run.fact("Likelihood", likelihood)
    run.say(LIKELIHOODS[likelihood])


def show_idea(model: VAE, run: Run) -> None:
    run.formula("f(x | m, s^2) = 1 / sqrt(2 pi s^2) exp(-(x - m)^2 / (2 s^2))")
    run.formula("m, s = encode(x),   z = m + s e,   e ~ N(0, 1)")
    run.formula("-log p(x) <= -log p(x | z) + KL(N(m, s^2) || N(0, 1))")
    run.formula("KL = sum over latents of (m^2 + s^2 - 1) / 2 - log s")
    run.formula("log p(x) >= log mean over k draws of p(x | z) p(z) / q(z | x)")
    run.say(
        "An autoencoder brings a picture to a point. This one brings it to a normal distribution of each latent, as in "
        "the course, where x and y of a point are taken as its mean and deviation: one can draw from it, tell the "
        "probability of what was drawn, and go from one to another. To tell a picture by few draws the distributions "
        "want to be narrow and far apart; the divergence (KL) from the standard normal distribution is the price, and "
        "keeps them where new latents are drawn from. The sum of both, in nats, is at least -log p of the picture."
    )
    if isinstance(model, ConvVAE):
        if model.learned:
            run.formula("log p(z) = log N(f(z) | 0, 1) + log |det df/dz|")
            run.say(
                "The prior of the whole picture's latents is learned: small networks shift and stretch one half of the "
                f"numbers by the other, {model.couplings} times (Dinh et al. 2017), until they are standard normal. "
                "The latents in this report are those; the divergence is then measured by what was drawn."
            )
        run.formula("p(y | z) = N(m(z), s(z)^2)")
        run.say(
            f"There are two levels: {model.levels[0]} latents of the whole picture, and {model.details} for each of "
            f"the {model.side} x {model.side} patches of {model.patch} x {model.patch} pixels, the details. Their prior"
            " is learned: a network makes it of the latents. Here each detail counts from its prior's mean in its "
            "prior's deviations, so that all numbers are standard normal, and 0 is the likeliest detail."
        )
    else:
        run.say(
            f"The {model.levels[0]} latents have the standard normal distribution for their prior, as in the course."
        )


def show_training(epochs: int, batch_size: int, rate: float, warm_up: float, run: Run) -> None:
    run.fact("Epochs", run.planned(epochs))
    run.fact("Batch size", batch_size, "pictures")
    run.fact("Learning rate", rate)
    run.fact("Optimizer", "AdamW, warm-up and cosine")
    run.say(
        f"Over the first {warm_up:.0%} of the steps the divergence comes to count in full, so that latents are taken "
        "into use before they cost anything."
    )


def show_losses(run: Run) -> None:
    curves = {"loss": "training", "valid_loss": "validation"}
    run.picture(
        "losses",
        losses(run.metrics(), curves, over="epoch", unit="nats", quantity="bound on −log p"),
        "The bound",
        "The mean of -ELBO over pictures, one draw of the latents each.",
    )
    used = run.metrics()
    most = max(line["divergence"] for line in used)
    used = [line for line in used if line["divergence"] > most / 20]  # before that, latents are not in use yet
    epochs = np.array([line["epoch"] for line in used])
    names = {"-log p(x | z)": "reconstruction", "divergence": "divergence"}
    lines = {name: (epochs, np.array([line[key] for line in used])) for name, key in names.items()}
    run.picture(
        "two_parts",
        overlaid(lines, "epoch", "nats"),
        "Its two parts",
        "What is left to tell once the latents are known, and what the latents cost.",
    )


def show_parts(
    parts: dict[str, tuple[np.ndarray, np.ndarray]], levels: Sequence[int], dimensions: int, run: Run
) -> None:
    """Both parts of the ELBO of each part of the data: log-likelihoods (N,) and divergences (N, latents)."""
    lines = []
    for name, (log_likelihood, divergence) in parts.items():
        told, paid = -float(log_likelihood.mean()), float(divergence.sum(1).mean())
        by_level = np.split(divergence.sum(0) / len(divergence), np.cumsum(levels)[:-1])
        line: dict[str, Any] = {"part": name, "-ELBO": told + paid, "-log p(x | z)": told, "divergence": paid}
        if len(levels) > 1:
            line |= {"of latents": float(by_level[0].sum()), "of details": float(by_level[1].sum())}
        line["bits per dimension"] = float(bits_per_dimension(told + paid, dimensions))
        lines.append({key: value if key == "part" else round(value, 4) for key, value in line.items()})
    run.table("The bound in its two parts", pd.DataFrame(lines), "In nats a picture, one draw of the latents each.")


def show_bounds(found: dict[int, float], effective: float, pictures: int, dimensions: int, run: Run) -> None:
    most = max(found)
    run.picture(
        "bounds",
        bounds(found, "nats"),
        "More draws, a tighter bound",
        f"The importance-weighted bound (Burda et al. 2016) over {pictures:,} test pictures. One draw is -ELBO; with "
        f"ever more it comes down to -log p itself. Of {most:,} draws, {effective:.1f} would be enough if all weighed "
        "alike.",
    )
    table = pd.DataFrame(
        {
            "draws": list(found),
            "nats": [round(value, 3) for value in found.values()],
            "bits per dimension": [round(float(bits_per_dimension(value, dimensions)), 5) for value in found.values()],
        }
    )
    run.table("The bound over the number of draws", table)


# -- latents -----------------------------------------------------------------------------------------------------------


def show_latents(
    model: VAE,
    mean: np.ndarray,
    deviation: np.ndarray,
    drawn: np.ndarray,
    price: np.ndarray,
    labels: np.ndarray | None,
    classes: Sequence[str],
    run: Run,
) -> np.ndarray:
    """Which latents are used, and where pictures lie; mean, deviation, drawn (N, latents) of test pictures.

    price (latents,): the divergence of each in nats. A latent is used where its mean varies over pictures.
    Gives the latents of the picture, the dearest first.
    """
    names, first = names_of(model), model.levels[0]
    activity = mean.var(axis=0)
    levels = np.cumsum(model.levels)[:-1]
    split = zip(np.split(price, levels), np.split(activity < UNUSED, levels), strict=True)
    by_level = dict(zip(("latents", "details"), split, strict=False))
    run.picture(
        "prices",
        prices(by_level),
        "What each latent tells",
        "The divergence of each number, as a mean over test pictures: what it tells of a picture, and costs. Grey ones "
        f"are unused: their mean varies by less than {UNUSED} over pictures (Burda et al. 2016).",
    )
    idle = [names[place] for place in np.flatnonzero(activity[:first] < UNUSED)]
    if idle:
        listed = ", ".join(idle[:12]) + (" ..." if len(idle) > 12 else "")
        run.say(f"{len(idle)} of {first} latents are unused: {listed}. A smaller --latents would do as well.")
    else:
        run.say(f"All {first} latents are used.")
    order = np.argsort(-price[:first], kind="stable")
    some = list(order[:6]) + [first + place for place in np.argsort(-price[first:], kind="stable")[:2]]
    run.picture(
        "aggregated",
        beside_prior(drawn[:, some], [names[place] for place in some]),
        "All pictures beside the prior",
        "Draws from the distributions of all test pictures together (blue), and the standard normal distribution that "
        "new latents are drawn from (orange). Where blue is missing under orange, samples look like no picture.",
    )
    run.picture(
        "deviations",
        means_and_deviations(
            mean[:MAPPED, order[0]],
            deviation[:MAPPED, order[0]],
            names[order[0]],
            None if labels is None else labels[:MAPPED],
            classes,
        ),
        "x as the mean, y as the deviation",
        f"The course's view of a latent space, for {names[order[0]]}, which tells most: each test picture is a normal "
        "distribution, to draw from, with a probability for what was drawn.",
    )
    return order


def show_space(
    model: VAE,
    pictures: Tensor,
    mean: np.ndarray,
    order: np.ndarray,
    labels: np.ndarray | None,
    classes: Sequence[str],
    run: Run,
) -> None:
    """The map of test pictures, uint8 (N, C, H, W), by their means, and the plane of the two dearest latents."""
    names, first = names_of(model), model.levels[0]
    chosen = run.random("maps").permutation(len(pictures))[:MAPPED]
    points = {}
    if first >= 2:
        a, b = sorted(order[:2])
        points[f"{names[a]} and {names[b]}"] = mean[chosen][:, [a, b]]
    if first > 2 and len(chosen) > 2:
        components = principal_components(mean[chosen][:, :first], 2)
        share = components.variances.sum() / max(mean[chosen][:, :first].var(axis=0, ddof=1).sum(), 1e-12)
        points[f"PCA: {share:.0%} of the variance"] = components.encode(mean[chosen][:, :first])
    if points:
        shown = list(pixels_of(pictures[chosen]))
        run.picture(
            "map",
            maps(points, shown, None if labels is None else labels[chosen], classes),
            "Where pictures lie",
            f"{len(chosen):,} test pictures by the means of their latents; no class was told in training.",
        )
    levels = torch.special.ndtri(torch.linspace(0.02, 0.98, SIDE)).tolist()
    if first == 1:
        latents = torch.zeros(SIDE, model.latents)
        latents[:, 0] = torch.tensor(levels)
        run.picture(
            "plane", grid(list(_drawn(model, latents)), SIDE), "Along the latent", "From the least to the largest."
        )
        return
    latents = torch.zeros(SIDE, SIDE, model.latents)
    latents[:, :, order[0]] = torch.tensor(levels)
    latents[:, :, order[1]] = torch.tensor(levels[::-1])[:, None]
    others = "" if model.latents == 2 else " All other numbers are 0, the middle of their prior."
    run.picture(
        "plane",
        plane(list(_drawn(model, latents.flatten(0, 1))), levels, levels[::-1], (names[order[0]], names[order[1]])),
        "The plane of the two latents that tell most",
        f"What each place draws; in equal shares of the prior, from 2 % to 98 %.{others}",
    )


def show_numbers(model: VAE, start: Tensor, order: np.ndarray, run: Run) -> None:
    """What each of the latents that tell most does to a picture with the latents `start` (latents,)."""
    values = torch.linspace(-3, 3, 9)
    drawn = {}
    for place in order[:SHOWN]:
        latents = start.repeat(len(values), 1)
        latents[:, place] = values
        drawn[names_of(model)[place]] = strip(_drawn(model, latents))
    run.picture(
        "numbers",
        rows(drawn, most_height=0.8),
        "What each number does",
        f"A test picture while one of its latents goes from -3 to 3 in {len(values)} steps and all others stay; the "
        "dearest first.",
    )


# -- pictures ----------------------------------------------------------------------------------------------------------


def show_answers(pictures: Tensor, seen: Tensor, drawn: Tensor, nats: np.ndarray, run: Run) -> None:
    """Test pictures as they are (uint8), as the network saw them and as it draws them (0..1), with -log p (N,)."""
    some = slice(0, min(SHOWN, len(pictures)))

    def named(chosen: slice | np.ndarray) -> dict[str, list[np.ndarray]]:
        made = {"original": pixels_of(pictures[chosen])}
        if not torch.equal(seen[chosen], pictures[chosen].float() / 255):
            made["as seen"] = pixels_of(seen[chosen] * 2 - 1)
        return {name: list(each) for name, each in (made | {"drawn": pixels_of(drawn[chosen] * 2 - 1)}).items()}

    def told(chosen: slice | np.ndarray) -> dict[str, list[str]]:
        return {"drawn": [f"{value:.1f}" for value in nats[chosen]]}

    run.picture(
        "reconstructions",
        rows(named(some), captions=told(some)),
        "Originals and reconstructions",
        "The first test pictures; below each the bound on -log p in nats: the smaller, the more probable.",
    )
    if len(nats) <= SHOWN:  # all have been shown
        return
    order = np.argsort(nats, kind="stable")
    for name, chosen, title, caption in (
        ("usual", order[:SHOWN], "The most probable", "Plain pictures are probable, of whatever kind they are."),
        ("unusual", order[::-1][:SHOWN].copy(), "The least probable", "The test pictures that surprise it most."),
    ):
        run.picture(name, rows(named(chosen), captions=told(chosen)), title, caption)


def show_samples(model: VAE, seed: int, run: Run) -> None:
    drawn = made(model, noise(60, (model.latents,), seed))
    run.picture(
        "samples",
        grid([mosaic(list(pixels_of(drawn)), 12)], 1, most_height=3.9),
        "Samples",
        "Latents drawn from the prior, and the pictures that are expected of them.",
    )
    cold = {
        f"temperature {value:g}": strip(pixels_of(made(model, value * noise(SHOWN, (model.latents,), seed))))
        for value in (0.5, 0.75, 1.0, 1.25)
    }
    run.picture(
        "temperatures",
        rows(cold, most_height=0.8),
        "Nearer to the middle, and farther",
        "The same latents times the temperature: below 1 samples are more alike and cleaner.",
    )


def show_walk(model: VAE, pictures: Tensor, mean: Tensor, labels: np.ndarray | None, run: Run) -> None:
    """Ways between two test pictures, and a film through several."""
    chosen = different(labels, len(pictures))
    ends = mean[chosen]
    shares = np.linspace(0, 1, 9, dtype=np.float32)[:, None, None, None]
    first, last = pixels_of(made(model, ends[:2]))
    ways = {way: strip(_drawn(model, way_through(ends[:2], 9, way))) for way in ("spherical", "straight")}
    ways["input space"] = strip((1 - shares) * first + shares * last)
    run.picture(
        "walk",
        rows(ways),
        "From one picture to another",
        "Along an arc and in a line through the latents, and, for comparison, the pixels themselves mixed. A line goes "
        "through the middle, where pictures are plainer than any drawn from the prior; an arc keeps its distance.",
    )
    around = torch.cat([ends, ends[:1]])
    frames = _drawn(model, way_through(around, 12 * (len(around) - 1), "spherical"))
    times = max(1, math.ceil(224 / frames.shape[1]))
    (run.folder / "pictures").mkdir(exist_ok=True)
    write_film(
        run.folder / "pictures" / "walk.webp", (frame.repeat(times, 0).repeat(times, 1) for frame in frames), RATE
    )
    run.film("walk.webp", "A walk", f"Through {len(ends)} test pictures and back to the first, along arcs.")


def different(labels: np.ndarray | None, count: int) -> list[int]:
    """Up to WALKED pictures, the first of different classes where there are any."""
    if labels is None:
        return evenly(count, WALKED).tolist()
    _, places = np.unique(labels, return_index=True)
    found = sorted(places.tolist())[:WALKED]
    return found if len(found) > 1 else evenly(count, WALKED).tolist()


def strip(pictures: np.ndarray) -> list[np.ndarray]:
    """Pictures (N, H, W, C) side by side as one, which is drawn sooner than each by itself."""
    return [mosaic(list(pictures), columns=len(pictures))]


def _drawn(model: VAE, latents: Tensor) -> np.ndarray:
    """(N, H, W, C) in 0..1."""
    return expected_of(model, latents).permute(0, 2, 3, 1).numpy()
