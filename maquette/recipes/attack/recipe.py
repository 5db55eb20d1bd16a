"""Pictures changed so little that one hardly sees it, and so that a classifier errs; and the defence against them.

A classifier is trained, or one that is already there is taken. One step along the sign of the gradient (FGSM) and many
(PGD) lead its pictures astray. A copy goes on learning from pictures attacked on the spot, and both are attacked again.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from maquette.checkpoints import describe
from maquette.families import classifiers
from maquette.families.classifiers import Part
from maquette.figures.training import losses
from maquette.methods.attacks import fgsm, pgd
from maquette.models.classifiers import AttackedClassifier, SoftmaxClassifier
from maquette.recipes.attack import report
from maquette.recipes.attack.data import (
    Attacks,
    Collected,
    Prepared,
    accuracy,
    collect_again,
    number_of,
    plan_of,
    reached,
)
from maquette.recipes.attack.settings import Settings
from maquette.runs import Run
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores
from maquette.training import Batches, Total, update, warm_cosine

SEEN, DEFENCE_SEEN = 170_000, 230_000  # pictures that training and defence look at, unless epochs are set
DEFENCE_STEPS = 2  # moves of the attack while the defence learns
MOST_ATTACKED = 1_000  # test pictures for the scores


def frame(settings: Settings) -> Framing:
    return Framing(
        question="How little must a picture change to be taken for something else, and can that be unlearnt?",
        inputs="a picture",
        outputs="the picture, changed so that the classifier errs",
        score="accuracy_pgd",
        higher_is_better=True,
        headline="PGD brings the accuracy down from {undefended|accuracy} to {undefended|accuracy_pgd}; after the "
        "defence, from {accuracy} to {accuracy_pgd}.",
    )


def collect(settings: Settings, run: Run) -> Collected:
    if settings.run is None:
        data, size, most = settings.data, settings.size, settings.most_pictures
        return Collected(classifiers.collect_pictures(data, size, most, settings.seed, run), settings, None)
    if settings.data is not None:
        raise UserError(f"--run {settings.run} brings its own data; leave --data {settings.data} away.")
    collected = collect_again(run.needed["run"], run)
    run.fact("Classifier", f"{type(collected.victim).__name__} of {settings.run}")
    return collected


def analyze(data: Collected, settings: Settings, run: Run) -> dict[str, Any]:
    return classifiers.analyze_pictures(data.images, run)


def process(data: Collected, settings: Settings, run: Run) -> Prepared:
    shares = {"valid_share": data.settings.valid_share, "test_share": data.settings.test_share}
    parts = classifiers.prepare_pictures(data.images, run, **shares, seed=data.settings.seed)
    number_of(settings.target, parts.processing["classes"])
    epsilon = settings.epsilon or (0.25 if parts.processing["channels"] == 1 else 8 / 255)
    step_size = settings.step_size or 2.5 * epsilon / settings.steps
    run.fact("Epsilon", epsilon, "of 0..1")
    run.fact("Steps of PGD", f"{settings.steps} of {step_size:.3g} each")
    if data.victim is None:
        name, arguments = classifiers.network_of(settings.network, parts.processing, width=settings.width)
    else:
        described = describe(data.victim)
        name, arguments = described["class"], described["arguments"]
    plan = {"epsilon": epsilon, "steps": settings.steps, "step_size": step_size}
    processing = {**parts.processing, **plan, "network": name, "arguments": arguments}
    return Prepared(parts.train, parts.valid, parts.test, processing, parts.examples, data.victim)


def build(prepared: Prepared, settings: Settings) -> AttackedClassifier:
    processing = prepared.processing
    model = AttackedClassifier(network=processing["network"], arguments=processing["arguments"])
    if prepared.victim is not None:
        model.victim.load_state_dict(prepared.victim.state_dict())
    return model


def train(model: AttackedClassifier, prepared: Prepared, settings: Settings, run: Run) -> Fitted:
    if prepared.victim is None:
        classifiers.train_classifier(
            model.victim,
            prepared.train,
            prepared.valid,
            run,
            epochs=settings.epochs or classifiers.epochs_for(len(prepared.train), SEEN),
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            shift=settings.shift,
            flip=False,
            seed=settings.seed,
        )
    else:
        run.keep(model=model.victim.to(run.device))
    defend(model, prepared, settings, run)
    return Fitted()


def defend(model: AttackedClassifier, prepared: Prepared, settings: Settings, run: Run) -> None:
    """Train `model.defended`, which begins as a copy of the victim, on pictures attacked on the spot.

    The outer minimum of Madry et al. 2018, equation (2.1), with the few steps and the random start of Wong et al. 2020.
    """
    epsilon, network, train = prepared.processing["epsilon"], model.defended, prepared.train
    network.load_state_dict(model.victim.state_dict())
    network.to(run.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
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
    seen = prepared.valid.some(slice(1000))
    inputs, answers = classifiers.floats(seen.pictures.to(run.device)), seen.classes.to(run.device)
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
        loss = nn.functional.cross_entropy(network(attack), known) * batches.weight
        update(optimizer, loss)
        total.add(loss, batches.size)
        if batches.position == 0 or step.is_last:
            network.eval()
            values = {
                "valid_accuracy": accuracy(network, inputs, answers),
                "valid_accuracy_fgsm": accuracy(network, fgsm(network, inputs, answers, epsilon), answers),
            }
            run.log(step, epoch=step.number / len(batches), defence_loss=total.mean(), **values)


def score(model: AttackedClassifier, prepared: Prepared, fitted: Fitted, settings: Settings, run: Run) -> Scores:
    """Accuracy of the defended classifier as it is and attacked; the undefended one is among the baselines."""
    model.to("cpu")
    if prepared.victim is None:
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
    classes = prepared.processing["classes"]
    scores, attacks = measure(model, prepared, number_of(settings.target, classes), run)
    with run.section("predict"):
        report.show(model, attacks, plan_of(prepared.processing), classes, run)
    return Scores(scores.pop("defended"), scores)


def measure(
    model: AttackedClassifier, prepared: Prepared, target: int | None, run: Run
) -> tuple[dict[str, dict[str, float]], Attacks]:
    """Accuracies of the defended and the undefended classifier and of softmax regression, as they are and attacked."""
    classes, plan, test = prepared.processing["classes"], plan_of(prepared.processing), prepared.test
    some = test.some(np.sort(run.random("attacked").permutation(len(test))[:MOST_ATTACKED]))
    pictures, known = classifiers.floats(some.pictures), some.classes
    wanted = (known + 1) % len(classes) if target is None else known.new_full((len(known),), target)
    networks = {"undefended": model.victim, "defended": model.defended}
    networks["softmax regression"] = softmax_regression(prepared.train, len(classes), run)
    scores: dict[str, dict[str, float]] = {}
    fooled: dict[str, Tensor] = {}
    lines = []
    for name, network in networks.items():
        scores[name] = {"accuracy": accuracy(network, test.pictures, test.classes)}
        for method in ("FGSM", "PGD", "targeted"):
            aim = wanted if method == "targeted" else known
            fooled[f"{name} {method}"] = reached(network, method, pictures, aim, plan)
        for method in ("FGSM", "PGD"):
            scores[name][f"accuracy_{method.lower()}"] = accuracy(network, fooled[f"{name} {method}"], known)
        led = classifiers.logits_of(network, fooled[f"{name} targeted"]).argmax(1) == wanted
        rate = float(led[wanted != known].float().mean()) if bool((wanted != known).any()) else 0.0
        lines.append({"classifier": name, **scores[name], "led to the target": rate})
    commonest = int(np.bincount(test.classes.numpy(), minlength=len(classes)).argmax())
    always, of_some = (float((part.classes == commonest).float().mean()) for part in (test, some))
    scores["majority"] = {"accuracy": always, "accuracy_fgsm": of_some, "accuracy_pgd": of_some}
    if len(test) > MOST_ATTACKED:
        run.say(f"`accuracy` is of all test pictures; attacked are {MOST_ATTACKED:,} of them, drawn at random.")
    goal = f"the class {classes[target]!r}" if target is not None else "the next class in the list"
    run.table(
        f"Before and after the defence, epsilon {plan.epsilon:.3g}",
        pd.DataFrame(lines).round(4),
        f"FGSM is one step, PGD many from a random place; last, the part that targeted PGD turns into {goal}.",
    )
    run.say(
        f"Softmax regression, one linear layer, errs on {1 - scores['softmax regression']['accuracy_fgsm']:.1%} of the "
        "pictures after FGSM. Goodfellow et al. 2015 report 99.9 % on MNIST at an epsilon of 0.25."
    )
    return scores, Attacks(pictures, known, fooled, of_some)


def softmax_regression(train: Part, classes: int, run: Run) -> SoftmaxClassifier:
    """One linear layer, trained for about two rounds; in a blink, so it is not part of what is resumed."""
    _, channels, height, width = train.pictures.shape
    run.seed_everything("softmax regression")
    model = SoftmaxClassifier(height=height, width=width, channels=channels, classes=classes)
    optimizer, generator = classifiers.optimizer_of(model, 0.003), run.random("softmax regression")
    steps = min(1000, max(200, 2 * len(train) // 128))
    for step in range(steps):
        batch = train.some(generator.integers(len(train), size=128))
        optimizer.learning_rate = 0.003 * (1 - step / steps)
        optimizer.clear()
        nn.functional.cross_entropy(model(classifiers.floats(batch.pictures)), batch.classes).backward()
        optimizer.step()
    return model.eval()
