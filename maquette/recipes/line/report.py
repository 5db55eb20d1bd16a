"""What the report shows of a line: the points and the law, the way of the descent, degrees of polynomials."""

from typing import Any

import numpy as np
import pandas as pd

from maquette.figures.training import losses
from maquette.methods.least_squares import (
    MeanSquaredError,
    Scale,
    descend,
    fit_gravity,
    fit_line,
    polynomial_basis,
    try_degrees,
)
from maquette.recipes.line import figures
from maquette.recipes.line.data import Points
from maquette.runs import Run

EARTH = 9.81  # m/s^2


def show_points(points: Points, slope: float, intercept: float, run: Run) -> None:
    """The points with the line of least squares, and for a falling body the law."""
    x, y, x_name, y_name, gravity, _ = points
    run.table(
        "The points",
        pd.DataFrame({x_name: x, y_name: y}).head(12),
        f"The first 12 of {len(x):,} rows." if len(x) > 12 else "",
    )
    run.formula(f"{y_name} = {slope:.5g} * {x_name} {'+' if intercept >= 0 else '-'} {abs(intercept):.5g}")
    run.fact("Correlation", float(np.corrcoef(x, y)[0, 1]) if np.ptp(y) else 0.0)
    lines: dict[str, Any] = {"least squares": lambda values: slope * values + intercept}
    if gravity:
        g = fit_gravity(x, y)
        lines["law, g = 9.81"] = lambda values: 0.5 * EARTH * values**2
        lines[f"law, fitted g = {g:.2f}"] = lambda values: 0.5 * g * values**2
        run.say(
            "The theory of free fall says distance = g time² / 2. One fitted number, g, then does better than the two "
            "numbers of the line: knowing the law beats learning from nine points."
        )
        run.fact("Fitted g", g, "m/s²")
        show_deck(x, y, g, run)
    run.picture("points", figures.points_and_lines(x, y, lines, x_name, y_name), "Points, line and law")
    run.picture(
        "residuals",
        figures.residuals(x, y, slope, intercept, x_name, y_name),
        "What least squares makes small",
        "Each bar is one point's error; the line makes the sum of their squares as small as any line can.",
    )


def show_deck(time: np.ndarray, distance: np.ndarray, g: float, run: Run) -> None:
    """The lines that the course's slides print, beside what least squares gives on the same nine points."""

    def squares(x: np.ndarray, y: np.ndarray, slope: float, intercept: float) -> float:
        return float(np.sum((y - slope * x - intercept) ** 2))

    rows = []
    for name, x, y, printed in (
        ("distance from time", time, distance, (15.0, -11.0)),
        ("time from distance", distance, time, (0.06, -0.7)),
        ("time from distance, sign mended", distance, time, (0.06, 0.7)),
    ):
        best = fit_line(x, y)
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
    law = {f"{value:.4g}": float(np.sum((distance - 0.5 * value * time**2) ** 2)) for value in (EARTH, g)}
    run.say(
        "Squared error of the law g time² / 2: "
        + ", ".join(f"{error:.4g} with g = {g}" for g, error in law.items())
        + "."
    )
    run.warn("The slide's t = 0.06 d - 0.7 is misprinted: with + 0.7 its squared error falls from 17 to 0.8.")


def show_descent(cost: MeanSquaredError, found: np.ndarray, rate: float, run: Run) -> None:
    """The way down the bowl, with three learning rates as well; found: slope and intercept where it ended."""

    def seen(slopes: np.ndarray, intercepts: np.ndarray) -> np.ndarray:
        return cost(np.stack([slopes, intercepts], axis=-1))

    labels = "slope (scaled)", "intercept (scaled)"
    limit = cost.largest_rate
    run.fact("Learning rate", rate)
    run.fact("Largest learning rate that still arrives", limit)
    run.picture(
        "bowl",
        figures.cost_bowl(seen, descend(cost, rate, 200), tuple(found), *labels),
        "The cost is a bowl, and descent walks down",
        "The first 200 steps, from slope 0 and intercept 0.",
    )
    paths = {
        f"too small: {0.01 * limit:.2g}": descend(cost, 0.01 * limit, 40),
        f"good: {0.7 * limit:.2g}": descend(cost, 0.7 * limit, 40),
        f"too large: {1.03 * limit:.2g}": descend(cost, 1.03 * limit, 40),
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


def show_line(points: Points, scale: Scale, found: np.ndarray, run: Run) -> None:
    """The line that the descent found (scaled) beside that of the closed form, and the line as a network."""
    slope, intercept = fit_line(points.x, points.y)
    reached = scale.undo(*found)
    run.fact("Slope, closed form", slope)
    run.fact("Slope, descent", reached[0])
    run.fact("Intercept, closed form", intercept)
    run.fact("Intercept, descent", reached[1])
    ends = np.array([points.x.min(), points.x.max()])
    apart = np.abs((reached[0] - slope) * ends + reached[1] - intercept).max() / scale.y_span
    run.fact("The two lines are apart by at most", float(apart), "of the range of y")
    if apart > 1e-6:
        run.warn(
            "The descent has not arrived at the closed form yet: give it more --steps, or a larger --learning-rate."
        )
    run.picture(
        "network",
        figures.network([2, 1], [points.x_name, "1"], [points.y_name], [np.array([[slope], [intercept]])]),
        "The line as a network",
        "Two inputs, x and the constant 1; two weights, the slope and the intercept; one sum.",
    )


def show_degrees(points: Points, low: float, span: float, highest: int, run: Run) -> None:
    """Pictures of bias and variance, by polynomials of x scaled from low..low+span to -1..1."""
    x, y = points.x, points.y
    few = run.random("degrees").choice(len(x), min(len(x), 20_000), replace=False)
    tried = try_degrees(x[few], y[few], highest, low, span)
    grid = np.linspace(x.min(), x.max(), 500)
    curves = {
        degree: (grid, polynomial_basis(grid, degree, low, span) @ tried[degree].coefficients)
        for degree in sorted({1, 2, highest})
    }
    run.picture(
        "degrees",
        figures.degrees(x, y, curves, points.x_name, points.y_name),
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
