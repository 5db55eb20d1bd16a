"""Every recipe, small: it runs, reports, answers, and comes back from SIGKILL to the same last bit.

Each trains once on its stand-in and once, shorter, on data of one's own; the checks share these runs.
"""

import json
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from small_runs import (
    OTHERS,
    assert_same,
    blocks,
    interrupted_at,
    metrics,
    numbers,
    run_killed,
    run_small,
    run_together,
    run_unscored,
    small,
    stopping,
    weights,
)
from support import make_houses
from using import CHECKS, INPUTS, use_everything

import maquette
from maquette.cli import main
from maquette.recipes import CHAPTERS, RECIPES, load_recipe, load_settings, load_uses
from maquette.settings import Options
from maquette.steps import SECTIONS, STEPS

WITHOUT_CHANCE = ("line", "tokenizer", "eliza")  # a closed form, counting, and rules
ALONE = ("line", "tokenizer", "classification", "splat", "chatbots")  # not over processes, or as others are
TRAININGS = [
    *(pytest.param(name, False, id=name) for name in RECIPES),
    *(pytest.param(name, True, id=f"{name}-other") for name in OTHERS),
]
MADE = ["settings.json", "findings.json", "scores.json", "processing.json", "report.html"]
LEARNT = ["metrics.jsonl", "model.json", "model.safetensors"]


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


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_its_steps_presets_and_uses(name):
    entry, recipe, light = RECIPES[name], load_recipe(name), load_settings(name)
    assert all(callable(getattr(recipe, step)) for step in STEPS)
    assert {"small", "course", "full"} <= set(light.PRESETS)
    fields = light.Settings.model_fields
    assert len(fields) <= 20, f"{name} has {len(fields)} settings"
    assert all(field.description for field in fields.values())
    options = getattr(light, "OPTIONS", {})
    assert set(options) <= set(entry.uses) and all(issubclass(kind, Options) for kind in options.values())
    assert all(field.description for kind in options.values() for field in kind.model_fields.values())
    assert all(callable(getattr(load_uses(name), use)) for use in entry.uses)
    assert set(entry.needs) <= set(fields) and {need.recipe for need in entry.needs.values()} <= set(RECIPES)
    assert entry.chapter in CHAPTERS and entry.uses
    for use in entry.uses.values():
        assert set(use.takes) <= set(INPUTS) and use.gives in CHECKS and use.summary and use.example


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_leaves_a_whole_folder(name, small_runs):
    folder = small_runs.standin(name)
    said = small_runs.said[folder].strip().splitlines()[-1]
    assert said.startswith(f"Made {folder}") and "maquette predict" in said
    learns = "There is no network here" not in (folder / "findings.json").read_text(encoding="utf-8")
    assert all((folder / file).stat().st_size > 0 for file in [*MADE, *(LEARNT if learns else [])])
    assert not [path for path in folder.rglob("*") if path.name.endswith(".part")]
    assert (folder / "report.html").stat().st_size < 3 * 2**20
    scores = json.loads((folder / "scores.json").read_text())
    framing = json.loads((folder / "findings.json").read_text())["framing"]
    assert framing["score"] in scores["scores"] and scores["baselines"]
    page = Headings()
    page.feed((folder / "report.html").read_text(encoding="utf-8"))
    titles = " ".join(page.found)
    positions = [titles.find(title) for title in SECTIONS.values()]
    assert len(positions) == 7 and -1 not in positions and positions == sorted(positions)


@pytest.mark.parametrize("name", RECIPES)
def test_every_use_answers_from_the_command_line_and_from_python(name, small_runs, tmp_path, capsys):
    use_everything(small_runs.standin(name), tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "others"), TRAININGS)
