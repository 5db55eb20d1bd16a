"""How well do the defaults do on other tables, beside the baselines in their own scores.json?"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets

from benchmarks.measure import Row

SCORES = {"regression": "rmse", "classification": "log_loss"}


def measure() -> list[Row]:
    import maquette

    rows = []
    for name, (recipe, frame) in tables().items():
        with tempfile.TemporaryDirectory() as folder, quiet():
            made = maquette.run(recipe, frame, out=Path(folder) / "run", target="target")
        score = SCORES[recipe]
        peers = {other: scores[score] for other, scores in made.baselines.items()}
        best = min(peers, key=lambda other: peers[other])
        boosted = made.scores[score] / peers["gradient boosting"]
        lost = "" if made.scores[score] <= peers[best] else "LOST; "
        note = f"{lost}beside {best}, the best baseline; beside gradient boosting {boosted:.3f}"
        if recipe == "classification":
            right = {other: scores["accuracy"] for other, scores in made.baselines.items()}
            note += f"; accuracy {made.scores['accuracy']:.3f}, best baseline {max(right.values()):.3f}"
        rows.append(Row(f"{name}, {len(frame):,} rows, {score}", made.scores[score], peers[best], "", None, note))
        print(f"  {name}: {rows[-1].ratio:.3f} {note}", file=sys.stderr, flush=True)
    return rows


def tables() -> dict[str, tuple[str, pd.DataFrame]]:
    """Name -> recipe and table, its last column `target`."""
    friedman1 = datasets.make_friedman1(5_000, noise=1.0, random_state=0)
    friedman3 = datasets.make_friedman3(5_000, noise=0.1, random_state=0)
    return {
        "diabetes": ("regression", datasets.load_diabetes(as_frame=True, scaled=False).frame),
        "friedman 1": ("regression", from_arrays(*friedman1)),
        "friedman 3": ("regression", from_arrays(*friedman3)),
        "steps and 30 levels": ("regression", steps()),
        "breast cancer": ("classification", datasets.load_breast_cancer(as_frame=True).frame),
        "wine": ("classification", datasets.load_wine(as_frame=True).frame),
        "digits": ("classification", datasets.load_digits(as_frame=True).frame),
    }


def from_arrays(x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(x, columns=[f"x{i + 1}" for i in range(x.shape[1])]).assign(target=y)


def steps(rows: int = 10_000) -> pd.DataFrame:
    """What trees are made for: a sum of 40 boxes over 8 columns, an effect for each of 30 levels, and some noise."""
    generator = np.random.default_rng(0)
    x = generator.random((rows, 8))
    level = generator.integers(30, size=rows)
    target = generator.normal(size=30)[level] + 0.3 * generator.normal(size=rows)
    for _ in range(40):
        columns, cuts = generator.choice(8, 3, replace=False), generator.random(3)
        target += generator.normal() * (x[:, columns] > cuts).all(1)
    frame = from_arrays(x, target)
    frame.insert(0, "level", [f"level {code:02d}" for code in level])
    return frame


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the runs' progress out of the table."""
    with open(os.devnull, "w") as nowhere:
        before, sys.stdout = sys.stdout, nowhere
        try:
            yield
        finally:
            sys.stdout = before
