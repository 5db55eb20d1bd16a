"""UNet2DModel of diffusers, trained as its example for unconditional pictures trains: AdamW, DDPMScheduler, EMAModel.

`python diffusers_unet.py FOLDER SECONDS`: idx files of MNIST's kind; prints what noise it tells from the test pictures,
its weights, and how many pictures it saw.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel

from maquette.data.pictures import idx
from maquette.families.generating import to_unit
from maquette.measures.noise import noise_error

folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
pixels, _, test = idx.read_folder(idx.idx_files(folder))
rows = np.setdiff1d(np.arange(len(pixels)), test)
pictures = torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())
torch.manual_seed(0)
generator = np.random.default_rng(0)
model = UNet2DModel(
    sample_size=28,
    in_channels=1,
    out_channels=1,
    layers_per_block=2,
    block_out_channels=(32, 64, 96),
    norm_num_groups=8,
    down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
)
scheduler = DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear")
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.95, 0.999), weight_decay=1e-6, eps=1e-8)
warm = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 500))
average = EMAModel(model.parameters(), decay=0.9999, use_ema_warmup=True, inv_gamma=1.0, power=0.75)
began, seen = time.monotonic(), 0
while time.monotonic() - began < seconds:
    clean = to_unit(pictures[torch.from_numpy(generator.choice(rows, 64))])
    noise, steps = torch.randn_like(clean), torch.randint(0, 1000, (len(clean),))
    loss = torch.nn.functional.mse_loss(model(scheduler.add_noise(clean, noise, steps), steps).sample, noise)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    warm.step()
    average.step(model.parameters())
    seen += len(clean)
held = to_unit(pictures[torch.from_numpy(test[:1000])])


def error() -> float:
    model.eval()
    return noise_error(lambda noisy, level: model(noisy, torch.full((len(noisy),), level.step - 1)).sample, held).value


errors = [error()]  # of the last weights, and of their average, whichever is better
average.copy_to(model.parameters())
errors.append(error())
print(json.dumps({"noise_error": min(errors), "weights": model.num_parameters(), "pictures": seen}))