def test_stopped_and_resumed_is_never_stopped(name, others, small_runs, tmp_path, capsys):
    """At a third and at two thirds of the steps, and before the scores."""
    whole, folder = small_runs.own(name, others), tmp_path / "run"
    flags, part = small_runs.flags(name, others), small_runs.steps[whole] // 3
    assert part > 0 or not (whole / "metrics.jsonl").exists(), "it has less than three steps; make SHORT longer"
    if part:
        with stopping(after=part) as made:
            assert run_small(name, folder, *flags) == 130
        assert len(made) == part and f"maquette resume {folder}" in capsys.readouterr().err
        with stopping(after=part):
            assert main(["resume", str(folder)]) == 130
    with interrupted_at("score"):
        assert (main(["resume", str(folder)]) if part else run_small(name, folder, *flags)) == 130
    assert not (folder / "scores.json").exists()
    assert main(["resume", str(folder)]) == 0
    assert_same(folder, whole)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "others"), TRAININGS)
def test_killed_and_resumed_is_never_stopped(name, others, small_runs, tmp_path):
    whole, folder = small_runs.own(name, others), tmp_path / "run"
    run_killed(folder, small_runs.steps[whole] // 2 + 1, *small(name, folder, *small_runs.flags(name, others)))
    assert not (folder / "scores.json").exists()
    assert main(["resume", str(folder)]) == 0
    assert_same(folder, whole)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in RECIPES if name not in WITHOUT_CHANCE])
def test_another_seed_gives_another_run(name, small_runs, tmp_path):
    run_unscored(name, tmp_path / "run", *small_runs.flags(name), "--seed", "2")
    assert weights(tmp_path / "run") != weights(small_runs.own(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in RECIPES if name not in ALONE])
def test_two_processes_give_what_one_gives(name, small_runs, tmp_path, tmp_path_factory):
    folder, flags = tmp_path / "two", small_runs.flags(name)
    if name == "gan":  # two networks that learn against each other make ever more of rounding: once over the pictures
        flags, whole = [*flags, "--epochs", "1"], tmp_path_factory.mktemp("one") / "run"
        assert run_small(name, whole, *flags) == 0
    else:
        whole = small_runs.own(name)
    command = small(name, folder, *flags)
    if name == "regression":
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        done = subprocess.run([*launch, "-m", "maquette", *command], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    else:
        run_together(folder, *command)  # as torchrun does, but for the time
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("said-")] == ["two"]
    one, two = numbers(whole)[0], numbers(folder)[0]
    for score, value in one.items():
        assert two[score] == pytest.approx(value, rel=1e-3), score


def test_python_takes_a_data_frame_and_gives_plain_objects(tmp_path):
    frame = make_houses(200)
    result = maquette.run("regression", data=frame, target="price", epochs=3, out=tmp_path / "run")
    assert result.scores["rmse"] > 0 and result.report.exists()
    answer = maquette.open(result.folder).predict(frame.drop(columns="price").head(3))
    assert list(answer.columns[-3:]) == ["price_predicted", "price_low", "price_high"]
    assert (answer["price_low"] <= answer["price_predicted"]).all()
    with pytest.raises(maquette.UserError, match="--epohs; did you mean epochs"):
        maquette.run("regression", data=frame, target="price", epohs=3, out=tmp_path / "other")


@pytest.mark.parametrize("name", ["classification"])
def test_tensorboard_reads_the_events(name, small_runs):
    from tensorboard.backend.event_processing import event_accumulator

    folder = small_runs.standin(name)
    events = event_accumulator.EventAccumulator(str(folder / "events"))
    events.Reload()
    logged = metrics(folder)
    assert [item.step for item in events.Scalars("loss")] == [line["step"] for line in logged]
    assert [item.value for item in events.Scalars("loss")] == pytest.approx([line["loss"] for line in logged])


def test_the_course_s_softmax_is_set_right(tmp_path):
    assert main(["run", "classification", "--preset", "course", "--epochs", "1", "--out", str(tmp_path / "run")]) == 0
    tables = [block for block in blocks(tmp_path / "run")["predict"] if block["kind"] == "table"]
    rows = next(block["rows"] for block in tables if "course" in block["title"])
    assert [row[3] for row in rows] == pytest.approx([0.3377, 0.3391, 0.3233], abs=5e-5)
    assert [row[2] for row in rows] == pytest.approx([0.138, 0.739, 0.123], abs=5e-4)
