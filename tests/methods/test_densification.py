"""Clouds of Gaussians that grow and are thinned out."""

import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maquette.graphics.harmonics import C0
from maquette.graphics.rotations import rotation_matrices
from maquette.kernels.training import move
from maquette.methods import densification as d


def cloud(count=40, size=-3.0, seed=0):
    chance = np.random.default_rng(seed)
    rows = np.zeros((count, 23), np.float32)
    rows[:, :3], rows[:, 3:6], rows[:, 6:10] = chance.normal(size=(count, 3)), size, chance.normal(size=(count, 4))
    made = d.Cloud(rows)
    made.pulls, made.seen = chance.random(count).astype(np.float32), np.full(count, 2, np.int32)
    return made


def test_small_ones_are_doubled_where_they_are():
    made = cloud(size=-6.0)
    before = made.rows.copy()
    d.densify(made, np.array([3, 5]), 1.0, np.random.default_rng(0))
    np.testing.assert_array_equal(made.rows[:40], before)
    np.testing.assert_array_equal(made.rows[40:], before[[3, 5]])
    assert len(made.first) == len(made.second) == len(made.pulls) == len(made.seen) == 42


def test_large_ones_give_way_to_two_smaller_ones_drawn_from_them():
    count = 4000
    made = cloud(count, size=0.0)
    made.rows[:, :3], made.rows[:, 3:6], made.rows[:, 6:10] = 0, np.log([3.0, 1.0, 0.2]), [0.9, 0.1, -0.4, 0.2]
    d.densify(made, np.arange(count), 1.0, np.random.default_rng(0))
    assert len(made) == 2 * count
    np.testing.assert_allclose(
        np.exp(made.rows[:, 3:6]), np.tile(np.array([3, 1, 0.2]) / 1.6, (2 * count, 1)), rtol=1e-5
    )
    turn = rotation_matrices(made.rows[:1, 6:10].astype(float))[0]
    expected = turn @ np.diag([9, 1, 0.04]) @ turn.T
    np.testing.assert_allclose(np.cov(made.rows[:, :3].T), expected, atol=0.25)


@given(st.floats(-4, 4), arrays(np.float32, 3, elements=st.floats(-5, 1, width=32)))
def test_two_halves_have_the_centre_the_spread_and_the_amount_of_the_whole(logit, sizes):
    made = cloud(5)
    made.rows[:, 3:6], made.rows[:, 10], made.rows[:, 11:] = sizes, logit, 0.3
    made.first[:], made.second[:] = 1, 1
    whole = made.rows.astype(float)
    d.halve(made, np.array([1, 4]))
    np.testing.assert_array_equal(made.rows[[0, 2, 3]], whole[[0, 2, 3]].astype(np.float32))
    assert len(made) == 7 and not made.first[[1, 4, 5, 6]].any() and made.first[0].all()
    for parent, halves in ((1, made.rows[[1, 5]].astype(float)), (4, made.rows[[4, 6]].astype(float))):
        centre = halves[:, :3].mean(0)
        np.testing.assert_allclose(centre, whole[parent, :3], atol=1e-5)
        within = np.mean([covariance(half) for half in halves], 0)
        apart = halves[:, :3] - centre
        spread = within + apart.T @ apart / 2
        np.testing.assert_allclose(spread, covariance(whole[parent]), rtol=1e-3, atol=1e-4 * spread.max())
        amounts = [(d.opacities(row[None]) * np.exp(row[3:6].sum()))[0] for row in (*halves, whole[parent])]
        assert amounts[0] + amounts[1] == pytest.approx(amounts[2], rel=1e-4)
        np.testing.assert_array_equal(halves[:, 11:], whole[[parent, parent], 11:])


def covariance(row):
    turn = rotation_matrices(row[None, 6:10])[0]
    return turn @ np.diag(np.exp(2 * row[3:6])) @ turn.T


