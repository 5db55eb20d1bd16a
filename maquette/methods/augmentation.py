"""Pictures shown to a discriminator shifted, covered in part, and in other colours: real and made ones by the same law.

Where a discriminator sees few pictures it learns them by heart. If real and made pictures go through the same random
changes, they are the same after the changes only if they were the same before, as long as the changes can be undone in
distribution: each is left out in a part of the cases, so what is made does not look changed. Gradients go through to
the generator. Zhao et al. 2020, "Differentiable augmentation"; Karras et al. 2020, "Training GANs with limited data".
"""

from typing import NamedTuple

import torch
from torch import Tensor

SHIFT = 1 / 8  # of the side, at most, each way
COVERED = 1 / 2  # of the side
DONE = 0.8  # of the cases in which a change is made
NUMBERS = 10  # random numbers that a picture's changes take


class Changes(NamedTuple):
    """Changes of N pictures, (N,) each: whole pixels, the corner of the cover, factors and offsets.

    A cover of no pixels has `side` 0; changes that are left out are 0 or 1.
    """

    down: Tensor
    across: Tensor
    top: Tensor
    left: Tensor
    side: Tensor
    brightness: Tensor
    saturation: Tensor
    contrast: Tensor


def changes(numbers: Tensor, size: int) -> Changes:
    """Changes of pictures of `size` x `size`, from uniform numbers (N, NUMBERS) in 0..1.

    Moved by up to an eighth of the side each way; a square of half the side, whose middle lies anywhere, covered;
    brightness moved by up to 0.5 of pictures in -1..1, colours stretched from grey by 0..2, contrast by 0.5..1.5.
    """
    far, half = round(SHIFT * size), round(COVERED * size) // 2
    columns = numbers.unbind(1)
    does_move, does_cover, does_colour = (columns[place] < DONE for place in range(3))
    down, across = (torch.where(does_move, (each * (2 * far + 1)).long() - far, 0) for each in columns[3:5])
    top, left = ((each * size).long() - half for each in columns[5:7])
    side = torch.where(does_cover, 2 * half, 0)
    brightness = torch.where(does_colour, columns[7] - 0.5, 0.0)
    saturation, contrast = torch.where(does_colour, 2 * columns[8], 1.0), torch.where(does_colour, columns[9] + 0.5, 1)
    return Changes(down, across, top, left, side, brightness, saturation, contrast)


def changed(pictures: Tensor, change: Changes) -> Tensor:
    """Pictures (N, C, H, W) in -1..1 changed; what comes in from outside, and the cover, is 0."""
    rows = [each.view(-1, 1, 1, 1) for each in change]
    down, across, top, left, side, brightness, saturation, contrast = rows
    _, _, height, width = pictures.shape
    x = pictures + brightness
    grey = x.mean(1, keepdim=True)
    x = grey + saturation * (x - grey)
    middle = x.mean((1, 2, 3), keepdim=True)
    x = middle + contrast * (x - middle)
    y_places = torch.arange(height, device=x.device).view(1, 1, -1, 1)
    x_places = torch.arange(width, device=x.device).view(1, 1, 1, -1)
    y_from, x_from = y_places - down, x_places - across
    inside = (y_from >= 0) & (y_from < height) & (x_from >= 0) & (x_from < width)
    covered = (y_places >= top) & (y_places < top + side) & (x_places >= left) & (x_places < left + side)
    one = torch.arange(len(x), device=x.device).view(-1, 1, 1)
    moved = x.permute(0, 2, 3, 1)[one, y_from.clamp(0, height - 1)[:, 0], x_from.clamp(0, width - 1)[:, 0]]
    return moved.permute(0, 3, 1, 2) * (inside & ~covered)
