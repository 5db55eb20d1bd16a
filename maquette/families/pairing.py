"""CLIPs as judges: one that had no part in making pictures tells which of some captions they show.

A judge learns from the same pictures in a split of its own, with another seed; pictures kept for tests it never sees.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maquette.families.captions import CaptionPart, Wording, embed_pictures, embed_texts, floats
from maquette.families.classifiers import optimizer_of
from maquette.measures.retrieval import ranks_of
from maquette.methods.contrastive import contrastive_loss
from maquette.methods.optimizers import AdamW, Muon, Together
from maquette.models.clip import CLIP
from maquette.models.gpt import heads_for
from maquette.training import Batches, update, warm_cosine

AMONG = 100  # captions of which one is the right one
JUDGE_STEPS, BATCH = 300, 128
KEPT = 0.1  # of the judge's pictures, for choosing nothing: they are left out, so that its split is another one
RATE = 0.02


def optimizers_for(model: CLIP, kind: str, rate: float) -> Together:
    """AdamW for all weights, or Muon for matrices and convolutions; few rows of the embedding have a gradient."""
    if kind == "adamw":
        return Together(optimizer_of(model, rate))
    tables = list(model.texts.embedding.parameters())
    inside = [weight for weight in model.parameters() if weight.dim() > 1 and weight is not tables[0]]
    rest = [weight for weight in model.parameters() if weight.dim() < 2]
    adam = [AdamW(rest, 0.1 * rate, betas=(0.9, 0.99)), AdamW(tables, 5 * rate, betas=(0.9, 0.99))]
    return Together(Muon(inside, rate), *adam)


@dataclass(frozen=True)
class Judge:
    """A CLIP that tells at which rank the right one of some captions stands for a picture."""

    clip: CLIP
    wording: Wording

    def ranks(self, pictures: Tensor, texts: Sequence[str], captions: Sequence[str], seed: int = 0) -> np.ndarray:
        """The rank of each picture's own text among AMONG captions, or all if they are fewer, from 1, (N,).

        pictures (N, 3, S, S); the others are drawn from `captions`, different ones, by the seed.
        """
        different = list(dict.fromkeys(captions))
        g = np.random.default_rng([seed, 41])
        seen = embed_pictures(self.clip, pictures).numpy()
        meant = embed_texts(self.clip, self.wording.encode([*texts, *different])).numpy()
        own, others = (seen * meant[: len(texts)]).sum(1), seen @ meant[len(texts) :].T
        found = []
        for row, text in enumerate(texts):
            rows = g.permutation([at for at, caption in enumerate(different) if caption != text])[: AMONG - 1]
            among = np.concatenate([[own[row]], others[row, rows]])[None]
            found.append(float(ranks_of(among, np.arange(among.shape[1])[None] == 0)[0]))
        return np.array(found)


def taught_judge(part: CaptionPart, wording: Wording, size: int, seed: int, steps: int = JUDGE_STEPS) -> Judge:
    """A judge that has learnt from most of a part, by a seed of its own; the global chance is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1000)
        clip = CLIP(
            vocabulary=wording.size,
            context=wording.context,
            size=size,
            width=24,
            text_width=48,
            heads=heads_for(48, 16),
        )
    clip.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    g = torch.Generator().manual_seed(seed + 1000)
    order = torch.randperm(len(part), generator=g)[: max(2, round(len(part) * (1 - KEPT)))]
    batch = min(BATCH, len(order))
    batches, optimizer = Batches(len(order), batch, seed + 1000), optimizers_for(clip, "muon", RATE)
    clip.train()
    for step in range(steps):
        rows = order[next(batches)]
        optimizer.scale(warm_cosine(step / steps))
        said = part.draw(rows, torch.rand(len(rows), generator=g))
        with torch.enable_grad():
            seen, meant = clip(floats(part.pictures[rows]), part.tokens[said])
            loss = contrastive_loss(seen, meant, clip.scale, part.groups[said])
            update(optimizer, loss, 1.0)
        clip.clamp()
    return Judge(clip.eval(), wording)
