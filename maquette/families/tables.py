"""Steps that the recipes for tables take alike: reading, describing, splitting and encoding a table."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from maquette.data.rows import evenly, shared_rows
from maquette.data.sets.fetching import resolve
from maquette.data.tables.choosing import names_in
from maquette.data.tables.columns import (
    Task,
    alike_labels,
    check_target,
    coordinates,
    describe,
    labels_of,
    leaks_of,
    warnings_of,
)
from maquette.data.tables.encoding import Scaling, TableEncoder
from maquette.data.tables.missing import missing_words
from maquette.data.tables.reading import Table, read_table
from maquette.data.words import listed, of_many
from maquette.figures import tables as figures
from maquette.runs import Run
from maquette.settings import UserError

MOST_GUESSES = 16  # training rows from which values are tried where a new row has none
MOST_SHOWN = 40  # rows of a table in the report
SCALINGS = {
    "quantile": "by their ranks in the training part, to a normal distribution",
    "standard": "less their mean, over their standard deviation",
    "minmax": "to 0..1 by their smallest and largest value",
}


class Targeted(NamedTuple):
    """A table, and the column of it that is to be predicted."""

    table: Table
    target: str


@dataclass(frozen=True)
class Part:
    """Rows of one part of the table: as read, and as tensors; `target` as the loss takes it."""

    frame: pd.DataFrame
    numbers: Tensor
    categories: Tensor
    target: Tensor
    answers: np.ndarray = field(repr=False)  # what is to be predicted, in its own unit or as class numbers


@dataclass(frozen=True)
class TablePrepared:
    """The three parts of a table, encoded; `processing` holds the target, the columns and the encoder."""

    train: Part
    valid: Part
    test: Part
    processing: dict[str, Any]
    examples: pd.DataFrame


def collect_table(
    data: str | None,
    target: str | None,
    run: Run,
    *,
    default: tuple[str, str],
    task: Task,
    only_whole: bool,
    missing: str | None = None,
    drop: str | None = None,
    only: str | None = None,
) -> Targeted:
    """The table without the rows that lack the target, or with `only_whole` any input.

    default: data set and target where none are given. missing: words for it, by commas; the usual ones where not given.
    drop, only: names of columns, by commas, that are left out, or that alone are kept beside the target.
    """
    found = resolve(data, default[0])
    target = target or (default[1] if found.name == default[0] else None)
    dropped, kept = names_in(drop), names_in(only)
    wanted = [*([target] if target else []), *dropped, *kept]
    table = read_table(
        found.path, wanted, target, task == "classification", missing_words(missing), drop=dropped, only=kept
    )
    check_target(table, target, task)
    assert target is not None
    lacking = int(table.frame[target].isna().sum())
    run.record_source(found, rows=len(table.frame), columns=len(table.frame.columns), notes=table.notes)
    if table.dropped:
        run.say(f"Left out, as asked: {listed(list(map(repr, table.dropped)))}.")
    for told in table.told:
        run.tell(told)
    for note in alike_labels(labels_of(table, target)) if task == "classification" else ():
        run.tell(note)
    if lacking:
        run.warn(f"{of_many(lacking, 'row was', 'rows were')} left out, without a {target}.")
        table.frame = table.frame[table.frame[target].notna()].reset_index(drop=True)
    if only_whole:
        inputs = [name for name, kind in table.kinds.items() if kind != "text"]
        whole = table.frame[inputs].notna().all(axis=1)
        if not whole.all():
            were = of_many(int((~whole).sum()), "row", "rows")
            run.say(f"{were} with missing values dropped, as in the course.")
            table.frame = table.frame[whole].reset_index(drop=True)
    if len(table.frame) < 5:
        rows = of_many(len(table.frame), "usable row", "usable rows")
        raise UserError(f"{found.path} has {rows}; training, validation and test need at least 5.")
    return Targeted(table, target)


def analyze_table(data: Targeted, run: Run, task: Task) -> dict[str, Any]:
    """The course's analysis: description, missing values, distributions, pairs, correlations and, if any, the map."""
    table, target = data
    frame, kinds = table.frame, table.kinds
    for leak in leaks_of(table, target, task):
        run.tell(leak)
    for warning in warnings_of(table, target, task):
        run.warn(warning)
    description = describe(table, target).rename_axis("column").reset_index()
    more = f"The first {MOST_SHOWN} of {len(description)} columns." if len(description) > MOST_SHOWN else ""
    run.table("Columns", description.head(MOST_SHOWN), more)
    missing = {str(name): int(count) for name, count in frame.isna().sum().items()}
    if any(missing.values()):
        with run.attempt("The picture of missing values"):
            run.picture("missing", figures.missing_counts(missing, len(frame)), "Missing values")
    order = [target, *(name for name in kinds if name != target and kinds[name] != "text")]
    sample = frame.iloc[run.random("sample").permutation(len(frame))[:100_000]]
    shown = {name: kinds[name] for name in order}
    with run.attempt("The picture of the distributions"):
        run.picture("distributions", figures.distributions(sample[order], shown), "How each column is distributed")
    numbers = [name for name in order if kinds[name] in ("number", "boolean")][:200]
    if task == "regression" and len(numbers) > 1:
        with run.attempt("The picture of the correlations"):
            correlation = sample[numbers].corr(method="pearson")
            strength = correlation[target].drop(target).abs().sort_values(ascending=False, kind="stable")
            numbers = [target, *strength.index]
            shown_numbers = correlation.loc[numbers[:24], numbers[:24]]
            run.picture("correlations", figures.correlations(shown_numbers), "Correlations")
    few = sample.head(1_000)
    pairs, colour = (numbers[:5], None) if task == "regression" else ([n for n in numbers if n != target][:5], target)
    if len(pairs) > 1:
        with run.attempt("The picture of pairs of columns"):
            run.picture(
                "pairs",
                figures.pair_plot(few, pairs, colour),
                "Pairs of columns",
                f"{len(few):,} rows drawn at random." if len(few) < len(frame) else "",
            )
    place = coordinates(table)
    if place and task == "regression":
        with run.attempt("The map"):
            drawn = figures.map_of(sample[place[0]], sample[place[1]], sample[target], target)
            run.picture("map", drawn, f"{target} on the map")
    return {"rows": len(frame), "columns": len(kinds), "missing": missing}


