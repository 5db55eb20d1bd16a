"""ONNX files answer as the network does, at any size."""

import numpy as np
import pytest
import torch
from support import make_houses, make_photographs

from maquette.checkpoints import load_model
from maquette.cli import main


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
