"""How well does it predict Californian houses: the course's network beside Keras, the default beside boosted trees?"""

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.course import TARGET, TEST_SHARE, VALID_SHARE, course_parts, save_parts
from benchmarks.measure import MAQUETTE, Row, housing_file, last_json, run_process

COURSE_SEEDS, SEEDS = range(5), range(3)


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return [*course_rows(Path(folder)), *default_rows(Path(folder))]


def course_rows(folder: Path) -> list[Row]:
    """Mean absolute errors on the test part, the same parts for both."""
    ours, theirs = [], []
    for seed in COURSE_SEEDS:
        file = folder / f"parts-{seed}.npz"
        save_parts(course_parts(seed), file)
        command = [sys.executable, "-m", "benchmarks.peers.keras_accuracy", str(file), str(seed)]
        theirs.append(last_json(run_process(command)))
        ours.append(run_maquette(folder / f"course-{seed}", seed, "--preset", "course")["scores"]["mae"])
        print(f"  seed {seed}: maquette {ours[-1]:,.0f}, Keras {theirs[-1]:,.0f}", file=sys.stderr, flush=True)
    inside = sum(min(theirs) <= value <= max(theirs) for value in ours)
    note = f"ours {listed(ours)}; Keras {listed(theirs)}; {inside} of {len(ours)} within its spread"
    mean, spread = statistics.mean(ours), max(theirs)
    return [
        Row("course's network, test MAE, mean of 5 seeds", mean, statistics.mean(theirs), "USD", None, note),
        Row("our mean beside Keras's worst seed", mean, spread, "USD", 1.0),
        Row("Keras's best seed beside our mean", min(theirs), mean, "USD", 1.0),
    ]


def default_rows(folder: Path) -> list[Row]:
    """Root mean squared errors on the test part; boosted trees learn from training and validation part together."""
    ours, boosted, own, seconds = [], [], [], []
    for seed in SEEDS:
        made = run_maquette(folder / f"default-{seed}", seed)
        ours.append(made["scores"]["rmse"])
        own.append(made["baselines"]["gradient boosting"]["rmse"])
        seconds.append(made["wall"])
        boosted.append(boosting_rmse(seed))
        print(f"  seed {seed}: {ours[-1]:,.0f}, boosting {boosted[-1]:,.0f}", file=sys.stderr, flush=True)
    ratios = [a / b for a, b in zip(ours, boosted, strict=True)]
    own_ratios = [a / b for a, b in zip(ours, own, strict=True)]
    rows = [
        Row(f"default, test RMSE, seed {seed}", a, b, "USD", None, "HistGradientBoostingRegressor on the raw table")
        for seed, a, b in zip(SEEDS, ours, boosted, strict=True)
    ]
    each = ", ".join(f"{value:.0f}" for value in seconds)
    return [
        *rows,
        Row("default, mean ratio, raw table", statistics.mean(ratios), 1.0, "", 0.97, ratio_list(ratios)),
        Row("default, mean ratio, own baseline", statistics.mean(own_ratios), 1.0, "", 0.97, ratio_list(own_ratios)),
        Row("default, slowest of the runs", max(seconds), unit="s", target=120, note=f"each: {each}"),
    ]


def run_maquette(out: Path, seed: int, *flags: str) -> dict[str, Any]:
    """scores.json of a whole run, and its seconds as `wall`."""
    data = ["--data", str(housing_file()), "--target", TARGET]
    command = [*MAQUETTE, "run", "regression", *data, "--seed", str(seed), "--out", str(out), *flags]
    seconds = run_process(command).seconds
    return json.loads((out / "scores.json").read_text(encoding="utf-8")) | {"wall": seconds}


def boosting_rmse(seed: int) -> float:
    """scikit-learn's defaults on the table as it is: missing values missing, the category as a category."""
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingRegressor

    from maquette.data.rows import split_rows

    frame = pd.read_csv(housing_file()).astype({"ocean_proximity": "category"})
    train, valid, test = split_rows(len(frame), seed, VALID_SHARE, TEST_SHARE)
    x, y = frame.drop(columns=TARGET), frame[TARGET]
    known = np.concatenate([train, valid])
    model = HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=seed)
    answer = model.fit(x.iloc[known], y.iloc[known]).predict(x.iloc[test])
    return float(np.sqrt(np.mean((answer - y.iloc[test]) ** 2)))


def listed(values: list[float]) -> str:
    return ", ".join(f"{value:,.0f}" for value in values)


def ratio_list(values: list[float]) -> str:
    return "each: " + ", ".join(f"{value:.3f}" for value in values)
