"""The recipe `restore`: every task, the course's network, pairs, prediction in tiles, and what users get wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from support import make_photographs

import maquette
from maquette.cli import main
from maquette.data.pictures.files import Picture, read_picture, write_picture
from maquette.recipes import recipe_settings

SMALL = ["--preset", "small", "--steps", "4"]


def run(folder: Path, *flags: str) -> dict:
    assert main(["run", "restore", *SMALL, "--out", str(folder), *flags]) == 0
    return json.loads((folder / "scores.json").read_text())


def refused(capsys, *flags: str) -> str:
    assert main(["run", "restore", *SMALL, *flags]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "flags",
    [
        ["--task", "noise", "--sigma", "0.02-0.2", "--clip", "false"],
        ["--task", "poisson", "--colour", "grey"],
        ["--task", "downres", "--factor", "2.5"],
        ["--task", "saturate"],
        ["--task", "jpeg", "--network", "dncnn"],
    ],
    ids=lambda flags: flags[1],
)
def test_every_task_trains_scores_and_reports(flags, tmp_path, photographs):
    scores = run(tmp_path / "run", "--data", str(photographs), *flags)
    assert set(scores["scores"]) == {"psnr", "ssim"} and "spoiled" in scores["baselines"]
    assert 0 < scores["scores"]["psnr"] <= 100 and -1 <= scores["scores"]["ssim"] <= 1
    shown = {path.stem for path in (tmp_path / "run" / "pictures").iterdir()}
    assert {"task", "losses", "rows", "kernels", "features_first", "features_middle"} <= shown
    assert ("levels" in shown) == (flags[1] in ("noise", "poisson"))


def test_the_course_s_preset_is_the_course_s(tmp_path):
    settings = recipe_settings("restore", "course", {})
    assert (settings.patch, settings.batch_size, settings.steps, settings.sigma) == (128, 32, 100, "0.1")
    assert settings.clip and settings.network == "cnn" and settings.learning_rate == 0.001


def test_the_course_s_training_lowers_the_error(tmp_path):
    make_photographs(tmp_path / "data", 10, size=160)
    flags = ["--preset", "course", "--steps", "12", "--batch-size", "8", "--data", str(tmp_path / "data")]
    assert main(["run", "restore", *flags, "--out", str(tmp_path / "run")]) == 0
    losses = [json.loads(line)["loss"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.8 * losses[0]
    assert json.loads((tmp_path / "run" / "model.json").read_text())["class"] == "CourseCNN"
    assert (tmp_path / "run" / "pictures" / "rows.svg").exists()


def test_a_trained_network_beats_the_spoiled_pictures(tmp_path, photographs):
    scores = run(tmp_path / "run", "--data", str(photographs), "--steps", "150", "--sigma", "0.2")
    assert scores["scores"]["psnr"] > scores["baselines"]["spoiled"]["psnr"] + 3


def test_own_pairs_are_matched_by_name(tmp_path, photographs, capsys):
    spoiled = tmp_path / "spoiled"
    for path in photographs.rglob("*.png"):
        out = spoiled / path.relative_to(photographs).with_suffix(".jpg")
        out.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).save(out, quality=10)
    (spoiled / "spots" / "001.jpg").unlink()
    Image.open(photographs / "spots" / "003.png").resize((40, 40)).save(spoiled / "spots" / "003.jpg")
    run(tmp_path / "run", "--data", str(photographs), "--pairs", str(spoiled))
    text = (tmp_path / "run" / "findings.json").read_text()
    assert "1 picture without a partner left out: spots/001" in text
    assert "of another size than the partner left out: spots/003" in text
    (tmp_path / "other").mkdir()
    Image.open(photographs / "spots" / "005.png").save(tmp_path / "other" / "another.png")
    said = refused(
        capsys, "--data", str(photographs), "--pairs", str(tmp_path / "other"), "--out", str(tmp_path / "no")
    )
    assert "none has the same name" in said and not (tmp_path / "no").exists()


def test_bad_input_is_one_sentence(tmp_path, photographs, capsys):
    data = ["--data", str(photographs), "--out", str(tmp_path / "run")]
    assert "25 of 255 is 0.098" in refused(capsys, *data, "--sigma", "25")
    assert "--sigma" in refused(capsys, *data, "--sigma", "0.2..0.1")
    assert "smaller --patch" in refused(capsys, *data, "--patch", "64")
    assert "there is no such folder" in refused(capsys, *data, "--pairs", str(tmp_path / "nowhere"))
    assert "need pictures in colour" in refused(capsys, *data, "--task", "saturate", "--colour", "grey").replace(
        "needs", "need"
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    said = refused(capsys, "--data", str(empty), "--out", str(tmp_path / "run"))
    assert "broken.png" in said and "Traceback" not in said and said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_mixed_sizes_broken_and_tiny_files_train_all_the_same(tmp_path):
    make_photographs(tmp_path / "data", 6, size=48)
    make_photographs(tmp_path / "data" / "more", 4, size=70, seed=1)
    (tmp_path / "data" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    Image.new("RGB", (9, 9)).save(tmp_path / "data" / "tiny.png")
    run(tmp_path / "run", "--data", str(tmp_path / "data"))
    text = (tmp_path / "run" / "findings.json").read_text()
    assert "broken.jpg" in text and "tiny.png" in text and "2 files were left out" in text


def test_the_same_pictures_in_bounded_memory_train_too(tmp_path):
    make_photographs(tmp_path / "data", 8, size=1100)
    run(tmp_path / "run", "--data", str(tmp_path / "data"), "--cache-mb", "16", "--steps", "4")
    assert "do not fit into 16 MB" in (tmp_path / "run" / "findings.json").read_text()


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A small grey denoiser."""
    folder = tmp_path_factory.mktemp("trained")
    make_photographs(folder / "data", 10)
    run(folder / "run", "--data", str(folder / "data"), "--colour", "grey", "--steps", "40")
    return folder / "run"


