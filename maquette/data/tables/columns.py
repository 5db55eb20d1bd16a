"""What stands in a table's columns: a description of each, and what the user should be warned of before training."""

from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd

from maquette.data.tables.choosing import in_words
from maquette.data.tables.kinds import convert, kind_of, looks_like_id
from maquette.data.tables.reading import Table
from maquette.data.words import listed, of_many
from maquette.settings import UserError, nearest

Task = Literal["regression", "classification"]
INPUT_KINDS = ("number", "boolean", "category", "date")
GIVES_AWAY = 0.999  # |Spearman| with the target from which a column is the target in other words
EXPLAINS = 0.995  # share of the target's variance that the groups of one column explain
SKEWED = 3.0  # skewness; an exponential has 2
MOSTLY_MISSING = 0.5
MANY_LEVELS = 200
IMBALANCE = 20  # rows of the commonest class to those of the rarest
MANY_CLASSES, ROWS_A_CLASS = 20, 3  # more classes than that need so many rows each, on average
LARGEST_TARGET = 1e145
SAMPLE = 50_000  # rows looked at where ranks are needed


def check_columns(columns: Iterable[str], needed: Iterable[str]) -> None:
    """All `needed` columns are there, or a `UserError` names the missing ones, with the nearest names."""
    there = [str(name) for name in columns]
    missing = [name for name in needed if name not in set(there)]
    if not missing:
        return
    spare = [name for name in there if name not in set(needed)]
    hints = [f"{name!r}{nearest(name, spare).replace('; did', ' (did').replace('?', '?)')}" for name in missing[:8]]
    more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
    what = "column is" if len(missing) == 1 else "columns are"
    raise UserError(f"{len(missing)} needed {what} missing: {', '.join(hints)}{more}; there are {listed(there)}.")


def check_target(table: Table, target: str | None, task: Task) -> None:
    """The target can be learnt, or a `UserError` says why not."""
    names = list(table.kinds)
    if not target:
        raise UserError(f"Say which column to predict with --target; there are {listed(names)}.")
    if target not in table.kinds:
        raise UserError(
            f"There is no column {target!r}{nearest(target, names) or '; there are ' + listed(names) + '.'}"
        )
    values = labels_of(table, target) if task == "classification" else table.frame[target]
    distinct = values.nunique()
    if distinct == 0:
        raise UserError(f"Every value of the target {target!r} is missing; choose another column with --target.")
    if distinct == 1:
        only = values.dropna().iloc[0]
        raise UserError(f"The target {target!r} has one value only ({only}); there is nothing to learn from it.")
    if task == "regression" and table.kinds[target] not in ("number", "boolean"):
        example = values.dropna().iloc[0]
        raise UserError(
            f"The target {target!r} holds no numbers but {example!r} and the like; use the recipe classification, "
            "or choose a column of numbers with --target."
        )
    if values.notna().sum() < 2:
        raise UserError(f"The target {target!r} is there in one row only; give more rows.")
    if task == "classification":
        counts = values.value_counts()
        rows = int(counts.sum())
        if counts.iloc[1] < 2 or (distinct > MANY_CLASSES and rows < ROWS_A_CLASS * distinct):
            few = "hardly any twice" if counts.iloc[1] < 2 else "too few rows for each"
            raise UserError(
                f"The target {target!r} has {distinct:,} classes in {rows:,} rows, {few}; "
                "choose a column with fewer classes, or use the recipe regression for numbers."
            )
    elif float(values.abs().max()) > LARGEST_TARGET:
        raise UserError(
            f"The target {target!r} goes up to {values.abs().max():.3g}, and squares of its errors could not be "
            f"counted; divide it so that it stays below {LARGEST_TARGET:g}."
        )
    elif (spread := float(values.max() - values.min())) < 1 / LARGEST_TARGET:
        raise UserError(
            f"The values of the target {target!r} lie within {spread:.3g}, and squares of its errors could not be "
            f"counted; multiply it so that they lie apart by more than {1 / LARGEST_TARGET:g}."
        )


