"""The diffusion prior: picture embeddings for texts, learnt from pairs and drawn from noise; Ramesh et al. 2022.

Embeddings (N, D) are scaled to a mean square of 1, whatever D is; in the files of a run they have length 1.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from maquette.families.diffusing import Drawn, level_of
from maquette.families.generating import Noise
from maquette.methods.diffusion import Chain, dpm, karras_levels
from maquette.methods.optimizers import AdamW
from maquette.models.clip import CLIP
from maquette.models.gpt import rms_norm
from maquette.models.prior import EmbeddingPrior
from maquette.runs import Run, Step
from maquette.training import Average, Batches, Total, flat_then_linear, update

STEPS = 12  # of the way from noise to an embedding
TRIED = 2  # embeddings that are drawn, of which the one nearest to the text is taken; section 2.2
HIGHEST = 20.0  # noise to begin with, beside embeddings of mean square 1
DROPPED = 0.1  # part of the texts that the prior is not told, for guidance; section 2.2
POOLED = 2  # times the width of a token that a pooled text has
LOUDER = 2.5  # times the noise that pictures have in training: the numbers of an embedding tell little of each other
Expects = Callable[[Tensor, Tensor, "Said"], Tensor]  # of noisy embeddings (N, D), their noise (N,) and texts


class Said(NamedTuple):
    """Texts as CLIP's tower gives them: states (N, T, W), 0 behind the end, pooled (N, 2 W), and embedding (N, D).

    pooled: the state at the end, then the mean of the words as they go in, whatever stands beside them. From the latter
    words can be put together anew that never stood together.
    """

    states: Tensor
    pooled: Tensor
    embedding: Tensor

    def without(self, is_dropped: Tensor) -> "Said":
        """The same with nothing said where `is_dropped` (N,)."""
        kept = (~is_dropped).float().reshape(-1, 1)
        return Said(self.states * kept[:, :, None], self.pooled * kept, self.embedding * kept)

    def to(self, device: torch.device) -> "Said":
        return Said(*(each.to(device) for each in self))

    def some(self, rows: Tensor | slice) -> "Said":
        return Said(*(each[rows] for each in self))


@torch.no_grad()
def said_by(clip: CLIP, tokens: Tensor) -> Said:
    """What a text tower makes of tokens (N, T), on its device; a text without any word says nothing."""
    states = clip.texts.states(tokens)
    last = clip.texts.pooled(tokens, states)
    embedding = even(functional.normalize(clip.texts.linear(last), dim=1))
    ends = (tokens == 0).int().argmax(1)
    is_read = torch.arange(tokens.shape[1], device=tokens.device) <= ends[:, None]
    words = rms_norm(clip.texts.embedding(tokens)) * (tokens != 0)[:, :, None]
    pooled = torch.cat([last, rms_norm(words.sum(1))], 1)
    return Said(states * is_read[:, :, None], pooled, embedding).without(ends == 0)


def even(embeddings: Tensor) -> Tensor:
    """Embeddings of length 1 with a mean square of 1."""
    return embeddings * embeddings.shape[1] ** 0.5


def unit(embeddings: Tensor) -> Tensor:
    """Embeddings of any length with a mean square of 1."""
    return even(functional.normalize(embeddings, dim=1))


def expects(prior: EmbeddingPrior) -> Expects:
    """The embeddings that a prior expects behind noisy ones: it gives them themselves, as in the paper."""

    def expected(noisy: Tensor, sigma: Tensor, said: Said) -> Tensor:
        scaled = noisy / (1 + sigma.square()).sqrt()[:, None]
        return prior(scaled, level_of(sigma), said.embedding, said.states)

    return expected


def prior_loss(expected: Expects, embeddings: Tensor, said: Said, sigma: Tensor, noise: Tensor) -> Tensor:
    """The mean squared error of the embedding told from a noisy one; equation (2) of Ramesh et al. 2022."""
    return functional.mse_loss(expected(embeddings + sigma[:, None] * noise, sigma, said), embeddings)


@torch.no_grad()
def drawn_embeddings(
    prior: EmbeddingPrior, said: Said, seed: int, first: int = 0, *, guidance: float = 1.0, steps: int = STEPS
) -> Tensor:
    """Picture embeddings (N, D) for texts: of TRIED drawn ones that with the larger product with the text's.

    Those of number `first` and so on of a seed are the same however many are drawn.
    """
    expected, device = expects(prior), said.embedding.device
    nothing = said.without(torch.ones(len(said.embedding), dtype=torch.bool, device=device))

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        told = expected(x, sigma, said)
        if guidance == 1:
            return told
        untold = expected(x, sigma, nothing)
        return untold + guidance * (told - untold)

    noise, best, most = Noise(len(said.embedding), seed, first), said.embedding, None
    for _ in range(TRIED):
        x = noise(prior.numbers).to(device) * HIGHEST
        for stage in dpm(denoise, x, karras_levels(steps, highest=HIGHEST)):
            end = stage.noisy
        end = unit(end)
        near = (end * said.embedding).sum(1)
        best = end if most is None else torch.where((near > most)[:, None], end, best)
        most = near if most is None else torch.maximum(near, most)
    return best


class PriorTraining:
    """A prior that learns beside something else, step by step: `kept` is what a run keeps of it."""

    def __init__(self, prior: EmbeddingPrior, run: Run, *, chain: Chain | None, learning_rate: float, seed: int):
        self.prior, self.device, self.chain, self.rate = prior.to(run.device), run.device, chain, learning_rate
        self.optimizer = AdamW(prior.parameters(), learning_rate, betas=(0.9, 0.99))
        self.average, self.total = Average(prior), Total(run.device)
        self.drawn = Drawn(seed + 2, run)
        self.kept: dict[str, Any] = {
            "prior": prior,
            "prior_optimizer": self.optimizer,
            "prior_average": self.average,
            "prior_total": self.total,
            "prior_drawn": self.drawn,
        }

    def learn(self, embeddings: Tensor, said: Said, batches: Batches, step: Step) -> None:
        """One step on embeddings (N, D) of pictures and what was said of them: this process's rows of a batch."""
        self.optimizer.learning_rate = self.rate * min(1.0, step.number / 50) * flat_then_linear(step.progress)
        size = batches.size
        said = said.without((self.drawn.rand(size) < DROPPED).to(self.device))
        sigma = self.drawn.sigmas(size, self.chain).to(self.device) * (1.0 if self.chain else LOUDER)
        noise = self.drawn.randn(size, embeddings.shape[1]).to(self.device)
        loss = prior_loss(expects(self.prior), embeddings, said, sigma, noise) * batches.weight
        update(self.optimizer, loss)
        self.average.update(step.number)
        self.total.add(loss, size)

    def numbers(self) -> dict[str, float]:
        return {"prior_loss": self.total.mean()}

    def end(self) -> None:
        self.average.restore()
