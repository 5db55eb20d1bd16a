"""What is peculiar to autoencoders: the course's numbers, latents as a table and back, pictures of one's own."""

import json
import shutil
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
from maquette.data.pictures.small import fit_square
from maquette.recipes.autoencoder.recipe import scores_of
from maquette.recipes.autoencoder.uses import decode
from maquette.settings import Options

SMALL = {"preset": "small", "epochs": 3}


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    make_photographs(folder, 40, size=36)
    Image.open(folder / "spots" / "001.png").resize((90, 50)).save(folder / "spots" / "001.png")
    (folder / "spots" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


@pytest.fixture(scope="module")
def run(own, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("autoencoder") / "run"
    return maquette.run("autoencoder", data=own, out=out, **SMALL, latents=6).folder


def blocks(folder: Path) -> list[dict]:
    sections = json.loads((folder / "findings.json").read_text())["sections"]
    return [block for part in sections.values() for block in part]


def said(folder: Path) -> str:
    return json.dumps(blocks(folder))


def test_the_course_s_own_numbers(tmp_path):
    made = maquette.run("autoencoder", preset="course", epochs=1, most_pictures=200, out=tmp_path / "run")
    record = json.loads((made.folder / "settings.json").read_text())["settings"]
    assert (record["network"], record["batch_size"], record["latents"]) == ("dense", 32, 32)
    facts = {block["name"]: block["value"] for block in blocks(made.folder) if block["kind"] == "fact"}
    assert facts["Optimizer"] == "Adamax" and facts["Learning rate"] == 0.001
    assert sum(w.numel() for w in maquette.open(made.folder).model.parameters()) == 50_992
    assert "28 x 28 / 32 = 24.5" in said(made.folder), "the compression factor is spelled out"
    assert {"training_mse", "mse", "psnr"} == set(made.scores)
    assert {"PCA, 32 components", "mean picture"} == set(made.baselines)
    assert {path.stem for path in (made.folder / "pictures").iterdir()} >= {
        "pictures", "mean", "losses", "reconstructions", "worst", "latents", "interpolation", "features", "weights",
    }  # fmt: skip


def test_training_brings_it_below_the_mean_picture(own, tmp_path):
    made = maquette.run("autoencoder", data=own, out=tmp_path / "run", preset="small", epochs=60)
    assert made.scores["mse"] < made.baselines["mean picture"]["mse"]
    assert made.scores["training_mse"] < 0.5 * made.baselines["mean picture"]["mse"]


def test_scores_by_hand():
    true, drawn = np.zeros((2, 4), np.float32), np.array([[0.1] * 4, [0.2] * 4], np.float32)
    assert scores_of(true, drawn) == pytest.approx({"mse": 0.025, "psnr": (20 + 13.9794) / 2}, rel=1e-5)


def test_broken_pictures_are_named_and_mixed_sizes_are_fine(run):
    told = said(run)
    assert "broken.png" in told and "32 x 32, colour" in told
    assert len([b for b in blocks(run) if b.get("name", "").endswith("pictures") and b["kind"] == "fact"]) == 3


def test_predict_encodes_to_a_table_and_decodes_it(run, own, tmp_path):
    table = tmp_path / "latents.csv"
    assert main(["predict", str(run), str(own), "--out", str(table)]) == 0
    latents = pd.read_csv(table)
    assert list(latents) == ["file", *[f"latent_{n}" for n in range(1, 7)]] and len(latents) == 40
    predictor = maquette.open(run)
    pixels = [read_picture(own / name).pixels for name in latents["file"]]
    np.testing.assert_allclose(predictor.predict(pixels), latents.iloc[:, 1:], rtol=1e-4, atol=1e-5)
    assert main(["predict", str(run), str(table), "--out", str(tmp_path / "drawn")]) == 0
    drawn = predictor.predict(latents)
    for name, picture in zip(latents["file"], drawn, strict=True):
        written = read_picture((tmp_path / "drawn" / name).with_suffix(".png")).pixels
        assert written.shape == (32, 32, 3)
        assert abs(written - picture).max() <= 0.5 / 255 + 1e-5
    np.testing.assert_array_equal(predictor.use("decode", latents), drawn)
    direct = predictor.model(np_batch([fit_square(picture, 32) for picture in pixels])).detach()
    np.testing.assert_allclose(np.stack(drawn), direct.permute(0, 2, 3, 1), atol=1e-4)


def test_rows_without_names_are_numbered_and_one_picture_gives_one_row(run, own, tmp_path):
    predictor = maquette.open(run)
    latents = predictor.use("encode", read_picture(own / "stripes" / "000.png").pixels)
    assert list(latents) == [f"latent_{n}" for n in range(1, 7)] and len(latents) == 1
    pd.concat([latents] * 3).to_csv(tmp_path / "in.csv", index=False)
    flags = ["--use", "decode", "--out", str(tmp_path / "out")]
    assert main(["predict", str(run), str(tmp_path / "in.csv"), *flags]) == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("[!.]*")) == ["00001.png", "00002.png", "00003.png"]


def test_rows_are_counted_over_all_pieces_of_a_table(run):
    trained, good = maquette.open(run).trained, pd.DataFrame({f"latent_{n}": [0.0, 1.0] for n in range(1, 7)})
    with torch.inference_mode():
        assert [one.name for one in decode(trained, [good, good], Options())] == ["00001", "00002", "00003", "00004"]
        with pytest.raises(maquette.UserError, match="Row 4 of the column 'latent_2'"):
            list(decode(trained, [good, good.assign(latent_2=[0.0, np.inf])], Options()))


def np_batch(pictures: list[np.ndarray]):
    return torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy())


def test_latents_that_are_not_there_are_refused(run, tmp_path, capsys):
    for frame, match in (
        (pd.DataFrame({"latent_1": [0.0]}), "latent_2"),
        (pd.DataFrame({f"latent_{n}": [0.0, np.nan] for n in range(1, 7)}), "Row 2"),
    ):
        frame.to_csv(tmp_path / "in.csv", index=False)
        assert main(["predict", str(run), str(tmp_path / "in.csv"), "--out", str(tmp_path / "out")]) == 2
        assert match in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


def test_bad_settings_and_too_few_pictures_are_refused(own, tmp_path):
    def refused(match: str, **settings: object) -> None:
        with pytest.raises(maquette.UserError, match=match):
            maquette.run("autoencoder", **{"data": own, "out": tmp_path / "run", **SMALL, **settings})
        assert not (tmp_path / "run").exists()

    refused("--size 30 is no multiple of 4; take 28 or 32", size=30)
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted((own / "stripes").iterdir())[:3]:
        shutil.copy(path, few)
    refused("3 pictures .* at least 8", data=few)
    (tmp_path / "empty").mkdir()
    refused("holds no pictures", data=tmp_path / "empty")


def test_a_few_grey_pictures_without_classes_are_enough(tmp_path):
    folder = tmp_path / "few"
    folder.mkdir()
    for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (9, 20, 30), dtype=np.uint8)):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    made = maquette.run("autoencoder", data=folder, out=tmp_path / "run", **SMALL, size=16)
    assert maquette.open(made.folder).model.channels == 1
