"""A class predicted from the columns of a table, with the probability of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maquette.families import table_networks as networks
from maquette.families import tables as shared
from maquette.settings import option
from maquette.steps import Framing, Prepared, Scores

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from maquette.data.tables.reading import Table
    from maquette.runs import Run

SOURCE, TARGET = "iris", "species"


class Settings(shared.TableSettings):
    balance: bool = option(False, "weigh each class as if all were equally common")


PRESETS: dict[str, dict[str, Any]] = {
    "small": shared.COURSE | {"epochs": 2, "batch_size": 32, "scaling": "quantile", "keep_best": True},
    "course": shared.COURSE | {"batch_size": 4},
    "full": {"epochs": 200, "patience": 40},
}


def frame(settings: Settings) -> Framing:
    target = settings.target or TARGET
    return Framing(
        question=f"Which {target} is a row, given its other columns?",
        inputs="the other columns of a table",
        outputs=f"{target}, with the probability of each class",
        score="accuracy",
        higher_is_better=True,
    )


def collect(settings: Settings, run: Run) -> tuple[Table, str]:
    return shared.collect_table(settings, run, SOURCE, TARGET, "classification")


def analyze(data: tuple[Table, str], settings: Settings, run: Run) -> dict[str, Any]:
    from maquette.data.tables.columns import labels_of

    counts = labels_of(*data).value_counts()
    run.table("Classes", counts.rename_axis("class").reset_index(name="rows").head(shared.MOST_SHOWN))
    return shared.analyze_table(*data, run, "classification")


def process(data: tuple[Table, str], settings: Settings, run: Run) -> Prepared:
    import numpy as np
    import pandas as pd
    import torch

    from maquette.data.tables.columns import labels_of

    table, target = data
    labels = labels_of(table, target)
    names = sorted(labels.unique(), key=natural_order)
    answers = pd.Categorical(labels, categories=names).codes.astype(np.int64)
    prepared = shared.prepare_parts(table, target, answers, torch.from_numpy(answers), settings, run, answers)
    prepared.processing.update(classes=[str(name) for name in names])
    return prepared


def natural_order(name: str) -> tuple[float, str]:
    """Numbers by size, then words by the alphabet."""
    try:
        return float(name), ""
    except ValueError:
        return float("inf"), str(name)


def build(prepared: Prepared, settings: Settings) -> Any:
    return networks.build_network(prepared, settings, len(prepared.processing["classes"]))


def train(model: Any, prepared: Prepared, settings: Settings, run: Run) -> Scores:
    import torch

    from maquette.figures.training import losses
    from maquette.measures.classes import class_scores, resampled

    weights = None
    if settings.balance:
        counts = torch.bincount(prepared.train.target, minlength=len(prepared.processing["classes"]))
        weights = len(prepared.train.target) / (len(counts) * counts.clamp_min(1).float())
        run.say("Each class counts the same in the loss, however many rows it has.")
    before = probabilities_of(model, prepared.test.numbers, prepared.test.categories)[0][:5]
    model = networks.train_network(model, prepared, settings, run, weights).to("cpu")
    if not run.is_main:
        return Scores({})
    curves = {"loss": "training", "valid_loss": "validation"}
    run.picture("losses", losses(run.metrics(), curves, over="epoch"), "Cross entropy")
    test = prepared.test
    networks.remember_validation(model, prepared, run)
    probabilities, logits = probabilities_of(model, test.numbers, test.categories)
    values = class_scores(test.answers, probabilities)
    for name, (low, high) in resampled(class_scores, test.answers, probabilities, run.random("resample")).items():
        values |= {f"{name}_low": low, f"{name}_high": high}
    run.say("The range under each score holds 95 % of the scores when the test rows are drawn again with replacement.")
    with run.section("predict"):
        show(prepared, probabilities, logits, before, run)
        show_importance(model, prepared, run)
        if settings.scaling == "minmax" and run.source["name"] == SOURCE:
            show_deck(run)
    baselines = networks.show_baselines(prepared, settings, run, "classification", class_scores)
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


def scaled_by_itself(prepared: Prepared) -> Any:
    """The test part's numbers scaled to 0..1 by its own range: a mistake of the course, kept to be seen."""
    from maquette.data.tables.encoding import TableEncoder

    test, processing = prepared.test, prepared.processing
    import torch

    own = TableEncoder.fit(test.frame, processing["columns"], "minmax", ordinal=True)
    names = TableEncoder.from_state(processing["encoder"]).number_names
    numbers, _ = own.transform(test.frame)
    found = [own.number_names.index(name) if name in own.number_names else None for name in names]
    columns = [torch.from_numpy(numbers[:, i]) if i is not None else torch.zeros(len(numbers)) for i in found]
    return torch.stack(columns, dim=1)


