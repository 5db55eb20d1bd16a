"""Pictures changed so little that one hardly sees it, and so that a classifier errs; and the defence against them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from maquette.families import classifiers
from maquette.families.classifiers import ClassifierSettings
from maquette.recipes.attack import data as attacked
from maquette.recipes.attack import report as attack_pictures
from maquette.settings import Options as BaseOptions
from maquette.settings import UserError, nearest, option
from maquette.steps import Framing, Prepared, Scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from maquette.data.pictures.folders import SmallImages
    from maquette.families.classifiers import Part
    from maquette.runs import Run

SEEN, DEFENCE_SEEN = 170_000, 230_000  # pictures that training and defence look at, unless epochs are set
DEFENCE_STEPS = 2  # moves of the attack while the defence learns


class Settings(ClassifierSettings):
    run: str | None = option(None, "run folder of image_classification to attack; trained here first if not given")
    network: Literal["resnet", "cnn", "softmax"] = option("cnn", "what is trained and attacked without `run`")
    width: int = option(8, "channels of the first layer; the CNN has twice as many", ge=1, le=512)
    epsilon: float | None = option(
        None, "the most that a pixel changes, of 0..1; 0.25 for grey pictures, 8/255 for colour", gt=0, le=1
    )
    steps: int = option(20, "moves of the iterated attack", ge=1, le=1000)
    step_size: float | None = option(None, "how far each goes; 2.5 epsilon / steps if not set", gt=0, le=1)
    target: str | None = option(None, "class that the targeted attack leads to; the next in the list if not set")
    defence_epochs: int | None = option(None, "rounds of training on attacked pictures; by their number", ge=1)


class Options(BaseOptions):
    """What `predict` can be told."""

    method: Literal["fgsm", "pgd"] = option("pgd", "one step along the sign of the gradient, or many")
    epsilon: float | None = option(None, "the most that a pixel changes, of 0..1; the run's if not set", gt=0, le=1)
    target: str | None = option(None, "class to be mistaken for; any but the present one if not set")
    steps: int | None = option(None, "moves of pgd; the run's if not set", ge=1, le=1000)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"most_pictures": 1200, "epochs": 5, "defence_epochs": 4, "batch_size": 32, "steps": 5, "epsilon": 0.1},
    "course": {"width": 16, "epochs": 3, "defence_epochs": 1, "shift": 0, "learning_rate": 0.001, "epsilon": 0.1},
    "full": {"network": "resnet", "width": 32, "epochs": 20, "defence_epochs": 60, "steps": 100, "epsilon": 0.3},
}


class Collected(NamedTuple):
    images: SmallImages
    settings: ClassifierSettings  # of the classifier that is attacked
    victim: attacked.Victim | None  # None: to be trained here


def frame(settings: Settings) -> Framing:
    return Framing(
        question="How little must a picture change to be taken for something else, and can that be unlearnt?",
        inputs="a picture",
        outputs="the picture, changed so that the classifier errs",
        score="accuracy_pgd",
        higher_is_better=True,
    )


def collect(settings: Settings, run: Run) -> Collected:
    from pathlib import Path

    if settings.run is None:
        return Collected(classifiers.collect_pictures(settings, run), settings, None)
    if settings.data is not None:
        raise UserError(f"--run {settings.run} brings its own data; leave --data {settings.data} away.")
    victim = attacked.open_victim(Path(settings.run))
    images = classifiers.collect_pictures(victim.settings, run)
    victim.check(images, run.source)
    run.fact("Classifier", f"{victim.network} of {settings.run}")
    return Collected(images, victim.settings, victim)


def analyze(data: Collected, settings: Settings, run: Run) -> dict[str, Any]:
    return classifiers.analyze_pictures(data.images, run)


def process(data: Collected, settings: Settings, run: Run) -> Prepared:
    prepared = classifiers.prepare_pictures(data.images, data.settings, run)
    processing = prepared.processing
    number_of(settings.target, processing["classes"])
    epsilon = settings.epsilon or (0.25 if processing["channels"] == 1 else 8 / 255)
    step_size = settings.step_size or 2.5 * epsilon / settings.steps
    processing |= {"epsilon": epsilon, "steps": settings.steps, "step_size": step_size}
    run.fact("Epsilon", epsilon, "of 0..1")
    run.fact("Steps of PGD", f"{settings.steps} of {step_size:.3g} each")
    victim = data.victim
    name, arguments = (victim.network, victim.arguments) if victim else classifiers.network_of(settings, processing)
    processing |= {"network": name, "arguments": arguments}
    return replace(prepared, train=(prepared.train, victim))


def number_of(name: str | None, classes: Sequence[str]) -> int | None:
    """The class's number; a `UserError` with the nearest name if there is none."""
    if name is None:
        return None
    if name not in classes:
        hint = nearest(name, classes) or f"; there are {', '.join(classes[:20])}."
        raise UserError(f"--target {name}: the classifier knows no such class{hint}")
    return list(classes).index(name)


def build(prepared: Prepared, settings: Settings) -> Any:
    from maquette.models import AttackedClassifier

    _, victim = prepared.train
    processing = prepared.processing
    model = AttackedClassifier(network=processing["network"], arguments=processing["arguments"])
    if victim is not None:
        model.victim.load_state_dict(victim.weights)
    return model


