"""Tensors whose rows are spread over processes (torch's DTensor), made whole and spread again.

All processes must call these together; plain tensors pass through them.
"""

from typing import Any

from torch import Tensor


def whole(value: Any) -> Any:
    """The value with every spread tensor in it whole; dicts, lists and tuples are gone through."""
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(whole(item) for item in value)
    return value.full_tensor() if is_spread(value) else value


def spread_like(model: Any, value: Any) -> Any:
    """The value, whole on every process, spread where `model`, a value of the same structure, is."""
    if isinstance(model, dict):
        return {name: spread_like(model[name], item) for name, item in value.items()}
    if isinstance(model, list | tuple):
        return type(value)(spread_like(*pair) for pair in zip(model, value, strict=True))
    if not is_spread(model):
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(model.device), model.device_mesh, model.placements, src_data_rank=None)


def is_spread(value: Any) -> bool:
    return isinstance(value, Tensor) and hasattr(value, "full_tensor")


class Whole:
    """Something with `state_dict` and `load_state_dict`, whose state is whole although its tensors are spread."""

    def __init__(self, kept: Any):
        self.kept = kept

    def state_dict(self) -> dict[str, Any]:
        return whole(self.kept.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.kept.load_state_dict(spread_like(dict(self.kept.state_dict()), dict(state)))


def spread_model(model: Any, device: Any) -> Any:
    """A copy of a model with `blocks` on `device`, its weights spread over all processes (FSDP2; Zhao et al. 2023)."""
    import copy

    import torch
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    made = copy.deepcopy(model).to(device)
    mesh = init_device_mesh(torch.device(device).type, (torch.distributed.get_world_size(),))
    for block in made.blocks:
        fully_shard(block, mesh=mesh)
    fully_shard(made, mesh=mesh)
    return made
