"""Typed columns as arrays a network can take. Everything is fitted on the training part and kept as plain values."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import ndtri

from maquette.data.rows import shared_rows, split_rows

Scaling = Literal["standard", "minmax", "quantile"]
MOST_LEVELS = 200  # words of a category that get a code of their own
MOST_QUANTILES = 1_000
LARGEST = 1e150  # what goes in is clipped here, so that squares stay finite
FARTHEST = 1e4  # what comes out is clipped here; in training no standardised value of fewer than 1e8 rows reaches it
DAY = 86_400e6  # microseconds


class TableEncoder:
    """Columns -> numbers (N, F) float32 and categories (N, C) int64.

    Numbers and booleans: missing values become the training median, and a column that had any gets an indicator column
    (0 or 1, not scaled). Dates: days since 1970, and sine and cosine of the year, the week and the day where they vary.
    Categories: 0 for missing or never seen, then 1, 2 ... from the commonest word on. Constant columns are dropped.
    """

    def __init__(self) -> None:
        self.scaling: Scaling = "standard"
        self.ordinal = False
        self.notes: list[str] = []
        self.inputs: list[dict[str, Any]] = []  # one a column of numbers: name, kind, fill, indicator, parts
        self.number_names: list[str] = []
        self.levels: dict[str, list[str]] = {}
        self.knots: dict[str, np.ndarray] = {}  # of each scaled number: (2, K), from its values to the scaled ones

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        kinds: Mapping[str, str],
        scaling: Scaling = "standard",
        indicators: bool = True,
        ordinal: bool = False,
    ) -> "TableEncoder":
        """Fitted on `frame`, the training part; `kinds` names the inputs (without the target), text is passed over."""
        if scaling not in ("standard", "minmax", "quantile"):
            raise ValueError(f"scaling is standard, minmax or quantile, not {scaling!r}")
        encoder = cls()
        encoder.scaling, encoder.ordinal = scaling, ordinal
        for name, kind in kinds.items():
            if kind == "text":
                continue
            if kind == "category":
                encoder._fit_category(frame[name])
            else:
                encoder._fit_number(frame[name], kind, indicators and not ordinal)
        encoder._fit_scales(frame)
        return encoder

    @property
    def category_names(self) -> list[str]:
        return [] if self.ordinal else list(self.levels)

    @property
    def cardinalities(self) -> list[int]:
        """Codes of each category, 0 included."""
        return [len(self.levels[name]) + 1 for name in self.category_names]

    @property
    def columns(self) -> dict[str, str]:
        """The columns that `transform` needs, with their kinds."""
        return {entry["name"]: entry["kind"] for entry in self.inputs} | dict.fromkeys(self.levels, "category")

    @property
    def places(self) -> dict[str, tuple[list[int], list[int]]]:
        """Where each column of the table went: its places among the numbers and among the categories."""
        found: dict[str, tuple[list[int], list[int]]] = {}
        place = 0
        for entry in self.inputs:
            end = place + len(entry["parts"]) + bool(entry["indicator"])
            found[entry["name"]] = list(range(place, end)), []
            place = end
        for index, name in enumerate(self.levels):
            found[name] = ([place + index], []) if self.ordinal else ([], [index])
        return found

    def transform(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Numbers (N, number_names) float32 and category codes (N, category_names) int64; each row by itself."""
        numbers = np.empty((len(frame), len(self.number_names)), np.float32)
        for i, (name, values, scaled) in enumerate(self._raw(frame)):
            numbers[:, i] = self._scale(name, values) if scaled else values
        categories = np.empty((len(frame), len(self.category_names)), np.int64)
        for i, name in enumerate(self.category_names):
            categories[:, i] = self._codes(frame[name])
        return numbers, categories

    def state(self) -> dict[str, Any]:
        """All that was fitted, as plain values and numpy arrays."""
        return {
            "scaling": self.scaling,
            "ordinal": self.ordinal,
            "notes": list(self.notes),
            "inputs": [dict(entry) for entry in self.inputs],
            "number_names": list(self.number_names),
            "levels": {name: list(words) for name, words in self.levels.items()},
            "knots": {name: knots.copy() for name, knots in self.knots.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "TableEncoder":
        encoder = cls()
        encoder.scaling, encoder.ordinal = state["scaling"], bool(state["ordinal"])
        encoder.notes, encoder.number_names = list(state["notes"]), list(state["number_names"])
        encoder.inputs = [dict(entry) for entry in state["inputs"]]
        encoder.levels = {name: list(words) for name, words in state["levels"].items()}
        encoder.knots = {name: np.asarray(knots, np.float64) for name, knots in state["knots"].items()}
        return encoder

    def _fit_number(self, column: pd.Series, kind: str, indicators: bool) -> None:
        values = _as_float(column, kind)
        there = values[~np.isnan(values)]
        if not len(there):
            self.notes.append(f"{column.name!r} is missing in every training row and is dropped.")
            return
        # A date that is imputed must be a date of the training part, so that its weekday is one as well.
        fill = float(np.quantile(there, 0.5, method="lower")) if kind == "date" else float(np.median(there))
        indicator = indicators and len(there) < len(values)
        varies = there.min() != there.max()
        if not varies:
            kept = "; only whether it is missing is kept" if indicator else " and is dropped"
            self.notes.append(f"{column.name!r} has one value in the training part{kept}.")
        parts = ["value"] if varies else []
        if kind == "date" and varies:
            waves = _waves(np.where(np.isnan(values), fill, values))
            parts += [part for part, wave in waves.items() if np.ptp(wave) > 1e-9]
        if parts or indicator:
            self.inputs.append(
                {"name": str(column.name), "kind": kind, "fill": fill, "indicator": indicator, "parts": parts}
            )

    def _fit_category(self, column: pd.Series) -> None:
        counts = column.value_counts()
        counts = counts[counts > 0]
        words = sorted(counts.index, key=lambda word: (-counts[word], word))[:MOST_LEVELS]
        missing = bool(column.isna().any())
        if len(counts) + missing < 2:
            self.notes.append(f"{column.name!r} has one value in the training part and is dropped.")
            return
        if len(counts) > MOST_LEVELS:
            self.notes.append(f"{column.name!r}: {len(counts) - MOST_LEVELS:,} rare words count as unknown.")
        self.levels[str(column.name)] = [str(word) for word in words]

    def _fit_scales(self, frame: pd.DataFrame) -> None:
        for name, values, scaled in self._raw(frame):
            self.number_names.append(name)
            if scaled:
                self.knots[name] = (
                    _quantile_knots(values) if self.scaling == "quantile" else _linear_knots(values, self.scaling)
                )

    def _raw(self, frame: pd.DataFrame) -> Iterator[tuple[str, np.ndarray, bool]]:
        """(name, unscaled values, whether they are to be scaled) of every number, in the order of `number_names`."""
        for entry in self.inputs:
            values = _as_float(frame[entry["name"]], entry["kind"])
            missing = np.isnan(values)
            filled = np.where(missing, entry["fill"], values)
            waves = _waves(filled) if entry["kind"] == "date" else {}
            for part in entry["parts"]:
                if part == "value":
                    yield entry["name"], filled / DAY if entry["kind"] == "date" else filled, True
                else:
                    yield f"{entry['name']} {part}", waves[part], True
            if entry["indicator"]:
                yield f"{entry['name']} missing", missing.astype(float), False
        if self.ordinal:
            for name in self.levels:
                yield name, self._codes(frame[name]).astype(float), True

    def _scale(self, name: str, values: np.ndarray) -> np.ndarray:
        knots = self.knots[name]
        if self.scaling == "quantile":
            return np.interp(values, knots[0], knots[1])
        centre, width = knots[0]
        return np.clip((values - centre) / width, -FARTHEST, FARTHEST)

    def _codes(self, column: pd.Series) -> np.ndarray:
        seen, words = pd.factorize(column)
        codes = (
            pd.Index(self.levels[str(column.name)], dtype=object).get_indexer(
                pd.Index(np.asarray(words, object), dtype=object)
            )
            + 1
        )
        return np.append(codes, 0)[seen]  # factorize gives -1 for missing


def _as_float(column: pd.Series, kind: str) -> np.ndarray:
    """Float64 with NaN for missing; dates in microseconds since 1970."""
    if kind == "date":
        dates = column.to_numpy().astype("datetime64[us]")
        return np.where(np.isnat(dates), np.nan, dates.astype(np.int64).astype(float))
    return np.clip(column.to_numpy(np.float64), -LARGEST, LARGEST)


def _waves(microseconds: np.ndarray) -> dict[str, np.ndarray]:
    days = microseconds / DAY
    dates = np.floor(days).astype("datetime64[D]")
    year = dates.astype("datetime64[Y]")
    of_year = (dates - year.astype("datetime64[D]")).astype(float) / 365.25
    of_week = ((dates.astype(np.int64) + 3) % 7) / 7  # 1970-01-01 was a Thursday
    turns = {"year": of_year, "week": of_week, "day": days % 1}
    return {
        f"{name} {wave}": function(2 * np.pi * turn)
        for name, turn in turns.items()
        for wave, function in (("sine", np.sin), ("cosine", np.cos))
    }


def _linear_knots(values: np.ndarray, scaling: Scaling) -> np.ndarray:
    if scaling == "minmax":
        centre, width = values.min(), values.max() - values.min()
    else:
        centre = values.mean()
        width = np.sqrt(np.mean((values - centre) ** 2))
    return np.array([[centre, width or 1.0]])


def _quantile_knots(values: np.ndarray) -> np.ndarray:
    """(2, K): values of the training part at equal steps of probability, and the normal quantiles that belong to them.

    Equal values share one knot at the middle of their probabilities: the map has no steps, one value has one image.
    The ends stand at half a row, not at infinity.
    """
    steps = np.linspace(0, 1, max(2, min(MOST_QUANTILES, len(values))))
    ordered = np.sort(values)
    places = steps * (len(values) - 1)
    quantiles = (
        np.interp(places, np.arange(len(values)), ordered) if len(values) < 10_000 else ordered[places.astype(int)]
    )
    first = np.flatnonzero(np.r_[True, np.diff(quantiles) > 0])
    last = np.r_[first[1:], len(steps)] - 1
    knots, probabilities = quantiles[first], (steps[first] + steps[last]) / 2
    edge = max(0.5 / len(values), 1e-7)
    return np.stack([knots, ndtri(np.clip(probabilities, edge, 1 - edge))])


__all__ = ["TableEncoder", "shared_rows", "split_rows"]
