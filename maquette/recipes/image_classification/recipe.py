"""A class predicted from a picture, with the probability of each class and the next most likely one.

A residual network, a plain CNN or one linear layer learns from small pictures, moved a little each time, and is judged
by accuracy beside softmax regression and nearest neighbours.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from maquette.data.pictures.small import SmallImages
from maquette.families import classifiers
from maquette.families.classifiers import ClassifierParts, Part
from maquette.figures.training import losses
from maquette.measures.classes import class_scores, resampled
from maquette.methods.baselines import spread
from maquette.models.classifiers import CLASSIFIERS, Classifier
from maquette.recipes.image_classification import report
from maquette.recipes.image_classification.settings import Settings
from maquette.runs import Run
from maquette.steps import Fitted, Framing, Scores

SEEN = 450_000  # pictures that training looks at, unless `epochs` is set: 8 rounds of MNIST
MOST_COMPARED = 5_000  # training pictures that the baselines learn from


def frame(settings: Settings) -> Framing:
    return Framing(
        question="What does the picture show?",
        inputs="a picture, cropped square and shrunk",
        outputs="its class, with the probability of each class",
        score="accuracy",
        higher_is_better=True,
    )


def collect(settings: Settings, run: Run) -> SmallImages:
    return classifiers.collect_pictures(settings.data, settings.size, settings.most_pictures, settings.seed, run)


def analyze(images: SmallImages, settings: Settings, run: Run) -> dict[str, Any]:
    return classifiers.analyze_pictures(images, run)


def process(images: SmallImages, settings: Settings, run: Run) -> ClassifierParts:
    if settings.shift or settings.flip:
        mirrored = ", and mirrored half of the time" if settings.flip else ""
        run.say(f"While training, each picture is moved by up to {settings.shift} pixels each way{mirrored}.")
    shares = {"valid_share": settings.valid_share, "test_share": settings.test_share}
    return classifiers.prepare_pictures(images, run, **shares, seed=settings.seed)


def build(prepared: ClassifierParts, settings: Settings) -> Classifier:
    name, arguments = classifiers.network_of(
        settings.network, prepared.processing, width=settings.width, blocks=settings.blocks
    )
    return CLASSIFIERS[name](**arguments)


@dataclass(frozen=True, kw_only=True)
class Learnt(Fitted):
    """`before`: probabilities that the untrained network gave of the first test pictures."""

    before: np.ndarray


def train(model: Classifier, prepared: ClassifierParts, settings: Settings, run: Run) -> Learnt:
    train, test = prepared.train, prepared.test
    run.fact("Multiplications a picture", classifiers.multiplications(model, train.pictures[:1]))
    before = classifiers.probabilities_of(model, test.pictures[:5])
    classifiers.train_classifier(
        model,
        train,
        prepared.valid,
        run,
        epochs=settings.epochs or classifiers.epochs_for(len(train), SEEN),
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        shift=settings.shift,
        flip=settings.flip,
        seed=settings.seed,
    )
    return Learnt(before=before)


def score(model: Classifier, prepared: ClassifierParts, fitted: Learnt, settings: Settings, run: Run) -> Scores:
    """Scores of the test part with their ranges, beside what needs no network."""
    model.to("cpu")
    curves = {"loss": "training", "valid_loss": "validation"}
    run.picture("losses", losses(run.metrics(), curves, over="epoch"), "Cross entropy")
    run.picture(
        "accuracy",
        losses(run.metrics(), {"valid_accuracy": "accuracy on the validation part"}, "epoch", higher_is_better=True),
        "Accuracy",
    )
    true = prepared.test.classes.numpy()
    probabilities = classifiers.probabilities_of(model, prepared.test.pictures)
    values = class_scores(true, probabilities)
    ranges = resampled(class_scores, true, probabilities, run.random("resample"), 100)
    for name, (low, high) in ranges.items():
        values |= {f"{name}_low": low, f"{name}_high": high}
    run.say("The range under each score holds 95 % of the scores when the test pictures are drawn again, 100 times.")
    with run.section("predict"):
        report.show_answers(prepared, probabilities, fitted.before, run)
        report.show_first_layer(model, prepared, run)
    return Scores(values, baselines(prepared, run), {"log_loss": "nats"})


def baselines(prepared: ClassifierParts, run: Run) -> dict[str, dict[str, float]]:
    """Scores on the test part of what needs no network; learnt from at most some thousand training pictures."""
    train = prepared.train
    some = run.random("baselines").permutation(len(train))[:MOST_COMPARED]
    if len(train) > MOST_COMPARED:
        run.say(f"Softmax regression and nearest neighbours learn from {MOST_COMPARED:,} pictures drawn at random.")
    x, y, test = numbers_of(train.some(some)), train.classes.numpy()[some], numbers_of(prepared.test)
    classes, made = len(prepared.processing["classes"]), {}
    models = {
        "majority": DummyClassifier(),
        "softmax regression": LogisticRegression(C=0.01, max_iter=100),
        "5 nearest neighbours": KNeighborsClassifier(min(5, len(y)), algorithm="brute"),
    }
    for name, model in models.items():
        answers = spread(model.fit(x, y), test, classes)
        if name.endswith("neighbours"):  # five votes cannot tell a probability of nought
            answers = (answers * 5 + 1 / classes) / 6
        made[name] = class_scores(prepared.test.classes.numpy(), answers)
    return made


def numbers_of(part: Part) -> np.ndarray:
    """The pixels of each picture in a row, (N, C H W) float32 in 0..1."""
    return part.pictures.flatten(1).numpy() / np.float32(255)
