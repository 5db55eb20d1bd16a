"""Every recipe, small: it runs, reports, predicts, and comes back from SIGKILL to the same last bit."""

import json
import os
import random
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from support import make_photographs

import maquette
from maquette.cli import main
from maquette.data.pictures.files import read_picture
from maquette.recipes import RECIPES, load_recipe
from maquette.steps import STEPS

OWN = {
    "regression": ["--target", "price"],
    "classification": ["--target", "town"],
    "line": ["--x", "area_m2", "--y", "price"],
}


def own_data(name: str, houses: Path, photographs: Path, book: Path) -> list[str]:
    """The flags that give a recipe data of one's own of its kind."""
    kind = RECIPES[name].kind
    data = (
        clay(houses.parent / "clay") if kind == "scene" else {"table": houses, "image": photographs, "text": book}[kind]
    )
    return ["--data", str(data), *OWN.get(name, [])]


def clay(folder: Path) -> Path:
    """A folder of 12 small views of the stand-in's figure."""
    from maquette.data.sets.turntable import write_turntable

    if not folder.exists():
        write_turntable(folder, size=48, count=12, points=500)
    return folder


# Settings with which the small preset trains for hardly a second.
SHORTER = {
    "regression": ["--epochs", "3"],
    "restore": ["--steps", "6"],
    "autoencoder": ["--epochs", "2"],
    "image_classification": ["--epochs", "2"],
    "attack": ["--epochs", "1", "--defence-epochs", "1"],
    "depth": ["--steps", "6"],
    "gpt": ["--steps", "6"],
    "attention": ["--steps", "6"],
}

# Settings with which the small preset trains for a few seconds, so that it can be killed on the way.
LONGER = {
    "line": ["--learning-rate", "1e-7", "--steps", "150000"],
    "regression": ["--network", "ensemble", "--epochs", "30"],
    "classification": ["--network", "ensemble", "--epochs", "30", "--balance"],
    "restore": ["--steps", "50"],
    "autoencoder": ["--epochs", "150"],
    "image_classification": ["--epochs", "25"],
    "attack": ["--epochs", "8", "--defence-epochs", "12"],
    "tokenizer": ["--vocabulary", "3000"],
    "attention": ["--steps", "200"],
    "depth": ["--steps", "60"],
    "gpt": ["--steps", "80"],
    "splat": ["--steps", "200"],
}


def run_small(name: str, folder: Path, *flags: str) -> None:
    assert main(["run", name, "--preset", "small", "--out", str(folder), *flags]) == 0


