"""What the report shows of a classifier: which classes it mixes up, how sure it is, and what its first layer sees."""

import numpy as np
import pandas as pd
import torch

from maquette.families import classifiers
from maquette.families.classifiers import ClassifierParts
from maquette.figures import classes as figures
from maquette.figures.images import grid, rows
from maquette.measures.classes import confusion
from maquette.models.classifiers import Classifier, SoftmaxClassifier
from maquette.runs import Run


def show_answers(prepared: ClassifierParts, probabilities: np.ndarray, before: np.ndarray, run: Run) -> None:
    """Probabilities (N, classes) of the test pictures, and those of the first few `before` training."""
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


def show_first_layer(model: Classifier, prepared: ClassifierParts, run: Run) -> None:
    """The kernels of the first layer and what they make of a picture, or the template of each class."""
    weights = next(model.parameters()).detach()
    if isinstance(model, SoftmaxClassifier):
        shape = model.channels, model.height, model.width
        made = weights.view(-1, *shape).permute(0, 2, 3, 1)[: classifiers.MOST_SHOWN].mean(-1).numpy()
        run.picture(
            "templates",
            grid(list(made), 6, prepared.processing["classes"], high=float(abs(made).max()), signed=True),
            "What each class looks for",
            "The weights of each class: light where orange makes the class likelier, blue less likely.",
        )
        return
    kernels = weights[:32].mean(1).numpy()
    with torch.no_grad():
        maps = model.features[0](classifiers.floats(prepared.test.pictures[:1]))[0, :32].numpy()
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
