"""A number predicted from the columns of a table, with an interval that holds what it promises.

An ensemble of small networks in one, or the course's plain network, learns the scaled target. How far the interval
reaches is taken from the validation rows (conformal prediction). It is judged by its error on the test rows, beside a
linear model, a random forest and gradient boosting.
"""

from typing import Any

import numpy as np
import torch

from maquette.data.rows import split_rows
from maquette.families import tables
from maquette.families.table_networks import (
    Network,
    build_network,
    remember_validation,
    show_baselines,
    train_network,
)
from maquette.families.tables import TablePrepared, Targeted
from maquette.figures.training import losses
from maquette.measures.numbers import conformal_radius, covered, number_scores
from maquette.methods.losses import SquaredError
from maquette.recipes.regression import report
from maquette.recipes.regression.settings import Settings
from maquette.recipes.regression.uses import answer
from maquette.runs import Run
from maquette.settings import UserError
from maquette.steps import Fitted, Framing, Scores

SOURCE, TARGET, UNIT = "california_housing", "median_house_value", "USD"


def frame(settings: Settings) -> Framing:
    target = settings.target or TARGET
    return Framing(
        question=f"What is the {target} of a row, given its other columns?",
        inputs="the other columns of a table",
        outputs=f"{target}, with an interval around it",
        score="rmse",
    )


def collect(settings: Settings, run: Run) -> Targeted:
    return tables.collect_table(
        settings.data,
        settings.target,
        run,
        default=(SOURCE, TARGET),
        task="regression",
        only_whole=settings.ordinal,
        missing=settings.missing,
        drop=settings.drop,
        only=settings.only,
    )


def analyze(data: Targeted, settings: Settings, run: Run) -> dict[str, Any]:
    if settings.network == "mlp" and run.source["name"] == SOURCE and not run.source["stand_in"]:
        run.say(
            "The course prints an input of nine columns. Its own file has eight; nine are those of the 20,640-row "
            "table used here, with ocean_proximity made a number: 9, 32, 32, 1 nodes and 1,409 weights."
        )
    return tables.analyze_table(data, run, "regression")


def process(data: Targeted, settings: Settings, run: Run) -> TablePrepared:
    answers = data.table.frame[data.target].to_numpy(dtype=np.float64, copy=True)
    parts = split_rows(len(answers), settings.seed, settings.valid_share, settings.test_share)
    train = answers[parts[0]]
    shift, scale = (train.min(), np.ptp(train)) if settings.scaling == "minmax" else (train.mean(), train.std())
    if not scale > 0:
        raise UserError(f"{data.target} has the same value in every training row; there is nothing to learn.")
    targets = torch.from_numpy(((answers - shift) / scale).astype(np.float32))[:, None]
    prepared = tables.prepare_parts(
        data,
        answers,
        targets,
        parts,
        run,
        scaling=settings.scaling,
        ordinal=settings.ordinal,
        missing=settings.missing,
    )
    prepared.processing.update(shift=float(shift), scale=float(scale), coverage=settings.coverage)
    run.fact("Target scaled by", f"(value - {shift:,.6g}) / {scale:,.6g}")
    return prepared


def build(prepared: TablePrepared, settings: Settings) -> Network:
    return build_network(prepared, settings.network, 1)


def train(model: Network, prepared: TablePrepared, settings: Settings, run: Run) -> Fitted:
    train_network(
        model,
        prepared,
        SquaredError(),
        run,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        patience=settings.patience,
        keep_best=settings.keep_best,
    )
    valid = prepared.valid
    value, spread = answer(model, prepared.processing, valid.numbers, valid.categories)
    radius = conformal_radius(valid.answers - value, spread, settings.coverage)
    remember_validation(model, prepared, run)  # only now: a row that is looked up says nothing of rows that are not
    return Fitted({"radius": radius})


def score(model: Network, prepared: TablePrepared, fitted: Fitted, settings: Settings, run: Run) -> Scores:
    curves = {"loss": "training", "valid_loss": "validation"}
    with run.attempt("The picture of the losses"):
        run.picture("losses", losses(run.metrics(), curves, over="epoch"), "Mean squared error of the scaled target")
    processing, test = prepared.processing, prepared.test
    value, spread = answer(model, processing, test.numbers, test.categories)
    low, high = value - processing["radius"] * spread, value + processing["radius"] * spread
    values = number_scores(test.answers, value)
    values |= {"coverage": covered(test.answers, low, high), "interval_width": float((high - low).mean())}
    run.say(
        f"Intervals reach as far as was needed for {settings.coverage:.0%} of the validation rows (conformal "
        f"prediction); they hold {values['coverage']:.1%} of the test rows."
    )
    unit = settings.unit or (UNIT if run.source["name"] == SOURCE else "")
    with run.section("predict"):
        with run.attempt("The pictures of the answers"):
            report.show_answers(test, value, low, high, unit, run)
        with run.attempt("What each column is worth"):
            report.show_importance(model, processing, test, value, unit, run)
    units = {"mae": unit, "rmse": unit, "interval_width": unit, "mse": f"{unit}²" if unit else ""}
    return Scores(values, show_baselines(prepared, settings.seed, run, "regression", number_scores), units)
