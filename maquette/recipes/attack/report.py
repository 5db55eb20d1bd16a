"""Pictures of attacks for the report: accuracy over epsilon, triptychs, slopes, and a ladder of epsilons."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from maquette.families import classifiers
from maquette.figures.images import rows as figure_of_rows
from maquette.methods.attacks import slope
from maquette.models.classifiers import AttackedClassifier
from maquette.recipes.attack.data import Attacks, Plan, accuracy, reached
from maquette.recipes.attack.figures import robustness, triptychs
from maquette.runs import Run

MOST_CURVED = 300  # test pictures for accuracy over epsilon
REACHES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)  # of epsilon
SHOWN = 6  # triptychs


def show(model: AttackedClassifier, attacks: Attacks, plan: Plan, classes: Sequence[str], run: Run) -> None:
    networks: dict[str, nn.Module] = {"undefended": model.victim, "defended": model.defended}
    show_accuracy(networks, attacks, plan, run)
    right = classifiers.logits_of(model.victim, attacks.pictures).argmax(1) == attacks.classes
    order = one_of_each(attacks.classes.numpy(), right.numpy())
    for key, title in (
        ("undefended FGSM", "One step of FGSM against the undefended classifier"),
        ("undefended targeted", "Many small steps towards a chosen class"),
        ("defended PGD", "What it takes after the defence"),
    ):
        show_triptychs(networks[key.split()[0]], key, title, attacks, order[:SHOWN], plan, classes, run)
    show_slopes(networks, attacks, order[:8], run)
    falls, stands = (
        classifiers.logits_of(networks[name], attacks.fooled[f"{name} PGD"]).argmax(1) == attacks.classes
        for name in networks
    )
    telling = [row for row in order if stands[row] and not falls[row]]
    show_ladder(networks, attacks, (telling or order)[:1], plan, classes, run)


def show_accuracy(networks: dict[str, nn.Module], attacks: Attacks, plan: Plan, run: Run) -> None:
    pictures, known = attacks.pictures[:MOST_CURVED], attacks.classes[:MOST_CURVED]
    panels: dict[str, dict[str, list[float]]] = {name: {"FGSM": [], "PGD": []} for name in networks}
    for name, lines in panels.items():
        for method, values in lines.items():
            for share in REACHES:
                found = reached(networks[name], method, pictures, known, plan.scaled(share))
                values.append(accuracy(networks[name], found, known))
    run.picture(
        "robustness",
        robustness([share * plan.epsilon for share in REACHES], panels, plan.epsilon, attacks.chance),
        "Accuracy over the size of the attack",
        f"Of {len(known):,} test pictures.",
    )


def show_triptychs(
    network: nn.Module,
    key: str,
    title: str,
    attacks: Attacks,
    rows: list[int],
    plan: Plan,
    names: Sequence[str],
    run: Run,
) -> None:
    pictures, fooled = attacks.pictures[rows], attacks.fooled[key][rows]
    before, after = said_of(network, pictures, names), said_of(network, fooled, names)
    truth = [names[number] for number in attacks.classes[rows]]
    run.picture(
        key.replace(" ", "_").lower(),
        triptychs(
            as_arrays(pictures),
            as_arrays(fooled),
            [text for _, text in before],
            [text for _, text in after],
            [name != true for (name, _), true in zip(after, truth, strict=True)],
            1 / plan.epsilon,
        ),
        title,
        "What the classifier says of each, with the probability; orange: fooled.",
    )


def show_slopes(networks: dict[str, nn.Module], attacks: Attacks, rows: list[int], run: Run) -> None:
    pictures = attacks.pictures[rows]
    made = {"picture": as_arrays(pictures)}
    for name, network in networks.items():
        found = slope(network, pictures, attacks.classes[rows])
        largest = found.abs().flatten(1).amax(1)[:, None, None, None].clamp_min(1e-30)
        made[name] = [each.mean(-1) for each in as_arrays(found / largest)]
    run.picture(
        "slopes",
        figure_of_rows(made, signed=set(networks), most_height=1.0),
        "Where a change would hurt most",
        "The gradient of the loss by each pixel: where it is orange, more light would make the classifier less sure.",
    )


def show_ladder(
    networks: dict[str, nn.Module], attacks: Attacks, row: list[int], plan: Plan, names: Sequence[str], run: Run
) -> None:
    ladder: dict[str, list[np.ndarray]] = {name: [] for name in networks}
    answers: dict[str, list[str]] = {name: [] for name in networks}
    for name, network in networks.items():
        for share in REACHES:
            found = reached(network, "PGD", attacks.pictures[row], attacks.classes[row], plan.scaled(share))
            ladder[name] += as_arrays(found)
            answers[name].append(said_of(network, found, names)[0][1])
    run.picture(
        "ladder",
        figure_of_rows(
            ladder, [f"epsilon {share * plan.epsilon:.3g}" for share in REACHES], captions=answers, most_height=1.2
        ),
        "One picture under ever larger attacks",
        "PGD against each of the two, with its answer.",
    )


def one_of_each(classes: np.ndarray, right: np.ndarray) -> list[int]:
    """Rows that are right, one of each class in turn."""
    found: list[tuple[int, int, int]] = []
    for number in np.unique(classes):
        its = np.flatnonzero((classes == number) & right)
        found += [(turn, int(number), int(row)) for turn, row in enumerate(its[:8])]
    return [row for _, _, row in sorted(found)] or [0]


def said_of(network: nn.Module, pictures: Tensor, names: Sequence[str]) -> list[tuple[str, str]]:
    """The likeliest class of each picture, and the same with its probability."""
    probabilities = classifiers.probabilities_of(network, pictures)
    return [(names[row.argmax()], f"{names[row.argmax()]} ({row.max():.0%})") for row in probabilities]


def as_arrays(pictures: Tensor) -> list[np.ndarray]:
    return list(pictures.detach().permute(0, 2, 3, 1).numpy())
