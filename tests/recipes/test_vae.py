"""What is peculiar to variational autoencoders: bounds and baselines by hand, draws, tables, ranks and ways."""

import json
import math
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
from maquette.methods.variational import bernoulli
from maquette.recipes.vae.recipe import each_pixel_alone
from maquette.recipes.vae.uses import as_seen, way_through

SMALL = {"preset": "small", "epochs": 2}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    make_photographs(folder, 40, size=36)
    return folder


@pytest.fixture(scope="module")
def colours(photographs, tmp_path_factory) -> maquette.Result:
    """Colour photographs of two classes, with two levels of latents."""
    out = tmp_path_factory.mktemp("vae") / "colours"
    return maquette.run("vae", data=photographs, out=out, **SMALL | {"epochs": 40}, size=16)


@pytest.fixture(scope="module")
def rings(tmp_path_factory) -> Path:
    """Black and white rings, of sizes and places that differ, without classes."""
    folder, generator = tmp_path_factory.mktemp("rings"), np.random.default_rng(0)
    y, x = np.mgrid[:12, :12]
    for number in range(200):
        across, radius = generator.uniform(4, 8, 2), generator.uniform(1.5, 4)
        ring = np.abs(np.hypot(x - across[0], y - across[1]) - radius) < 0.8
        Image.fromarray((255 * ring).astype(np.uint8)).save(folder / f"{number:03d}.png")
    return folder


@pytest.fixture(scope="module")
def course(rings, tmp_path_factory) -> maquette.Result:
    out = tmp_path_factory.mktemp("vae") / "course"
    return maquette.run("vae", preset="course", data=rings, size=12, epochs=60, batch_size=32, judged=50, out=out)


def facts(folder: Path) -> dict:
    sections = json.loads((folder / "findings.json").read_text())["sections"]
    return {block["name"]: block["value"] for part in sections.values() for block in part if block["kind"] == "fact"}


def test_the_course_s_has_two_latents_and_beats_pixels_by_themselves(course):
    model = maquette.open(course.folder).model
    assert type(model).__name__ == "DenseVAE" and model.levels == [2]
    assert facts(course.folder)["Likelihood"] == "bernoulli"
    assert course.scores["nll"] < course.baselines["each pixel by itself"]["nll"] - 3
    assert course.scores["nll"] <= course.scores["neg_elbo"]
    assert course.scores["bits_per_dimension"] == pytest.approx(course.scores["nll"] / 144 / math.log(2))
    shown = {path.stem for path in (course.folder / "pictures").iterdir()}
    assert shown >= {
        "reconstructions",
        "samples",
        "growth",
        "map",
        "plane",
        "walk",
        "numbers",
        "aggregated",
        "prices",
        "bounds",
    }


def test_colours_of_256_steps_have_two_levels_and_the_report_its_parts(colours):
    model = maquette.open(colours.folder).model
    assert (model.likelihood, model.levels, model.parameters_each) == ("logistic", [8, 32], 3)
    assert colours.scores["nll"] <= colours.scores["neg_elbo"]
    assert (colours.folder / "pictures" / "walk.webp").stat().st_size > 0
    tables = {
        block["title"]: block
        for part in json.loads((colours.folder / "findings.json").read_text())["sections"].values()
        for block in part
        if block["kind"] == "table"
    }
    parts = tables["The bound in its two parts"]
    for row in parts["rows"]:
        line = dict(zip(parts["columns"], row, strict=True))
        assert line["-ELBO"] == pytest.approx(line["-log p(x | z)"] + line["divergence"], abs=0.01)
        assert line["divergence"] == pytest.approx(line["of latents"] + line["of details"], abs=0.01)
    draws, nats, _ = zip(*tables["The bound over the number of draws"]["rows"], strict=True)
    assert draws == (1, 10, 100, 1000) and list(nats) == sorted(nats, reverse=True)


def test_pixels_by_themselves_by_hand():
    train = torch.tensor([[0, 255], [0, 255], [0, 0]], dtype=torch.uint8).view(3, 1, 1, 2)
    seen = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).view(2, 1, 1, 2)
    expected = -(math.log(4 / 5 * 3 / 5) + math.log(1 / 5 * 2 / 5)) / 2
    assert each_pixel_alone(train, seen, "bernoulli") == pytest.approx(expected)
    expected = -(math.log(4 / 259 * 3 / 259) + math.log(1 / 259 * 2 / 259)) / 2
    assert each_pixel_alone(train, seen, "logistic") == pytest.approx(expected)


def test_coins_are_drawn_by_brightness():
    grey = torch.full((1, 1, 50, 50), 64, dtype=torch.uint8)
    seen = as_seen(grey, "bernoulli", lambda *shape: torch.rand(shape, generator=torch.Generator().manual_seed(0)))
    assert set(seen.unique().tolist()) == {0.0, 1.0} and float(seen.mean()) == pytest.approx(64 / 255, abs=0.02)
    assert float(bernoulli(torch.zeros(1, 1, 50, 50), seen)) == pytest.approx(2500 * math.log(0.5))
    assert torch.equal(as_seen(grey, "logistic", torch.rand), grey / 255)


def test_a_picture_of_a_seed_is_the_same_however_many_are_made(colours, tmp_path):
    run = maquette.open(colours.folder)
    three, two = run.use("sample", count=3, seed=5), run.use("sample", count=2, seed=5)
    np.testing.assert_allclose(three[0], two[0], atol=1e-5)
    np.testing.assert_allclose(three[1], two[1], atol=1e-5)
    assert abs(run.use("sample", count=1, seed=6)[0] - three[0]).max() > 1e-3
    still = run.use("sample", count=2, temperature=0)
    np.testing.assert_allclose(still[0], still[1], atol=1e-5)
    one = run.use("sample", count=2, seed=5, class_="spots")
    assert abs(one[0] - three[0]).max() > 1e-3
    grid = tmp_path / "grid.png"
    assert main(["predict", str(colours.folder), "--use", "sample", "--count", "6", "--out", str(grid)]) == 0
    assert read_picture(grid).pixels.shape[2] == 3 and min(read_picture(grid).pixels.shape[:2]) >= 2 * 16


