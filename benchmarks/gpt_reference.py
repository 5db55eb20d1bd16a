"""A plain GPT-2 trained in the setting that nanoGPT publishes for a processor: loss and seconds as JSON.

4 layers, 4 heads, 128 wide, context 64, batch 12, 2,000 steps on the characters of tiny Shakespeare, nine tenths for
training, the last for the test. AdamW (0.9, 0.99), weight decay 0.1, learning rate 0.001 after 100 steps, then a cosine
to a tenth of it, gradients clipped to 1, no biases, no dropout. Written here with torch's own parts and nothing of
Maquette's. Seconds are of training alone; the loss is measured afterwards over the whole test part.
"""

import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

LAYERS, HEADS, WIDTH, CONTEXT, BATCH, STEPS, RATE = 4, 4, 128, 64, 12, 2000, 1e-3


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(WIDTH, bias=False), nn.LayerNorm(WIDTH, bias=False)
        self.qkv, self.mix = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.widen, self.narrow = nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x):
        batch, length, _ = x.shape
        parts = self.qkv(self.norm_1(x)).split(WIDTH, dim=2)
        q, k, v = (part.view(batch, length, HEADS, WIDTH // HEADS).transpose(1, 2) for part in parts)
        seen = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.mix(seen.transpose(1, 2).reshape(batch, length, WIDTH))
        return x + self.narrow(functional.gelu(self.widen(self.norm_2(x))))


class Network(nn.Module):
    def __init__(self, vocabulary: int):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                is_last = name.endswith(("mix.weight", "narrow.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * LAYERS) if is_last else 0.02)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1]))
        return self.norm(self.blocks(x)) @ self.tokens.weight.t()


def rate_at(step: int) -> float:
    if step < 100:
        return RATE * (step + 1) / 101
    return 0.1 * RATE + 0.45 * RATE * (1 + math.cos(math.pi * (step - 100) / (STEPS - 100)))


def main() -> None:
    torch.manual_seed(1337)
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    letters = sorted(set(text))
    numbers = torch.tensor([letters.index(letter) for letter in text])
    train, test = numbers[: int(0.9 * len(numbers))], numbers[int(0.9 * len(numbers)) :]
    model = Network(len(letters))
    matrices = [weight for weight in model.parameters() if weight.dim() > 1]
    rest = [weight for weight in model.parameters() if weight.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99))
    began = time.perf_counter()
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step)
        starts = torch.randint(len(train) - CONTEXT, (BATCH,))
        rows = train[starts[:, None] + torch.arange(CONTEXT + 1)]
        loss = functional.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    seconds = time.perf_counter() - began
    whole = (len(test) - 1) // CONTEXT * CONTEXT
    inputs, targets = test[:whole].view(-1, CONTEXT), test[1 : whole + 1].view(-1, CONTEXT)
    with torch.no_grad():
        losses = [
            float(
                functional.cross_entropy(
                    model(inputs[i : i + 64]).flatten(0, 1), targets[i : i + 64].flatten(), reduction="sum"
                )
            )
            for i in range(0, len(inputs), 64)
        ]
    print(json.dumps({"loss": np.sum(losses) / whole, "seconds": seconds}))


if __name__ == "__main__":
    main()