def prepare_parts(
    data: Targeted,
    answers: np.ndarray,
    targets: Tensor,
    parts: tuple[np.ndarray, np.ndarray, np.ndarray],
    run: Run,
    *,
    scaling: Scaling,
    ordinal: bool,
    missing: str | None = None,
) -> TablePrepared:
    """The encoder fitted on the training part, and all parts encoded.

    answers, targets: a row for each row of the table. parts: the row numbers of training, validation and test.
    """
    table, target = data
    frame = table.frame
    kinds = {name: kind for name, kind in table.kinds.items() if name != target}
    encoder = TableEncoder.fit(frame.iloc[parts[0]], kinds, scaling, ordinal=ordinal)
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
        f"Split by the seed; everything is fitted on the training part only. Numbers are scaled: {SCALINGS[scaling]}."
    )
    for note in encoder.notes:
        run.say(note)
    twins = shared_rows(frame[list(kinds)], parts[0], parts[2])
    if twins:
        stand = of_many(twins, "row of the test part stands", "rows of the test part stand")
        run.warn(f"{stand} in the training part as well: its scores may flatter.")
    columns = encoder.columns
    train, valid, test = made
    few = evenly(len(train.answers), MOST_GUESSES)
    processing = {
        "target": target,
        "columns": columns,
        "formats": {name: form for name, form in table.formats.items() if name in columns},
        "encoder": encoder.state(),
        "habits": {
            name: table.habits.get(name, {}) | range_of(train.frame[name], encoder.levels.get(name)) for name in columns
        },
        "missing": missing_words(missing),
        "names": [*map(str, frame), *table.dropped],
        "guesses": {"numbers": train.numbers[few].numpy(), "categories": train.categories[few].numpy()},
    }
    order = [target, *(name for name in table.frame if name != target)]
    return TablePrepared(train, valid, test, processing, test.frame[order].iloc[evenly(len(test.answers), 5)])


def range_of(column: pd.Series, levels: list[str] | None) -> dict[str, Any]:
    """Of a column of the training part: where its values lie (dates in microseconds), whether any were not known.

    levels: the words that are told apart in it, if it is a column of words.
    """
    if levels is not None:
        return {"gaps": not column.isin(levels).all()}
    there = column.dropna()
    if not len(there):
        return {"gaps": True}
    low, high = there.min(), there.max()
    if isinstance(low, pd.Timestamp):
        low, high = low.value / 1000, high.value / 1000
    return {"gaps": len(there) < len(column), "low": float(low), "high": float(high)}
