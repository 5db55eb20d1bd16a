"""Run: one run folder, what is written to it, and the loop that counts, saves, resumes and stops."""

import json
import math
import os
import random
import shlex
import signal
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from maquette.checkpoints import load_state, save_state
from maquette.devices import find_device, random_state, set_random_state
from maquette.facts import Facts
from maquette.files import cannot_write, read_json
from maquette.pacing import Plan, Timer
from maquette.progress import Progress
from maquette.settings import Settings, UserError
from maquette.trained import Trained, read_metrics

STOP = "stop"  # the file in a run folder that asks for its end
LOOKS_EVERY = 0.1  # seconds between two looks at that file, and of the progress bar
SAVE_EVERY = 20.0  # seconds; with the time a save takes, a crash loses less than half a minute


class Interrupted(Exception):
    """Training was stopped on request, after a checkpoint; the message says how to go on."""


class Step:
    """Where a loop stands: `number` counts from 1, `progress` runs from 0 to 1 over the whole of training."""

    number = 0
    progress = 0.0
    is_last = False

    def every(self, count: int) -> bool:
        """True on every `count`-th step and on the last."""
        return self.is_last or self.number % count == 0


class Run(Facts):
    """A run folder while it is being made. In a run of several processes only the first one writes.

    `needed` are the runs that this one needs, by the settings that name them.
    """

    def __init__(self, folder: Path, settings: Settings, *, resuming: bool = False):
        self.device, self.rank, self.processes = find_device(settings.device)
        super().__init__(folder, self.rank == 0)
        self.settings = settings
        self.needed: dict[str, Trained] = {}
        self._kept: dict[str, Any] = {}
        self._loops = 0
        self.is_spread = False  # whether what is kept is spread over processes, so that all of them must save together
        self._stopping = False
        self._events: Any = None
        self._checkpoint: dict[str, Any] = {}
        self._began = time.monotonic()
        if resuming:
            self._go_on()

    # -- chance ------------------------------------------------------------------------------------------------------

    def random(self, purpose: str) -> np.random.Generator:
        """A generator of its own for one purpose, from the run's seed: what others draw does not change it."""
        return np.random.default_rng([self.settings.seed, zlib.crc32(purpose.encode())])

    def seed_everything(self, purpose: str) -> None:
        """Seed the global generators of torch, NumPy and Python for one purpose."""
        seed = int(self.random(purpose).integers(2**32))
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)

    # -- the loop ----------------------------------------------------------------------------------------------------

    def keep(self, **objects: Any) -> None:
        """Name all that going on needs: objects with `state_dict` and `load_state_dict`.

        When the run is being resumed, each is set to its state at the last checkpoint at once.
        """
        for name, kept in objects.items():
            self._kept[name] = kept
            if name in self._checkpoint.get("kept", {}):
                kept.load_state_dict(self._checkpoint["kept"][name])

    def planned(self, count: int) -> int | str:
        """What reports say of how many steps or epochs there are: so many, or `by time` with `seconds` set."""
        return count if self.settings.seconds is None else "by time"

    def loop(self, steps: int, *, timed: float = 0.05, cost: Callable[[float], float] | None = None) -> Iterator[Step]:
        """Count `steps` steps, going on where the last checkpoint stood; saves, shows progress, stops when asked.

        With `seconds` set, the steps after the first are timed, for the part `timed` of them, and the number of steps
        is then planned and recorded, and again at some moments on the way; `cost` tells how long a step takes at each
        progress, if that changes.
        """
        self._loops += 1
        done, plan, spent = self._restore(steps)
        if plan.total is not None and done >= plan.total:
            return
        step, progress, clock = Step(), Progress("training"), time.monotonic
        begun, seconds = done, self.settings.seconds
        timer = Timer(seconds or math.inf, spent, timed, cost)
        interval = float(os.environ.get("MAQUETTE_SAVE_SECONDS", SAVE_EVERY))
        saved = looked = clock()
        with self._signals(), closing(progress):
            while plan.total is None or done < plan.total:
                done += 1
                step.number, step.progress, step.is_last = done, plan.before(done), done == plan.total
                yield step
                if done == begun + 1:
                    timer.start(done)  # the first step also loads and compiles: it does not count
                elif seconds is not None and timer.is_due(plan, done):
                    earlier, plan = plan, self._same_everywhere(timer.plan(plan, done))
                    if plan != earlier:
                        self._save(done, plan, timer.spent)
                stopping, saving = self._agreed(done, clock() - saved > interval)
                if stopping:
                    break
                if saving:
                    self._save(done, plan, timer.spent)
                    saved = clock()
                now = clock()
                if now - looked >= LOOKS_EVERY and self.is_main:
                    looked = now
                    self._stopping |= asked_to_stop(self.folder)
                    progress.update(done, plan.total)
        self._save(done, plan, timer.spent)
        if done != plan.total:
            raise Interrupted(f"Stopped at step {done:,}; go on with: maquette resume {shlex.quote(str(self.folder))}")

    def stop(self) -> None:
        """Ask the loop to save and end after the step it is in. Ctrl-C, SIGTERM and `maquette stop` do the same."""
        self._stopping = True

    def log(self, step: Step, **numbers: float | torch.Tensor) -> None:
        """Add one line to `metrics.jsonl`; a number that is not finite ends the run with advice."""
        values = {
            name: float(value.detach() if isinstance(value, torch.Tensor) else value) for name, value in numbers.items()
        }
        for name, value in values.items():
            if not math.isfinite(value):
                raise self._diverged(step.number, name)
        if not self.is_main:
            return
        line = {"step": step.number, **values, "seconds": round(time.monotonic() - self._began, 3)}
        try:
            with open(self.folder / "metrics.jsonl", "a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise cannot_write(self.folder / "metrics.jsonl", error) from error
        self._log_events(step.number, values)

    def metrics(self) -> list[dict[str, float]]:
        """What has been logged so far, one dict a line."""
        return read_metrics(self.folder)

    def _go_on(self) -> None:
        """Read what an earlier process left, and forget what it logged after its last checkpoint."""
        asked_to_stop(self.folder)  # that was meant for the earlier process
        if (self.folder / "findings.json").exists():
            self.findings = read_json(self.folder / "findings.json")
            self.keep_what_is_done()
        if (self.folder / "checkpoint" / "state.json").exists():
            self._checkpoint = load_state(self.folder / "checkpoint", "state")
        self._began -= self._checkpoint.get("seconds", 0.0)
        metrics = self.folder / "metrics.jsonl"
        if self.is_main and metrics.exists():
            os.truncate(metrics, min(metrics.stat().st_size, self._checkpoint.get("metrics_bytes", 0)))

    def _restore(self, steps: int) -> tuple[int, Plan, float]:
        """Steps done, the plan and the seconds spent, for the loop that begins now."""
        saved = self._checkpoint
        if saved and saved["loop"] > self._loops:
            return 1, Plan(1), 0.0  # this loop had ended before the checkpoint was made
        if saved and saved["loop"] == self._loops:
            set_random_state(saved["random"])
            return saved["step"], Plan(**saved["plan"]), saved["spent"]
        return 0, Plan(steps if self.settings.seconds is None else None), 0.0

    def _same_everywhere(self, plan: Plan) -> Plan:
        """The first process's plan."""
        plans = [plan]
        if self.processes > 1:
            torch.distributed.broadcast_object_list(plans, src=0)
        return plans[0]

    def _save(self, done: int, plan: Plan, spent: float) -> None:
        if not self.is_main and not self.is_spread:
            return
        kept = {name: value.state_dict() for name, value in self._kept.items()}
        if not self.is_main:
            return
        for name, state in kept.items():
            for tensor in (value for value in state.values() if isinstance(value, torch.Tensor)):
                if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                    raise self._diverged(done, name)
        (self.folder / "checkpoint").mkdir(exist_ok=True)
        metrics = self.folder / "metrics.jsonl"
        state = {
            "loop": self._loops,
            "step": done,
            "plan": asdict(plan),
            "spent": spent,
            "seconds": time.monotonic() - self._began,
            "metrics_bytes": metrics.stat().st_size if metrics.exists() else 0,
        }
        save_state(state | {"random": random_state(), "kept": kept}, self.folder / "checkpoint", "state")
        if self._events:
            self._events.flush()

    def _diverged(self, step: int, name: str) -> UserError:
        last = self.folder / "checkpoint" / "state.json"
        good = f"the last good checkpoint is {last}" if last.exists() else "no checkpoint had been made yet"
        return UserError(
            f"Training ended at step {step:,}: {name} is no longer a finite number; {good}. "
            f"Run again with a smaller learning rate, or look for extreme values in the data."
        )

    def _agreed(self, done: int, is_save_due: bool) -> tuple[bool, bool]:
        """Whether to stop now and whether to save now.

        Several processes agree on stopping every sixteenth step, and on both at each where what they keep is spread.
        """
        if self.processes == 1:
            return self._stopping, is_save_due
        if done % 16 and not self.is_spread:
            return False, is_save_due
        flags = torch.tensor([float(self._stopping), float(is_save_due and self.is_main)], device=self.device)
        torch.distributed.all_reduce(flags)
        return bool(flags[0] > 0), bool(flags[1] > 0) if self.is_spread else is_save_due

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM ask to stop; a second Ctrl-C ends at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number: int, frame: Any) -> None:
            if self._stopping:
                raise KeyboardInterrupt
            self.stop()

        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _log_events(self, step: int, values: dict[str, float]) -> None:
        """TensorBoard's events beside `metrics.jsonl`, where tensorboard is installed."""
        if self._events is None:
            # tensorboard would load TensorFlow, where that is installed, to write files with: seconds for nothing
            sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                self._events = False
            else:
                self._events = SummaryWriter(str(self.folder / "events"), purge_step=step)
        if self._events:
            for name, value in values.items():
                self._events.add_scalar(name, value, step)


def ask_to_stop(folder: Path) -> None:
    """Ask the process that trains in this run folder to save and end, on any system: it looks for a file."""
    (folder / STOP).touch()


def asked_to_stop(folder: Path) -> bool:
    """Whether a stop was asked for since the last look."""
    if not (folder / STOP).exists():
        return False
    (folder / STOP).unlink(missing_ok=True)
    return True
