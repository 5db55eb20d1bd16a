"""Least squares: a line in closed form and by gradient descent, and polynomials that stay sound at high degrees.

Polynomials use Chebyshev's basis on x scaled to -1..1: powers of raw x lose every digit near degree 20. With fewer
points than coefficients, the solution of least norm is taken.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev


def fit_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of the line with the least sum of squared errors; x and y (N,), x not constant.

    slope = cov(x, y) / var(x), intercept = mean(y) - slope mean(x); Gauss 1809.
    """
    centred = x - x.mean()
    slope = float(centred @ (y - y.mean()) / (centred @ centred))
    return slope, float(y.mean() - slope * x.mean())


@dataclass(frozen=True)
class Scale:
    """x and y shifted and stretched to 0..1, where one learning rate suits every table."""

    x_low: float
    x_span: float
    y_low: float
    y_span: float

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray) -> "Scale":
        return cls(float(x.min()), float(np.ptp(x)) or 1.0, float(y.min()), float(np.ptp(y)) or 1.0)

    def apply(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (x - self.x_low) / self.x_span, (y - self.y_low) / self.y_span

    def undo(self, slope: float, intercept: float) -> tuple[float, float]:
        """Slope and intercept in the units of the table."""
        slope = slope * self.y_span / self.x_span
        return slope, self.y_low + intercept * self.y_span - slope * self.x_low


class MeanSquaredError:
    """The cost mean((slope x + intercept - y)^2) and its gradient, from five sums: any table costs the same a step."""

    def __init__(self, x: np.ndarray, y: np.ndarray):
        self.matrix = np.array([[np.mean(x * x), np.mean(x)], [np.mean(x), 1.0]])
        self.vector = np.array([np.mean(x * y), np.mean(y)])
        self.constant = float(np.mean(y * y))

    def __call__(self, line: np.ndarray) -> np.ndarray:
        """Cost of lines (..., 2) as slope and intercept."""
        quadratic = np.einsum("...i,ij,...j->...", line, self.matrix, line)
        return quadratic - 2 * (line @ self.vector) + self.constant

    def gradient(self, line: np.ndarray) -> np.ndarray:
        return 2 * (self.matrix @ line - self.vector)

    @property
    def largest_rate(self) -> float:
        """The learning rate above which descent runs away: 2 over the largest curvature."""
        return 2 / float(np.linalg.eigvalsh(2 * self.matrix)[-1])


def descend(cost: MeanSquaredError, rate: float, steps: int) -> np.ndarray:
    """The path of gradient descent from slope 0 and intercept 0: (steps + 1, 2)."""
    path = np.zeros((steps + 1, 2))
    for step in range(steps):
        path[step + 1] = path[step] - rate * cost.gradient(path[step])
    return path


def polynomial_basis(x: np.ndarray, degree: int, low: float, span: float) -> np.ndarray:
    """Chebyshev polynomials 0..degree of x scaled from low..low+span to -1..1: (N, degree + 1)."""
    return chebyshev.chebvander(2 * (x - low) / span - 1, degree)


def fit_polynomial(x: np.ndarray, y: np.ndarray, degree: int, low: float, span: float) -> np.ndarray:
    """Coefficients (degree + 1,) in Chebyshev's basis with the least squared error, and of those the least norm."""
    return np.linalg.lstsq(polynomial_basis(x, degree, low, span), y, rcond=1e-12)[0]


def leave_one_out(x: np.ndarray, y: np.ndarray, degree: int, low: float, span: float) -> np.ndarray:
    """The error of each point when it alone is left out of the fit: (N,).

    Where the fit is overdetermined by more than one point: e_i / (1 - h_ii) with the diagonal of the hat matrix, Allen
    1974 (PRESS); otherwise, and for points the formula cannot carry, by fitting again without the point.
    """
    basis = polynomial_basis(x, degree, low, span)
    errors = np.full(len(x), np.nan)
    if len(x) > degree + 1 and np.linalg.matrix_rank(basis, tol=1e-10 * np.linalg.norm(basis)) == degree + 1:
        orthogonal, _ = np.linalg.qr(basis)
        leverage = np.einsum("ij,ij->i", orthogonal, orthogonal)
        residual = y - orthogonal @ (orthogonal.T @ y)
        sound = leverage < 1 - 1e-6
        errors[sound] = residual[sound] / (1 - leverage[sound])
    for index in np.flatnonzero(np.isnan(errors)):
        others = np.arange(len(x)) != index
        coefficients = fit_polynomial(x[others], y[others], degree, low, span)
        errors[index] = y[index] - basis[index] @ coefficients
    return errors


class Fit(NamedTuple):
    """A polynomial's coefficients, and its mean squared error on the points fitted and on points left out."""

    coefficients: np.ndarray
    training: float
    left_out: float


def try_degrees(x: np.ndarray, y: np.ndarray, highest: int, low: float, span: float) -> list[Fit]:
    """Polynomials of degree 0, 1 ... highest through the same points."""
    fits = []
    for degree in range(highest + 1):
        coefficients = fit_polynomial(x, y, degree, low, span)
        errors = polynomial_basis(x, degree, low, span) @ coefficients - y
        left_out = leave_one_out(x, y, degree, low, span)
        fits.append(Fit(coefficients, float(np.mean(errors**2)), float(np.mean(left_out**2))))
    return fits


def fit_gravity(time: np.ndarray, distance: np.ndarray) -> float:
    """g of the law distance = g time^2 / 2 with the least squared error, in distance's unit per time's unit squared."""
    half_square = 0.5 * time**2
    return float(half_square @ distance / (half_square @ half_square))
