"""Test error of the course's network in Keras on encoded parts, by FILE and SEED of the command line."""

import json
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np

from benchmarks.peers.keras_model import course_model


def main(file: str, seed: str) -> None:
    keras.utils.set_random_seed(int(seed))
    with np.load(file) as arrays:
        parts = dict(arrays)
    model = course_model(parts["train_x"].shape[1])
    valid = (parts["valid_x"], parts["valid_y"])
    model.fit(parts["train_x"], parts["train_y"], epochs=10, batch_size=32, validation_data=valid, verbose=0)
    wrong = model.predict(parts["test_x"], batch_size=1024, verbose=0) - parts["test_y"]
    print(json.dumps(float(np.abs(wrong).mean() * parts["scale"])))


if __name__ == "__main__":
    main(*sys.argv[1:])
