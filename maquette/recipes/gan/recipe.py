"""Pictures made from random numbers by a network that learns to fool another, which learns to tell them from real ones.

The generator draws, the discriminator judges, and both are trained at the same time, each on what the other does. By
default two small residual networks with the relativistic loss and a penalty on the discriminator's slopes at real and
at made pictures, which keeps training from running in circles or away; or the course's DCGAN.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from maquette.data.pictures.small import SmallImages
from maquette.families.classifiers import Chance
from maquette.families.generating import (
    AT_ONCE,
    GeneratorParts,
    Growth,
    analyze_pictures,
    collect_pictures,
    drawn_classes,
    from_unit,
    noise,
    prepare_pictures,
    to_unit,
)
from maquette.families.judging_pictures import check_features, judge
from maquette.methods.adversarial import LOSSES, both_backward, squared_slopes
from maquette.methods.augmentation import NUMBERS, changed, changes
from maquette.methods.collapse import Watch, by_heart, variety
from maquette.methods.optimizers import AdamW
from maquette.models.gan import (
    CourseDiscriminator,
    CourseGenerator,
    Discriminator,
    Generator,
    levels_of,
    patch_of,
)
from maquette.recipes.gan import report
from maquette.recipes.gan.settings import Settings
from maquette.runs import Run
from maquette.steps import Fitted, Framing, Scores
from maquette.training import Average, Batches, Total, advance, choose_threads, flat_then_linear

MULTIPLE = 4  # of pixels: the course's networks halve twice, ours deal 2 x 2 and halve once or more
SEEN = 150_000  # pictures that are looked at, unless `epochs` is set
FEW = 5_000  # training pictures below which they are changed, unless `augment` is set
EVERY = 8  # steps from one penalty to the next
WIDER = (1, 3, 4)  # channels at each level, as multiples of `width`, the last at all further ones
FLAT = 0.3  # of the training at the full learning rate, which then falls to 0
WATCHED = 256  # pictures by which variety is told
GROWN = 20  # samples of the film


def frame(settings: Settings) -> Framing:
    return Framing(
        question="How are pictures made that pass for real ones?",
        inputs=f"{settings.latents} random numbers, and a class where there are classes",
        outputs="a picture",
        score="feature_distance",
        headline="Features of what is made are {feature_distance} from those of test pictures, where training pictures "
        "are {training pictures|feature_distance} from them.",
    )


def collect(settings: Settings, run: Run) -> SmallImages:
    check_features(settings.features)
    return collect_pictures(settings.data, settings.size, settings.most_pictures, settings.seed, run, multiple=MULTIPLE)


def analyze(images: SmallImages, settings: Settings, run: Run) -> dict[str, Any]:
    return analyze_pictures(images, run)


def process(images: SmallImages, settings: Settings, run: Run) -> GeneratorParts:
    parts = prepare_pictures(
        images, run, valid_share=settings.valid_share, test_share=settings.test_share, seed=settings.seed
    )
    parts.processing.update(latents=settings.latents, conditional=is_conditional(parts, settings))
    return replace(parts, examples=parts.examples[:2])  # the ends of a walk


def is_conditional(parts: GeneratorParts, settings: Settings) -> bool:
    return settings.conditional and settings.network != "course" and len(parts.processing["classes"]) > 1


def build(parts: GeneratorParts, settings: Settings) -> dict[str, nn.Module]:
    size, channels = parts.processing["size"], parts.processing["channels"]
    if settings.network == "course":
        return {
            "generator": CourseGenerator(size=size, channels=channels, latents=settings.latents),
            "discriminator": CourseDiscriminator(size=size, channels=channels),
        }
    classes = len(parts.processing["classes"]) if parts.processing["conditional"] else 0
    levels = len(levels_of(size, patch_of(size)))
    widths = [settings.width * WIDER[min(level, len(WIDER) - 1)] for level in range(levels)]
    common = {"size": size, "channels": channels, "classes": classes, "widths": widths, "blocks": settings.blocks}
    return {"generator": Generator(latents=settings.latents, **common), "discriminator": Discriminator(**common)}


def train(model: dict[str, nn.Module], parts: GeneratorParts, settings: Settings, run: Run) -> Fitted:
    for network in model.values():
        network.to(run.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    generator, discriminator = model["generator"], model["discriminator"]
    is_course = settings.network == "course"
    loss = LOSSES["cross entropy" if is_course else "relativistic"]
    with_classes = parts.processing["conditional"]
    augmented = len(parts.train) < FEW if settings.augment is None else settings.augment
    rate = settings.learning_rate or (1e-4 if is_course else 1e-3)
    epochs = settings.epochs or max(1, round(SEEN / len(parts.train)))
    with run.section("build"):
        report.show_idea(model, is_course, run)
    report.show_facts(epochs, settings.batch_size, rate, is_course, augmented, settings.penalty, EVERY, run)
    choose_threads(generator, settings.batch_size)
    pictures = parts.train.pictures.to(run.device)
    classes = parts.train.classes.to(run.device) if with_classes and parts.train.classes is not None else None
    betas, epsilon = ((0.9, 0.999), 1e-7) if is_course else ((0.0, 0.99), 1e-8)
    optimizers = [AdamW(each.parameters(), rate, betas, epsilon) for each in (generator, discriminator)]
    batches = Batches(len(pictures), settings.batch_size, settings.seed, rank=run.rank, processes=run.processes)
    chance = Chance(settings.seed, run)
    average = Average(generator)
    totals = {name: Total(run.device) for name in ("discriminator_loss", "generator_loss", "real", "made")}
    watch, growth = Watch(), Growth()
    run.keep(
        generator=generator,
        discriminator=discriminator,
        generator_optimizer=optimizers[0],
        discriminator_optimizer=optimizers[1],
        average=average,
        batches=batches,
        chance=chance,
        watch=watch,
        growth=growth,
        **totals,
    )
    for told in watch.told:
        run.warn(told)
    looked = Looked(parts, settings.seed, run)
    made_by = generator if is_course else average.network  # the course's has no average
    generator.train(), discriminator.train()
    for step in run.loop(epochs * len(batches)):
        rows = next(batches)
        kinds = None if classes is None else classes[rows]
        real = to_unit(pictures[rows])
        made = generator(chance.randn(batches.size, settings.latents).to(run.device), kinds)
        if augmented:
            real, made = (
                changed(each, changes(chance.rand(batches.size, NUMBERS).to(run.device), each.shape[-1]))
                for each in (real, made)
            )
        for optimizer in optimizers:
            optimizer.learning_rate = rate if is_course else rate * factor(step.progress, step.number)
            optimizer.clear()
        said = partial(discriminator, classes=None if kinds is None else torch.cat([kinds, kinds]))
        found = both_backward(loss, said, real, made, batches.weight)
        if settings.penalty and step.number % EVERY == 0:
            slopes = squared_slopes(said, torch.cat([real, made]))
            (EVERY * settings.penalty * batches.weight * slopes.mean()).backward()  # half of each side's mean
        for optimizer in optimizers:
            advance(optimizer)
        average.update(step.number)
        for name, each in zip(totals, (*found.losses, found.real, found.made), strict=True):
            totals[name].add(each.mean() * batches.weight, batches.size)
        growth.see(step, lambda: looked.samples(made_by, GROWN))
        if watch.is_due(step.progress, step.is_last):
            values = {name: total.mean() for name, total in totals.items()}
            values |= looked.at(made_by, discriminator)
            run.log(step, epoch=step.number / len(batches), **values)
            learnt = by_heart(values["training"], values.get("held_out", values["training"]), values["fresh"])
            wrong = watch.see(step.progress, values["variety"], learnt, augmented=augmented)
            if wrong is not None:
                run.warn(wrong)
    if not is_course:
        average.restore()
    growth.show(run)
    return Fitted()


def factor(progress: float, step: int) -> float:
    """Of the learning rate: a short rise, level, then in a line to 0."""
    return min(1.0, step / 50) * flat_then_linear(progress, FLAT)


class Looked:
    """What is looked at again and again: samples of fixed seeds, and the discriminator's word on pictures of each part.

    It changes nothing of the training: noise comes from seeds of its own.
    """

    def __init__(self, parts: GeneratorParts, seed: int, run: Run):
        self.parts, self.seed, self.device = parts, seed, run.device
        rows = run.random("watched").permutation(len(parts.train))[:WATCHED]
        self.training, self.held_out = parts.train.some(rows), parts.valid.some(slice(WATCHED))
        self.with_classes = parts.processing["conditional"]

    @torch.no_grad()
    def samples(self, generator: nn.Module, count: int, classes: Tensor | None = None) -> Tensor:
        """The first so many pictures of the run's seed, uint8 (N, C, H, W)."""
        if self.with_classes and classes is None:
            classes = drawn_classes(count, self.parts.processing["shares"], self.seed)
        latents = noise(count, (self.parts.processing["latents"],), self.seed)
        return from_unit(made_pictures(generator, latents, classes, self.device))

    @torch.no_grad()
    def at(self, generator: nn.Module, discriminator: nn.Module) -> dict[str, float]:
        """`variety`, and the mean logit of training, held-out and freshly made pictures."""
        real = self.training
        fresh = self.samples(generator, len(real), real.classes if self.with_classes else None)
        was_training = discriminator.training
        discriminator.eval()

        def said(pictures: Tensor, classes: Tensor | None) -> float:
            kinds = classes.to(self.device) if self.with_classes and classes is not None else None
            return float(discriminator(to_unit(pictures.to(self.device)), kinds).mean())

        values = {
            "variety": variety(fresh, real.pictures),
            "training": said(real.pictures, real.classes),
            "fresh": said(fresh, real.classes),
        }
        if len(self.held_out):
            values["held_out"] = said(self.held_out.pictures, self.held_out.classes)
        discriminator.train(was_training)
        return values


def score(model: dict[str, nn.Module], parts: GeneratorParts, fitted: Fitted, settings: Settings, run: Run) -> Scores:
    for each in model.values():
        each.to("cpu").eval()
    report.show_training(run.metrics(), settings.network == "course", run)
    looked = Looked(parts, settings.seed, run)
    generator = model["generator"]
    with run.section("predict"):
        scores = judge(
            lambda count, classes: looked.samples(generator, count, classes),
            parts,
            run,
            count=settings.judged,
            features=settings.features,
            with_classes=parts.processing["conditional"],
        )
        report.show_samples(generator, parts, settings.seed, run)
        report.show_found(generator, parts, settings.seed, run)
        report.show_comparison(run)
    return scores


def made_pictures(generator: nn.Module, latents: Tensor, classes: Tensor | None, device: torch.device) -> Tensor:
    """(N, C, H, W) in -1..1 of a generator that is then as it was, in pieces."""
    was_training = generator.training
    generator.eval()
    pieces = []
    for start in range(0, len(latents), AT_ONCE):
        kinds = None if classes is None else classes[start : start + AT_ONCE].to(device)
        pieces.append(generator(latents[start : start + AT_ONCE].to(device), kinds))
    generator.train(was_training)
    return torch.cat(pieces)
