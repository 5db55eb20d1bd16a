"""Networks on tables: built, trained and used alike by the recipes, beside classical models on the same rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from maquette.families.tables import Part, Task
from maquette.settings import UserError
from maquette.steps import Prepared

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor, nn

    from maquette.runs import Run

MOST_REMEMBERED = 65_536  # rows whose targets the network can look up


def build_network(prepared: Prepared, settings: Any, outputs: int) -> nn.Module:
    """A plain network, or the ensemble with the neighbours' targets on the pair of columns that says most."""
    from maquette import models
    from maquette.data.tables.encoding import TableEncoder
    from maquette.models.tabular import bins_for, choose_neighbour_columns

    train: Part = prepared.train
    if settings.network == "mlp":
        if train.categories.shape[1]:
            raise UserError("--network mlp takes numbers only; add --ordinal, or take --network ensemble.")
        return models.MLP(inputs=train.numbers.shape[1], outputs=outputs)
    rows = len(train.target)
    known = known_answers(train.target, outputs)
    return models.TableNetwork(
        numbers=train.numbers.shape[1],
        category_sizes=TableEncoder.from_state(prepared.processing["encoder"]).cardinalities,
        outputs=outputs,
        neighbour_columns=choose_neighbour_columns(train.numbers, known) if outputs <= 16 else [],
        memory=min(MOST_REMEMBERED, rows + len(prepared.valid.target)),
        bins=bins_for(rows),
    )


def known_answers(target: Tensor, outputs: int) -> Tensor:
    """Targets as the network remembers them: scaled numbers (N, 1) or one-hot classes (N, outputs)."""
    import torch

    return target if target.is_floating_point() else torch.nn.functional.one_hot(target, outputs).float()


def train_network(
    network: Any, prepared: Prepared, settings: Any, run: Run, weights: Tensor | None = None
) -> nn.Module:
    """The course's training for the plain network, AdamW over a warm cosine for the ensemble. `weights`: of classes."""
    from maquette.methods.losses import CrossEntropy, SquaredError
    from maquette.methods.optimizers import AdamW, RMSprop, flat_parameter
    from maquette.models import MLP
    from maquette.training import fit, warm_cosine

    train, valid = prepared.train, prepared.valid
    rows = len(train.target)
    batch_size = settings.batch_size or int(min(1024, max(32, 2 ** round(math.log2(max(rows, 1) / 50)))))
    epochs = settings.epochs or int(min(40, max(3, round(2800 / math.sqrt(rows)))))
    loss = SquaredError() if train.target.is_floating_point() else CrossEntropy(weights)
    plain = isinstance(network, MLP)
    rate = settings.learning_rate * (1 if plain else math.sqrt(batch_size / 256))
    run.fact("Batch size", batch_size, "rows")
    run.fact("Epochs", epochs)
    run.fact("Learning rate", rate)
    run.fact("Optimizer", "RMSprop" if plain else "AdamW, weight decay 0.003, warm-up and cosine")
    common: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "patience": settings.patience,
        "keep_best": settings.keep_best,
    }
    if plain:
        data = ((train.numbers,), train.target), ((valid.numbers,), valid.target)
        return fit(
            network,
            loss,
            *data,
            run,
            optimizer=lambda model: RMSprop([flat_parameter(model.parameters())], rate),
            **common,
        )

    def optimizer(model: Any) -> AdamW:
        decayed = model.decayed()
        others = [weight for weight in model.parameters() if all(weight is not other for other in decayed)]
        flats = [flat_parameter(decayed), flat_parameter(others)]
        return AdamW(flats, rate, betas=(0.9, 0.99), weight_decay=(0.003, 0.0))

    seen, unseen = [train.numbers, train.categories], [valid.numbers, valid.categories]
    if network.neighbours is not None:
        all_names = prepared.processing["encoder"]["number_names"]
        names = [all_names[column] for column in network.neighbours.columns[0]]
        run.say(f"The targets of the nearest rows by {' and '.join(names)} come in as further numbers.")
        places = network.neighbours.remember(train.numbers, known_answers(train.target, network.outputs))
        seen += [network.neighbours(train.numbers, places)]  # once: they do not change while training
        unseen += [network.neighbours(valid.numbers)]
    parts = (tuple(seen), train.target), (tuple(unseen), valid.target)
    return fit(network, loss, *parts, run, optimizer=optimizer, schedule=warm_cosine, clip=1.0, **common)