def test_classes_and_seeds_that_are_not_there_are_refused(colours, course, tmp_path, capsys):
    for folder, flags, match in (
        (colours.folder, ["--class", "spot"], "did you mean spots"),
        (course.folder, ["--class", "spots"], "without classes"),
        (colours.folder, ["--seed", str(2**63)], "less than"),
        (colours.folder, ["--temperature", "-1"], "--temperature"),
    ):
        assert main(["predict", str(folder), "--use", "sample", *flags, "--out", str(tmp_path / "x.png")]) == 2
        assert match in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_latents_go_to_a_table_and_back(colours, photographs):
    run = maquette.open(colours.folder)
    some = [read_picture(path).pixels for path in sorted((photographs / "spots").glob("*.png"))[:3]]
    table = run.use("encode", some)
    assert list(table) == [*[f"latent_{n + 1}" for n in range(8)], *[f"detail_{n + 1}" for n in range(32)]]
    drawn, direct = run.use("decode", table), run.use("reconstruct", some)
    for one, other in zip(drawn, direct, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    likeliest = run.use("decode", table[[f"latent_{n + 1}" for n in range(8)]])
    zeros = run.use("decode", table.assign(**{f"detail_{n + 1}": 0.0 for n in range(32)}))
    for one, other in zip(likeliest, zeros, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    with pytest.raises(maquette.UserError, match="latent_2"):
        run.use("decode", pd.DataFrame({"latent_1": [0.0]}))
    with pytest.raises(maquette.UserError, match="Row 2 of 'latent_1' is no number from"):
        run.use("decode", table.assign(latent_1=[0.0, np.nan, 0.0]))
    with pytest.raises(maquette.UserError, match="Row 3 of 'latent_1' is no number from"):
        run.use("decode", table.assign(latent_1=[0.0, 1.0, 1e300]))


def test_noise_is_less_probable_than_what_was_learnt(course, rings):
    """And a picture's probability is its own, whatever stands beside it."""
    run = maquette.open(course.folder)
    ring = read_picture(rings / "003.png").pixels
    noise = np.random.default_rng(3).random((12, 12, 1)).astype(np.float32)
    table = run.use("probability", [ring, noise])
    assert table["log_probability"][0] > table["log_probability"][1] and table["rank"][0] > table["rank"][1] == 0
    assert list(table["unusual"]) == ["no", "yes"]
    alone = run.use("probability", noise)
    assert alone["log_probability"][0] == pytest.approx(table["log_probability"][1], rel=1e-4)
    np.testing.assert_allclose(table["bits_per_dimension"], -table["log_probability"] / 144 / math.log(2))
    more = run.use("probability", [ring], draws=400)
    assert more["log_probability"][0] > table["log_probability"][0] - 1


def test_ways_begin_and_end_at_the_pictures(colours, photographs, capsys):
    run = maquette.open(colours.folder)
    some = [read_picture(path).pixels for path in sorted((photographs / "stripes").glob("*.png"))[:3]]
    ends = run.use("reconstruct", some)
    for way in ("straight", "spherical"):
        film = run.use("interpolate", some, frames=5, way=way)
        assert len(film) == 5
        for frame, end in zip(film[::2], ends, strict=True):
            times = frame.shape[0] // 16
            np.testing.assert_allclose(frame[::times, ::times], end, atol=1e-4)
    with pytest.raises(maquette.UserError, match="--frames 2 are too few for 3 pictures"):
        run.use("interpolate", some, frames=2)
    one = str(sorted((photographs / "stripes").glob("*.png"))[0])
    assert main(["predict", str(colours.folder), one, "--use", "interpolate", "--out", "way.webp"]) == 2
    assert "two pictures or more" in capsys.readouterr().err


def test_an_arc_keeps_the_length_and_a_line_does_not():
    ends = torch.tensor([[3.0, 0.0], [0.0, 3.0]])
    arc, line = way_through(ends, 3, "spherical"), way_through(ends, 3, "straight")
    assert arc.norm(dim=1).tolist() == pytest.approx([3, 3, 3]) and line[1].tolist() == pytest.approx([1.5, 1.5])
    opposite = way_through(torch.tensor([[2.0, 0.1], [-6.0, 0.0]]), 5, "spherical")
    assert opposite.norm(dim=1).tolist() == pytest.approx([2.0025, 3, 4, 5, 6], abs=0.003)
    there = way_through(torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, -1.0]]), 5, "straight")
    assert there[2].tolist() == pytest.approx([1, 0]) and there[3].tolist() == pytest.approx([0.5, -0.5])


def test_what_cannot_be_learnt_from_is_refused(photographs, tmp_path):
    def refused(match: str, **settings: object) -> None:
        with pytest.raises(maquette.UserError, match=match):
            maquette.run("vae", **{"data": photographs, "out": tmp_path / "run", **SMALL, **settings})
        assert not (tmp_path / "run").exists()

    refused("--size 30 is no multiple of 4; take 28 or 32", size=30)
    same, few = tmp_path / "same", tmp_path / "few"
    for folder, count in ((same, 20), (few, 15)):
        folder.mkdir()
        for number in range(count):
            Image.new("L", (16, 16), 100 if folder is same else number).save(folder / f"{number}.png")
    refused("are the same", data=same)
    refused("holds 15 pictures", data=few)
