"""The command line as a user meets it: help, last lines, exit codes, and one sentence for each mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from maquette.cli import COMMANDS, main, parse_settings
from maquette.recipes import CHAPTERS, RECIPES


@pytest.fixture
def refused(capsys, tmp_path):
    """Run a command that must be refused: exit code 2, one sentence without traceback; returns the sentence."""

    def check(*arguments: object) -> str:
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert code == 2, said.out
        lines = said.err.strip().splitlines()
        assert len(lines) == 1 and lines[0].startswith("maquette: ") and "Traceback" not in said.err
        return lines[0]

    return check


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A finished small run on a table of its own."""
    from support import make_houses

    folder = tmp_path_factory.mktemp("trained")
    make_houses(200).to_csv(folder / "houses.csv", index=False)
    flags = ["--data", str(folder / "houses.csv"), "--target", "price", "--epochs", "2", "--out", str(folder / "run")]
    assert main(["run", "regression", *flags]) == 0
    return folder / "run"


def test_list_and_help(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    chapters = [place for place, line in enumerate(lines) if line in CHAPTERS.values()]
    assert [lines[place] for place in chapters] == list(CHAPTERS.values())
    found = [line for line in lines if line.startswith("  ") and line[2] != " "]
    by_chapter = sorted(RECIPES, key=lambda name: list(CHAPTERS).index(RECIPES[name].chapter))
    assert [line.split()[0] for line in found] == by_chapter
    for name, entry in RECIPES.items():
        place = next(place for place, line in enumerate(lines) if line.startswith(f"  {name} "))
        assert entry.summary in lines[place] and entry.cost in lines[place]
        assert all(f"{use}: " in lines[place + 1] for use in entry.uses)
    assert "film: nothing to film; view: cameras to pictures" in "\n".join(lines)
    assert "--run takes a run of image_classification" in "\n".join(lines)
    assert main(["list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["recipe"] for entry in listed] == list(RECIPES)
    assert all(list(entry["uses"]) == list(RECIPES[entry["recipe"]].uses) and entry["cost"] for entry in listed)
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(f"maquette {command}" in told for command in COMMANDS)


def test_none_unsets_a_setting_unless_data_of_that_name_is_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--data", "none", "--masks", "none", "--steps", "none"]
    given = parse_settings("splat", words)[2]
    assert given == {"data": None, "masks": None, "steps": "none"}  # of which the last is refused
    assert "no file or folder called none" in capsys.readouterr().out
    (tmp_path / "none").mkdir()
    assert parse_settings("splat", words)[2] == {"data": "none", "masks": None, "steps": "none"}
    assert not capsys.readouterr().out


def test_every_setting_is_a_flag_with_its_meaning_and_default(capsys):
    with pytest.raises(SystemExit) as left:
        main(["run", "regression", "--help"])
    assert left.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "--learning-rate",
        "size of the steps",
        "default 0.006",
        "above 0",
        "--preset",
        "small, course, full",
    ):
        assert words in text


def test_unknown_names_are_refused_with_the_nearest(refused):
    assert "did you mean run?" in refused("rum", "regression")
    assert "did you mean regression?" in refused("run", "regresion")
    assert "did you mean --epochs?" in refused("run", "regression", "--epoch", "3")
    assert "did you mean course?" in refused("run", "regression", "--preset", "curse")
    assert "did you mean course?" in refused("tour", "--preset", "curse")
    assert "did you mean california_housing?" in refused("data", "get", "california_housin")
    assert "Name a recipe first" in refused("run", "--data", "x.csv")


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("--epochs", "0", "greater than or equal to 1"),
        ("--epochs", "2.5", "valid integer"),
        ("--learning-rate", "-1", "greater than 0"),
        ("--learning-rate", "nan", "finite"),
        ("--learning-rate", "fast", "valid number"),
        ("--seed", "-1", "greater than or equal to 0"),
        ("--test-share", "0.9", "less than 0.5"),
        ("--device", "tpu", "'auto', 'cpu' or 'cuda'"),
        ("--scaling", "log", "'quantile', 'standard' or 'minmax'"),
    ],
)
def test_values_out_of_bounds_are_refused(refused, flag, value, words, tmp_path):
    sentence = refused("run", "regression", flag, value, "--out", tmp_path / "run")
    assert flag in sentence and words in sentence and not (tmp_path / "run").exists()