def test_a_file_keeps_its_depth_alpha_and_profile(trained, tmp_path, capfd):
    pixels = np.random.default_rng(0).integers(0, 2**16, (60, 50), np.uint16)
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    alpha = np.random.default_rng(1).integers(0, 256, (40, 30, 4), np.uint8)
    Image.fromarray(alpha, "RGBA").save(tmp_path / "alpha.png", icc_profile=b"not a real profile, kept as it is" * 9)
    assert main(["predict", str(trained), str(tmp_path / "deep.png"), "--out", str(tmp_path / "deep-out.png")]) == 0
    deep = read_picture(tmp_path / "deep-out.png")
    assert deep.depth == "uint16" and deep.pixels.shape == (60, 50, 1)
    assert len(np.unique(deep.pixels)) > 300
    assert main(["predict", str(trained), str(tmp_path / "alpha.png"), "--out", str(tmp_path / "alpha-out.png")]) == 0
    with Image.open(tmp_path / "alpha-out.png") as out:
        assert out.mode == "RGBA" and (np.asarray(out)[..., 3] == alpha[..., 3]).all()
    assert "each colour channel is restored by itself" in capfd.readouterr().err


def test_memory_bounds_the_tiles_and_changes_nothing(trained):
    pixels = np.random.default_rng(0).random((900, 800, 1), np.float32)
    predictor = maquette.open(trained)
    (whole,), (tiled,) = predictor.predict([pixels]), predictor.predict([pixels], memory_mb=50)
    assert np.abs(whole - tiled).max() < 1e-3


def test_options_are_checked(trained, tmp_path, capsys):
    picture = tmp_path / "a.png"
    Image.new("L", (20, 20)).save(picture)
    for flags, said in (
        (["--memory-mb", "1"], "--memory-mb"),
        (["--enlarge"], "--enlarge needs a run with --task downres"),
        (["--memry-mb", "100"], "did you mean --memory-mb"),
    ):
        assert main(["predict", str(trained), str(picture), *flags]) == 2
        assert said in capsys.readouterr().err
    assert main(["predict", str(trained), str(picture), "--out", str(picture)]) == 2
    assert "is the input itself" in capsys.readouterr().err
    assert main(["predict", str(trained), str(tmp_path / "nothing.png")]) == 2


def test_one_that_learned_to_enlarge_enlarges(tmp_path, photographs):
    run(tmp_path / "run", "--data", str(photographs), "--task", "downres", "--factor", "2")
    out = tmp_path / "large.png"
    assert (
        main(["predict", str(tmp_path / "run"), str(photographs / "spots" / "001.png"), "--enlarge", "--out", str(out)])
        == 0
    )
    assert read_picture(out).pixels.shape == (96, 96, 3)


