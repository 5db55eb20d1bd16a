"""Does a table of 1,000,000 rows and 30 columns go through on a laptop: trained and reported, then predicted?"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from benchmarks.measure import MAQUETTE, Row, run_process

ROWS, CHUNK = 1_000_000, 50_000
CITIES = np.array(["Aachen", "Bonn", "Celle", "Dresden", "Emden", "Fulda", "Gera", "Hamm", "Ingolstadt", "Jena"])


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        table, run, predicted = (str(Path(folder) / name) for name in ("big.csv", "run", "predicted.csv"))
        write_table(table)
        flags = ["--data", table, "--target", "target", "--epochs", "1", "--out", run]
        trained = run_process([*MAQUETTE, "run", "regression", *flags], poll_memory=True)
        used = run_process([*MAQUETTE, "predict", run, table, "--out", predicted], poll_memory=True)
        with open(predicted, "rb") as file:
            assert sum(1 for _ in file) == ROWS + 1
    return [
        Row("1,000,000 rows: read, analysed, one epoch, report", trained.seconds, unit="s", target=180),
        Row("1,000,000 rows: its peak memory", trained.memory_mb, unit="MB", target=4096),
        Row("1,000,000 rows: predict", used.seconds, unit="s"),
        Row("1,000,000 rows: its peak memory", used.memory_mb, unit="MB", target=1024),
    ]


def write_table(path: str) -> None:
    """24 columns of numbers, 5 of categories and the target; about 230 MB; one value in 30 is missing."""
    pieces = chunks()
    first = next(pieces)
    with pyarrow.csv.CSVWriter(path, first.schema) as writer:
        writer.write_table(first)
        for piece in pieces:
            writer.write_table(piece)


def chunks() -> Iterator[pa.Table]:
    generator = np.random.default_rng(0)
    effects = generator.normal(size=10)
    for _ in range(ROWS // CHUNK):
        numbers = generator.normal(size=(CHUNK, 24)) * 10.0 ** (np.arange(24) % 4)
        codes = (generator.random((CHUNK, 5)) ** 2 * [2, 4, 6, 8, 10]).astype(int)
        scaled = numbers / 10.0 ** (np.arange(24) % 4)
        target = 20 + 5 * np.sin(2 * scaled[:, 0]) + 3 * scaled[:, 1] * scaled[:, 2] + scaled[:, 3:8].sum(1)
        target += 4 * effects[codes[:, 4]] + np.where(codes[:, 1] > 1, 2, -2) + generator.normal(size=CHUNK)
        missing = generator.random((CHUNK, 29)) < 1 / 30
        columns = {f"number_{i + 1}": pa.array(numbers[:, i].round(3), mask=missing[:, i]) for i in range(24)}
        for i in range(5):
            columns[f"category_{i + 1}"] = pa.array(CITIES[codes[:, i]], mask=missing[:, 24 + i])
        yield pa.table(columns | {"target": target.round(3)})
