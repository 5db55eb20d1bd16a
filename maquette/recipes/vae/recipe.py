"""Pictures as points of a space that one can draw from: a variational autoencoder.

A network reads from a picture not numbers but a normal distribution of each latent, draws from it, and must tell how
probable the picture is by what was drawn. What it pays for telling latents apart from the prior, a standard normal
distribution, is counted in the same unit, so that the sum bounds -log p of the picture: pictures can be drawn from the
prior, and each has a probability. Kingma and Welling 2014; two levels of latents, of which the second has a prior that
the first one sets, as in a ladder (Sonderby et al. 2016).
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from maquette.data.pictures.small import SmallImages
from maquette.data.rows import evenly
from maquette.families.classifiers import Chance
from maquette.families.generating import (
    AT_ONCE,
    GeneratorParts,
    Growth,
    analyze_pictures,
    collect_pictures,
    noise,
    prepare_pictures,
)
from maquette.families.judging_pictures import check_features, judge
from maquette.methods.optimizers import AdamW
from maquette.methods.variational import (
    LIKELIHOODS,
    bernoulli,
    bits_per_dimension,
    drawn_divergence,
    effective_draws,
    kl_to_standard,
    log_weights,
    weighted_bound,
    weighted_bounds,
)
from maquette.models.variational import VAE, ConvVAE, DenseVAE, Passed
from maquette.recipes.vae import report
from maquette.recipes.vae.settings import Settings
from maquette.recipes.vae.uses import as_seen, bounds_of, expected_of, made
from maquette.runs import Run
from maquette.steps import Fitted, Framing, Scores
from maquette.training import Batches, Total, set_threads, share, update, warm_cosine

PATCH = 4  # pixels; sizes are multiples of it
WORK = 9e11  # multiplications by weights, forward, of all pictures looked at, unless `epochs` is set
MOST_EPOCHS = 400
WARM_UP = 0.1  # part of training over which the divergence comes to count in full
CLIP = 0.5  # largest norm of the gradient of the mean nats a pixel
EXTREME = 0.8  # part of the pixels near black or white from which on pictures count as black and white
LOGGED = 200  # steps between two looks at the bound, fewer where an epoch has fewer
MEASURED = 2000  # pictures of training and validation that the bound is measured on
BOUNDED = 100  # test pictures with the most draws; fewer where few draws are asked for
COUNTS = (1, 10, 100, 1000)  # draws
NUMBERS = 300_000  # of those pictures together, so that large ones are no longer waited for
GROWING = 20  # pictures in the film of samples
MOST_TESTED = 10_000  # test pictures that the scores are of
KNOWN = 500  # test pictures whose probabilities a finished run remembers, to rank others among them


def frame(settings: Settings) -> Framing:
    return Framing(
        question="How probable is a picture, and which others are as probable?",
        inputs="a picture, cropped square and shrunk; or chance",
        outputs="its latents and its probability; or a new picture",
        score="nll",
    )


def collect(settings: Settings, run: Run) -> SmallImages:
    check_features(settings.features)
    multiple = PATCH if settings.network == "conv" else 1
    return collect_pictures(settings.data, settings.size, settings.most_pictures, settings.seed, run, multiple=multiple)


def analyze(images: SmallImages, settings: Settings, run: Run) -> dict[str, Any]:
    return analyze_pictures(images, run)


def process(images: SmallImages, settings: Settings, run: Run) -> GeneratorParts:
    parts = prepare_pictures(
        images, run, valid_share=settings.valid_share, test_share=settings.test_share, seed=settings.seed
    )
    likelihood = settings.likelihood
    if likelihood == "auto":
        extreme = float(((parts.train.pictures < 26) | (parts.train.pictures > 229)).float().mean())
        likelihood = "bernoulli" if parts.processing["channels"] == 1 and extreme > EXTREME else "logistic"
        run.say(f"{extreme:.0%} of the pixels are nearly black or white.")
    report.show_likelihood(likelihood, run)
    parts.processing["likelihood"] = likelihood
    return parts


def build(parts: GeneratorParts, settings: Settings) -> VAE:
    known = parts.processing
    common: dict[str, Any] = {name: known[name] for name in ("size", "channels", "likelihood")}
    model: VAE
    if settings.network == "dense":
        model = DenseVAE(**common, latent=settings.latents, hidden=8 * settings.width)
    else:
        sizes = {"details": settings.details, "width": settings.width, "depth": settings.depth, "patch": PATCH}
        model = ConvVAE(**common | sizes, latent=settings.latents)
    some = parts.train.pictures[:10_000].float() / 255
    model.start_from(some.mean(0), some.std(0, unbiased=False))
    return model


class Draws(Chance):
    """The chance of training: coins for the pixels and normal numbers for the latents; kept with the run."""

    def normal(self, rows: int, latents: int) -> Tensor:
        """For this process's share of a batch of `rows`: (share, latents)."""
        mine, _ = share(rows, self.rank, self.processes)
        return torch.randn(rows, latents, generator=self.generator)[mine]


