"""Pictures changed so that a trained classifier errs."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from maquette.data.pictures.files import Picture
from maquette.data.pictures.ranges import range_in
from maquette.methods.attacks import fgsm, pgd
from maquette.recipes.attack.data import Plan, number_of, plan_of
from maquette.recipes.attack.settings import FoolOptions
from maquette.trained import Trained


def fool(trained: Trained, inputs: Iterable[Picture], options: FoolOptions) -> Iterator[Picture]:
    """The pictures, in their own size, changed so that the undefended classifier errs, or sees `target`."""
    processing, own = trained.processing, plan_of(trained.processing)
    target = number_of(options.target, processing["classes"])
    epsilon, steps = options.epsilon or own.epsilon, options.steps or own.steps
    crossings = own.step_size * own.steps / own.epsilon
    plan = Plan(epsilon, steps, crossings * epsilon / steps)
    for given in inputs:
        picture = given.in_range(range_in(processing))
        yield picture.answered(fooled(trained.model.victim, processing, picture.pixels, target, options.method, plan))


@torch.inference_mode(False)  # in which no gradients are kept
def fooled(
    network: nn.Module, processing: dict[str, Any], pixels: np.ndarray, target: int | None, method: str, plan: Plan
) -> np.ndarray:
    """One picture (H, W, C) of any size, changed so that the network errs, or sees the class `target`.

    The attack goes through the cropping and shrinking that stand before the network, which are linear in the pixels.
    """
    height, width, _ = pixels.shape
    shrink = Shrink(height, width, processing["height"], processing["channels"])
    at = torch.from_numpy(np.clip(pixels, 0, 1, dtype=np.float32).transpose(2, 0, 1)[None].copy())

    def ask(pictures: Tensor) -> Tensor:
        return network(shrink(pictures))

    with torch.no_grad():
        known = ask(at).argmax(1) if target is None else torch.tensor([target])
    epsilon, steps, step_size = plan
    if method == "fgsm":
        found = fgsm(ask, at, known, epsilon, targeted=target is not None)
    else:
        found = pgd(ask, at, known, epsilon, steps=steps, step_size=step_size, targeted=target is not None)
    return found[0].permute(1, 2, 0).contiguous().numpy()


class Shrink:
    """The middle square of pictures (N, C, H, W), resized to `size` as the training pictures were, differentiably."""

    def __init__(self, height: int, width: int, size: int, channels: int):
        self.side, self.channels = min(height, width), channels
        self.top, self.left = (height - self.side) // 2, (width - self.side) // 2
        unit = Image.fromarray(np.eye(self.side, dtype=np.float32))
        self.matrix = torch.from_numpy(np.array(unit.resize((self.side, size), Image.Resampling.LANCZOS)))

    def __call__(self, pictures: Tensor) -> Tensor:
        if self.channels == 1 and pictures.shape[1] == 3:
            weights = torch.tensor([0.2126, 0.7152, 0.0722], dtype=pictures.dtype)
            pictures = (pictures * weights[:, None, None]).sum(1, keepdim=True)
        if self.channels == 3 and pictures.shape[1] == 1:
            pictures = pictures.expand(-1, 3, -1, -1)
        cut = pictures[..., self.top : self.top + self.side, self.left : self.left + self.side]
        return cut if len(self.matrix) == self.side else self.matrix @ cut @ self.matrix.T
