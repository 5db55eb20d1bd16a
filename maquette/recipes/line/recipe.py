"""A line through measured points: least squares in closed form and by gradient descent, and polynomials beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from maquette.settings import Settings as BaseSettings
from maquette.settings import UserError, option
from maquette.steps import Framing, Prepared, Scores

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from maquette.runs import Run, Step

SOURCE = "gravity"
EARTH = 9.81  # m/s^2


class Settings(BaseSettings):
    x: str | None = option(None, "column to predict from; may be left out if the table has two columns of numbers")
    y: str | None = option(None, "column to predict")
    degree: int = option(1, "degree of the polynomial that is kept; 1 is a line", ge=0, le=20)
    highest_degree: int = option(20, "highest degree in the comparison of degrees", ge=2, le=20)
    learning_rate: float = option(
        0.4, "step of the descent, both columns scaled to 0..1; above 0.5 it may run away", gt=0
    )
    steps: int = option(20_000, "most steps of the descent; it ends where the line no longer moves", ge=1)


PRESETS: dict[str, dict[str, Any]] = {
    "small": {"steps": 5_000, "highest_degree": 5},
    "course": {"degree": 1, "highest_degree": 20},
    "full": {"steps": 1_000_000},
}


class Points(NamedTuple):
    """Two columns of numbers, x and y (N,), with their names; `gravity` where they are the course's measurement."""

    x: np.ndarray
    y: np.ndarray
    x_name: str
    y_name: str
    gravity: bool


def frame(settings: Settings) -> Framing:
    return Framing(
        question="Which line, and which curve, runs closest to measured points?",
        inputs="one number a row",
        outputs="another number",
        score="rmse",
    )


def collect(settings: Settings, run: Run) -> Points:
    from maquette.data.sets.sources import resolve
    from maquette.data.tables.columns import two_columns
    from maquette.data.tables.reading import read_table

    found = resolve(settings.data, SOURCE)
    table = read_table(found.path)
    given = settings.x, settings.y
    if given == (None, None) and found.name == SOURCE:
        given = "time_s", "distance_m"
    x_name, y_name = two_columns(table, *given)
    whole = table.frame[[x_name, y_name]].dropna()
    run.record_source(found, rows=len(whole), notes=table.notes)
    if len(whole) < len(table.frame):
        run.warn(f"{len(table.frame) - len(whole)} rows without both numbers were left out.")
    if whole[x_name].nunique() < 2:
        raise UserError(f"A line needs two different values of {x_name}; {found.path} has {whole[x_name].nunique()}.")
    return Points(
        whole[x_name].to_numpy(copy=True), whole[y_name].to_numpy(copy=True), x_name, y_name, found.name == SOURCE
    )


def analyze(points: Points, settings: Settings, run: Run) -> dict[str, Any]:
    import numpy as np
    import pandas as pd

    from maquette.methods import least_squares
    from maquette.recipes.line import figures

    x, y, x_name, y_name, gravity = points
    run.table(
        "The points",
        pd.DataFrame({x_name: x, y_name: y}).head(12),
        f"The first 12 of {len(x):,} rows." if len(x) > 12 else "",
    )
    slope, intercept = least_squares.fit_line(x, y)
    run.formula(f"{y_name} = {slope:.5g} * {x_name} {'+' if intercept >= 0 else '-'} {abs(intercept):.5g}")
    run.fact("Correlation", float(np.corrcoef(x, y)[0, 1]) if np.ptp(y) else 0.0)
    lines: dict[str, Any] = {"least squares": lambda values: slope * values + intercept}
    if gravity:
        g = least_squares.fit_gravity(x, y)
        lines["law, g = 9.81"] = lambda values: 0.5 * EARTH * values**2
        lines[f"law, fitted g = {g:.2f}"] = lambda values: 0.5 * g * values**2
        run.say(
            "The theory of free fall says distance = g time² / 2. One fitted number, g, then does better than the two "
            "numbers of the line: knowing the law beats learning from nine points."
        )
        run.fact("Fitted g", g, "m/s²")
        show_deck(points, run)
    run.picture("points", figures.points_and_lines(x, y, lines, x_name, y_name), "Points, line and law")
    run.picture(
        "residuals",
        figures.residuals(x, y, slope, intercept, x_name, y_name),
        "What least squares makes small",
        "Each bar is one point's error; the line makes the sum of their squares as small as any line can.",
    )
    return {"slope": slope, "intercept": intercept}


