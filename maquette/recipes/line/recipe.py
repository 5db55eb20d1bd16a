"""A line through measured points: least squares in closed form and by gradient descent, and polynomials beside it.

The descent starts at slope 0 and intercept 0, both columns scaled to 0..1, and is shown beside the closed form that it
comes to. The line, or a polynomial of any degree, is judged by points that are left out of the fit one at a time.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from maquette.methods.least_squares import (
    MeanSquaredError,
    Scale,
    fit_gravity,
    fit_line,
    fit_polynomial,
    leave_one_out,
)
from maquette.models.polynomial import Polynomial
from maquette.recipes.line import report
from maquette.recipes.line.data import SOURCE, Points, read_points
from maquette.recipes.line.settings import Settings
from maquette.runs import Run, Step
from maquette.steps import Fitted, Framing, Scores

LAW = "law of free fall, g fitted"


@dataclass(frozen=True)
class Prepared:
    """The points; how they are scaled for the descent, and the cost of a line there."""

    points: Points
    scale: Scale
    cost: MeanSquaredError
    processing: dict[str, Any]
    examples: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Descended(Fitted):
    """Slope and intercept that the descent found, in scaled columns."""

    line: np.ndarray


def frame(settings: Settings) -> Framing:
    curve = "line" if settings.degree == 1 else f"polynomial of degree {settings.degree}"
    others = " and {mean|rmse} off the mean of the others"
    if settings.data in (None, SOURCE):
        others = f", {{mean|rmse}} off the mean of the others and {{{LAW}|rmse}} off the law of free fall"
    return Framing(
        question="Which line, and which curve, runs closest to measured points?",
        inputs="one number a row",
        outputs="another number",
        score="rmse",
        headline=f"Left out of the fit, a point lies {{rmse}} off the {curve} (root mean square){others}.",
    )


def collect(settings: Settings, run: Run) -> Points:
    return read_points(settings.data, settings.x, settings.y, run)


def analyze(points: Points, settings: Settings, run: Run) -> dict[str, Any]:
    slope, intercept = fit_line(points.x, points.y)
    with run.attempt("The picture of the points"):
        report.show_points(points, slope, intercept, run)
    return {"slope": slope, "intercept": intercept}


def process(points: Points, settings: Settings, run: Run) -> Prepared:
    scale = Scale.of(points.x, points.y)
    run.say("For the descent both columns are shifted and stretched to 0..1; polynomials use x scaled to -1..1.")
    run.fact(f"{points.x_name} runs over", f"{scale.x_low:g} to {scale.x_low + scale.x_span:g}")
    run.fact(f"{points.y_name} runs over", f"{scale.y_low:g} to {scale.y_low + scale.y_span:g}")
    processing = {"x": points.x_name, "y": points.y_name, "low": scale.x_low, "span": scale.x_span}
    processing |= points.written
    examples = pd.DataFrame({points.x_name: points.x, points.y_name: points.y}).head(5)
    return Prepared(points, scale, MeanSquaredError(*scale.apply(points.x, points.y)), processing, examples)


def build(prepared: Prepared, settings: Settings) -> Polynomial:
    return Polynomial(degree=settings.degree, low=prepared.scale.x_low, span=prepared.scale.x_span)


def train(model: Polynomial, prepared: Prepared, settings: Settings, run: Run) -> Descended:
    """A line by gradient descent, step by step; the polynomial that is kept, by the closed form."""
    cost, points = prepared.cost, prepared.points
    position = nn.ParameterDict({"line": torch.zeros(2, dtype=torch.float64)})
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
    coefficients = fit_polynomial(points.x, points.y, model.degree, model.low, model.span)
    model.coefficients.data = torch.from_numpy(coefficients)
    return Descended(line=line)


def is_marked(step: Step) -> bool:
    """Steps worth logging: all of the first ten, then ever fewer."""
    return step.is_last or step.number % 10 ** (len(str(step.number)) - 1) == 0


@torch.no_grad()
def score(model: Polynomial, prepared: Prepared, fitted: Descended, settings: Settings, run: Run) -> Scores:
    points = prepared.points
    x, y = points.x, points.y
    with run.attempt("The pictures of the descent"):
        report.show_descent(prepared.cost, fitted.line, settings.learning_rate, run)
    with run.attempt("The line as a network"):
        report.show_line(points, prepared.scale, fitted.line, run)
    with run.attempt("The comparison of degrees"):
        report.show_degrees(points, model.low, model.span, settings.highest_degree, run)
    left_out = leave_one_out(x, y, model.degree, model.low, model.span)
    errors = model(torch.from_numpy(x)).numpy() - y
    values = {"rmse": root(left_out), "mae": float(np.abs(left_out).mean()), "training_rmse": root(errors)}
    if np.ptp(y):
        values["training_r2"] = 1 - float(np.sum(errors**2) / np.sum((y - y.mean()) ** 2))
    without = (y.sum() - y) / max(1, len(y) - 1)
    baselines = {"mean": {"rmse": root(y - without), "mae": float(np.abs(y - without).mean())}}
    if points.gravity:
        law = y - np.array([0.5 * fit_gravity(np.delete(x, i), np.delete(y, i)) * x[i] ** 2 for i in range(len(x))])
        baselines[LAW] = {"rmse": root(law), "mae": float(np.abs(law).mean())}
    run.say(
        "rmse and mae are of points left out of the fit, one at a time; "
        "training_rmse and training_r2 are of all points at once."
    )
    unit = "m" if points.gravity else ""
    return Scores(values, baselines, {"rmse": unit, "mae": unit, "training_rmse": unit})


def root(errors: np.ndarray) -> float:
    """The root of the mean square."""
    return float(np.sqrt(np.mean(errors**2)))