@dataclass(frozen=True)
class FittedVAE(Fitted):
    """With the film of samples while training went on."""

    growth: Growth = field(default_factory=Growth)


def train(model: VAE, parts: GeneratorParts, settings: Settings, run: Run) -> Fitted:
    known, likelihood = parts.processing, parts.processing["likelihood"]
    with run.section("build"):
        report.show_idea(model, run)
    model.to(run.device)
    rate = settings.learning_rate or (0.004 if isinstance(model, ConvVAE) else 0.001)
    epochs = settings.epochs or max(1, min(MOST_EPOCHS, round(WORK / model.multiplications / len(parts.train))))
    report.show_training(epochs, settings.batch_size, rate, WARM_UP, run)
    set_threads(3 * settings.batch_size * model.multiplications)
    pixels = known["channels"] * known["size"] ** 2
    optimizer = optimizer_of(model, rate)
    pictures = parts.train.pictures.to(run.device)
    batches = Batches(len(pictures), settings.batch_size, settings.seed, rank=run.rank, processes=run.processes)
    draws, growth = Draws(settings.seed, run), Growth()
    told, paid = Total(run.device), Total(run.device)
    run.keep(model=model, optimizer=optimizer, batches=batches, draws=draws, growth=growth, told=told, paid=paid)
    model.train()
    for step in run.loop(epochs * len(batches)):
        optimizer.learning_rate = rate * warm_cosine(step.progress)
        batch = as_seen(pictures[next(batches)], likelihood, lambda *shape: draws.rand(batches.size, *shape))
        noise_now = draws.normal(batches.size, model.latents).to(run.device)
        passed = model(batch, noise_now)
        log_likelihood = LIKELIHOODS[likelihood](passed.pixels, batch)
        divergence = divergence_of(passed, noise_now, model.learned).sum(1)
        weight = min(1.0, step.progress / WARM_UP + 0.01)
        update(optimizer, (weight * divergence - log_likelihood).mean() * (batches.weight / pixels), CLIP)
        told.add(-log_likelihood.mean() * batches.weight, batches.size)
        paid.add(divergence.mean() * batches.weight, batches.size)
        growth.see(step, lambda: made(model, noise(GROWING, (model.latents,), settings.seed)))
        if step.every(min(len(batches), LOGGED)):
            values = {"loss": 0.0, "reconstruction": told.mean(), "divergence": paid.mean()}
            values["loss"] = values["reconstruction"] + values["divergence"]
            if len(parts.valid):
                valid = measured(model, seen_once(parts.valid.pictures[:MEASURED], model, settings.seed), settings.seed)
                values["valid_loss"] = float((valid.divergence.sum(1) - valid.log_likelihood).mean())
            run.log(step, epoch=step.number / len(batches), **values)
    model.eval()
    return FittedVAE(remembered(model, parts, settings), growth)


def optimizer_of(model: VAE, rate: float) -> AdamW:
    weights = list(model.parameters())
    decays = [0.01 if each.dim() > 1 and each is not model.bias else 0.0 for each in weights]
    return AdamW(weights, rate, betas=(0.9, 0.99), weight_decay=decays)