def test_a_budget_is_kept_and_the_strongest_pulled_are_split():
    made = cloud(size=-6.0)
    made.rows[::10, 10] = -8  # faint: they go
    remaining, pull = made.rows[made.rows[:, 10] > -8], made.pull()[made.rows[:, 10] > -8]
    strongest = np.argsort(-pull)[:6]
    d.grow(made, 42)
    assert len(made) == 42
    kept = {tuple(row) for row in made.rows}
    assert [tuple(row) in kept for row in remaining] == [i not in strongest for i in range(36)]
    assert np.isclose(made.rows[:, 3:6].min(1), -6 + np.log(0.6)).sum() == 12, "two shorter ones of each of six"
    assert not made.pulls.any() and not made.seen.any()
    d.grow(made, 10)
    assert len(made) == 42, "nothing is taken away to get down to a budget"


@pytest.mark.parametrize("opacity", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("copies", [1, 2, 5, 51])
def test_copies_in_one_place_look_like_one(opacity, copies):
    each, factor = d.shares_of(np.array([opacity]), np.array([copies]))
    x = np.linspace(-40, 40, 400_001)
    alike = 1 - (1 - each * np.exp(-0.5 * (x / factor) ** 2)) ** copies
    assert alike.max() == pytest.approx(opacity, rel=1e-6)
    assert np.trapezoid(alike, x) == pytest.approx(opacity * np.sqrt(2 * np.pi), rel=1e-5)


def test_faint_ones_move_to_others_and_all_gain_what_is_missing():
    made = cloud(size=-6.0)
    made.rows[:, 10] = 2
    made.rows[:30, 10] = -8
    places = {tuple(row) for row in made.rows[30:, :3]}
    d.relocate(made, 50, np.random.default_rng(0))
    assert len(made) == len(made.first) == 50
    assert {tuple(row) for row in made.rows[:, :3]} == places
    _, counts = np.unique(made.rows[:, :3], axis=0, return_counts=True)
    together = 1 - (1 - d.opacities(made.rows)) ** np.repeat(counts, counts)[0]
    assert together.max() < 1 and d.opacities(made.rows).min() > d.FAINT
    nothing = cloud()
    nothing.rows[:, 10] = -8
    d.relocate(nothing, 50, np.random.default_rng(0))
    assert len(nothing) == 40, "where all are faint there is nowhere to go"


def test_only_the_faint_wander_and_within_their_shape():
    made = cloud(6000)
    made.rows[:, :3], made.rows[:, 3:6], made.rows[:, 6:10] = 0, np.log([0.3, 0.1, 0.02]), [0.9, 0.1, -0.4, 0.2]
    made.rows[:3000, 10], made.rows[3000:, 10] = -12, 2
    move(made, d.WANDERS, partial(d.wandering, step_size=1e-5, chance=np.random.default_rng(0)), None)
    assert not made.rows[3000:, :3].any()
    turn = rotation_matrices(made.rows[:1, 6:10].astype(float))[0]
    weight = 5 / (1 + np.exp(-100 * (0.005 - d.opacities(made.rows[:1])[0])))
    expected = turn @ np.diag(np.array([0.3, 0.1, 0.02]) ** 4) @ turn.T * weight**2
    np.testing.assert_allclose(np.cov(made.rows[:3000, :3].T), expected, atol=0.07 * expected.max())


def test_the_order_of_space_has_neighbours_beside_each_other():
    chance = np.random.default_rng(0)
    positions = chance.normal(size=(5000, 3))
    order = d.in_space_order(positions)
    assert sorted(order) == list(range(5000))
    before, after = (np.linalg.norm(np.diff(points, axis=0), axis=1).mean() for points in (positions, positions[order]))
    assert after < 0.2 * before
    assert list(d.in_space_order(np.zeros((4, 3)))) == [0, 1, 2, 3]


def test_the_papers_way_grows_above_the_threshold_and_removes_the_huge():
    made = cloud(size=-6.0)
    made.pulls[:] = 0
    made.pulls[:5] = 1
    d.grow_by_threshold(made, 0.4, 1000, 1.0, np.random.default_rng(0), is_late=False)
    assert len(made) == 45
    made.rows[0, 3] = 1.0
    d.grow_by_threshold(made, 0.4, 1000, 1.0, np.random.default_rng(0), is_late=True)
    assert len(made) == 44


def test_opacities_fade_but_never_rise():
    made = cloud()
    made.rows[:, 10] = np.linspace(-9, 9, 40)
    d.fade(made)
    assert d.opacities(made.rows).max() == pytest.approx(0.01)
    np.testing.assert_array_equal(made.rows[:5, 10], np.linspace(-9, 9, 40).astype(np.float32)[:5])


def test_points_become_gaussians_as_large_as_their_neighbours_are_far():
    points = np.array([[x, y, z] for x in range(4) for y in range(4) for z in range(4)], float)
    rows = d.rows_of_points(points, np.full((64, 3), 0.25), 1)
    np.testing.assert_allclose(np.exp(rows[:, 3:6]), 1, rtol=1e-5)  # three neighbours at distance 1
    np.testing.assert_allclose(d.opacities(rows), 0.1, rtol=1e-5)
    np.testing.assert_allclose(rows[:, 11:14] * C0 + 0.5, 0.25, rtol=1e-5)
    for few in (1, 2):
        assert np.isfinite(d.rows_of_points(points[:few], np.zeros((few, 3)), 2)).all()
    assert np.isfinite(d.rows_of_points(np.zeros((9, 3)), np.zeros((9, 3)), 2)).all(), "all in one place"


def test_states_come_back_whatever_their_size():
    made, other = cloud(), cloud(7, seed=3)
    made.first[:], made.steps = 0.5, 12
    other.load_state_dict(made.state_dict())
    for name in d.Cloud.ARRAYS:
        np.testing.assert_array_equal(getattr(other, name), getattr(made, name))
    assert other.steps == 12


# -- ways of growing ---------------------------------------------------------------------------------------------------


def growth_of(made, **changed):
    given = {"begun": len(made), "most": 140, "extent": 1.0, "pause": 20}
    return d.Growth(np.random.default_rng(0), **{**given, **changed})


def trained(way, made, growth, steps=1000):
    """The counts of Gaussians after each step in which they changed; each is pulled at all the time."""
    counts = {}
    for number in range(1, steps + 1):
        moment = SimpleNamespace(number=number, progress=number / steps)
        moment.every = lambda count, number=number: number % count == 0 or number == steps
        made.pulls[:], made.seen[:] = 1, 1
        before = made.rows
        way(made, moment, growth)
        if made.rows is not before:
            counts[number] = len(made)
    return counts


def test_a_budget_is_reached_in_equal_parts_of_training():
    made = cloud()
    made.rows[:, 10] = 8
    growth = growth_of(made)
    counts = trained(d.budget, made, growth)
    assert list(counts) == list(range(40, 600, 40))
    assert list(counts.values()) == [growth.target(number / 1000) for number in counts]
    assert list(counts.values())[-1] == 140 and growth.growths == 25
    assert growth.target(0) == 40 and growth.target(0.3) == 40 + int(100 * 1.15 / 2)


def test_the_papers_way_begins_late_ends_half_way_and_fades():
    made = cloud(size=-6.0)
    made.rows[:, 10] = 8
    counts = trained(d.threshold, made, growth_of(made, most=60), steps=6400)
    assert (min(counts), max(counts)) == (500, 3180) and set(counts.values()) == {60}
    assert d.opacities(made.rows).max() == pytest.approx(0.01), "they faded at step 3,000"


def test_a_markov_chain_grows_along_the_same_line_until_late():
    made = cloud()
    growth = growth_of(made)
    counts = trained(d.mcmc, made, growth)
    assert list(counts)[:2] == [40, 60], "a pause comes first"
    assert {number: growth.target(number / 1000) for number in counts} == counts
    made.rows[:9, 10] = -8
    assert max(trained(d.mcmc, made, growth)) == 20 * 2 and d.opacities(made.rows).min() >= d.FAINT


def test_chance_comes_back():
    growth, other = growth_of(cloud()), growth_of(cloud())
    growth.generator.normal(size=5)
    growth.growths = 3
    other.load_state_dict(json.loads(json.dumps(growth.state_dict())))
    assert other.generator.normal() == growth.generator.normal() and other.growths == 3
