"""A class predicted from the columns of a table, with the probability of each class.

An ensemble of small networks in one, or the course's plain network, learns to make the cross entropy small. It is
judged by its accuracy on the test rows, beside logistic regression, a random forest and gradient boosting.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from maquette.data.rows import split_rows
from maquette.data.tables.columns import labels_of
from maquette.data.tables.encoding import TableEncoder
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
from maquette.measures.classes import class_scores, resampled
from maquette.methods.losses import CrossEntropy
from maquette.recipes.classification import report
from maquette.recipes.classification.settings import Settings
from maquette.recipes.classification.uses import probabilities_of
from maquette.runs import Run
from maquette.steps import Fitted, Framing, Scores

SOURCE, TARGET = "iris", "species"


@dataclass(frozen=True, kw_only=True)
class Learnt(Fitted):
    """before: class probabilities (rows, C) of the first test rows with the weights that training began with."""

    before: np.ndarray


def frame(settings: Settings) -> Framing:
    target = settings.target or TARGET
    return Framing(
        question=f"Which {target} is a row, given its other columns?",
        inputs="the other columns of a table",
        outputs=f"{target}, with the probability of each class",
        score="accuracy",
        higher_is_better=True,
    )


def collect(settings: Settings, run: Run) -> Targeted:
    return tables.collect_table(
        settings.data,
        settings.target,
        run,
        default=(SOURCE, TARGET),
        task="classification",
        only_whole=settings.ordinal,
        missing=settings.missing,
        drop=settings.drop,
        only=settings.only,
    )


def analyze(data: Targeted, settings: Settings, run: Run) -> dict[str, Any]:
    counts = labels_of(*data).value_counts()
    run.table("Classes", counts.rename_axis("class").reset_index(name="rows").head(tables.MOST_SHOWN))
    return tables.analyze_table(data, run, "classification")


def process(data: Targeted, settings: Settings, run: Run) -> TablePrepared:
    labels = labels_of(*data)
    names = sorted(labels.unique(), key=natural_order)
    answers = pd.Categorical(labels, categories=names).codes.astype(np.int64)
    parts = split_rows(len(answers), settings.seed, settings.valid_share, settings.test_share, answers)
    prepared = tables.prepare_parts(
        data,
        answers,
        torch.from_numpy(answers),
        parts,
        run,
        scaling=settings.scaling,
        ordinal=settings.ordinal,
        missing=settings.missing,
    )
    prepared.processing.update(classes=[str(name) for name in names])
    return prepared


def natural_order(name: str) -> tuple[float, str]:
    """Numbers by size, then words by the alphabet."""
    try:
        number = float(name)
    except ValueError:
        number = math.nan
    return number if math.isfinite(number) else math.inf, name


def build(prepared: TablePrepared, settings: Settings) -> Network:
    return build_network(prepared, settings.network, len(prepared.processing["classes"]))


def train(model: Network, prepared: TablePrepared, settings: Settings, run: Run) -> Learnt:
    weights = None
    if settings.balance:
        counts = torch.bincount(prepared.train.target, minlength=len(prepared.processing["classes"]))
        weights = len(prepared.train.target) / (len(counts) * counts.clamp_min(1).float())
        run.say("Each class counts the same in the loss, however many rows it has.")
    before, _ = probabilities_of(model, prepared.test.numbers, prepared.test.categories)
    train_network(
        model,
        prepared,
        CrossEntropy(weights),
        run,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        patience=settings.patience,
        keep_best=settings.keep_best,
    )
    remember_validation(model, prepared, run)
    return Learnt(before=before[:5])


def score(model: Network, prepared: TablePrepared, fitted: Learnt, settings: Settings, run: Run) -> Scores:
    curves = {"loss": "training", "valid_loss": "validation"}
    with run.attempt("The picture of the losses"):
        run.picture("losses", losses(run.metrics(), curves, over="epoch"), "Cross entropy")
    test = prepared.test
    probabilities, logits = probabilities_of(model, test.numbers, test.categories)
    values = class_scores(test.answers, probabilities)
    for name, (low, high) in resampled(class_scores, test.answers, probabilities, run.random("resample")).items():
        values |= {f"{name}_low": low, f"{name}_high": high}
    run.say("The range under each score holds 95 % of the scores when the test rows are drawn again with replacement.")
    with run.section("predict"):
        with run.attempt("The pictures of the answers"):
            report.show_answers(prepared, probabilities, logits, fitted.before, run)
        with run.attempt("What each column is worth"):
            report.show_importance(model, prepared, run)
        if settings.scaling == "minmax" and run.source["name"] == SOURCE:
            report.show_deck(run)
    baselines = show_baselines(prepared, settings.seed, run, "classification", class_scores)
    if settings.scaling == "minmax":
        own = scaled_by_itself(prepared)
        baselines["as the course prints it"] = class_scores(
            test.answers, probabilities_of(model, own, test.categories)[0]
        )
        run.warn(
            "The course scales the test part by its own smallest and largest values; the row 'as the course prints it' "
            "shows what that gives. The right way, used here, takes those of the training part."
        )
    return Scores(values, baselines, {"log_loss": "nats"})


def scaled_by_itself(prepared: TablePrepared) -> Tensor:
    """The test part's numbers scaled to 0..1 by its own range: a mistake of the course, kept to be seen."""
    test, processing = prepared.test, prepared.processing
    own = TableEncoder.fit(test.frame, processing["columns"], "minmax", ordinal=True)
    names = TableEncoder.from_state(processing["encoder"]).number_names
    numbers, _ = own.transform(test.frame)
    found = [own.number_names.index(name) if name in own.number_names else None for name in names]
    columns = [torch.from_numpy(numbers[:, i]) if i is not None else torch.zeros(len(numbers)) for i in found]
    return torch.stack(columns, dim=1)
