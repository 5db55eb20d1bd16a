"""Steps that the recipes for tables take alike: reading, describing, splitting and encoding a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from maquette.settings import Settings, UserError, option
from maquette.steps import Prepared

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor

    from maquette.data.tables.reading import Table
    from maquette.runs import Run

Task = Literal["regression", "classification"]
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


COURSE: dict[str, Any] = {
    "network": "mlp",
    "scaling": "minmax",
    "ordinal": True,
    "epochs": 10,
    "learning_rate": 0.001,
    "keep_best": False,
}  # what the course prints, with a batch size of each recipe's own


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
    from maquette.data.sets.sources import resolve
    from maquette.data.tables.columns import check_target
    from maquette.data.tables.reading import read_table

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
    from maquette.data.tables.columns import coordinates, describe, warnings_of
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

    from maquette.data.rows import shared_rows
    from maquette.data.tables.encoding import TableEncoder

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