def divergence_of(passed: Passed, noise: Tensor, learned: int) -> Tensor:
    """What each latent costs, (N, latents): of the first `learned` by what was drawn, of the others in closed form."""
    closed = kl_to_standard(passed.mean[:, learned:], passed.log_deviation[:, learned:])
    if not learned:
        return closed
    parts = (passed.drawn, noise, passed.log_deviation, passed.log_stretch)
    return torch.cat([drawn_divergence(*(each[:, :learned] for each in parts)), closed], 1)


class Measured(NamedTuple):
    """Both parts of the bound of N pictures, log-likelihoods (N,) and divergences (N, latents), and their latents.

    mean, deviation (N, latents): by the prior's measure; drawn (N, latents): a draw of each.
    """

    log_likelihood: Tensor
    divergence: Tensor
    mean: Tensor
    deviation: Tensor
    drawn: Tensor


@torch.no_grad()
def measured(model: VAE, seen: Tensor, seed: int) -> Measured:
    """With one draw of the latents of each picture, always the same; on the processor."""
    device, generator, pieces = next(model.parameters()).device, torch.Generator().manual_seed(seed), []
    for some in seen.split(AT_ONCE):
        batch = some.to(device)
        drawn = torch.randn(len(some), model.latents, generator=generator).to(device)
        passed = model(batch, drawn)
        log_likelihood = LIKELIHOODS[model.likelihood](passed.pixels, batch)
        divergence = divergence_of(passed, drawn, model.learned)
        deviation = (passed.log_deviation + passed.log_stretch).exp()
        parts = (log_likelihood, divergence, model.encode(batch), deviation, passed.drawn)
        pieces.append([each.cpu() for each in parts])
    return Measured(*(torch.cat(each) for each in zip(*pieces, strict=True)))


def seen_once(pictures: Tensor, model: VAE, seed: int) -> Tensor:
    """Pictures as the network sees them, black and white drawn once and for all, (N, C, H, W) float32 in 0..1."""
    generator = torch.Generator().manual_seed(seed)
    return as_seen(pictures, model.likelihood, lambda *_: torch.rand(pictures.shape, generator=generator))


def remembered(model: VAE, parts: GeneratorParts, settings: Settings) -> dict[str, Any]:
    """What uses must know: the bounds of some test pictures, to rank others among; where each class lies."""
    at = next(model.parameters()).device
    model.to("cpu")
    first = model.levels[0]
    some = parts.test.pictures[evenly(len(parts.test), KNOWN)].float().div(255)
    known: dict[str, Any] = {"test_nats": np.sort(-bounds_of(model, some, settings.draws, seed=0).double().numpy())}
    classes = parts.train.classes
    if classes is not None:
        means, factors = [], []
        for number in range(len(parts.processing["classes"])):
            its = parts.train.pictures[classes == number][:MEASURED]
            if not len(its):  # of a class that only the test part has, nothing is known but the prior
                means.append(torch.zeros(first))
                factors.append(torch.eye(first))
                continue
            mean, deviation = (each[:, :first] for each in measured(model, seen_once(its, model, 0), 0)[2:4])
            spread = torch.diag(deviation.square().mean(0))
            centred = (mean - mean.mean(0)).double()
            covariance = centred.T @ centred / len(mean) + spread.double()
            means.append(mean.mean(0))
            factors.append(torch.linalg.cholesky(covariance).float())
        known |= {"class_means": torch.stack(means).numpy(), "class_factors": torch.stack(factors).numpy()}
    model.to(at)
    return known


