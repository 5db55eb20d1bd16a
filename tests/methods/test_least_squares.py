import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maquette.methods.least_squares import (
    MeanSquaredError,
    Scale,
    descend,
    fit_gravity,
    fit_line,
    fit_polynomial,
    leave_one_out,
    polynomial_basis,
)

DISTANCE = np.array([0, 5, 5.4, 20, 25, 31, 34, 45, 10])
TIME = np.array([0, 1, 1, 2, 2.5, 2.6, 2.7, 3, 1.5])


def tables(size=st.integers(4, 30)):
    return st.tuples(size, st.integers(0, 2**32 - 1), st.floats(-1e4, 1e4), st.floats(1e-3, 1e4)).map(make_table)


def make_table(arguments):
    size, seed, shift, span = arguments
    generator = np.random.default_rng(seed)
    x = shift + span * generator.random(size)
    return x, 3 * x + generator.normal(size=size) * span


def test_the_course_s_nine_points():
    assert fit_line(TIME, DISTANCE) == pytest.approx((14.65, -7.05), abs=5e-3)
    assert fit_line(DISTANCE, TIME) == pytest.approx((0.0618, 0.606), abs=5e-4)
    assert fit_gravity(TIME, DISTANCE) == pytest.approx(9.353, abs=5e-4)
    assert np.sum((DISTANCE - 15 * TIME + 11) ** 2) == pytest.approx(279.7, abs=0.05)
    assert np.sum((DISTANCE - 0.5 * 9.81 * TIME**2) ** 2) == pytest.approx(41.9, abs=0.05)


@given(tables())
@settings(max_examples=50, deadline=None)
def test_the_line_is_numpys(table):
    x, y = table
    assert np.allclose(
        np.polyval(fit_line(x, y), x), np.polyval(np.polyfit(x, y, 1), x), rtol=1e-6, atol=1e-6 * np.ptp(y)
    )


@pytest.mark.slow
@given(tables())
@settings(max_examples=30, deadline=None)
def test_descent_arrives_at_the_closed_form(table):
    x, y = table
    scale = Scale.of(x, y)
    path = descend(MeanSquaredError(*scale.apply(x, y)), 0.4, 20_000)
    expected, reached = np.polyval(fit_line(x, y), x), np.polyval(scale.undo(*path[-1]), x)
    assert np.abs(reached - expected).max() <= 1e-6 * np.ptp(y)


@given(tables(), st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=50, deadline=None)
def test_cost_and_gradient(table, slope, intercept):
    x, y = Scale.of(*table).apply(*table)
    cost, line = MeanSquaredError(x, y), np.array([slope, intercept])
    assert cost(line) == pytest.approx(np.mean((slope * x + intercept - y) ** 2), rel=1e-9, abs=1e-9)
    for axis in range(2):
        move = np.eye(2)[axis] * 1e-5
        numeric = (cost(line + move) - cost(line - move)) / 2e-5
        assert cost.gradient(line)[axis] == pytest.approx(numeric, rel=1e-4, abs=1e-6)


def test_rates_below_the_largest_arrive_and_above_run_away():
    cost = MeanSquaredError(*Scale.of(TIME, DISTANCE).apply(TIME, DISTANCE))
    best = descend(cost, 0.4, 20_000)[-1]
    assert cost(descend(cost, 0.99 * cost.largest_rate, 20_000)[-1]) == pytest.approx(cost(best), abs=1e-9)
    assert cost(descend(cost, 1.05 * cost.largest_rate, 2_000)[-1]) > 1e3


@given(tables(), st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_leave_one_out_is_brute_force(table, degree):
    x, y = table
    low, span = float(x.min()), float(np.ptp(x))
    brute = []
    for index in range(len(x)):
        others = np.arange(len(x)) != index
        coefficients = fit_polynomial(x[others], y[others], degree, low, span)
        brute.append(y[index] - polynomial_basis(x[[index]], degree, low, span)[0] @ coefficients)
    ours = leave_one_out(x, y, degree, low, span)
    assert np.allclose(ours, brute, rtol=1e-3, atol=1e-3 * (np.abs(brute).max() + np.ptp(y)))


def test_degree_20_is_exact_on_a_polynomial_of_degree_20():
    x = np.linspace(1900, 2000, 400)  # raw powers of such x would lose every digit
    z = (x - 1950) / 50
    y = np.polynomial.legendre.legval(z, np.random.default_rng(0).normal(size=21))
    coefficients = fit_polynomial(x, y, 20, 1900.0, 100.0)
    assert np.abs(polynomial_basis(x, 20, 1900.0, 100.0) @ coefficients - y).max() < 1e-11


def test_degree_20_runs_through_nine_points():
    x, indices = np.unique(TIME, return_index=True)
    coefficients = fit_polynomial(x, DISTANCE[indices], 20, 0.0, 3.0)
    assert np.abs(polynomial_basis(x, 20, 0.0, 3.0) @ coefficients - DISTANCE[indices]).max() < 1e-9
