"""A class predicted from a picture, with the probability of each class and the next most likely one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maquette.families import classifiers
from maquette.settings import option
from maquette.steps import Framing, Prepared, Scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from torch import nn

    from maquette.data.pictures.folders import SmallImages
    from maquette.families.classifiers import Part
    from maquette.runs import Run

SEEN = 450_000  # pictures that training looks at, unless `epochs` is set: 8 rounds of MNIST
MOST_COMPARED = 5_000  # training pictures that the baselines learn from


class Settings(classifiers.ClassifierSettings):
    blocks: int = option(1, "residual blocks a stage of the residual network", ge=1, le=32)
    flip: bool = option(False, "training pictures are mirrored half of the time; for photographs, not for letters")


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"network": "cnn", "width": 8, "most_pictures": 1200, "epochs": 5, "batch_size": 32},
    "course": {"network": "cnn", "epochs": 5, "shift": 0, "learning_rate": 0.001},
    "full": {"width": 64, "blocks": 3, "epochs": 40, "batch_size": 512, "shift": 2},
}


def frame(settings: Settings) -> Framing:
    return Framing(
        question="What does the picture show?",
        inputs="a picture, cropped square and shrunk",
        outputs="its class, with the probability of each class",
        score="accuracy",
        higher_is_better=True,
    )


def collect(settings: Settings, run: Run) -> SmallImages:
    return classifiers.collect_pictures(settings, run)


def analyze(images: SmallImages, settings: Settings, run: Run) -> dict[str, Any]:
    return classifiers.analyze_pictures(images, run)


def process(images: SmallImages, settings: Settings, run: Run) -> Prepared:
    if settings.shift or settings.flip:
        mirrored = ", and mirrored half of the time" if settings.flip else ""
        run.say(f"While training, each picture is moved by up to {settings.shift} pixels each way{mirrored}.")
    return classifiers.prepare_pictures(images, settings, run)


def build(prepared: Prepared, settings: Settings) -> Any:
    from maquette import models

    name, arguments = classifiers.network_of(settings, prepared.processing, settings.blocks)
    return getattr(models, name)(**arguments)


def train(model: Any, prepared: Prepared, settings: Settings, run: Run) -> Scores:
    from maquette.figures.training import losses
    from maquette.measures.classes import class_scores, resampled

    train, test = prepared.train, prepared.test
    run.fact("Multiplications a picture", classifiers.multiplications(model, train.pictures[:1]))
    before = classifiers.probabilities_of(model, test.pictures[:5])
    parts = train, prepared.valid
    model = classifiers.train_classifier(model, *parts, settings, run, seen=SEEN, flip=settings.flip).to("cpu")
    if not run.is_main:
        return Scores({})
    curves = {"loss": "training", "valid_loss": "validation"}
    run.picture("losses", losses(run.metrics(), curves, over="epoch"), "Cross entropy")
    run.picture(
        "accuracy",
        losses(run.metrics(), {"valid_accuracy": "accuracy on the validation part"}, "epoch", higher_is_better=True),
        "Accuracy",
    )
    true = test.classes.numpy()
    probabilities = classifiers.probabilities_of(model, test.pictures)
    values = class_scores(true, probabilities)
    ranges = resampled(class_scores, true, probabilities, run.random("resample"), 100)
    for name, (low, high) in ranges.items():
        values |= {f"{name}_low": low, f"{name}_high": high}
    run.say("The range under each score holds 95 % of the scores when the test pictures are drawn again, 100 times.")
    with run.section("predict"):
        show(prepared, probabilities, before, run)
        show_kernels(model, prepared, run)
    return Scores(values, baselines(prepared, run, class_scores), {"log_loss": "nats"})


def show(prepared: Prepared, probabilities: np.ndarray, before: np.ndarray, run: Run) -> None:
    import numpy as np
    import pandas as pd

    from maquette.figures import classes as figures
    from maquette.figures.images import grid
    from maquette.measures.classes import confusion

    names, true = prepared.processing["classes"], prepared.test.classes.numpy()
    predicted, sure = probabilities.argmax(1), probabilities.max(1)
    run.picture(
        "confusion",
        figures.confusion(confusion(true, predicted, len(names)), names),
        "Confusion matrix",
        "Rows are what was predicted, columns what it was; the diagonal is right.",
    )
    run.picture(
        "reliability",
        figures.reliability(sure, predicted == true),
        "Can the probabilities be trusted?",
        "On the diagonal, what is said to be 80 % likely is right 80 times in 100.",
    )
    wrong = np.flatnonzero(predicted != true)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:24]
    pictures = prepared.test.pictures.permute(0, 2, 3, 1).numpy()
    if len(worst):
        told = [f"{names[true[row]]}, said {names[predicted[row]]} ({sure[row]:.0%})" for row in worst]
        run.picture(
            "mistakes",
            grid([pictures[row] / np.float32(255) for row in worst], 6, told, most_height=1.1),
            "The surest mistakes",
            "What it was; what was said, and how sure.",
        )
    table = pd.DataFrame(before[:, :12], columns=names[:12]).round(3)
    run.table("Probabilities before training", table, f"With random weights all are near 1/{len(names)}.")


def show_kernels(model: nn.Module, prepared: Prepared, run: Run) -> None:
    """The first layer: its kernels and what they make of a picture, or the template of each class."""
    import torch

    from maquette.figures.images import grid, rows

    names = prepared.processing["classes"]
    weights = next(model.parameters()).detach()
    if weights.dim() == 2:
        shape = [prepared.processing[name] for name in ("channels", "height", "width")]
        made = weights.view(-1, *shape).permute(0, 2, 3, 1)[: classifiers.MOST_SHOWN].mean(-1).numpy()
        run.picture(
            "templates",
            grid(list(made), 6, names, high=float(abs(made).max()), signed=True),
            "What each class looks for",
            "The weights of each class: light where orange makes the class likelier, blue less likely.",
        )
        return
    kernels = weights[:32].mean(1).numpy()
    with torch.no_grad():
        maps = model.features[0](classifiers.floats(prepared.test.pictures[:1]))[0, :32].numpy()  # type: ignore[index, operator]
    run.picture(
        "kernels",
        grid(list(kernels), 16, high=float(abs(kernels).max()), signed=True, most_height=0.5),
        "The kernels of the first layer",
        "Learnt, not designed: orange adds, blue takes away. Edges of all directions are among them.",
    )
    run.picture(
        "features",
        rows({"answers": list(maps[:12])}, low=float(maps.min()), high=float(maps.max()), most_height=0.7),
        "What the first kernels see in the first test picture",
    )


def baselines(prepared: Prepared, run: Run, scores: Any) -> dict[str, dict[str, float]]:
    """Scores on the test part of what needs no network; learnt from at most some thousand training pictures."""
    import numpy as np
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    from maquette.methods.baselines import spread

    def pixels(part: Part) -> np.ndarray:
        return part.pictures.flatten(1).numpy() / np.float32(255)

    train = prepared.train
    some = run.random("baselines").permutation(len(train))[:MOST_COMPARED]
    if len(train) > MOST_COMPARED:
        run.say(f"Softmax regression and nearest neighbours learn from {MOST_COMPARED:,} pictures drawn at random.")
    x, y, test = pixels(train.some(some)), train.classes.numpy()[some], pixels(prepared.test)
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
        made[name] = scores(prepared.test.classes.numpy(), answers)
    return made


def predict(model: Any, processing: dict[str, Any], inputs: Sequence[Any]) -> pd.DataFrame:
    """A row for each picture: `class`, `probability`, `next_class`, `next_probability`, `probability_<class>`."""
    return classifiers.answers(model, processing, inputs)
