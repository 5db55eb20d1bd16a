"""The recipes of docs/adding-a-recipe.md run, report, answer, come back after a stop, and refuse what will not do."""

import ast
import importlib
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import using
from pages import ADDING, ROOT, files_of, put_in_place

import maquette
from maquette import media, recipes
from maquette.cli import main
from maquette.recipes import RECIPES
from maquette.runs import Run
from maquette.steps import SECTIONS, STEPS

FLAGS = {"points": ["--steps", "1200"], "tone": ["--epochs", "20"]}  # shorter than the defaults, longer than nothing
EXAMPLES = ["sine", "points", "mirror", "tone"]
TALK = {"The sea is all there is.": 30, "My work is long.": 16, "I am tired of it.": 8, "You are right about it.": 4}


@pytest.fixture(scope="module")
def added(tmp_path_factory):
    """Names of the recipes of the page, which are in place."""
    with put_in_place(tmp_path_factory.mktemp("added")) as names:
        yield names


@pytest.fixture(scope="module")
def talk(tmp_path_factory) -> Path:
    """A text of short lines."""
    path = tmp_path_factory.mktemp("talk") / "talk.txt"
    path.write_text("".join(count * f"{line}\n" for line, count in TALK.items()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def train(added, talk):
    """Runs a recipe of the page in a folder, by the command line."""

    def run(name: str, folder: Path, *flags: str) -> int:
        data = ["--data", str(talk)] if name == "mirror" else []
        return main(["run", name, "--preset", "small", *data, *FLAGS.get(name, []), *flags, "--out", str(folder)])

    return run


@pytest.fixture(scope="module")
def whole(added, train, tmp_path_factory) -> Path:
    """A folder with a finished run of each recipe of the page."""
    folder = tmp_path_factory.mktemp("whole")
    for name in added:
        assert train(name, folder / name) == 0
    return folder


class Headings(HTMLParser):
    def __init__(self):
        super().__init__()
        self.text, self._inside = "", False

    def handle_starttag(self, tag, attributes):
        self._inside = self._inside or tag == "h2"

    def handle_endtag(self, tag):
        self._inside = self._inside and tag != "h2"

    def handle_data(self, data):
        self.text += f" {data}" if self._inside else ""


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_page_adds_what_it_says(added):
    assert added == EXAMPLES
    for name in added:
        settings = recipes.load_settings(name)
        assert {"small", "course", "full"} <= set(settings.PRESETS)
        assert all(callable(getattr(recipes.load_recipe(name), step)) for step in STEPS)
        assert set(getattr(settings, "OPTIONS", {})) <= set(RECIPES[name].uses)
        assert all(callable(getattr(recipes.load_uses(name), use)) for use in RECIPES[name].uses)


def test_the_code_of_the_page_is_clean_and_its_settings_are_light(added, tmp_path):
    for name, body in files_of(ADDING).items():
        if not (ROOT / name).exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(body, encoding="utf-8")
        if name.endswith("settings.py"):
            used = {node.module for node in ast.walk(ast.parse(body)) if isinstance(node, ast.ImportFrom)}
            assert used <= {"typing", "maquette.settings", "maquette.families.settings"}
    ours = ["--config", str(ROOT / "pyproject.toml"), "--config", 'lint.isort.known-first-party=["maquette"]']
    for command in (["check", *ours], ["format", "--check", *ours[:2]]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, str(tmp_path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def check_sound(given, answered, use) -> None:
    """The file holds what Python gives."""
    sound = importlib.import_module("maquette.media.sound")
    (heard,), (played,) = sound.read([answered.made], print), answered.one
    assert heard.rate == played.rate and np.abs(heard.samples - played.samples).max() < 1e-4


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_use_of_the_page_answers_from_the_command_line_and_from_python(
    whole, name, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(using.CHECKS, "sound", check_sound)
    using.use_everything(whole / name, tmp_path, capsys)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_recipe_of_the_page_leaves_a_whole_folder_with_a_report_of_seven_sections(whole, name):
    folder = whole / name
    assert not [path for path in folder.rglob("*") if path.name.endswith(".part")]
    page = Headings()
    page.feed((folder / "report.html").read_text(encoding="utf-8"))
    places = [page.text.find(title) for title in SECTIONS.values()]
    assert -1 not in places and places == sorted(places)
    assert (folder / "model.json").exists() == (folder / "model.safetensors").exists() == (name != "mirror")


def test_a_recipe_of_the_page_learns_something_true(whole):
    scores = {name: read(whole / name / "scores.json") for name in EXAMPLES}
    assert scores["sine"]["scores"]["rmse"] < 0.5 * scores["sine"]["baselines"]["mean"]["rmse"]
    points = scores["points"]
    assert points["scores"]["energy_distance"] < points["baselines"]["normal"]["energy_distance"]
    assert list(read(whole / "points" / "model.json")["networks"]) == ["generator", "discriminator"]
    alone = scores["mirror"]["baselines"]["the commonest rule alone"]["answered"]
    assert scores["mirror"]["scores"]["answered"] > alone
    tone = scores["tone"]
    assert tone["scores"]["rmse"] == pytest.approx(tone["baselines"]["least squares"]["rmse"], rel=0.1)
    strengths = maquette.open(whole / "tone").model[0].weight.detach().view(2, -1).norm(dim=0)
    assert strengths.tolist() == pytest.approx([1, 0, 0, 0, 0, 0], abs=0.15)  # sin(x) is one tone


def test_the_headline_says_what_was_found(whole):
    scores = read(whole / "points" / "scores.json")
    page = (whole / "points" / "report.html").read_text(encoding="utf-8")
    told = re.search(r"Made points are ([\d.]+) from points .* covariance ([\d.]+)\.", page)
    assert told and float(told[1]) == pytest.approx(scores["scores"]["energy_distance"], rel=1e-3)


def test_sine_predicts_a_table(whole, tmp_path):
    (tmp_path / "new.csv").write_text("name,x\na,0\nb,1.5708\nc,-1.5708\n")
    assert main(["predict", str(whole / "sine"), str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.csv")]) == 0
    answered = pd.read_csv(tmp_path / "out.csv")
    assert list(answered) == ["name", "x", "y_predicted"]
    assert answered["y_predicted"].to_numpy() == pytest.approx([0, 1, -1], abs=0.4)
    again = maquette.open(whole / "sine").predict(pd.read_csv(tmp_path / "new.csv"))
    assert again["y_predicted"].to_numpy() == pytest.approx(answered["y_predicted"].to_numpy(), rel=1e-6)


def test_points_draws_and_judges(whole, tmp_path, capsys):
    folder, out = whole / "points", tmp_path / "made.csv"
    assert main(["predict", str(folder), "--count", "50", "--seed", "3", "--out", str(out)]) == 0
    run = maquette.open(folder)
    assert list(run.uses) == ["sample", "judge"]
    made = run.use("sample", count=50, seed=3)
    assert made.to_numpy() == pytest.approx(pd.read_csv(out).to_numpy(), rel=1e-6)
    assert not made.equals(run.predict(count=50, seed=4))
    assert main(["predict", str(folder), str(out), "--use", "judge", "--out", str(tmp_path / "judged.csv")]) == 0
    judged = pd.read_csv(tmp_path / "judged.csv")
    assert list(judged) == ["x", "y", "real_predicted"] and judged["real_predicted"].between(0, 1).all()
    assert run.predict(made)["real_predicted"].to_numpy() == pytest.approx(
        judged["real_predicted"].to_numpy(), rel=1e-3
    )
    capsys.readouterr()
    assert main(["predict", str(folder), "--count", "3"]) == 0
    assert len(capsys.readouterr().out.strip().splitlines()) == 4


def test_mirror_answers_by_the_rarest_rule_that_fits(whole, tmp_path, capsys):
    run = maquette.open(whole / "mirror")
    assert run.model is None
    assert run.predict("I am tired of my work.") == "How long have you been tired of your work?"
    assert run.predict(["Well, you are my friend!", "Rain."]) == [
        "Why do you think that I am your friend?",
        "Please go on.",
    ]
    capsys.readouterr()
    assert main(["predict", str(whole / "mirror"), "I need you"]) == 0
    assert capsys.readouterr().out == "What would it mean to you to get I?\n"
    assert main(["predict", str(whole / "mirror"), "I am", "--out", str(tmp_path / "answer.txt")]) == 0
    assert (tmp_path / "answer.txt").read_text() == "Please go on.\n"


def test_tone_sounds_at_the_pitch_that_is_asked_for(whole, tmp_path):
    path = tmp_path / "tone.wav"
    assert main(["predict", str(whole / "tone"), "--pitch", "330", "--length", "0.5", "--out", str(path)]) == 0
    sound = importlib.import_module("maquette.media.sound")
    (heard,) = sound.read([path], print)
    assert heard.rate == 44_100 and len(heard.samples) == 22_050
    strength = np.abs(np.fft.rfft(heard.samples))
    assert np.fft.rfftfreq(len(heard.samples), 1 / heard.rate)[strength.argmax()] == pytest.approx(330, abs=2)
    (played,) = maquette.open(whole / "tone").use("play", pitch=330, length=0.5)
    assert np.abs(played.samples - heard.samples).max() < 1e-4
    with pytest.raises(maquette.UserError, match="--pitch should be less than or equal to 5000"):
        maquette.open(whole / "tone").use("play", pitch=1e5)


def result(folder: Path) -> tuple:
    """All that a run has found, but for times and its own path."""
    scores = read(folder / "scores.json")
    said = (folder / "findings.json").read_text(encoding="utf-8").replace(str(folder), "RUN")
    weights = {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("model.safetensors"))}
    lines = (folder / "metrics.jsonl").read_text().splitlines() if (folder / "metrics.jsonl").exists() else []
    metrics = [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]
    return weights, scores["scores"], scores["baselines"], metrics, json.loads(said)["sections"]


@pytest.fixture
def stopping(monkeypatch):
    """Has the run stop when it has logged so many lines more."""

    def stop_after(lines: int) -> None:
        left = lines

        def log_and_stop(self, step, **numbers):
            nonlocal left
            log(self, step, **numbers)
            left -= 1
            if left == 0:
                self.stop()

        monkeypatch.setattr(Run, "log", log_and_stop)

    log = Run.log
    return stop_after


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sine", "points"])
def test_a_recipe_of_the_page_stopped_and_resumed_is_never_stopped(whole, train, tmp_path, stopping, name):
    stopping(3)
    assert train(name, tmp_path / name) == 130
    assert not (tmp_path / name / "scores.json").exists()
    assert main(["resume", str(tmp_path / name)]) == 0
    assert result(tmp_path / name) == result(whole / name)


def test_what_learns_nothing_is_resumed_too(whole, train, tmp_path, monkeypatch):
    def interrupted(self, step):
        begin(self, step)
        if step == "score":
            raise KeyboardInterrupt

    begin, folder = Run.begin, tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Run, "begin", interrupted)
        assert train("mirror", folder) == 130
    with pytest.raises(maquette.UserError, match="no trained model yet; go on with: maquette resume"):
        maquette.open(folder)
    assert main(["resume", str(folder)]) == 0
    assert result(folder) == result(whole / "mirror")


def test_what_needs_a_run_is_stopped_within_that_one_and_after_it(whole, train, tmp_path, stopping, capsys):
    folder = tmp_path / "run"
    stopping(5)
    assert train("tone", folder) == 130
    assert f"go on with: maquette resume {folder}\n" in capsys.readouterr().err
    assert not (folder / "needs" / "curve" / "scores.json").exists()
    stopping(len(epochs_of(whole / "tone" / "needs" / "curve")) - 5 + 8)
    assert main(["resume", str(folder)]) == 130
    assert (folder / "needs" / "curve" / "scores.json").exists() and not (folder / "scores.json").exists()
    assert main(["resume", str(folder)]) == 0
    assert result(folder) == result(whole / "tone")
    assert read(folder / "settings.json")["needs"] == read(whole / "tone" / "settings.json")["needs"]


def epochs_of(folder: Path) -> list[str]:
    return (folder / "metrics.jsonl").read_text().splitlines()


def refused(capsys, *arguments: str) -> str:
    """The one sentence with which a command is refused."""
    capsys.readouterr()
    assert main([*arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("maquette: ") and said.count("\n") == 1
    return said


def test_a_needed_run_that_will_not_do_is_refused(whole, train, tmp_path, stopping, capsys):
    run = ["run", "tone", "--preset", "small", "--out", str(tmp_path / "tone"), "--curve"]
    assert "there is no such run folder; make one with: maquette run sine" in refused(capsys, *run, "runs/nowhere")
    said = refused(capsys, *run, str(whole / "points"))
    assert "is a run of points; this needs one of sine" in said
    stopping(3)
    assert train("sine", tmp_path / "stopped") == 130
    stopped = str(tmp_path / "stopped")
    assert f"is not finished; go on with it first: maquette resume {stopped}" in refused(capsys, *run, stopped)
    said = refused(capsys, *run, str(whole / "sine"), "--data", "sine")
    assert "brings its own data" in said
    assert not (tmp_path / "tone").exists()


def test_a_needed_run_that_has_changed_since_is_refused(whole, train, tmp_path, stopping, capsys):
    curve, folder = tmp_path / "sine", tmp_path / "tone"
    shutil.copytree(whole / "sine", curve)
    stopping(3)
    assert train("tone", folder, "--curve", str(curve)) == 130
    shutil.rmtree(curve)
    assert "which is no longer there; put it back" in refused(capsys, "resume", str(folder))
    stopping(10**9)
    assert train("sine", curve, "--seed", "1") == 0
    assert "has changed since; start a new run" in refused(capsys, "resume", str(folder))
    shutil.rmtree(curve)
    shutil.copytree(whole / "sine", curve)
    assert main(["resume", str(folder)]) == 0


def test_a_needed_run_that_fails_is_named(added, train, tmp_path, capsys):
    (tmp_path / "own.csv").write_text("x,y\n" + "".join(f"{n},{'abc'[n % 3]}\n" for n in range(40)))
    run = ["run", "tone", "--preset", "small", "--data", str(tmp_path / "own.csv"), "--out", str(tmp_path / "run")]
    said = refused(capsys, *run)
    assert "sine, which this run needs first, failed: Name the two columns with --x and --y" in said
    assert not (tmp_path / "run").exists()


def test_a_use_that_is_not_there_or_is_given_something_else_is_refused(whole, tmp_path, capsys):
    points, path = str(whole / "points"), str(tmp_path / "a.wav")
    assert main(["predict", str(whole / "tone"), "--length", "0.1", "--out", path]) == 0
    assert "no use jugde; did you mean judge?" in refused(capsys, "predict", points, "--use", "jugde")
    assert "judge takes table, and" in refused(capsys, "predict", points, "--use", "judge", path)
    assert "judge takes table as INPUT" in refused(capsys, "predict", points, "--use", "judge")
    assert "sample takes no INPUT" in refused(capsys, "predict", points, "--use", "sample", path)
    assert "judge has no option --count" in refused(capsys, "predict", points, "new.csv", "--count", "3")


def test_help_lists_the_uses(whole, capsys):
    with pytest.raises(SystemExit):
        main(["predict", str(whole / "points"), "--help"])
    said = capsys.readouterr().out
    assert f"maquette predict {whole / 'points'} --count 500 --out POINTS.csv" in said
    assert f"maquette predict {whole / 'points'} NEW.csv --out JUDGED.csv --use judge" in said
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert "sample: nothing to table; judge: table to table" in listed and "needs a run of sine" in listed


def test_sounds_are_written_and_read(added, tmp_path):
    sound = importlib.import_module("maquette.media.sound")
    samples = np.linspace(-1, 1, 101, dtype=np.float32)
    asked = media.Asked(tmp_path)
    made = sound.write([sound.Sound(samples, 8000)] * 2, tmp_path / "two", asked, print)
    for heard in sound.read(sorted(made.iterdir()), print):
        assert heard.rate == 8000 and np.abs(heard.samples - samples).max() < 1 / 32767
    assert sound.keep([sound.Sound(samples, 8000)]) == sound.keep([sound.Sound(samples, 8000)])
    (tmp_path / "no.wav").write_bytes(b"RIFF")
    with pytest.raises(maquette.UserError, match="cannot be read as a WAV file"):
        list(sound.read([tmp_path / "no.wav"], print))


def test_sine_takes_own_data_and_refuses_what_it_cannot_learn(added, tmp_path, capsys):
    run = ["run", "sine", "--preset", "small", "--epochs", "2", "--data", str(tmp_path / "own.csv")]
    (tmp_path / "own.csv").write_text("x,y\n" + "".join(f"{n},{n * n}\n" for n in range(40)))
    assert main([*run, "--width", "8", "--out", str(tmp_path / "run")]) == 0
    (tmp_path / "own.csv").write_text("x,y\n" + "".join(f"{n},{'abc'[n % 3]}\n" for n in range(40)))
    assert "y is not a column of numbers" in refused(capsys, *run, "--y", "y", "--out", str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()