def two_columns(table: Table, x: str | None, y: str | None) -> tuple[str, str]:
    """Names of two columns of numbers, as given or the only two there are; else a `UserError` says which there are."""
    given, names = (x, y), list(table.frame)
    numbers = [name for name, kind in table.kinds.items() if kind == "number"]
    for name in given:
        if name is not None and name not in numbers:
            why = "is not a column of numbers" if name in names else f"is not a column{nearest(name, names)}"
            raise UserError(f"{name} {why}. Columns of numbers: {', '.join(numbers) or 'none'}.")
    left = [name for name in numbers if name not in given]
    if given == (None, None) and len(left) != 2:
        raise UserError(f"Name the two columns with --x and --y. Columns of numbers: {', '.join(numbers) or 'none'}.")
    if None in given and not left:
        raise UserError("A line needs two columns of numbers; this table has one.")
    x_name, y_name = given[0] or left[0], given[1] or left[-1]
    if x_name == y_name:
        raise UserError(f"--x and --y are both {x_name}; name two columns.")
    return x_name, y_name


def labels_of(table: Table, target: str) -> pd.Series:
    """A column as class labels, in the words of the file if it was read as labels; missing stays missing."""
    values, kind = table.frame[target], table.kinds[target]
    if kind == "boolean":
        no, yes = table.spellings.get(target, ("False", "True"))
        return values.map({0.0: no, 1.0: yes})
    if kind in ("category", "text"):
        return values
    return convert(values.to_frame(), {target: "category"}, {})[target].set_axis(values.index)


def coordinates(table: Table) -> tuple[str, str] | None:
    """The columns of longitude and latitude, told by name and by range in degrees; None where there is no such pair."""

    def find(words: tuple[str, ...], limit: float) -> str | None:
        for name, kind in table.kinds.items():
            parts = name.lower().replace("-", "_").replace(" ", "_").replace(".", "_").split("_")
            if kind == "number" and any(word in parts for word in words):
                values = table.frame[name].dropna()
                if len(values) and values.abs().max() <= limit and values.nunique() > 2:
                    return name
        return None

    longitude = find(("longitude", "lon", "lng", "long"), 360)
    latitude = find(("latitude", "lat"), 90)
    return (longitude, latitude) if longitude and latitude else None


def describe(table: Table, target: str | None = None) -> pd.DataFrame:
    """One row a column, the target first: kind, count, missing, unique; mean to max of numbers; the commonest word."""
    names = sorted(table.kinds, key=lambda name: name != target)
    return pd.DataFrame([_describe_one(table, name) for name in names], index=pd.Index(names, name="column"))


def _describe_one(table: Table, name: str) -> dict[str, object]:
    values, kind = table.frame[name], table.kinds[name]
    there = values.dropna()
    row: dict[str, object] = {
        "kind": kind, "count": len(there), "missing": len(values) - len(there), "unique": int(there.nunique()),
        "mean": np.nan, "std": np.nan, "min": np.nan, "25%": np.nan, "50%": np.nan, "75%": np.nan, "max": np.nan,
        "most frequent": "", "share": np.nan,
    }  # fmt: skip
    if kind in ("number", "boolean") and len(there):
        quartiles = np.quantile(there.to_numpy(), [0, 0.25, 0.5, 0.75, 1])
        row |= {"mean": there.mean(), "std": there.std(ddof=0)} | dict(
            zip(("min", "25%", "50%", "75%", "max"), quartiles, strict=True)
        )
    elif kind == "date" and len(there):
        row |= {"most frequent": f"{there.min():%Y-%m-%d} to {there.max():%Y-%m-%d}"}
    elif len(there):
        counts = there.value_counts()
        row |= {"most frequent": str(counts.index[0]), "share": counts.iloc[0] / len(there)}
    return row


