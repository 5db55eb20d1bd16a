"""How long does the course's housing job take from start to finished report, beside the same job in Keras?"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import MAQUETTE, Row, alternate, housing_file, run_process

ROUNDS = 3
PEER = Path(__file__).parent / "peers" / "keras_housing.py"


def measure() -> list[Row]:
    data = str(housing_file())
    with tempfile.TemporaryDirectory() as folder:
        fresh = fresh_names(Path(folder))
        whole = [*MAQUETTE, "run", "regression", "--preset", "course", "--data", data, "--target", "median_house_value"]
        peer = [sys.executable, str(PEER), data]
        jobs: dict[str, Callable[[], float]] = {
            "maquette": lambda: run_process([*whole, "--out", fresh()]).seconds,
            "keras": lambda: run_process([*peer, fresh()]).seconds,
            "keras, bare": lambda: run_process([*peer, fresh(), "bare"]).seconds,
        }
        medians = alternate(jobs, ROUNDS)
    ours, note = medians["maquette"], f"Keras on TensorFlow, seaborn, scikit-learn; median of {ROUNDS} rounds"
    less = "the peer without baselines and permutation importance, ours with them"
    return [
        Row("course's housing job, from start to report", ours, medians["keras"], "s", 0.5, note),
        Row("the same, hard case", ours, medians["keras, bare"], "s", None, less),
    ]


def fresh_names(folder: Path) -> Callable[[], str]:
    """A function that names a new folder each time it is called."""
    names = iter(range(1000))
    return lambda: str(folder / str(next(names)))
