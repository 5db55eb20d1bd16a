"""How fast does the command line answer, and what does the loop cost a step?"""

import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.measure import MAQUETTE, Row, alternate, run_process

ROUNDS, STEPS = 5, 100_000


def measure() -> list[Row]:
    commands = [["--help"], ["list"], ["run", "regression", "--help"]]
    jobs = {" ".join(command): partial(seconds_of, command) for command in commands}
    medians = alternate(jobs, ROUNDS)
    rows = [Row(f"maquette {name}", seconds, unit="s", target=0.5) for name, seconds in medians.items()]
    loop = alternate({"loop": microseconds_a_step}, ROUNDS)["loop"]
    return [*rows, Row("the loop, a step", loop, unit="µs", target=20, note=f"median of {ROUNDS} x {STEPS:,} steps")]


def seconds_of(command: list[str]) -> float:
    return run_process([*MAQUETTE, *command]).seconds


def microseconds_a_step() -> float:
    """An empty loop of `Run.loop`, with a model and an optimizer kept, its checkpoints included."""
    from maquette.methods.optimizers import RMSprop
    from maquette.models import MLP
    from maquette.recipes.regression.settings import Settings
    from maquette.runs import Run

    with tempfile.TemporaryDirectory() as folder:
        run, model = Run(Path(folder), Settings()), MLP(inputs=9)
        run.keep(model=model, optimizer=RMSprop(model.parameters()))
        began = time.perf_counter()
        for _ in run.loop(STEPS):
            pass
        return (time.perf_counter() - began) / STEPS * 1e6
