"""What is peculiar to a line: two ways to the same one, the law beside it, and what the report says was found."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import maquette
from maquette.report.words import verdict
from maquette.settings import UserError
from maquette.trained import read_record


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The course's nine points."""
    return maquette.run("line", preset="small", out=tmp_path_factory.mktemp("line") / "run").folder


def facts(folder: Path) -> dict:
    sections = json.loads((folder / "findings.json").read_text())["sections"]
    return {block["name"]: block["value"] for part in sections.values() for block in part if block["kind"] == "fact"}


def test_the_descent_finds_the_line_of_the_closed_form(run):
    found = facts(run)
    assert found["Slope, descent"] == pytest.approx(found["Slope, closed form"], rel=1e-9)
    assert found["Intercept, descent"] == pytest.approx(found["Intercept, closed form"], rel=1e-9)
    x = np.array([1.0, 2.5])
    line = found["Slope, closed form"] * x + found["Intercept, closed form"]
    answer = maquette.open(run).predict(pd.DataFrame({"time_s": x}))
    assert answer["distance_m_predicted"].to_numpy() == pytest.approx(line, rel=1e-9)


def test_the_headline_says_how_far_the_points_are_and_blames_nobody(run):
    told = verdict(read_record(run))
    assert told is not None and told.tone == "told" and told.sentence.startswith("Left out of the fit, a point lies")
    assert "off the line" in told.sentence and "off the law of free fall" in told.sentence
    assert "{" not in told.sentence


def test_points_of_one_s_own_have_no_law(tmp_path):
    x = np.linspace(-2, 3, 30)
    table = pd.DataFrame({"x": x, "y": x**2 - 1})
    made = maquette.run("line", data=table, x="x", y="y", degree=2, preset="small", out=tmp_path / "run")
    assert made.scores["rmse"] < 1e-9 and set(made.baselines) == {"mean"}
    told = verdict(read_record(made.folder))
    assert told is not None and "polynomial of degree 2" in told.sentence and "law" not in told.sentence
    assert maquette.open(made.folder).predict(table)["y_predicted"].to_numpy() == pytest.approx(table["y"].to_numpy())


def test_a_line_needs_two_places(tmp_path):
    table = pd.DataFrame({"x": [1.0, 1.0, 1.0], "y": [1.0, 2.0, 3.0]})
    with pytest.raises(UserError, match="two different values of x"):
        maquette.run("line", data=table, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
