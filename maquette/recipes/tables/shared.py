"""Steps that the recipes for tables take alike: reading, describing and encoding a table, training, baselines."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from maquette.settings import Settings, UserError, option
from maquette.steps import Prepared

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor, nn

    from maquette.data.tables import Table
    from maquette.runs import Run

Task = Literal["regression", "classification"]
MOST_REMEMBERED = 65_536  # rows whose targets the network can look up
MOST_SHOWN = 40  # rows of a table in the report


class TableSettings(Settings):
    """What regression and classification have in common."""

    target: str | None = option(None, "column to predict")
    network: Literal["ensemble", "mlp"] = option("ensemble", "16 small networks in one, or one plain network")
    scaling: Literal["quantile", "standard", "minmax"] = option("quantile", "how columns of numbers are scaled")
    epochs: int | None = option(None, "times the training rows are seen; by the number of rows if not set", ge=1)
    batch_size: int | None = option(None, "rows a step; by the number of rows if not set", "rows", ge=1)
    learning_rate: float = option(0.006, "size of the steps; the ensemble's is for batches of 256 rows", gt=0)
    patience: int | None = option(None, "stop when so many epochs brought nothing better on the validation part", ge=1)
    keep_best: bool = option(True, "keep the weights that did best on the validation part, not the last ones")
    valid_share: float = option(0.16, "part of the rows for validation", gt=0, lt=0.5)
    test_share: float = option(0.2, "part of the rows kept for the scores", gt=0, lt=0.5)
    ordinal: bool = option(
        False, "categories as one number each, and rows with missing values dropped, as in the course"
    )


@dataclass(frozen=True)
class Part:
    """Rows of one part of the table: as read, and as tensors; `target` as the loss takes it."""

    frame: pd.DataFrame
    numbers: Tensor
    categories: Tensor
    target: Tensor
    answers: np.ndarray = field(repr=False)  # what is to be predicted, in its own unit or as class numbers


def collect_table(settings: Any, run: Run, default: str, default_target: str, task: Task) -> tuple[Table, str]:
    """The table, rows without a target left out, and the name of the target."""
    from maquette.data.columns import check_target
    from maquette.data.sources import resolve
    from maquette.data.tables import read_table

    found = resolve(settings.data, default)
    table = read_table(found.path)
    target = settings.target or (default_target if found.name == default else None)
    check_target(table, target, task)
    assert target is not None
    missing = int(table.frame[target].isna().sum())
    run.record_source(found, rows=len(table.frame), columns=len(table.frame.columns), notes=table.notes)
    if missing:
        run.warn(f"{missing:,} rows without a {target} were left out.")
        table.frame = table.frame[table.frame[target].notna()].reset_index(drop=True)
    if settings.ordinal:
        inputs = [name for name, kind in table.kinds.items() if kind != "text"]
        whole = table.frame[inputs].notna().all(axis=1)
        if not whole.all():
            run.say(f"{int((~whole).sum()):,} rows with missing values were dropped, as in the course.")
            table.frame = table.frame[whole].reset_index(drop=True)
    if len(table.frame) < 5:
        raise UserError(
            f"{found.path} has {len(table.frame)} usable rows; training, validation and test need at least 5."
        )
    return table, target


def analyze_table(table: Table, target: str, run: Run, task: Task) -> dict[str, Any]:
    """The course's analysis: description, missing values, distributions, pairs, correlations and, if any, the map."""
    from maquette.data.columns import coordinates, describe, warnings_of
    from maquette.figures import tables as figures

    frame, kinds = table.frame, table.kinds
    for warning in warnings_of(table, target, task):
        run.warn(warning)
    description = describe(table, target).rename_axis("column").reset_index()
    more = f"The first {MOST_SHOWN} of {len(description)} columns." if len(description) > MOST_SHOWN else ""
    run.table("Columns", description.head(MOST_SHOWN), more)
    missing = {str(name): int(count) for name, count in frame.isna().sum().items()}
    if any(missing.values()):
        run.picture("missing", figures.missing_counts(missing, len(frame)), "Missing values")
    order = [target, *(name for name in kinds if name != target and kinds[name] != "text")]
    sample = frame.iloc[run.random("sample").permutation(len(frame))[:100_000]]
    shown = {name: kinds[name] for name in order}
    run.picture("distributions", figures.distributions(sample[order], shown), "How each column is distributed")
    numbers = [name for name in order if kinds[name] in ("number", "boolean")][:200]
    if task == "regression" and len(numbers) > 1:
        correlation = sample[numbers].corr(method="pearson")
        strength = correlation[target].drop(target).abs().sort_values(ascending=False, kind="stable")
        numbers = [target, *strength.index]
        run.picture("correlations", figures.correlations(correlation.loc[numbers[:24], numbers[:24]]), "Correlations")
    few = sample.head(1_000)
    pairs, colour = (numbers[:5], None) if task == "regression" else ([n for n in numbers if n != target][:5], target)
    if len(pairs) > 1:
        run.picture(
            "pairs",
            figures.pair_plot(few, pairs, colour),
            "Pairs of columns",
            f"{len(few):,} rows drawn at random." if len(few) < len(frame) else "",
        )
    place = coordinates(table)
    if place and task == "regression":
        run.picture(
            "map", figures.map_of(sample[place[0]], sample[place[1]], sample[target], target), f"{target} on the map"
        )
    return {"rows": len(frame), "columns": len(kinds), "missing": missing}


