"""What is peculiar to classes from tables: probabilities before and after, and the course's own mistakes shown."""

import json

import numpy as np
import pandas as pd
import pytest

import maquette
from maquette.cli import main
from maquette.recipes.classification.recipe import natural_order


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    out = tmp_path_factory.mktemp("classification") / "run"
    return maquette.run("classification", preset="course", epochs=2, out=out)


def test_probabilities_before_training_are_nearly_alike(course):
    sections = json.loads((course.folder / "findings.json").read_text())["sections"]
    (table,) = (block for block in sections["predict"] if block.get("title") == "Probabilities before training")
    assert len(table["rows"]) == 5 and table["columns"] == maquette.open(course.folder).processing["classes"]
    before = np.array(table["rows"])
    assert before.sum(1) == pytest.approx(1, abs=2e-3) and before.max() < 0.9
    assert "as the course prints it" in course.baselines


def test_each_row_gets_a_class_and_probabilities_that_add_up(course):
    run = maquette.open(course.folder)
    table = run.predict(course_rows())
    names = run.processing["classes"]
    probabilities = table[[f"species_probability_{name}" for name in names]].to_numpy()
    assert probabilities.sum(1) == pytest.approx(1, abs=1e-6)
    assert list(table["species_predicted"]) == [names[place] for place in probabilities.argmax(1)]
    assert len(run.predict(course_rows().iloc[:0])) == 0


def course_rows():
    from maquette.data.sets.fetching import find
    from maquette.data.tables.reading import read_table

    return read_table(find("iris").path).frame.head(7)


def test_classes_stand_in_the_order_of_numbers_and_then_of_words():
    assert sorted(["10", "b", "9", "a"], key=natural_order) == ["9", "10", "a", "b"]
    assert sorted(["10E2", "nan", "1E3", "1000", "inf"], key=natural_order) == ["1000", "10E2", "1E3", "inf", "nan"]


def test_classes_keep_the_words_of_the_file_and_one_may_be_called_none(tmp_path, capsys):
    generator = np.random.default_rng(0)
    wind = generator.uniform(0, 30, 150).round(1)
    damage = np.select([wind < 10, wind < 20], ["None", "1E3"], "10E2")
    damage[:2] = "?"
    rows = "".join(f"{speed},{word}\n" for speed, word in zip(wind, damage, strict=True))
    (tmp_path / "storms.csv").write_text("wind,damage\n" + rows)
    command = ["run", "classification", "--data", str(tmp_path / "storms.csv"), "--target", "damage", "--epochs", "2"]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "taken for a class" in said and "--missing=None" in said and "'?' in 2 of 150 rows" in said
    run = maquette.open(tmp_path / "run")
    assert run.processing["classes"] == ["10E2", "1E3", "None"]
    assert set(run.predict({"wind": [1.0, 25.0]})["damage_predicted"]) <= {"10E2", "1E3", "None"}
    assert main([*command, "--missing", "None,1E3,10E2,?", "--out", str(tmp_path / "other")]) == 2
    assert "Every value of the target 'damage' is missing" in capsys.readouterr().err


def test_where_a_value_is_not_known_the_probabilities_are_less_sure(tmp_path):
    generator = np.random.default_rng(0)
    wind = generator.uniform(0, 40, 300)
    table = pd.DataFrame({"wind": wind, "damage": np.where(wind < 20, "low", "high")})
    made = maquette.run("classification", data=table, target="damage", epochs=15, out=tmp_path / "run")
    found = maquette.open(made.folder).predict(pd.DataFrame({"wind": ["1", "strong", "39"]}), unreadable=1)
    sure = found.filter(like="probability").max(axis=1)
    assert sure[1] < min(sure[0], sure[2]) and sure[1] < 0.75
    assert any("'strong'" in note for note in found.attrs["notes"])
