"""pythae's VAE on MNIST, dynamically binarised, for some seconds: `python pythae_vae.py SECONDS DRAWS NETWORK JUDGED`.

NETWORK: mlp, the one it takes by itself; conv, the one it proposes for MNIST. Adam at 0.001, batches of 100, 16 latents
as in its own table. Prints -log p of JUDGED test digits, at even distances, in nats by the importance-weighted bound
with its standard error, and digits a second.
"""

import json
import math
import sys
import time

import numpy as np
import torch

from maquette.data.pictures.small import small_images, split_images
from maquette.data.sets.fetching import resolve

BATCH = 100


def main() -> None:
    seconds, draws, network, judged = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    images = small_images(resolve("mnist", "mnist").path)
    train, _, test = split_images(images, 0, 0.02, 0.15, evenly=True)[0]
    pictures = torch.from_numpy(images.pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    torch.manual_seed(0)
    model = build(network)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    seen, began = 0, time.perf_counter()
    model.train()
    while time.perf_counter() - began < seconds:
        rows = torch.from_numpy(np.random.default_rng(seen).choice(train, BATCH, replace=False))
        batch = torch.bernoulli(pictures[rows])
        optimizer.zero_grad()
        model({"data": batch}).loss.backward()
        optimizer.step()
        seen += BATCH
    spent = time.perf_counter() - began
    generator = torch.Generator().manual_seed(0)
    test = test[np.unique(np.linspace(0, len(test) - 1, judged).astype(int))]
    digits = (pictures[torch.from_numpy(test)] > torch.rand(len(test), 1, 28, 28, generator=generator)).float()
    found = nll(model.eval(), digits, draws)
    error = float(found.std()) / len(found) ** 0.5
    print(json.dumps({"nll": float(found.mean()), "error": error, "digits_a_second": seen / spent}))


def build(network: str) -> torch.nn.Module:
    from pythae.models import VAE, VAEConfig

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=16, reconstruction_loss="bce")
    if network == "mlp":
        return VAE(config)
    from pythae.models.nn.benchmarks.mnist import Decoder_Conv_AE_MNIST, Encoder_Conv_VAE_MNIST

    return VAE(config, Encoder_Conv_VAE_MNIST(config), Decoder_Conv_AE_MNIST(config))


@torch.no_grad()
def nll(model: torch.nn.Module, digits: torch.Tensor, draws: int) -> torch.Tensor:
    """-log of the mean of p(x, z) / q(z|x) over draws of z from q, of each digit."""
    found = []
    for some in digits.split(250):
        read = model.encoder(some)
        mean, log_variance, logs = read.embedding, read.log_covariance, []
        for _ in range(draws):
            noise = torch.randn_like(mean)
            z = mean + (0.5 * log_variance).exp() * noise
            white = model.decoder(z)["reconstruction"].clamp(1e-7, 1 - 1e-7)
            log_p = (some * white.log() + (1 - some) * (1 - white).log()).flatten(1).sum(1)
            logs.append(log_p + 0.5 * (noise.square() - z.square() + log_variance).sum(1))
        found.append(torch.stack(logs).logsumexp(0) - math.log(draws))
    return -torch.cat(found)


if __name__ == "__main__":
    main()