def show_deck(points: Points, run: Run) -> None:
    """The lines that the course's slides print, beside what least squares gives on the same nine points."""
    import numpy as np
    import pandas as pd

    from maquette.methods import least_squares

    time, distance = points.x, points.y

    def squares(x: np.ndarray, y: np.ndarray, slope: float, intercept: float) -> float:
        return float(np.sum((y - slope * x - intercept) ** 2))

    rows = []
    for name, x, y, printed in (
        ("distance from time", time, distance, (15.0, -11.0)),
        ("time from distance", distance, time, (0.06, -0.7)),
        ("time from distance, sign mended", distance, time, (0.06, 0.7)),
    ):
        best = least_squares.fit_line(x, y)
        rows.append(
            {
                "line": name,
                "printed": f"{printed[0]:g} x {printed[1]:+g}",
                "squared error of the printed line": squares(x, y, *printed),
                "least squares": f"{best[0]:.4g} x {best[1]:+.4g}",
                "its squared error": squares(x, y, *best),
                "its r2": float(np.corrcoef(x, y)[0, 1] ** 2),
            }
        )
    run.table("What the course prints, and what is right", pd.DataFrame(rows))
    g = least_squares.fit_gravity(time, distance)
    law = {f"{value:.4g}": float(np.sum((distance - 0.5 * value * time**2) ** 2)) for value in (EARTH, g)}
    run.say(
        "Squared error of the law g time² / 2: "
        + ", ".join(f"{error:.4g} with g = {g}" for g, error in law.items())
        + "."
    )
    run.warn("The slide's t = 0.06 d - 0.7 is misprinted: with + 0.7 its squared error falls from 17 to 0.8.")


def process(points: Points, settings: Settings, run: Run) -> Prepared:
    import pandas as pd

    from maquette.methods.least_squares import Scale

    scale = Scale.of(points.x, points.y)
    run.say("For the descent both columns are shifted and stretched to 0..1; polynomials use x scaled to -1..1.")
    run.fact(f"{points.x_name} runs over", f"{scale.x_low:g} to {scale.x_low + scale.x_span:g}")
    run.fact(f"{points.y_name} runs over", f"{scale.y_low:g} to {scale.y_low + scale.y_span:g}")
    processing = {"x": points.x_name, "y": points.y_name, "low": scale.x_low, "span": scale.x_span}
    examples = pd.DataFrame({points.x_name: points.x, points.y_name: points.y}).head(5)
    return Prepared(points, None, points, processing, examples)


def build(prepared: Prepared, settings: Settings) -> Any:
    from maquette.models import Polynomial

    return Polynomial(degree=settings.degree, low=prepared.processing["low"], span=prepared.processing["span"])


def train(model: Any, prepared: Prepared, settings: Settings, run: Run) -> Scores:
    import numpy as np
    import torch

    from maquette.figures.networks import network
    from maquette.methods import least_squares

    points: Points = prepared.train
    x, y = points.x, points.y
    slope, intercept = least_squares.fit_line(x, y)
    scale = least_squares.Scale.of(x, y)
    cost = least_squares.MeanSquaredError(*scale.apply(x, y))
    found = descend(cost, settings, run)
    reached = scale.undo(*found)
    show_descent(cost, found, settings, run)
    run.fact("Slope, closed form", slope)
    run.fact("Slope, descent", reached[0])
    run.fact("Intercept, closed form", intercept)
    run.fact("Intercept, descent", reached[1])
    ends = np.array([x.min(), x.max()])
    apart = np.abs((reached[0] - slope) * ends + reached[1] - intercept).max() / scale.y_span
    run.fact("The two lines are apart by at most", float(apart), "of the range of y")
    if apart > 1e-6:
        run.warn(
            "The descent has not arrived at the closed form yet: give it more --steps, or a larger --learning-rate."
        )
    run.picture(
        "network",
        network([2, 1], [points.x_name, "1"], [points.y_name], [np.array([[slope], [intercept]])]),
        "The line as a network",
        "Two inputs, x and the constant 1; two weights, the slope and the intercept; one sum.",
    )
    low, span = model.low, model.span
    model.coefficients.data = torch.from_numpy(least_squares.fit_polynomial(x, y, model.degree, low, span))
    show_degrees(points, model, settings, run)
    left_out = least_squares.leave_one_out(x, y, model.degree, low, span)

    def root(errors: np.ndarray) -> float:
        return float(np.sqrt(np.mean(errors**2)))

    fitted = model(torch.from_numpy(x)).detach().numpy() - y
    values = {"rmse": root(left_out), "mae": float(np.abs(left_out).mean()), "training_rmse": root(fitted)}
    if np.ptp(y):
        values["training_r2"] = 1 - float(np.sum(fitted**2) / np.sum((y - y.mean()) ** 2))
    without = (y.sum() - y) / max(1, len(y) - 1)
    baselines = {"mean": {"rmse": root(y - without), "mae": float(np.abs(y - without).mean())}}
    if points.gravity:
        law = y - np.array(
            [0.5 * least_squares.fit_gravity(np.delete(x, i), np.delete(y, i)) * x[i] ** 2 for i in range(len(x))]
        )
        baselines["law of free fall, g fitted"] = {"rmse": root(law), "mae": float(np.abs(law).mean())}
    run.say(
        "rmse and mae are of points left out of the fit, one at a time; "
        "training_rmse and training_r2 are of all points at once."
    )
    unit = "m" if points.gravity else ""
    return Scores(values, baselines, {"rmse": unit, "mae": unit, "training_rmse": unit})