def test_python_takes_arrays_and_gives_arrays(tmp_path):
    generator = np.random.default_rng(0)
    pictures = [generator.random((40, 50, 3), np.float32) for _ in range(6)]
    result = maquette.run("restore", data=pictures, preset="small", steps=3, sigma=0.1, out=tmp_path / "run")
    assert result.scores["psnr"] > 0
    answers = maquette.open(result.folder).predict([pictures[0], np.zeros((9, 7), np.uint8)])
    assert [answer.shape for answer in answers] == [(40, 50, 3), (9, 7, 1)]


def test_exr_stays_linear_and_a_turned_photograph_comes_back_upright(trained, tmp_path):
    light = np.random.default_rng(0).random((30, 40, 3), np.float32) * 4
    write_picture(tmp_path / "light.exr", Picture(light, None, "float32", True))
    assert main(["predict", str(trained), str(tmp_path / "light.exr"), "--out", str(tmp_path / "out.exr")]) == 0
    restored = read_picture(tmp_path / "out.exr")
    assert restored.is_linear and restored.depth == "float32" and restored.pixels.max() > 1.5
    (answer,) = maquette.open(trained).predict([light])
    np.testing.assert_allclose(restored.pixels, answer, atol=1e-6)

    turned = Image.fromarray(np.arange(30 * 40, dtype=np.float64).reshape(30, 40).astype(np.uint8))
    exif = turned.getexif()
    exif[0x0112], exif[0x010F] = 6, "a maker of cameras"
    turned.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    assert main(["predict", str(trained), str(tmp_path / "turned.jpg"), "--out", str(tmp_path / "out.jpg")]) == 0
    with Image.open(tmp_path / "out.jpg") as out:
        assert out.size == (30, 40)
        assert out.getexif().get(0x0112, 1) == 1 and out.getexif()[0x010F] == "a maker of cameras"


def test_a_folder_goes_to_a_folder_and_damaged_pictures_are_named(trained, tmp_path, capsys):
    make_photographs(tmp_path / "in", 3)
    (tmp_path / "in" / "a.png").write_bytes((tmp_path / "in" / "spots" / "001.png").read_bytes()[:-400])
    Image.new("L", (5, 3), 90).save(tmp_path / "in" / "tiny.png")
    out = tmp_path / "out"
    assert main(["predict", str(trained), str(tmp_path / "in"), "--out", str(out)]) == 0
    assert "Left out: " in (said := capsys.readouterr().out) and "a.png" in said
    made = {path.relative_to(out).as_posix() for path in out.rglob("[!.]*") if path.is_file()}
    assert made == {"spots/001.png", "stripes/000.png", "stripes/002.png", "tiny.png"}
    assert main(["predict", str(trained), str(tmp_path / "in" / "a.png"), "--out", str(tmp_path / "b.png")]) == 2
    assert not (tmp_path / "b.png").exists()


def test_alpha_grows_with_the_picture(tmp_path, photographs):
    run(tmp_path / "run", "--data", str(photographs), "--task", "downres", "--factor", "1.5")
    alpha = np.full((20, 30, 4), 200, np.uint8)
    alpha[:, 15:, 3] = 0
    Image.fromarray(alpha, "RGBA").save(tmp_path / "a.png")
    flags = ["--enlarge", "--out", str(tmp_path / "b.png")]
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "a.png"), *flags]) == 0
    large = read_picture(tmp_path / "b.png")
    assert large.pixels.shape == (30, 45, 3)
    assert (large.alpha[:, :22] > 0.5).all() and (large.alpha[:, 23:] == 0).all()


def test_counts_are_learnt_by_one_range_and_answered_as_counts(tmp_path, capsys):
    generator = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    for number in range(5):
        shape = generator.random((4, 5)).repeat(12, 0).repeat(12, 1)
        tifffile.imwrite(tmp_path / "data" / f"{number}.tif", np.float32(shape * (9000 if number else 40_000)))
    scores = run(tmp_path / "run", "--data", str(tmp_path / "data"))
    assert scores["scores"]["psnr"] > 5 and "counts, not light" in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "processing.json").read_text())["state"]["counts"] == [0, 65_535]
    assert "65,535 as 1" in (tmp_path / "run" / "report.html").read_text()
    source = tmp_path / "data" / "1.tif"
    assert main(["predict", str(tmp_path / "run"), str(source), "--out", str(tmp_path / "out.tif")]) == 0
    given, made = read_picture(source), read_picture(tmp_path / "out.tif")
    assert made.depth == "float32" and made.numbers().max() > 1000
    (answer,) = maquette.open(tmp_path / "run").predict([given.numbers()])
    np.testing.assert_allclose(answer, made.numbers(), atol=1)
