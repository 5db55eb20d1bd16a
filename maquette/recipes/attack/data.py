"""What attacking classifiers needs beside its seven steps: the run that is attacked, and what attacks do to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from maquette.families import classifiers
from maquette.families.classifiers import ClassifierSettings, Part
from maquette.settings import UserError, make_settings
from maquette.steps import Prepared

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from maquette.data.pictures.folders import SmallImages
    from maquette.runs import Run

MOST_ATTACKED = 1_000  # test pictures for the scores


class Victim(NamedTuple):
    """A finished run of image_classification: its settings, its data's checksum, and its network."""

    folder: Path
    settings: ClassifierSettings
    source: dict[str, Any]
    processing: dict[str, Any]
    network: str
    arguments: dict[str, Any]
    weights: dict[str, Tensor]

    def check(self, images: SmallImages, source: dict[str, Any]) -> None:
        """Refuse data that is no longer what the classifier learnt."""
        shape = tuple(self.processing[name] for name in ("height", "width", "channels"))
        is_same = list(images.classes) == list(self.processing["classes"]) and images.pixels.shape[1:] == shape
        if not is_same or (self.source.get("sha256") or "") != (source.get("sha256") or ""):
            raise UserError(
                f"The data of {self.folder} has changed since it was trained ({source['path']}); put the old pictures "
                "back, or train again."
            )


def open_victim(folder: Path) -> Victim:
    """The classifier of a run folder; refused, in one sentence, where there is none."""
    from maquette.checkpoints import load_model, load_state
    from maquette.files import read_json

    if not folder.is_dir():
        raise UserError(
            f"--run {folder}: there is no such run folder; make one with: maquette run image_classification"
        )
    record = read_json(folder / "settings.json")
    recipe = record.get("recipe") if isinstance(record, dict) else None
    if recipe != "image_classification":
        raise UserError(f"--run {folder} is a run of {recipe}; what is attacked must be one of image_classification.")
    if not (folder / "scores.json").exists():
        raise UserError(f"--run {folder} is not finished; go on with it first: maquette resume {folder}")
    model, description = load_model(folder), read_json(folder / "model.json")
    shared = {name: value for name, value in record["settings"].items() if name in ClassifierSettings.model_fields}
    return Victim(
        folder,
        make_settings(ClassifierSettings, shared),
        record.get("data", {}),
        load_state(folder, "processing"),
        description["class"],
        description["arguments"],
        model.state_dict(),
    )


def accuracy(network: nn.Module, pictures: Tensor, classes: Tensor) -> float:
    """The part of the pictures, float (N, C, H, W) in 0..1, whose likeliest class is right."""
    return float((classifiers.logits_of(network, pictures).argmax(1) == classes.cpu()).float().mean())


def reached(network: nn.Module, method: str, pictures: Tensor, classes: Tensor, plan: dict[str, Any]) -> Tensor:
    """The pictures after `FGSM`, `PGD` or `targeted` PGD, in pieces; `plan` has epsilon, steps and step_size.

    The first two lead away from `classes`, the last to them. PGD begins at a random place of the ball, the same each
    time.
    """
    import torch

    from maquette.methods.attacks import fgsm, pgd

    epsilon, moves = plan["epsilon"], {"steps": plan["steps"], "step_size": plan["step_size"]}
    if not epsilon:
        return pictures
    generator = torch.Generator().manual_seed(0)
    pieces = []
    for start in range(0, len(pictures), classifiers.AT_ONCE):
        some, known = (each[start : start + classifiers.AT_ONCE] for each in (pictures, classes))
        if method == "FGSM":
            pieces.append(fgsm(network, some, known, epsilon))
        elif method == "PGD":
            pieces.append(
                pgd(network, some, known, epsilon, **moves, start=torch.rand(some.shape, generator=generator))
            )
        else:
            pieces.append(pgd(network, some, known, epsilon, **moves, targeted=True))
    return torch.cat(pieces)


class Attacks(NamedTuple):
    """Test pictures, float (N, C, H, W), their classes (N,), what attacks made of them, by `network method`, and the
    accuracy of always saying the commonest class."""

    pictures: Tensor
    classes: Tensor
    fooled: dict[str, Tensor]
    chance: float