def probabilities_of(model: Any, numbers: Any, categories: Any) -> tuple[np.ndarray, np.ndarray]:
    """Class probabilities and their logarithms, or the logits of a plain network: (N, C), (N, C) float64."""
    outputs = networks.outputs_of(model, numbers, categories).double()
    probabilities = outputs.softmax(-1).mean(1)
    logits = outputs[:, 0] if outputs.shape[1] == 1 else probabilities.clamp_min(1e-300).log()
    return probabilities.numpy(), logits.numpy()


def show(prepared: Prepared, probabilities: np.ndarray, logits: np.ndarray, before: np.ndarray, run: Run) -> None:
    import numpy as np
    import pandas as pd

    from maquette.figures import classes as figures
    from maquette.measures.classes import confusion

    names, true = prepared.processing["classes"], prepared.test.answers
    predicted = probabilities.argmax(1)
    run.picture(
        "confusion",
        figures.confusion(confusion(true, predicted, len(names)), names),
        "Confusion matrix",
        "Rows are what was predicted, columns what it was; the diagonal is right.",
    )
    sure = probabilities.max(1)
    run.picture(
        "reliability",
        figures.reliability(sure, predicted == true),
        "Can the probabilities be trusted?",
        "On the diagonal, what is said to be 80 % likely is right 80 times in 100.",
    )
    shown = np.argsort(sure, kind="stable")[:: max(1, len(sure) // 4)][:4]  # from the least to the most certain
    run.picture(
        "softmax",
        figures.softmax_steps(logits[shown], probabilities[shown], names, [names[number] for number in true[shown]]),
        "From logits to probabilities",
        "Each logit is raised to a power of e and divided by the sum; the largest probability is the answer.",
    )
    table = pd.DataFrame(before[:, :12], columns=names[:12]).round(3)
    run.table("Probabilities before training", table, f"With random weights all are near 1/{len(names)}.")


def show_deck(run: Run) -> None:
    """The softmax that the course's slides print, beside the right one."""
    import numpy as np
    import pandas as pd

    logits = np.array([0.02669345, 0.03092438, -0.01683718])
    printed = [0.13765042, 0.739082, 0.12326758]
    right = np.exp(logits) / np.exp(logits).sum()
    run.table(
        "Softmax as the course prints it, and the right one",
        pd.DataFrame({"class": list("ABC"), "logit": logits, "printed": printed, "softmax": right}),
        "The answer, B, is the same, but the printed probabilities are not those of these logits. Nor are logits "
        "log-likelihoods: only their log-softmax is.",
    )


def show_importance(model: Any, prepared: Prepared, run: Run) -> None:
    from maquette.figures.tables import bars
    from maquette.measures.classes import class_scores

    def loss(numbers: Any, categories: Any, answers: np.ndarray) -> float:
        return class_scores(answers, probabilities_of(model, numbers, categories)[0])["log_loss"]

    means, deviations = networks.importance(prepared.processing, prepared.test, loss, run)
    if means:
        run.picture(
            "importance",
            bars(means, "added log loss", deviations),
            "What each column is worth",
            "The loss that is added when the column's values are dealt to the rows anew (three times).",
        )


def predict(model: Any, processing: dict[str, Any], inputs: pd.DataFrame) -> pd.DataFrame:
    """The table with `<target>_predicted` and `<target>_probability_<class>`; columns are found by name."""
    import numpy as np
    import pandas as pd

    from maquette.data.tables.answers import add_columns

    inputs = pd.DataFrame(inputs)
    probabilities, _ = probabilities_of(model, *networks.encode(processing, inputs))
    target, names = processing["target"], processing["classes"]
    answers = np.array(names, dtype=object)[probabilities.argmax(1)] if len(inputs) else np.array([], dtype=object)
    columns: dict[str, Any] = {f"{target}_predicted": answers}
    columns |= {f"{target}_probability_{name}": probabilities[:, i].astype(np.float32) for i, name in enumerate(names)}
    return add_columns(inputs, columns)
