"""ONNX files answer as the network does, at any size; PLY files hold a scene to the last bit."""

import numpy as np
import pytest
import torch
from support import make_houses, make_photographs

from maquette import serving
from maquette.checkpoints import load_model, save_model, save_state
from maquette.cli import main
from maquette.files import write_json
from maquette.models import Gaussians


def test_a_restoring_network_takes_any_size_in_onnxruntime(tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    make_photographs(tmp_path / "data", 6)
    flags = ["--preset", "small", "--steps", "3", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "run")]
    assert main(["run", "restore", *flags]) == 0
    assert main(["export", str(tmp_path / "run"), "--format", "onnx"]) == 0
    assert "any height and width" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(str(tmp_path / "run" / "model.onnx"), providers=["CPUExecutionProvider"])
    model = load_model(tmp_path / "run")
    for shape in ((1, 3, 31, 77), (3, 3, 64, 64), (1, 3, 5, 2)):
        picture = torch.rand(shape)
        with torch.no_grad():
            answer = model(picture).numpy()
        assert np.abs(session.run(None, {"picture": picture.numpy()})[0] - answer).max() < 1e-4


def test_a_table_s_network_is_refused(tmp_path, capsys):
    make_houses(60).to_csv(tmp_path / "houses.csv", index=False)
    flags = ["--preset", "small", "--data", str(tmp_path / "houses.csv"), "--target", "price"]
    assert main(["run", "regression", *flags, "--out", str(tmp_path / "run")]) == 0
    assert main(["export", str(tmp_path / "run")]) == 2
    assert "only networks that take pictures" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "run"), "--format", "ply"]) == 2
    assert "only scenes can be exported as PLY" in capsys.readouterr().err


def save_scene(folder, rows, **settings):
    """A finished run of splat."""
    folder.mkdir()
    save_model(Gaussians.of_rows(rows, **settings), folder)
    save_state({"cameras": []}, folder, "processing")
    write_json(folder / "settings.json", {"format": 1, "recipe": "splat", "settings": {}})
    return folder


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_scene_is_the_ply_that_viewers_read(tmp_path, capsys, degree):
    """Read here as viewers do: `f_rest` holds all of red, then green, then blue."""
    functions = (degree + 1) ** 2
    rows = np.random.default_rng(degree).normal(size=(70, 11 + 3 * functions)).astype(np.float32)
    run = save_scene(tmp_path / "run", rows)
    assert main(["export", str(run), "--format", "ply"]) == 0
    said = capsys.readouterr().out
    assert f"Made {run / 'scene.ply'}: 70 Gaussians" in said and f"maquette predict {run / 'scene.ply'}" in said
    header, numbers = (run / "scene.ply").read_bytes().split(b"end_header\n")
    names = [line.split()[-1].decode() for line in header.splitlines() if line.startswith(b"property float ")]
    table = np.frombuffer(numbers, "<f4").reshape(70, len(names))
    columns = dict(zip(names, table.T, strict=True))
    order = ["x", "y", "z", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3", "opacity"]
    np.testing.assert_array_equal(np.stack([columns[name] for name in order], 1), rows[:, :11])
    harmonics = rows[:, 11:].reshape(70, functions, 3)
    for colour in range(3):
        np.testing.assert_array_equal(columns[f"f_dc_{colour}"], harmonics[:, 0, colour])
        for place in range(functions - 1):
            name = f"f_rest_{colour * (functions - 1) + place}"
            np.testing.assert_array_equal(columns[name], harmonics[:, 1 + place, colour])
    assert sorted(path.name for path in run.iterdir() if "ply" in path.name) == ["scene.ply"]


def test_a_scene_that_a_ply_cannot_hold_is_not_written(tmp_path, capsys):
    rows = np.ones((5, 14), np.float32)
    rows[2, 0] = np.nan
    run = save_scene(tmp_path / "run", rows)
    for out, words in (
        ("scene.ply", "was not written"),
        ("scene.obj", "does not end with .ply"),
        ("run", "is a folder"),
    ):
        assert main(["export", str(run), "--format", "ply", "--out", str(tmp_path / out)]) == 2
        assert words in capsys.readouterr().err
    assert main(["export", str(run)]) == 2
    assert "only networks that take pictures" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_antialiasing_is_said_and_another_s_scene_becomes_a_plain_ply(tmp_path, capsys):
    rows = np.random.default_rng(0).normal(size=(6, 14)).astype(np.float32)
    run = save_scene(tmp_path / "run", rows, is_antialiased=True)
    assert main(["export", str(run), "--format", "ply", "--out", str(tmp_path / "a.ply")]) == 0
    assert "trained with antialiasing" in capsys.readouterr().out
    assert b"comment antialiased\n" in (tmp_path / "a.ply").read_bytes()
    assert serving.open(tmp_path / "a.ply").model.is_antialiased
    assert main(["export", str(tmp_path / "a.ply"), "--format", "ply", "--out", str(tmp_path / "b.ply")]) == 0
    assert (tmp_path / "a.ply").read_bytes() == (tmp_path / "b.ply").read_bytes()
    capsys.readouterr()
    assert main(["export", str(tmp_path / "a.ply"), "--format", "ply", "--out", str(tmp_path / "a.ply")]) == 2
    assert "is the input itself" in capsys.readouterr().err
