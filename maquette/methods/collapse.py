"""Signs that one of two networks has won: pictures that are made again and again, and pictures learnt by heart."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 8  # pixels to which pictures are shrunk before they are compared
EARLY = 0.3  # of the training, in which nothing is said
LOOKS = 3  # so many in a row must show the same before it is said
FEW = 0.3  # variety, as a part of the real pictures', below which kinds are lost
HEART = 0.6  # of the way from made to training pictures that held-out ones are short of them


def variety(made: Tensor, real: Tensor) -> float:
    """How far made pictures lie apart, as a part of how far real ones do: 1 where they are as various, 0 where alike.

    The median distance from a picture to the nearest other one, over that of as many real pictures, all shrunk to 8 x 8
    pixels; both (N, C, H, W) with the same numbers of each class. It falls when few kinds are made again and again.
    """
    near = [_nearest(each) for each in (made, real)]
    return float(near[0] / near[1].clamp_min(1e-6))


def _nearest(pictures: Tensor) -> Tensor:
    small = F.adaptive_avg_pool2d(pictures.float(), min(SIDE, pictures.shape[-1])).flatten(1)
    return torch.cdist(small, small).fill_diagonal_(torch.inf).amin(1).median()


def by_heart(training: float, held_out: float, made: float) -> float:
    """How much better a discriminator knows the pictures it is trained on than others: 0 not at all, 1 by heart.

    (training - held out) / (training - made), of its mean logits; Karras et al. 2020, "Training GANs with limited
    data", equation (1). 0 where it does not tell made from real.
    """
    gap = training - made
    return (training - held_out) / gap if gap > 0.1 else 0.0


class Watch:
    """Looks at training from time to time and says once what goes wrong, and what helps; kept with the run."""

    def __init__(self, moments: int = 40):
        self.moments, self.looks = moments, 0
        self.few = self.heart = 0
        self.told: list[str] = []

    def is_due(self, progress: float, is_last: bool) -> bool:
        """Whether a moment for a look has come."""
        return is_last or int(progress * self.moments) > self.looks

    def see(self, progress: float, various: float, learnt: float, *, augmented: bool) -> str | None:
        """Take in a look: `variety` and `by_heart`. Gives a sentence the first time that something is wrong."""
        self.looks = int(progress * self.moments)
        if progress < EARLY:
            return None
        self.few = self.few + 1 if various < FEW else 0
        self.heart = self.heart + 1 if learnt > HEART else 0
        if self.few == LOOKS:
            return self._tell(
                f"Collapse: what is made is {various:.0%} as various as the training pictures, the same few again and "
                "again. Where pictures are not yet clear, train for longer; where they are, run again with a larger "
                "--penalty or --batch-size, or a smaller --learning-rate."
            )
        if self.heart == LOOKS:
            more = "more pictures, a smaller --width or fewer --epochs" if augmented else "--augment true"
            return self._tell(
                "The discriminator knows its training pictures by heart: it takes held-out ones for made ones. What is "
                f"made will not get better from here. Run again with {more}."
            )
        return None

    def _tell(self, text: str) -> str | None:
        if text.split(":")[0] in {each.split(":")[0] for each in self.told}:
            return None
        self.told.append(text)
        return text

    def state_dict(self) -> dict[str, Any]:
        return {"looks": self.looks, "few": self.few, "heart": self.heart, "told": self.told}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.looks, self.few, self.heart = state["looks"], state["few"], state["heart"]
        self.told = list(state["told"])