def descend(cost: Any, settings: Settings, run: Run) -> np.ndarray:
    """Slope and intercept that gradient descent finds from 0, 0, step by step, in scaled columns."""
    import numpy as np
    import torch

    position = torch.nn.ParameterDict({"line": torch.zeros(2, dtype=torch.float64)})
    line = position["line"].data.numpy()
    run.keep(position=position)
    for step in run.loop(settings.steps):
        move = settings.learning_rate * cost.gradient(line)
        line -= move
        arrived = float(np.abs(move).max()) < 1e-15
        if arrived or is_marked(step):
            run.log(step, loss=float(cost(line)), slope=line[0], intercept=line[1])
        if arrived:
            break
    return line


def is_marked(step: Step) -> bool:
    """Steps worth logging: all of the first ten, then ever fewer."""
    return step.is_last or step.number % 10 ** (len(str(step.number)) - 1) == 0


def show_descent(cost: Any, found: np.ndarray, settings: Settings, run: Run) -> None:
    from maquette.figures.training import losses
    from maquette.methods.least_squares import descend as path_of
    from maquette.recipes.line import figures

    def seen(slopes: np.ndarray, intercepts: np.ndarray) -> np.ndarray:
        import numpy as np

        return cost(np.stack([slopes, intercepts], axis=-1))

    labels = "slope (scaled)", "intercept (scaled)"
    limit = cost.largest_rate
    run.fact("Learning rate", settings.learning_rate)
    run.fact("Largest learning rate that still arrives", limit)
    run.picture(
        "bowl",
        figures.cost_bowl(seen, path_of(cost, settings.learning_rate, 200), tuple(found), *labels),
        "The cost is a bowl, and descent walks down",
        "The first 200 steps, from slope 0 and intercept 0.",
    )
    paths = {
        f"too small: {0.01 * limit:.2g}": path_of(cost, 0.01 * limit, 40),
        f"good: {0.7 * limit:.2g}": path_of(cost, 0.7 * limit, 40),
        f"too large: {1.03 * limit:.2g}": path_of(cost, 1.03 * limit, 40),
    }
    run.picture(
        "rates",
        figures.descent_rates(seen, paths, tuple(found), *labels),
        "Three learning rates, forty steps each",
        "Too small hardly moves; too large overshoots further at every step.",
    )
    run.picture(
        "losses", losses(run.metrics(), {"loss": "mean squared error, scaled"}), "Error over the steps of the descent"
    )


def show_degrees(points: Points, model: Any, settings: Settings, run: Run) -> None:
    """Pictures of bias and variance."""
    import numpy as np

    from maquette.methods import least_squares
    from maquette.recipes.line import figures

    x, y = points.x, points.y
    few = run.random("degrees").choice(len(x), min(len(x), 20_000), replace=False)
    tried = least_squares.try_degrees(x[few], y[few], settings.highest_degree, model.low, model.span)
    grid = np.linspace(x.min(), x.max(), 500)
    curves = {
        degree: least_squares.polynomial_basis(grid, degree, model.low, model.span) @ tried[degree].coefficients
        for degree in sorted({1, 2, settings.highest_degree})
    }
    run.picture(
        "degrees",
        figures.degrees(x, y, {degree: (grid, ys) for degree, ys in curves.items()}, points.x_name, points.y_name),
        "Too stiff, about right, too supple",
    )
    training, left_out = zip(*((fit.training, fit.left_out) for fit in tried), strict=True)
    run.picture(
        "error_over_degree",
        figures.error_over_degree(range(len(tried)), training, left_out),
        "Error over the degree",
        "Error on the points fitted only falls; error on a point left out falls, then rises: bias, then variance.",
    )
    run.fact("Best degree by points left out", int(np.argmin(left_out)))


def predict(model: Any, processing: dict[str, Any], inputs: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `<y>_predicted`; inputs need the column x."""
    import numpy as np
    import torch

    from maquette.data.tables.answers import add_columns
    from maquette.data.tables.columns import check_columns, convert

    x_name = processing["x"]
    check_columns(list(inputs), [x_name])
    x = convert(inputs[[x_name]], {x_name: "number"})[x_name].to_numpy(dtype=np.float64, copy=True)
    predicted = model(torch.from_numpy(x)).detach().numpy()
    return add_columns(inputs, {f"{processing['y']}_predicted": predicted})
