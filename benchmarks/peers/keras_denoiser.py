"""Steps a second of the course's denoiser in Keras on TensorFlow, as its notebook trains: tf.data, noise, crops, fit.

`python keras_denoiser.py FOLDER STEPS`: pictures of a folder; the first half of the steps is not counted.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

folder, steps = Path(sys.argv[1]), int(sys.argv[2])
pictures = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.rglob("*.png"))]
side = min(min(picture.shape[:2]) for picture in pictures)
stack = tf.constant(np.stack([picture[:side, :side] for picture in pictures]))


def spoil(picture: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    clean = tf.image.random_crop(tf.cast(picture, tf.float32) / 255, (128, 128, 3))
    return tf.clip_by_value(clean + tf.random.normal(tf.shape(clean), stddev=0.1), 0, 1), clean


batches = tf.data.Dataset.from_tensor_slices(stack).repeat().shuffle(64).map(spoil).batch(32).prefetch(2)
model = keras.Sequential(
    [
        keras.Input((None, None, 3)),
        keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
        keras.layers.Conv2D(64, 3, padding="same", activation="relu"),
        keras.layers.Conv2D(3, 3, padding="same"),
    ]
)
assert model.count_params() == 21_123
model.compile(optimizer=keras.optimizers.Adamax(0.001), loss="mae")
model.fit(batches, steps_per_epoch=steps // 2, epochs=1, verbose=0)
began = time.perf_counter()
history = model.fit(batches, steps_per_epoch=steps // 2, epochs=1, verbose=0).history
print(json.dumps({"seconds": (time.perf_counter() - began) / (steps // 2), "loss": history["loss"][-1]}))
