"""Pictures from words: what a decoder is told of a text and of a picture's embedding, and how both become a picture.

The two stages of Ramesh et al. 2022: a prior draws a picture embedding for a text, a decoder draws the picture.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from maquette.families.captions import Wording, embed_pictures, load_wording
from maquette.families.diffusing import Condition, Diffuser
from maquette.families.generating import AT_ONCE, Noise, from_unit, slerp
from maquette.families.priors import POOLED, Said, drawn_embeddings, even, said_by, unit
from maquette.methods.diffusion import Solver, Stage, heun, karras_levels
from maquette.models.clip import CLIP
from maquette.models.denoising_unet import DenoisingUNet
from maquette.models.prior import EmbeddingPrior

Way = Literal["prior", "text as picture", "text alone", "prior alone"]
EDITED = 40  # steps into the noise and back, of a picture that is changed
WAYS: tuple[Way, ...] = ("prior", "text as picture", "text alone", "prior alone")
PARTS = ("both", "the embedding", "the text", "nothing")  # what a decoder may be told


def condition_of(said: Said | None, embeddings: Tensor | None, numbers: int, width: int) -> Condition:
    """What the decoder is told: picture embeddings (N, D) of mean square 1 and pooled texts (N, 2 W), 0 for none, and
    tokens (N, T, W); D is `numbers`, W is `width`."""
    one = said.pooled if said is not None else embeddings
    assert one is not None
    count = len(one)
    embedding = one.new_zeros(count, numbers) if embeddings is None else embeddings
    pooled = one.new_zeros(count, POOLED * width) if said is None else said.pooled
    tokens = one.new_zeros(count, 1, width) if said is None else said.states
    return Condition(None, torch.cat([embedding, pooled], 1), tokens)


def left_of(condition: Condition, chance: Tensor, parts: Sequence[float], numbers: int, width: int) -> Condition:
    """A condition of which both, the embedding, the text or nothing is left, as often as `parts` say, which sum to 1.

    chance (N,) in 0..1. The paper drops the embedding in a tenth and the text in half of the steps, so that text alone
    is seen in a twentieth; what is to be told from text alone must be learnt from it more often.
    """
    both, embedding, text, _ = parts
    edges = both, both + embedding, both + embedding + text
    has_embedding = (chance < edges[1]).float()[:, None]
    has_text = ((chance < edges[0]) | ((chance >= edges[1]) & (chance < edges[2]))).float()[:, None]
    vector, tokens = condition.vector, condition.tokens
    assert vector is not None and tokens is not None
    begin, end = vector.shape[1] - numbers - POOLED * width, vector.shape[1] - POOLED * width
    kept = [
        vector[:, :begin],
        vector[:, begin:end] * has_embedding,
        vector[:, end:] * has_text,
    ]  # first: how it was moved
    return Condition(None, torch.cat(kept, 1), tokens * has_text[:, :, None])


@dataclass(frozen=True)
class Painter:
    """CLIP, prior and decoder together; without a prior, texts stand alone.

    known: what `Diffuser` must know, and the `guidance` and `steps` that are usual.
    """

    clip: CLIP
    prior: EmbeddingPrior | None
    decoder: DenoisingUNet
    wording: Wording
    known: dict[str, Any]

    @property
    def diffuser(self) -> Diffuser:
        return Diffuser(self.decoder, self.known)

    @property
    def device(self) -> torch.device:
        return next(self.decoder.parameters()).device

    @property
    def usual(self) -> Way:
        return "prior" if self.prior is not None else "text alone"

    def said(self, texts: Sequence[str]) -> Said:
        """Texts as the decoder reads them; an empty one says nothing."""
        self.clip.to(self.device)
        return said_by(self.clip, self.wording.encode(texts).to(self.device))

    def seen(self, pictures: Tensor) -> Tensor:
        """Embeddings (N, D) of pictures (N, 3, S, S), uint8 or in 0..1, with a mean square of 1."""
        return even(embed_pictures(self.clip, pictures)).to(self.device)

    def embeddings(self, said: Said, seed: int, first: int = 0) -> Tensor:
        """Picture embeddings that the prior draws for texts; those of the texts where there is none."""
        return said.embedding if self.prior is None else drawn_embeddings(self.prior, said, seed, first)

    def told(self, said: Said | None = None, embeddings: Tensor | None = None) -> Condition:
        return condition_of(said, embeddings, self.clip.numbers, self.clip.text_width)

    def condition(self, texts: Sequence[str], seed: int, first: int = 0, way: Way | None = None) -> Condition:
        """What is told of texts `first` and so on of a seed.

        prior: an embedding drawn for each, and the text; prior alone: that embedding only; text as picture: the text's
        own embedding in its place; text alone: no embedding.
        """
        said, way = self.said(texts), way or self.usual
        if way == "text alone":
            return self.told(said)
        if way == "text as picture":
            return self.told(said, said.embedding)
        drawn = self.embeddings(said, seed, first)
        return self.told(said if way == "prior" else None, drawn)

    def stages(
        self,
        condition: Condition,
        noise: Callable[..., Tensor],
        *,
        guidance: float | None = None,
        steps: int | None = None,
        against: Condition | None = None,
        solver: Solver | None = None,
    ) -> Iterator[Stage]:
        """The way from noise to pictures, by the run's own solver if none is named."""
        return self.diffuser.stages(
            noise,
            condition,
            solver=solver or self.known["solver"],
            steps=steps or self.known["steps"],
            guidance=self.known["guidance"] if guidance is None else guidance,
            against=against,
        )

    @torch.no_grad()
    def painted(
        self,
        condition: Condition,
        seed: int,
        first: int = 0,
        *,
        guidance: float | None = None,
        steps: int | None = None,
        against: Condition | None = None,
    ) -> Tensor:
        """Pictures `first` and so on of a seed, uint8 (N, 3, S, S), one for each row of the condition."""
        made = []
        count = len(rows_of(condition))
        for start in range(0, count, AT_ONCE):
            rows = slice(start, min(start + AT_ONCE, count))
            some, other = part_of(condition, rows), None if against is None else part_of(against, rows)
            noise = Noise(rows.stop - rows.start, seed, first + start)
            for stage in self.stages(some, noise, guidance=guidance, steps=steps, against=other):
                last = stage.noisy
            made.append(from_unit(last).cpu())
        return torch.cat(made)

    @torch.no_grad()
    def painted_from(
        self, condition: Condition, noise: Tensor, *, guidance: float | None = None, steps: int | None = None
    ) -> Tensor:
        """Pictures uint8 (N, 3, S, S) that all begin with one noise (1, 3, S, S), and meet no other on their way."""
        made = []
        usual: Solver = self.known["solver"]
        solver: Solver = "dpm" if usual == "ancestral" else usual
        for start in range(0, len(rows_of(condition)), AT_ONCE):
            some = part_of(condition, slice(start, start + AT_ONCE))
            same = noise.expand(len(rows_of(some)), -1, -1, -1)
            stages = self.stages(some, lambda *shape, same=same: same, guidance=guidance, steps=steps, solver=solver)
            for stage in stages:
                last = stage.noisy
            made.append(from_unit(last).cpu())
        return torch.cat(made)

    @torch.no_grad()
    def edited(
        self, pictures: Tensor, old: Said, new: Said, strengths: Sequence[float], steps: int | None = None
    ) -> Tensor:
        """Pictures (N, 3, S, S) in -1..1 as they change when words change; Ramesh et al. 2022, 3.3.

        Each is followed back into the noise that it comes from, told its embedding; then drawn from that noise, told an
        embedding that is turned by each of `strengths`, in parts of a right angle or so, towards the difference of the
        words: (strengths, N, 3, S, S).
        """
        levels, seen = karras_levels(steps or EDITED)[:-1], self.seen(pictures.add(1).div(2))
        for stage in heun(self.diffuser.denoiser(self.told(None, seen)), pictures.to(self.device), levels[::-1]):
            start = stage.noisy
        change = unit(new.embedding - old.embedding)
        told = self.told(None, torch.cat([turned(seen, change, strength) for strength in strengths]))
        for stage in heun(self.diffuser.denoiser(told), start.repeat(len(strengths), 1, 1, 1), [*levels, 0.0]):
            made = stage.noisy
        return made.unflatten(0, (len(strengths), len(pictures)))


def turned(first: Tensor, last: Tensor, share: float) -> Tensor:
    """Embeddings (N, D) at `share` of the arcs from those of `first` to those of `last`, with a mean square of 1."""
    return unit(torch.stack([slerp(a, b, share) for a, b in zip(first, last, strict=True)]))


def rows_of(condition: Condition) -> Tensor:
    assert condition.vector is not None
    return condition.vector


def part_of(condition: Condition, rows: slice) -> Condition:
    return Condition(*(None if each is None else each[rows] for each in condition))


def painter_of(model: dict[str, Any], clip: CLIP, known: dict[str, Any]) -> Painter:
    """The painter of a run's networks, in evaluation mode."""
    return Painter(clip.eval(), model.get("prior"), model["decoder"], load_wording(known), known)