class Headings(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self._inside = [], False

    def handle_starttag(self, tag, attributes):
        if tag == "h2":
            self._inside = True
            self.found.append("")

    def handle_endtag(self, tag):
        self._inside = self._inside and tag != "h2"

    def handle_data(self, data):
        if self._inside:
            self.found[-1] += data


def test_every_recipe_has_the_seven_steps_and_the_presets():
    assert set(LONGER) == set(RECIPES)
    for name in RECIPES:
        recipe = load_recipe(name)
        assert all(callable(getattr(recipe, step)) for step in STEPS), name
        assert {"small", "course", "full"} <= set(recipe.PRESETS), name
        own = set(recipe.Settings.model_fields)
        assert len(own) <= 20, f"{name} has {len(own)} settings"
        assert all(field.description for field in recipe.Settings.model_fields.values())


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_leaves_a_whole_folder_and_can_be_used(name, tmp_path, capsys):
    folder = tmp_path / "run"
    run_small(name, folder)
    said = capsys.readouterr().out.strip().splitlines()[-1]
    assert said.startswith(f"Made {folder}") and "maquette predict" in said
    files = (
        "settings.json findings.json metrics.jsonl scores.json model.json model.safetensors processing.json report.html"
    )
    assert all((folder / file).stat().st_size > 0 for file in files.split())
    assert not [path for path in folder.rglob("*") if path.name.endswith(".part")]
    scores = json.loads((folder / "scores.json").read_text())
    framing = json.loads((folder / "findings.json").read_text())["framing"]
    assert framing["score"] in scores["scores"] and scores["baselines"]
    page = Headings()
    page.feed((folder / "report.html").read_text(encoding="utf-8"))
    titles = " ".join(page.found)
    positions = [titles.find(title) for title in STEPS.values()]
    assert -1 not in positions and positions == sorted(positions)
    uses = {"table": use_on_a_table, "image": use_on_pictures, "text": use_on_text, "scene": use_on_a_scene}
    uses[RECIPES[name].kind](folder, tmp_path)


def use_on_a_scene(folder: Path, tmp_path: Path) -> None:
    """Predict makes a film, or the picture that one camera sees."""
    from maquette.graphics.cameras import camera_from

    film = ["--path", "orbit", "--frames", "3", "--width", "64", "--height", "48", "--out", str(tmp_path / "film")]
    assert main(["predict", str(folder), *film]) == 0
    frames = [read_picture(path).pixels for path in sorted((tmp_path / "film").iterdir())]
    assert [frame.shape[:2] for frame in frames] == [(48, 64)] * 3
    predictor = maquette.open(folder)
    camera = camera_from(predictor.processing["cameras"][0])
    assert predictor.predict(camera).shape == (camera.height, camera.width, 3)


def use_on_pictures(folder: Path, tmp_path: Path) -> None:
    """Predict answers a folder: with a table that has a row a picture, or with a picture for each, and so in Python."""
    make_photographs(tmp_path / "new", 3)
    names = sorted(path.relative_to(tmp_path / "new") for path in (tmp_path / "new").rglob("*.png"))
    pixels = [read_picture(tmp_path / "new" / name).pixels for name in names]
    in_memory = maquette.open(folder).predict(pixels)
    out = tmp_path / ("out.csv" if isinstance(in_memory, pd.DataFrame) else "out")
    assert main(["predict", str(folder), str(tmp_path / "new"), "--out", str(out)]) == 0
    if isinstance(in_memory, pd.DataFrame):
        answered = pd.read_csv(out, dtype={"class": str, "next_class": str})
        assert list(answered["file"]) == [name.as_posix() for name in names]
        for column in in_memory:
            if in_memory[column].dtype.kind == "f":
                assert answered[column].to_numpy() == pytest.approx(in_memory[column].to_numpy(), rel=1e-4, abs=1e-6)
    else:
        for name, answer in zip(names, in_memory, strict=True):
            written = read_picture(out / name).pixels
            assert written.shape == answer.shape
            assert abs(written - answer.clip(0, 1)).max() <= 0.5 / 255 + 1e-6


def use_on_text(folder: Path, tmp_path: Path) -> None:
    """Predict answers a text on the terminal or in a file, explains it on a page, and answers so in Python."""
    text = "the man went"
    answer = maquette.open(folder).predict(text)
    assert len(answer) > 0
    is_table = isinstance(answer, pd.DataFrame)
    out = tmp_path / ("out.csv" if is_table else "out.txt")
    assert main(["predict", str(folder), text, "--out", str(out)]) == 0
    if is_table:
        assert list(pd.read_csv(out)) == list(answer)
    else:
        assert text in out.read_text(encoding="utf-8")
    assert main(["predict", str(folder), text]) == 0
    page = tmp_path / "page.html"
    assert main(["predict", str(folder), text, "--out", str(page)]) == 0
    assert "<svg" in page.read_text(encoding="utf-8")


def use_on_a_table(folder: Path, tmp_path: Path) -> None:
    """Predict answers a table with its rows and columns and new ones beside them, and so in Python."""
    source = json.loads((folder / "settings.json").read_text())["data"]
    table = pd.read_csv(source["path"]).head(7)
    table.to_csv(tmp_path / "new.csv", index=False)
    assert main(["predict", str(folder), str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.csv")]) == 0
    predicted = pd.read_csv(tmp_path / "out.csv")
    assert len(predicted) == 7 and list(predicted)[: table.shape[1]] == list(table)
    pd.testing.assert_frame_equal(predicted[list(table)], table)
    assert any(column.endswith("_predicted") for column in predicted)
    in_memory = maquette.open(folder).predict(table)
    column = next(column for column in predicted if column.endswith("_predicted"))
    if predicted[column].dtype.kind == "f":
        assert in_memory[column].to_numpy() == pytest.approx(predicted[column].to_numpy(), rel=1e-6)
    else:
        assert list(in_memory[column]) == list(predicted[column])


@pytest.mark.parametrize("name", RECIPES)
def test_the_same_seed_gives_the_same_run_and_another_seed_another(name, tmp_path, houses, photographs, book):
    flags = [*own_data(name, houses, photographs, book), *SHORTER.get(name, [])]
    for folder, seed in (("a", "1"), ("b", "1")):
        run_small(name, tmp_path / folder, "--seed", seed, *flags)
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert numbers(tmp_path / "a") == numbers(tmp_path / "b")
    if name not in ("line", "tokenizer"):  # there is no chance in a closed form, nor in counting
        run_small(name, tmp_path / "c", "--seed", "2", *flags)
        assert weights(tmp_path / "a") != weights(tmp_path / "c")


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_killed_and_resumed_is_bit_for_bit_never_stopped(name, tmp_path, houses, photographs, book):
    flags = ["run", name, "--preset", "small", *own_data(name, houses, photographs, book), *LONGER[name]]
    assert main([*flags, "--out", str(tmp_path / "whole")]) == 0
    folder = tmp_path / "killed"
    environment = {**os.environ, "MAQUETTE_SAVE_SECONDS": "0.01"}
    moments = random.Random(name)
    command = [*flags, "--out", str(folder)]
    kills = 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-m", "maquette", *command],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        state = folder / "checkpoint" / "state.json"
        before = state.stat().st_mtime_ns if state.exists() else None
        while process.poll() is None and (not state.exists() or state.stat().st_mtime_ns == before):
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.4))
        if process.poll() is None:
            process.kill()
            kills += 1
        process.wait()
        command = ["resume", str(folder)]
        if (folder / "scores.json").exists():
            break
    assert kills > 0
    if not (folder / "scores.json").exists():
        done = subprocess.run(
            [sys.executable, "-m", "maquette", *command], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert weights(folder) == weights(tmp_path / "whole")
    assert numbers(folder) == numbers(tmp_path / "whole")
    assert metrics(folder) == metrics(tmp_path / "whole")
    assert blocks(folder) == blocks(tmp_path / "whole")


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def numbers(folder: Path) -> tuple:
    scores = json.loads((folder / "scores.json").read_text())
    return scores["scores"], scores["baselines"]


def metrics(folder: Path) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def blocks(folder: Path) -> dict:
    return json.loads((folder / "findings.json").read_text())["sections"]


def test_python_takes_a_data_frame_and_gives_plain_objects(tmp_path):
    from support import make_houses

    frame = make_houses(200)
    result = maquette.run("regression", data=frame, target="price", epochs=3, out=tmp_path / "run")
    assert result.scores["rmse"] > 0 and result.report.exists()
    answer = maquette.open(result.folder).predict(frame.drop(columns="price").head(3))
    assert list(answer.columns[-3:]) == ["price_predicted", "price_low", "price_high"]
    assert (answer["price_low"] <= answer["price_predicted"]).all()
    with pytest.raises(maquette.UserError, match="--epohs; did you mean epochs"):
        maquette.run("regression", data=frame, target="price", epohs=3, out=tmp_path / "other")


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORTER)
def test_two_processes_give_what_one_gives(name, tmp_path, houses, photographs, book):
    flags = [name, "--preset", "small", *own_data(name, houses, photographs, book), *SHORTER[name]]
    assert main(["run", *flags, "--out", str(tmp_path / "one")]) == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, "-m", "maquette", "run", *flags, "--out", str(tmp_path / "two")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book", "houses.csv", "one", "photographs", "two"]
    one, two = numbers(tmp_path / "one")[0], numbers(tmp_path / "two")[0]
    for name, value in one.items():
        assert two[name] == pytest.approx(value, rel=1e-3), name


def test_tensorboard_reads_the_events(tmp_path):
    from tensorboard.backend.event_processing import event_accumulator

    run_small("classification", tmp_path / "run")
    events = event_accumulator.EventAccumulator(str(tmp_path / "run" / "events"))
    events.Reload()
    logged = metrics(tmp_path / "run")
    assert [item.step for item in events.Scalars("loss")] == [line["step"] for line in logged]
    assert [item.value for item in events.Scalars("loss")] == pytest.approx([line["loss"] for line in logged])


def test_the_course_s_softmax_is_set_right(tmp_path):
    assert main(["run", "classification", "--preset", "course", "--epochs", "1", "--out", str(tmp_path / "run")]) == 0
    tables = [block for block in blocks(tmp_path / "run")["predict"] if block["kind"] == "table"]
    rows = next(block["rows"] for block in tables if "course" in block["title"])
    assert [row[3] for row in rows] == pytest.approx([0.3377, 0.3391, 0.3233], abs=5e-5)
    assert [row[2] for row in rows] == pytest.approx([0.138, 0.739, 0.123], abs=5e-4)
