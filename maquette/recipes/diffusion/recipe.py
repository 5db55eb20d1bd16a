"""Pictures from noise, step by step: a network learns to tell pictures from noise, and noise becomes pictures.

Training puts noise of any strength on pictures and asks what is behind it; Algorithm 1 of Ho et al. 2020. To make a
picture, one begins with pure noise and goes back in steps, asking at each. What is predicted, how levels of noise are
drawn, and by which steps one goes back are as in Karras et al. 2022, or as in the course. It is judged by the noise
that it tells from pictures it has not seen, and by how far what it makes is from real pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maquette.data.pictures.small import SmallImages
from maquette.families import generating
from maquette.families.diffusing import MOVES, Condition, Diffuser, Schedule, told_noise, train_denoiser
from maquette.families.generating import GeneratorParts, Growth, to_unit
from maquette.families.judging_pictures import check_features, judge
from maquette.figures.training import losses
from maquette.measures.noise import noise_error
from maquette.methods.diffusion import Normal
from maquette.methods.projections import principal_components
from maquette.models.denoising_unet import DenoisingUNet, shuffle_for
from maquette.recipes.diffusion import report
from maquette.recipes.diffusion.settings import Settings
from maquette.runs import Run
from maquette.steps import Fitted, Framing, Scores

SEEN = 60_000  # pictures that the network looks at, unless `epochs` is set
FINE = 12  # channels at the full resolution, where more than 2 x 2 pixels are dealt to a place: fewer specks
FEW = 5000  # training pictures below which some are moved
GROWN, MOMENTS = 16, 18  # samples of the film of training, and how often they are made
GROWN_STEPS = 12  # of their way back
BRIEF = 60  # fewer judged samples than this: the rest is brief, too
MOST_ASKED = 1000  # test pictures whose noise is told for the score
MOST_FITTED, DIRECTIONS = 10_000, 300  # pictures, and directions of the normal distribution that is the baseline


@dataclass(frozen=True)
class Grown(Fitted):
    """Training's samples from fixed seeds."""

    growth: Growth = field(default_factory=Growth)


def frame(settings: Settings) -> Framing:
    return Framing(
        question="What do pictures look like that could stand among these?",
        inputs="noise",
        outputs="a picture",
        score="noise_error",
    )


def collect(settings: Settings, run: Run) -> SmallImages:
    check_features(settings.features)
    multiple = shuffle_for(settings.size or 32)
    return generating.collect_pictures(
        settings.data, settings.size, settings.most_pictures, settings.seed, run, multiple=multiple
    )


def analyze(images: SmallImages, settings: Settings, run: Run) -> dict[str, Any]:
    return generating.analyze_pictures(images, run)


def process(images: SmallImages, settings: Settings, run: Run) -> GeneratorParts:
    parts = generating.prepare_pictures(
        images, run, valid_share=settings.valid_share, test_share=settings.test_share, seed=settings.seed
    )
    follows_chain = settings.levels != "normal"
    schedule: Schedule = "cosine" if settings.levels == "cosine" else "linear"
    known = {
        "prediction": settings.prediction,
        "schedule": schedule,
        "spread": round(float(to_unit(parts.train.pictures[:5000]).std()), 4),
        "solver": "ddpm" if follows_chain else "dpm",
        "steps": 1000 if follows_chain else 18,
    }
    run.fact("Standard deviation of the pixels", known["spread"])
    report.show_noise(parts, schedule, run)
    return replace(parts, processing={**parts.processing, **known})


def build(prepared: GeneratorParts, settings: Settings) -> DenoisingUNet:
    known = prepared.processing
    shuffle = shuffle_for(known["size"])
    return DenoisingUNet(
        channels=known["channels"],
        size=known["size"],
        width=settings.width,
        blocks=settings.blocks,
        shuffle=shuffle,
        fine=FINE if shuffle > 2 else 0,
        classes=len(known["classes"]),
        vector=MOVES if part_moved(prepared, settings) else 0,
    )


def part_moved(prepared: GeneratorParts, settings: Settings) -> float:
    """The part of the training pictures that is moved: the fewer there are, the more they must be stretched."""
    if settings.moved is not None:
        return settings.moved
    return 0.0 if len(prepared.train) >= FEW else 0.3 if len(prepared.train) >= 1000 else 0.6


