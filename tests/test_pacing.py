"""How many steps fit into a time, with a clock of the tests' own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maquette import pacing
from maquette.pacing import Plan, Timer


class Clock:
    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(pacing.time, "monotonic", lambda: self.now)


def train(clock, seconds, duration, *, cost=None, timed=0.05):
    """Steps, seconds and progress of a training whose step at a progress takes `duration` of it."""
    plan, timer, done, passed = Plan(None), Timer(seconds, 0.0, timed, cost), 0, []
    while plan.total is None or done < plan.total:
        done += 1
        passed.append(plan.before(done))
        clock.now += duration(passed[-1])
        if done == 1:
            timer.start(done)
            began = clock.now
        elif timer.is_due(plan, done):
            plan = timer.plan(plan, done)
            assert plan.total is None or done < plan.total
    return done, clock.now - began, passed


def test_equal_steps_fill_the_time(monkeypatch):
    steps, seconds, passed = train(Clock(monkeypatch), 10.0, lambda _: 0.01)
    assert seconds == pytest.approx(10.0, abs=0.05)
    assert steps == pytest.approx(1001, abs=5)
    assert passed == sorted(passed)


def test_a_machine_that_becomes_busy_gets_fewer_steps(monkeypatch):
    steps, seconds, passed = train(Clock(monkeypatch), 60.0, lambda at: 0.03 if at > 0.2 else 0.01)
    assert seconds == pytest.approx(60.0, rel=0.3) and passed == sorted(passed) and passed[-1] > 0.99
    assert 2000 < steps < 6000


def test_a_wrong_cost_is_put_right_on_the_way(monkeypatch):
    """Steps become five times as long, where they were said to become twice as long."""
    _, seconds, passed = train(Clock(monkeypatch), 60.0, lambda at: 0.01 * (1 + 4 * at), cost=lambda at: 1 + at)
    assert seconds == pytest.approx(60.0, rel=0.05)
    assert passed == sorted(passed) and np.diff(passed).max() < 0.01
    _, seconds, _ = train(Clock(monkeypatch), 60.0, lambda at: 0.01 * (1 + 4 * at), cost=lambda at: 1 + 4 * at)
    assert seconds == pytest.approx(60.0, rel=0.01)


def test_a_time_that_is_over_at_the_first_look_ends_with_the_next_step(monkeypatch):
    steps, _, _ = train(Clock(monkeypatch), 0.001, lambda _: 1.0)
    assert steps == 3


def test_an_earlier_process_has_spent_some_of_the_time(monkeypatch):
    clock = Clock(monkeypatch)
    timer = Timer(10.0, 4.0, 0.05, None)
    timer.start(50)
    clock.now += 1.0
    assert timer.spent == pytest.approx(5.0)
    assert timer.plan(Plan(None), 60) == Plan(60 + 50, 60, 0.0)  # ten steps a second for five seconds


@given(st.integers(1, 200), st.integers(0, 100), st.floats(0, 1))
def test_progress_begins_where_the_plan_was_made_and_stays_below_one(total, at, progress):
    plan = Plan(at + total, at, progress)
    passed = [plan.before(step) for step in range(at + 1, at + total + 1)]
    assert passed[0] == progress and passed == sorted(passed)
    assert passed[-1] <= 1