HEAD = "area,town,price\n"
ROWS = "".join(f"{20 + number},{'ab'[number % 2]},{1000 + 7 * number}\n" for number in range(30))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "empty"),
        ("header.csv", HEAD.encode(), "header"),
        ("one.csv", (HEAD + "50,a,1000\n").encode(), "one row"),
        ("binary.csv", bytes(range(256)) * 20, "binary"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(200), "not"),
        ("twins.csv", ("area,price,area\n" + "1,2,3\n" * 9).encode(), "area"),
        ("ragged.csv", (HEAD + ROWS + "1,2\n" * 20).encode(), "20"),
        ("missing.csv", (HEAD + ",,\n" * 20).encode(), "missing"),
        ("constant.csv", (HEAD + "".join(f"{n},a,5\n" for n in range(20))).encode(), "one value"),
        ("words.csv", (HEAD + "".join(f"{n},a,{'xyz'[n % 3]}\n" for n in range(20))).encode(), "no numbers"),
        ("broken.parquet", b"PAR1 nothing", "arquet"),
        ("broken.xlsx", b"PK nothing", "xcel"),
        ("table.docx", b"PK nothing", "docx"),
    ],
)
def test_tables_that_cannot_be_learnt_from(refused, tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    sentence = refused("run", "regression", "--data", path, "--target", "price", "--out", tmp_path / "runs" / "run")
    assert words.lower() in sentence.lower()
    assert sorted(tmp_path.iterdir()) == [path]


def test_targets_that_cannot_be(refused, houses, tmp_path):
    out = ["--out", tmp_path / "run"]
    assert "price" in refused("run", "regression", "--data", houses, *out)
    assert "did you mean price?" in refused("run", "regression", "--data", houses, "--target", "prise", *out)
    assert "town" in refused("run", "regression", "--data", houses, "--target", "town", *out)
    assert "houses.csv" in refused("run", "regression", "--data", str(houses)[:-5] + "e.csv", "--target", "price", *out)
    assert not (tmp_path / "run").exists()


def test_folders_that_cannot_be(refused, trained, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").write_text("dear")
    assert "not an empty folder" in refused("run", "line", "--out", tmp_path / "taken")
    assert "not an empty folder" in refused("run", "line", "--out", trained)
    (copied(trained, tmp_path / "stopped") / "scores.json").unlink()
    assert "maquette resume" in refused("run", "line", "--out", tmp_path / "stopped")
    assert (tmp_path / "taken" / "letter.txt").read_text() == "dear"
    (tmp_path / "file").write_text("")
    refused("run", "line", "--out", tmp_path / "file" / "run")
    if os.name == "posix" and os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
        assert "permission" in refused("run", "line", "--out", tmp_path / "locked" / "run")


def copied(trained: Path, to: Path) -> Path:
    import shutil

    shutil.copytree(trained, to)
    return to


def test_damaged_run_folders(refused, trained, tmp_path, houses):
    new = tmp_path / "out.csv"
    assert "no run folder" in refused("predict", tmp_path / "nowhere", houses)
    assert "settings.json" in refused("report", tmp_path)
    for name in ("settings.json", "model.json", "processing.json", "model.safetensors"):
        folder = copied(trained, tmp_path / name)
        (folder / name).write_text('{"half": ')
        assert name.split(".")[0] in refused("predict", folder, houses, "--out", new)
    folder = copied(trained, tmp_path / "newer")
    record = json.loads((folder / "settings.json").read_text())
    (folder / "settings.json").write_text(json.dumps(record | {"format": 99, "maquette": "9.9"}))
    assert "newer Maquette" in refused("predict", folder, houses, "--out", new)
    (folder / "settings.json").write_text(json.dumps(record | {"recipe": "sorcery"}))
    assert "sorcery" in refused("resume", folder)
    (folder / "settings.json").write_text(json.dumps(record | {"format": "one"}))
    assert "damaged" in refused("resume", folder)
    (folder / "settings.json").write_text(json.dumps([1, 2]))
    assert "damaged" in refused("resume", folder)
    assert "is finished" in refused("resume", trained)
    half = copied(trained, tmp_path / "half")
    (half / "model.json").unlink()
    assert "model.json is missing" in refused("predict", half, houses, "--out", new)
    (half / "scores.json").unlink()
    assert f"maquette resume {half}" in refused("predict", half, houses, "--out", new)
    assert not new.exists()


def test_data_that_changed_since_is_refused(refused, houses, tmp_path):
    flags = ["--data", str(houses), "--target", "price", "--epochs", "1", "--out", str(tmp_path / "run")]
    assert main(["run", "regression", *flags]) == 0
    (tmp_path / "run" / "scores.json").unlink()
    houses.write_text(houses.read_text() + "x,1,Oslo,yes,1990-01-01,5\n")
    assert "has changed" in refused("resume", tmp_path / "run")
    assert (tmp_path / "run" / "model.json").exists()


def test_predict_keeps_every_row_and_column(trained, houses, tmp_path, refused):
    frame = pd.read_csv(houses, dtype=str, keep_default_na=False)
    frame["note"] = [f'"quoted", {number}' for number in range(len(frame))]
    frame.loc[3, "town"] = "Atlantis"  # never seen in training
    frame.drop(columns="price").to_csv(tmp_path / "new.csv", index=False)
    assert main(["predict", str(trained), str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.csv")]) == 0
    out = pd.read_csv(tmp_path / "out.csv", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(out[list(frame.drop(columns="price"))], frame.drop(columns="price"))
    values = out[["price_low", "price_predicted", "price_high"]].astype(float).to_numpy()
    assert np.isfinite(values).all() and (np.diff(values, axis=1) > 0).all()
    frame.drop(columns=["town", "garden"]).to_csv(tmp_path / "less.csv", index=False)
    sentence = refused("predict", trained, tmp_path / "less.csv", "--out", tmp_path / "less_out.csv")
    assert "town" in sentence and "garden" in sentence and not (tmp_path / "less_out.csv").exists()
    assert "is the input itself" in refused("predict", trained, tmp_path / "new.csv", "--out", tmp_path / "new.csv")


def test_predict_streams_a_table_in_pieces_to_the_same_answer(trained, tmp_path, monkeypatch):
    from support import make_houses

    import maquette
    from maquette.media import table

    make_houses(1_000, seed=5).to_csv(tmp_path / "many.csv", index=False)
    whole = maquette.open(trained).predict(pd.read_csv(tmp_path / "many.csv"))["price_predicted"]
    read = table.read_chunks
    monkeypatch.setattr(table, "read_chunks", lambda path, **more: read(path, rows=97, **more))
    assert main(["predict", str(trained), str(tmp_path / "many.csv"), "--out", str(tmp_path / "out.csv")]) == 0
    assert pd.read_csv(tmp_path / "out.csv")["price_predicted"].to_numpy() == pytest.approx(whole.to_numpy(), rel=1e-5)


def test_compare_and_report(trained, tmp_path, capsys, refused):
    assert main(["report", str(trained)]) == 0
    folder = copied(trained, tmp_path / "other")
    assert main(["compare", str(trained), str(folder), "--out", str(tmp_path / "both.html")]) == 0
    assert "rmse" in (tmp_path / "both.html").read_text(encoding="utf-8")
    assert "two run folders" in refused("compare", trained)
    assert "no folder" in refused("compare", trained, tmp_path / "nowhere")


@pytest.mark.slow
def test_tour_goes_past_a_recipe_that_fails_and_goes_on_where_it_stopped(tmp_path, capfd, monkeypatch):
    names = ("line", "eliza", "classification")  # test_recipes.py makes all of them
    monkeypatch.setattr("maquette.touring.RECIPES", {name: RECIPES[name] for name in names})
    (tmp_path / "classification").mkdir()
    (tmp_path / "classification" / "in_the_way.txt").write_text("")
    flags = ["tour", "--preset", "small", "--out", str(tmp_path)]
    assert main(flags) == 1
    said = capfd.readouterr()
    assert "these failed: classification" in said.err and (tmp_path / "index.html").exists()
    assert "not an empty folder" in (tmp_path / "index.html").read_text(encoding="utf-8")
    finished = (tmp_path / "eliza" / "scores.json").stat().st_mtime_ns
    (tmp_path / "classification" / "in_the_way.txt").unlink()
    assert main(flags) == 0
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert all(f"{name}/report.html" in page for name in names)
    assert (tmp_path / "eliza" / "scores.json").stat().st_mtime_ns == finished


@pytest.mark.slow
def test_a_full_disk_is_one_sentence(trained, houses, tmp_path):
    code = (
        "import os, sys\n"
        "def full(number): raise OSError(28, 'No space left on device')\n"
        "os.fsync = full\nfrom maquette.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = ["run", "line", "--out", str(tmp_path / "run")]
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
    assert done.returncode == 2 and "disk is full" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
