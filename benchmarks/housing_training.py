"""How long does an epoch of the course's housing training take, beside scikit-learn and Keras? Training alone."""

import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.course import course_parts, save_parts
from benchmarks.measure import Row, alternate, last_json, run_process

ROUNDS = 5
PEERS = {
    "scikit-learn": "scikit-learn",
    "jax": "Keras on JAX",
    "tensorflow": "Keras on TensorFlow",
}


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "parts.npz"
        save_parts(course_parts(seed=0), file)
        jobs = {name: partial(seconds_an_epoch, name, file) for name in ("maquette", *PEERS)}
        medians = alternate(jobs, ROUNDS)
    ours = medians.pop("maquette")
    fastest = min(medians, key=lambda name: medians[name])
    rows = [
        Row("course's housing training, seconds an epoch", ours, medians[name], "s", None, f"beside {title}")
        for name, title in PEERS.items()
    ]
    note = f"beside {PEERS[fastest]}; 10 epochs after 10 uncounted ones, median of {ROUNDS} processes"
    return [*rows, Row("the same beside the fastest", ours, medians[fastest], "s", 1.0, note)]


def seconds_an_epoch(name: str, file: Path) -> float:
    command = [sys.executable, "-m", "benchmarks.peers.housing_epochs", name, str(file)]
    return last_json(run_process(command, TF_CPP_MIN_LOG_LEVEL="3"))
