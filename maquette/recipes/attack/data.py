"""Pictures to be attacked, with the classifier they are of, and what attacks make of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from maquette.data.pictures.small import SmallImages
from maquette.families import classifiers
from maquette.families.classifiers import ClassifierParts
from maquette.families.settings import ClassifierSettings
from maquette.methods.attacks import fgsm, pgd
from maquette.runs import Run
from maquette.settings import UserError, make_settings, nearest
from maquette.trained import Trained


class Collected(NamedTuple):
    images: SmallImages
    settings: ClassifierSettings  # of the classifier that is attacked
    victim: nn.Module | None  # None: to be trained here


@dataclass(frozen=True)
class Prepared(ClassifierParts):
    """`processing` also has class and arguments of the network, and epsilon, steps and step_size of the attack."""

    victim: nn.Module | None


class Plan(NamedTuple):
    """How far a pixel may change, and how many moves of which size an iterated attack makes."""

    epsilon: float
    steps: int
    step_size: float

    def scaled(self, share: float) -> "Plan":
        return Plan(share * self.epsilon, self.steps, share * self.step_size)


def plan_of(processing: dict[str, Any]) -> Plan:
    return Plan(processing["epsilon"], processing["steps"], processing["step_size"])


def number_of(name: str | None, classes: Sequence[str]) -> int | None:
    """The class's number; a `UserError` with the nearest name if there is none."""
    if name is None:
        return None
    if name not in classes:
        hint = nearest(name, classes) or f"; there are {', '.join(classes[:20])}."
        raise UserError(f"--target {name}: the classifier knows no such class{hint}")
    return list(classes).index(name)


def collect_again(trained: Trained, run: Run) -> Collected:
    """The pictures that a classifier learnt from; refused where they have changed since."""
    known = {name: value for name, value in trained.settings.items() if name in ClassifierSettings.model_fields}
    settings = make_settings(ClassifierSettings, known)
    images = classifiers.collect_pictures(settings.data, settings.size, settings.most_pictures, settings.seed, run)
    shape = tuple(trained.processing[name] for name in ("height", "width", "channels"))
    is_same = list(images.classes) == list(trained.processing["classes"]) and images.pixels.shape[1:] == shape
    if not is_same or (trained.source.get("sha256") or "") != (run.source["sha256"] or ""):
        raise UserError(
            f"The data of {trained.folder} has changed since it was trained ({run.source['path']}); put the old "
            "pictures back, or train again."
        )
    return Collected(images, settings, trained.model)


class Attacks(NamedTuple):
    """Test pictures, float (N, C, H, W), their classes (N,), what attacks made of them, by `network method`, and the
    accuracy of always saying the commonest class."""

    pictures: Tensor
    classes: Tensor
    fooled: dict[str, Tensor]
    chance: float


def reached(network: nn.Module, method: str, pictures: Tensor, classes: Tensor, plan: Plan) -> Tensor:
    """The pictures after `FGSM`, `PGD` or `targeted` PGD, in pieces.

    The first two lead away from `classes`, the last to them. PGD begins at a random place of the ball, the same each
    time.
    """
    epsilon, steps, step_size = plan
    if not epsilon:
        return pictures
    generator = torch.Generator().manual_seed(0)
    pieces = []
    for start in range(0, len(pictures), classifiers.AT_ONCE):
        some, known = (each[start : start + classifiers.AT_ONCE] for each in (pictures, classes))
        if method == "FGSM":
            pieces.append(fgsm(network, some, known, epsilon))
        elif method == "PGD":
            begun = torch.rand(some.shape, generator=generator)
            pieces.append(pgd(network, some, known, epsilon, steps=steps, step_size=step_size, start=begun))
        else:
            pieces.append(pgd(network, some, known, epsilon, steps=steps, step_size=step_size, targeted=True))
    return torch.cat(pieces)


def accuracy(network: nn.Module, pictures: Tensor, classes: Tensor) -> float:
    """The part of the pictures, float (N, C, H, W) in 0..1, whose likeliest class is right."""
    return float((classifiers.logits_of(network, pictures).argmax(1) == classes.cpu()).float().mean())