def warnings_of(table: Table, target: str, task: Task) -> list[str]:
    """What may spoil the training besides leaks, as sentences; what was found while reading is in `table.notes`."""
    frame, rows = table.frame, len(table.frame)
    found = []
    if missing := int(frame[target].isna().sum()):
        found.append(f"The target {target!r} is missing in {missing:,} of {rows:,} rows; such rows are left out.")
    for name, kind in table.kinds.items():
        if name == target or kind == "text":
            continue
        values = frame[name]
        share, distinct = float(values.isna().mean()), _count_values(values)
        if distinct == 0:
            found.append(f"{name!r} is missing in every row; it is not used.")
        elif distinct == 1 and share == 0:
            found.append(
                f"{name!r} has the same value in every row ({_short(values.dropna().iloc[0])}); it is not used."
            )
        elif share > MOSTLY_MISSING:
            found.append(f"{name!r} is missing in {share:.0%} of the rows.")
        if kind == "category" and distinct > MANY_LEVELS:
            found.append(
                f"{name!r} has {distinct:,} different words; beyond the {MANY_LEVELS} commonest all count as unknown."
            )
    found += [
        f"{name!r} is heavily skewed (skewness {skew:.1f}); a few rows lie far out."
        for name, skew in skewed_columns(table).items()
        if name != target or task == "regression"
    ]
    twins = int(frame.duplicated().sum()) if rows <= SAMPLE else 0
    if twins and not any("repeat" in note for note in table.notes):
        repeat = of_many(twins, "row repeats", "rows repeat")
        found.append(f"{repeat} an earlier one, and may stand in both the training and the test part.")
    if task == "classification":
        found += _class_warnings(labels_of(table, target))
    return found


def _count_values(values: pd.Series) -> int:
    """0, 1 or more distinct values; how many more is told for words only, where counting is quick."""
    if values.dtype.kind not in "fM":
        return values.nunique()
    lowest, highest = values.min(), values.max()
    return 0 if pd.isna(lowest) else 1 + int(lowest != highest)


def skewed_columns(table: Table) -> dict[str, float]:
    """Skewness of the columns of numbers that are heavily skewed."""
    skews = {}
    for name, kind in table.kinds.items():
        if kind == "number" and _count_values(table.frame[name]) > 1:
            values = table.frame[name].dropna().to_numpy()
            unit = (values - values.mean()) / (values.std() or 1.0)
            if abs(skew := float((unit**3).mean())) > SKEWED:
                skews[name] = skew
    return skews


def alike_labels(labels: pd.Series) -> list[str]:
    """A sentence where labels are the same number, or differ in capitals only, but are different words."""
    found: dict[object, list[str]] = {}
    for label in labels.dropna().unique():
        try:
            plain: object = float(label)
        except ValueError:
            plain = str(label).casefold()
        found.setdefault(plain, []).append(str(label))
    return [
        f"{listed(list(map(repr, same)))} are different classes, as they are different words."
        for same in found.values()
        if len(same) > 1
    ]


def _class_warnings(labels: pd.Series) -> list[str]:
    counts = labels.value_counts()
    found = []
    if counts.iloc[-1] < 2:
        rare = listed([str(name) for name in counts.index[counts < 2]])
        found.append(f"Only one row each for the classes {rare}; the test part cannot hold them.")
    if counts.iloc[0] > IMBALANCE * counts.iloc[-1]:
        found.append(
            f"The classes are far from even: {counts.index[0]!r} has {of_many(counts.iloc[0], 'row', 'rows')}, "
            f"{counts.index[-1]!r} {counts.iloc[-1]:,}; look at macro_f1 rather than accuracy."
        )
    return found