def prepare_parts(
    table: Table, target: str, answers: np.ndarray, targets: Tensor, settings: Any, run: Run, strata: np.ndarray | None
) -> Prepared:
    """Split, fit the encoder on the training part, and encode; `targets` has a row for each row of the table."""
    import numpy as np
    import torch

    from maquette.data.encoding import TableEncoder
    from maquette.data.rows import shared_rows

    frame = table.frame
    parts = split(len(frame), settings, strata)
    kinds = {name: kind for name, kind in table.kinds.items() if name != target}
    encoder = TableEncoder.fit(frame.iloc[parts[0]], kinds, settings.scaling, ordinal=settings.ordinal)
    if not encoder.number_names and not encoder.category_names:
        raise UserError(f"No column besides {target} tells anything: all are constant, empty or ids.")
    made = []
    for rows in parts:
        numbers, categories = map(torch.from_numpy, encoder.transform(frame.iloc[rows]))
        made.append(Part(frame.iloc[rows], numbers, categories, targets[rows], answers[rows]))
    for name, part in zip(("Training", "Validation", "Test"), made, strict=True):
        run.fact(f"{name} rows", len(part.answers))
    run.fact("Inputs", len(encoder.number_names) + len(encoder.category_names))
    run.say(
        "Split by the seed; everything is fitted on the training part only. "
        f"Numbers are scaled: {SCALINGS[settings.scaling]}."
    )
    for note in encoder.notes:
        run.say(note)
    twins = shared_rows(frame[list(kinds)], parts[0], parts[2])
    if twins:
        run.warn(f"{twins:,} rows of the test part stand in the training part as well: its scores may flatter.")
    columns = encoder.columns
    processing = {
        "target": target,
        "columns": columns,
        "formats": {name: form for name, form in table.formats.items() if name in columns},
        "encoder": encoder.state(),
    }
    train, valid, test = made
    order = [target, *(name for name in table.frame if name != target)]
    some = np.unique(np.linspace(0, len(test.answers) - 1, 5).astype(int))
    return Prepared(train, valid, test, processing, test.frame[order].iloc[some])


SCALINGS = {
    "quantile": "by their ranks in the training part, to a normal distribution",
    "standard": "less their mean, over their standard deviation",
    "minmax": "to 0..1 by their smallest and largest value",
}


def split(rows: int, settings: Any, strata: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from maquette.data.rows import split_rows

    return split_rows(rows, settings.seed, settings.valid_share, settings.test_share, strata)


def build_network(prepared: Prepared, settings: Any, outputs: int) -> nn.Module:
    """A plain network, or the ensemble with the neighbours' targets on the pair of columns that says most."""
    from maquette import models
    from maquette.data.encoding import TableEncoder
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
        names = [prepared_names(prepared)[column] for column in network.neighbours.columns[0]]
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


def prepared_names(prepared: Prepared) -> list[str]:
    return list(prepared.processing["encoder"]["number_names"])


def encode(processing: dict[str, Any], frame: pd.DataFrame) -> tuple[Tensor, Tensor]:
    """Numbers and categories of a raw table, as strings or native values, for the network."""
    import torch

    from maquette.data.columns import check_columns
    from maquette.data.encoding import TableEncoder
    from maquette.data.kinds import convert

    columns = processing["columns"]
    check_columns(list(frame), columns)
    typed = convert(frame[list(columns)], columns, processing["formats"])
    numbers, categories = TableEncoder.from_state(processing["encoder"]).transform(typed)
    return torch.from_numpy(numbers), torch.from_numpy(categories)


def outputs_of(network: Any, numbers: Tensor, categories: Tensor, rows: int = 4096) -> Tensor:
    """What the network says of each row: (N, members, outputs), a plain network being one member."""
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

    from maquette.data.encoding import TableEncoder
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
