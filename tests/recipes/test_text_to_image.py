"""Pictures from words on a small run: what its uses promise, what they refuse, words to mix, a CLIP of one's own."""

import json

import numpy as np
import pytest
from support import save_picture

import maquette
from maquette.cli import main
from maquette.data.pictures.files import read_picture
from maquette.recipes import recipe_settings
from maquette.recipes.text_to_image.data import PLAIN, mixed_words, pattern_of, prompts_of
from maquette.recipes.text_to_image.uses import file_name, prompt_of
from maquette.settings import UserError

FEW = {"steps": 3}


@pytest.fixture
def run(small_runs):
    return maquette.open(small_runs.standin("text_to_image"))


def test_clip_is_trained_first_and_scores_stand_beside_real_pictures(run):
    assert run.trained.needed("clip").model.size == run.processing["size"] == 32
    made = json.loads((run.folder / "scores.json").read_text())
    assert set(made["scores"]) == {"right_seen", "right_unseen", "right_text_alone"}
    real, wrong = made["baselines"]["real pictures"], made["baselines"]["shuffled captions"]
    assert real["right_seen"] > 0.9 and real["right_unseen"] > 0.9 and wrong["right_seen"] < 0.2
    findings = (run.folder / "findings.json").read_text(encoding="utf-8")
    assert "The prior against the words alone" in findings and "Attributes that are right" in findings
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "of combinations never seen; of real pictures" in page and "Worse than the best baseline" not in page


def test_pictures_of_a_seed_are_the_same_however_many(run):
    both = run.use("draw", ["a red circle jumping", "two blue stars"], seed=4, **FEW)
    one = run.use("draw", "a red circle jumping", seed=4, **FEW)
    assert one.shape == (32, 32, 3) and np.allclose(one, both[0], atol=1 / 255 + 1e-6)
    assert not np.allclose(run.use("draw", "a red circle jumping", seed=5, **FEW), one)
    assert len(run.use("draw", "a red circle jumping", count=3, seed=4, **FEW)) == 3
    without = run.use("draw", "a red circle jumping", seed=4, negative="blue", **FEW)
    assert not np.allclose(without, one)


def test_a_prompt_becomes_a_file_and_a_file_of_prompts_a_folder(run, tmp_path, capsys):
    words = ["predict", str(run.folder), "a red circle jumping, striped", "--steps", "2"]
    assert main([*words, "--out", str(tmp_path / "picture.png")]) == 0
    assert read_picture(tmp_path / "picture.png").pixels.shape == (32, 32, 3)
    lines = [f"{number} stars" for number in range(300)]
    (tmp_path / "prompts.txt").write_text("\n\n".join(lines) + "\n")
    command = ["predict", str(run.folder), str(tmp_path / "prompts.txt"), "--steps", "1", "--guidance", "1"]
    assert main([*command, "--out", str(tmp_path / "many")]) == 0
    names = sorted(path.name for path in (tmp_path / "many").glob("*.png"))
    assert len(names) == 300 and names[0] == "0001-0-stars.png" and names[-1] == "0300-299-stars.png"
    words = ["predict", str(run.folder), "a red circle", "--film", "--count", "2", "--frames", "3"]
    assert main([*words, "--out", str(tmp_path / "way.webp")]) == 0
    assert (tmp_path / "way.webp").read_bytes()[8:12] == b"WEBP"