def train(model: Any, prepared: Prepared, settings: Settings, run: Run) -> Scores:
    from maquette.figures.training import losses

    (pictures, given), processing = prepared.train, prepared.processing
    if given is None:
        classifiers.train_classifier(model.victim, pictures, prepared.valid, settings, run, seen=SEEN)
    else:
        run.keep(model=model.victim.to(run.device))
    defend(model, pictures, prepared.valid, processing, settings, run)
    model.to("cpu").eval()
    if not run.is_main:
        return Scores({})
    if given is None:
        curves = {"loss": "training", "valid_loss": "validation"}
        run.picture("losses", losses(run.metrics(), curves, "epoch"), "Cross entropy of the classifier")
    curves = {"valid_accuracy": "as they are", "valid_accuracy_fgsm": "under FGSM"}
    records = [record for record in run.metrics() if "valid_accuracy_fgsm" in record]
    run.picture(
        "defence",
        losses(records, curves, "epoch", higher_is_better=True, quantity="accuracy"),
        "Accuracy while the defence learns",
        "On pictures of the validation part.",
    )
    target = number_of(settings.target, processing["classes"])
    scores, attacks = attacked.measure(model, prepared, pictures, target, run)
    with run.section("predict"):
        attack_pictures.show(model, attacks, processing, run)
    return Scores(scores.pop("defended"), scores)


def defend(model: Any, train: Part, valid: Part, processing: dict[str, Any], settings: Settings, run: Run) -> None:
    """Train `model.defended`, which begins as a copy of the victim, on pictures attacked on the spot.

    The outer minimum of Madry et al. 2018, equation (2.1), with the few steps and the random start of Wong et al. 2020.
    """
    import torch

    from maquette.methods.attacks import fgsm, pgd
    from maquette.training import Batches, Total, update, warm_cosine

    epsilon, network = processing["epsilon"], model.defended
    network.load_state_dict(model.victim.state_dict())
    network.to(run.device).to(memory_format=torch.channels_last)
    classifiers.choose_threads(network, train.pictures[:1], settings.batch_size)
    pictures, classes = train.pictures.to(run.device), train.classes.to(run.device)
    optimizer = classifiers.optimizer_of(network, settings.learning_rate)
    batches = Batches(len(train), settings.batch_size, settings.seed, rank=run.rank, processes=run.processes)
    moves = classifiers.Moves(settings.shift, False, settings.seed, run)
    starts, total = classifiers.Chance(settings.seed, run), Total(run.device)
    run.keep(
        defended=network, defence_optimizer=optimizer, defence_batches=batches, defence_moves=moves,
        defence_starts=starts, defence_total=total,
    )  # fmt: skip
    seen = valid.some(slice(1000))
    epochs = settings.defence_epochs or classifiers.epochs_for(len(train), DEFENCE_SEEN)
    run.fact("Defence epochs", epochs)
    run.say(
        f"The defence: the classifier goes on learning, from pictures attacked by {DEFENCE_STEPS} steps of PGD, made "
        "anew for each batch and against the weights of that moment."
    )
    size = 1.25 * epsilon / DEFENCE_STEPS
    for step in run.loop(epochs * len(batches)):
        rows = next(batches)
        optimizer.learning_rate = settings.learning_rate * warm_cosine(step.progress)
        clean, known = moves(classifiers.floats(pictures[rows]), batches.size), classes[rows]
        network.eval()
        start = starts.rand(batches.size, *clean.shape[1:])
        attack = pgd(network, clean, known, epsilon, steps=DEFENCE_STEPS, step_size=size, start=start)
        network.train()
        loss = torch.nn.functional.cross_entropy(network(attack), known) * batches.weight
        update(optimizer, loss)
        total.add(loss, batches.size)
        if batches.position == 0 or step.is_last:
            network.eval()
            inputs, answers = classifiers.floats(seen.pictures.to(run.device)), seen.classes.to(run.device)
            values = {
                "valid_accuracy": attacked.accuracy(network, inputs, answers),
                "valid_accuracy_fgsm": attacked.accuracy(network, fgsm(network, inputs, answers, epsilon), answers),
            }
            run.log(step, epoch=step.number / len(batches), defence_loss=total.mean(), **values)
    network.eval()


def predict(
    model: Any,
    processing: dict[str, Any],
    inputs: Sequence[Any],
    *,
    method: str = "pgd",
    epsilon: float | None = None,
    target: str | None = None,
    steps: int | None = None,
) -> list[np.ndarray]:
    """The pictures, in their own size, changed so that the undefended classifier errs, or sees `target`."""
    import copy

    import torch

    from maquette.data.pictures.files import as_pixels

    wanted = number_of(target, processing["classes"])
    reach, count = epsilon or processing["epsilon"], steps or processing["steps"]
    crossings = processing["step_size"] * processing["steps"] / processing["epsilon"]
    plan = {**processing, "epsilon": reach, "steps": count, "step_size": crossings * reach / count}
    with torch.inference_mode(False):
        victim = copy.deepcopy(model.victim)  # weights made in inference mode would let no gradient through
        return [attacked.fool(victim, as_pixels(one), plan, wanted, method) for one in inputs]
