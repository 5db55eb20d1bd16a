"""Networks on tables: built, trained and used alike by the recipes, beside classical models on the same rows."""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from maquette.data.tables.columns import Task
from maquette.data.tables.encoding import TableEncoder
from maquette.data.tables.matching import Matching, looked_at_twice
from maquette.families.tables import Part, TablePrepared
from maquette.methods.baselines import BOOSTING_CELLS, FOREST_CELLS, baselines, rows_for
from maquette.methods.importance import permutation_importance
from maquette.methods.losses import CrossEntropy, SquaredError
from maquette.methods.optimizers import AdamW, RMSprop, flat_parameter
from maquette.models.mlp import MLP
from maquette.models.tabular import TableNetwork, bins_for, choose_neighbour_columns
from maquette.runs import Run
from maquette.settings import UserError
from maquette.training import fit, warm_cosine

MOST_REMEMBERED = 65_536  # rows whose targets the network can look up

Network = MLP | TableNetwork


def build_network(prepared: TablePrepared, kind: Literal["ensemble", "mlp"], outputs: int) -> Network:
    """A plain network, or the ensemble with the neighbours' targets on the pair of columns that says most."""
    train = prepared.train
    if kind == "mlp":
        if train.categories.shape[1]:
            raise UserError("--network mlp takes numbers only; add --ordinal, or take --network ensemble.")
        return MLP(inputs=train.numbers.shape[1], outputs=outputs)
    rows = len(train.target)
    known = known_answers(train.target, outputs)
    return TableNetwork(
        numbers=train.numbers.shape[1],
        category_sizes=TableEncoder.from_state(prepared.processing["encoder"]).cardinalities,
        outputs=outputs,
        neighbour_columns=choose_neighbour_columns(train.numbers, known) if outputs <= 16 else [],
        memory=min(MOST_REMEMBERED, rows + len(prepared.valid.target)),
        bins=bins_for(rows),
    )


def known_answers(target: Tensor, outputs: int) -> Tensor:
    """Targets as the network remembers them: scaled numbers (N, 1) or one-hot classes (N, outputs)."""
    return target if target.is_floating_point() else nn.functional.one_hot(target, outputs).float()


def train_network(
    network: Network,
    prepared: TablePrepared,
    loss: SquaredError | CrossEntropy,
    run: Run,
    *,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float,
    patience: int | None,
    keep_best: bool,
) -> None:
    """In place, and left on the processor; epochs and rows a step by the number of rows where they are not given."""
    rows = len(prepared.train.target)
    batch_size = batch_size or int(min(1024, max(32, 2 ** round(math.log2(max(rows, 1) / 50)))))
    epochs = epochs or int(min(40, max(3, round(2800 / math.sqrt(rows)))))
    run.fact("Batch size", batch_size, "rows")
    run.fact("Epochs", run.planned(epochs))
    fit_network = partial(
        fit, loss=loss, run=run, epochs=epochs, batch_size=batch_size, patience=patience, keep_best=keep_best
    )
    if isinstance(network, MLP):
        train_course(network, prepared, learning_rate, fit_network, run)
    else:
        train_ensemble(network, prepared, learning_rate * math.sqrt(batch_size / 256), fit_network, run)
    network.to("cpu")


def train_course(network: MLP, prepared: TablePrepared, rate: float, fit_network: Callable[..., Any], run: Run) -> None:
    """As in the course: RMSprop with one learning rate."""
    run.fact("Learning rate", rate)
    run.fact("Optimizer", "RMSprop")
    train, valid = prepared.train, prepared.valid
    fit_network(
        network,
        train=((train.numbers,), train.target),
        valid=((valid.numbers,), valid.target),
        optimizer=lambda model: RMSprop([flat_parameter(model.parameters())], rate),
    )


def train_ensemble(
    network: TableNetwork, prepared: TablePrepared, rate: float, fit_network: Callable[..., Any], run: Run
) -> None:
    """AdamW over a warm cosine; the neighbours' targets come in as further numbers, where the network has them."""
    run.fact("Learning rate", rate)
    run.fact("Optimizer", "AdamW, weight decay 0.003, warm-up and cosine")
    train, valid = prepared.train, prepared.valid
    seen, unseen = [train.numbers, train.categories], [valid.numbers, valid.categories]
    if network.neighbours is not None:
        all_names = prepared.processing["encoder"]["number_names"]
        names = [all_names[column] for column in network.neighbours.columns[0]]
        run.say(f"The targets of the nearest rows by {' and '.join(names)} come in as further numbers.")
        places = network.neighbours.remember(train.numbers, known_answers(train.target, network.outputs))
        seen += [network.neighbours(train.numbers, places)]  # once: they do not change while training
        unseen += [network.neighbours(valid.numbers)]

    def optimizer(model: TableNetwork) -> AdamW:
        decayed = model.decayed()
        others = [weight for weight in model.parameters() if all(weight is not other for other in decayed)]
        flats = [flat_parameter(decayed), flat_parameter(others)]
        return AdamW(flats, rate, betas=(0.9, 0.99), weight_decay=(0.003, 0.0))

    fit_network(
        network,
        train=(tuple(seen), train.target),
        valid=(tuple(unseen), valid.target),
        optimizer=optimizer,
        schedule=warm_cosine,
        clip=1.0,
    )


