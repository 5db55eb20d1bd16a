"""CLIP: it finds what it has learnt, from Python and the command line; its index is kept; mistakes are one sentence."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

import maquette
from maquette.cli import main
from maquette.data.sets.shape_set import all_scenes, balanced
from maquette.data.sets.shape_words import caption, scene_of
from maquette.data.sets.shapes import draw
from maquette.families import galleries
from maquette.families.captions import learn_wording, load_wording, part_of
from maquette.recipes.clip.report import (
    SHADES,
    about_words,
    colour_histograms,
    counted,
    questions_of,
    small_pixels,
)
from maquette.settings import UserError

G = np.random.default_rng(0)
SCENES = balanced(all_scenes(), 60, G)
PICTURES = draw(SCENES, 4)
TEXTS = [[caption(scene, 0), caption(scene, 1)] for scene in SCENES]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """300 captioned shapes, learnt in seconds from pairs in memory."""
    scenes = balanced(all_scenes(), 300, np.random.default_rng(1))
    pairs = [(one, [caption(scene, 0), caption(scene, 5)]) for one, scene in zip(draw(scenes, 2), scenes, strict=True)]
    small = {"steps": 150, "batch_size": 64, "width": 8, "text_width": 32, "vocabulary": 400}
    return maquette.run("clip", data=pairs, preset="small", out=tmp_path_factory.mktemp("clip") / "run", **small)


def test_it_learns_to_find(run):
    chance = run.baselines["chance"]["recall_at_10"]
    assert (
        run.scores["recall_at_10"] > 2 * chance
        and run.scores["recall_at_1"] > run.baselines["before training"]["recall_at_1"]
    )
    assert run.scores["median_rank"] < run.baselines["chance"]["median_rank"] / 1.5
    assert 0 <= run.scores["zero_shot_accuracy"] <= 1
    metrics = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert metrics[-1]["loss"] < metrics[0]["loss"] and metrics[-1]["temperature"] >= 0.01


def test_uses_agree_with_each_other(run):
    clip = maquette.open(run.folder)
    words = ["a filled red circle standing", "two blue stars"]
    cosines = clip.use("similarity", [*PICTURES[:5], *words])
    numbers = clip.use("embed", [*PICTURES[:5], *words]).drop(columns="text").to_numpy()
    assert list(cosines) == words and cosines.to_numpy() == pytest.approx(numbers[2:] @ numbers[:2].T, abs=1e-5)
    told = clip.use("classify", [*PICTURES[:5], *words])
    scale = float(clip.model.scale)
    expected = torch.tensor(cosines.to_numpy()).double().mul(scale).softmax(1).numpy()
    assert told[[f"probability_{word}" for word in words]].to_numpy() == pytest.approx(expected, abs=1e-5)
    assert list(told["class"]) == [words[at] for at in expected.argmax(1)]
    page = clip.use("search", [*PICTURES[:5], *words], most=3)
    tables = [block["rows"] for block in page if block["kind"] == "table"]
    for rows, word in zip(tables, words, strict=True):
        best = cosines[word].nlargest(3)
        assert [row[1] for row in rows] == [f"picture {at + 1}" for at in best.index]
        assert [row[2] for row in rows] == pytest.approx(list(best), abs=1e-4)
    prompted = clip.use("classify", [PICTURES[0], "circle", "star"], prompt="a red {}")
    assert list(prompted) == ["class", "probability", "probability_circle", "probability_star"]


def test_a_folder_is_looked_at_once_in_bounded_pieces(run, tmp_path, monkeypatch, capsys):
    from PIL import Image

    (tmp_path / "many" / "deep").mkdir(parents=True)
    for number, pixels in enumerate(PICTURES[:20]):
        Image.fromarray(pixels).save(tmp_path / "many" / ("deep" if number % 2 else ".") / f"{number:02d}.png")
    (tmp_path / "many" / "broken.png").write_bytes((tmp_path / "many" / "00.png").read_bytes()[:80])
    monkeypatch.setattr(galleries, "AT_ONCE", 6)
    looked = []
    embed = galleries.embed_pictures

    def watched(model, pictures):
        looked.append(len(pictures))
        return embed(model, pictures)

    monkeypatch.setattr(galleries, "embed_pictures", watched)
    command = ["predict", str(run.folder), str(tmp_path / "many"), "a red circle", "a zebra"]
    assert main([*command, "--out", str(tmp_path / "page.html")]) == 0
    said = capsys.readouterr().out
    assert sum(looked) == 20 and max(looked) <= 6 and "broken.png" in said
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "No training caption has the word zebra" in page and "deep/" in page and "20 pictures" in page
    looked.clear()
    assert main([*command, "--out", str(tmp_path / "again.html")]) == 0
    assert not looked
    Image.fromarray(PICTURES[30]).resize((40, 40)).save(tmp_path / "many" / "00.png")
    assert main([*command, "--use", "similarity", "--out", str(tmp_path / "t.csv")]) == 0
    assert looked == [1]
    table = pd.read_csv(tmp_path / "t.csv")
    fresh = maquette.open(run.folder).use("similarity", [str(tmp_path / "many" / "00.png"), "a red circle", "a zebra"])
    row = table.set_index("file").loc["00.png"]
    assert row["a red circle"] == pytest.approx(fresh["a red circle"][0], abs=1e-5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["PICTURE", "--use", "classify"], "takes pictures and text together, and was given no text"),
        (["a cat", "a dog", "--use", "search"], "was given no pictures"),
        (["PICTURE", "cat", "--use", "classify"], "nothing to choose from but 'cat'"),
        (["PICTURE", "cat", " ", "--use", "similarity"], "One of the texts is empty"),
        (["PICTURE", "cat", "dog", "--use", "classify", "--prompt", "a photo"], "has no {}"),
        (["nowhere.png", "cat"], "There is no file"),
    ],
)
def test_mistakes_are_one_sentence(run, tmp_path, capsys, words, said):
    from PIL import Image

    Image.fromarray(PICTURES[0]).save(tmp_path / "one.png")
    given = [str(tmp_path / "one.png") if word == "PICTURE" else word for word in words]
    assert main(["predict", str(run.folder), *given]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1


def test_captions_are_small_letters_and_keep_their_end():
    wording = learn_wording([text for texts in TEXTS for text in texts], 400)
    assert (wording.encode(["A  Red CIRCLE "]) == wording.encode(["a red circle"])).all()
    long = wording.encode(["a red circle " * 50])
    assert long.shape == (1, wording.context) and long[0, -1] == 0 and (long[0, :-1] > 0).all()
    again = load_wording(wording.state())
    assert (again.encode(TEXTS[0]) == wording.encode(TEXTS[0])).all()
    assert again.strange(["a red zebra", "Circle?"]) == ["zebra"]
    doubts = again.doubts(["a red circle", "a red zebra", "?!", "a red circle " * 50], "what is found by it")
    assert [doubt.split()[0] for doubt in doubts] == ["No", "?!", "a"]
    assert f"its first {again.context - 1} tokens" in doubts[2] and not again.doubts(["a red circle"], "all")


def test_parts_know_which_captions_belong_to_which_picture():
    texts = [["a cat", "one cat"], ["A  cat"], ["a dog", "the dog", "dog"]]
    wording = learn_wording([text for each in texts for text in each], 300)
    part = part_of(np.zeros((3, 8, 8, 3), np.uint8), texts, wording)
    assert part.owners.tolist() == [0, 0, 1, 2, 2, 2] and part.first.tolist() == [0, 2, 3]
    assert part.is_right().tolist() == [
        [True, True, True, False, False, False],
        [True, False, True, False, False, False],
        [False] * 3 + [True] * 3,
    ]
    rows = torch.tensor([2, 0, 2])
    assert part.draw(rows, torch.tensor([0.0, 0.99, 0.99])).tolist() == [3, 1, 5]
    some = part.some(np.array([2, 0]))
    assert some.captions == [*texts[2], *texts[0]] and some.owners.tolist() == [0, 0, 0, 1, 1]
    assert (some.tokens == part.tokens[[3, 4, 5, 0, 1]]).all()


def test_classes_are_found_in_captions():
    wording = learn_wording([text for texts in TEXTS for text in texts], 400)
    part = part_of(PICTURES, TEXTS, wording)
    asked = {question.about: question for question in questions_of(part, part)}
    assert list(asked) == ["shape", "colour", "style", "action"]
    assert (asked["shape"].true == SCENES[:, 0]).all()
    for number, prompts in enumerate(asked["colour"].prompts):
        assert prompts and all(scene_of(text)[1] == number for text in prompts)
    animals = [[f"a {('cat', 'dog', 'bird')[n % 3]} number {'abcdefghij'[n % 10]} sits on the sofa"] for n in range(60)]
    (question,) = about_words(*[part_of(PICTURES, animals, wording)] * 2)
    assert set(question.classes) == {"cat", "dog", "bird"} and (question.true >= 0).all()
    assert all(
        name in text for name, prompts in zip(question.classes, question.prompts, strict=True) for text in prompts
    )
    few = [[("daisy", "tulip")[n % 2]] for n in range(60)]
    (question,) = questions_of(*[part_of(PICTURES, few, wording)] * 2)
    assert question.classes == ["daisy", "tulip"] and question.true.tolist() == [n % 2 for n in range(60)]


@pytest.mark.parametrize(("described", "least"), [(small_pixels, 10), (colour_histograms, 20)])
def test_counted_words_find_better_than_chance(described, least):
    scenes = balanced(all_scenes(), 700, G)
    texts = [[caption(scene, 0)] for scene in scenes]
    wording = learn_wording([text for each in texts for text in each], 400)
    pictures = draw(scenes, 6)
    train, test = part_of(pictures[:600], texts[:600], wording), part_of(pictures[600:], texts[600:], wording)
    cosines = counted(train, test, described)
    ranks = (cosines >= np.diag(cosines)[:, None]).sum(1)
    assert cosines.shape == (100, 100) and np.median(ranks) < least


def test_histograms_say_which_part_has_which_colour():
    picture = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    picture[0, 0, :1] = 255  # a quarter is red, the rest black
    found = colour_histograms(picture)[0]
    assert found[SHADES - 1] == 0.25 and found[0] == 0.75 and found.sum() == 1


def test_data_that_cannot_teach_is_refused(tmp_path, capsys):
    pairs = [(one, "the same") for one in PICTURES[:20]]
    with pytest.raises(UserError, match="same caption"):
        maquette.run("clip", data=pairs, out=tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_few_pictures_are_a_batch_together(tmp_path):
    pairs = list(zip(PICTURES, [texts[0] for texts in TEXTS], strict=True))
    run = maquette.run("clip", data=pairs, preset="small", steps=3, batch_size=100, out=tmp_path / "run")
    told = (run.folder / "findings.json").read_text(encoding="utf-8")
    assert "--batch-size 100 is more than there are training pictures" in told