def test_words_never_seen_are_said_and_drawn(run, tmp_path, capsys):
    assert main(["predict", str(run.folder), "a red zebra", "--steps", "2", "--out", str(tmp_path / "a.png")]) == 0
    assert "No training caption has the word zebra" in capsys.readouterr().out and (tmp_path / "a.png").exists()
    run.use("draw", "a red zebra", **FEW)
    assert any("zebra" in note for note in run.notes)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["  "], "The prompt is empty"),
        ([""], "The prompt is empty"),
        (["PICTURE", "--use", "draw"], "is of the medium pictures"),
        (["--use", "mix", "--actions", "jumping"], "mixed with subjects"),
        (["a circle", "--steps", "1001"], "--steps should be less than or equal to 1000"),
        (["a circle", "--count", "0"], "--count"),
        (["--use", "mix", "--prompt", "no place"], "must have {subject}"),
        (["--use", "mix", "--subjects", ",".join(f"thing{n}" for n in range(601))], "mix at most"),
        (["a circle", "--use", "interpolate"], "give two or more"),
        (["PICTURE", "a circle", "--use", "edit"], "takes two texts"),
        (["PICTURE", "--use", "edit"], "was given no text"),
        (["a circle", "--film", "--count", "64", "--frames", "1"], "--frames"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_sentence(run, words, told, tmp_path, capsys):
    save_picture(tmp_path / "one.png", np.zeros((32, 32, 3), np.uint8))
    given = [str(tmp_path / "one.png") if word == "PICTURE" else word for word in words]
    assert main(["predict", str(run.folder), *given, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert told in said and said.count("\n") == 1 and not (tmp_path / "out").exists()


def test_words_are_mixed_to_a_grid(run, tmp_path):
    out = tmp_path / "page.html"
    words = ["--subjects", "red circle,blue star", "--actions", "jumping,rolling", "--styles", "striped,filled"]
    assert main(["predict", str(run.folder), "--use", "mix", *words, "--steps", "1", "--out", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    assert all(word in page for word in ("red circle", "blue star", "jumping", "rolling", "striped", "filled"))
    assert "<h1>Subjects, actions and styles mixed in a grid</h1>" in page
    blocks = run.use("mix", steps=1)
    said, kinds = blocks[0]["text"], ("{subject}", "{action}", "{style}")
    assert all(kind in said for kind in kinds) and f"'{PLAIN}'" not in said  # as captions have it
    blocks = run.use("mix", subjects="red circle", steps=1)
    assert len([block for block in blocks if block["kind"] == "picture"]) == 1
    mixed = run.processing["mixed"]
    assert {"standing", "jumping", "leaning"} & set(mixed["actions"]) and {"circle", "star", "arrow"} & set(
        mixed["subjects"]
    )


def test_pictures_are_varied_and_changed_by_words(run, tmp_path):
    pixels = np.random.default_rng(0).random((40, 50, 3)).astype(np.float32)
    made = run.use("vary", pixels, steps=2)
    assert made.shape == (32, 32, 3) and not np.allclose(made, run.use("vary", pixels, steps=2, seed=1))
    same = run.use("edit", [pixels, "a red circle", "a blue circle"], strength=0.0, steps=6)[0]
    other = run.use("edit", [pixels, "a red circle", "a blue circle"], strength=1.0, steps=6)[0]
    assert same.shape == (32, 32, 3) and not np.allclose(same, other)
    frames = run.use("interpolate", ["a red circle", "a blue star"], frames=4, steps=2)
    assert len(frames) == 4


def test_a_clip_of_another_size_is_refused(small_runs, tmp_path, capsys):
    clip = small_runs.standin("clip")
    command = ["run", "text_to_image", "--preset", "small", "--clip", str(clip), "--size", "64"]
    assert main([*command, "--out", str(tmp_path / "run")]) == 2
    assert "sees pictures of 32 x 32" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_without_a_prior_texts_stand_alone(small_runs, tmp_path):
    run = maquette.run(
        "text_to_image", preset="small", prior="none", epochs=1, most_pictures=200, judged=8,
        clip=str(small_runs.standin("clip")), out=tmp_path / "run",
    )  # fmt: skip
    assert list(maquette.open(run.folder).model) == ["decoder"] and "right_text_alone" in run.scores
    assert maquette.open(run.folder).use("draw", "a red circle", **FEW).shape == (32, 32, 3)


def test_settings_say_what_is_told():
    assert recipe_settings("text_to_image", "course", {}).told == "45,45,5,5"
    for wrong in ("1,2,3", "a,b,c,d", "-1,1,1,1", "0,0,0,0", "1,1,1,inf"):
        with pytest.raises(UserError, match="four numbers"):
            recipe_settings("text_to_image", None, {"told": wrong})


def test_prompts_are_lines_and_names_are_plain():
    assert prompts_of(["a\n\n b  c \n", "d"]) == ["a", "b c", "d"]
    with pytest.raises(UserError, match="empty"):
        prompts_of(["a", " \n "])
    assert file_name(6, "Ein roter Kreis, 2x!", 0, 1) == "0007-ein-roter-kreis-2x"
    assert file_name(0, "猫", 2, 3) == "0001-3"
    assert prompt_of("{style} {subject} {action}", "cat", "", "") == "cat"
    assert prompt_of("a {subject} {action}, {style}", "cat", "running", "") == "a cat running"


def test_words_are_put_together_as_captions_do():
    mixed = {"subjects": ["star", "red star"], "actions": ["jumping"], "styles": []}
    texts = ["Two stars jumping", "a Red Star, jumping", "a star, jumping", "the star is jumping", "a star by a star"]
    assert pattern_of(texts, mixed) == "a {subject}, {action}"
    assert pattern_of([*texts, *["the star is jumping"] * 3], mixed) == "the {subject} is {action}"
    assert pattern_of([], mixed) == pattern_of(["a {star} jumping"], mixed) == PLAIN
    assert pattern_of(["a b"], {"subjects": ["a", "b"]}) == PLAIN


def test_words_that_exclude_each_other_make_lists():
    g = np.random.default_rng(0)
    nouns, verbs, styles = ("cat", "dog", "bird"), ("running", "sleeping"), ("striped", "plain", "dotted")
    texts = [f"a {g.choice(styles)} {g.choice(verbs)} {g.choice(nouns)}" for _ in range(600)]
    found = mixed_words(texts)
    assert {kind: set(words) for kind, words in found.items()} == {
        "subjects": set(nouns), "actions": set(verbs), "styles": set(styles),
    }  # fmt: skip
    assert mixed_words(["one", "two"] * 3)["actions"] == [] and mixed_words([""]) == {
        "subjects": [], "actions": [], "styles": [],
    }  # fmt: skip
