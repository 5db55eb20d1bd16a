"""Splits and the encoder, by their properties."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from maquette.data.tables.encoding import TableEncoder, shared_rows, split_rows
from maquette.settings import UserError

KINDS = {"x": "number", "flag": "boolean", "word": "category", "day": "date", "note": "text"}
SCALINGS = ["standard", "minmax", "quantile"]

any_number = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-3, 3).map(float))
any_row = st.tuples(
    any_number,
    st.sampled_from([0.0, 1.0, None]),
    st.sampled_from(["red", "green", "blue", "", None]),
    st.one_of(st.none(), st.datetimes(min_value=pd.Timestamp(1, 1, 2).to_pydatetime())),
    st.text(max_size=3),
)
rows_of_a_table = st.lists(any_row, min_size=2, max_size=30)


def typed(rows):
    frame = pd.DataFrame(rows, columns=list(KINDS))
    return frame.astype({"x": float, "flag": float, "word": "str", "day": "datetime64[us]", "note": "str"})


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(rows_of_a_table, rows_of_a_table, st.sampled_from(SCALINGS), st.booleans())
def test_any_table_encodes_finitely_and_row_by_row(train, test, scaling, ordinal):
    encoder = TableEncoder.fit(typed(train), KINDS, scaling, ordinal=ordinal)
    for frame in (typed(train), typed(test)):
        numbers, categories = encoder.transform(frame)
        assert numbers.dtype == np.float32 and categories.dtype == np.int64
        assert numbers.shape == (len(frame), len(encoder.number_names))
        assert categories.shape == (len(frame), len(encoder.category_names))
        assert np.isfinite(numbers).all()
        assert ((categories >= 0) & (categories < np.array(encoder.cardinalities or [1]))).all()
        backwards = encoder.transform(frame.iloc[::-1])
        np.testing.assert_array_equal(backwards[0][::-1], numbers)
        np.testing.assert_array_equal(backwards[1][::-1], categories)


@settings(max_examples=50, deadline=None)
@given(rows_of_a_table, rows_of_a_table, st.sampled_from(SCALINGS))
def test_state_round_trip_is_exact_also_through_json(train, test, scaling):
    encoder = TableEncoder.fit(typed(train), KINDS, scaling)
    state = encoder.state()
    knots = state.pop("knots")
    again = TableEncoder.from_state({**json.loads(json.dumps(state)), "knots": knots})
    for ours, theirs in zip(encoder.transform(typed(test)), again.transform(typed(test)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert again.cardinalities == encoder.cardinalities and again.number_names == encoder.number_names


@settings(max_examples=30, deadline=None)
@given(st.lists(any_row, min_size=10, max_size=30), st.integers(0, 100), st.randoms())
def test_what_stands_in_the_test_part_changes_nothing(rows, seed, random):
    train, _, test = split_rows(len(rows), seed)
    other = list(rows)
    for i in test:
        other[i] = (random.random(), 1.0, "never seen", None, "")
    states = [TableEncoder.fit(typed(table).iloc[train], KINDS, "quantile").state() for table in (rows, other)]
    assert str(states[0]) == str(states[1])


def test_standard_and_minmax_are_what_they_say():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": generator.normal(1e6, 3, 1000),
            "b": generator.exponential(1e-9, 1000),
            "c": generator.integers(0, 2, 1000),
        }
    )
    frame.loc[::7, "a"] = np.nan
    kinds = dict.fromkeys(frame, "number")
    numbers, _ = TableEncoder.fit(frame, kinds, "standard", indicators=False).transform(frame)
    np.testing.assert_allclose(numbers.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(numbers.std(0), 1, rtol=1e-5)
    numbers, _ = TableEncoder.fit(frame, kinds, "minmax", indicators=False).transform(frame)
    np.testing.assert_array_equal([numbers.min(0), numbers.max(0)], [[0] * 3, [1] * 3])


def test_quantiles_become_normal_whatever_the_shape():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": np.exp(3 * generator.normal(size=20_000)), "zeros": np.maximum(generator.normal(size=20_000), 0)}
    )
    encoder = TableEncoder.fit(frame, dict.fromkeys(frame, "number"), "quantile")
    numbers, _ = encoder.transform(frame)
    for share in (0.01, 0.1, 0.5, 0.9, 0.99):
        assert abs(np.quantile(numbers[:, 0], share) - norm.ppf(share)) < 0.02
    order = np.argsort(frame["zeros"].to_numpy(), kind="stable")
    assert (np.diff(numbers[order, 1]) >= 0).all()
    assert len(np.unique(numbers[frame["zeros"] == 0, 1])) == 1
    assert abs(numbers[frame["zeros"] == 0, 1][0] - norm.ppf(0.25)) < 0.02  # half of all rows: the middle of 0 .. 0.5
    beyond, _ = encoder.transform(pd.DataFrame({"a": [1e30, 0.0], "zeros": [9.0, -9.0]}))
    assert (np.abs(beyond) < 5).all() and beyond[0, 0] == numbers[:, 0].max()


def test_missing_values_take_the_median_and_an_indicator_only_where_training_missed_some():
    train = pd.DataFrame({"a": [1.0, 2, 9, np.nan], "b": [0.0, 1, 1, 1]})
    encoder = TableEncoder.fit(train, {"a": "number", "b": "boolean"}, "minmax")
    assert encoder.number_names == ["a", "a missing", "b"]
    numbers, _ = encoder.transform(pd.DataFrame({"a": [np.nan, 1], "b": [np.nan, 0]}))
    np.testing.assert_array_equal(numbers, [[0.125, 1, 1], [0, 0, 0]])
    plain = TableEncoder.fit(train, {"a": "number", "b": "boolean"}, "minmax", indicators=False)
    assert plain.number_names == ["a", "b"]


def test_categories_by_frequency_unseen_and_rare_are_0():
    words = ["b"] * 3 + ["a"] * 2 + ["c"] * 2 + [f"rare {i}" for i in range(300)]
    encoder = TableEncoder.fit(pd.DataFrame({"w": words}), {"w": "category"}, "standard")
    _, codes = encoder.transform(pd.DataFrame({"w": ["b", "a", "c", "new", None, "rare 299"]}))
    assert codes[:, 0].tolist() == [1, 2, 3, 0, 0, 0]
    assert encoder.cardinalities == [201] and "103 rare words" in encoder.notes[0]


def test_ordinal_gives_one_scaled_number_a_category():
    frame = pd.DataFrame({"x": [0.0, 10, 5], "w": ["a", "a", "b"]})
    encoder = TableEncoder.fit(frame, {"x": "number", "w": "category"}, "minmax", ordinal=True)
    numbers, categories = encoder.transform(frame)
    assert encoder.number_names == ["x", "w"] and categories.shape == (3, 0) and encoder.cardinalities == []
    np.testing.assert_array_equal(numbers, [[0, 0], [1, 0], [0.5, 1]])


def test_dates_become_days_and_the_waves_that_vary():
    mondays = pd.DataFrame({"d": pd.date_range("2020-01-06", periods=200, freq="7D")})
    encoder = TableEncoder.fit(mondays, {"d": "date"}, "minmax")
    assert encoder.number_names == ["d", "d year sine", "d year cosine"]
    numbers, _ = encoder.transform(mondays)
    np.testing.assert_allclose(numbers[:, 0], np.linspace(0, 1, 200), atol=1e-6)
    days = pd.DataFrame({"d": pd.date_range("2020-01-06", periods=20, freq="D")})
    assert "d week sine" in TableEncoder.fit(days, {"d": "date"}, "minmax").number_names


def test_constant_columns_are_dropped_and_told():
    frame = pd.DataFrame({"a": [1.0, 1], "b": ["x", "x"], "c": [np.nan, np.nan], "d": [3.0, np.nan]})
    encoder = TableEncoder.fit(frame, {"a": "number", "b": "category", "c": "number", "d": "number"}, "standard")
    assert encoder.number_names == ["d missing"] and encoder.category_names == [] and len(encoder.notes) == 4


@given(st.integers(3, 400), st.integers(0, 10), st.floats(0.05, 0.4), st.floats(0.05, 0.4), st.booleans())
def test_splits_are_whole_disjoint_and_of_the_right_size(rows, seed, valid, test, stratified):
    strata = np.arange(rows) % 3 if stratified else None
    parts = split_rows(rows, seed, valid, test, strata)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(rows))
    assert all(len(part) for part in parts)
    if rows >= 10:
        assert [len(part) for part in parts[1:]] == [max(1, round(rows * valid)), max(1, round(rows * test))]
    for ours, again in zip(parts, split_rows(rows, seed, valid, test, strata), strict=True):
        np.testing.assert_array_equal(ours, again)


def test_strata_stand_in_each_part_in_their_share():
    labels = np.array(["common"] * 800 + ["less"] * 150 + ["rare"] * 45 + ["two"] * 2 + ["three"] * 3)
    for seed in range(50):
        parts = split_rows(len(labels), seed, strata=labels)
        for name, count in (("common", 800), ("less", 150), ("rare", 45)):
            shares = [int((labels[part] == name).sum()) for part in parts]
            np.testing.assert_allclose(shares, [0.6 * count, 0.2 * count, 0.2 * count], atol=2.5)
        assert set(labels[parts[0]]) == set(labels)
    assert not np.array_equal(split_rows(100, 0)[2], split_rows(100, 1)[2])
    assert len(split_rows(10, 0, valid=0.0)[1]) == 0


def test_too_few_rows_to_split():
    with pytest.raises(UserError, match="give at least 3"):
        split_rows(2, 0)


def test_rows_standing_in_both_parts():
    frame = pd.DataFrame(
        {"a": [1.0, 2, 1, np.nan, np.nan], "w": ["x", "y", "x", None, None], "d": pd.to_datetime(["2020-01-01"] * 5)}
    )
    assert shared_rows(frame, np.array([0, 1]), np.array([2, 3])) == 1
    assert shared_rows(frame, np.array([3]), np.array([4, 0])) == 1
    assert shared_rows(frame, np.array([0]), np.array([1])) == 0


def test_places_say_where_each_column_went():
    frame = pd.DataFrame(
        {
            "a": [1.0, np.nan, 3.0, 4.0],
            "day": pd.to_datetime(["2020-01-01", "2020-05-03", "2021-02-07", "2022-09-09"]),
            "same": [5.0] * 4,
            "town": ["x", "y", "x", "z"],
        }
    )
    kinds = {"a": "number", "day": "date", "same": "number", "town": "category"}
    for ordinal in (False, True):
        encoder = TableEncoder.fit(frame, kinds, ordinal=ordinal)
        before = encoder.transform(frame)
        assert list(encoder.places) == ["a", "day", "town"]
        for name, (numbers, categories) in encoder.places.items():
            changed = frame.assign(**{name: frame[name].to_numpy()[::-1]})
            after = encoder.transform(changed)
            assert set(np.flatnonzero((before[0] != after[0]).any(0))) <= set(numbers)
            assert set(np.flatnonzero((before[1] != after[1]).any(0))) <= set(categories)
            assert np.array_equal(before[0][::-1][:, numbers], after[0][:, numbers])