def remember_validation(network: Network, prepared: TablePrepared, run: Run) -> None:
    """Let a trained network look up the validation rows' targets too: more neighbours, nothing trained anew."""
    if isinstance(network, TableNetwork) and network.neighbours is not None:
        parts = prepared.train, prepared.valid
        run.seed_everything("remember")
        known = torch.cat([known_answers(part.target, network.outputs) for part in parts])
        network.neighbours.remember(torch.cat([part.numbers for part in parts]), known, keep_scale=True)


class Encoded(NamedTuple):
    """Rows of a new table for the network, numbers (N, F) and categories (N, C); `gaps` (N,) by column are the values
    that are not known, of columns of which training knew all."""

    numbers: Tensor
    categories: Tensor
    gaps: dict[str, np.ndarray]


def matching_of(processing: dict[str, Any], frames: Iterable[pd.DataFrame]) -> Matching:
    """How the columns of a raw table are read, after a look at all of it."""
    levels = processing["encoder"]["levels"]
    return Matching.of(frames, processing["columns"], {**processing, "levels": levels})


def encode(processing: dict[str, Any], frame: pd.DataFrame, matching: Matching | None = None) -> Encoded:
    """A raw table, as strings or native values, for the network; it is a piece of the one that was looked at."""
    matching = matching or matching_of(processing, [frame])
    typed = matching.typed(frame)
    encoder = TableEncoder.from_state(processing["encoder"])
    numbers, categories = map(torch.from_numpy, encoder.transform(typed))
    gaps = {}
    for name, habit in processing.get("habits", {}).items():
        if habit["gaps"] is False:
            levels = encoder.levels.get(name)
            lacking = (typed[name].isna() if levels is None else ~typed[name].isin(levels)).to_numpy()
            if lacking.any():
                gaps[name] = lacking
    return Encoded(numbers, categories, gaps)


def encoded(
    processing: dict[str, Any], inputs: Iterable[pd.DataFrame], unreadable: float
) -> Iterator[tuple[pd.DataFrame, Encoded, list[str]]]:
    """A new table piece by piece, as it came and for the network, with notes on how it was read.

    Refused where more than the part `unreadable` of a column's values cannot be read.
    """
    inputs = looked_at_twice(inputs, processing["columns"])
    matching = matching_of(processing, inputs)
    matching.refuse(unreadable)
    for frame in inputs:
        yield frame, encode(processing, frame, matching), matching.notes


def guesses(processing: dict[str, Any], rows: Encoded) -> tuple[np.ndarray, list[tuple[Tensor, Tensor]]]:
    """Rows with gaps, and for each of some training rows the same rows, its values in the gaps."""
    places = TableEncoder.from_state(processing["encoder"]).places
    found = np.flatnonzero(np.logical_or.reduce([*rows.gaps.values(), np.zeros(len(rows.numbers), bool)]))
    tried = []
    for number in range(len(processing["guesses"]["numbers"]) if len(found) else 0):
        numbers, categories = rows.numbers[found].clone(), rows.categories[found].clone()
        for name, lacking in rows.gaps.items():
            where = torch.from_numpy(lacking[found])
            for values, part, which in zip((numbers, categories), ("numbers", "categories"), places[name], strict=True):
                for place in which:
                    values[where, place] = torch.as_tensor(processing["guesses"][part][number, place])
        tried.append((numbers, categories))
    return found, tried


@torch.no_grad()
def outputs_of(network: Network, numbers: Tensor, categories: Tensor, rows: int = 512) -> Tensor:
    """What the network says of each row: (N, members, outputs), a plain network being one member.

    In pieces of `rows` rows: larger ones no longer fit the processor's cache and take twice as long.
    """
    members = network.members if isinstance(network, TableNetwork) else 1
    pieces = [torch.zeros(0, members, network.outputs)]
    for start in range(0, len(numbers), rows):
        part = slice(start, start + rows)
        if isinstance(network, TableNetwork):
            pieces.append(network(numbers[part], categories[part]))
        else:
            pieces.append(network(numbers[part])[:, None])
    return torch.cat(pieces)


def show_baselines(
    prepared: TablePrepared,
    seed: int,
    run: Run,
    task: Task,
    scores: Callable[[np.ndarray, np.ndarray], dict[str, float]],
) -> dict[str, dict[str, float]]:
    """Scores of simple and classical models on the test part; they learn from training and validation part together."""
    train, valid, test = prepared.train, prepared.valid, prepared.test
    numbers = np.concatenate([train.numbers.numpy(), valid.numbers.numpy()])
    categories = np.concatenate([train.categories.numpy(), valid.categories.numpy()])
    answers = np.concatenate([train.answers, valid.answers])
    columns = numbers.shape[1] + categories.shape[1]
    for name, cells in (("The random forest", FOREST_CELLS), ("Gradient boosting", BOOSTING_CELLS)):
        if len(answers) > (most := rows_for(cells, columns)):
            run.say(f"{name} learns from {most:,} rows drawn at random: more would change it little and take minutes.")
    made = baselines(task, numbers, categories, answers, test.numbers.numpy(), test.categories.numpy(), seed)
    found = {}
    for name, answer in made:
        with run.attempt(f"The baseline {name}"):
            found[name] = scores(test.answers, answer())
    return found


def importance(
    processing: dict[str, Any],
    test: Part,
    loss: Callable[[Tensor, Tensor, np.ndarray], float],
    run: Run,
    rows: int = 1_000,
) -> tuple[dict[str, float], dict[str, float]]:
    """Loss added when one column's values are dealt anew: mean and deviation of the twenty columns that add most.

    loss(numbers, categories, answers): of some of the test rows.
    """
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
