"""The course's housing table as every peer gets it: Maquette's own split and encoding, as arrays in one file."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measure import housing_file

TARGET = "median_house_value"
VALID_SHARE, TEST_SHARE = 0.16, 0.2  # as the recipe's settings have them


class Course(NamedTuple):
    """Encoded parts, and the line that takes a scaled answer back to dollars: value * scale + shift."""

    parts: dict[str, np.ndarray]
    shift: float
    scale: float


def course_parts(seed: int) -> Course:
    """What preset `course` trains on: rows with missing values dropped, 9 columns and the target scaled to 0..1."""
    from maquette.data.rows import split_rows
    from maquette.data.tables.encoding import TableEncoder
    from maquette.data.tables.reading import read_table

    table = read_table(housing_file())
    frame = table.frame.dropna().reset_index(drop=True)
    kinds = {name: kind for name, kind in table.kinds.items() if name != TARGET}
    rows = dict(zip(("train", "valid", "test"), split_rows(len(frame), seed, VALID_SHARE, TEST_SHARE), strict=True))
    encoder = TableEncoder.fit(frame.iloc[rows["train"]], kinds, "minmax", ordinal=True)
    answers = frame[TARGET].to_numpy(np.float64)
    shift, scale = answers[rows["train"]].min(), np.ptp(answers[rows["train"]])
    parts = {}
    for name, part in rows.items():
        numbers, _ = encoder.transform(frame.iloc[part])
        parts[f"{name}_x"] = numbers
        parts[f"{name}_y"] = ((answers[part] - shift) / scale).astype(np.float32)[:, None]
    return Course(parts, float(shift), float(scale))


def save_parts(course: Course, path: Path) -> None:
    arrays: dict[str, Any] = {**course.parts, "shift": course.shift, "scale": course.scale}
    np.savez(path, **arrays)
