"""A number predicted from the columns of a table, with an interval that holds what it promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maquette.families import table_networks as networks
from maquette.families import tables as shared
from maquette.settings import UserError, option
from maquette.steps import Framing, Prepared, Scores

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from maquette.data.tables.reading import Table
    from maquette.runs import Run

SOURCE, TARGET, UNIT = "california_housing", "median_house_value", "USD"


class Settings(shared.TableSettings):
    unit: str = option("", "unit of the target, shown beside numbers")
    coverage: float = option(0.9, "part of the truth that the intervals are to hold", gt=0, lt=1)


PRESETS: dict[str, dict[str, Any]] = {
    "small": shared.COURSE | {"epochs": 2, "batch_size": 256, "scaling": "quantile", "keep_best": True},
    "course": shared.COURSE | {"batch_size": 32},
    "full": {"epochs": 100, "patience": 20},
}


def frame(settings: Settings) -> Framing:
    target = settings.target or TARGET
    return Framing(
        question=f"What is the {target} of a row, given its other columns?",
        inputs="the other columns of a table",
        outputs=f"{target}, with an interval around it",
        score="rmse",
    )


def collect(settings: Settings, run: Run) -> tuple[Table, str]:
    return shared.collect_table(settings, run, SOURCE, TARGET, "regression")


def analyze(data: tuple[Table, str], settings: Settings, run: Run) -> dict[str, Any]:
    if settings.network == "mlp" and run.source["name"] == SOURCE and not run.source["stand_in"]:
        run.say(
            "The course prints an input of nine columns. Its own file has eight; nine are those of the 20,640-row "
            "table used here, with ocean_proximity made a number: 9, 32, 32, 1 nodes and 1,409 weights."
        )
    return shared.analyze_table(*data, run, "regression")


def process(data: tuple[Table, str], settings: Settings, run: Run) -> Prepared:
    import numpy as np
    import torch

    table, target = data
    answers = table.frame[target].to_numpy(dtype=np.float64, copy=True)
    train = answers[shared.split(len(answers), settings, None)[0]]
    shift, scale = (train.min(), np.ptp(train)) if settings.scaling == "minmax" else (train.mean(), train.std())
    if not scale > 0:
        raise UserError(f"{target} has the same value in every training row; there is nothing to learn.")
    targets = torch.from_numpy(((answers - shift) / scale).astype(np.float32))[:, None]
    prepared = shared.prepare_parts(table, target, answers, targets, settings, run, None)
    prepared.processing.update(shift=float(shift), scale=float(scale), coverage=settings.coverage)
    run.fact("Target scaled by", f"(value - {shift:,.6g}) / {scale:,.6g}")
    return prepared


def build(prepared: Prepared, settings: Settings) -> Any:
    return networks.build_network(prepared, settings, 1)


def train(model: Any, prepared: Prepared, settings: Settings, run: Run) -> Scores:
    from maquette.figures.training import losses
    from maquette.measures.numbers import conformal_radius, covered, number_scores

    model = networks.train_network(model, prepared, settings, run).to("cpu")
    if not run.is_main:
        return Scores({})
    curves = {"loss": "training", "valid_loss": "validation"}
    run.picture("losses", losses(run.metrics(), curves, over="epoch"), "Mean squared error of the scaled target")
    processing, valid, test = prepared.processing, prepared.valid, prepared.test
    value, spread = answer(model, processing, valid.numbers, valid.categories)
    processing["radius"] = conformal_radius(valid.answers - value, spread, settings.coverage)
    networks.remember_validation(model, prepared, run)
    value, spread = answer(model, processing, test.numbers, test.categories)
    low, high = value - processing["radius"] * spread, value + processing["radius"] * spread
    values = number_scores(test.answers, value)
    values |= {"coverage": covered(test.answers, low, high), "interval_width": float((high - low).mean())}
    run.say(
        f"Intervals reach as far as was needed for {settings.coverage:.0%} of the validation rows (conformal "
        f"prediction); they hold {values['coverage']:.1%} of the test rows."
    )
    unit = unit_of(settings, run)
    with run.section("predict"):
        show(test, value, low, high, unit, run)
        show_importance(model, processing, test, value, unit, run)
    units = {"mae": unit, "rmse": unit, "interval_width": unit, "mse": f"{unit}²" if unit else ""}
    return Scores(values, networks.show_baselines(prepared, settings, run, "regression", number_scores), units)


def unit_of(settings: Settings, run: Run) -> str:
    return settings.unit or (UNIT if run.source["name"] == SOURCE else "")


def answer(model: Any, processing: dict[str, Any], numbers: Any, categories: Any) -> tuple[np.ndarray, np.ndarray]:
    """Predicted values and how unsure the network is of each, both in the target's unit: (N,), (N,).

    Unsure means: the spread of the members, and a constant so that no row is taken for certain.
    """
    outputs = networks.outputs_of(model, numbers, categories)[..., 0].double()
    members = outputs.shape[1]
    spread = outputs.std(1) + 0.1 if members > 1 else outputs[:, 0] * 0 + 1
    value = outputs.mean(1) * processing["scale"] + processing["shift"]
    return value.numpy(), (spread * processing["scale"]).numpy()


def show(test: shared.Part, value: np.ndarray, low: np.ndarray, high: np.ndarray, unit: str, run: Run) -> None:
    from maquette.figures.training import error_histogram, predicted_over_true

    errors = value - test.answers
    run.picture(
        "predicted_over_true",
        predicted_over_true(test.answers, value, unit, low, high),
        "Predicted over true values of the test part",
        "A perfect prediction lies on the diagonal.",
    )
    run.picture("errors", error_histogram(errors, unit), "How often which error was made")


def show_importance(
    model: Any, processing: dict[str, Any], test: shared.Part, value: np.ndarray, unit: str, run: Run
) -> None:
    """Which columns matter, and how the error runs over those that matter most."""
    import numpy as np

    from maquette.figures.tables import bars
    from maquette.figures.training import error_over_columns

    def loss(numbers: Any, categories: Any, answers: np.ndarray) -> float:
        return float(np.sqrt(np.mean((answer(model, processing, numbers, categories)[0] - answers) ** 2)))

    means, deviations = networks.importance(processing, test, loss, run)
    if not means:
        return
    run.picture(
        "importance",
        bars(means, "added root mean squared error", deviations, unit=unit),
        "What each column is worth",
        "The error that is added when the column's values are dealt to the rows anew (three times).",
    )
    columns = list(means)[:6]
    run.picture(
        "error_over_columns",
        error_over_columns(test.frame, columns, value - test.answers, unit),
        "Where the errors are",
    )


def predict(model: Any, processing: dict[str, Any], inputs: pd.DataFrame) -> pd.DataFrame:
    """The table with `<target>_predicted`, `<target>_low` and `<target>_high`; columns are found by name."""
    import numpy as np
    import pandas as pd

    from maquette.data.tables.answers import add_columns

    inputs = pd.DataFrame(inputs)
    value, spread = answer(model, processing, *networks.encode(processing, inputs))
    target, reach = processing["target"], processing["radius"] * spread
    columns = {"_predicted": value, "_low": value - reach, "_high": value + reach}  # float32 is all the network knows
    return add_columns(inputs, {f"{target}{name}": numbers.astype(np.float32) for name, numbers in columns.items()})
