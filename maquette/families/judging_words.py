"""Does a picture show what words say? Told by the checker of captioned shapes, or by a CLIP that had no part in it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from maquette.data.rows import evenly
from maquette.data.sets.shape_checker import ATTRIBUTES, check
from maquette.data.sets.shape_set import is_held
from maquette.families.captions import CaptionPart, scenes_in

Make = Callable[[list[str]], Tensor]  # texts to pictures uint8 (N, 3, S, S)
SEEN, UNSEEN = "seen", "unseen"


@dataclass(frozen=True)
class Prompts:
    """Held-out captions, with real pictures of each; scenes (N, 8) where they are exact, and whether training has seen
    their combinations."""

    texts: list[str]
    pictures: Tensor
    scenes: np.ndarray | None
    is_unseen: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def some(self, rows: np.ndarray) -> "Prompts":
        scenes = None if self.scenes is None else self.scenes[rows]
        return Prompts([self.texts[row] for row in rows], self.pictures[rows], scenes, self.is_unseen[rows])


def prompts_of(part: CaptionPart, count: int) -> Prompts:
    """`count` first captions of a part, of captioned shapes half of them of combinations never seen."""
    scenes = scenes_in(part)
    texts = [texts[0] for texts in part.texts]
    if scenes is None:
        rows, unseen = evenly(len(part), count), np.zeros(len(part), bool)
    else:
        unseen = is_held(scenes)
        groups = [np.flatnonzero(unseen == value) for value in (False, True)]
        rows = np.concatenate([group[evenly(len(group), (count + 1) // 2)] for group in groups if len(group)])
    return Prompts(
        [texts[row] for row in rows], part.pictures[rows], None if scenes is None else scenes[rows], unseen[rows]
    )


def right_in(pictures: Tensor, prompts: Prompts) -> dict[str, np.ndarray]:
    """Which attributes pictures (N, 3, S, S) show of what prompts say, and `all` of them: (N,) bool each."""
    assert prompts.scenes is not None
    return check(pictures.permute(0, 2, 3, 1).numpy(), prompts.scenes)


def attribute_table(told: dict[str, tuple[dict[str, np.ndarray], Prompts]]) -> pd.DataFrame:
    """A row for each way and for seen and unseen combinations: the share right of each attribute, and of all."""
    lines = []
    for name, (right, prompts) in told.items():
        for words, chosen in ((SEEN, ~prompts.is_unseen), (UNSEEN, prompts.is_unseen)):
            if chosen.any():
                found = {key: round(float(right[key][chosen].mean()), 3) for key in ("all", *ATTRIBUTES)}
                lines.append({"pictures": name, "combination": words, **found})
    return pd.DataFrame(lines)


def shuffled(prompts: Prompts, g: np.random.Generator) -> Prompts:
    """The same pictures, each with another one's words."""
    order, back = g.permutation(len(prompts)), np.empty(len(prompts), int)
    back[order] = np.roll(order, 1)
    scenes = None if prompts.scenes is None else prompts.scenes[back]
    return Prompts([prompts.texts[row] for row in back], prompts.pictures, scenes, prompts.is_unseen)


def interval(values: np.ndarray) -> float:
    """Half of a 95 % interval of a mean."""
    return float(1.96 * values.std() / max(len(values), 1) ** 0.5)
