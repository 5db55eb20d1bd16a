"""ONNX files answer as the network does, at any size; PLY files hold a scene to the last bit."""

import json
import shutil
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from maquette import exporting, serving
from maquette.checkpoints import save_model, save_state
from maquette.cli import main
from maquette.data.tables.encoding import TableEncoder
from maquette.data.text.tokenizers import Characters
from maquette.families.diffusing import MOVES, Condition, Diffuser
from maquette.files import write_json
from maquette.models import (
    GPT,
    GPT2,
    MLP,
    DenseAutoencoder,
    Gaussians,
    Polynomial,
    ResNet,
    SmallCNN,
    SoftmaxClassifier,
    TableNetwork,
)
from maquette.recipes import RECIPES
from maquette.recipes.classification.uses import probabilities_of
from maquette.recipes.regression.uses import answer

# -- ONNX --------------------------------------------------------------------------------------------------------------

Exported = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]  # what goes into the file, what must come out


def of_line(run) -> Exported:
    x = run.model.low + run.model.span * np.linspace(-0.1, 1.1, 8)
    table = run.predict(pd.DataFrame({run.processing["x"]: x}))
    return {"x": x}, {"y": table[f"{run.processing['y']}_predicted"].to_numpy()}


def of_regression(run) -> Exported:
    given = encoded(run)
    value, spread = answer(run.model, run.processing, *given.values())
    reach = run.processing["radius"] * spread
    return arrays(given), {"value": value, "low": value - reach, "high": value + reach}


def of_classification(run) -> Exported:
    given = encoded(run)
    probabilities, _ = probabilities_of(run.model, *given.values())
    return arrays(given), {"probabilities": probabilities}


def encoded(run) -> dict[str, torch.Tensor]:
    sizes = TableEncoder.from_state(run.processing["encoder"]).cardinalities
    codes = [torch.arange(9) % size for size in sizes]
    numbers = torch.randn(9, len(run.processing["encoder"]["number_names"]))
    return {"numbers": numbers, "categories": torch.stack(codes, 1) if codes else torch.zeros(9, 0)}


def arrays(given: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: each.numpy() for name, each in given.items() if each.shape[1]}


def some_pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32) / np.float32(255)


def of_classifier(run) -> Exported:
    shape = [run.processing[name] for name in ("height", "width", "channels")]
    pictures = some_pixels(5, *shape)
    table = run.predict(list(pictures))
    names = [f"probability_{name}" for name in run.processing["classes"]]
    return {"picture": pictures.transpose(0, 3, 1, 2)}, {"probabilities": table[names].to_numpy()}


def of_attack(run) -> Exported:
    pictures = torch.rand(3, *[run.processing[name] for name in ("channels", "height", "width")])
    networks = {"victim": run.model.victim, "defended": run.model.defended}
    return {"picture": pictures.numpy()}, {
        name: network(pictures).softmax(1).numpy() for name, network in networks.items()
    }


def of_autoencoder(run) -> Exported:
    size, channels = run.processing["size"], run.processing["channels"]
    pictures = some_pixels(4, size, size, channels)
    latents = run.use("encode", list(pictures))
    drawn = np.stack(run.use("decode", latents)).transpose(0, 3, 1, 2)
    return {"picture": pictures.transpose(0, 3, 1, 2)}, {"latents": latents.to_numpy(), "answer": drawn}


def of_vae(run) -> Exported:
    size, channels = run.processing["size"], run.processing["channels"]
    pictures = some_pixels(4, size, size, channels)
    chosen = torch.randn(3, run.model.latents)
    mean = run.use("encode", list(pictures))
    drawn = np.stack(run.use("decode", pd.DataFrame(chosen.numpy(), columns=list(mean)))).transpose(0, 3, 1, 2)
    given = torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy())
    passed = run.model(given, torch.zeros(4, run.model.latents))
    deviation = (passed.log_deviation + passed.log_stretch).exp()
    answers = {"mean": mean.to_numpy(), "deviation": deviation.detach().numpy(), "answer": drawn}
    return {"picture": given.numpy(), "chosen": chosen.numpy()}, answers


