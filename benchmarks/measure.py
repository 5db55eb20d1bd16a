"""What every benchmark needs: the row of the table, a timed process with its peak memory, and the course's data."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil

MAQUETTE = [sys.executable, "-m", "maquette"]


class Row(NamedTuple):
    """One question and its answer. `target` bounds the ratio, ours over the peer's; without a peer, ours."""

    question: str
    ours: float
    peer: float | None = None
    unit: str = ""
    target: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return None if self.peer is None else self.ours / self.peer

    @property
    def met(self) -> bool | None:
        """Whether the target is held; None where there is none."""
        value = self.ours if self.ratio is None else self.ratio
        return None if self.target is None else value <= self.target


class Process(NamedTuple):
    """How a process went: wall seconds, peak resident memory of it and its children, what it printed."""

    seconds: float
    memory_mb: float
    output: str


def run_process(
    command: list[str], folder: Path | None = None, poll_memory: bool = False, **environment: str
) -> Process:
    """Run a command to its end; if it fails, its output is shown and the benchmark ends."""
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=os.environ | environment
        )
        memory = poll(process) if poll_memory else 0.0
        code = process.wait()
        seconds = time.perf_counter() - began
        output.seek(0)
        said = output.read()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}:\n{said}")
    return Process(seconds, memory, said)


def poll(process: subprocess.Popen, every: float = 0.02) -> float:
    """The most memory, in MB, that the process and its children were seen to hold together."""
    peak, parent = 0, psutil.Process(process.pid)
    while process.poll() is None:
        held = 0
        try:
            for one in [parent, *parent.children(recursive=True)]:
                held += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        peak = max(peak, held)
        time.sleep(every)
    return peak / 2**20


def last_json(process: Process) -> Any:
    """What a peer printed on its last line."""
    return json.loads(process.output.strip().splitlines()[-1])


def alternate(jobs: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of each job over several rounds; each round runs every job once, so that all see the same load."""
    answers: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds):
        for name, job in jobs.items():
            answers[name].append(job())
            print(f"  round {number + 1}: {name} {answers[name][-1]:.3f}", file=sys.stderr, flush=True)
    return {name: statistics.median(values) for name, values in answers.items()}


def housing_file() -> Path:
    """housing.csv from $MAQUETTE_DATA, the cache or a download; said if it is the stand-in."""
    from maquette.data.sets.fetching import find

    found = find("california_housing")
    if found.note:
        print(f"  {found.note}", file=sys.stderr, flush=True)
    return found.path
