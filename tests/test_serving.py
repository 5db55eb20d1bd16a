"""Uses of finished runs: which one is meant, what it is given, one or many, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from support import make_photographs

import maquette
from maquette.cli import main
from maquette.data.pictures.files import read_picture
from maquette.graphics.cameras import camera_from
from maquette.recipes import RECIPES, Use
from maquette.serving import check_given, choose_use, inferred
from maquette.settings import UserError


@pytest.fixture
def finished(old_runs):
    """Opens a finished run of a recipe."""
    return lambda name: maquette.open(old_runs / "finished" / name)


@pytest.fixture
def new(tmp_path) -> Path:
    make_photographs(tmp_path / "new", 3)
    return tmp_path / "new"


@pytest.mark.parametrize(
    ("recipe", "given", "out", "use"),
    [
        ("regression", ["new.csv"], None, "predict"),
        ("regression", [pd.DataFrame({"a": [1]})], None, "predict"),
        ("autoencoder", ["picture.png"], None, "encode"),
        ("autoencoder", [np.zeros((4, 4, 3))], None, "encode"),
        ("autoencoder", ["latents.csv"], None, "decode"),
        ("autoencoder", [pd.DataFrame({"latent_1": [1]})], "folder", "decode"),
        ("gpt", ["Once"], None, "write"),
        ("gpt", ["Once"], "page.txt", "write"),
        ("gpt", ["Once"], "page.html", "explain"),
        ("tokenizer", ["Once"], "page.HTM", "explain"),
        ("splat", [], None, "film"),
        ("splat", ["cameras.json"], None, "view"),
        ("restore", ["hello"], None, "restore"),
        ("text_to_image", ["a red circle"], "picture.png", "draw"),
        ("text_to_image", ["picture.png"], None, "vary"),
        ("text_to_image", ["picture.png", "a red circle", "a blue circle"], None, "edit"),
        ("text_to_image", [], "page.html", "mix"),
    ],
)
def test_the_use_is_chosen_by_what_is_given_and_where_it_goes(recipe, given, out, use):
    assert choose_use(recipe, given, Path(out) if out else None) == use


def test_a_long_text_is_a_prompt_but_no_file_s_name():
    long = "the cat saw a lamp. " * 500
    check_given("write", RECIPES["gpt"].uses["write"], [long])
    assert choose_use("restore", [long]) == "restore"
    with pytest.raises(UserError, match="too long for a file's name"):
        check_given("restore", RECIPES["restore"].uses["restore"], [long])


def test_prompts_at_their_edges(old_runs, tmp_path, capsys):
    """Single words are doubted; a dash in front, hardly any temperature, a mark in a file and no file at all."""

    def predict(*words: str) -> tuple[int, str, str]:
        code = main(["predict", str(old_runs / "finished" / "gpt"), "--tokens", "3", *words])
        return code, *capsys.readouterr()

    code, out, err = predict("the", "man")
    assert code == 0 and len(out.splitlines()) >= 2 and "2 prompts" in err and '"the man"' in err
    greedy = predict("the man", "--strategy", "greedy")
    for temperature in ("1e-38", "1e-320"):
        assert predict("the man", "--temperature", temperature) == greedy
    (tmp_path / "notepad.txt").write_bytes(b"\xef\xbb\xbfthe man")
    assert predict(str(tmp_path / "notepad.txt"), "--strategy", "greedy") == greedy
    (tmp_path / "wide.txt").write_bytes("the man".encode("utf-16"))
    code, out, err = predict(str(tmp_path / "wide.txt"), "--strategy", "greedy")
    assert (code, out) == greedy[:2] and "is read as utf-16" in err
    code, out, err = predict("-the")
    assert (code, out) == (2, "") and "after --" in err
    assert predict("--", "-the")[0] == 0
    code, out, err = predict(str(tmp_path / "notepat.txt"))
    assert (code, out) == (2, "") and "did you mean notepad.txt?" in err
    code, out, err = predict("the man " * 300)
    assert code == 0 and out.startswith("the man the man") and "longer than" in err
    assert predict("", "--top-k", "99999999")[0] == predict("  ")[0] == 0


def test_python_lists_uses_and_refuses_unknown_ones(finished):
    run = finished("autoencoder")
    assert list(run.uses) == ["encode", "decode"] and run.recipe == "autoencoder"
    with pytest.raises(UserError, match="no use encod; did you mean encode"):
        run.use("encod", np.zeros((16, 16, 3)))
    with pytest.raises(UserError, match="--strength"):
        run.use("encode", np.zeros((16, 16, 3)), strength=3)
    with pytest.raises(UserError, match="encode takes pictures as INPUT"):
        run.use("encode")


@pytest.mark.parametrize(
    ("recipe", "use", "given", "words"),
    [
        (
            "image_classification",
            "classify",
            ["new.csv"],
            "classify takes pictures, and new.csv is of the medium table",
        ),
        ("regression", "predict", ["photo.png"], "predict takes table, and photo.png is of the medium pictures"),
        ("regression", "predict", [np.zeros((4, 4))], "predict takes table, and a ndarray is of the medium pictures"),
        ("gpt", "write", [pd.DataFrame()], "write takes text, and a DataFrame is of the medium table"),
        ("splat", "view", ["photo.png"], "view takes cameras"),
        ("splat", "film", ["photo.png"], "film takes no INPUT"),
        ("gpt", "write", [], "write takes text as INPUT, and nothing was given"),
        ("vae", "encode", [""], "encode takes pictures, and what was given is empty"),
    ],
)
def test_a_wrong_medium_is_told_what_is_taken(recipe, use, given, words):
    with pytest.raises(UserError, match=words):
        check_given(use, RECIPES[recipe].uses[use], given)


def test_several_media_may_be_taken():
    both = Use(("pictures", "text"), "table", "a ranking", "PICTURES")
    check_given("rank", both, ["photo.png", "a red cube", np.zeros((4, 4, 3))])
    with pytest.raises(UserError, match="rank takes pictures and cameras, and new"):
        check_given("rank", Use(("pictures", "cameras"), "table", "a ranking", "PICTURES"), ["new.csv"])


def test_one_picture_is_answered_with_one_and_several_with_a_list(finished, new):
    run = finished("restore")
    paths = sorted(new.rglob("*.png"))
    several = [read_picture(path).pixels for path in paths]
    expected = run.predict(several)
    assert isinstance(expected, list) and [answer.shape for answer in expected] == [(48, 48, 3)] * 3
    for one in (several[0], paths[0], str(paths[0]), Image.open(paths[0])):
        answer = run.predict(one)
        assert isinstance(answer, np.ndarray) and answer == pytest.approx(expected[0], abs=1e-5)
    for many in (np.stack(several), new, list(map(str, paths)), [Image.open(path) for path in paths], tuple(several)):
        answers = run.predict(many)
        assert isinstance(answers, list) and len(answers) == 3
        assert np.stack(answers) == pytest.approx(np.stack(expected), abs=1e-5)
    for list_of_one in ([several[0]], np.stack(several[:1]), [paths[0]]):
        answers = run.predict(list_of_one)
        assert isinstance(answers, list) and len(answers) == 1
    with pytest.raises(UserError, match=r"\(321,\)"):
        run.predict(np.zeros(321))


def test_one_text_one_camera_and_one_picture_for_a_table(finished, new):
    picture = read_picture(next(new.rglob("*.png"))).pixels
    run = finished("image_classification")
    assert len(run.predict(picture)) == 1 and len(run.predict([picture] * 2)) == 2 and len(run.predict(new)) == 3
    assert list(run.predict(new)["file"]) == sorted(path.relative_to(new).as_posix() for path in new.rglob("*.png"))
    assert "file" not in run.predict(picture)
    run = finished("gpt")
    assert isinstance(run.predict("the man", tokens=5), str)
    assert [type(answer) for answer in run.predict(["the man", "the sea"], tokens=5)] == [str, str]
    assert len(run.predict("the man", tokens=5, samples=2)) == 2
    run = finished("splat")
    cameras = [camera_from(numbers) for numbers in run.processing["cameras"][:2]]
    assert run.predict(cameras[0]).shape == (cameras[0].height, cameras[0].width, 3)
    assert len(run.predict(cameras)) == 2
    assert [frame.shape for frame in run.predict(frames=2, width=20, height=16)] == [(16, 20, 3)] * 2


def test_latents_go_out_and_come_back(finished, new):
    run = finished("autoencoder")
    latents = run.predict(new)
    assert len(latents) == 3 and latents.columns[0] == "file"
    pictures = run.predict(latents)
    assert [picture.shape for picture in pictures] == [(16, 16, 3)] * 3


def test_answers_are_made_in_inference_mode_which_is_left_between_them():
    modes = []

    def answers():
        for number in range(2):
            modes.append(torch.is_inference_mode_enabled())
            yield number

    for _ in inferred(answers()):
        assert not torch.is_inference_mode_enabled()
    assert modes == [True, True]


def test_text_comes_piece_by_piece_without_gradients(finished, capsys):
    run = finished("gpt")
    (answer,) = run.answers("write", ["the man"], {"tokens": 3})
    pieces = list(answer.pieces)
    assert all(len(piece) == 1 for piece in pieces) and len(pieces) > 1
    assert not torch.is_inference_mode_enabled()
    assert run.predict_files(["the man"], tokens=3) is None
    assert capsys.readouterr().out == "the man" + "".join(piece[0] for piece in pieces) + "\n"


def test_films_and_stills_from_the_command_line(old_runs, tmp_path, capsys):
    small = ["predict", str(old_runs / "finished" / "splat"), "--width", "20", "--height", "16"]
    assert main([*small, "--frames", "1", "--out", str(tmp_path / "still.png")]) == 0
    assert read_picture(tmp_path / "still.png").pixels.shape == (16, 20, 3)
    assert main([*small, "--frames", "2", "--out", str(tmp_path / "row.png")]) == 0
    assert read_picture(tmp_path / "row.png").pixels.shape[1] >= 2 * 20  # frames side by side


def refused(capsys, *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 2
    (sentence,) = capsys.readouterr().err.strip().splitlines()
    return sentence.removeprefix("maquette: ")


def test_mistakes_on_the_command_line_are_one_sentence(old_runs, new, tmp_path, capsys):
    finished = old_runs / "finished"
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    assert "no use encod; did you mean encode?" in refused(
        capsys, "predict", finished / "autoencoder", new, "--use", "encod"
    )
    assert "no use fly" in refused(capsys, "predict", finished / "splat", "--use=fly")
    sentence = refused(capsys, "predict", finished / "image_classification", tmp_path / "x.csv")
    assert sentence.startswith("classify takes pictures, and") and "table" in sentence
    assert "takes no INPUT" in refused(capsys, "predict", finished / "splat", "hello", "--use", "film")
    assert "nothing was given" in refused(capsys, "predict", finished / "gpt")
    assert "--frames" in refused(capsys, "predict", finished / "regression", tmp_path / "x.csv", "--frames", "3")
    assert "view has no option --frames" in refused(
        capsys, "predict", finished / "splat", tmp_path / "cameras.json", "--frames", "3"
    )
    assert "did you mean --frames?" in refused(capsys, "predict", finished / "splat", "--frame", "3")
    assert "--tokens" in refused(capsys, "predict", finished / "gpt", "Once", "--tokens", "0")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "x.csv"]


@pytest.mark.parametrize("more", [["--path", "orbit"], ["x.csv"], ["--use", "film"], ["--help"], ["--tokens", "3"]])
def test_a_missing_folder_is_named(more, tmp_path, capsys):
    assert str(tmp_path / "nowhere") in refused(capsys, "predict", tmp_path / "nowhere", *more)


@pytest.mark.parametrize("name", RECIPES)
def test_help_of_a_run_lists_its_uses_with_an_example_each_and_loads_no_torch(name, tmp_path):
    (tmp_path / "settings.json").write_text(json.dumps({"format": 1, "recipe": name, "settings": {}}))
    code = (
        "import sys; from maquette.cli import main\n"
        f"try: main(['predict', {str(tmp_path)!r}, '--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'sklearn', 'scipy', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for use, entry in RECIPES[name].uses.items():
        assert f"  {use} " in done.stdout and entry.summary in done.stdout
        assert entry.example in done.stdout
    assert done.stdout.count("maquette predict") > len(RECIPES[name].uses)


def test_explain_is_short_for_its_use(old_runs, tmp_path):
    finished = old_runs / "finished" / "tokenizer"
    assert main(["predict", str(finished), "the sea", "--explain", "--out", str(tmp_path / "a.html")]) == 0
    assert main(["predict", str(finished), "the sea", "--use", "explain", "--out", str(tmp_path / "b.html")]) == 0
    assert main(["predict", str(finished), "the sea", "--out", str(tmp_path / "c.html")]) == 0
    pages = {(tmp_path / f"{name}.html").read_bytes() for name in "abc"}
    assert len(pages) == 1