def measure(
    model: Any, prepared: Prepared, train: Part, target: int | None, run: Run
) -> tuple[dict[str, dict[str, float]], Attacks]:
    """Accuracies of the defended and the undefended classifier and of softmax regression, as they are and attacked."""
    import numpy as np
    import pandas as pd

    plan, test = prepared.processing, prepared.test
    some = test.some(np.sort(run.random("attacked").permutation(len(test))[:MOST_ATTACKED]))
    pictures, known = classifiers.floats(some.pictures), some.classes
    count = len(plan["classes"])
    wanted = (known + 1) % count if target is None else known.new_full((len(known),), target)
    networks = {"undefended": model.victim, "defended": model.defended}
    networks["softmax regression"] = softmax_regression(train, plan, run)
    scores: dict[str, dict[str, float]] = {}
    fooled: dict[str, Tensor] = {}
    lines = []
    for name, network in networks.items():
        scores[name] = {"accuracy": accuracy(network, test.pictures, test.classes)}
        for method in ("FGSM", "PGD", "targeted"):
            fooled[f"{name} {method}"] = reached(
                network, method, pictures, wanted if method == "targeted" else known, plan
            )
        for method in ("FGSM", "PGD"):
            scores[name][f"accuracy_{method.lower()}"] = accuracy(network, fooled[f"{name} {method}"], known)
        led = classifiers.logits_of(network, fooled[f"{name} targeted"]).argmax(1) == wanted
        rate = float(led[wanted != known].float().mean()) if bool((wanted != known).any()) else 0.0
        lines.append({"classifier": name, **scores[name], "led to the target": rate})
    commonest = int(np.bincount(test.classes.numpy(), minlength=count).argmax())
    always, of_some = (float((part.classes == commonest).float().mean()) for part in (test, some))
    scores["majority"] = {"accuracy": always, "accuracy_fgsm": of_some, "accuracy_pgd": of_some}
    if len(test) > MOST_ATTACKED:
        run.say(f"`accuracy` is of all test pictures; attacked are {MOST_ATTACKED:,} of them, drawn at random.")
    goal = f"the class {plan['classes'][target]!r}" if target is not None else "the next class in the list"
    run.table(
        f"Before and after the defence, epsilon {plan['epsilon']:.3g}",
        pd.DataFrame(lines).round(4),
        f"FGSM is one step, PGD many from a random place; last, the part that targeted PGD turns into {goal}.",
    )
    run.say(
        f"Softmax regression, one linear layer, errs on {1 - scores['softmax regression']['accuracy_fgsm']:.1%} of the "
        "pictures after FGSM. Goodfellow et al. 2015 report 99.9 % on MNIST at an epsilon of 0.25."
    )
    return scores, Attacks(pictures, known, fooled, of_some)


def softmax_regression(train: Part, plan: dict[str, Any], run: Run) -> nn.Module:
    """One linear layer, trained for about two rounds; in a blink, so it is not part of what is resumed."""
    import torch

    from maquette.models import SoftmaxClassifier

    height, width, channels = (plan[name] for name in ("height", "width", "channels"))
    run.seed_everything("softmax regression")
    model = SoftmaxClassifier(height=height, width=width, channels=channels, classes=len(plan["classes"]))
    optimizer, generator = classifiers.optimizer_of(model, 0.003), run.random("softmax regression")
    steps = min(1000, max(200, 2 * len(train) // 128))
    for step in range(steps):
        batch = train.some(generator.integers(len(train), size=128))
        optimizer.learning_rate = 0.003 * (1 - step / steps)
        optimizer.clear()
        torch.nn.functional.cross_entropy(model(classifiers.floats(batch.pictures)), batch.classes).backward()
        optimizer.step()
    return model.eval()


def fool(network: nn.Module, pixels: np.ndarray, plan: dict[str, Any], target: int | None, method: str) -> np.ndarray:
    """One picture (H, W, C) of any size, changed so that the network errs, or sees the class `target`.

    The attack goes through the cropping and shrinking that stand before the network, which are linear in the pixels.
    """
    import numpy as np
    import torch

    from maquette.methods.attacks import fgsm, pgd

    height, width, _ = pixels.shape
    shrink = Shrink(height, width, plan["height"], plan["channels"])
    at = torch.from_numpy(np.clip(pixels, 0, 1, dtype=np.float32).transpose(2, 0, 1)[None].copy())

    def ask(pictures: Tensor) -> Tensor:
        return network(shrink(pictures))

    with torch.no_grad():
        known = ask(at).argmax(1) if target is None else torch.tensor([target])
    is_targeted, epsilon = target is not None, plan["epsilon"]
    if method == "fgsm":
        found = fgsm(ask, at, known, epsilon, targeted=is_targeted)
    else:
        moves = {"steps": plan["steps"], "step_size": plan["step_size"]}
        found = pgd(ask, at, known, epsilon, **moves, targeted=is_targeted)
    return found[0].permute(1, 2, 0).contiguous().numpy()


class Shrink:
    """The middle square of pictures (N, C, H, W), resized to `size` as the training pictures were, differentiably."""

    def __init__(self, height: int, width: int, size: int, channels: int):
        import numpy as np
        import torch
        from PIL import Image

        self.side, self.channels = min(height, width), channels
        self.top, self.left = (height - self.side) // 2, (width - self.side) // 2
        unit = Image.fromarray(np.eye(self.side, dtype=np.float32))
        self.matrix = torch.from_numpy(np.array(unit.resize((self.side, size), Image.Resampling.LANCZOS)))

    def __call__(self, pictures: Tensor) -> Tensor:
        import torch

        if self.channels == 1 and pictures.shape[1] == 3:
            weights = torch.tensor([0.2126, 0.7152, 0.0722], dtype=pictures.dtype)
            pictures = (pictures * weights[:, None, None]).sum(1, keepdim=True)
        if self.channels == 3 and pictures.shape[1] == 1:
            pictures = pictures.expand(-1, 3, -1, -1)
        cut = pictures[..., self.top : self.top + self.side, self.left : self.left + self.side]
        return cut if len(self.matrix) == self.side else self.matrix @ cut @ self.matrix.T