def of_restore(run) -> Exported:
    picture = torch.rand(1, run.model.channels, 5, 77)
    return {"picture": picture.numpy()}, {"answer": run.model(picture).numpy()}


def of_kernels(run) -> Exported:
    picture = torch.rand(2, 1, 9, 31)
    return {"picture": picture.numpy()}, {
        "answers": run.model(picture.expand(-1, len(run.model.names), -1, -1)).numpy()
    }


def of_language_model(run) -> Exported:
    tokens = torch.arange(2 * run.model.context).view(2, -1) % run.model.vocabulary
    return {"tokens": tokens.numpy()}, {"logits": run.model(tokens).numpy()}


def of_translator(run) -> Exported:
    source, target = torch.arange(18).view(3, 6) % run.model.vocabulary, torch.arange(12).view(3, 4)
    return {"source": source.numpy(), "target": target.numpy()}, {"logits": run.model(source, target).numpy()}


def of_generator(run) -> Exported:
    known, given = run.processing, {"latents": torch.randn(4, run.processing["latents"])}
    if known["conditional"]:
        given["classes"] = torch.arange(4) % len(known["classes"])
    drawn = run.model["generator"](*given.values())
    return {name: each.numpy() for name, each in given.items()}, {"picture": (drawn.numpy() + 1) / 2}


def of_diffusion(run) -> Exported:
    known, count = run.processing, 4
    sigma, classes = torch.tensor([0.01, 0.5, 5.0, 70.0]), torch.arange(count) % (len(known["classes"]) + 1)
    noisy = torch.randn(count, known["channels"], known["size"], known["size"]) * sigma.reshape(-1, 1, 1, 1)
    expected = Diffuser(run.model, known).expected(noisy, sigma, Condition(classes))
    return {"noisy": noisy.numpy(), "sigma": sigma.numpy(), "class": classes.numpy()}, {"expected": expected.numpy()}


def of_clip(run) -> Exported:
    size, context = run.processing["size"], run.processing["context"]
    pictures, tokens = torch.rand(4, 3, size, size), torch.arange(2 * context).view(2, -1) % (context - 1)
    seen, said = run.model(pictures, tokens)
    answers = {"picture_embeddings": seen.numpy(), "text_embeddings": said.numpy()}
    return {"pictures": pictures.numpy(), "tokens": tokens.numpy()}, answers


def of_text_to_image(run) -> Exported:
    known, count, decoder = run.processing, 3, run.model["decoder"]
    sigma, wide = torch.tensor([0.01, 0.5, 60.0]), decoder.vector - MOVES * known["is_moved"]
    noisy = torch.randn(count, 3, known["size"], known["size"]) * sigma.reshape(-1, 1, 1, 1)
    vector, tokens = torch.randn(count, wide), torch.randn(count, 7, decoder.tokens)
    expected = Diffuser(decoder, known).expected(noisy, sigma, Condition(None, vector, tokens))
    given = {"noisy": noisy, "sigma": sigma, "vector": vector, "tokens": tokens}
    return {name: each.numpy() for name, each in given.items()}, {"expected": expected.numpy()}


def of_nerf(run) -> Exported:
    """Half of the places lie where rays may meet something, some outside of all."""
    field, count = run.model, 400
    inner = torch.rand(20 * count, 3) * 2.4 - 1.2
    is_met = field.is_there(inner) & (field.is_endless | (inner.abs().amax(1) <= 1))
    inner = torch.cat([inner[is_met][:count], inner[~is_met][:count]])
    is_met = torch.arange(len(inner)) < min(count, int(is_met.sum()))
    assert is_met.any()
    ways = functional.normalize(torch.randn(len(inner), 3), dim=1)
    density, colour = field(inner, ways)
    places = torch.from_numpy(field.to_source(inner.numpy()).astype(np.float32))
    answers = {"density": density * is_met / (field.reach * field.unit), "colour": colour}
    given = {"places": places.numpy(), "directions": ways.numpy()}
    return given, {name: each.numpy() for name, each in answers.items()}