def remember_validation(network: Any, prepared: Prepared, run: Run) -> None:
    """Let a trained network look up the validation rows' targets too: more neighbours, nothing trained anew."""
    import torch

    if getattr(network, "neighbours", None) is not None:
        parts = prepared.train, prepared.valid
        run.seed_everything("remember")
        known = torch.cat([known_answers(part.target, network.outputs) for part in parts])
        network.neighbours.remember(torch.cat([part.numbers for part in parts]), known, keep_scale=True)


def encode(processing: dict[str, Any], frame: pd.DataFrame) -> tuple[Tensor, Tensor]:
    """Numbers and categories of a raw table, as strings or native values, for the network."""
    import torch

    from maquette.data.tables.columns import check_columns
    from maquette.data.tables.encoding import TableEncoder
    from maquette.data.tables.kinds import convert

    columns = processing["columns"]
    check_columns(list(frame), columns)
    typed = convert(frame[list(columns)], columns, processing["formats"])
    numbers, categories = TableEncoder.from_state(processing["encoder"]).transform(typed)
    return torch.from_numpy(numbers), torch.from_numpy(categories)


def outputs_of(network: Any, numbers: Tensor, categories: Tensor, rows: int = 512) -> Tensor:
    """What the network says of each row: (N, members, outputs), a plain network being one member.

    In pieces of `rows` rows: larger ones no longer fit the processor's cache and take twice as long.
    """
    import torch

    from maquette.models import MLP

    plain = isinstance(network, MLP)
    pieces = [torch.zeros(0, 1 if plain else network.members, network.outputs)]
    with torch.no_grad():
        for start in range(0, len(numbers), rows):
            part = slice(start, start + rows)
            pieces.append(network(numbers[part])[:, None] if plain else network(numbers[part], categories[part]))
    return torch.cat(pieces)


def show_baselines(prepared: Prepared, settings: Any, run: Run, task: Task, scores: Any) -> dict[str, dict[str, float]]:
    """Scores of simple and classical models on the test part; they learn from training and validation part together."""
    import numpy as np

    from maquette.methods.baselines import BOOSTING_CELLS, FOREST_CELLS, baselines, rows_for

    train, valid, test = prepared.train, prepared.valid, prepared.test
    numbers = np.concatenate([train.numbers.numpy(), valid.numbers.numpy()])
    categories = np.concatenate([train.categories.numpy(), valid.categories.numpy()])
    answers = np.concatenate([train.answers, valid.answers])
    columns = numbers.shape[1] + categories.shape[1]
    for name, cells in (("The random forest", FOREST_CELLS), ("Gradient boosting", BOOSTING_CELLS)):
        if len(answers) > (most := rows_for(cells, columns)):
            run.say(f"{name} learns from {most:,} rows drawn at random: more would change it little and take minutes.")
    made = baselines(task, numbers, categories, answers, test.numbers.numpy(), test.categories.numpy(), settings.seed)
    return {name: scores(test.answers, answer) for name, answer in made}


def importance(
    processing: dict[str, Any], test: Part, loss: Any, run: Run, rows: int = 1_000
) -> tuple[dict[str, float], dict[str, float]]:
    """Loss added when one column's values are dealt anew: mean and deviation of the twenty columns that add most."""
    import torch

    from maquette.data.tables.encoding import TableEncoder
    from maquette.methods.importance import permutation_importance

    generator = run.random("importance")
    chosen = generator.permutation(len(test.answers))[:rows]
    answers = test.answers[chosen]

    def loss_of(numbers: np.ndarray, categories: np.ndarray) -> float:
        return loss(torch.from_numpy(numbers), torch.from_numpy(categories), answers)

    places = dict(list(TableEncoder.from_state(processing["encoder"]).places.items())[:100])
    numbers, categories = test.numbers.numpy()[chosen], test.categories.numpy()[chosen]
    added = permutation_importance(numbers, categories, places, loss_of, generator)
    shown = sorted(added, key=lambda name: -float(added[name].mean()))[:20]
    return {n: float(added[n].mean()) for n in shown}, {n: float(added[n].std()) for n in shown}
