"""The loop: counting, saving, resuming, stopping, planning by seconds, and what it costs."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from maquette.checkpoints import load_state
from maquette.runs import Interrupted, Run, ask_to_stop, asked_to_stop
from maquette.settings import Settings, UserError


class Counter:
    """Something with a state: a sum of random numbers."""

    def __init__(self):
        self.sum = torch.zeros(())

    def state_dict(self):
        return {"sum": self.sum}

    def load_state_dict(self, state):
        self.sum = state["sum"].clone()


def work(folder: Path, steps: int, stop_at: int | None = None, resuming: bool = False) -> float:
    run = Run(folder, Settings(), resuming=resuming)
    run.seed_everything("train")
    counter = Counter()
    run.keep(counter=counter)
    for step in run.loop(steps):
        counter.sum += torch.rand(()) + random.random()
        if step.every(10):
            run.log(step, sum=counter.sum)
        if step.number == stop_at:
            run.stop()
    return float(counter.sum)


@pytest.mark.parametrize("stop_at", [1, 7, 10, 99])
def test_stopped_and_resumed_is_never_stopped(tmp_path, stop_at):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    expected = work(tmp_path / "a", 100)
    with pytest.raises(Interrupted, match="maquette resume"):
        work(tmp_path / "b", 100, stop_at)
    assert work(tmp_path / "b", 100, resuming=True) == expected
    lines = [[json.loads(line)["sum"] for line in (tmp_path / n / "metrics.jsonl").open()] for n in "ab"]
    assert lines[0] == lines[1] and len(lines[0]) == 10


def test_lines_after_the_last_checkpoint_are_forgotten(tmp_path):
    with pytest.raises(Interrupted):
        work(tmp_path, 100, 25)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "sum": 1}\n{"step": 4')
    work(tmp_path, 100, resuming=True)
    assert [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").open()] == list(range(10, 101, 10))


def test_a_second_loop_goes_on_where_it_stood(tmp_path):
    def two_loops(folder, stop_at=None, resuming=False):
        run = Run(folder, Settings(), resuming=resuming)
        run.seed_everything("train")
        first, second = Counter(), Counter()
        run.keep(first=first)
        for _ in run.loop(20):
            first.sum += torch.rand(())
        run.keep(second=second)
        for step in run.loop(20):
            second.sum += torch.rand(()) * first.sum
            if step.number == stop_at:
                run.stop()
        return float(first.sum), float(second.sum)

    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    expected = two_loops(tmp_path / "a")
    with pytest.raises(Interrupted):
        two_loops(tmp_path / "b", 5)
    assert two_loops(tmp_path / "b", resuming=True) == expected


class Clock:
    """A time of its own: tests say how long a step takes, whatever else the machine does."""

    now = 0.0

    def monotonic(self):
        return self.now

    def wait(self, seconds: float):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("maquette.pacing.time", clock)
    return clock


@pytest.mark.parametrize("slowed", [1, 2, 0.5])
def test_seconds_fix_the_number_of_steps_and_resuming_keeps_it(tmp_path, clock, slowed):
    def timed(stop_at=None, resuming=False, pace=0.002):
        run = Run(tmp_path, Settings(seconds=1.0), resuming=resuming)
        progress = []
        for step in run.loop(10**9):
            clock.wait(pace)
            progress.append(step.progress)
            if step.number == stop_at:
                run.stop()
        return progress

    with pytest.raises(Interrupted):
        timed(stop_at=100)
    total = load_state(tmp_path / "checkpoint", "state")["plan"]["total"]
    assert total == 500
    progress = timed(resuming=True, pace=0.002 * slowed)
    assert progress == sorted(progress) and 0.9 < progress[-1] < 1
    assert clock.now == pytest.approx(1, abs=0.01)  # whatever the pace is after the stop, the seconds are kept
    if slowed == 1:
        assert len(progress) == pytest.approx(total - 100, abs=1)  # planned anew of seconds that are rounded


def test_steps_that_cost_more_and_more_are_planned_again_and_the_plan_is_kept(tmp_path, clock):
    def plans(stop_at, resuming=False):
        run = Run(tmp_path, Settings(seconds=1.0), resuming=resuming)
        progress = []
        for step in run.loop(10**9, cost=lambda at: 1 + 9 * at):
            clock.wait(0.002 * (1 + 2 * step.progress))
            progress.append(step.progress)
            if step.progress >= stop_at:
                run.stop()
        return progress

    with pytest.raises(Interrupted):
        plans(stop_at=0.5)
    saved = load_state(tmp_path / "checkpoint", "state")
    assert saved["plan"]["progress"] == pytest.approx(1 / 3, abs=0.02) and saved["spent"] < 1
    rest = plans(stop_at=2, resuming=True)
    end = load_state(tmp_path / "checkpoint", "state")
    assert rest[0] >= 0.5 and rest == sorted(rest) and rest[-1] < 1
    assert end["step"] == end["plan"]["total"] == saved["step"] + len(rest)
    assert end["plan"]["progress"] == pytest.approx(2 / 3, abs=0.02)


def test_ctrl_c_saves_and_a_number_that_is_none_ends(tmp_path):
    run = Run(tmp_path, Settings())
    with pytest.raises(Interrupted):
        for step in run.loop(1000):
            if step.number == 3:
                signal.raise_signal(signal.SIGINT)
    assert load_state(tmp_path / "checkpoint", "state")["step"] == 3
    run = Run(tmp_path, Settings(), resuming=True)
    with pytest.raises(UserError, match=r"step 5.*loss is no longer a finite number.*last good checkpoint"):
        for step in run.loop(1000):
            run.log(step, loss=float("nan") if step.number == 5 else 1.0)
    assert load_state(tmp_path / "checkpoint", "state")["step"] == 3


def test_another_process_asks_it_to_stop_by_a_file(tmp_path):
    run, began = Run(tmp_path, Settings()), time.monotonic()
    with pytest.raises(Interrupted):
        for step in run.loop(10**9):
            time.sleep(0.01)
            if step.number == 3:
                ask_to_stop(tmp_path)
    assert time.monotonic() - began < 10
    ask_to_stop(tmp_path)  # too late for that process, and not meant for the next one
    Run(tmp_path, Settings(), resuming=True)
    assert not asked_to_stop(tmp_path)


def test_weights_that_are_no_numbers_are_not_saved(tmp_path):
    run, counter = Run(tmp_path, Settings()), Counter()
    counter.sum = torch.tensor(float("inf"))
    run.keep(counter=counter)
    with pytest.raises(UserError, match="counter is no longer a finite number"):
        for _ in run.loop(3):
            pass
    assert not (tmp_path / "checkpoint" / "state.json").exists()


def test_a_step_costs_little(tmp_path):
    """Counted in bytecode instructions, not seconds: an empty step runs a few lines of ours."""
    run, lines = Run(tmp_path, Settings()), 0

    def count(frame, event, argument):
        nonlocal lines
        if frame.f_code.co_name == "loop":
            lines += event == "line"
            return count
        return None

    sys.settrace(count)
    try:
        for _ in run.loop(1_000):
            pass
    finally:
        sys.settrace(None)
    assert lines < 20_000


def test_it_runs_without_tensorboard(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    work(tmp_path, 30)
    assert not (tmp_path / "events").exists() and len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 3


def test_leaving_the_loop_early_gives_the_signals_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    for step in Run(tmp_path, Settings()).loop(100):
        if step.number == 3:
            break
    assert signal.getsignal(signal.SIGTERM) == before


def test_generators_of_one_purpose_do_not_disturb_another(tmp_path):
    first, second = Run(tmp_path, Settings(seed=3)), Run(tmp_path, Settings(seed=3))
    first.random("pictures").random(1000)
    assert first.random("split").random() == second.random("split").random()
    assert Run(tmp_path, Settings(seed=4)).random("split").random() != second.random("split").random()


WRITER = """
import sys, torch
from pathlib import Path
from maquette.checkpoints import save_state
number = 0
while True:
    save_state({"number": number, "weights": torch.full((200_000,), float(number))}, Path(sys.argv[1]), "state")
    number += 1
"""


@pytest.mark.slow
def test_killed_while_writing_a_checkpoint_leaves_a_whole_one(tmp_path):
    moments, last = random.Random(0), -1
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], env=os.environ)
        before = (tmp_path / "state.json").stat().st_mtime_ns if (tmp_path / "state.json").exists() else None
        while not (tmp_path / "state.json").exists() or (tmp_path / "state.json").stat().st_mtime_ns == before:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.2))
        process.kill()
        process.wait()
        state = load_state(tmp_path, "state")
        assert torch.equal(state["weights"], torch.full((200_000,), float(state["number"])))
        last = max(last, state["number"])
    assert last >= 1


def test_reports_do_not_name_steps_that_time_decides(tmp_path):
    assert Run(tmp_path / "a", Settings(seconds=1.0)).planned(7) == "by time"
    assert Run(tmp_path / "b", Settings()).planned(7) == 7