ANSWERS = {
    "line": of_line,
    "regression": of_regression,
    "classification": of_classification,
    "restore": of_restore,
    "autoencoder": of_autoencoder,
    "vae": of_vae,
    "image_classification": of_classifier,
    "attack": of_attack,
    "depth": of_classifier,
    "convolution": of_kernels,
    "clip": of_clip,
    "gpt": of_language_model,
    "attention": of_language_model,
    "translate": of_translator,
    "summarise": of_translator,
    "gan": of_generator,
    "diffusion": of_diffusion,
    "text_to_image": of_text_to_image,
    "nerf": of_nerf,
}
REFUSED = {
    "recurrent": "no network that ONNX can hold",
    "eliza": "is a run of eliza, which has no network",
    "chatbots": "is a run of chatbots, which has no network",
    "word2vec": "is a run of word2vec, which has no network",
    "splat": "--format ply",
    "tokenizer": "no network that ONNX can hold",
}


def check_onnx(folder, recipe: str, capsys) -> str:
    """Export a run, look whether the file answers as its uses do, and return what was said."""
    onnxruntime = pytest.importorskip("onnxruntime")
    out = folder.parent / f"{folder.name}.onnx"
    assert main(["export", str(folder), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    torch.manual_seed(3)
    with torch.inference_mode():
        given, expected = ANSWERS[recipe](serving.open(folder))
    names = [port.name for port in session.get_outputs()]
    assert names == list(expected) and [port.name for port in session.get_inputs()] == list(given)
    for name, made in zip(names, session.run(None, given), strict=True):
        largest = max(1.0, float(abs(expected[name]).max()))
        np.testing.assert_allclose(made, expected[name], rtol=1e-6, atol=1e-5 * largest, err_msg=name)
    told = session.get_modelmeta().custom_metadata_map
    assert told["recipe"] == recipe
    for name, port in zip(["inputs", "outputs"], [given, expected], strict=True):
        assert all(f"`{each}` (" in words for each, words in zip(port, json.loads(told[name]), strict=True))
    return said


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_s_network_answers_the_same_in_onnxruntime(old_runs, small_runs, tmp_path, capsys, name):
    folder, old = tmp_path / name, old_runs / "finished" / name
    shutil.copytree(old if old.exists() else small_runs.standin(name), folder)
    if name not in REFUSED:
        check_onnx(folder, name, capsys)
        return
    assert main(["export", str(folder), "--out", str(tmp_path / "x.onnx")]) == 2
    assert REFUSED[name] in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]


TABLE = {"target": "price", "columns": {"a": "number", "b": "category"}, "formats": {}}
ENCODERS = {  # by which columns there are
    "number": {"number_names": ["a"], "levels": {}},
    "category": {"number_names": [], "levels": {"b": ["x", "y"]}},
}
PICTURES = {"channels": 3, "height": 21, "width": 21, "classes": ["ä", "b"]}
TOKENS = {"tokenizer": Characters("abcdef").state()}
OTHERS = {  # networks that the runs at hand have not: recipe, network, what was fitted
    "mlp": (
        "classification",
        lambda: MLP(inputs=1, outputs=3),
        TABLE | {"columns": "number", "classes": ["u", "v", "w"]},
    ),
    "value of an mlp": ("regression", lambda: MLP(inputs=1), TABLE | {"columns": "number", "scale": 1e44}),
    "categories only": (
        "classification",
        lambda: TableNetwork(numbers=0, category_sizes=[3], outputs=2, members=3, width=8),
        TABLE | {"columns": "category", "classes": ["u", "v"]},
    ),
    "softmax": (
        "image_classification",
        lambda: SoftmaxClassifier(height=21, width=21, channels=3, classes=2),
        PICTURES,
    ),
    "cnn": (
        "image_classification",
        lambda: SmallCNN(height=21, width=21, channels=3, classes=2, widths=[4, 8]),
        PICTURES,
    ),
    "line of seconds": ("line", lambda: Polynomial(degree=2, low=1.7e9, span=900.0), {"x": "t", "y": "y"}),
    "dense": ("autoencoder", lambda: DenseAutoencoder(size=9, channels=3, latent=4), {"latents": 4}),
    "gpt2": ("gpt", lambda: GPT2(vocabulary=8, context=6, depth=1, width=8, heads=2), TOKENS),
    "gpt of one token": ("gpt", lambda: GPT(vocabulary=8, context=1, depth=1, width=8, heads=2), TOKENS),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_other_networks_answer_the_same_in_onnxruntime(tmp_path, capsys, name):
    recipe, build, known = OTHERS[name]
    torch.manual_seed(1)
    if recipe in ("regression", "classification"):
        empty = TableEncoder().state()
        known = known | {"encoder": empty | ENCODERS[known["columns"]]}
    if recipe == "regression":
        known = known | {"shift": 3.0, "radius": 1.5}
    if recipe == "autoencoder":
        known = known | {"size": 9, "channels": 3}
    check_onnx(save_run(tmp_path / "run", recipe, build(), known), recipe, capsys)


@pytest.mark.slow
def test_a_residual_classifier_takes_any_size_and_tells_its_classes(tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    torch.manual_seed(1)
    model = ResNet(channels=3, classes=2, widths=[4, 8], blocks=[0, 1]).eval()
    said = check_onnx(
        save_run(tmp_path / "run", "image_classification", model, PICTURES), "image_classification", capsys
    )
    assert "`picture` (batch, 3, height, width)" in said and "at least 4; trained on 21 x 21" in said
    session = onnxruntime.InferenceSession(str(tmp_path / "run.onnx"), providers=["CPUExecutionProvider"])
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == ["ä", "b"]
    for shape in ((1, 3, 4, 4), (7, 3, 40, 5)):
        pictures = torch.rand(shape)
        with torch.no_grad():
            expected = model(pictures).softmax(1).numpy()
        np.testing.assert_allclose(session.run(None, {"picture": pictures.numpy()})[0], expected, rtol=1e-6, atol=1e-5)


def test_a_file_that_answers_otherwise_is_not_written(tmp_path, capsys, monkeypatch):
    pytest.importorskip("onnxruntime")
    run = save_run(tmp_path / "run", "line", Polynomial(), {"x": "a", "y": "b"})
    monkeypatch.setattr(exporting, "largest_difference", lambda *_: float("nan"))
    assert main(["export", str(run), "--out", str(tmp_path / "x.onnx")]) == 2
    assert "was not written: its answers differ" in capsys.readouterr().err
    monkeypatch.setattr(exporting, "LARGEST", 7)
    assert main(["export", str(run), "--out", str(tmp_path / "x.onnx")]) == 2
    assert "an ONNX file holds at most 2 GB" in capsys.readouterr().err
    assert main(["export", str(run), "--format", "ply", "--out", str(tmp_path / "x.ply")]) == 2
    assert "only scenes can be exported as PLY" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def save_run(folder, recipe: str, model, known: dict[str, Any]):
    """A finished run; what of the network is 0 at the start is not."""
    folder.mkdir()
    for weight in model.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.3)
    save_model(model, folder)
    save_state(known, folder, "processing")
    write_json(folder / "settings.json", {"format": 1, "recipe": recipe, "settings": {}})
    return folder


# -- PLY ---------------------------------------------------------------------------------------------------------------


def save_scene(folder, rows, **settings):
    """A finished run of splat."""
    return save_run(folder, "splat", Gaussians.of_rows(rows, **settings), {"cameras": []})


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
    assert f"maquette export {run} --format ply" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(("kind", "ending"), [("splat", ".splat"), ("spz", ".spz"), ("gltf", ".glb")])
def test_a_scene_leaves_in_other_kinds_of_files(tmp_path, capsys, kind, ending):
    rows = np.random.default_rng(0).normal(size=(9, 11 + 12)).astype(np.float32)
    run = save_scene(tmp_path / "run", rows)
    assert main(["export", str(run), "--format", kind]) == 0
    said = capsys.readouterr().out
    assert f"Made {run / 'scene'}{ending}: 9 Gaussians" in said
    assert ("colours that change with direction" in said) == (kind == "splat")
    model = serving.open(run / f"scene{ending}").model
    np.testing.assert_allclose(model.positions.detach().numpy(), rows[:, :3], atol=1e-4)
    assert main(["export", str(run), "--format", kind, "--out", str(tmp_path / "a.obj")]) == 2
    assert f"does not end with {ending}" in capsys.readouterr().err
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
