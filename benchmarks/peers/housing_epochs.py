"""Seconds an epoch of the course's training by one library: `python -m benchmarks.peers.housing_epochs NAME FILE`.

NAME is maquette, scikit-learn, jax or tensorflow; FILE holds the encoded parts. Everybody trains 9, 32 relu, 32 relu, 1
by RMSprop 0.001 (scikit-learn: Adam 0.001) on the mean squared error in batches of 32, and takes the loss on the
validation part after every epoch. A training of the same kind goes before and is not counted: it pays for imports
that are put off until use, and for Keras's compiler, whose functions are kept for the same model.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

EPOCHS, BATCH = 10, 32
Parts = dict[str, Any]  # train_x (N, 9), train_y (N, 1), valid_x, valid_y; float32


def maquette(parts: Parts) -> Callable[[], None]:
    """The recipe's own training, with its checkpoints and its log, in a temporary run folder."""
    import tempfile
    from types import SimpleNamespace

    import torch

    from maquette.families.table_networks import train_network
    from maquette.methods.losses import SquaredError
    from maquette.models import MLP
    from maquette.recipes.regression.settings import PRESETS, Settings
    from maquette.runs import Run

    tensors = {name: torch.from_numpy(array) for name, array in parts.items()}
    train, valid = (
        SimpleNamespace(numbers=tensors[f"{part}_x"], target=tensors[f"{part}_y"]) for part in ("train", "valid")
    )
    settings = Settings(**PRESETS["course"])
    how = settings.model_dump(include={"epochs", "batch_size", "learning_rate", "patience", "keep_best"})
    assert (how["epochs"], how["batch_size"], how["learning_rate"]) == (EPOCHS, BATCH, 0.001)

    def once() -> None:
        with tempfile.TemporaryDirectory() as folder:
            network = MLP(inputs=tensors["train_x"].shape[1])
            parts, run = SimpleNamespace(train=train, valid=valid), Run(Path(folder), settings)
            train_network(network, parts, SquaredError(), run, **how)

    return once


def scikit_learn(parts: Parts) -> Callable[[], None]:
    """`partial_fit` is one epoch; the loss on the validation part follows each."""
    from sklearn.metrics import mean_squared_error
    from sklearn.neural_network import MLPRegressor

    def once() -> None:
        model = MLPRegressor(hidden_layer_sizes=(32, 32), solver="adam", batch_size=BATCH, alpha=0.0, random_state=0)
        for _ in range(EPOCHS):
            model.partial_fit(parts["train_x"], parts["train_y"][:, 0])
            mean_squared_error(parts["valid_y"], model.predict(parts["valid_x"]))

    return once


def keras(parts: Parts) -> Callable[[], None]:
    """One compiled model, trained on from where it stood: Keras compiles anew for a new model only."""
    from benchmarks.peers.keras_model import course_model

    model = course_model(parts["train_x"].shape[1])

    def once() -> None:
        valid = (parts["valid_x"], parts["valid_y"])
        model.fit(parts["train_x"], parts["train_y"], epochs=EPOCHS, batch_size=BATCH, validation_data=valid, verbose=0)

    return once


def main(name: str, file: str) -> None:
    if name in ("jax", "tensorflow"):
        os.environ["KERAS_BACKEND"] = name
    makers = {"maquette": maquette, "scikit-learn": scikit_learn, "jax": keras, "tensorflow": keras}
    with np.load(file) as arrays:
        parts = dict(arrays)
    once = makers[name](parts)
    once()
    began = time.perf_counter()
    once()
    print(json.dumps((time.perf_counter() - began) / EPOCHS))


if __name__ == "__main__":
    main(*sys.argv[1:])
