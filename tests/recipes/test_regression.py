"""What is peculiar to numbers from tables: intervals that are fitted on the validation rows and saved."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from support import make_houses

import maquette
from maquette.cli import main
from maquette.data.tables.writing import write_chunks
from maquette.facts import Facts
from maquette.families.table_networks import encode
from maquette.recipes.regression import report
from maquette.recipes.regression.uses import answer


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("regression") / "run"
    return maquette.run("regression", data=make_houses(240), target="price", network="ensemble", epochs=3, out=out)


def test_the_reach_of_the_intervals_is_saved_with_the_encoder(made):
    run = maquette.open(made.folder)
    assert list(run.processing)[-1] == "radius" and run.processing["radius"] > 0
    table = make_houses(30, seed=1)
    rows = encode(run.processing, table)
    value, spread = answer(run.model, run.processing, rows.numbers, rows.categories)
    found = run.predict(table)
    half = (found["price_high"] - found["price_low"]).to_numpy() / 2
    assert half == pytest.approx(run.processing["radius"] * spread, rel=1e-4)
    assert found["price_predicted"].to_numpy() == pytest.approx(value, rel=1e-6)


def test_no_rows_are_answered_with_none(made):
    none = maquette.open(made.folder).predict(make_houses(5).iloc[:0])
    assert len(none) == 0 and none["price_low"].dtype == np.float32


def rewritten(table):
    """The same table as other people would write it."""
    return table.assign(
        area_m2=[None if np.isnan(area) else f"{area:.1f} m2".replace(".", ",") for area in table["area_m2"]],
        town=table["town"].str.upper(),
        garden=table["garden"].str.capitalize(),
        built=table["built"].dt.strftime("%d.%m.%Y"),
    )


def test_a_table_written_another_way_gets_the_same_answers_and_says_so(made, tmp_path, capsys):
    table = make_houses(60, seed=1).drop(columns="price")
    run = maquette.open(made.folder)
    expected = run.predict(table)
    assert expected.attrs["notes"] == run.notes == []
    for name in ("new.csv", "new.xlsx", "new.parquet"):
        write_chunks(tmp_path / name, [rewritten(table)])
        found = run.predict(str(tmp_path / name))
        assert found["price_low"].to_numpy() == pytest.approx(expected["price_low"].to_numpy(), rel=1e-6)
        assert len(found.attrs["notes"]) == 4 and run.notes == found.attrs["notes"]
        assert list(found["built"]) == list(rewritten(table)["built"])  # what came in goes out as it was
    assert main(["predict", str(made.folder), str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.csv")]) == 0
    said = capsys.readouterr().out
    assert all(said.count(note) == 1 for note in found.attrs["notes"])


def test_what_cannot_be_read_is_refused_or_taken_for_any_of_the_values_of_training(made, tmp_path, capsys):
    table = make_houses(40, seed=2).drop(columns="price")
    run = maquette.open(made.folder)
    expected = run.predict(table)
    table["built"] = [str(day.date()) if place % 4 else "unknown" for place, day in enumerate(table["built"])]
    table.loc[1, "town"] = "Bergen"
    table.to_csv(tmp_path / "new.csv", index=False)
    command = ["predict", str(made.folder), str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.csv")]
    assert main(command) == 2
    assert "'built': 10 of 40 values cannot be read as a date ('unknown')" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()
    assert main([*command, "--unreadable", "0.3"]) == 0
    assert "1 of 40 value was not there in training" in capsys.readouterr().out
    found = run.predict(table, unreadable=1)
    assert found.iloc[[2, 3]].equals(expected.iloc[[2, 3]].assign(built=found["built"]))
    towns = ("Köln", "Paris", "Oslo")
    answers = {town: run.predict(table.assign(town=town), unreadable=1).iloc[1] for town in towns}
    values = [each["price_predicted"] for each in answers.values()]
    reaches = [each["price_high"] - each["price_predicted"] for each in answers.values()]
    assert min(values) < found["price_predicted"][1] < max(values)  # as if it were any of the towns of training
    assert found["price_high"][1] - found["price_predicted"][1] > min(reaches)


def test_a_target_beyond_single_precision_is_trained_and_predicted(tmp_path):
    table = make_houses(120).assign(price=lambda houses: houses["price"] * 1e40)
    made = maquette.run("regression", data=table, target="price", epochs=2, out=tmp_path / "run")
    found = maquette.open(made.folder).predict(table)
    assert np.isfinite(found["price_predicted"]).all() and found["price_predicted"].dtype == np.float64
    assert {"linear", "random forest", "gradient boosting"} <= set(made.baselines)
    assert all(np.isfinite(list(scores.values())).all() for scores in made.baselines.values())


def test_values_far_from_0_keep_their_digits(tmp_path):
    table = make_houses(60).assign(price=lambda frame: frame["price"] / 1e5 + 1e12)
    run = maquette.run("regression", data=table, target="price", epochs=1, out=tmp_path / "run")
    found = maquette.open(run.folder).predict(table)
    assert found["price_predicted"].nunique() > 30 and (found["price_low"] < found["price_high"]).all()


def test_ids_of_17_digits_train_and_a_figure_or_baseline_that_fails_takes_nothing_along(tmp_path, monkeypatch, capsys):
    def fail(*arguments, **options):
        raise ZeroDivisionError("by our own mistake")

    monkeypatch.setattr(Facts, "hides_failures", True)
    monkeypatch.setattr(HistGradientBoostingRegressor, "fit", fail)
    monkeypatch.setattr(report, "error_histogram", fail)
    table = make_houses(120).assign(account=90071992547409931 + np.arange(120))
    made = maquette.run("regression", data=table, target="price", epochs=1, out=tmp_path / "run")
    said = capsys.readouterr().out
    assert "gradient boosting" not in made.baselines and "random forest" in made.baselines
    assert "The baseline gradient boosting failed (ZeroDivisionError: by our own mistake" in said
    assert "The pictures of the answers failed" in said and "distributions failed" not in said
    assert "by our own mistake" in made.report.read_text(encoding="utf-8")


@pytest.mark.parametrize("given", [{"drop": "town, garden"}, {"only": "area_m2,built"}])
def test_columns_that_were_left_out_may_be_there_or_not_when_predicting(tmp_path, given, capsys):
    table = make_houses(120)
    kept = {"area_m2", "built"}  # an id is none of them anyway
    run = maquette.run("regression", data=table, target="price", epochs=2, out=tmp_path / "run", **given)
    opened = maquette.open(run.folder)
    assert set(opened.processing["columns"]) == kept
    new = make_houses(20, seed=1).drop(columns="price")
    answers = opened.predict(new)
    assert opened.notes == [] and list(new) == list(answers)[: len(new.columns)]
    fewer = opened.predict(new[[name for name in new if name in kept]])
    assert fewer["price_predicted"].tolist() == answers["price_predicted"].tolist() and opened.notes == []
    assert "'town' and 'garden'" in (run.folder / "report.html").read_text(encoding="utf-8").replace("&#39;", "'")


def test_a_column_that_is_not_there_is_told_before_anything_is_made(tmp_path, capsys):
    write_chunks(tmp_path / "t.csv", [make_houses(30)])
    words = ["run", "regression", "--data", str(tmp_path / "t.csv"), "--target", "price", "--drop", "twon"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    assert "--drop: there is no column 'twon'; did you mean town?" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_leak_is_told_on_the_terminal_however_much_else_is_said(tmp_path, capsys):
    table = make_houses(60)
    for number in range(8):
        table[f"constant_{number}"] = number
    table["in cents, net"] = table["price"] * 100
    maquette.run("regression", data=table, target="price", epochs=1, out=tmp_path / "run")
    told = capsys.readouterr().out.splitlines()
    (leak,) = [line for line in told if "away" in line]
    assert leak.startswith("'in cents, net' gives the target 'price' away")
    assert leak.endswith("leave it out: --drop '\"in cents, net\"'")
    assert any("more warnings stand in the report" in line for line in told)
