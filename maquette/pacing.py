"""How many steps training takes: as many as were asked for, or as many as fit into a time."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LOOKS = 3  # equal parts of training; after each, the rest is planned anew: a machine may have become busy


@dataclass(frozen=True)
class Plan:
    """`total` steps, None as long as that is not known; made after step `at`, when `progress` of training was done."""

    total: int | None
    at: int = 0
    progress: float = 0.0

    def before(self, step: int) -> float:
        """The part of training 0..1 that is done when a step begins; steps count from 1."""
        if self.total is None:
            return 0.0
        ahead = max(0, step - 1 - self.at) / max(1, self.total - self.at)
        return self.progress + ahead * (1 - self.progress)


class Timer:
    """Plans as many steps as fit into `seconds`, of which `spent` have passed already.

    The first plan is made when the part `timed` of them has passed. `cost` tells how long a step takes at a progress
    0..1, in any unit; without it all steps take as long.
    """

    def __init__(self, seconds: float, spent: float, timed: float, cost: Callable[[float], float] | None):
        self.seconds, self.timed, self.cost = seconds, timed, cost
        self._earlier = spent
        self.start(0)

    def start(self, done: int) -> None:
        """Time the steps after `done`, and none before."""
        self._began = self._lap = time.monotonic()
        self._lap_at = done

    @property
    def spent(self) -> float:
        return self._earlier + time.monotonic() - self._began

    def is_due(self, plan: Plan, done: int) -> bool:
        """Whether to look at the time after step `done`: all processes of a run say the same."""
        if plan.total is None:
            return (done & (done - 1)) == 0
        if done == plan.total:
            return False
        return int(LOOKS * plan.before(done + 1)) > int(LOOKS * plan.progress)

    def plan(self, plan: Plan, done: int) -> Plan:
        """The plan to go on with after step `done`."""
        now = time.monotonic()
        taken, steps, left = now - self._lap, done - self._lap_at, self.seconds - self.spent
        if steps == 0 or (plan.total is None and taken < self.seconds * self.timed):
            return plan
        progress = plan.before(done + 1)
        pace = taken / steps / self._mean_cost(plan.progress, progress)
        self._lap, self._lap_at = now, done
        return Plan(done + max(1, int(left / pace / self._mean_cost(progress, 1.0))), done, progress)

    def _mean_cost(self, begin: float, end: float) -> float:
        return 1.0 if self.cost is None else float(np.mean([self.cost(at) for at in np.linspace(begin, end, 101)]))