def leaks_of(table: Table, target: str, task: Task) -> list[str]:
    """Columns that give the target away, a sentence each with the way to leave it out."""
    frame = table.frame[table.frame[target].notna()]
    if len(frame) > SAMPLE:
        frame = frame.sample(SAMPLE, random_state=0)
    if len(frame) < 10:
        return []
    if task == "classification":
        labels = pd.factorize(labels_of(table, target).loc[frame.index])[0]
        return [
            warning
            for name in _inputs(table, target)
            if (warning := _leak_of_classes(frame[name], labels, table.kinds[name], target))
        ]
    goal = frame[target].to_numpy(float)
    return [
        warning
        for name in _inputs(table, target)
        if (warning := _leak_of_numbers(frame[name], goal, table.kinds[name], target))
    ]


def _inputs(table: Table, target: str) -> list[str]:
    return [name for name, kind in table.kinds.items() if name != target and kind in INPUT_KINDS]


def _leak_of_numbers(column: pd.Series, goal: np.ndarray, kind: str, target: str) -> str | None:
    there = column.notna().to_numpy()
    if there.sum() < 10 or column.nunique() < 2 or np.ptp(goal[there]) == 0:
        return None
    column, goal = column[there], goal[there]
    if kind in ("number", "date"):
        ranks = pd.DataFrame({"x": column.to_numpy().astype(float), "y": goal}).rank()
        correlation = ranks["x"].corr(ranks["y"])
        if abs(correlation) > GIVES_AWAY:
            return _away(column, target, f"rank correlation {correlation:.4f}")
    codes = pd.factorize(column)[0]
    if (codes.max() + 1) * 5 > len(codes):  # groups of a few rows explain anything
        return None
    counts, sums = np.bincount(codes), np.bincount(codes, goal)
    explained = 1 - ((goal - (sums / counts)[codes]) ** 2).sum() / ((goal - goal.mean()) ** 2).sum()
    if explained > EXPLAINS:
        return _away(column, target, f"its values alone explain {explained:.1%} of it")
    return None


def _leak_of_classes(column: pd.Series, labels: np.ndarray, kind: str, target: str) -> str | None:
    """A column that writes the classes another way: about as many values as classes, each value in one class only.

    A measurement that happens to part the classes has many more values, so it is told only if classes are whole,
    unbroken runs of an unbroken range, as row numbers of a sorted file are.
    """
    there = column.notna().to_numpy()
    labels, values = labels[there], pd.factorize(column[there], sort=True)[0]
    classes, levels = labels.max(initial=0) + 1, values.max(initial=0) + 1
    if len(np.unique(labels)) < 2 or len(labels) < 10 or levels < 2:
        return None
    pairs = len(np.unique(values.astype(np.int64) * classes + labels))
    if pairs > levels:  # some value stands in two classes
        return None
    encodes = levels <= max(2 * classes, classes + 2) and len(labels) >= 5 * levels
    counts_rows = kind == "number" and levels == len(labels) and _runs(column[there], labels) == classes
    if not encodes and not (counts_rows and (looks_like_id(str(column.name)) or _has_even_steps(column[there]))):
        return None
    return _away(column, target, "each of its values stands in one class only")


def _away(column: pd.Series, target: str, how: str) -> str:
    return (
        f"{column.name!r} gives the target {target!r} away ({how}); unless it is known beforehand, leave it out: "
        f"--drop {in_words(str(column.name))}"
    )


def _runs(column: pd.Series, labels: np.ndarray) -> int:
    ordered = labels[np.argsort(column.to_numpy(), kind="stable")]
    return 1 + int((ordered[1:] != ordered[:-1]).sum())


def _has_even_steps(column: pd.Series) -> bool:
    steps = np.diff(np.sort(column.to_numpy(float)))
    return bool(np.allclose(steps, steps[0]))


def _short(value: object) -> str:
    return str(value) if len(str(value)) <= 40 else str(value)[:37] + "..."


__all__ = [
    "check_columns",
    "check_target",
    "convert",
    "coordinates",
    "describe",
    "kind_of",
    "labels_of",
    "leaks_of",
    "warnings_of",
]
