"""The course's DCGAN in Keras on TensorFlow, trained for some seconds as its notebook does.

`python keras_dcgan.py PICTURES.npy SECONDS COUNT OUT.npy`: pictures (N, H, W, C) uint8; COUNT made ones, of the same
kind, go to OUT.npy. The first step, which compiles, does not count.
"""

import json
import os
import sys
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

LATENTS, BATCH = 100, 256
pictures = np.load(sys.argv[1])
seconds, count, out = float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
size, channels = pictures.shape[1], pictures.shape[3]
side = size // 4
keras.utils.set_random_seed(0)

generator = keras.Sequential(
    [
        keras.Input((LATENTS,)),
        layers.Dense(side * side * 256, use_bias=False),
        layers.BatchNormalization(),
        layers.LeakyReLU(),
        layers.Reshape((side, side, 256)),
        layers.Conv2DTranspose(128, 5, 1, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.LeakyReLU(),
        layers.Conv2DTranspose(64, 5, 2, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.LeakyReLU(),
        layers.Conv2DTranspose(channels, 5, 2, padding="same", use_bias=False, activation="tanh"),
    ]
)
discriminator = keras.Sequential(
    [
        keras.Input((size, size, channels)),
        layers.Conv2D(64, 5, 2, padding="same"),
        layers.LeakyReLU(),
        layers.Dropout(0.3),
        layers.Conv2D(128, 5, 2, padding="same"),
        layers.LeakyReLU(),
        layers.Dropout(0.3),
        layers.Flatten(),
        layers.Dense(1),
    ]
)
assert (size, channels) != (28, 1) or (generator.count_params(), discriminator.count_params()) == (2_330_944, 212_865)
cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
optimizers = [keras.optimizers.Adam(1e-4) for _ in range(2)]
scaled = (pictures.astype(np.float32) - 127.5) / 127.5
batches = iter(tf.data.Dataset.from_tensor_slices(scaled).repeat().shuffle(60_000).batch(BATCH).prefetch(2))


@tf.function
def step(real: tf.Tensor) -> None:
    noise = tf.random.normal([BATCH, LATENTS])
    with tf.GradientTape() as first, tf.GradientTape() as second:
        made = generator(noise, training=True)
        on_real, on_made = discriminator(real, training=True), discriminator(made, training=True)
        wanted = cross_entropy(tf.ones_like(on_made), on_made)
        judged = cross_entropy(tf.ones_like(on_real), on_real) + cross_entropy(tf.zeros_like(on_made), on_made)
    for tape, loss, network, optimizer in (
        (first, wanted, generator, optimizers[0]),
        (second, judged, discriminator, optimizers[1]),
    ):
        weights = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))


step(next(batches))
began, steps = time.perf_counter(), 0
while time.perf_counter() - began < seconds:
    step(next(batches))
    steps += 1
spent = time.perf_counter() - began
made = [
    generator(tf.random.normal([min(500, count - start), LATENTS]), training=False).numpy()
    for start in range(0, count, 500)
]
np.save(out, np.clip(np.rint(np.concatenate(made) * 127.5 + 127.5), 0, 255).astype(np.uint8))
print(json.dumps({"seconds": spent, "steps": steps, "pictures a second": steps * BATCH / spent}))