def score(model: VAE, parts: GeneratorParts, fitted: FittedVAE, settings: Settings, run: Run) -> Scores:
    model.to("cpu")
    known, seed = parts.processing, settings.seed
    tested = parts.test.some(evenly(len(parts.test), MOST_TESTED))
    test = tested.pictures
    if len(test) < len(parts.test):
        run.say(f"The bounds are of {len(test):,} test pictures, taken evenly.")
    dimensions = known["channels"] * known["size"] ** 2
    report.show_losses(run)
    seen = {
        name: seen_once(part.pictures[:most], model, seed)
        for name, part, most in (
            ("training", parts.train, MEASURED),
            ("validation", parts.valid, MEASURED),
            ("test", tested, MOST_TESTED),
        )
    }
    halves = {name: measured(model, each, seed) for name, each in seen.items()}
    report.show_parts(
        {name: (each.log_likelihood.numpy(), each.divergence.numpy()) for name, each in halves.items()},
        model.levels,
        dimensions,
        run,
    )
    generator = torch.Generator().manual_seed(seed)
    log_likelihood = LIKELIHOODS[model.likelihood]

    def weights(pictures: Tensor, draws: int) -> Tensor:
        def normal(start: int, stop: int, count: int) -> Tensor:
            return torch.randn(stop - start, count, model.latents, generator=generator)

        return log_weights(model, pictures, draws, normal, log_likelihood, AT_ONCE)

    nats = -weighted_bound(weights(seen["test"], settings.draws)).double().numpy()
    bounded = max(10, min(BOUNDED, 2 * settings.draws, NUMBERS // dimensions))
    many = weights(seen["test"][evenly(len(test), bounded)], max(COUNTS))
    found = {count: -float(bound.double().mean()) for count, bound in weighted_bounds(many, COUNTS).items()}
    report.show_bounds(found, float(effective_draws(many).mean()), many.shape[1], dimensions, run)
    whole = halves["test"]
    elbo = float((whole.divergence.sum(1) - whole.log_likelihood).double().mean())
    values = {
        "nll": float(nats.mean()),
        "neg_elbo": elbo,
        "bits_per_dimension": float(bits_per_dimension(float(nats.mean()), dimensions)),
    }
    alone = each_pixel_alone(parts.train.pictures, seen["test"], model.likelihood)
    baselines = {
        "each pixel by itself": {"nll": alone, "bits_per_dimension": float(bits_per_dimension(alone, dimensions))}
    }
    units = {
        "nll": f"nats a picture, {settings.draws:,} draws",
        "neg_elbo": "nats a picture",
        "bits_per_dimension": "bits",
    }
    with run.section("predict"):
        labels = None if tested.classes is None else tested.classes.numpy()
        classes = known["classes"]
        drawn = expected_of(model, whole.mean)
        report.show_answers(test, seen["test"], drawn, nats, run)
        report.show_samples(model, seed, run)
        fitted.growth.show(run)
        mean, deviation, latents = (each.numpy() for each in (whole.mean, whole.deviation, whole.drawn))
        price = whole.divergence.double().mean(0).numpy()
        order = report.show_latents(model, mean, deviation, latents, price, labels, classes, run)
        report.show_space(model, test, mean, order, labels, classes, run)
        report.show_numbers(model, whole.mean[0], order, run)
        report.show_walk(model, test, whole.mean, labels, run)
        judged = judge(
            lambda count, _: made(model, noise(count, (model.latents,), seed)),
            parts,
            run,
            count=settings.judged,
            features=settings.features,
        )
    return Scores(values | judged.values, baselines | judged.baselines, units)


def each_pixel_alone(train: Tensor, seen: Tensor, likelihood: str) -> float:
    """-log p of pictures in nats, were every number of a picture to be told by how often it has each value in training.

    train: uint8 (N, C, H, W); seen: test pictures in 0..1. Each value counts once more than it was seen.
    """
    if likelihood == "bernoulli":
        white = (train.float().div(255).sum(0) + 1) / (len(train) + 2)
        return -float(bernoulli(torch.logit(white.double()).expand(seen.shape), seen.double()).mean())
    values, steps = train.flatten(1).long(), (seen * 255).round().long().flatten(1)
    counts = torch.ones(values.shape[1], 256, dtype=torch.float64)
    counts.scatter_add_(1, values.T, torch.ones(values.T.shape, dtype=torch.float64))
    logs = (counts / counts.sum(1, keepdim=True)).log()
    return -float(logs.gather(1, steps.T).sum(0).mean())
