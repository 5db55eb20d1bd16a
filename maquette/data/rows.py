"""Rows as such: some of many, fingerprints, rows standing in two parts, splits into training, validation and test."""

import numpy as np
import pandas as pd

from maquette.settings import UserError

_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio, as in splitmix64


def evenly(count: int, most: int) -> np.ndarray:
    """Up to `most` of the numbers 0..count-1 at even distances, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, most).astype(int))


def row_hashes(frame: pd.DataFrame) -> np.ndarray:
    """One uint64 a row; equal rows have equal hashes, whatever the order of rows, and missing equals missing."""
    total = np.zeros(len(frame), np.uint64)
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column.dtype):
            values = column.to_numpy(np.float64, na_value=np.nan) + 0.0  # -0.0 becomes 0.0
            values[np.isnan(values)] = np.nan
            bits = values.view(np.uint64)
        elif pd.api.types.is_datetime64_dtype(column.dtype):
            bits = column.to_numpy().astype("datetime64[us]").view(np.uint64)
        else:
            codes, words = pd.factorize(column)
            table = np.append(pd.util.hash_array(np.asarray(words, object)), np.uint64(0)).astype(np.uint64)
            bits = table[codes]
        total = _mix(total * np.uint64(31) + bits)
    return total


def _mix(x: np.ndarray) -> np.ndarray:
    x = x + _MIX
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def shared_rows(frame: pd.DataFrame, a: np.ndarray, b: np.ndarray) -> int:
    """How many rows of part `b` stand in part `a` as well; `a` and `b` are row numbers."""
    hashes = row_hashes(frame)
    return int(np.isin(hashes[b], hashes[a]).sum())


def split_rows(
    rows: int, seed: int, valid: float = 0.2, test: float = 0.2, strata: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row numbers of the training, validation and test part, each sorted.

    Sizes are shares of all rows, at least one row each; a share of 0 gives an empty part. With `strata` (one label
    a row) each part holds each class in its share, give or take one row, and the training part holds every class.
    """
    wanted = [max(1, round(rows * share)) if share else 0 for share in (valid, test)]
    while sum(wanted) > max(rows - 1, 0) and max(wanted) > 1:
        wanted[wanted.index(max(wanted))] -= 1
    if rows <= sum(wanted):
        raise UserError(
            f"{rows} rows cannot be split into training, validation and test; give at least {sum(wanted) + 1}."
        )
    generator = np.random.default_rng(seed)
    order = generator.permutation(rows)
    classes = (
        np.zeros(rows, int) if strata is None else pd.factorize(np.asarray(strata, object), use_na_sentinel=False)[0]
    )
    order = order[np.argsort(classes[order], kind="stable")]
    order, test_part = _take_evenly(order, wanted[1])
    order, valid_part = _take_evenly(order, wanted[0])
    parts = [order, valid_part, test_part]
    if strata is not None:
        _give_training_every_class(parts, classes)
    train_part, valid_part, test_part = (np.sort(part) for part in parts)
    return train_part, valid_part, test_part


def _take_evenly(order: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """What is left, and `count` entries at equal distances: of each run in `order` its share, give or take one."""
    taken = ((np.arange(count) + 0.5) * len(order) / max(count, 1)).astype(int)
    return np.delete(order, taken), order[taken]


def _give_training_every_class(parts: list[np.ndarray], classes: np.ndarray) -> None:
    train = parts[0]
    counts = np.bincount(classes[train], minlength=classes.max() + 1)
    for missing in np.flatnonzero(counts == 0):
        commonest = counts.argmax()
        if counts[commonest] < 2:
            return
        part = next(part for part in parts[1:] if (classes[part] == missing).any())
        there = np.flatnonzero(classes[part] == missing)[0]
        here = np.flatnonzero(classes[train] == commonest)[0]
        part[there], train[here] = train[here], part[there]
        counts[[commonest, missing]] += [-1, 1]
