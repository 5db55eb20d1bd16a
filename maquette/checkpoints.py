"""Nested state as safetensors and JSON, and models as weights, class name and constructor arguments; never pickle."""

import errno
import hashlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from maquette import models
from maquette.files import read_json, write_json, written_whole
from maquette.settings import UserError


def save_state(state: Any, folder: Path, name: str) -> None:
    """Write nested dicts, lists, tuples, numbers, strings, tensors and arrays to `name.json` and a safetensors file.

    The JSON file names the tensors' file and is replaced last, so at every moment it points to a whole state; the
    tensors' file is named after its content, and older ones are removed afterwards.
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = _encode(state, tensors)
    digest = _digest(tensors)
    file = f"{name}-{digest[:16]}.safetensors"
    if tensors and not (folder / file).exists():
        with written_whole(folder / file) as temporary:
            save_tensors(tensors, temporary)
    write_json(folder / f"{name}.json", {"tensors": file if tensors else None, "sha256": digest, "state": tree})
    for old in folder.glob(f"{name}-*.safetensors"):
        if old.name != file:
            old.unlink(missing_ok=True)


def load_state(folder: Path, name: str) -> Any:
    """What `save_state` wrote, to the last bit; `UserError` if a file is missing or damaged."""
    saved = read_json(folder / f"{name}.json")
    try:
        tensors = load_tensors(folder / Path(saved["tensors"]).name) if saved["tensors"] else {}
        if _digest(tensors) != saved["sha256"]:
            raise ValueError("checksum")
        return _decode(saved["state"], tensors)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{folder / name}.json is damaged, or its tensors' file is another one's.") from None


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {path.parent} is not a whole run folder.") from None
    except (OSError, SafetensorError):
        raise UserError(f"{path} is damaged: it does not hold tensors.") from None


Networks = nn.Module | dict[str, nn.Module] | None  # one network, several by name, or none where nothing is learnt


def save_model(model: Networks, folder: Path) -> None:
    """Write `model.safetensors` and `model.json`; a network keeps its constructor's arguments under their own names.

    Of several networks, the names of weights begin with the network's.
    """
    if model is None:
        return
    weights = {name: value.detach().cpu() for name, value in state_of(model).items()}
    with written_whole(folder / "model.safetensors") as temporary:
        save_tensors(weights, temporary)
    if isinstance(model, dict):
        description: dict[str, Any] = {"networks": {name: describe(each) for name, each in model.items()}}
    else:
        description = describe(model)
    write_json(folder / "model.json", description)


def state_of(model: nn.Module | dict[str, nn.Module]) -> dict[str, torch.Tensor]:
    """The weights of a network or of several, by name."""
    if isinstance(model, nn.Module):
        return model.state_dict()
    return {f"{name}.{key}": value for name, each in model.items() for key, value in each.state_dict().items()}


def describe(model: nn.Module) -> dict[str, Any]:
    """Class and constructor arguments of a network."""
    names = inspect.signature(type(model)).parameters
    return {"class": type(model).__name__, "arguments": {name: getattr(model, name) for name in names}}


def load_model(folder: Path) -> nn.Module | dict[str, nn.Module]:
    """The networks of a run folder, in evaluation mode; only classes of `maquette.models` can be made."""
    description = read_json(folder / "model.json")
    weights = load_tensors(folder / "model.safetensors")
    try:
        if "networks" not in description:
            return made(description, weights, folder)
        return {
            name: made(
                each, {key[len(name) + 1 :]: w for key, w in weights.items() if key.startswith(f"{name}.")}, folder
            )
            for name, each in description["networks"].items()
        }
    except (AttributeError, KeyError, TypeError, RuntimeError):
        raise UserError(f"{folder / 'model.json'} and model.safetensors do not fit together.") from None


def made(description: dict[str, Any], weights: dict[str, torch.Tensor], folder: Path) -> nn.Module:
    name, arguments = description["class"], description["arguments"]
    if name not in models.__all__:
        raise UserError(f"{folder / 'model.json'} names a model that this Maquette does not have: {name}.")
    model: nn.Module = getattr(models, name)(**arguments)
    model.load_state_dict(weights)
    return model.eval()


def save_tensors(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    try:
        save_file(_apart(tensors), path, metadata)
    except SafetensorError as error:  # it wraps what the operating system said
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error
    path.chmod(0o644)  # safetensors makes files that only their owner may read


def _apart(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors, contiguous, none in memory of another: copies only where they must be."""
    made: dict[str, torch.Tensor] = {}
    places = set[int]()
    for name, tensor in tensors.items():
        tensor = tensor.contiguous()
        storage = tensor.untyped_storage()
        if storage.nbytes() != tensor.nbytes or storage.data_ptr() in places:
            tensor = tensor.clone()
        places.add(tensor.data_ptr())
        made[name] = tensor
    return made


def _digest(tensors: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for key, tensor in sorted(tensors.items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        if tensor.numel():  # torch cannot look at the bytes of an empty tensor
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _encode(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor | np.ndarray):
        kind = "tensor" if isinstance(value, torch.Tensor) else "array"
        key = f"{len(tensors):06d}"
        tensors[key] = _held(value)
        return {"$": kind, "key": key}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and "$" not in value:
            return {key: _encode(item, tensors) for key, item in value.items()}
        return {"$": "items", "items": [[_encode(k, tensors), _encode(v, tensors)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"$": "tuple", "items": [_encode(item, tensors) for item in value]}
    if isinstance(value, list):
        return [_encode(item, tensors) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be kept in a checkpoint")


def _held(value: torch.Tensor | np.ndarray) -> torch.Tensor:
    """A value as a tensor on the processor, in the memory that it has where that can be."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().contiguous()
    if value.flags.writeable:
        return torch.from_numpy(np.asarray(value, order="C"))
    return torch.tensor(value)  # torch cannot hold an array that must not be written


def _decode(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, list):
        return [_decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    kinds: dict[str, Callable[[], Any]] = {
        "tensor": lambda: tensors[value["key"]],
        "array": lambda: tensors[value["key"]].numpy(),
        "items": lambda: {_decode(k, tensors): _decode(v, tensors) for k, v in value["items"]},
        "tuple": lambda: tuple(_decode(item, tensors) for item in value["items"]),
    }
    if "$" in value:
        return kinds[value["$"]]()
    return {key: _decode(item, tensors) for key, item in value.items()}
