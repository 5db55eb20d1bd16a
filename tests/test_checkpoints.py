import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors import SafetensorError
from safetensors.torch import save_file

from maquette import checkpoints
from maquette.checkpoints import load_model, load_state, save_model, save_state
from maquette.devices import random_state, set_random_state
from maquette.models import MLP
from maquette.settings import UserError

plain = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | st.text()
dtypes = st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_, np.float16])
leaf = plain | arrays.arrays(dtypes, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
trees = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


def same(a, b):
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@given(tree=trees)
@settings(max_examples=60, deadline=None)
def test_state_comes_back_to_the_last_bit(tmp_path_factory, tree):
    folder = tmp_path_factory.mktemp("state")
    save_state(tree, folder, "state")
    assert same(tree, load_state(folder, "state"))


def test_what_shares_memory_comes_back_apart_and_nothing_else_is_copied(tmp_path, monkeypatch):
    whole, frozen, turned = torch.arange(6.0), np.arange(3), np.arange(6.0).reshape(2, 3).T
    frozen.setflags(write=False)
    state = {"whole": whole, "again": whole, "part": whole[2:4], "frozen": frozen, "turned": turned, "own": np.ones(4)}
    places = []

    def watched(tensors, path, metadata):
        places.extend(tensor.data_ptr() for tensor in tensors.values())
        save_file(tensors, path, metadata)

    monkeypatch.setattr(checkpoints, "save_file", watched)
    save_state(state, tmp_path, "state")
    assert len(set(places)) == len(state)
    assert places[0] == whole.data_ptr() and places[5] == state["own"].ctypes.data
    back = load_state(tmp_path, "state")
    for name, value in state.items():
        assert np.array_equal(back[name], value), name


def test_generator_states_come_back(tmp_path):
    save_state(random_state(), tmp_path, "state")
    expected = torch.rand(3), np.random.rand(3)
    set_random_state(load_state(tmp_path, "state"))
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), SafetensorError("I/O error: No space left (os error 28)")]
)
def test_an_older_state_stays_until_the_new_one_is_whole(tmp_path, monkeypatch, error):
    save_state({"weights": torch.ones(3)}, tmp_path, "state")

    def full(*arguments, **options):
        raise error

    monkeypatch.setattr("maquette.checkpoints.save_file", full)
    with pytest.raises(UserError, match="disk is full"):
        save_state({"weights": torch.zeros(3)}, tmp_path, "state")
    assert torch.equal(load_state(tmp_path, "state")["weights"], torch.ones(3))
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob(".*.part"))


def test_only_one_tensors_file_is_left(tmp_path):
    for number in range(3):
        save_state({"weights": torch.full((2,), float(number))}, tmp_path, "state")
    assert len(list(tmp_path.glob("state-*.safetensors"))) == 1


@pytest.mark.parametrize("spoil", ["cut", "swap", "json", "gone"])
def test_damage_is_one_sentence(tmp_path, spoil):
    save_state({"weights": torch.arange(100.0)}, tmp_path, "state")
    tensors = next(tmp_path.glob("*.safetensors"))
    if spoil == "cut":
        tensors.write_bytes(tensors.read_bytes()[:-7])
    if spoil == "swap":
        content = bytearray(tensors.read_bytes())
        content[-1] ^= 1
        tensors.write_bytes(content)
    if spoil == "json":
        (tmp_path / "state.json").write_text('{"tensors": ', encoding="utf-8")
    if spoil == "gone":
        tensors.unlink()
    with pytest.raises(UserError) as caught:
        load_state(tmp_path, "state")
    assert "\n" not in str(caught.value)


def test_a_model_comes_back_with_its_arguments(tmp_path):
    model = MLP(inputs=3, hidden=(5, 4), outputs=2)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    x = torch.rand(7, 3)
    assert torch.equal(model.eval()(x), again(x))
    assert (again.inputs, again.hidden, again.outputs) == (3, [5, 4], 2)


def test_several_networks_come_back_by_name(tmp_path):
    made = {"generator": MLP(inputs=2, outputs=2), "discriminator": MLP(inputs=2, hidden=(3,), outputs=1)}
    save_model(made, tmp_path)
    again, x = load_model(tmp_path), torch.rand(7, 2)
    assert list(again) == list(made)
    for name, network in made.items():
        assert torch.equal(network.eval()(x), again[name](x)) and not again[name].training
    description = json.loads((tmp_path / "model.json").read_text())
    description["networks"]["critic"] = description["networks"].pop("discriminator")
    (tmp_path / "model.json").write_text(json.dumps(description))
    with pytest.raises(UserError, match="do not fit together"):
        load_model(tmp_path)


def test_no_network_leaves_no_file(tmp_path):
    save_model(None, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["os.system", "Module", "__import__", "nothing"])
def test_a_model_file_cannot_name_other_code(tmp_path, name):
    save_model(MLP(inputs=1), tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({"class": name, "arguments": {}}), encoding="utf-8")
    with pytest.raises(UserError, match="does not have"):
        load_model(tmp_path)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    save_model(MLP(inputs=1), tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({"class": "MLP", "arguments": {"inputs": 2}}), encoding="utf-8")
    with pytest.raises(UserError, match="do not fit together"):
        load_model(tmp_path)
