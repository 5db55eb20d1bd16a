"""The network that a walk leads through: that of another run, and which of its layers and heads is shown closely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from maquette.settings import UserError

if TYPE_CHECKING:
    import numpy as np

    from maquette.data.text.tokenizers import Tokenizer


class Given(NamedTuple):
    """A finished run that is looked into: its network, its tokenizer, its settings and its data's checksum."""

    model: Any
    tokenizer: Tokenizer
    settings: Any
    source: dict[str, Any]


def open_given(name: str) -> Given:
    """A language model's run folder; refused, in one sentence, where there is none."""
    from pathlib import Path
    from types import SimpleNamespace

    from maquette.families.corpora import language_model
    from maquette.files import read_json

    folder = Path(name).expanduser()
    if not (folder / "settings.json").exists():
        raise UserError(f"--run {name}: there is no such run folder; make one with: maquette run gpt")
    if not (folder / "scores.json").exists():
        raise UserError(f"--run {name} is not finished; go on with it first: maquette resume {name}")
    record, found = read_json(folder / "settings.json"), language_model(folder)
    if found is None:
        raise UserError(f"--run {name} is a run of {record.get('recipe')}; the walk needs one of gpt.")
    return Given(*found, SimpleNamespace(**record["settings"]), record.get("data", {}))


def looked_at(model: Any, layer: int | None, head: int | None) -> tuple[int, int | None]:
    """Layer and head as counted from 0, checked; the first layer if none is asked for."""
    for name, number, most in (("layer", layer, model.depth), ("head", head, model.heads)):
        if number is not None and number > most:
            raise UserError(f"--{name} {number}: this network has {most} {name}s{' a layer' * (name == 'head')}.")
    return (layer or 1) - 1, None if head is None else head - 1


def encoded(tokenizer: Tokenizer, text: str) -> np.ndarray:
    """The tokens of a text; refused where it has none."""
    tokens = tokenizer.encode(text)
    if not len(tokens):
        raise UserError(f"The text {text!r} holds no token; give a sentence.")
    return tokens