def train(model: DenoisingUNet, prepared: GeneratorParts, settings: Settings, run: Run) -> Grown:
    with run.section("build"):
        report.show_idea(prepared.processing, run)
    known, classes = prepared.processing, prepared.train.classes
    epochs = settings.epochs or max(1, min(2000, round(SEEN / len(prepared.train))))
    rate = settings.learning_rate or (0.03 if settings.optimizer == "muon" else 1e-3)
    moved = part_moved(prepared, settings)

    def told(rows: Tensor, size: int) -> Condition:
        return Condition(None if classes is None else classes[rows])

    growth = train_denoiser(
        Diffuser(model, known),
        prepared.train,
        prepared.valid,
        run,
        told=told,
        told_valid=Condition(prepared.valid.classes),
        leave=lambda told, chance: told.without(chance < settings.dropped, model.classes),
        follows_chain=settings.levels != "normal",
        optimizer=settings.optimizer,
        learning_rate=rate,
        epochs=epochs,
        batch_size=settings.batch_size,
        moved=moved,
        seed=settings.seed,
        moments=MOMENTS,
        make=lambda diffuser: diffuser.made(
            GROWN, settings.seed, diffuser.of_classes(settings.seed), solver="dpm", steps=GROWN_STEPS
        ),
    )
    return Grown(growth=growth)


def score(model: DenoisingUNet, prepared: GeneratorParts, fitted: Grown, settings: Settings, run: Run) -> Scores:
    diffuser = Diffuser(model, prepared.processing)
    curves = {"loss": "training"}
    run.picture("losses", losses(run.metrics(), curves, over="epoch"), "Loss of training")
    run.picture(
        "noise_errors",
        losses(run.metrics(), {"valid_noise_error": "averaged weights"}, over="epoch", quantity="noise error"),
        "Noise told from validation pictures",
        "Mean squared error of the noise at ten levels, 1 for saying nothing; by the averaged weights.",
    )
    fitted.growth.show(run)
    asked = prepared.test.some(np.sort(run.random("asked").permutation(len(prepared.test))[:MOST_ASKED]))
    error = diffuser.noise_error(asked, Condition(asked.classes))
    normal = normal_of(prepared.train.pictures)
    plain = noise_error(lambda noisy, level: told_noise(normal, noisy, level), to_unit(asked.pictures))
    values = {"noise_error": error.value, "noise_error_low": error.low, "noise_error_high": error.high}
    baselines = {"normal distribution": {"noise_error": plain.value}, "nothing": {"noise_error": 1.0}}
    judged = judge(
        made_by(diffuser, settings.seed),
        prepared,
        run,
        count=settings.judged,
        features=settings.features,
        with_classes=bool(diffuser.known["classes"]),
    )
    values |= judged.values
    for name, scores in judged.baselines.items():
        baselines.setdefault(name, {}).update(scores)
    with run.section("predict"):
        report.show_levels({"network": error.by_step, "normal distribution": plain.by_step}, len(asked), run)
        is_brief = settings.judged < BRIEF
        report.show_way(diffuser, settings.seed, is_brief, run)
        report.show_steps(diffuser, settings.seed, is_brief, run)
        if diffuser.known["classes"]:
            report.show_classes(diffuser, settings.seed, run)
    return Scores(values, baselines, judged.units)


def made_by(diffuser: Diffuser, seed: int) -> Callable[[int, Tensor | None], Tensor]:
    """Pictures of given classes, or of any, by the run's own solver; of seeds that the report does not show."""

    def make(count: int, classes: Tensor | None) -> Tensor:
        def told(first: int, some: int) -> Condition:
            return Condition(None if classes is None else classes[first : first + some])

        return diffuser.made(count, seed + 1, told, solver=diffuser.known["solver"], steps=diffuser.known["steps"])

    return make


def normal_of(pictures: Tensor) -> Normal:
    """Training pictures uint8 (N, C, H, W) as a normal distribution of a few hundred directions."""
    rows = pictures[:MOST_FITTED].flatten(1).numpy()
    components = principal_components(rows, DIRECTIONS)
    total = float((rows / np.float32(255)).var(0).sum())
    left = max(rows.shape[1] - len(components.variances), 1)
    rest = max(total - float(components.variances.sum()), 1e-6) / left
    mean, directions = torch.from_numpy(components.mean), torch.from_numpy(np.ascontiguousarray(components.directions))
    return Normal(2 * mean - 1, directions, 4 * torch.from_numpy(components.variances).float(), 4 * rest)
